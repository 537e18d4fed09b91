//! Push delivery: one Set, one request (RFC 8935).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::{ExposeSecret, SecretString};

use super::{Outcome, OutgoingClient, OutgoingError, issue::IssuedSet};

const SET_TYPE: HeaderValue = HeaderValue::from_static("application/secevent+jwt");
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// Where a Set stands in the order of its stream's events, ours and no standard's:
/// a receiver can tell by it what is older than what it has.
pub const STREAM_SEQ: HeaderName = HeaderName::from_static("x-stream-seq");

/// Sends Sets to push receivers.
#[derive(Debug, Clone)]
pub struct Pusher {
    client: OutgoingClient,
}

impl Pusher {
    /// Sends through `client`.
    pub fn new(client: OutgoingClient) -> Self {
        Self { client }
    }

    /// What it sends through.
    pub(super) fn client(&self) -> &OutgoingClient {
        &self.client
    }

    /// Sends a Set in compact form and gives what came of it (RFC 8935 §2.1).
    ///
    /// `authorization` goes into the header byte for byte (SSF 1.0 §6.1.1);
    /// without it there is no such header.
    pub async fn push(
        &self,
        endpoint_url: &str,
        authorization: Option<&SecretString>,
        set: IssuedSet,
    ) -> Outcome {
        let secret = authorization.map(SecretString::expose_secret);
        let Some(mut headers) = headers(secret) else {
            let reason = "the authorization value does not fit into a header";
            return Outcome::Failed(OutgoingError::Refused(reason));
        };
        headers.insert(STREAM_SEQ, set.seq.into());
        match self.client.post(endpoint_url, headers, set.compact).await {
            Ok(answer) => {
                let retry_after = answer.retry_after();
                Outcome::of_answer(answer.status, retry_after, &answer.body, secret)
            }
            Err(error) => Outcome::Failed(error),
        }
    }
}

fn headers(authorization: Option<&str>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, SET_TYPE);
    headers.insert(ACCEPT, JSON_TYPE);
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::from_bytes(authorization.as_bytes()).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Some(headers)
}
