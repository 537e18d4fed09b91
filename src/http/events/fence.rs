//! `/t/{tenant}/fence`: whose tokens are not to be taken any more.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use poem::{
    Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Events,
    answer::{Failure, empty, method_not_allowed, respond},
};
use crate::{
    http::auth::require_any,
    provision::{FenceAnswer, FenceError, FenceRequest},
    tenant::Scope,
};

/// How long a read waits if it does not say.
const WAIT_S: u64 = 30;
/// How long it may wait: an answer takes no longer than any other.
const LONGEST_WAIT_S: u64 = 50;

impl Events {
    /// Answers a request for the fence.
    pub(super) async fn fence(&self, request: &Request, tenant: &str) -> Response {
        match *request.method() {
            Method::GET | Method::HEAD => {
                self.read_fence(request, tenant).await.unwrap_or_else(Failure::into_response)
            }
            _ => method_not_allowed("GET, HEAD"),
        }
    }

    async fn read_fence(&self, request: &Request, tenant: &str) -> Result<Response, Failure> {
        let caller = self.authenticator.event_caller(request, tenant).await?;
        require_any(&caller, &[Scope::Fence])?;
        let asked = parse(request.uri().query().unwrap_or_default())?;
        let answer = self.fence.read(&caller, &asked).await?;
        let tag = tag(&answer);
        let known = request.headers().get(header::IF_NONE_MATCH);
        let mut response = match known.is_some_and(|known| *known == tag) {
            true => empty(StatusCode::NOT_MODIFIED),
            false => respond(StatusCode::OK, &json!(answer)),
        };
        response.headers_mut().insert(header::ETAG, tag);
        Ok(response)
    }
}

/// What names an answer. The cursor is no part of it: it moves on although there
/// is nothing new, and an older one misses nothing.
fn tag(answer: &FenceAnswer) -> HeaderValue {
    let text = json!([answer.fences, answer.more]).to_string();
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash));
    HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

fn parse(query: &str) -> Result<FenceRequest, Failure> {
    let mut request =
        FenceRequest { since: None, wait: Duration::from_secs(WAIT_S), application: None };
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        match name {
            "since" => request.since = Some(value.into_owned()).filter(|it| !it.is_empty()),
            "wait" => {
                let seconds = value.parse().ok().filter(|seconds| *seconds <= LONGEST_WAIT_S);
                let seconds = seconds.ok_or_else(|| {
                    let rule = format!("`wait`: expected seconds, at most {LONGEST_WAIT_S}");
                    Failure::invalid(&rule)
                })?;
                request.wait = Duration::from_secs(seconds);
            }
            "application" => {
                let id = Uuid::try_parse(&value);
                let wrong = |_| Failure::invalid("`application`: expected an application's id");
                request.application = Some(id.map_err(wrong)?);
            }
            _ => (),
        }
    }
    Ok(request)
}

impl From<FenceError> for Failure {
    fn from(error: FenceError) -> Self {
        match error {
            FenceError::Cursor => Self::invalid(&error.to_string()),
            FenceError::Store(error) => error.into(),
        }
    }
}
