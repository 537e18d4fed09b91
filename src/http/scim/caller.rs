//! The caller as an argument of handlers: a handler without one does not get far.

use std::sync::Arc;

use poem::{Request, RequestBody, http::StatusCode};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use crate::{
    http::error::Refusal,
    provision::{Access, Mode},
    scim::{ScimError, schema::ResourceType},
    tenant::Caller,
};

/// Whom the request speaks for, whose token was checked before it came here, and whether
/// changes are made.
#[derive(Debug, Clone)]
pub(super) struct BearerCaller(pub(super) Arc<Caller>, pub(super) Mode);

impl BearerCaller {
    /// The caller's access to users.
    pub(super) fn on_users(self) -> Access {
        let resource_type = self.0.registry.user();
        self.on(resource_type)
    }

    /// The caller's access to groups.
    pub(super) fn on_groups(self) -> Access {
        let resource_type = self.0.registry.group();
        self.on(resource_type)
    }

    /// The user that the caller is, and the caller's access to it.
    ///
    /// # Errors
    ///
    /// `NotImplemented` if the credential speaks for a directory: a directory is
    /// no user of its own (RFC 7644 §3.11).
    pub(super) fn myself(self) -> Result<(Access, String), ScimError> {
        let id = self
            .0
            .subject
            .ok_or(ScimError::NotImplemented("`/Me` with a token that speaks for no user"))?;
        Ok((self.on_users(), id.to_string()))
    }

    /// The caller's access to what is at the endpoint of that name.
    ///
    /// # Errors
    ///
    /// A refusal with 404 if the tenant has no such type.
    pub(super) fn at(self, endpoint: &str) -> Result<Access, Refusal> {
        let mut types = self.0.registry.resource_types().iter();
        let found = types.find(|kind| kind.endpoint.strip_prefix('/') == Some(endpoint));
        let resource_type = found.cloned().ok_or_else(Refusal::nowhere)?;
        Ok(self.on(resource_type))
    }

    fn on(self, resource_type: Arc<ResourceType>) -> Access {
        Access { caller: self.0, resource_type, mode: self.1 }
    }
}

const SCHEME: &str = "bearer";

impl<'a> ApiExtractor<'a> for BearerCaller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some("A token of the tenant's connection."),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let caller = request.extensions().get::<Arc<Caller>>();
        let caller = caller.ok_or_else(|| poem::Error::from_status(StatusCode::UNAUTHORIZED))?;
        let mode = request.extensions().get::<Mode>().copied().unwrap_or_default();
        Ok(Self(Arc::clone(caller), mode))
    }
}
