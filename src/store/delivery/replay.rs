//! Sending again what was delivered, or what a stream never had.
//!
//! A replayed event is the event it was: the same `jti`, `txn` and claims. It
//! waits in a lane of its own behind everything that is new, and becomes due at
//! a steady pace.

use sea_orm::QueryResult;

use super::{
    super::{StoreError, TenantStore, change::ROWS, statement::Sql},
    letters::mask,
};
use crate::{event::EventUri, tenant::StreamId};

/// Between two replayed events of a stream, in microseconds.
const PACE_US: i64 = 10_000;

/// Which events of a tenant; what is not set is not limited.
#[derive(Debug, Clone, Default)]
pub struct EventSpan {
    /// Behind this place in the order of events.
    pub after: i64,
    /// Up to this place.
    pub to_seq: Option<i64>,
    /// Not before this time, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// Not after this time.
    pub to_us: Option<i64>,
    /// Of these types; of any if there are none.
    pub events: Vec<EventUri>,
}

impl TenantStore {
    /// The next events of a span that can be replayed at a stream: those it
    /// carries and does not hold, never those about the stream itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn replayable(
        &self,
        stream: StreamId,
        span: &EventSpan,
    ) -> Result<Vec<i64>, StoreError> {
        let bound = |sql: Sql, text: &str, value: Option<i64>| match value {
            Some(value) => sql.push(text).bind(value),
            None => sql,
        };
        let sql = Sql::new(
            "select o.seq from outbox o join stream s on s.tenant_id = o.tenant_id
             left join delivery d
                on d.tenant_id = o.tenant_id and d.seq = o.seq and d.stream_id = s.id
             where (d.seq is null or d.state = 1) and o.stream_id is null
                and (s.event_mask & o.event_bit) <> 0
                and (o.application_id is null or o.application_id = s.application_id)
                and o.tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" and s.id = ?")
        .bind(stream.0)
        .push(" and (o.event_bit & ?) <> 0")
        .bind(mask(&span.events))
        .push(" and o.seq > ?")
        .bind(span.after);
        let sql = bound(sql, " and o.seq <= ?", span.to_seq);
        let sql = bound(sql, " and o.occurred_us >= ?", span.from_us);
        let sql = bound(sql, " and o.occurred_us <= ?", span.to_us);
        let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
        let sql = sql.push(" order by o.seq limit ?").bind(limit);
        let rows = self.view().await?.all(sql).await?;
        rows.iter().map(|row: &QueryResult| Ok(row.try_get_by_index(0)?)).collect()
    }

    /// Puts events on their way to a stream again, `ahead` of which others were
    /// before; how many.
    ///
    /// `finished_us` stays: it says that the receiver had the event before.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn replay(
        &self,
        stream: StreamId,
        seqs: &[i64],
        ahead: u64,
        now_us: i64,
    ) -> Result<u64, StoreError> {
        let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        let start_us = now_us.saturating_add(ahead.saturating_mul(PACE_US));
        let sql = Sql::new(
            "insert into delivery (tenant_id, stream_id, seq, subject_key, txn, state, attempt,
                lane, leased_until_us, due_us)
             select o.tenant_id, s.id, o.seq, o.subject_key, o.txn, 0, 0, 2, 0, ?",
        )
        .bind(start_us)
        .push(" + ? * row_number() over (order by o.seq)")
        .bind(PACE_US)
        .push(" from outbox o join stream s on s.tenant_id = o.tenant_id where s.id = ?")
        .bind(stream.0)
        .push(" and o.tenant_id = ?")
        .bind(self.tenant.get())
        .push(" and o.seq in ")
        .list(seqs.iter().copied())
        .push(
            " on conflict (tenant_id, seq, stream_id) do update
                set state = 0, attempt = 0, same_status = 0, lane = 2, leased_until_us = 0,
                    due_us = excluded.due_us
                where delivery.state = 1",
        );
        let count = self.run(sql).await?;
        self.store.appended.notify_waiters();
        Ok(count)
    }

    /// The place in the order of events of the Set of that name, if it is of this
    /// stream. A name is a hash, so the stream's events are gone through, the
    /// latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn seq_of(&self, stream: StreamId, name: &str) -> Result<Option<i64>, StoreError> {
        let mut before = i64::MAX;
        loop {
            let sql = Sql::new(
                "select o.seq, o.event_id from outbox o where o.tenant_id = ? and o.seq < ?
                 order by o.seq desc limit ?",
            )
            .bind(self.tenant.get())
            .bind(before)
            .bind(10_000_i64);
            let rows = self.view().await?.all(sql).await?;
            for row in &rows {
                before = row.try_get_by_index(0)?;
                if crate::event::jti(row.try_get_by_index(1)?, stream.0) == name {
                    return Ok(Some(before));
                }
            }
            if rows.is_empty() {
                return Ok(None);
            }
        }
    }
}
