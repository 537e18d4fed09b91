//! Attempts that are not made: what would be said, without what is secret.

use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::{
    Parcel, Sinks,
    http::{Http, escape},
    settings::Secrets,
};
use crate::{
    delivery::{
        Outcome,
        outgoing::{Answer, Call},
    },
    event::jti,
    store::{Claim, DeliveryMethod},
};

/// Stands in place of a secret.
const HIDDEN: &str = "(secret)";

/// Requests that were not sent.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Vec<Value>>);

impl Notes {
    /// Notes a request. What is answered has a token for those who ask for one, and
    /// nothing else.
    pub(super) fn take(&self, call: &Call) -> Answer {
        let mut headers = Map::new();
        for (name, value) in &call.headers {
            let shown = match value.is_sensitive() {
                true => HIDDEN,
                false => value.to_str().unwrap_or(HIDDEN),
            };
            headers.insert(name.to_string(), shown.into());
        }
        let note = json!({
            "method": call.method.as_str(),
            "url": call.url,
            "headers": headers,
            "body": call.body,
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        let body = json!({ "access_token": HIDDEN }).to_string().into_bytes();
        Answer { status: 200, headers: Default::default(), body }
    }

    /// What was noted, without these secrets wherever they stand.
    fn into_values(self, secrets: &Secrets) -> Vec<Value> {
        let mut notes = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets.values().filter(|secret| !secret.is_empty()) {
            let escaped = escape(secret);
            notes.iter_mut().for_each(|note| hide(note, &[secret, &escaped]));
        }
        notes
    }
}

fn hide(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => {
            for secret in secrets {
                if text.contains(secret) {
                    *text = text.replace(secret, HIDDEN);
                }
            }
        }
        Value::Object(members) => members.values_mut().for_each(|it| hide(it, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

/// The requests that an attempt would make, as far as they do not depend on
/// answers; with why it would make no more, if it would not. Tokens that we would
/// sign have no signature.
pub async fn rehearse(
    claim: &Claim,
    secrets: Option<&SecretString>,
    issuer: &str,
    now_us: i64,
) -> (Vec<Value>, Option<String>) {
    let DeliveryMethod::Sink { kind, endpoint_url } = &claim.stream.method else {
        return (Vec::new(), None);
    };
    let parcel = Parcel {
        claim,
        endpoint_url,
        secrets,
        issuer,
        jti: &jti(claim.event_id, claim.stream.id.0),
        now_us,
        keys: None,
    };
    let notes = Notes::default();
    let outcome = Sinks::default().send(*kind, &Http::noting(&notes), &parcel).await;
    let requests = notes.into_values(&Secrets::parse(secrets).unwrap_or_default());
    // An answer that was made up cannot be understood by everybody.
    let fault = match outcome {
        Outcome::Refused(_) | Outcome::NotReady | Outcome::Failed(_) if requests.is_empty() => {
            Some(outcome.describe())
        }
        _ => None,
    };
    (requests, fault)
}
