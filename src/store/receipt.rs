//! What became of revocations, read from the outbox and the deliveries.
//!
//! Nothing is written for it: the events of a transaction and how they fare at
//! each receiver say it all, as long as they are kept.

use sea_orm::QueryResult;
use serde_json::Value;
use uuid::Uuid;

use super::{StoreError, TenantStore, outbox::bit, statement::Sql};
use crate::{
    event::{EventUri, SinkKind},
    scim::resource::ResourceId,
    tenant::StreamId,
};

/// Events that take access away, as far as a receipt tells of them.
const ENDS_ACCESS: [EventUri; 5] = [
    EventUri::SessionRevoked,
    EventUri::AccountDisabled,
    EventUri::AccountPurged,
    EventUri::ProvDeactivate,
    EventUri::ProvDelete,
];

/// The bits of [`ENDS_ACCESS`].
pub(super) fn ends_access() -> i64 {
    ENDS_ACCESS.into_iter().fold(0, |mask, uri| mask | bit(uri))
}

/// A transaction that ended sessions.
#[derive(Debug, Clone)]
pub struct RevocationRow {
    /// Where it stands in the list.
    pub cursor: ReceiptCursor,
    /// Its name.
    pub txn: String,
    /// One of those whose sessions it ended.
    pub user: ResourceId,
    /// How many they are.
    pub users: i64,
    /// When it happened, in microseconds since 1970.
    pub occurred_us: i64,
}

/// A place in the list of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptCursor {
    /// The writing transaction on PostgreSQL.
    pub xid: i64,
    /// The event's place.
    pub seq: i64,
}

/// Which revocations are meant.
#[derive(Debug, Clone, Default)]
pub struct ReceiptFilter {
    /// Those of this transaction.
    pub txn: Option<String>,
    /// Those of this person.
    pub user: Option<ResourceId>,
    /// Those before this one.
    pub before: Option<ReceiptCursor>,
}

/// How the events of one type and transaction fare at one receiver.
#[derive(Debug, Clone)]
pub struct TargetRow {
    /// The transaction.
    pub txn: String,
    /// The type.
    pub uri: EventUri,
    /// The receiver.
    pub stream: StreamId,
    /// What it is, if it is no SSF stream.
    pub sink: Option<SinkKind>,
    /// Whether we send, and it does not fetch.
    pub is_pushed: bool,
    /// What people call it.
    pub description: String,
    /// Whether it transmits.
    pub status: &'static str,
    /// What is set for it.
    pub settings: Value,
    /// How many events.
    pub total: i64,
    /// How many of them it has.
    pub confirmed: i64,
    /// How many of those it will act on later.
    pub accepted: i64,
    /// How many were given up.
    pub dead: i64,
    /// How many were tried in vain and will be tried again.
    pub failed: i64,
    /// How many were given out and not acknowledged.
    pub sent: i64,
    /// Attempts at the one with the most.
    pub attempts: i32,
    /// When the last one that ended did, in microseconds since 1970.
    pub finished_us: Option<i64>,
    /// How an attempt failed.
    pub error: Option<String>,
    /// What the receiver said beyond its status, if there is one event.
    pub detail: Option<Value>,
    /// When it became an alarm, in microseconds since 1970.
    pub alarmed_us: Option<i64>,
}

