//! The one place that turns errors into answers.
//!
//! Below a SCIM base every error has a SCIM error body (RFC 7644 §3.12), also
//! those that poem makes by itself. A 5xx says nothing of the inside: it is
//! logged here, once, with its whole chain of causes.

use poem::{
    IntoResponse, Response,
    error::{MethodNotAllowedError, NotFoundError, ParsePathError, ReadBodyError},
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    error::{ContentTypeError, ParseParamError},
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use tracing::error;

use super::payload::SCIM_JSON;
use crate::{
    provision::ProvisionError,
    scim::{ScimError, ScimType, message},
    store::StoreError,
    telemetry::causes,
};

/// The challenge to a token that may not do what was asked (RFC 6750 §3.1).
const INSUFFICIENT_SCOPE: &str = "Bearer realm=\"muster\", error=\"insufficient_scope\"";
/// Seconds after which a client may try again when the database is away.
const RETRY_AFTER: &str = "5";
/// Seconds after which a directory may ask again for what the brake holds: people decide.
const RETRY_HELD: &str = "300";

/// A refusal, ready to be answered.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    scim_type: Option<ScimType>,
    detail: String,
    header: Option<(header::HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into(), header: None }
    }

    /// The answer to a path at which nothing stands.
    pub(super) fn nowhere() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such endpoint")
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn header(&self) -> Option<&(header::HeaderName, HeaderValue)> {
        self.header.as_ref()
    }

    pub(super) fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl From<ScimError> for Refusal {
    fn from(error: ScimError) -> Self {
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let scim_type = error.scim_type();
        let header = match error {
            ScimError::LacksScope { .. } => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(INSUFFICIENT_SCOPE)))
            }
            ScimError::TooManyWaiting { .. } => {
                Some((header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER)))
            }
            ScimError::Held => Some((header::RETRY_AFTER, HeaderValue::from_static(RETRY_HELD))),
            _ => None,
        };
        Self { scim_type, header, ..Self::new(status, error.to_string()) }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        error!(error = causes(&error), "the store failed");
        match error {
            StoreError::SchemaChanged => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the tenant's schemas have just changed; try again",
            )
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
            StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::Timeout(_) => {
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the service cannot use its database just now; try again later",
                )
                .with_header(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER))
            }
            StoreError::Duplicate(_)
            | StoreError::Taken(_)
            | StoreError::Damaged(_)
            | StoreError::Panicked
            | StoreError::Database(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; this was logged")
            }
        }
    }
}

impl From<ProvisionError> for Refusal {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::Scim(error) => error.into(),
            ProvisionError::Store(error) => error.into(),
            ProvisionError::Cursor => {
                error!("could not seal a cursor");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; this was logged")
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = message::error_body(self.status.as_u16(), self.scim_type, &self.detail);
        let mut response =
            Response::builder().status(self.status).content_type(SCIM_JSON).body(body);
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// What a SCIM handler gives when it refuses.
#[derive(Debug)]
pub(super) struct ScimFailure(Refusal);

impl<E: Into<Refusal>> From<E> for ScimFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<ScimFailure> for poem::Error {
    fn from(failure: ScimFailure) -> Self {
        poem::Error::from_response(failure.0.into_response())
    }
}

impl ApiResponse for ScimFailure {
    fn meta() -> MetaResponses {
        let answers = [
            (
                400,
                "The request is wrong; `scimType` and `detail` say what, where, and what was expected.",
            ),
            (401, "No valid token of this tenant was given."),
            (403, "The token lacks the scope."),
            (404, "The tenant has no such resource."),
            (409, "The value of a unique attribute is in use."),
            (412, "The resource has another version than the precondition asks for."),
            (413, "The body is larger than the limit."),
            (415, "The body is not JSON."),
            (
                429,
                "Too much waits, or the brake holds the person; `Retry-After` says when to try again.",
            ),
            (501, "This server does not offer that part of the protocol."),
            (503, "The database is away; `Retry-After` says when to try again."),
        ];
        let response = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: SCIM_JSON,
                schema: MetaSchemaRef::Reference("Error".to_owned()),
            }],
            headers: vec![],
        };
        MetaResponses { responses: answers.map(response).into() }
    }

    fn register(registry: &mut Registry) {
        let text = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let schema = MetaSchema {
            description: Some("An error, RFC 7644 §3.12."),
            properties: vec![
                (
                    "schemas",
                    MetaSchemaRef::Inline(Box::new(MetaSchema {
                        items: Some(Box::new(text())),
                        ..MetaSchema::new("array")
                    })),
                ),
                ("status", text()),
                ("scimType", text()),
                ("detail", text()),
            ],
            required: vec!["schemas", "status"],
            ..MetaSchema::new("object")
        };
        registry.schemas.insert("Error".to_owned(), schema);
    }
}

/// The answer to an error that poem made, or that a handler has put into words.
pub(super) fn scim_response(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    refusal(&error).into_response()
}

fn refusal(error: &poem::Error) -> Refusal {
    let status = error.status();
    if error.is::<NotFoundError>() || error.is::<ParsePathError>() {
        return Refusal::nowhere();
    }
    if error.is::<MethodNotAllowedError>() {
        return Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this endpoint has no such method");
    }
    if error.is::<ContentTypeError>() {
        return Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be application/scim+json or application/json",
        );
    }
    if error.is::<ParseParamError>() {
        return ScimError::InvalidValue("a parameter or header cannot be read".to_owned()).into();
    }
    if matches!(error.downcast_ref(), Some(ReadBodyError::PayloadTooLarge)) {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than the limit");
    }
    if status.is_client_error() {
        return Refusal::new(status, status.canonical_reason().unwrap_or("refused"));
    }
    error!(%error, "a handler failed");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; this was logged")
}
