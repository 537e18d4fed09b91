//! Which deliveries may go now, and the leases on them.
//!
//! Looking is done on a reader. What was found is looked at again in the short
//! transaction that leases it, so nothing is leased that another took meanwhile,
//! and nothing is written when there is nothing to do.

use std::{collections::HashMap, sync::Arc};

use sea_orm::DbBackend;
use uuid::Uuid;

use super::{
    super::{
        Store, StoreError, TenantTx, View,
        change::ROWS,
        statement::Sql,
        stream::{COLUMNS, Streams},
    },
    Claim, EVENT, LeaseKey, read_claim,
};
use crate::tenant::{StreamId, TenantId};

/// Claims of a stream that a worker holds at most.
pub const PER_STREAM: usize = 32;
/// Unfinished deliveries of a stream that are looked at, oldest first. A longer
/// backlog costs no more than that.
pub(super) const WINDOW: i64 = 2_000;
/// The stream transmits, or this is the notice that it does not, which has not been
/// tried: it is sent before the stream stops (SSF 1.0 §8.1.5).
const MAY_GO: &str = "(s.status = 0 or (s.status = 1 and d.subject_key = d.stream_id
    and d.last_error is null and exists (select 1 from outbox n where n.seq = d.seq
        and n.event_uri = 'https://schemas.openid.net/secevent/ssf/event-type/stream-updated')))";

/// No earlier event of the subject is unfinished, but for those of the same
/// transaction that can be sent now too. Events about the stream itself wait for
/// none, and what is replayed holds up nothing new.
const IS_HEAD: &str = "(d.subject_key = d.stream_id or not exists (select 1 from delivery e
    where e.tenant_id = d.tenant_id and e.stream_id = d.stream_id
        and e.subject_key = d.subject_key and e.state = 0 and e.seq < d.seq
        and (e.lane < 2 or d.lane = 2)
        and (e.txn <> d.txn or e.due_us > ? or e.leased_until_us > ?)))";

/// Nothing more urgent has to go before it, which would be claimed elsewhere and
/// might have been committed only after that was looked for.
const IS_NO_FOLLOWER: &str = "not exists (select 1 from delivery e
    where e.tenant_id = d.tenant_id and e.stream_id = d.stream_id
        and e.subject_key = d.subject_key and e.state = 0 and e.seq < d.seq
        and e.lane < d.lane)";

/// As [`IS_HEAD`]; events of one transaction may share an answer to a poll, and
/// those that were given out before are waited for by the receiver.
const IS_POLL_HEAD: &str = "(d.subject_key = d.stream_id or not exists (select 1 from delivery e
    where e.tenant_id = d.tenant_id and e.stream_id = d.stream_id
        and e.subject_key = d.subject_key and e.state = 0 and e.seq < d.seq
        and (e.lane < 2 or d.lane = 2) and e.txn <> d.txn))";

/// What a lease does to its delivery.
#[derive(Debug, Clone, Copy)]
struct Lease {
    until_us: i64,
    /// Whether it is an attempt by itself: giving a Set out to a poll is one.
    counts: bool,
}

