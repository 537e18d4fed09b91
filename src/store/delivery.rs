//! Events on their way to streams: claimed, sent, recorded.
//!
//! A claim is a lease: it saves work, it does not give correctness. Whoever dies
//! with one lets it run out, and the event is sent again. Of one subject's events
//! on one stream only those of the earliest unfinished transaction can be
//! claimed, so they arrive in order.

use std::sync::Arc;

use sea_orm::{DbBackend, QueryResult};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Store, StoreError, Stream, TenantTx,
    statement::Sql,
    stream::{COLUMNS, Streams, WIDTH, read as read_stream},
};
use crate::{
    event::{EventUri, Subject, jti},
    tenant::{StreamId, TenantId},
};

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
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The receiver has it.
    Delivered,
    /// It is to be tried again.
    Retry {
        /// Not before, in microseconds since 1970.
        at_us: i64,
    },
    /// It will not be tried again; it stays as a dead letter.
    Dead,
}

/// Columns of a delivery `d` with its event `o`, behind those of the stream.
const EVENT: &str = "d.seq, o.event_id, d.txn, d.subject_key, o.event_uri, o.payload, o.subject,
    o.occurred_us, d.attempt";

/// No earlier event of the subject is unfinished, but for those of the same
/// transaction that can be sent now too.
const IS_HEAD: &str = "not exists (select 1 from delivery e
    where e.tenant_id = d.tenant_id and e.stream_id = d.stream_id
        and e.subject_key = d.subject_key and e.state = 0 and e.seq < d.seq
        and (e.txn <> d.txn or e.due_us > ? or e.leased_until_us > ?))";

/// As [`IS_HEAD`]; events of one transaction may share an answer to a poll, and
/// those that were given out before are waited for by the receiver.
const IS_POLL_HEAD: &str = "not exists (select 1 from delivery e
    where e.tenant_id = d.tenant_id and e.stream_id = d.stream_id
        and e.subject_key = d.subject_key and e.state = 0 and e.seq < d.seq
        and e.txn <> d.txn)";

impl Store {
    /// Leases up to `limit` events of enabled push streams that are due, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn claim_pushes(
        &self,
        now_us: i64,
        lease_us: i64,
        limit: u32,
    ) -> Result<Vec<Claim>, StoreError> {
        let due = Sql::new(" and s.endpoint_url is not null and d.due_us <= ?")
            .bind(now_us)
            .push(" and d.leased_until_us <= ?")
            .bind(now_us)
            .push(&format!(" and {IS_HEAD}"))
            .bind(now_us)
            .bind(now_us);
        self.claim(TenantId::new(0), due, now_us + lease_us, limit).await
    }

    /// Leases up to `limit` events of a polled stream, never two transactions of
    /// one subject; also tells whether there are more.
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
        limit: u32,
    ) -> Result<(Vec<Claim>, bool), StoreError> {
        let due = Sql::new(" and d.tenant_id = ?")
            .bind(tenant.get())
            .push(" and d.stream_id = ?")
            .bind(stream.0)
            .push(" and d.leased_until_us <= ?")
            .bind(now_us)
            .push(&format!(" and {IS_POLL_HEAD}"));
        let claims = self.claim(tenant, due.clone(), now_us + visibility_us, limit).await?;
        let more = match u32::try_from(claims.len()) {
            Ok(count) if count < limit => false,
            _ => self.has_due(tenant, due).await?,
        };
        Ok((claims, more))
    }

    async fn has_due(&self, tenant: TenantId, due: Sql) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "select 1 from delivery d join stream s
                on s.tenant_id = d.tenant_id and s.id = d.stream_id
             where d.state = 0 and s.status = 0",
        )
        .append(due)
        .push(" limit 1");
        Ok(self.tenant(tenant).view().await?.one(sql).await?.is_some())
    }

    async fn claim(
        &self,
        tenant: TenantId,
        due: Sql,
        until_us: i64,
        limit: u32,
    ) -> Result<Vec<Claim>, StoreError> {
        self.tenant(tenant)
            .write(move |tx| {
                let due = due.clone();
                Box::pin(async move { tx.claim(due, until_us, limit).await })
            })
            .await
    }

    /// Records how an attempt ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn finish(
        &self,
        claim: &Claim,
        finish: Finish,
        status: Option<u16>,
        error: Option<String>,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let set = match finish {
            Finish::Delivered | Finish::Dead => {
                let state = if finish == Finish::Delivered { 1_i16 } else { 2 };
                Sql::new("state = ?").bind(state).push(", finished_us = ?").bind(now_us)
            }
            Finish::Retry { at_us } => Sql::new("due_us = ?").bind(at_us),
        };
        let update = Sql::new("update delivery set attempt = attempt + 1, leased_until_us = 0, ")
            .append(set)
            .push(", last_status = ?")
            .bind(status.map(i32::from))
            .push(", last_error = ?")
            .bind(error)
            .append(of_claim(claim));
        self.tenant(claim.stream.tenant).run(update).await.map(|_| ())
    }

    /// Lets leases run longer; those that ended with their delivery stay ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn renew(&self, leases: Vec<LeaseKey>, until_us: i64) -> Result<(), StoreError> {
        let leases = Arc::new(leases);
        self.operator()
            .write(move |tx| {
                let leases = Arc::clone(&leases);
                Box::pin(async move {
                    for chunk in leases.chunks(super::change::ROWS) {
                        let sql = tx.lease(chunk, until_us);
                        tx.run(sql.push(" and state = 0 and leased_until_us > 0")).await?;
                    }
                    Ok(())
                })
            })
            .await
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

    /// Gives leases back, unsent.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        for claim in claims {
            let sql = Sql::new("update delivery set leased_until_us = 0").append(of_claim(claim));
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

    /// Ends what a receiver acknowledged or refused (RFC 8936 §2.4); gives what
    /// was confirmed. Names that are not of this stream mean nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn acknowledge(
        &self,
        tenant: TenantId,
        stream: StreamId,
        jtis: &[String],
        errors: &[(String, String)],
        now_us: i64,
    ) -> Result<Vec<Claim>, StoreError> {
        let sql = given_out(tenant, stream);
        let rows = self.tenant(tenant).view().await?.all(sql).await?;
        let mut streams = Streams::new();
        let mut confirmed = Vec::new();
        for row in &rows {
            let claim = read_claim(row, &mut streams)?;
            let name = jti(claim.event_id, stream.0);
            if jtis.contains(&name) {
                self.finish(&claim, Finish::Delivered, None, None, now_us).await?;
                confirmed.push(claim);
            } else if let Some((_, error)) = errors.iter().find(|(jti, _)| *jti == name) {
                self.finish(&claim, Finish::Dead, None, Some(error.clone()), now_us).await?;
            }
        }
        // What waited behind them may be polled now.
        if !confirmed.is_empty() || !errors.is_empty() {
            self.appended.notify_waiters();
        }
        Ok(confirmed)
    }
}

