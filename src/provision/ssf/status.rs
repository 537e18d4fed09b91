//! Status and verification of streams (SSF 1.0 §8.1.2, §8.1.4).

use serde_json::{Value, json};

use super::{
    MIN_VERIFICATION_S, Managed, SsfError, Transmitter,
    configuration::{invalid, named, object, text},
};
use crate::{
    event::EventUri,
    store::{ChangedBy, OperationalEvent, StatusChange, StreamStatus, Verified},
    tenant::StreamId,
};

impl Transmitter {
    /// Whether a stream transmits.
    ///
    /// # Errors
    ///
    /// [`SsfError::UnknownStream`] if the receiver has none of that id.
    pub async fn read_status(&self, by: Managed, id: Option<StreamId>) -> Result<Value, SsfError> {
        let row = self.stream(&by, id).await?;
        Ok(shown(row.stream.id, row.stream.status, row.reason))
    }

    /// Changes whether a stream transmits, and gives what it is now.
    ///
    /// # Errors
    ///
    /// [`SsfError::Invalid`] if the body does not say what to;
    /// [`SsfError::UnknownStream`] if the receiver has no such stream.
    pub async fn set_status(&self, by: Managed, body: &[u8]) -> Result<Value, SsfError> {
        let body = object(body)?;
        let id = named(&body)?;
        let status = body.get("status").and_then(Value::as_str).and_then(StreamStatus::parse);
        let status =
            status.ok_or_else(|| invalid("`status` is `enabled`, `paused` or `disabled`"))?;
        let reason = text(&body, "reason")?;
        let id = self.stream(&by, id).await?.stream.id;
        let change = StatusChange {
            status,
            reason: reason.clone(),
            by: ChangedBy::Receiver(by.receiver),
            at_us: self.clock.now_us(),
            notice: self.clock.new_id(),
        };
        match self.store.tenant(by.tenant).change_stream_status(id, change).await? {
            true => Ok(shown(id, status, reason)),
            false => Err(SsfError::UnknownStream),
        }
    }

    /// Sends a verification over a stream; what the receiver gives as its state comes
    /// back in it.
    ///
    /// # Errors
    ///
    /// [`SsfError::Invalid`] if the state is no short string;
    /// [`SsfError::UnknownStream`] if the receiver has no such stream;
    /// [`SsfError::TooSoon`] if it asked a moment ago.
    pub async fn verify(&self, by: Managed, body: &[u8]) -> Result<(), SsfError> {
        let body = object(body)?;
        let id = named(&body)?;
        let payload = match text(&body, "state")? {
            Some(state) => json!({ "state": state }),
            None => json!({}),
        };
        let stream = self.stream(&by, id).await?.stream.id;
        let event = self.verification(stream, payload);
        let (now_us, interval_us) = (event.at_us, MIN_VERIFICATION_S * 1_000_000);
        let store = self.store.tenant(by.tenant);
        let since_us = now_us.saturating_sub(interval_us);
        match store.ask_verification(by.receiver, event, since_us).await? {
            Verified::Done => Ok(()),
            Verified::Unknown => Err(SsfError::UnknownStream),
            Verified::TooSoon(asked_us) => {
                let left_us = asked_us.saturating_add(interval_us).saturating_sub(now_us);
                let wait = left_us.div_euclid(1_000_000).saturating_add(1);
                Err(SsfError::TooSoon { min: MIN_VERIFICATION_S, wait })
            }
        }
    }

    pub(super) fn verification(&self, stream: StreamId, payload: Value) -> OperationalEvent {
        OperationalEvent {
            id: self.clock.new_id(),
            stream,
            uri: EventUri::Verification,
            payload,
            at_us: self.clock.now_us(),
        }
    }
}

fn shown(id: StreamId, status: StreamStatus, reason: Option<String>) -> Value {
    let mut shown = json!({ "stream_id": id.to_string(), "status": status.as_str() });
    if let (Some(members), Some(reason)) = (shown.as_object_mut(), reason) {
        members.insert("reason".to_owned(), reason.into());
    }
    shown
}
