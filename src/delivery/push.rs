//! Push delivery: one Set, one request (RFC 8935).

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{Outcome, OutgoingClient, OutgoingError, outgoing::Answer};

const SET_TYPE: HeaderValue = HeaderValue::from_static("application/secevent+jwt");
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

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
        compact: String,
    ) -> Outcome {
        let secret = authorization.map(SecretString::expose_secret);
        let Some(headers) = headers(secret) else {
            let reason = "the authorization value does not fit into a header";
            return Outcome::Failed(OutgoingError::Refused(reason));
        };
        match self.client.post(endpoint_url, headers, compact).await {
            Ok(answer) => {
                let retry_after = retry_after(&answer);
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

/// `Retry-After` as a wait (RFC 9110 §10.2.3).
///
/// A date is compared with the receiver's own `Date`, so that a clock which goes
/// wrong there does not matter here.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.header(&RETRY_AFTER)?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| OffsetDateTime::parse(text, &Rfc2822).ok();
    let wait = date(text)? - date(answer.header(&DATE)?)?;
    Duration::try_from(wait).ok()
}