impl TenantTx {
    async fn claim(&self, due: Sql, until_us: i64, limit: u32) -> Result<Vec<Claim>, StoreError> {
        // Two claimers at once could each take a part of one subject's events.
        if self.backend == DbBackend::Postgres {
            self.one(Sql::new("select 1 from (select pg_advisory_xact_lock(781204)) l")).await?;
        }
        let sql = Sql::new(&format!(
            "select {COLUMNS}, {EVENT} from delivery d
             join stream s on s.tenant_id = d.tenant_id and s.id = d.stream_id
             join tenant t on t.id = d.tenant_id
             join outbox o on o.seq = d.seq
             where d.state = 0 and s.status = 0"
        ))
        .append(due)
        .push(" order by d.seq limit ?")
        .bind(i64::from(limit));
        let mut streams = Streams::new();
        let mut claims = Vec::new();
        for row in &self.all(sql).await? {
            claims.push(read_claim(row, &mut streams)?);
        }
        let leases: Vec<LeaseKey> = claims.iter().map(Claim::lease).collect();
        for chunk in leases.chunks(super::change::ROWS) {
            self.run(self.lease(chunk, until_us)).await?;
        }
        Ok(claims)
    }

    fn lease(&self, leases: &[LeaseKey], until_us: i64) -> Sql {
        let keys = leases
            .iter()
            .map(|lease| vec![lease.tenant.get().into(), lease.stream.0.into(), lease.seq.into()]);
        Sql::new("update delivery set leased_until_us = ?")
            .bind(until_us)
            .push(" where (tenant_id, stream_id, seq) in (")
            .push(if self.backend == DbBackend::Postgres { "" } else { "values " })
            .rows(keys)
            .push(")")
    }
}

/// What a polled stream gave out and waits to hear about.
fn given_out(tenant: TenantId, stream: StreamId) -> Sql {
    Sql::new(&format!(
        "select {COLUMNS}, {EVENT} from delivery d
         join stream s on s.tenant_id = d.tenant_id and s.id = d.stream_id
         join tenant t on t.id = d.tenant_id
         join outbox o on o.seq = d.seq
         where d.state = 0 and d.leased_until_us > 0 and d.tenant_id = ?"
    ))
    .bind(tenant.get())
    .push(" and d.stream_id = ?")
    .bind(stream.0)
}

fn of_claim(claim: &Claim) -> Sql {
    Sql::new(" where tenant_id = ? and stream_id = ? and seq = ?")
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
    })
}
