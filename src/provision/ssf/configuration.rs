//! Stream configurations as receivers write them and as they are answered
//! (SSF 1.0 §8.1.1).

use secrecy::SecretString;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    MIN_VERIFICATION_S, SsfError, Transmitter,
    metadata::{POLL, PUSH},
};
use crate::{
    event::EventUri,
    store::{DeliveryMethod, ReceiverStream},
    tenant::StreamId,
};

/// Types that a receiver may ask for.
const MOST_EVENTS: usize = 100;
/// Bytes of a URI.
const URI_BYTES: usize = 512;
/// Characters of a description or reason.
const TEXT_CHARS: usize = 1_000;
/// Bytes of an `Authorization` header.
const HEADER_BYTES: usize = 4_096;

/// What a stream carries whose receiver does not say.
const BY_DEFAULT: [EventUri; 2] = [EventUri::SessionRevoked, EventUri::AccountDisabled];

/// What a receiver supplies. `None` is what it did not say.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) delivery: Option<Delivery>,
    pub(super) requested: Option<Vec<String>>,
    pub(super) description: Option<String>,
}

/// How events shall travel.
#[derive(Debug)]
pub(super) enum Delivery {
    Poll {
        /// What it takes for the address, which is ours to say.
        endpoint_url: Option<String>,
    },
    Push {
        endpoint_url: String,
        authorization: Header,
    },
}

/// The `Authorization` header of a push.
#[derive(Debug)]
pub(super) enum Header {
    Unsaid,
    None,
    Value(SecretString),
}

/// A body that is a JSON object.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, SsfError> {
    serde_json::from_slice(body).map_err(|_| invalid("the body is not a JSON object"))
}

/// The stream that a body names; none if no stream can have that id.
pub(super) fn named(body: &Map<String, Value>) -> Result<Option<StreamId>, SsfError> {
    match body.get("stream_id") {
        Some(Value::String(id)) => Ok(Uuid::parse_str(id).ok().map(StreamId)),
        _ => Err(invalid("`stream_id` must be there and be a string")),
    }
}

/// A short text of a receiver's.
pub(super) fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, SsfError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= TEXT_CHARS => Ok(Some(text.clone())),
        Some(_) => Err(SsfError::Invalid(format!(
            "`{name}` is a string of at most {TEXT_CHARS} characters"
        ))),
    }
}

pub(super) fn invalid(what: &str) -> SsfError {
    SsfError::Invalid(what.to_owned())
}

impl Wanted {
    /// Reads what the receiver supplies. Members that we do not know are ignored
    /// (SSF 1.0 §8.1.1).
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, SsfError> {
        Ok(Self {
            delivery: delivery(body.get("delivery"))?,
            requested: requested(body.get("events_requested"))?,
            description: text(body, "description")?,
        })
    }
}

fn delivery(value: Option<&Value>) -> Result<Option<Delivery>, SsfError> {
    let delivery = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(delivery)) => delivery,
        Some(_) => return Err(invalid("`delivery` is an object")),
    };
    let endpoint_url = match delivery.get("endpoint_url") {
        None | Some(Value::Null) => None,
        Some(Value::String(url)) => Some(url.clone()),
        Some(_) => return Err(invalid("`delivery.endpoint_url` is a string")),
    };
    let authorization = header(delivery.get("authorization_header"))?;
    match delivery.get("method").and_then(Value::as_str) {
        Some(PUSH) => {
            let endpoint_url =
                endpoint_url.ok_or_else(|| invalid("a push needs `delivery.endpoint_url`"))?;
            Ok(Some(Delivery::Push { endpoint_url, authorization }))
        }
        Some(POLL) => match authorization {
            Header::Value(_) => {
                Err(invalid("`delivery.authorization_header` is for pushing; a poll has a token"))
            }
            Header::Unsaid | Header::None => Ok(Some(Delivery::Poll { endpoint_url })),
        },
        _ => Err(SsfError::Invalid(format!("`delivery.method` is {PUSH} or {POLL}"))),
    }
}

fn header(value: Option<&Value>) -> Result<Header, SsfError> {
    match value {
        None => Ok(Header::Unsaid),
        Some(Value::Null) => Ok(Header::None),
        Some(Value::String(text))
            if !text.trim().is_empty()
                && text.len() <= HEADER_BYTES
                && http::HeaderValue::from_str(text).is_ok() =>
        {
            Ok(Header::Value(text.as_str().into()))
        }
        Some(_) => {
            Err(invalid("`delivery.authorization_header` is a string that can be sent in a header"))
        }
    }
}

