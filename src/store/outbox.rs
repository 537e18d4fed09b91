//! Events: written with their change, and put on their way to each stream.

use std::{sync::atomic::Ordering, time::Duration};

use sea_orm::{DbBackend, QueryResult, Value};

use super::{
    Audience, OutboxEvent, StoreError, TenantStore, TenantTx, View, change::ROWS, statement::Sql,
};
use crate::event::EventUri;

/// The bit of an event's type in a stream's mask. Stored: never renumber.
pub(super) const fn bit(uri: EventUri) -> i64 {
    match uri {
        EventUri::SessionRevoked => 1,
        EventUri::AccountDisabled => 1 << 1,
        EventUri::AccountEnabled => 1 << 2,
        EventUri::AccountPurged => 1 << 3,
        EventUri::ProvCreateNotice => 1 << 4,
        EventUri::ProvPatchNotice => 1 << 5,
        EventUri::ProvPutNotice => 1 << 6,
        EventUri::ProvDelete => 1 << 7,
        EventUri::ProvActivate => 1 << 8,
        EventUri::ProvDeactivate => 1 << 9,
        EventUri::AsyncResponse => 1 << 10,
        EventUri::TokenClaimsChange => 1 << 11,
        EventUri::CredentialChange => 1 << 12,
        EventUri::IdentifierChanged => 1 << 13,
        EventUri::IdentifierRecycled => 1 << 14,
        EventUri::RecoveryInformationChanged => 1 << 15,
        EventUri::CredentialCompromise => 1 << 16,
        EventUri::CredentialChangeRequired => 1 << 17,
        EventUri::FeedAdd => 1 << 18,
        EventUri::FeedRemove => 1 << 19,
        EventUri::ProvCreateFull => 1 << 20,
        EventUri::ProvPatchFull => 1 << 21,
        EventUri::ProvPutFull => 1 << 22,
        EventUri::RevocationOverdue => 1 << 23,
        EventUri::DeprovisioningHeld => 1 << 24,
        // About a stream, not about a resource: sent to that stream alone.
        EventUri::Verification | EventUri::StreamUpdated => 0,
    }
}

/// Bits of the events that take access away: they go first at every stream, and
/// so does what is about the stream itself, which has no bit.
const REVOCATIONS: i64 =
    bit(EventUri::SessionRevoked) | bit(EventUri::AccountDisabled) | bit(EventUri::AccountPurged);

/// How long a reader waits for transactions that may yet write earlier events.
const SETTLING: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// A revocation that its receiver has not confirmed for so long is an alarm, in
/// microseconds.
pub(super) const ALARM_US: i64 = 300_000_000;

/// An event as it is kept.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// Its place in the order of events.
    pub seq: i64,
    /// Name of the tenant.
    pub tenant_name: String,
    /// The transaction it belongs to.
    pub txn: String,
    /// Its type.
    pub uri: String,
    /// Whom it is about, JSON text.
    pub subject: String,
    /// When it happened, in microseconds since 1970.
    pub occurred_us: i64,
}

