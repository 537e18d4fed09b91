//! Revocations that their receivers have not confirmed in time.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use uuid::Uuid;

use super::super::{
    Audience, OutboxEvent, Store, StoreError, TenantStore, TenantTx, View, statement::Sql,
};
use crate::{
    event::EventUri,
    scim::resource::ResourceId,
    tenant::{StreamId, TenantId},
};

/// A revocation that is an alarm from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// Whose it is.
    pub tenant: TenantId,
    /// The receiver.
    pub stream: StreamId,
    /// The event's place in the order of events.
    pub seq: i64,
    /// The transaction.
    pub txn: String,
}

/// The receiver has not got it. What is replayed it has; see `TenantStore::replay`.
const MISSING: &str = "state <> 1 and (state = 2 or finished_us is null)";
/// Besides, it is late and nobody was told; the index has such rows alone.
const WAITING: &str = "alarm_us is not null and alarmed_us is null and alarm_us <= ?";

impl Store {
    /// A tenant with revocations that have become alarms and were not raised yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn overdue_tenant(&self, now_us: i64) -> Result<Option<TenantId>, StoreError> {
        let sql = Sql::new(&format!(
            "select tenant_id from delivery where {MISSING} and {WAITING} limit 1"
        ));
        let row = self.operator().view().await?.one(sql.bind(now_us)).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.map(TenantId::new))
    }

    /// How many alarms there are whose revocation is still not confirmed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn overdue(&self) -> Result<i64, StoreError> {
        let sql = Sql::new(&format!(
            "select count(*) from delivery where {MISSING} and alarmed_us is not null"
        ));
        let row = self.operator().view().await?.one(sql).await?;
        Ok(row.map_or(Ok(0), |row| row.try_get_by_index(0))?)
    }
}

impl TenantStore {
    /// Raises as many alarms as there are `ids`, each once whoever asks: with them
    /// is written, for each person, the event that tells of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn raise_overdue(
        &self,
        now_us: i64,
        ids: Arc<[Uuid]>,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.write(move |tx| {
            let ids = Arc::clone(&ids);
            Box::pin(async move {
                let raised = tx.raise_overdue(now_us, ids.len()).await?;
                tx.tell_of(&raised, &ids, now_us).await?;
                Ok(raised)
            })
        })
        .await
    }
}

impl TenantTx {
    async fn raise_overdue(&self, now_us: i64, limit: usize) -> Result<Vec<Overdue>, StoreError> {
        let due = |sql: Sql| {
            sql.push(&format!(" where {MISSING} and {WAITING}"))
                .bind(now_us)
                .push(" and tenant_id = ?")
                .bind(self.owner())
        };
        let some = due(Sql::new("select seq, stream_id from delivery"))
            .push(" order by alarm_us limit ?")
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let raise = due(Sql::new("update delivery set alarmed_us = ?").bind(now_us))
            .push(" and (seq, stream_id) in (")
            .append(some)
            .push(") returning stream_id, seq, txn");
        let rows = View::all(self, raise).await?;
        rows.iter()
            .map(|row| {
                Ok(Overdue {
                    tenant: self.tenant,
                    stream: StreamId(row.try_get_by_index(0)?),
                    seq: row.try_get_by_index(1)?,
                    txn: row.try_get_by_index(2)?,
                })
            })
            .collect()
    }

    /// Writes an event for each revocation of which receivers did not confirm.
    async fn tell_of(
        &self,
        raised: &[Overdue],
        ids: &[Uuid],
        now_us: i64,
    ) -> Result<(), StoreError> {
        let mut receivers: BTreeMap<i64, Vec<StreamId>> = BTreeMap::new();
        for overdue in raised {
            receivers.entry(overdue.seq).or_default().push(overdue.stream);
        }
        let (Some(first), false) = (ids.first(), receivers.is_empty()) else { return Ok(()) };
        let sql = Sql::new("select seq, subject_key, subject, txn from outbox where tenant_id = ?")
            .bind(self.owner())
            .push(" and seq in ")
            .list(receivers.keys().copied())
            .push(" order by seq");
        let mut events = Vec::new();
        for (row, id) in View::all(self, sql).await?.iter().zip(ids) {
            let of: Option<&Vec<StreamId>> = receivers.get(&row.try_get_by_index(0)?);
            let txn: String = row.try_get_by_index(3)?;
            let names: Vec<String> = of.into_iter().flatten().map(|it| it.0.to_string()).collect();
            events.push(OutboxEvent {
                id: *id,
                audience: Audience::All,
                uri: EventUri::RevocationOverdue,
                payload: json!({ "deprovisioning": txn, "receivers": names }).to_string(),
                subject_key: ResourceId::new(row.try_get_by_index(1)?),
                subject: row.try_get_by_index(2)?,
            });
        }
        self.append(&format!("tx_{first}"), now_us, &events).await
    }
}
