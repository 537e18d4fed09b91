//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4).

use std::sync::Arc;

use poem::{Request, web::Data};
use poem_openapi::{OpenApi, param::Path, types::Any};
use serde_json::Value;

use super::{TenantName, caller::BearerCaller, resources::ListedResponse};
use crate::{
    http::{
        error::ScimFailure,
        payload::{BodyLimit, ScimJson},
    },
    provision::Provisioner,
    scim::{ScimError, discovery, message},
    tenant::Caller,
};

/// What the service tells about itself.
pub(super) struct DiscoveryApi;

type Document = ListedResponse<Any<Value>>;

/// The base of the tenant that the URL names.
fn base(provisioner: &Provisioner, request: &Request) -> String {
    let tenant = request.extensions().get::<TenantName>();
    provisioner.base(tenant.map_or("", |tenant| &tenant.0))
}

impl DiscoveryApi {
    fn found(value: Option<Value>, what: &str, id: &str) -> Result<Document, ScimFailure> {
        let id = id.chars().filter(|char| !char.is_control()).take(128).collect();
        let not_found = || ScimError::NotFound { resource_type: what.to_owned(), id };
        Ok(document(&value.ok_or_else(not_found)?))
    }

    fn list(values: &[Value]) -> Document {
        let texts: Vec<String> = values.iter().map(Value::to_string).collect();
        let total = u64::try_from(texts.len()).unwrap_or(u64::MAX);
        ListedResponse::Ok(ScimJson::new(message::list_response(total, 1, &texts)))
    }
}

fn document(value: &Value) -> Document {
    ListedResponse::Ok(ScimJson::new(value.to_string()))
}

/// A filter on what describes the server is refused (RFC 7644 §4).
fn refuse_filter(request: &Request) -> Result<(), ScimError> {
    let asked = request.uri().query().unwrap_or_default();
    match asked.split('&').any(|pair| pair.starts_with("filter=")) {
        true => Err(ScimError::Forbidden("discovery cannot be filtered".to_owned())),
        false => Ok(()),
    }
}

#[OpenApi]
impl DiscoveryApi {
    /// Read what this service supports.
    ///
    /// Needs no token. RFC 7643 §5.
    #[oai(
        path = "/ServiceProviderConfig",
        method = "get",
        operation_id = "serviceProviderConfig.read"
    )]
    async fn service_provider_config(
        &self,
        Data(provisioner): Data<&Provisioner>,
        Data(max_body_bytes): Data<&BodyLimit>,
        request: &Request,
    ) -> Result<Document, ScimFailure> {
        refuse_filter(request)?;
        let limits = discovery::Limits {
            max_results: provisioner.limits().max_results,
            default_results: provisioner.limits().default_results,
            max_body_bytes: u64::try_from(max_body_bytes.0).unwrap_or(u64::MAX),
        };
        let events = match request.data::<Arc<Caller>>() {
            Some(caller) => provisioner.event_uris(caller).await?,
            None => None,
        };
        let base = base(provisioner, request);
        Ok(document(&discovery::service_provider_config(&base, &limits, events.as_deref())))
    }

    /// List the resource types.
    ///
    /// RFC 7643 §6.
    #[oai(path = "/ResourceTypes", method = "get", operation_id = "resourceTypes.list")]
    async fn resource_types(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
    ) -> Result<Document, ScimFailure> {
        refuse_filter(request)?;
        Ok(Self::list(&discovery::resource_types(&caller.0.registry, &base(provisioner, request))))
    }

    /// Read a resource type.
    ///
    /// RFC 7643 §6.
    #[oai(path = "/ResourceTypes/:name", method = "get", operation_id = "resourceTypes.read")]
    async fn resource_type(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
        name: Path<String>,
    ) -> Result<Document, ScimFailure> {
        refuse_filter(request)?;
        let (registry, base) = (&caller.0.registry, base(provisioner, request));
        let lenient = caller.0.dialect.leniency().loose_paths;
        Self::found(
            discovery::resource_type(registry, &base, &name.0, lenient),
            "ResourceType",
            &name.0,
        )
    }

    /// List the schemas.
    ///
    /// RFC 7643 §7.
    #[oai(path = "/Schemas", method = "get", operation_id = "schemas.list")]
    async fn schemas(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
    ) -> Result<Document, ScimFailure> {
        refuse_filter(request)?;
        Ok(Self::list(&discovery::schemas(&caller.0.registry, &base(provisioner, request))))
    }

    /// Read a schema.
    ///
    /// RFC 7643 §7.
    #[oai(path = "/Schemas/:id", method = "get", operation_id = "schemas.read")]
    async fn schema(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
        id: Path<String>,
    ) -> Result<Document, ScimFailure> {
        refuse_filter(request)?;
        let (registry, base) = (&caller.0.registry, base(provisioner, request));
        let lenient = caller.0.dialect.leniency().loose_paths;
        Self::found(discovery::schema(registry, &base, &id.0, lenient), "Schema", &id.0)
    }
}
