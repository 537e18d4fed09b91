//! Dead letters: events that were given up, to be looked at and sent again or
//! thrown away.

use std::collections::{HashMap, HashSet};

use sea_orm::QueryResult;
use uuid::Uuid;

use super::super::{AuditEntry, StoreError, TenantStore, outbox::bit, statement::Sql};
use crate::{event::EventUri, tenant::StreamId};

/// Events that say how somebody stands, so that a later one makes an earlier one
/// untrue.
const STATES: [EventUri; 7] = [
    EventUri::SessionRevoked,
    EventUri::AccountDisabled,
    EventUri::AccountEnabled,
    EventUri::AccountPurged,
    EventUri::ProvActivate,
    EventUri::ProvDeactivate,
    EventUri::ProvDelete,
];

/// Which dead letters; what is empty is any.
#[derive(Debug, Clone, Default)]
pub struct LetterFilter {
    /// Places in the order of events.
    pub seqs: Vec<i64>,
    /// Types of events.
    pub events: Vec<EventUri>,
}

/// An event that was given up at a stream.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its place in the order of events.
    pub seq: i64,
    /// The transaction it belongs to.
    pub txn: String,
    /// Whom it is about, for order.
    pub subject_key: Uuid,
    /// Its type.
    pub uri: EventUri,
    /// Its payload, JSON text.
    pub payload: String,
    /// Whom it is about as the event tells it, JSON text.
    pub subject: String,
    /// When it happened, in microseconds since 1970.
    pub occurred_us: i64,
    /// Attempts that were made.
    pub attempts: i32,
    /// What the last one was answered, if it was.
    pub last_status: Option<i32>,
    /// Why it was given up.
    pub last_error: Option<String>,
    /// When, in microseconds since 1970.
    pub finished_us: i64,
}

impl DeadLetter {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let uri: String = row.try_get_by_index(3)?;
        Ok(Self {
            seq: row.try_get_by_index(0)?,
            txn: row.try_get_by_index(1)?,
            subject_key: row.try_get_by_index(2)?,
            uri: EventUri::parse(&uri)
                .ok_or_else(|| StoreError::Damaged("type of an event".to_owned()))?,
            payload: row.try_get_by_index(4)?,
            subject: row.try_get_by_index(5)?,
            occurred_us: row.try_get_by_index(6)?,
            attempts: row.try_get_by_index(7)?,
            last_status: row.try_get_by_index(8)?,
            last_error: row.try_get_by_index(9)?,
            finished_us: row.try_get_by_index(10)?,
        })
    }
}

/// The bits of these types; every bit if there are none.
pub(super) fn mask(events: &[EventUri]) -> i64 {
    match events.is_empty() {
        true => -1,
        false => events.iter().fold(0, |mask, uri| mask | bit(*uri)),
    }
}

impl TenantStore {
    /// Up to `limit` dead letters of a stream behind `after`, in the order of events.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn dead_letters(
        &self,
        stream: StreamId,
        filter: &LetterFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let sql = Sql::new(
            "select d.seq, d.txn, d.subject_key, o.event_uri, o.payload, o.subject, o.occurred_us,
                d.attempt, d.last_status, d.last_error, coalesce(d.finished_us, o.occurred_us)
             from delivery d join outbox o on o.seq = d.seq
             where d.state = 2 and d.tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" and d.stream_id = ?")
        .bind(stream.0)
        .push(" and d.seq > ?")
        .bind(after);
        let sql = match filter.events.is_empty() {
            true => sql,
            false => sql.push(" and (o.event_bit & ?) <> 0").bind(mask(&filter.events)),
        };
        let sql = match filter.seqs.is_empty() {
            true => sql,
            false => sql.push(" and d.seq in ").list(filter.seqs.iter().copied()),
        };
        let sql = sql.push(" order by d.seq limit ?").bind(i64::from(limit));
        self.view().await?.all(sql).await?.iter().map(DeadLetter::read).collect()
    }

    /// Those of `letters` that are untrue by now, because their receiver has heard
    /// of a later change of how the same subject stands.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn outdated(
        &self,
        stream: StreamId,
        letters: &[DeadLetter],
    ) -> Result<HashSet<i64>, StoreError> {
        let letters: Vec<_> = letters.iter().filter(|it| STATES.contains(&it.uri)).collect();
        let Some(first) = letters.iter().map(|letter| letter.seq).min() else {
            return Ok(HashSet::new());
        };
        let subjects: HashSet<Uuid> = letters.iter().map(|letter| letter.subject_key).collect();
        let sql = Sql::new(
            "select d.subject_key, d.seq, d.txn from delivery d join outbox o on o.seq = d.seq
             where d.state = 1 and d.tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" and d.seq > ?")
        .bind(first)
        .push(" and d.stream_id = ?")
        .bind(stream.0)
        .push(" and (o.event_bit & ?) <> 0 and d.subject_key in ")
        .bind(mask(&STATES))
        .list(subjects)
        .push(" order by d.seq");
        let mut latest: HashMap<Uuid, (i64, String)> = HashMap::new();
        for row in &self.view().await?.all(sql).await? {
            let told = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            latest.insert(row.try_get_by_index(0)?, told);
        }
        let is_outdated = |letter: &&&super::DeadLetter| {
            latest
                .get(&letter.subject_key)
                .is_some_and(|(seq, txn)| letter.seq < *seq && letter.txn != *txn)
        };
        Ok(letters.iter().filter(is_outdated).map(|letter| letter.seq).collect())
    }

    /// Puts dead letters on their way again, as if they were new; how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn redrive(
        &self,
        stream: StreamId,
        seqs: &[i64],
        now_us: i64,
    ) -> Result<u64, StoreError> {
        let sql = Sql::new(
            "update delivery set state = 0, attempt = 0, same_status = 0, leased_until_us = 0,
                finished_us = null, due_us = ?",
        )
        .bind(now_us)
        .append(self.dead(stream, seqs));
        let count = self.run(sql).await?;
        self.store.appended.notify_waiters();
        Ok(count)
    }

    /// Throws dead letters away, which the audit remembers; how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn discard(
        &self,
        stream: StreamId,
        seqs: &[i64],
        entry: &AuditEntry,
        at_us: i64,
    ) -> Result<u64, StoreError> {
        let delete = Sql::new("delete from delivery").append(self.dead(stream, seqs));
        let entry = entry.clone();
        self.write(move |tx| {
            let (delete, entry) = (delete.clone(), entry.clone());
            Box::pin(async move {
                let count = tx.run(delete).await?;
                tx.audit(&entry, at_us).await?;
                Ok(count)
            })
        })
        .await
    }

    fn dead(&self, stream: StreamId, seqs: &[i64]) -> Sql {
        Sql::new(" where state = 2 and tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and stream_id = ?")
            .bind(stream.0)
            .push(" and seq in ")
            .list(seqs.iter().copied())
    }
}