impl Store {
    /// Leases up to `limit` events of enabled push streams that are due: from each
    /// stream a few, revocations first, and first from those of which the caller
    /// has the fewest by `held`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn claim_pushes(
        &self,
        now_us: i64,
        lease_us: i64,
        limit: usize,
        held: &HashMap<StreamId, usize>,
    ) -> Result<Vec<Claim>, StoreError> {
        let view = self.operator().view().await?;
        let mut found = Vec::new();
        for open in view.open_streams(held).await? {
            let room = limit.min(ROWS).saturating_sub(found.len()).min(open.room);
            if room == 0 {
                break;
            }
            found.extend(view.candidates(open, now_us, room).await?);
        }
        drop(view);
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let due = Sql::new(" and s.endpoint_url is not null")
            .append(among(&found))
            .append(is_free(now_us))
            .push(" and d.due_us <= ?")
            .bind(now_us)
            .append(is_head(now_us));
        let lease = Lease { until_us: now_us.saturating_add(lease_us), counts: false };
        self.claim(TenantId::new(0), due, lease, limit).await
    }

    /// Leases up to `limit` events of a polled stream, never two transactions of
    /// one subject; also tells whether there are more. Each counts as fetched.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn claim_poll(
        &self,
        tenant: TenantId,
        stream: StreamId,
        now_us: i64,
        visibility_us: i64,
        limit: usize,
    ) -> Result<(Vec<Claim>, bool), StoreError> {
        let due = Sql::new(" and d.tenant_id = ?")
            .bind(tenant.get())
            .push(" and d.stream_id = ?")
            .bind(stream.0)
            .append(is_free(now_us))
            .push(&format!(" and {IS_POLL_HEAD}"));
        let lease = Lease { until_us: now_us.saturating_add(visibility_us), counts: true };
        // Events about the stream come first, however much it holds.
        let operational = due.clone().push(" and d.subject_key = ?").bind(stream.0);
        let mut claims = self.claim_due(tenant, operational, lease, limit).await?;
        let room = limit.saturating_sub(claims.len());
        claims.extend(self.claim_due(tenant, due.clone(), lease, room).await?);
        let more = limit <= claims.len() && self.has_due(tenant, due).await?;
        Ok((claims, more))
    }

    async fn claim_due(
        &self,
        tenant: TenantId,
        due: Sql,
        lease: Lease,
        room: usize,
    ) -> Result<Vec<Claim>, StoreError> {
        // Waiting polls look each second; the writer is for those who write.
        match 0 < room && self.has_due(tenant, due.clone()).await? {
            true => self.claim(tenant, due, lease, room).await,
            false => Ok(Vec::new()),
        }
    }

    async fn has_due(&self, tenant: TenantId, due: Sql) -> Result<bool, StoreError> {
        let sql = Sql::new(&format!(
            "select 1 from delivery d join stream s
                on s.tenant_id = d.tenant_id and s.id = d.stream_id
             where d.state = 0 and {MAY_GO}"
        ))
        .append(due)
        .push(" limit 1");
        Ok(self.tenant(tenant).view().await?.one(sql).await?.is_some())
    }

    async fn claim(
        &self,
        tenant: TenantId,
        due: Sql,
        lease: Lease,
        limit: usize,
    ) -> Result<Vec<Claim>, StoreError> {
        self.tenant(tenant)
            .write(move |tx| {
                let due = due.clone();
                Box::pin(async move { tx.claim(due, lease, limit).await })
            })
            .await
    }

    /// Lets leases run longer; those that ended with their delivery stay ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn renew(&self, mut leases: Vec<LeaseKey>, until_us: i64) -> Result<(), StoreError> {
        leases.sort_by_key(|lease| lease.stream.0);
        let leases = Arc::new(leases);
        self.operator()
            .write(move |tx| {
                let leases = Arc::clone(&leases);
                Box::pin(async move {
                    for chunk in leases.chunks(ROWS) {
                        let sql = Lease { until_us, counts: false }.on(chunk);
                        tx.run(sql.push(" and d.leased_until_us > 0")).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// A push stream that may have something to send.
#[derive(Debug, Clone, Copy)]
struct Open {
    tenant: TenantId,
    stream: StreamId,
    /// Whether it transmits; else it has at most the notice that it does not.
    runs: bool,
    /// Claims that the caller may have more of it.
    room: usize,
}

impl View {
    /// Enabled push streams that have something to send and room for it, those
    /// with the fewest claims first.
    async fn open_streams(&self, held: &HashMap<StreamId, usize>) -> Result<Vec<Open>, StoreError> {
        let sql = Sql::new(
            "select s.tenant_id, s.id, s.status = 0 from stream s
             where s.endpoint_url is not null and ((s.status = 0 and exists (
                select 1 from delivery d where d.tenant_id = s.tenant_id
                    and d.stream_id = s.id and d.state = 0))
                or (s.status = 1 and exists (
                select 1 from delivery d where d.tenant_id = s.tenant_id
                    and d.stream_id = s.id and d.subject_key = s.id and d.state = 0
                    and d.last_error is null)))",
        );
        let mut open = Vec::new();
        for row in &self.all(sql).await? {
            let tenant = TenantId::new(row.try_get_by_index(0)?);
            let stream = StreamId(row.try_get_by_index::<Uuid>(1)?);
            let count = held.get(&stream).copied().unwrap_or(0);
            if count < PER_STREAM {
                let (runs, room) = (row.try_get_by_index(2)?, PER_STREAM - count);
                open.push((count, Open { tenant, stream, runs, room }));
            }
        }
        open.sort_by_key(|(count, _)| *count);
        Ok(open.into_iter().map(|(_, open)| open).collect())
    }

    /// What could be sent to the stream now: first the subjects of whom access is
    /// to be taken away, oldest first, with what has to go before it; then the
    /// rest, and at last what is replayed.
    async fn candidates(
        &self,
        open: Open,
        now_us: i64,
        room: usize,
    ) -> Result<Vec<LeaseKey>, StoreError> {
        let Open { tenant, stream, runs, .. } = open;
        let of_stream = |sql: Sql| sql.bind(tenant.get()).bind(stream.0);
        let ready = |sql: Sql| {
            sql.push(" where d.due_us <= ?")
                .bind(now_us)
                .append(is_free(now_us))
                .append(is_head(now_us))
        };
        // What is about the stream is sent although much else may wait before it.
        let urgent = of_stream(Sql::new(
            "select d.seq from (
                select id as subject_key from stream where tenant_id = ? and id = ?
                union
                select subject_key from (select subject_key from delivery where state = 0
                    and lane = 0 and tenant_id = ? and stream_id = ? order by seq limit ",
        ));
        let urgent = of_stream(urgent)
            .push("?) l) w join delivery d on d.state = 0 and d.lane < 2")
            .bind(if runs { WINDOW } else { 0 })
            .push(" and d.tenant_id = ? and d.stream_id = ?");
        let urgent = of_stream(urgent).push(
            " and d.subject_key = w.subject_key
             join stream s on s.tenant_id = d.tenant_id and s.id = d.stream_id",
        );
        let urgent = ready(urgent)
            .push(&format!(" and {MAY_GO} order by d.subject_key <> d.stream_id, d.seq limit ?"))
            .bind(count(room));
        let mut found = self.leases(tenant, stream, urgent).await?;
        if !runs || room <= found.len() {
            return Ok(found);
        }
        let rest = of_stream(Sql::new(
            "select d.seq from (
                select tenant_id, stream_id, seq, subject_key, txn, lane, due_us, leased_until_us
                from delivery where state = 0 and lane > 0 and tenant_id = ? and stream_id = ?
                order by lane, seq limit ",
        ));
        let rest = ready(rest.push("?) d").bind(WINDOW)).push(&format!(" and {IS_NO_FOLLOWER}"));
        let rest = rest.push(" order by d.lane, d.seq limit ?").bind(count(room + found.len()));
        for lease in self.leases(tenant, stream, rest).await? {
            // What goes with a revocation is found both ways.
            if !found.contains(&lease) {
                found.push(lease);
            }
        }
        found.truncate(room);
        Ok(found)
    }

    async fn leases(
        &self,
        tenant: TenantId,
        stream: StreamId,
        sql: Sql,
    ) -> Result<Vec<LeaseKey>, StoreError> {
        let rows = self.all(sql).await?;
        rows.iter()
            .map(|row| Ok(LeaseKey { tenant, stream, seq: row.try_get_by_index(0)? }))
            .collect()
    }
}

impl TenantTx {
    async fn claim(&self, due: Sql, lease: Lease, limit: usize) -> Result<Vec<Claim>, StoreError> {
        // Two claimers at once could each take a part of one subject's events.
        if self.backend == DbBackend::Postgres {
            self.one(Sql::new("select 1 from (select pg_advisory_xact_lock(781204)) l")).await?;
        }
        let sql = Sql::new(&format!(
            "select {COLUMNS}, {EVENT} from delivery d
             join stream s on s.tenant_id = d.tenant_id and s.id = d.stream_id
             join tenant t on t.id = d.tenant_id
             join outbox o on o.seq = d.seq
             where d.state = 0 and {MAY_GO}"
        ))
        .append(due)
        .push(" order by d.lane, d.seq limit ?")
        .bind(count(limit));
        let mut streams = Streams::new();
        let mut claims = Vec::new();
        for row in &self.all(sql).await? {
            claims.push(read_claim(row, &mut streams)?);
        }
        let leases: Vec<LeaseKey> = claims.iter().map(Claim::lease).collect();
        for chunk in leases.chunks(ROWS) {
            self.run(lease.on(chunk)).await?;
        }
        Ok(claims)
    }
}

impl Lease {
    fn on(self, deliveries: &[LeaseKey]) -> Sql {
        Sql::new("update delivery as d set leased_until_us = ?")
            .bind(self.until_us)
            .push(if self.counts { ", attempt = attempt + 1" } else { "" })
            .push(" where d.state = 0")
            .append(among(deliveries))
    }
}

/// One of these deliveries, stream by stream: so each database finds them by an
/// index.
fn among(keys: &[LeaseKey]) -> Sql {
    let mut sql = Sql::new(" and (");
    for (index, of_stream) in keys.chunk_by(|a, b| a.stream == b.stream).enumerate() {
        let Some(first) = of_stream.first() else { continue };
        sql = sql
            .push(if index == 0 { "" } else { " or " })
            .push("(d.tenant_id = ?")
            .bind(first.tenant.get())
            .push(" and d.stream_id = ?")
            .bind(first.stream.0)
            .push(" and d.seq in ")
            .list(of_stream.iter().map(|key| key.seq))
            .push(")");
    }
    sql.push(")")
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Nobody has a lease on it.
fn is_free(now_us: i64) -> Sql {
    Sql::new(" and d.leased_until_us <= ?").bind(now_us)
}

fn is_head(now_us: i64) -> Sql {
    Sql::new(&format!(" and {IS_HEAD}")).bind(now_us).bind(now_us)
}
