//! What sinks say over HTTP: requests put together, answers taken apart.

use std::{fmt, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{command::Stop, rehearsal::Notes};
use crate::delivery::{
    OutgoingClient, OutgoingError, Remedy,
    outgoing::{Answer, Call, MAX_ANSWER, TOTAL_TIMEOUT},
};

/// Bytes of an answer that is a list.
const MAX_LIST: usize = 64 * 1024;
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");
const FORM_TYPE: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// What RFC 3986 §2.3 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The way out for sinks.
#[derive(Debug)]
pub(in crate::delivery) struct Http<'a> {
    way: Way<'a>,
    /// At most so long for each request, whatever it says itself.
    patience: Option<Duration>,
}

#[derive(Debug)]
enum Way<'a> {
    Out(&'a OutgoingClient),
    /// Nothing leaves.
    Notes(&'a Notes),
}

impl<'a> Http<'a> {
    pub(in crate::delivery) fn new(client: &'a OutgoingClient) -> Self {
        Self { way: Way::Out(client), patience: None }
    }

    /// Notes requests in place of sending them.
    pub(super) fn noting(notes: &'a Notes) -> Self {
        Self { way: Way::Notes(notes), patience: None }
    }

    /// With a limit for every request.
    #[cfg(test)]
    pub(in crate::delivery) fn patient(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The way out for what is not HTTP; none if nothing may leave.
    pub(in crate::delivery) fn client(&self) -> Option<&OutgoingClient> {
        match self.way {
            Way::Out(client) => Some(client),
            Way::Notes(_) => None,
        }
    }

    /// Makes a request; whatever is answered is `Ok`.
    pub(in crate::delivery) async fn call(&self, draft: Draft) -> Result<Answer, OutgoingError> {
        if let Some(reason) = draft.fault {
            return Err(OutgoingError::Refused(reason));
        }
        let call = Call {
            method: draft.method,
            url: draft.url,
            headers: draft.headers,
            body: draft.body,
            patience: self.patience.unwrap_or(draft.patience),
            room: draft.room,
        };
        match self.way {
            Way::Out(client) => client.request(call).await,
            Way::Notes(notes) => Ok(notes.take(&call)),
        }
    }
}

/// A request that is being put together.
#[derive(Clone)]
pub(in crate::delivery) struct Draft {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: String,
    patience: Duration,
    room: usize,
    /// Why it cannot be sent.
    fault: Option<&'static str>,
}

impl Draft {
    pub(in crate::delivery) fn new(method: Method, url: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON_TYPE);
        Self {
            method,
            url: url.into(),
            headers,
            body: String::new(),
            patience: TOTAL_TIMEOUT,
            room: MAX_ANSWER,
            fault: None,
        }
    }

    pub(in crate::delivery) fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    pub(in crate::delivery) fn post(url: impl Into<String>) -> Self {
        Self::new(Method::POST, url)
    }

    pub(in crate::delivery) fn put(url: impl Into<String>) -> Self {
        Self::new(Method::PUT, url)
    }

    pub(in crate::delivery) fn patch(url: impl Into<String>) -> Self {
        Self::new(Method::PATCH, url)
    }

    pub(in crate::delivery) fn delete(url: impl Into<String>) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// With a header in place of another of its name.
    pub(in crate::delivery) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.insert(HeaderName::from_static(name), value, false);
        self
    }

    /// With a header that nothing may show.
    pub(in crate::delivery) fn secret_header(mut self, name: &'static str, value: &str) -> Self {
        self.insert(HeaderName::from_static(name), value, true);
        self
    }

    /// With a bearer token (RFC 6750 §2.1).
    pub(in crate::delivery) fn bearer(mut self, token: &str) -> Self {
        self.insert(AUTHORIZATION, &format!("Bearer {token}"), true);
        self
    }

    /// With a body in JSON.
    pub(in crate::delivery) fn json(mut self, body: &Value) -> Self {
        self.headers.insert(CONTENT_TYPE, JSON_TYPE);
        self.body = body.to_string();
        self
    }

    /// With the fields of a form.
    pub(in crate::delivery) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| format!("{}={}", escape(name), escape(value));
        self.headers.insert(CONTENT_TYPE, FORM_TYPE);
        self.body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        self
    }

    /// With a body as it is; its type is a header.
    pub(in crate::delivery) fn text(mut self, body: String) -> Self {
        self.body = body;
        self
    }

    /// With another limit than usual, from connecting to the last byte read.
    pub(in crate::delivery) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The answer is a list, of which more is read.
    pub(in crate::delivery) fn listing(mut self) -> Self {
        self.room = MAX_LIST;
        self
    }

    fn insert(&mut self, name: HeaderName, value: &str, is_secret: bool) {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(is_secret);
                self.headers.insert(name, value);
            }
            Err(_) => self.fault = Some("a value does not fit into a header"),
        }
    }
}

/// Shows neither headers nor body, which hold credentials.
impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("method", &self.method).field("url", &self.url).finish()
    }
}

impl Answer {
    /// The answer, if it is a success.
    ///
    /// The statuses are read as for every target: 404 means that the user is gone,
    /// 409 that it is done already.
    pub(in crate::delivery) fn done(self) -> Result<Self, Stop> {
        let status = self.status;
        let stop = |remedy| {
            Err(Stop::because(Some(status), remedy, format!("the target answered {status}")))
        };
        match status {
            200..=299 | 409 => Ok(self),
            404 => Err(Stop::Gone),
            401 | 403 => stop(Remedy::Credentials),
            429 => stop(Remedy::Retry(Some(self.retry_after().unwrap_or(A_MINUTE)))),
            408 | 425 | 300..=399 => stop(Remedy::Retry(None)),
            500..=599 => stop(Remedy::Retry(self.retry_after())),
            _ => stop(Remedy::Nothing),
        }
    }

    /// The body as JSON.
    pub(in crate::delivery) fn json(&self) -> Result<Value, Stop> {
        serde_json::from_slice(&self.body).map_err(|_| Stop::unclear("the answer is no JSON"))
    }

    /// `Retry-After` as a wait (RFC 9110 §10.2.3).
    ///
    /// A date is compared with the receiver's own `Date`, so that a clock which goes
    /// wrong there does not matter here.
    pub(in crate::delivery) fn retry_after(&self) -> Option<Duration> {
        let text = self.header(&RETRY_AFTER)?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = |text: &str| OffsetDateTime::parse(text, &Rfc2822).ok();
        let wait = date(text)? - date(self.header(&DATE)?)?;
        Duration::try_from(wait).ok()
    }
}

/// For whoever is throttled and not told how long.
pub(super) const A_MINUTE: Duration = Duration::from_mins(1);

/// `text` for a query or form.
pub(in crate::delivery) fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// `text` as one segment of a path. A name that would lead elsewhere is refused:
/// it comes from the directory, and our credentials go with the request.
pub(in crate::delivery) fn segment(text: &str) -> Result<String, Stop> {
    match text {
        "" | "." | ".." => Err(Stop::never("the user's name cannot stand in a URL")),
        text => Ok(escape(text)),
    }
}
