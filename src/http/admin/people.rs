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

/// A credential that somebody else has.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Compromise {
    /// Its type: `password`, `pin`, `x509`, `fido2-platform`, `fido2-roaming`, `fido-u2f`,
    /// `verifiable-credential`, `phone-voice`, `phone-sms` or `app`.
    credential_type: String,
    /// Why, for administrators; receivers are told.
    reason: Option<String>,
}

/// What receivers are told of users.
#[derive(Debug, Object)]
struct Said {
    /// The transaction that its events go by.
    txn: String,
    /// Ids of the users it is about.
    users: Vec<String>,
}

#[derive(ApiResponse)]
enum Told {
    /// It is kept and goes to every receiver that asked for its type.
    #[oai(status = 202)]
    Said(Json<Said>),
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
        let actor = token.actor();
        let person = (NameKind::Id, id.as_str());
        let revoked = operator.revoke_sessions(&tenant, person, reason.as_deref(), &actor).await?;
        Ok(Accepted::Revoked(Json(view(&revoked)?), revoked.receipt))
    }

    /// Tells receivers that somebody else has a credential of the user's.
    #[oai(
        path = "/tenants/:tenant/users/:id/credential-compromise",
        method = "post",
        operation_id = "users.report_credential"
    )]
    async fn report_credential(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        body: Json<Compromise>,
        operator: Data<&Operator>,
    ) -> Result<Told, Failure> {
        let actor = token.actor();
        let because = (body.reason.as_deref(), actor.as_str());
        let person = (NameKind::Id, id.as_str());
        let credential = &body.credential_type;
        let said = operator.report_credential(&tenant, person, credential, because).await?;
        Ok(Told::Said(Json(view(&said)?)))
    }

    /// Tells receivers that the user must change a credential.
    #[oai(
        path = "/tenants/:tenant/users/:id/require-credential-change",
        method = "post",
        operation_id = "users.require_credential_change"
    )]
    async fn require_credential_change(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Told, Failure> {
        let actor = token.actor();
        let person = (NameKind::Id, id.as_str());
        let said = operator.require_credential_change(&tenant, person, &actor).await?;
        Ok(Told::Said(Json(view(&said)?)))
    }
}