fn requested(value: Option<&Value>) -> Result<Option<Vec<String>>, SsfError> {
    let wrong = || {
        SsfError::Invalid(format!(
            "`events_requested` is an array of at most {MOST_EVENTS} URIs of at most {URI_BYTES} \
             bytes"
        ))
    };
    let uris = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(uris)) if uris.len() <= MOST_EVENTS => uris,
        Some(_) => return Err(wrong()),
    };
    let uri = |uri: &Value| uri.as_str().filter(|uri| uri.len() <= URI_BYTES).map(str::to_owned);
    uris.iter().map(uri).collect::<Option<Vec<_>>>().map(Some).ok_or_else(wrong)
}

/// What a receiver that did not say is taken to have asked for.
pub(super) fn requested_by_default() -> Vec<String> {
    BY_DEFAULT.map(|uri| uri.as_str().to_owned()).into()
}

/// Every type that a receiver can get.
fn supported() -> Vec<EventUri> {
    EventUri::offered(false).collect()
}

/// The types that are sent of those that were asked for; what we do not know is
/// ignored (SSF 1.0 §8.1.1).
pub(super) fn delivered(requested: &[String]) -> Vec<EventUri> {
    let asked: Vec<EventUri> = requested.iter().filter_map(|uri| EventUri::parse(uri)).collect();
    supported().into_iter().filter(|uri| asked.contains(uri)).collect()
}

impl Transmitter {
    /// The configuration of a stream as its receiver sees it. The header that we
    /// push with is not shown: who can read a configuration need not know it.
    pub(super) fn shown(&self, row: &ReceiverStream) -> Value {
        let stream = &row.stream;
        let delivery = match &stream.method {
            DeliveryMethod::Push { endpoint_url } | DeliveryMethod::Sink { endpoint_url, .. } => {
                json!({ "method": PUSH, "endpoint_url": endpoint_url })
            }
            DeliveryMethod::Poll => {
                json!({ "method": POLL, "endpoint_url": self.poll_url(row) })
            }
        };
        let mut shown = json!({
            "stream_id": stream.id.to_string(),
            "iss": self.issuer(&stream.tenant_name),
            "aud": stream.audience,
            "events_supported": supported(),
            "events_requested": row.requested,
            "events_delivered": stream.events,
            "delivery": delivery,
            "min_verification_interval": MIN_VERIFICATION_S,
        });
        if let Some(members) = shown.as_object_mut() {
            if let (Some(seconds), DeliveryMethod::Poll) = (row.inactivity_s, &stream.method) {
                members.insert("inactivity_timeout".to_owned(), seconds.into());
            }
            if let Some(description) = &row.description {
                members.insert("description".to_owned(), description.as_str().into());
            }
        }
        shown
    }

    fn poll_url(&self, row: &ReceiverStream) -> String {
        format!("{}/ssf/poll/{}", self.issuer(&row.stream.tenant_name), row.stream.id)
    }

    /// Refuses a configuration that would change what is ours (SSF 1.0 §8.1.1.3).
    pub(super) fn check_ours(
        &self,
        body: &Map<String, Value>,
        wanted: &Wanted,
        row: &ReceiverStream,
    ) -> Result<(), SsfError> {
        let shown = self.shown(row);
        let ours = [
            "iss",
            "aud",
            "events_supported",
            "events_delivered",
            "min_verification_interval",
            "inactivity_timeout",
        ];
        for name in ours {
            let is = |given: &Value| shown.get(name).is_some_and(|ours| same(ours, given));
            if body.get(name).is_some_and(|given| !given.is_null() && !is(given)) {
                return Err(SsfError::Invalid(format!(
                    "`{name}` is the transmitter's, and is not what the request says"
                )));
            }
        }
        match &wanted.delivery {
            Some(Delivery::Poll { endpoint_url: Some(url) }) if *url != self.poll_url(row) => {
                Err(invalid("`delivery.endpoint_url` of a polled stream is the transmitter's"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether two values are the same; arrays are sets, and an array of one is its value.
fn same(ours: &Value, given: &Value) -> bool {
    match (ours, given) {
        (Value::Array(ours), Value::Array(given)) => {
            ours.iter().all(|it| given.contains(it)) && given.iter().all(|it| ours.contains(it))
        }
        (ours, Value::Array(given)) => given.as_slice() == [ours.clone()],
        _ => ours == given,
    }
}
