//! The operator token, checked before anything else of a request is read.

use std::sync::Arc;

use poem::{Body, Endpoint, IntoResponse, Request, Response, Result, http::header};
use poem_openapi::{SecurityScheme, auth::Bearer};

use super::problem::{self, Failure, Problem};
use crate::provision::operator::{Operator, OperatorCaller, OperatorError};

/// Largest body: that of a schema whose every attribute is described.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// A token made by `muster operator token`.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "operator_token", checker = "was_checked")]
pub(super) struct OperatorToken(pub(super) OperatorCaller);

impl OperatorToken {
    /// Who it is, for the audit trail.
    pub(super) fn actor(&self) -> String {
        format!("operator:{}", self.0.credential)
    }
}

/// Who knows which tokens are an operator's.
pub(super) trait Accepted: Send + Sync {
    /// Whose `token` is, if it is valid now.
    fn accepts(
        &self,
        token: &str,
    ) -> impl Future<Output = std::result::Result<Option<OperatorCaller>, OperatorError>> + Send;
}

impl Accepted for Operator {
    async fn accepts(
        &self,
        token: &str,
    ) -> std::result::Result<Option<OperatorCaller>, OperatorError> {
        self.authenticate_operator(token).await
    }
}

/// Turns away requests without a valid operator token.
pub(super) async fn check<A, E>(
    accepted: Arc<A>,
    api: Arc<E>,
    mut request: Request,
) -> Result<Response>
where
    A: Accepted,
    E: Endpoint<Output = Response>,
{
    let Some(token) = bearer(&request) else {
        return Ok(unauthorized("a token is needed, made by `muster operator token`", ""));
    };
    let caller = match accepted.accepts(token).await {
        Ok(Some(caller)) => caller,
        Ok(None) => {
            let detail = "the token is unknown, expired or not an operator's";
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
async fn was_checked(request: &Request, _token: Bearer) -> Option<OperatorCaller> {
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