impl TenantTx {
    /// Writes events that tell of no change.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn append(
        &self,
        txn: &str,
        at_us: i64,
        events: &[OutboxEvent],
    ) -> Result<(), StoreError> {
        self.note_revocations(events);
        for events in events.chunks(ROWS) {
            let sql = match self.backend {
                DbBackend::Postgres => Sql::new("with o as (")
                    .append(self.insert_outbox(txn, at_us, events))
                    .push(" returning seq, event_bit, subject_key, application_id, stream_id), d as (")
                    .append(self.insert_deliveries(txn, at_us, "o"))
                    .push(" where true returning 1) select count(*) from d"),
                // The writer is alone, so the tenant's last events are these.
                _ => self
                    .insert_outbox(txn, at_us, events)
                    .push("; ")
                    .append(self.insert_deliveries(txn, at_us, "outbox"))
                    .push(" where o.tenant_id = ?")
                    .bind(self.owner())
                    .push(" and o.seq in (select seq from outbox where tenant_id = ?")
                    .bind(self.owner())
                    .push(" order by seq desc limit ?); select changes()")
                    .bind(i64::try_from(events.len()).unwrap_or(i64::MAX)),
            };
            let row = self.one(sql).await?;
            let deliveries: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
            self.delivers.fetch_or(0 < deliveries, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Notes whether somebody waits for one of the events without a stream.
    pub(super) fn note_revocations(&self, events: &[OutboxEvent]) {
        let revokes = events.iter().any(|event| event.uri == EventUri::SessionRevoked);
        self.revokes.fetch_or(revokes, Ordering::Relaxed);
    }

    pub(super) fn insert_outbox(&self, txn: &str, at_us: i64, events: &[OutboxEvent]) -> Sql {
        let row = |event: &OutboxEvent| -> Vec<Value> {
            let (application, stream) = match event.audience {
                Audience::All => (None, None),
                Audience::Application(application) => (Some(application), None),
                Audience::Stream(stream) => (None, Some(stream.0)),
            };
            vec![
                self.owner(),
                event.id.into(),
                txn.into(),
                event.subject_key.get().into(),
                event.uri.as_str().into(),
                bit(event.uri).into(),
                event.payload.clone().into(),
                event.subject.clone().into(),
                at_us.into(),
                application.into(),
                stream.into(),
            ]
        };
        Sql::new(
            "insert into outbox (tenant_id, event_id, txn, subject_key, event_uri, event_bit,
                payload, subject, occurred_us, application_id, stream_id) values ",
        )
        .rows(events.iter().map(row))
    }

    /// One row for each stream that wants the event and is of its audience. A
    /// disabled stream holds nothing (SSF 1.0 §8.1.2.1).
    pub(super) fn insert_deliveries(&self, txn: &str, at_us: i64, events: &str) -> Sql {
        Sql::new(
            "insert into delivery (tenant_id, stream_id, seq, subject_key, txn, state, attempt,
                due_us, leased_until_us, alarm_us, lane)
             select s.tenant_id, s.id, o.seq, o.subject_key, cast(? as text), 0, 0, 0, 0,
                case when o.event_bit = 1 then cast(? as bigint) end,
                case when o.event_bit = 0 or (o.event_bit & ",
        )
        .bind(txn)
        .bind(at_us.saturating_add(ALARM_US))
        .push(&format!(
            "{REVOCATIONS}) <> 0 then 0 else 1 end from {events} o join stream s on s.tenant_id = ? and s.status <> 2
                and (s.id = o.stream_id or (o.stream_id is null
                    and (s.event_mask & o.event_bit) <> 0
                    and (o.application_id is null or o.application_id = s.application_id)))"
        ))
        .bind(self.owner())
    }
}

impl TenantStore {
    /// Up to `limit` events behind the one at `after`, oldest first: of the tenant,
    /// or of all tenants for the operator.
    ///
    /// On PostgreSQL an event can be committed after one with a higher `seq`. So the
    /// order is that of transactions, and none is given out while one that began
    /// earlier may still write: whoever pages misses nothing. A reader waits a
    /// moment for those, to see what was committed before it asked.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn events(&self, after: i64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let mut left = SETTLING.as_millis() / LOOK.as_millis();
        loop {
            let view = self.view().await?;
            // Asked first: what is committed by now is settled by then.
            let is_settled = left == 0 || view.is_settled().await?;
            let rows = view.all(view.page(after, limit)).await?;
            if is_settled || u32::try_from(rows.len()) == Ok(limit) {
                return rows.iter().map(OutboxRow::read).collect();
            }
            drop(view);
            left -= 1;
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl OutboxRow {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.try_get_by_index(0)?,
            tenant_name: row.try_get_by_index(1)?,
            txn: row.try_get_by_index(2)?,
            uri: row.try_get_by_index(3)?,
            subject: row.try_get_by_index(4)?,
            occurred_us: row.try_get_by_index(5)?,
        })
    }
}

impl View {
    /// Whether no event is hidden because of a transaction that began earlier.
    async fn is_settled(&self) -> Result<bool, StoreError> {
        if self.backend != DbBackend::Postgres {
            return Ok(true);
        }
        let sql = Sql::new("select 1 from outbox o where ")
            .append(self.own_events())
            .push("o.xid >= pg_snapshot_xmin(pg_current_snapshot()) limit 1");
        Ok(self.one(sql).await?.is_none())
    }

    fn page(&self, after: i64, limit: u32) -> Sql {
        let sql = Sql::new(
            "select o.seq, t.name, o.txn, o.event_uri, o.subject, o.occurred_us
             from outbox o join tenant t on t.id = o.tenant_id where ",
        )
        .append(self.own_events());
        let sql = match self.backend {
            // An event that is no longer kept was before every one with a higher `seq`.
            DbBackend::Postgres => sql
                .push("o.xid < pg_snapshot_xmin(pg_current_snapshot()) and (o.xid, o.seq) > (")
                .push("coalesce((select c.xid from outbox c where c.seq = ?), '0'::xid8), ?)")
                .bind(after)
                .bind(after)
                .push(" and (o.seq > ? or exists (select 1 from outbox c where c.seq = ?))")
                .bind(after)
                .bind(after)
                .push(" order by o.xid, o.seq limit ?"),
            _ => sql.push("o.seq > ? order by o.seq limit ?").bind(after),
        };
        sql.bind(i64::from(limit))
    }

    /// The operator's views see the events of every tenant.
    fn own_events(&self) -> Sql {
        match self.tenant.get() {
            0 => Sql::default(),
            tenant => Sql::new("o.tenant_id = ? and ").bind(tenant),
        }
    }
}
