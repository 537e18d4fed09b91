//! `/tenants/{tenant}/audit`.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, list},
};
use crate::provision::operator::{AuditQuery, Operator};

pub(super) struct Audit;

/// Who changed what.
#[derive(Debug, Object)]
struct Entry {
    /// Its id; later entries have greater ones.
    id: String,
    /// When it was (RFC 3339).
    at: String,
    /// Who: `token:<id>`, `operator:<id>` or `issuer:<name>`.
    actor: String,
    /// The token's connection, while the tenant has it.
    connection: Option<String>,
    /// What, such as `patch`.
    action: String,
    /// The resource, as its path below the SCIM base, if it was done to one.
    resource: Option<String>,
    /// Names of the attributes that changed; never their values.
    attributes: Vec<String>,
    /// The transaction, which the events of the change share.
    txn: String,
}

#[OpenApi]
impl Audit {
    /// Lists who changed what, oldest first.
    ///
    /// On PostgreSQL an entry whose change took long can come before one that was read already:
    /// who follows the record begins a minute before its end.
    #[expect(clippy::too_many_arguments, reason = "poem-openapi documents arguments only")]
    #[oai(path = "/tenants/:tenant/audit", method = "get", operation_id = "audit.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        /// Only what was done to the resource with this id.
        resource: Query<Option<String>>,
        /// Only entries behind the one with this id: the last of the page before.
        after: Query<Option<String>>,
        /// At most this many. Default 100.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Entry>>, Failure> {
        let after = after.as_deref().map(uuid).transpose()?;
        let query = AuditQuery { resource: resource.0, after, limit: limit.0 };
        Ok(Json(list(&operator.audit(&tenant, &query).await?)?))
    }
}
