//! CloudEvents 1.0.2 over HTTP, with the abuse protection of its web hooks.
//!
//! Before the first delivery of this process, the endpoint is asked whether it
//! wants events from here, and how many a minute.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderName, Method};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Parcel, Sink,
    http::{Draft, Http},
    settings::{Target, read},
    webhook::{PATIENCE, check_types, message, outcome, refused, signed, wanted},
};
use crate::{
    delivery::Outcome,
    event::webhook::{Message, WebhookType},
};

const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");
/// What we ask for, in requests a minute.
const WANTED_RATE: u32 = 6_000;
/// A permission is asked for again after this long.
const PERMISSION_AGE: Duration = Duration::from_hours(24);
/// A delivery that would have to wait longer for its turn is put off instead.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// More endpoints than this are asked anew.
const MAX_KNOWN: usize = 10_000;

/// Endpoints of CloudEvents.
#[derive(Default)]
pub(super) struct CloudEvents {
    allowed: Mutex<HashMap<Key, Permission>>,
}

/// A receiver may get another address.
type Key = (uuid::Uuid, String);

/// What an endpoint allows.
#[derive(Clone, Copy)]
struct Permission {
    until: Instant,
    /// Between two deliveries.
    gap: Duration,
    /// When the next one may begin.
    next: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// The event is the body.
    #[default]
    Structured,
    /// The context is in headers, and the data is the body.
    Binary,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What it is told; everything if it does not say.
    types: Option<Vec<String>>,
    /// Shown to operators; not used for sending.
    #[serde(default, rename = "public_key")]
    _public_key: Option<String>,
    #[serde(default)]
    mode: Mode,
    /// Whether the endpoint is asked first.
    #[serde(default = "yes")]
    handshake: bool,
}

fn yes() -> bool {
    true
}

#[async_trait]
impl Sink for CloudEvents {
    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_types(read::<Settings>(target.settings)?.types.as_deref())
    }

    async fn send(&self, http: &Http<'_>, parcel: &Parcel<'_>) -> Outcome {
        let Ok(settings) = read::<Settings>(&parcel.claim.stream.settings) else {
            return Outcome::NotReady;
        };
        let message = message(parcel);
        let Some(webhook_type) = wanted(&message, settings.types.as_deref()) else {
            return Outcome::Skipped;
        };
        let origin = host(parcel.issuer);
        if settings.handshake
            && let Err(outcome) = self.admitted(http, parcel, &origin).await
        {
            return outcome;
        }
        let context = context(&message, parcel, &origin, webhook_type.as_str());
        let data = message.data(webhook_type);
        let draft = Draft::post(parcel.endpoint_url)
            .header("origin", &origin)
            .header("webhook-request-origin", &origin)
            .patience(PATIENCE);
        let (draft, body) = match settings.mode {
            Mode::Structured => {
                let draft = draft.header("content-type", "application/cloudevents+json");
                (draft, structured(&context, data).to_string())
            }
            Mode::Binary => {
                let draft = draft.header("content-type", "application/json");
                let with = |draft: Draft, (name, value): &(&'static str, String)| {
                    draft.header(name, value)
                };
                (context.iter().fold(draft, with), data.to_string())
            }
        };
        match signed(draft, parcel, body) {
            Some(draft) => outcome(http.call(draft).await),
            None => Outcome::NotReady,
        }
    }
}

impl CloudEvents {
    /// Returns when the delivery may begin, or gives why it may not.
    async fn admitted(
        &self,
        http: &Http<'_>,
        parcel: &Parcel<'_>,
        origin: &str,
    ) -> Result<(), Outcome> {
        let key = (parcel.claim.stream.id.0, parcel.endpoint_url.to_owned());
        if !self.knows(&key) {
            let gap = ask(http, parcel.endpoint_url, origin).await?;
            self.remember(key.clone(), gap);
        }
        match self.take_turn(&key) {
            Ok(turn) => {
                tokio::time::sleep_until(turn).await;
                Ok(())
            }
            Err(wait) => Err(Outcome::of_answer(429, Some(wait), &[], None)),
        }
    }