impl TenantStore {
    /// Transactions that ended sessions, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn revocations(
        &self,
        filter: &ReceiptFilter,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        // The first event of the transaction stands for it.
        let same_user =
            if filter.user.is_some() { " and e.subject_key = o.subject_key" } else { "" };
        let mut sql = Sql::new(&format!(
            "select cast(cast(o.xid as text) as bigint), o.seq, o.txn, o.subject_key, o.occurred_us,
                (select count(distinct e.subject_key) from outbox e
                    where e.tenant_id = o.tenant_id and e.txn = o.txn and e.event_bit = 1)
             from outbox o where o.event_bit = 1 and not exists (select 1 from outbox e
                where e.tenant_id = o.tenant_id and e.txn = o.txn and e.event_bit = 1
                    and e.seq < o.seq{same_user}) and o.tenant_id = ?"
        ))
        .bind(self.tenant.get());
        if let Some(txn) = &filter.txn {
            sql = sql.push(" and o.txn = ?").bind(txn.as_str());
        }
        if let Some(user) = filter.user {
            sql = sql.push(" and (o.event_bit & 7) <> 0 and o.subject_key = ?").bind(user.get());
        }
        if let Some(before) = filter.before {
            sql = sql
                .push(" and (o.xid, o.seq) < (cast(cast(? as text) as xid8), ?)")
                .bind(before.xid.to_string())
                .bind(before.seq);
        }
        let sql = sql.push(" order by o.xid desc, o.seq desc limit ?").bind(i64::from(limit));
        self.view().await?.all(sql).await?.iter().map(read_revocation).collect()
    }

    /// How those transactions fare at each receiver that is still there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn targets(&self, txns: &[String]) -> Result<Vec<TargetRow>, StoreError> {
        if txns.is_empty() {
            return Ok(Vec::new());
        }
        // What is replayed was delivered before, and its receiver still has it.
        let sql = Sql::new(
            "select g.txn, g.event_uri, g.stream_id, s.kind, s.endpoint_url is not null,
                s.description, s.status, s.settings, g.total, g.confirmed, g.accepted, g.dead,
                g.failed, g.sent, g.attempts, g.finished_us, g.error, g.detail, g.alarmed_us
             from (select o.txn, o.event_uri, d.stream_id, count(*) as total,
                    sum(case when d.has_it then 1 else 0 end) as confirmed,
                    sum(case when d.has_it and d.detail = '{\"accepted\":true}'
                        then 1 else 0 end) as accepted,
                    sum(case when d.state = 2 then 1 else 0 end) as dead,
                    sum(case when d.state = 0 and not d.has_it and d.last_error is not null
                        then 1 else 0 end) as failed,
                    sum(case when d.state = 0 and not d.has_it and d.attempt > 0
                        and d.last_error is null then 1 else 0 end) as sent,
                    max(d.attempt) as attempts, max(d.finished_us) as finished_us,
                    max(d.last_error) as error, max(d.detail) as detail,
                    max(d.alarmed_us) as alarmed_us
                from outbox o join (select *, state = 1 or (state = 0
                        and finished_us is not null) as has_it from delivery) d
                    on d.tenant_id = o.tenant_id and d.seq = o.seq
                where o.tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" and o.txn in ")
        .list(txns.iter().map(String::as_str))
        // What a receiver is not told of is no target.
        .push(
            " and coalesce(d.detail, '') <> '{\"skipped\":true}' and (o.event_bit & ?) <> 0
                group by o.txn, o.event_uri, d.stream_id) g
             join stream s on s.id = g.stream_id and s.tenant_id = ?",
        )
        .bind(ends_access())
        .bind(self.tenant.get())
        .push(" order by s.created_us, s.id, g.event_uri");
        self.view().await?.all(sql).await?.iter().map(read_target).collect()
    }
}

fn read_revocation(row: &QueryResult) -> Result<RevocationRow, StoreError> {
    Ok(RevocationRow {
        cursor: ReceiptCursor { xid: row.try_get_by_index(0)?, seq: row.try_get_by_index(1)? },
        txn: row.try_get_by_index(2)?,
        user: ResourceId::new(row.try_get_by_index::<Uuid>(3)?),
        occurred_us: row.try_get_by_index(4)?,
        users: row.try_get_by_index(5)?,
    })
}

fn read_target(row: &QueryResult) -> Result<TargetRow, StoreError> {
    let (uri, kind): (String, String) = (row.try_get_by_index(1)?, row.try_get_by_index(3)?);
    let (settings, detail): (String, Option<String>) =
        (row.try_get_by_index(7)?, row.try_get_by_index(17)?);
    let total: i64 = row.try_get_by_index(8)?;
    Ok(TargetRow {
        txn: row.try_get_by_index(0)?,
        uri: EventUri::parse(&uri)
            .ok_or_else(|| StoreError::Damaged("type of an event".to_owned()))?,
        stream: StreamId(row.try_get_by_index(2)?),
        sink: SinkKind::parse(&kind),
        is_pushed: row.try_get_by_index(4)?,
        description: row.try_get_by_index(5)?,
        status: super::StreamStatus::from_code(row.try_get_by_index(6)?).as_str(),
        settings: serde_json::from_str(&settings)
            .map_err(|_| StoreError::Damaged("settings of a stream".to_owned()))?,
        total,
        confirmed: row.try_get_by_index(9)?,
        accepted: row.try_get_by_index(10)?,
        dead: row.try_get_by_index(11)?,
        failed: row.try_get_by_index(12)?,
        sent: row.try_get_by_index(13)?,
        attempts: row.try_get_by_index(14)?,
        finished_us: row.try_get_by_index(15)?,
        error: row.try_get_by_index(16)?,
        // Of several, one says nothing about the others.
        detail: detail.filter(|_| total == 1).and_then(|it| serde_json::from_str(&it).ok()),
        alarmed_us: row.try_get_by_index(18)?,
    })
}
