//! What is not kept for ever: deliveries that are over, events that nobody needs
//! any more, and what a paused stream cannot hold.
//!
//! Work is done in small transactions, so that no change waits for it.

use super::{Store, StoreError, TenantStore, outbox::bit, statement::Sql};
use crate::{
    event::EventUri,
    tenant::{StreamId, TenantId},
};

/// Events that are looked at in one step.
const STEP: i64 = 500;

/// Events that a paused stream may lose if it holds too many: they say what was
/// changed, which can be read again, and nobody keeps access without them.
const NOTICES: i64 = bit(EventUri::ProvCreateNotice)
    | bit(EventUri::ProvPatchNotice)
    | bit(EventUri::ProvPutNotice)
    | bit(EventUri::ProvCreateFull)
    | bit(EventUri::ProvPatchFull)
    | bit(EventUri::ProvPutFull)
    | bit(EventUri::TokenClaimsChange);

/// What is old, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Ages {
    /// Deliveries that were made before this go.
    pub delivered_us: i64,
    /// Dead letters from before this go.
    pub dead_us: i64,
}

/// What a paused stream may hold.
#[derive(Debug, Clone, Copy)]
pub struct HoldLimit {
    /// Notices from before this go, in microseconds since 1970.
    pub before_us: i64,
    /// So many events at most, if notices can make room.
    pub count: i64,
}

impl TenantStore {
    /// Forgets what is old among the next events behind `after`: deliveries that
    /// are over, and events without any. Gives the last one it looked at, or none
    /// if there is nothing old behind it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_old(&self, after: i64, ages: Ages) -> Result<Option<i64>, StoreError> {
        let sql = Sql::new("select seq, occurred_us from outbox where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and seq > ? order by seq limit ?")
            .bind(after)
            .bind(STEP);
        let mut last = None;
        for row in &self.view().await?.all(sql).await? {
            if ages.delivered_us <= row.try_get_by_index(1)? {
                break;
            }
            last = Some(row.try_get_by_index(0)?);
        }
        let Some(last): Option<i64> = last else { return Ok(None) };
        let span = move |sql: &str, tenant: i64| {
            Sql::new(sql)
                .push(" where tenant_id = ? and seq > ? and seq <= ?")
                .bind(tenant)
                .bind(after)
                .bind(last)
        };
        self.write::<(), StoreError, _>(move |tx| {
            let deliveries = span("delete from delivery", tx.tenant().get())
                .push(" and ((state = 1 and finished_us < ?) or (state = 2 and finished_us < ?))")
                .bind(ages.delivered_us)
                .bind(ages.dead_us);
            let events = span("delete from outbox", tx.tenant().get()).push(
                " and not exists (select 1 from delivery d
                    where d.tenant_id = outbox.tenant_id and d.seq = outbox.seq)",
            );
            Box::pin(async move {
                tx.run(deliveries).await?;
                tx.run(events).await.map(|_| ())
            })
        })
        .await?;
        Ok(Some(last))
    }

    /// Drops some of the notices that a paused stream cannot hold, the oldest
    /// first; how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn drop_held(&self, stream: StreamId, limit: HoldLimit) -> Result<u64, StoreError> {
        let held = Sql::new("select count(*) from delivery where state = 0 and tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and stream_id = ?")
            .bind(stream.0);
        let view = self.view().await?;
        let held: i64 = view.one(held).await?.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let surplus = held.saturating_sub(limit.count).max(0);
        let notices = Sql::new(
            "select d.seq, o.occurred_us from delivery d join outbox o on o.seq = d.seq
             where d.state = 0 and d.lane = 1 and d.tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" and d.stream_id = ?")
        .bind(stream.0)
        .push(" and (o.event_bit & ?) <> 0 order by d.seq limit ?")
        .bind(NOTICES)
        .bind(STEP);
        let mut seqs: Vec<i64> = Vec::new();
        for row in &view.all(notices).await? {
            let is_old = row.try_get_by_index::<i64>(1)? < limit.before_us;
            if is_old || i64::try_from(seqs.len()).is_ok_and(|dropped| dropped < surplus) {
                seqs.push(row.try_get_by_index(0)?);
            }
        }
        drop(view);
        if seqs.is_empty() {
            return Ok(0);
        }
        let (owner, count) = (self.tenant.get(), i64::try_from(seqs.len()).unwrap_or(i64::MAX));
        let delete = Sql::new("delete from delivery where state = 0 and tenant_id = ?")
            .bind(owner)
            .push(" and stream_id = ?")
            .bind(stream.0)
            .push(" and seq in ")
            .list(seqs);
        let note = Sql::new("update stream set dropped = dropped + ?")
            .bind(count)
            .push(" where tenant_id = ? and id = ?")
            .bind(owner)
            .bind(stream.0);
        self.write(move |tx| {
            let (delete, note) = (delete.clone(), note.clone());
            Box::pin(async move {
                tx.run(note).await?;
                tx.run(delete).await
            })
        })
        .await
    }
}

impl Store {
    /// Every tenant, for work that is done on each.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenant_ids(&self) -> Result<Vec<TenantId>, StoreError> {
        let sql = Sql::new("select id from tenant order by id");
        let rows = self.operator().view().await?.all(sql).await?;
        rows.iter().map(|row| Ok(TenantId::new(row.try_get_by_index(0)?))).collect()
    }

    /// The streams that are paused.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn paused_streams(&self) -> Result<Vec<(TenantId, StreamId)>, StoreError> {
        let sql = Sql::new("select tenant_id, id from stream where status = 1");
        let rows = self.operator().view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                let tenant = TenantId::new(row.try_get_by_index(0)?);
                Ok((tenant, StreamId(row.try_get_by_index(1)?)))
            })
            .collect()
    }
}
