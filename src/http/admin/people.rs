//! `/tenants/{tenant}/users`: what the directory has no word for.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{authenticate::OperatorToken, problem::Failure, view::view};
use crate::provision::operator::{NameKind, Operator};

pub(super) struct People;

/// Sessions that end from now on.
#[derive(Debug, Object)]
struct Revoked {
    /// The transaction: its events and its receipt go by it.
    txn: String,
    /// Ids of the users whose sessions end.
    users: Vec<String>,
    /// Where its receipt is, which tells what became of it at each receiver.
    receipt: String,
}

#[derive(ApiResponse)]
enum Accepted {
    /// The order is kept and goes to every receiver.
    #[oai(status = 202)]
    Revoked(
        Json<Revoked>,
        /// Where its receipt is.
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi]
impl People {
    /// Ends a user's sessions; the account stays as it is.
    ///
    /// The user may be inactive: then it is a reminder to those who have not ended
    /// the sessions yet.
    #[oai(
        path = "/tenants/:tenant/users/:id/revoke-sessions",
        method = "post",
        operation_id = "users.revoke_sessions"
    )]
    async fn revoke_sessions(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        /// Why, for administrators; receivers are told.
        reason: Query<Option<String>>,
        operator: Data<&Operator>,
    ) -> Result<Accepted, Failure> {
        let actor = format!("operator:{}", token.0.credential);
        let person = (NameKind::Id, id.as_str());
        let revoked = operator.revoke_sessions(&tenant, person, reason.as_deref(), &actor).await?;
        Ok(Accepted::Revoked(Json(view(&revoked)?), revoked.receipt))
    }
}
