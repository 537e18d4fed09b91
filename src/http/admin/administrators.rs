//! `/tenants/{tenant}/administrators` and `/sessions`.

use std::time::Duration;

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use secrecy::ExposeSecret;

use super::{
    authenticate::OperatorToken,
    problem::{Failure, Problem, uuid},
    view::{List, list, view},
};
use crate::{
    provision::operator::{self, Operator, WhoRecord},
    scim::date_time,
    tenant::Role,
};

/// One hour.
const LINK_SECONDS: u64 = 3_600;

pub(super) struct Administrators;

/// An administrator to be added to a tenant.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewAdministrator {
    /// What they are called, such as an e-mail address: 1 to 128 bytes.
    name: String,
    /// `owner` decides about the tenant and its administrators; `admin` sets up directories,
    /// receivers and rules; `help-desk` acts on people; `auditor` reads.
    role: String,
    /// Id of a group: they act on its members alone, and those of groups in it.
    group: Option<String>,
    /// Whether they administer the tenants below this one too.
    #[oai(default)]
    with_children: bool,
}

/// An administrator of a tenant.
#[derive(Debug, Object)]
struct Administrator {
    /// Their id.
    id: String,
    /// What they are called.
    name: String,
    /// `owner`, `admin`, `help-desk` or `auditor`.
    role: String,
    /// Id of the group whose members alone they act on.
    group: Option<String>,
    /// Whether they administer the tenants below theirs too.
    with_children: bool,
    /// When they were added (RFC 3339).
    created_at: String,
}

/// What an administrator signs in with.
#[derive(Debug, Object)]
struct Link {
    /// To be sent to `/sessions`, once.
    code: String,
    /// When it ends (RFC 3339).
    expires_at: String,
}

/// What somebody signs in with.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct SignIn {
    /// The code of a link.
    code: String,
}

/// Who is calling.
#[derive(Debug, Object)]
struct Who {
    /// As the record names them.
    actor: String,
    /// `operator`, `owner`, `admin`, `help-desk` or `auditor`.
    role: String,
    /// The tenants that they administer; all if it is not said.
    tenants: Option<Vec<String>>,
    /// Id of the group whose members alone they act on.
    group: Option<String>,
    /// When the token ends, if it was just made (RFC 3339).
    expires_at: Option<String>,
}

/// Somebody who has signed in.
#[derive(Debug, Object)]
struct Session {
    /// The token, shown this once; it works for eight hours.
    token: String,
    /// Whose it is.
    who: Who,
}

#[derive(ApiResponse)]
enum Added {
    /// The administrator was added.
    #[oai(status = 201)]
    Administrator(Json<Administrator>),
}

#[derive(ApiResponse)]
enum Linked {
    /// The link was made; it is shown this once.
    #[oai(status = 201)]
    Link(Json<Link>),
}

#[derive(ApiResponse)]
enum SignedIn {
    /// The code was good, and is used up.
    #[oai(status = 201)]
    Session(Json<Session>),
    /// The code is unknown, used, or over.
    #[oai(status = 401)]
    Refused(Json<Problem>),
}

#[derive(ApiResponse)]
enum Removed {
    /// It is gone, and the tokens with it.
    #[oai(status = 204)]
    Done,
}

#[OpenApi]
impl Administrators {
    /// Lists who administers a tenant without being an operator.
    #[oai(
        path = "/tenants/:tenant/administrators",
        method = "get",
        operation_id = "administrators.list"
    )]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Administrator>>, Failure> {
        Ok(Json(list(&operator.administrators(&tenant).await?)?))
    }

    /// Adds an administrator to a tenant.
    #[oai(
        path = "/tenants/:tenant/administrators",
        method = "post",
        operation_id = "administrators.add"
    )]
    async fn add(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewAdministrator>,
        operator: Data<&Operator>,
    ) -> Result<Added, Failure> {
        let NewAdministrator { name, role, group, with_children } = body.0;
        let role = Role::parse(&role).ok_or_else(|| {
            Failure::bad_request("`role` is `owner`, `admin`, `help-desk` or `auditor`")
        })?;
        let new = operator::NewAdministrator { name, role, group, with_children };
        let added = operator.add_administrator(&tenant, new, &token.actor()).await?;
        Ok(Added::Administrator(Json(view(&added)?)))
    }

    /// Removes an administrator; their tokens end at once. The last owner is removed by an
    /// operator alone.
    #[oai(
        path = "/tenants/:tenant/administrators/:id",
        method = "delete",
        operation_id = "administrators.remove"
    )]
    async fn remove(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Removed, Failure> {
        let actor = token.actor();
        let by = (actor.as_str(), token.0.administrator.is_none());
        operator.remove_administrator(&tenant, uuid(&id)?, by).await?;
        Ok(Removed::Done)
    }

    /// Makes a link with which an administrator signs in, once. A link before it is worth
    /// nothing any more.
    #[oai(
        path = "/tenants/:tenant/administrators/:id/link",
        method = "post",
        operation_id = "administrators.link"
    )]
    async fn link(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        /// For how many seconds it is good, at most 7 days. Default: one hour.
        #[oai(validator(minimum(value = "1"), maximum(value = "604800")))]
        expires_in: Query<Option<u64>>,
        operator: Data<&Operator>,
    ) -> Result<Linked, Failure> {
        let wait = Duration::from_secs(expires_in.unwrap_or(LINK_SECONDS));
        let link = operator.sign_in_link(&tenant, uuid(&id)?, wait, &token.actor()).await?;
        let code = link.code.expose_secret().to_owned();
        let expires_at = date_time::format(link.expires_us);
        Ok(Linked::Link(Json(Link { code, expires_at })))
    }

    /// Signs an administrator in with the code of a link. Takes no token.
    #[oai(path = "/sessions", method = "post", operation_id = "sessions.sign_in")]
    async fn sign_in(
        &self,
        body: Json<SignIn>,
        operator: Data<&Operator>,
    ) -> Result<SignedIn, Failure> {
        let Some(signed) = operator.sign_in(&body.code).await? else {
            let detail = "the code is unknown, used or over; ask for another link".to_owned();
            return Ok(SignedIn::Refused(Json(Problem { status: 401, detail })));
        };
        let token = signed.token.expose_secret().to_owned();
        Ok(SignedIn::Session(Json(Session { token, who: view(&signed.who)? })))
    }

    /// Tells whose the token is, and what it reaches.
    #[oai(path = "/sessions/current", method = "get", operation_id = "sessions.who")]
    async fn who(&self, token: OperatorToken) -> Result<Json<Who>, Failure> {
        Ok(Json(view(&WhoRecord::from(&token.0))?))
    }

    /// Ends the token that the request came with.
    #[oai(path = "/sessions/current", method = "delete", operation_id = "sessions.sign_out")]
    async fn sign_out(
        &self,
        token: OperatorToken,
        operator: Data<&Operator>,
    ) -> Result<Removed, Failure> {
        operator.sign_out(&token.0).await?;
        Ok(Removed::Done)
    }
}
