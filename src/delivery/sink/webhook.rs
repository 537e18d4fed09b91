//! Standard Webhooks: signed messages of a thin JSON body.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use super::{
    Parcel, Sink,
    http::{Draft, Http},
    settings::{Target, read},
};
use crate::{
    delivery::{Outcome, OutgoingError, Refusal, Remedy, outgoing::Answer},
    event::webhook::{Message, SigningKeys, WebhookType},
};

/// An endpoint may take longer than the other receivers.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// An endpoint of Standard Webhooks.
pub(super) struct Webhook;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What it is told; everything if it does not say.
    types: Option<Vec<String>>,
    /// Shown to operators; not used for sending.
    #[serde(default, rename = "public_key")]
    _public_key: Option<String>,
}

#[async_trait]
impl Sink for Webhook {
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
        let body = message.body(webhook_type).to_string();
        let draft = Draft::post(parcel.endpoint_url)
            .header("content-type", "application/json")
            .patience(PATIENCE);
        match signed(draft, parcel, body) {
            Some(draft) => outcome(http.call(draft).await),
            None => Outcome::NotReady,
        }
    }
}

/// What is wrong with the types that an endpoint asks for.
pub(super) fn check_types(types: Option<&[String]>) -> Result<(), String> {
    let types = types.unwrap_or_default();
    match types.iter().find(|name| WebhookType::parse(name).is_none()) {
        Some(unknown) => {
            let names: Vec<&str> = WebhookType::ALL.into_iter().map(WebhookType::as_str).collect();
            Err(format!("`types`: `{unknown}` is not known; expected: {}", names.join(", ")))
        }
        None => Ok(()),
    }
}

/// What a claim tells.
pub(super) fn message<'a>(parcel: &Parcel<'a>) -> Message<'a> {
    let claim = parcel.claim;
    Message {
        tenant: &claim.stream.tenant_name,
        txn: &claim.txn,
        uri: claim.uri,
        subject: &claim.subject,
        payload: &claim.payload,
        occurred_us: claim.occurred_us,
    }
}

/// What the message is called, if it has a name and the endpoint wants it.
pub(super) fn wanted(message: &Message<'_>, types: Option<&[String]>) -> Option<WebhookType> {
    let webhook_type = message.webhook_type()?;
    let is_wanted = webhook_type == WebhookType::Ping
        || types.is_none_or(|types| types.iter().any(|name| name == webhook_type.as_str()));
    is_wanted.then_some(webhook_type)
}

/// The request with its body and the headers of Standard Webhooks; none if the
/// keys cannot be read.
pub(super) fn signed(draft: Draft, parcel: &Parcel<'_>, body: String) -> Option<Draft> {
    let keys = SigningKeys::read(parcel.secrets?)?;
    let signature = keys.sign(parcel.jti, parcel.now_us, &body).ok()?;
    let timestamp = parcel.now_us.div_euclid(1_000_000).to_string();
    let mut draft = draft
        .header("webhook-id", parcel.jti)
        .header("webhook-timestamp", &timestamp)
        .header("webhook-signature", &signature);
    if let Some(authorization) = keys.authorization() {
        draft = draft.secret_header("authorization", authorization);
    }
    Some(draft.text(body))
}

/// What an answer means. The words of an endpoint are no Set errors, and may
/// repeat what it was sent.
pub(super) fn outcome(answer: Result<Answer, OutgoingError>) -> Outcome {
    match answer {
        Ok(answer) => Outcome::of_answer(answer.status, answer.retry_after(), &[], None),
        Err(error) => Outcome::Failed(error),
    }
}

/// The endpoint does not take part, for now.
pub(super) fn refused(reason: &str) -> Outcome {
    let remedy = Remedy::Retry(None);
    Outcome::Refused(Refusal { status: None, remedy, reason: reason.to_owned() })
}
