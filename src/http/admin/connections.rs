//! `/tenants/{tenant}/connections`.

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{Connection, List, list, view},
};
use crate::{provision::operator::Operator, scim::dialect::Dialect};

pub(super) struct Connections;

/// A connection to be created.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewConnection {
    /// 1 to 63 lower-case letters, digits and hyphens.
    name: String,
    /// What the directory sends: `entra`, `okta`, `generic` or `strict`.
    #[oai(default = "generic")]
    dialect: String,
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
        let dialect = Dialect::from_name(&body.dialect).ok_or_else(|| {
            Failure::bad_request("`dialect`: expected entra, okta, generic or strict")
        })?;
        let connection = operator.create_connection(&tenant, &body.name, dialect).await?;
        Ok(Created::Connection(Json(view(&connection)?)))
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
