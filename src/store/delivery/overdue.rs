//! Revocations that their receivers have not confirmed in time.

use super::super::{Store, StoreError, View, statement::Sql};
use crate::tenant::{StreamId, TenantId};

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
    /// Takes up to `limit` revocations that have become alarms, each once whoever
    /// asks.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn raise_overdue(&self, now_us: i64, limit: u32) -> Result<Vec<Overdue>, StoreError> {
        // The writer is for those who write.
        let any =
            Sql::new(&format!("select 1 from delivery where {MISSING} and {WAITING} limit 1"))
                .bind(now_us);
        if self.operator().view().await?.one(any).await?.is_none() {
            return Ok(Vec::new());
        }
        self.operator()
            .write(move |tx| {
                Box::pin(async move {
                    let sql = Sql::new("update delivery set alarmed_us = ?")
                        .bind(now_us)
                        .push(&format!(" where {MISSING} and {WAITING}"))
                        .bind(now_us)
                        .push(&format!(
                            " and (tenant_id, seq, stream_id) in (
                                select tenant_id, seq, stream_id from delivery where {MISSING} and {WAITING}"
                        ))
                        .bind(now_us)
                        .push(
                            " order by alarm_us limit ?) returning tenant_id, stream_id, seq, txn",
                        )
                        .bind(i64::from(limit));
                    let rows = View::all(tx, sql).await?;
                    rows.iter()
                        .map(|row| {
                            Ok(Overdue {
                                tenant: TenantId::new(row.try_get_by_index(0)?),
                                stream: StreamId(row.try_get_by_index(1)?),
                                seq: row.try_get_by_index(2)?,
                                txn: row.try_get_by_index(3)?,
                            })
                        })
                        .collect()
                })
            })
            .await
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
