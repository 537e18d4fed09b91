//! `/tenants/{tenant}/deleted-users`, and who is protected from becoming one.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{List, list, view},
};
use crate::provision::operator::{DeletedQuery, Operator};

pub(super) struct Restoring;

/// A deleted user, who can come back.
#[derive(Debug, Object)]
struct Deleted {
    /// The user's id.
    id: String,
    /// The user's name.
    user_name: Option<String>,
    /// When the user was deleted (RFC 3339).
    deleted_at: String,
    /// Who deleted the user: `token:<id>` or `operator:<id>`.
    actor: String,
    /// How many groups the user was in.
    groups: u64,
}

/// A user who is there again.
#[derive(Debug, Object)]
struct Restored {
    /// The user's id, which is the one they had.
    id: String,
    /// The transaction that its events go by.
    txn: String,
    /// How many groups have the user again.
    groups: u64,
    /// How many of the user's groups are not there any more.
    lost_groups: u64,
}

/// Why somebody is protected.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Protection {
    /// Why, for administrators: 1 to 200 characters.
    reason: String,
}

/// Somebody whom no directory may take away.
#[derive(Debug, Object)]
struct Protected {
    /// The user's id.
    id: String,
    /// The user's name, while the user is there.
    user_name: Option<String>,
    /// Why.
    reason: String,
    /// Who said so.
    actor: String,
    /// Since when (RFC 3339).
    since: String,
}

#[derive(ApiResponse)]
enum Done {
    /// It is done.
    #[oai(status = 204)]
    Done,
}

#[OpenApi]
impl Restoring {
    /// Lists deleted users, the last one first. They are kept for 30 days.
    #[expect(clippy::too_many_arguments, reason = "poem-openapi documents arguments only")]
    #[oai(path = "/tenants/:tenant/deleted-users", method = "get", operation_id = "deleted.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        /// Only those of this `userName`.
        user_name: Query<Option<String>>,
        /// Only those behind the one with this id: the last of the page before.
        after: Query<Option<String>>,
        /// At most this many. Default 100.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Deleted>>, Failure> {
        let query = DeletedQuery { user_name: user_name.0, after: after.0, limit: limit.0 };
        Ok(Json(list(&operator.deleted_users(&tenant, &query).await?)?))
    }

    /// Brings back a deleted user: under the same id, as they were, into those of their groups
    /// that are still there.
    #[oai(
        path = "/tenants/:tenant/deleted-users/:id/restore",
        method = "post",
        operation_id = "deleted.restore"
    )]
    async fn restore(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Restored>, Failure> {
        Ok(Json(view(&operator.restore_user(&tenant, &id, &token.actor()).await?)?))
    }

    /// Forgets a deleted user for good.
    #[oai(
        path = "/tenants/:tenant/deleted-users/:id",
        method = "delete",
        operation_id = "deleted.erase"
    )]
    async fn erase(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Done, Failure> {
        operator.erase_user(&tenant, &id, &token.actor()).await?;
        Ok(Done::Done)
    }

    /// Lists who is protected, by id, at most 1000.
    #[oai(
        path = "/tenants/:tenant/protected-users",
        method = "get",
        operation_id = "protected.list"
    )]
    async fn protected(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Protected>>, Failure> {
        Ok(Json(list(&operator.protected_users(&tenant).await?)?))
    }

    /// Protects a user: whoever would deactivate or delete them is answered 403 until the
    /// protection ends.
    #[oai(
        path = "/tenants/:tenant/protected-users/:id",
        method = "put",
        operation_id = "protected.put"
    )]
    async fn protect(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        body: Json<Protection>,
        operator: Data<&Operator>,
    ) -> Result<Json<Protected>, Failure> {
        let user = operator.protect_user(&tenant, &id, &body.reason, &token.actor()).await?;
        Ok(Json(view(&user)?))
    }

    /// Protects a user no longer.
    #[oai(
        path = "/tenants/:tenant/protected-users/:id",
        method = "delete",
        operation_id = "protected.delete"
    )]
    async fn unprotect(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Done, Failure> {
        operator.unprotect_user(&tenant, &id, &token.actor()).await?;
        Ok(Done::Done)
    }
}
