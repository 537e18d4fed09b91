//! Revocations that are to be tried again, because somebody asked again.

use std::sync::atomic::Ordering;

use super::super::{StoreError, TenantTx, outbox::ALARM_US, receipt::ends_access, statement::Sql};
use crate::scim::resource::ResourceId;

/// Events of a person that are looked at, newest first.
const LAST: i64 = 16;

/// Somebody who got access back since then must not lose it by an old event. One
/// that only ends sessions may come late: then they log in again.
const STILL_TRUE: &str = " and (o.event_bit = 1 or not exists (select 1 from outbox e
    where e.tenant_id = o.tenant_id and e.subject_key = o.subject_key and e.seq > o.seq
        and (e.event_bit & 7) <> 0 and e.event_bit = 4 and e.stream_id is null
        and (e.application_id is null or o.application_id is null
            or e.application_id = o.application_id)))";

/// As [`STILL_TRUE`], where only some receivers heard of it, each for itself.
const STILL_TRUE_THERE: &str = " and not exists (select 1 from outbox o join outbox e
        on e.tenant_id = o.tenant_id and e.subject_key = o.subject_key and e.seq > o.seq
    where o.seq = delivery.seq and o.event_bit <> 1 and (e.event_bit & 7) <> 0
        and e.event_bit = 4 and e.stream_id = delivery.stream_id)";

impl TenantTx {
    /// Lets what a transaction took away be tried again at once where it was given
    /// up or waits for another attempt; how many events at how many receivers.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn rearm_txn(&self, txn: &str, now_us: i64) -> Result<u64, StoreError> {
        let events = Sql::new("select o.seq from outbox o where o.tenant_id = ?")
            .bind(self.owner())
            .push(" and o.txn = ? and (o.event_bit & ?) <> 0")
            .bind(txn)
            .bind(ends_access())
            .push(STILL_TRUE);
        self.rearm(events, now_us).await
    }

    /// As [`TenantTx::rearm_txn`], for the last revocations of a person.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn rearm_person(&self, person: ResourceId, now_us: i64) -> Result<u64, StoreError> {
        let events = Sql::new(
            "select o.seq from (select tenant_id, seq, event_bit, subject_key, application_id
                from outbox where tenant_id = ?",
        )
        .bind(self.owner())
        .push(
            " and subject_key = ? and (event_bit & 7) <> 0 and event_bit <> 4
                order by seq desc limit ?) o where true",
        )
        .bind(person.get())
        .bind(LAST)
        .push(STILL_TRUE);
        self.rearm(events, now_us).await
    }

    async fn rearm(&self, events: Sql, now_us: i64) -> Result<u64, StoreError> {
        let sql = Sql::new(
            "update delivery set state = 0, attempt = 0, same_status = 0, leased_until_us = 0,
                finished_us = null, alarmed_us = null, due_us = ?",
        )
        .bind(now_us)
        .push(", alarm_us = case when alarm_us is null then null else cast(? as bigint) end")
        .bind(now_us.saturating_add(ALARM_US))
        .push(" where tenant_id = ?")
        .bind(self.owner())
        // What is replayed the receiver has.
        .push(" and (state = 2 or (state = 0 and finished_us is null")
        .push(" and leased_until_us <= ? and due_us > ?))")
        .bind(now_us)
        .bind(now_us)
        // A disabled stream holds nothing (SSF 1.0 §8.1.2.1).
        .push(
            " and exists (select 1 from stream s where s.tenant_id = delivery.tenant_id
                and s.id = delivery.stream_id and s.status <> 2) and seq in (",
        )
        .append(events)
        .push(")")
        .push(STILL_TRUE_THERE);
        let rearmed = self.run(sql).await?;
        self.delivers.fetch_or(0 < rearmed, Ordering::Relaxed);
        Ok(rearmed)
    }
}
