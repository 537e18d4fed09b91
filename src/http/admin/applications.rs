//! `/tenants/{tenant}/applications`.

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{Application, List, list, view},
};
use crate::provision::operator::{ApplicationChange, Operator};

pub(super) struct Applications;

/// An application to be created.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewApplication {
    /// 1 to 63 lower-case letters, digits and hyphens.
    name: String,
    /// Ids of the groups whose members may use it, through other groups too.
    #[oai(default)]
    groups: Vec<String>,
    /// Whether sessions end there for who leaves one of the groups and stays in another.
    #[oai(default)]
    revoke_on_privilege_loss: bool,
}

/// What shall change of an application; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ChangedApplication {
    /// Ids of all groups whose members may use it.
    groups: Option<Vec<String>>,
    /// Whether sessions end there for who leaves one of the groups and stays in another.
    revoke_on_privilege_loss: Option<bool>,
}

#[derive(ApiResponse)]
enum Created {
    /// The application was created.
    #[oai(status = 201)]
    Application(Json<Application>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The application is gone.
    #[oai(status = 204)]
    Application,
}

#[OpenApi]
impl Applications {
    /// Creates an application that a tenant's people use.
    ///
    /// Streams, webhooks and connectors may belong to it: they hear when somebody
    /// comes into the first of its groups, and revoke when somebody leaves the last.
    #[oai(
        path = "/tenants/:tenant/applications",
        method = "post",
        operation_id = "applications.create"
    )]
    async fn create(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewApplication>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let NewApplication { name, groups, revoke_on_privilege_loss } = body.0;
        let change = ApplicationChange {
            groups: Some(groups),
            revoke_on_privilege_loss: Some(revoke_on_privilege_loss),
        };
        let application = operator.create_application(&tenant, &name, change).await?;
        Ok(Created::Application(Json(view(&application)?)))
    }

    /// Lists the applications of a tenant.
    #[oai(
        path = "/tenants/:tenant/applications",
        method = "get",
        operation_id = "applications.list"
    )]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Application>>, Failure> {
        Ok(Json(list(&operator.applications(&tenant).await?)?))
    }

    /// Changes the groups or the settings of an application.
    ///
    /// Whom a change of groups takes access from is told as if the groups had changed.
    #[oai(
        path = "/tenants/:tenant/applications/:name",
        method = "patch",
        operation_id = "applications.change"
    )]
    async fn change(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        name: Path<String>,
        body: Json<ChangedApplication>,
        operator: Data<&Operator>,
    ) -> Result<Json<Application>, Failure> {
        let ChangedApplication { groups, revoke_on_privilege_loss } = body.0;
        let change = ApplicationChange { groups, revoke_on_privilege_loss };
        Ok(Json(view(&operator.change_application(&tenant, &name, change).await?)?))
    }

    /// Deletes an application that no stream, webhook or connector belongs to.
    #[oai(
        path = "/tenants/:tenant/applications/:name",
        method = "delete",
        operation_id = "applications.delete"
    )]
    async fn delete(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        name: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Deleted, Failure> {
        operator.delete_application(&tenant, &name).await?;
        Ok(Deleted::Application)
    }
}
