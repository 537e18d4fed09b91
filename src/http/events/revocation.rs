//! `/t/{tenant}/global-token-revocation`: an identity provider ends sessions.

use poem::{
    Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};

use super::{
    Events,
    answer::{Failure, empty, method_not_allowed},
};
use crate::{
    http::{auth::require_any, payload::read_body},
    provision::{GlobalRevocationError, Proof},
    tenant::Scope,
};

/// Largest body: one subject identifier.
const BODY_BYTES: usize = 16 * 1024;
/// The challenge to a token that is refused (RFC 6750 §3).
const INVALID_TOKEN: &str = "Bearer realm=\"muster\", error=\"invalid_token\"";

impl Events {
    /// Answers a request to end somebody's sessions.
    pub(super) async fn revocation(&self, request: Request, tenant: &str) -> Response {
        match *request.method() {
            Method::POST => match self.revoke(request, tenant).await {
                Ok(()) => empty(StatusCode::NO_CONTENT),
                Err(failure) => failure.into_response(),
            },
            _ => method_not_allowed("POST"),
        }
    }

    async fn revoke(&self, mut request: Request, tenant: &str) -> Result<(), Failure> {
        let proof = self.proof(&request, tenant).await?;
        let body = read_body(request.take_body(), BODY_BYTES).await?;
        Ok(self.revocation.revoke(proof, &body).await?)
    }

    /// A token with the form of a signed one is the issuer's, any other is ours.
    async fn proof(&self, request: &Request, tenant: &str) -> Result<Proof, Failure> {
        if let Some(token) = signed_token(request) {
            return Ok(self.revocation.check(tenant, token).await?);
        }
        let caller = self.authenticator.event_caller(request, tenant).await?;
        require_any(&caller, &[Scope::Revoke])?;
        Ok(self.revocation.proof_of(&caller).await?)
    }
}

fn signed_token(request: &Request) -> Option<&str> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = values.next()?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    let signed = scheme.eq_ignore_ascii_case("Bearer") && token.matches('.').count() == 2;
    (signed && values.next().is_none()).then_some(token)
}

impl From<GlobalRevocationError> for Failure {
    fn from(error: GlobalRevocationError) -> Self {
        let said = error.to_string();
        let new = |status, code| Self::new(status, code, &said);
        match error {
            GlobalRevocationError::Unauthorized(_) | GlobalRevocationError::Refused(_) => {
                new(StatusCode::UNAUTHORIZED, "authentication_failed")
                    .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(INVALID_TOKEN))
            }
            GlobalRevocationError::Invalid(_) => Self::invalid(&said),
            GlobalRevocationError::Unknown => new(StatusCode::NOT_FOUND, "not_found"),
            GlobalRevocationError::Unable(_) => {
                new(StatusCode::UNPROCESSABLE_ENTITY, "unable_to_revoke")
            }
            GlobalRevocationError::TooMany => {
                new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests")
                    .with_header(header::RETRY_AFTER, HeaderValue::from_static("60"))
            }
            GlobalRevocationError::Keys => new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("60")),
            GlobalRevocationError::Store(error) => error.into(),
        }
    }
}
