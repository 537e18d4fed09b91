//! What receivers of events use: the tenant's public keys, and polling (RFC 8936).

use poem::{
    IntoResponse, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use serde_json::{Value, json};
use tracing::error;
use uuid::Uuid;

use super::{
    auth::{Authenticator, require},
    error::Refusal,
    payload::read_body,
};
use crate::{
    delivery::poll::{PollError, PollRequest, Poller},
    store::{Store, StoreError},
    telemetry::causes,
    tenant::{Scope, StreamId},
};

/// How long a receiver may keep a key set, in seconds.
const KEYS_KEPT: &str = "max-age=900";
/// Largest poll request: a thousand acknowledgements and some errors.
const POLL_BYTES: usize = 256 * 1024;

/// The endpoints of a tenant's events.
pub(super) struct Events {
    store: Store,
    authenticator: Authenticator,
    poller: Poller,
}

impl Events {
    pub(super) fn new(store: Store, authenticator: Authenticator, poller: Poller) -> Self {
        Self { store, authenticator, poller }
    }

    /// Answers a request of `tenant` whose path below it is `path`; nothing if
    /// there is no such endpoint.
    pub(super) async fn answer(
        &self,
        request: Request,
        tenant: &str,
        path: &str,
    ) -> Option<Response> {
        if path == "/jwks.json" {
            return Some(match *request.method() {
                Method::GET | Method::HEAD => self.keys(tenant).await,
                _ => method_not_allowed("GET, HEAD"),
            });
        }
        let stream = path.strip_prefix("/ssf/poll/")?;
        let stream = Uuid::parse_str(stream).ok().map(StreamId);
        Some(match *request.method() {
            Method::POST => {
                let answer = self.poll(request, tenant, stream).await;
                answer.unwrap_or_else(Failure::into_response)
            }
            _ => method_not_allowed("POST"),
        })
    }

    async fn keys(&self, tenant: &str) -> Response {
        match self.public_keys(tenant).await {
            Ok(Some(keys)) => {
                let mut response = respond(StatusCode::OK, &json!({ "keys": keys }));
                let kept = HeaderValue::from_static(KEYS_KEPT);
                response.headers_mut().insert(header::CACHE_CONTROL, kept);
                response
            }
            Ok(None) => {
                Failure::new(StatusCode::NOT_FOUND, "not_found", "no such tenant").into_response()
            }
            Err(error) => Failure::from(error).into_response(),
        }
    }

    async fn public_keys(&self, tenant: &str) -> Result<Option<Vec<Value>>, StoreError> {
        let Some(row) = self.store.tenant_named(tenant).await? else { return Ok(None) };
        self.store.public_keys(row.id).await.map(Some)
    }

    async fn poll(
        &self,
        mut request: Request,
        tenant: &str,
        stream: Option<StreamId>,
    ) -> Result<Response, Failure> {
        let caller = self.authenticator.caller(&request, tenant).await?;
        require(&caller, Scope::Poll)?;
        let body = read_body(request.take_body(), POLL_BYTES).await?;
        let asked = PollRequest::parse(&body)?;
        let stream = stream.ok_or(PollError::UnknownStream)?;
        let answer = self.poller.poll(caller.tenant, stream, &asked).await?;
        Ok(respond(StatusCode::OK, &answer.to_json()))
    }
}

/// A refusal as the event standards word it (RFC 8935 §2.3).
struct Failure {
    response: Response,
}

impl Failure {
    fn new(status: StatusCode, code: &str, description: &str) -> Self {
        Self { response: respond(status, &json!({ "err": code, "description": description })) }
    }

    fn into_response(self) -> Response {
        self.response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.status() {
            StatusCode::UNAUTHORIZED => "authentication_failed",
            StatusCode::FORBIDDEN => "access_denied",
            _ => "invalid_request",
        };
        let mut failure = Self::new(refusal.status(), code, refusal.detail());
        if let Some((name, value)) = refusal.header() {
            failure.response.headers_mut().insert(name.clone(), value.clone());
        }
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<PollError> for Failure {
    fn from(error: PollError) -> Self {
        match error {
            PollError::Invalid(reason) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid_request", reason)
            }
            PollError::UnknownStream => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "no such stream that is polled")
            }
            PollError::Store(error) => error.into(),
            PollError::Issue(error) => {
                error!(error = causes(&error), "a poll failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this was logged")
            }
        }
    }
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = poem::web::Json(body).into_response();
    response.set_status(status);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn method_not_allowed(allowed: &'static str) -> Response {
    let description = format!("this endpoint has the methods {allowed}");
    let mut response =
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", &description).response;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
