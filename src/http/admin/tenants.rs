//! `/tenants`.

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::ToJSON};
use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{EventSettings, List, Tenant, TenantLimits, list, view},
};
use crate::provision::operator::{self, Operator};

pub(super) struct Tenants;

/// A tenant to be created.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewTenant {
    /// Name in URLs: 1 to 63 lower-case letters, digits and hyphens.
    name: String,
    /// Issuer of the tenant's identity provider, for events that name people by `iss_sub`.
    subject_issuer: Option<String>,
    /// The tenant that it belongs to, such as the organisation of which it is a subsidiary.
    parent: Option<String>,
}

#[derive(ApiResponse)]
enum Created {
    /// The tenant was created.
    #[oai(status = 201)]
    Tenant(Json<Tenant>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The tenant is gone.
    #[oai(status = 204)]
    Tenant,
}

#[OpenApi]
impl Tenants {
    /// Creates a tenant.
    #[oai(path = "/tenants", method = "post", operation_id = "tenants.create")]
    async fn create(
        &self,
        _token: OperatorToken,
        body: Json<NewTenant>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let NewTenant { name, subject_issuer, parent } = body.0;
        let new = operator::NewTenant { name, subject_issuer, parent };
        let tenant = operator.create_tenant(new).await?;
        Ok(Created::Tenant(Json(view(&tenant)?)))
    }

    /// Lists the tenants that the token reaches.
    #[oai(path = "/tenants", method = "get", operation_id = "tenants.list")]
    async fn list(
        &self,
        token: OperatorToken,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Tenant>>, Failure> {
        let mut tenants = operator.tenants().await?;
        if let Some(administrator) = &token.0.administrator {
            tenants.retain(|tenant| administrator.tenants.contains(&tenant.name));
        }
        Ok(Json(list(&tenants)?))
    }

    /// Shows what is set for a tenant's events.
    #[oai(
        path = "/tenants/:tenant/event-settings",
        method = "get",
        operation_id = "tenants.event_settings"
    )]
    async fn event_settings(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<EventSettings>, Failure> {
        Ok(Json(view(&operator.event_settings(&tenant).await?)?))
    }

    /// Changes what is set for a tenant's events, within a second; what is absent stays, `null`
    /// is the default again.
    #[oai(
        path = "/tenants/:tenant/event-settings",
        method = "patch",
        operation_id = "tenants.change_event_settings"
    )]
    async fn change_event_settings(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<EventSettings>,
        operator: Data<&Operator>,
    ) -> Result<Json<EventSettings>, Failure> {
        let change = match body.0.to_json() {
            Some(Value::Object(change)) => change,
            _ => Default::default(),
        };
        Ok(Json(view(&operator.change_event_settings(&tenant, change).await?)?))
    }

    /// Shows how much a tenant may ask for.
    #[oai(path = "/tenants/:tenant/limits", method = "get", operation_id = "tenants.limits")]
    async fn limits(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<TenantLimits>, Failure> {
        Ok(Json(view(&operator.limits(&tenant).await?)?))
    }

    /// Changes how much a tenant may ask for, within a second; what is absent stays, `null` is the
    /// default again. Who asks for more is answered 429 with `Retry-After`.
    #[oai(
        path = "/tenants/:tenant/limits",
        method = "patch",
        operation_id = "tenants.change_limits"
    )]
    async fn change_limits(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<TenantLimits>,
        operator: Data<&Operator>,
    ) -> Result<Json<TenantLimits>, Failure> {
        let change = match body.0.to_json() {
            Some(Value::Object(change)) => change,
            _ => Default::default(),
        };
        Ok(Json(view(&operator.change_limits(&tenant, change).await?)?))
    }

    /// Refuses all requests of a tenant; nothing is lost.
    #[oai(path = "/tenants/:tenant/suspend", method = "post", operation_id = "tenants.suspend")]
    async fn suspend(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Tenant>, Failure> {
        Ok(Json(view(&operator.suspend_tenant(&tenant).await?)?))
    }

    /// Serves a suspended tenant again.
    #[oai(path = "/tenants/:tenant/resume", method = "post", operation_id = "tenants.resume")]
    async fn resume(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Tenant>, Failure> {
        Ok(Json(view(&operator.resume_tenant(&tenant).await?)?))
    }

    /// Deletes a tenant with everything it has, if no tenant belongs to it.
    #[oai(path = "/tenants/:tenant", method = "delete", operation_id = "tenants.delete")]
    async fn delete(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Deleted, Failure> {
        operator.delete_tenant(&tenant).await?;
        Ok(Deleted::Tenant)
    }
}
