//! Streams at which nothing arrives.

use super::super::{Store, StoreError, statement::Sql};
use crate::tenant::{StreamId, TenantId};

/// An enabled stream at which every attempt failed for a while.
#[derive(Debug, Clone, Copy)]
pub struct FailingStream {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub stream: StreamId,
    /// When attempts began to fail, in microseconds since 1970.
    pub since_us: i64,
}

impl Store {
    /// The enabled streams that fail.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn failing_streams(&self) -> Result<Vec<FailingStream>, StoreError> {
        let sql = Sql::new(
            "select tenant_id, id, failing_since_us from stream
             where status = 0 and failing_since_us is not null",
        );
        let rows = self.operator().view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(FailingStream {
                    tenant: TenantId::new(row.try_get_by_index(0)?),
                    stream: StreamId(row.try_get_by_index(1)?),
                    since_us: row.try_get_by_index(2)?,
                })
            })
            .collect()
    }

    /// Notes that a stream fails, unless that is known.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn began_failing(
        &self,
        tenant: TenantId,
        stream: StreamId,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("update stream set failing_since_us = ?")
            .bind(now_us)
            .push(" where failing_since_us is null and tenant_id = ? and id = ?")
            .bind(tenant.get())
            .bind(stream.0);
        self.tenant(tenant).run(sql).await.map(|_| ())
    }

    /// Notes that something arrived at a stream that failed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn recovered(&self, tenant: TenantId, stream: StreamId) -> Result<(), StoreError> {
        let sql = Sql::new("update stream set failing_since_us = null where tenant_id = ?")
            .bind(tenant.get())
            .push(" and id = ?")
            .bind(stream.0);
        self.tenant(tenant).run(sql).await.map(|_| ())
    }

    /// Lets everything that a stream waits to try again go now, but for what its
    /// receiver asked to be spared.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn hasten(
        &self,
        tenant: TenantId,
        stream: StreamId,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("update delivery set due_us = ?")
            .bind(now_us)
            .push(" where state = 0 and lane < 2 and coalesce(last_status, 0) <> 429")
            .push(" and due_us > ? and tenant_id = ?")
            .bind(now_us)
            .bind(tenant.get())
            .push(" and stream_id = ?")
            .bind(stream.0);
        self.tenant(tenant).run(sql).await.map(|_| ())
    }
}