    fn knows(&self, key: &Key) -> bool {
        let allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.get(key).is_some_and(|it| Instant::now() < it.until)
    }

    fn remember(&self, key: Key, gap: Duration) {
        let mut allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        if MAX_KNOWN <= allowed.len() {
            allowed.clear();
        }
        let now = Instant::now();
        allowed.insert(key, Permission { until: now + PERMISSION_AGE, gap, next: now });
    }

    /// When the next delivery may begin; how long that is from now, if it is long.
    fn take_turn(&self, key: &Key) -> Result<Instant, Duration> {
        let mut allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let Some(permission) = allowed.get_mut(key) else { return Ok(now) };
        let turn = permission.next.max(now);
        if LONGEST_WAIT < turn - now {
            return Err(turn - now);
        }
        permission.next = turn + permission.gap;
        Ok(turn)
    }
}

/// Asks an endpoint whether it wants events from `origin`; the gap between two.
async fn ask(http: &Http<'_>, endpoint_url: &str, origin: &str) -> Result<Duration, Outcome> {
    let draft = Draft::new(Method::OPTIONS, endpoint_url)
        .header("webhook-request-origin", origin)
        .header("webhook-request-rate", &WANTED_RATE.to_string());
    let answer = http.call(draft).await.map_err(Outcome::Failed)?;
    // The status says nothing: an endpoint may answer OPTIONS for other reasons.
    match answer.header(&ALLOWED_ORIGIN).map(str::trim) {
        Some(allowed) if allowed == "*" || allowed.eq_ignore_ascii_case(origin) => {}
        Some(_) => return Err(refused("the endpoint allows events from another origin only")),
        None => return Err(refused("the endpoint did not allow events when it was asked")),
    }
    let rate = answer.header(&ALLOWED_RATE).and_then(|rate| rate.trim().parse().ok());
    Ok(match rate {
        Some(rate @ 1..) => Duration::from_mins(1) / rate,
        // `*` and nothing are no limit.
        Some(0) | None => Duration::ZERO,
    })
}

/// The context attributes under their names in headers; `ce-` is no part of them.
fn context(
    message: &Message<'_>,
    parcel: &Parcel<'_>,
    host: &str,
    webhook_type: &str,
) -> Vec<(&'static str, String)> {
    let mut context = vec![
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", parcel.jti.to_owned()),
        ("ce-source", parcel.issuer.to_owned()),
        ("ce-type", format!("{}.{webhook_type}.v1", reversed(host))),
        ("ce-time", message.time()),
    ];
    if !message.subject.endpoint.is_empty() {
        let endpoint = message.subject.endpoint.trim_start_matches('/');
        context.push(("ce-subject", format!("{endpoint}/{}", message.subject.id)));
    }
    context
}

/// The whole event in JSON.
pub(super) fn event(
    message: &Message<'_>,
    parcel: &Parcel<'_>,
    webhook_type: WebhookType,
) -> Value {
    let context = context(message, parcel, &host(parcel.issuer), webhook_type.as_str());
    structured(&context, message.data(webhook_type))
}

fn structured(context: &[(&'static str, String)], data: Value) -> Value {
    let mut event = Map::new();
    for (name, value) in context {
        event.insert(name.trim_start_matches("ce-").to_owned(), value.as_str().into());
    }
    event.insert("datacontenttype".to_owned(), "application/json".into());
    event.insert("data".to_owned(), data);
    event.into()
}

/// The host of an issuer.
fn host(issuer: &str) -> String {
    let url = Url::parse(issuer).ok();
    url.as_ref().and_then(Url::host_str).unwrap_or("localhost").to_owned()
}

/// A name of the DNS from its end; an address stays as it is.
fn reversed(host: &str) -> String {
    match host.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.rsplit('.').collect::<Vec<_>>().join("."),
    }
}
