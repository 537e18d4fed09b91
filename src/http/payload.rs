//! Bodies of SCIM requests and answers: bytes, described as what they hold.
//!
//! Answers are built from stored text, and requests are read by
//! `scim::json`, which is stricter than a JSON library; so nothing is parsed
//! into types here.

use std::{marker::PhantomData, time::Duration};

use bytes::Bytes;
use poem::{
    Body, IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    payload::{ParsePayload, Payload},
    registry::{MetaSchemaRef, Registry},
    types::Type,
};
use tokio::time::timeout;

use super::error::Refusal;
use crate::scim::ScimError;

/// Media type of the protocol (RFC 7644 §3.8).
pub(super) const SCIM_JSON: &str = "application/scim+json";
/// How long a client may take to send a body.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Largest body of a request, in bytes; in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimit(pub(super) usize);

/// A body that holds a `T`.
#[derive(Debug, Clone)]
pub(super) struct ScimJson<T>(pub(super) Bytes, PhantomData<fn() -> T>);

impl<T> ScimJson<T> {
    pub(super) fn new(body: impl Into<Bytes>) -> Self {
        Self(body.into(), PhantomData)
    }
}

impl<T: Type> Payload for ScimJson<T> {
    const CONTENT_TYPE: &'static str = SCIM_JSON;

    fn check_content_type(content_type: &str) -> bool {
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let json = ["application/scim+json", "application/json"];
        json.iter().any(|known| essence.eq_ignore_ascii_case(known))
            && parts.filter_map(|part| part.split_once('=')).all(|(name, value)| {
                !name.trim().eq_ignore_ascii_case("charset")
                    || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> ParsePayload for ScimJson<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        refuse_encoded(request)
            .map_err(|refusal| poem::Error::from_response(refusal.into_response()))?;
        let limit = request.data::<BodyLimit>().map_or(0, |limit| limit.0);
        read_body(body.take()?, limit)
            .await
            .map(Self::new)
            .map_err(|refusal| poem::Error::from_response(refusal.into_response()))
    }
}

impl<T> IntoResponse for ScimJson<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(SCIM_JSON).body(self.0)
    }
}

poem_openapi::impl_apirequest_for_payload!(ScimJson<T>, T: Type);

/// A body that says it is compressed would not be what it looks like.
fn refuse_encoded(request: &Request) -> Result<(), Refusal> {
    let codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    match codings.map(HeaderValue::as_bytes).all(|it| it.eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must not have a `Content-Encoding`",
        )
        .with_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
    }
}

/// Reads a body of at most `limit` bytes, in bounded time.
pub(super) async fn read_body(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    match timeout(BODY_DEADLINE, body.into_bytes_limit(limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(poem::error::ReadBodyError::PayloadTooLarge)) => {
            Err(ScimError::TooLarge { limit }.into())
        }
        Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "the body ended too early")),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} seconds", BODY_DEADLINE.as_secs()),
        )),
    }
}
