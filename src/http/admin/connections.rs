//! `/tenants/{tenant}/connections`.

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::ToJSON};
use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{Connection, ConnectionSettings, List, Notice, list, view},
};
use crate::{
    provision::operator::{ConnectionChange, Operator},
    scim::dialect::Dialect,
};

pub(super) struct Connections;

/// A connection to be created.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewConnection {
    /// 1 to 63 lower-case letters, digits and hyphens.
    name: String,
    /// What the directory sends: `entra`, `okta`, `google`, `onelogin`, `jumpcloud`, `ping`,
    /// `sailpoint`, `keycloak`, `authentik`, `generic` (any other) or `strict` (the RFCs).
    #[oai(default = "generic")]
    dialect: String,
    /// What differs from the defaults.
    settings: Option<ConnectionSettings>,
}

/// What shall change of a connection; what is absent stays.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct ChangedConnection {
    /// What the directory sends: `entra`, `okta`, `google`, `onelogin`, `jumpcloud`, `ping`,
    /// `sailpoint`, `keycloak`, `authentik`, `generic` (any other) or `strict` (the RFCs).
    dialect: Option<String>,
    /// Settings to change; `null` is the default again.
    settings: Option<ConnectionSettings>,
}

/// What a request asks for a connection.
fn change(
    dialect: Option<&str>,
    settings: Option<&ConnectionSettings>,
) -> Result<ConnectionChange, Failure> {
    let dialect = dialect.map(|name| {
        Dialect::from_name(name).ok_or_else(|| {
            Failure::bad_request(format!("`dialect`: expected {}", Dialect::names()))
        })
    });
    let settings = match settings.and_then(ToJSON::to_json) {
        Some(Value::Object(settings)) => settings,
        _ => Default::default(),
    };
    Ok(ConnectionChange { dialect: dialect.transpose()?, settings })
}

fn generic() -> String {
    Dialect::default().as_str().to_owned()
}

#[derive(ApiResponse)]
enum Created {
    /// The connection was created.
    #[oai(status = 201)]
    Connection(Json<Connection>),
}

#[OpenApi]
impl Connections {
    /// Creates a connection for one directory of a tenant.
    #[oai(
        path = "/tenants/:tenant/connections",
        method = "post",
        operation_id = "connections.create"
    )]
    async fn create(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewConnection>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let change = change(Some(&body.dialect), body.settings.as_ref())?;
        let connection = operator.create_connection(&tenant, &body.name, change).await?;
        Ok(Created::Connection(Json(view(&connection)?)))
    }

    /// Changes the dialect or the settings of a connection, within a second.
    #[oai(
        path = "/tenants/:tenant/connections/:name",
        method = "patch",
        operation_id = "connections.change"
    )]
    async fn change(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        name: Path<String>,
        body: Json<ChangedConnection>,
        operator: Data<&Operator>,
    ) -> Result<Json<Connection>, Failure> {
        let change = change(body.dialect.as_deref(), body.settings.as_ref())?;
        Ok(Json(view(&operator.change_connection(&tenant, &name, change).await?)?))
    }

    /// Lists what requests of a connection were not taken as they stand, the latest first.
    #[oai(
        path = "/tenants/:tenant/connections/:name/notices",
        method = "get",
        operation_id = "connections.notices"
    )]
    async fn notices(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        name: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Notice>>, Failure> {
        Ok(Json(list(&operator.notices(&tenant, &name).await?)?))
    }

    /// Lists the connections of a tenant.
    #[oai(path = "/tenants/:tenant/connections", method = "get", operation_id = "connections.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Connection>>, Failure> {
        Ok(Json(list(&operator.connections(&tenant).await?)?))
    }
}
