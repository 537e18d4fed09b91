//! `/tenants/{tenant}/audit`.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, list, view},
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
    /// Who: `token:<id>`, `operator:<id>`, `admin:<tenant>/<name>` or `issuer:<name>`.
    actor: String,
    /// The connection whose token it was.
    connection: Option<String>,
    /// What, such as `patch`.
    action: String,
    /// The resource, as its path below the SCIM base, if it was done to one.
    resource: Option<String>,
    /// Names of the attributes that changed.
    attributes: Vec<String>,
    /// Their values before and after: objects with `path`, `before` and `after`, or with
    /// `left_out` where a value is too long; of members, `added` and `removed`. What is secret or
    /// never returned is not among them. They go when a deleted user is forgotten.
    changes: Vec<Value>,
    /// The transaction, which the events of the change share.
    txn: String,
}

/// Where a record ends, signed.
#[derive(Debug, Object)]
struct Checkpoint {
    /// A JWT with the tenant, the place of the last entry and its hash.
    checkpoint: String,
}

/// What a record is checked against.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Verification {
    /// A checkpoint that was kept elsewhere.
    checkpoint: Option<String>,
}

/// What came of checking a record.
#[derive(Debug, Object)]
struct Verified {
    /// Whether nothing is wrong.
    intact: bool,
    /// Entries that were checked.
    entries: i64,
    /// Checkpoints that were checked.
    checkpoints: u64,
    /// What is wrong: the first twenty faults.
    faults: Vec<String>,
}

#[derive(ApiResponse)]
enum Signed {
    /// The record ends here.
    #[oai(status = 200)]
    Checkpoint(Json<Checkpoint>),
    /// Nothing was ever recorded.
    #[oai(status = 204)]
    Nothing,
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

    /// Signs where the record ends now. Who keeps it elsewhere can tell later whether an entry was
    /// changed or removed since, even if the whole database was.
    #[oai(path = "/tenants/:tenant/audit/checkpoint", method = "post", operation_id = "audit.sign")]
    async fn sign(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Signed, Failure> {
        Ok(match operator.checkpoint(&tenant).await? {
            Some(checkpoint) => Signed::Checkpoint(Json(Checkpoint { checkpoint })),
            None => Signed::Nothing,
        })
    }

    /// Checks the whole record: that every entry is the one that was recorded and that none is
    /// missing.
    #[oai(path = "/tenants/:tenant/audit/verify", method = "post", operation_id = "audit.verify")]
    async fn verify(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<Verification>,
        operator: Data<&Operator>,
    ) -> Result<Json<Verified>, Failure> {
        let against = body.checkpoint.as_deref();
        Ok(Json(view(&operator.verify_record(&tenant, against).await?)?))
    }
}
