//! Events on their way to streams: claimed, sent, recorded.
//!
//! A claim is a lease: it saves work, it does not give correctness. Whoever dies
//! with one lets it run out, and the event is sent again. Of one subject's events
//! on one stream only those of the earliest unfinished transaction can be
//! claimed, so they arrive in order.

mod acknowledge;
mod claims;
mod letters;
mod overdue;
mod rearm;
mod replay;
#[cfg(test)]
mod tests;
mod trouble;

use std::sync::Arc;

pub use claims::PER_STREAM;
pub use letters::{DeadLetter, LetterFilter};
pub use replay::EventSpan;
pub use trouble::FailingStream;

use sea_orm::QueryResult;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Store, StoreError, Stream,
    statement::Sql,
    stream::{Streams, WIDTH, read as read_stream},
};
use crate::{
    event::{EventUri, Subject},
    tenant::{StreamId, TenantId},
};

pub use overdue::Overdue;

/// An event that one worker may send now.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Where to.
    pub stream: Arc<Stream>,
    /// Its place in the order of events.
    pub seq: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// The transaction it belongs to.
    pub txn: String,
    /// Whom it is about, for order.
    pub subject_key: Uuid,
    /// Its type.
    pub uri: EventUri,
    /// Its payload.
    pub payload: Value,
    /// Whom it is about, as the event tells it.
    pub subject: Subject,
    /// When it happened, in microseconds since 1970.
    pub occurred_us: i64,
    /// Attempts made before this one.
    pub attempt: i32,
    /// What the last attempt was answered, if there was one and an answer.
    pub last_status: Option<i32>,
    /// The last attempts in a row that ended with that status.
    pub same_status: i32,
    /// Whether the receiver had it before.
    pub is_again: bool,
}

/// What a lease is on: a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    tenant: TenantId,
    stream: StreamId,
    seq: i64,
}

impl Claim {
    /// What the claim's lease is on.
    pub fn lease(&self) -> LeaseKey {
        LeaseKey { tenant: self.stream.tenant, stream: self.stream.id, seq: self.seq }
    }

    /// Which attempt in a row to end with `status` this is, from 1.
    pub fn in_a_row(&self, status: Option<u16>) -> u32 {
        let before = if self.last_status == status.map(i32::from) { self.same_status } else { 0 };
        u32::try_from(before).unwrap_or(0).saturating_add(1)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The receiver has it.
    Delivered,
    /// The receiver has it, and will be told once more.
    Again {
        /// Not before, in microseconds since 1970.
        at_us: i64,
    },
    /// It is to be tried again.
    Retry {
        /// Not before, in microseconds since 1970.
        at_us: i64,
    },
    /// It waits for its paused stream, after which its attempts are counted anew.
    Held,
    /// It will not be tried again; it stays as a dead letter.
    Dead,
}

/// What is known of an attempt beyond how it ended.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// What went wrong, in one line.
    pub error: Option<String>,
    /// What else the receiver said; an object.
    pub detail: Option<Value>,
}

impl Said {
    /// Nothing was sent, because nothing was to be sent.
    pub fn skipped() -> Self {
        Self { detail: Some(json!({ "skipped": true })), ..Self::default() }
    }
}

/// Columns of a delivery `d` with its event `o`, behind those of the stream.
const EVENT: &str = "d.seq, o.event_id, d.txn, d.subject_key, o.event_uri, o.payload, o.subject,
    o.occurred_us, d.attempt, d.last_status, d.same_status,
    d.finished_us is not null";

