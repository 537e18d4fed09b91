//! The token, checked before anything else of a request is read.

use std::sync::Arc;

use poem::{
    Body, Endpoint, IntoResponse, Request, Response, Result,
    http::{Method, header},
};
use poem_openapi::{SecurityScheme, auth::Bearer};

use super::problem::{self, Failure, Problem};
use crate::provision::operator::{AdminCaller, Asked, Operator, OperatorError};

/// Largest body: that of a schema whose every attribute is described.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Where an administrator signs in.
const SIGN_IN: &str = "/sessions";

/// A token made by `muster operator token`, or got by an administrator who signed in.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "operator_token", checker = "was_checked")]
pub(super) struct OperatorToken(pub(super) AdminCaller);

impl OperatorToken {
    /// Who it is, for the audit trail.
    pub(super) fn actor(&self) -> String {
        self.0.actor()
    }

    /// Who it is, if they see alone what they asked for themselves.
    pub(super) fn own(&self) -> Option<String> {
        self.0.administrator.is_some().then(|| self.actor())
    }
}

/// Who knows whose tokens are whose, and who may do what.
pub(super) trait Accepted: Send + Sync {
    /// Whose `token` is, if it is valid now.
    fn accepts(
        &self,
        token: &str,
    ) -> impl Future<Output = std::result::Result<Option<AdminCaller>, OperatorError>> + Send;

    /// Whether `caller` may do what is asked.
    fn permits(
        &self,
        caller: &AdminCaller,
        asked: Asked<'_>,
    ) -> impl Future<Output = std::result::Result<(), OperatorError>> + Send;

    /// Puts into the tenant's record what `caller` asked for, which was read or refused.
    fn notes(
        &self,
        caller: &AdminCaller,
        asked: Asked<'_>,
        action: String,
    ) -> impl Future<Output = std::result::Result<(), OperatorError>> + Send;
}

impl Accepted for Operator {
    async fn accepts(
        &self,
        token: &str,
    ) -> std::result::Result<Option<AdminCaller>, OperatorError> {
        self.authenticate(token).await
    }

    async fn permits(
        &self,
        caller: &AdminCaller,
        asked: Asked<'_>,
    ) -> std::result::Result<(), OperatorError> {
        self.permit(caller, asked).await
    }

    async fn notes(
        &self,
        caller: &AdminCaller,
        asked: Asked<'_>,
        action: String,
    ) -> std::result::Result<(), OperatorError> {
        self.note(caller, asked, action).await
    }
}

/// Turns away requests without a valid token.
pub(super) async fn check<A, E>(
    accepted: Arc<A>,
    api: Arc<E>,
    mut request: Request,
) -> Result<Response>
where
    A: Accepted,
    E: Endpoint<Output = Response>,
{
    // Signing in is how one gets a token.
    if request.uri().path() == SIGN_IN && request.method() == Method::POST {
        return api.call(request).await;
    }
    let Some(token) = bearer(&request) else {
        return Ok(unauthorized(
            "a token is needed, made by `muster operator token` or got at `/sessions`",
            "",
        ));
    };
    let caller = match accepted.accepts(token).await {
        Ok(Some(caller)) => caller,
        Ok(None) => {
            let detail = "the token is unknown, expired or not for administration";
            return Ok(unauthorized(detail, ", error=\"invalid_token\""));
        }
        Err(error) => return Ok(Failure::from(error).into_response()),
    };
    request.extensions_mut().insert(caller);
    api.call(request).await
}

/// Reads the body up to the limit.
pub(super) async fn body_limit<E>(api: Arc<E>, mut request: Request) -> Result<Response>
where
    E: Endpoint<Output: IntoResponse>,
{
    let body = request.take_body().into_bytes_limit(MAX_BODY_BYTES).await?;
    request.set_body(Body::from(body));
    api.call(request).await.map(IntoResponse::into_response)
}

/// The scheme only documents; [`check`] has decided before.
async fn was_checked(request: &Request, _token: Bearer) -> Option<AdminCaller> {
    request.extensions().get().cloned()
}

/// The bearer token of a request (RFC 6750 §2.1); the scheme's name ignores case.
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// RFC 6750 §3: no error code if no token was sent.
fn unauthorized(detail: &str, error: &str) -> Response {
    let challenge = format!("Bearer realm=\"muster-admin\"{error}");
    problem::response(&Problem { status: 401, detail: detail.to_owned() })
        .with_header(header::WWW_AUTHENTICATE, challenge)
        .into_response()
}
