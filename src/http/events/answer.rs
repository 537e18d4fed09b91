//! Answers of the events' endpoints: JSON that nothing may keep, and refusals as
//! the event standards word them (RFC 8935 §2.3).

use poem::{
    IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Value, json};
use tracing::error;

use crate::{
    delivery::poll::PollError, http::error::Refusal, provision::ssf::SsfError, store::StoreError,
    telemetry::causes,
};

/// A refusal.
pub(super) struct Failure {
    response: Box<Response>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &str, description: &str) -> Self {
        let body = json!({ "err": code, "description": description });
        Self { response: Box::new(respond(status, &body)) }
    }

    pub(super) fn invalid(description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// Something of ours went wrong, which the log tells.
    fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        error!(error = causes(error), "a request for events failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this was logged")
    }

    pub(super) fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    pub(super) fn into_response(self) -> Response {
        *self.response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.status() {
            StatusCode::UNAUTHORIZED => "authentication_failed",
            StatusCode::FORBIDDEN => "access_denied",
            _ => "invalid_request",
        };
        let failure = Self::new(refusal.status(), code, refusal.detail());
        match refusal.header() {
            Some((name, value)) => failure.with_header(name.clone(), value.clone()),
            None => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<SsfError> for Failure {
    fn from(error: SsfError) -> Self {
        let said = error.to_string();
        match error {
            SsfError::Invalid(_) => Self::invalid(&said),
            SsfError::UnknownStream => Self::new(StatusCode::NOT_FOUND, "not_found", &said),
            SsfError::TooMany(_) => Self::new(StatusCode::FORBIDDEN, "access_denied", &said),
            SsfError::TooSoon { wait, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", &said)
                    .with_header(header::RETRY_AFTER, wait.into())
            }
            SsfError::Store(error) => error.into(),
            SsfError::Key(error) => Self::internal(&error),
        }
    }
}

impl From<PollError> for Failure {
    fn from(error: PollError) -> Self {
        match error {
            PollError::Invalid(reason) => Self::invalid(reason),
            PollError::UnknownStream => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "no such stream that is polled")
            }
            PollError::Store(error) => error.into(),
            PollError::Issue(error) => Self::internal(&error),
        }
    }
}

/// An answer in JSON.
pub(super) fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = poem::web::Json(body).into_response();
    response.set_status(status);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer that may be kept for `seconds`: what anybody may read.
pub(super) fn public(body: &Value, seconds: u32) -> Response {
    let mut response = respond(StatusCode::OK, body);
    if let Ok(kept) = HeaderValue::from_str(&format!("max-age={seconds}")) {
        response.headers_mut().insert(header::CACHE_CONTROL, kept);
    }
    response
}

pub(super) fn no_tenant() -> Response {
    Failure::new(StatusCode::NOT_FOUND, "not_found", "no such tenant").into_response()
}

pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let description = format!("this endpoint has the methods {allowed}");
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", &description)
        .with_header(header::ALLOW, HeaderValue::from_static(allowed))
        .into_response()
}