impl Store {
    /// Records how an attempt ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn finish(
        &self,
        claim: &Claim,
        finish: Finish,
        said: Said,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let Said { status, error, detail } = said;
        let set = match finish {
            // What it had before it has had since then.
            Finish::Delivered => counted(status)
                .push(", state = 1, finished_us = coalesce(finished_us, ?)")
                .bind(now_us),
            Finish::Dead => counted(status).push(", state = 2, finished_us = ?").bind(now_us),
            Finish::Again { at_us } => counted(status)
                .push(", lane = 2, finished_us = ?")
                .bind(now_us)
                .push(", due_us = ?")
                .bind(at_us),
            Finish::Retry { at_us } => counted(status).push(", due_us = ?").bind(at_us),
            Finish::Held => Sql::new("attempt = 0, same_status = 0, due_us = ?").bind(now_us),
        };
        let update = Sql::new("update delivery set leased_until_us = 0, ")
            .append(set)
            .push(", last_status = ?")
            .bind(status.map(i32::from))
            .push(", last_error = ?")
            .bind(error)
            .push(", detail = coalesce(cast(? as text), detail)")
            .bind(detail.map(|it| it.to_string()))
            .append(of_claim(claim));
        self.tenant(claim.stream.tenant).run(update).await.map(|_| ())
    }

    /// Ends every lease on events that are pushed, if this process is the only one
    /// that delivers: SQLite's is, so what it held when it died need not wait.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn release_own(&self) -> Result<(), StoreError> {
        let super::Backend::Sqlite(_) = self.backend else { return Ok(()) };
        let sql = Sql::new(
            "update delivery set leased_until_us = 0 where state = 0 and leased_until_us > 0
                and exists (select 1 from stream s where s.tenant_id = delivery.tenant_id
                    and s.id = delivery.stream_id and s.endpoint_url is not null)",
        );
        self.run_as_operator(sql).await.map(|_| ())
    }

    /// Gives leases back, unsent; they were no attempts.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        for claim in claims {
            let sql = Sql::new("update delivery set leased_until_us = 0, attempt = ?")
                .bind(claim.attempt)
                .append(of_claim(claim));
            self.tenant(claim.stream.tenant).run(sql).await?;
        }
        Ok(())
    }

    /// When the next event becomes due or its lease runs out, if that is in the future.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn next_due(&self, now_us: i64) -> Result<Option<i64>, StoreError> {
        let sql = Sql::new("select min(due_us) from delivery where state = 0 and due_us > ?")
            .bind(now_us);
        let row = self.operator().view().await?.one(sql).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.flatten())
    }
}

/// One more attempt, and one more in a row with its status.
fn counted(status: Option<u16>) -> Sql {
    Sql::new(
        "attempt = attempt + 1,
         same_status = case when coalesce(last_status, 0) = ? then same_status + 1 else 1 end",
    )
    .bind(status.map_or(0, i32::from))
}

fn of_claim(claim: &Claim) -> Sql {
    Sql::new(" where state = 0 and tenant_id = ? and stream_id = ? and seq = ?")
        .bind(claim.stream.tenant.get())
        .bind(claim.stream.id.0)
        .bind(claim.seq)
}

fn read_claim(row: &QueryResult, streams: &mut Streams) -> Result<Claim, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("{what} of an event"));
    let id: Uuid = row.try_get_by_index(2)?;
    let stream = match streams.get(&id) {
        Some(stream) => Arc::clone(stream),
        None => {
            let stream = Arc::new(read_stream(row)?.0);
            streams.insert(id, Arc::clone(&stream));
            stream
        }
    };
    let uri: String = row.try_get_by_index(WIDTH + 4)?;
    let payload: String = row.try_get_by_index(WIDTH + 5)?;
    let subject: String = row.try_get_by_index(WIDTH + 6)?;
    Ok(Claim {
        stream,
        seq: row.try_get_by_index(WIDTH)?,
        event_id: row.try_get_by_index(WIDTH + 1)?,
        txn: row.try_get_by_index(WIDTH + 2)?,
        subject_key: row.try_get_by_index(WIDTH + 3)?,
        uri: EventUri::parse(&uri).ok_or_else(|| damaged("type"))?,
        payload: serde_json::from_str(&payload).map_err(|_| damaged("payload"))?,
        subject: serde_json::from_str(&subject).map_err(|_| damaged("subject"))?,
        occurred_us: row.try_get_by_index(WIDTH + 7)?,
        attempt: row.try_get_by_index(WIDTH + 8)?,
        last_status: row.try_get_by_index(WIDTH + 9)?,
        same_status: row.try_get_by_index(WIDTH + 10)?,
        is_again: row.try_get_by_index(WIDTH + 11)?,
    })
}
