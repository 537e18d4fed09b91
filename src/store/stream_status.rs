//! Whether a stream transmits, and the events that are about a stream itself.
//!
//! Those events have the stream's own id as their subject key. By it they are
//! found without looking through what the stream holds, and they wait for no
//! other event (SSF 1.0 §8.1.4.2).

use uuid::Uuid;

use serde_json::{Value, json};

use super::{
    Audience, OutboxEvent, StoreError, StreamStatus, TenantStore, TenantTx, statement::Sql,
};
use crate::{
    event::{EventUri, Subject},
    scim::resource::ResourceId,
    tenant::{ReceiverId, StreamId},
};

/// A verification that was asked for so long before its stream was resumed is not
/// sent any more: who asked has given up.
const STALE_US: i64 = 10 * 60 * 1_000_000;

/// Why a stream that is resumed has not all that happened meanwhile.
const DROPPED: &str = "HELD_EVENTS_DROPPED";

/// Who changes a stream's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedBy {
    /// Its receiver, who knows.
    Receiver(ReceiverId),
    /// The operator or the service: the receiver is told (SSF 1.0 §8.1.5).
    Us,
}

/// A new status of a stream.
#[derive(Debug, Clone)]
pub struct StatusChange {
    /// What it is now.
    pub status: StreamStatus,
    /// Why.
    pub reason: Option<String>,
    /// Who says so.
    pub by: ChangedBy,
    /// When, in microseconds since 1970.
    pub at_us: i64,
    /// Id of the event that tells of it.
    pub notice: Uuid,
}

/// An event about a stream.
#[derive(Debug, Clone)]
pub struct OperationalEvent {
    /// Its id.
    pub id: Uuid,
    /// The stream.
    pub stream: StreamId,
    /// Its type.
    pub uri: EventUri,
    /// What it says; an object.
    pub payload: Value,
    /// When it happened, in microseconds since 1970.
    pub at_us: i64,
}

impl TenantStore {
    /// Changes whether a stream transmits; whether the tenant has it.
    ///
    /// A stream that is disabled holds nothing, and has nothing when it is enabled
    /// again (SSF 1.0 §8.1.2.1).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn change_stream_status(
        &self,
        stream: StreamId,
        change: StatusChange,
    ) -> Result<bool, StoreError> {
        let found = self
            .write(move |tx| {
                let change = change.clone();
                Box::pin(async move { tx.change_stream_status(stream, &change).await })
            })
            .await?;
        // What was held may go now.
        self.store.appended.notify_waiters();
        Ok(found)
    }

    /// Puts an event about a stream on its way.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn append_operational(&self, event: OperationalEvent) -> Result<(), StoreError> {
        self.write(move |tx| {
            let event = event.clone();
            Box::pin(async move { tx.append_operational(&event).await })
        })
        .await
    }
}

impl TenantTx {
    async fn change_stream_status(
        &self,
        stream: StreamId,
        change: &StatusChange,
    ) -> Result<bool, StoreError> {
        let sql =
            Sql::new("select status, kind = 'ssf', dropped from stream").append(self.of(stream));
        let sql = match change.by {
            ChangedBy::Receiver(receiver) => sql.push(" and receiver_id = ?").bind(receiver.0),
            ChangedBy::Us => sql,
        };
        let sql = if self.locks_rows() { sql.push(" for update") } else { sql };
        let Some(row) = self.one(sql).await? else { return Ok(false) };
        let before = StreamStatus::from_code(row.try_get_by_index(0)?);
        let is_ssf: bool = row.try_get_by_index(1)?;
        let dropped: i64 = row.try_get_by_index(2)?;
        let lost_some = change.status == StreamStatus::Enabled && 0 < dropped;
        let change = &StatusChange {
            reason: if lost_some { Some(DROPPED.to_owned()) } else { change.reason.clone() },
            ..change.clone()
        };
        let update = Sql::new("update stream set failing_since_us = null, status = ?")
            .bind(change.status.code())
            .push(", reason = ?")
            .bind(change.reason.clone())
            .push(", dropped = ?")
            .bind(if lost_some { 0 } else { dropped })
            .append(self.of(stream));
        self.run(update).await?;
        if before == StreamStatus::Disabled || change.status == StreamStatus::Disabled {
            self.run(self.held(stream)).await?;
        }
        if change.status == StreamStatus::Enabled {
            self.forget_outdated(stream, change).await?;
            self.begin_anew(stream).await?;
        }
        // Also a receiver that resumed by itself must hear that something is missing.
        if is_ssf && (change.by == ChangedBy::Us && before != change.status || lost_some) {
            self.append_operational(&notice(stream, change)).await?;
        }
        Ok(true)
    }

    /// What failed before the stream was paused has another chance at once, as if it
    /// were new.
    async fn begin_anew(&self, stream: StreamId) -> Result<(), StoreError> {
        let sql = Sql::new(
            "update delivery set due_us = 0, attempt = 0, same_status = 0
             where state = 0 and lane < 2 and due_us > 0 and tenant_id = ?",
        )
        .bind(self.owner())
        .push(" and stream_id = ?")
        .bind(stream.0);
        self.run(sql).await.map(|_| ())
    }

    /// What need not be said any more when a stream is resumed.
    async fn forget_outdated(
        &self,
        stream: StreamId,
        change: &StatusChange,
    ) -> Result<(), StoreError> {
        let operational = |uri: EventUri| {
            self.held(stream)
                .push(" and subject_key = ?")
                .bind(stream.0)
                .push(
                    " and exists (select 1 from outbox o where o.seq = delivery.seq
                        and o.event_uri = ?",
                )
                .bind(uri.as_str())
        };
        let stale = operational(EventUri::Verification)
            .push(" and o.occurred_us < ?)")
            .bind(change.at_us.saturating_sub(STALE_US));
        self.run(stale).await?;
        if change.by != ChangedBy::Us {
            self.run(operational(EventUri::StreamUpdated).push(")")).await?;
        }
        Ok(())
    }

    pub(super) async fn append_operational(
        &self,
        event: &OperationalEvent,
    ) -> Result<(), StoreError> {
        let subject = serde_json::to_string(&Subject::stream(event.stream.to_string()));
        let outgoing = OutboxEvent {
            id: event.id,
            audience: Audience::Stream(event.stream),
            uri: event.uri,
            payload: event.payload.to_string(),
            subject_key: ResourceId::new(event.stream.0),
            subject: subject.map_err(|_| StoreError::Damaged("a subject".to_owned()))?,
        };
        self.append(&format!("tx_{}", event.id), event.at_us, &[outgoing]).await
    }

    /// Deletes what the stream has not delivered.
    fn held(&self, stream: StreamId) -> Sql {
        Sql::new("delete from delivery where state = 0 and tenant_id = ?")
            .bind(self.owner())
            .push(" and stream_id = ?")
            .bind(stream.0)
    }

    fn of(&self, stream: StreamId) -> Sql {
        Sql::new(" where tenant_id = ?").bind(self.owner()).push(" and id = ?").bind(stream.0)
    }
}

/// The event that tells a receiver of a status (SSF 1.0 §8.1.5).
fn notice(stream: StreamId, change: &StatusChange) -> OperationalEvent {
    let mut payload = json!({ "status": change.status.as_str() });
    if let (Some(members), Some(reason)) = (payload.as_object_mut(), &change.reason) {
        members.insert("reason".to_owned(), reason.as_str().into());
    }
    let StatusChange { notice: id, at_us, .. } = *change;
    OperationalEvent { id, stream, uri: EventUri::StreamUpdated, payload, at_us }
}
