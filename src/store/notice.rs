//! The log of a connection: what was told, how often and when.

use uuid::Uuid;

use super::{StoreError, TenantStore, View, statement::Sql};

/// Rows that a connection's log holds; the latest stay.
const ROWS: i64 = 500;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// What was done.
    pub kind: String,
    /// Where.
    pub detail: String,
    /// How often.
    pub count: i64,
    /// When first, in microseconds since 1970.
    pub first_us: i64,
    /// When last, in microseconds since 1970.
    pub last_us: i64,
}

impl TenantStore {
    /// Adds to a connection's log.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails, or the connection is gone.
    pub async fn add_notices(
        &self,
        connection: Uuid,
        rows: Vec<NoticeRow>,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant.get();
        let values = rows.into_iter().map(|row| {
            vec![
                tenant.into(),
                connection.into(),
                row.kind.into(),
                row.detail.into(),
                row.count.into(),
                row.first_us.into(),
                row.last_us.into(),
            ]
        });
        let add = Sql::new(
            "insert into connection_notice
                (tenant_id, connection_id, kind, detail, count, first_us, last_us) values ",
        )
        .rows(values)
        .push(
            " on conflict (tenant_id, connection_id, kind, detail) do update
             set count = connection_notice.count + excluded.count, last_us = excluded.last_us",
        );
        let of =
            |sql: &str| Sql::new(sql).bind(tenant).push(" and connection_id = ?").bind(connection);
        let forget = of("delete from connection_notice where tenant_id = ?")
            .push(" and last_us < (")
            .append(of("select last_us from connection_notice where tenant_id = ?"))
            .push(" order by last_us desc limit 1 offset ?)")
            .bind(ROWS - 1);
        self.write(move |tx| {
            let (add, forget) = (add.clone(), forget.clone());
            Box::pin(async move {
                View::run(tx, add).await?;
                View::run(tx, forget).await?;
                Ok(())
            })
        })
        .await
    }

    /// A connection's log, the latest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn notices(&self, connection: Uuid) -> Result<Vec<NoticeRow>, StoreError> {
        let sql = Sql::new(
            "select kind, detail, count, first_us, last_us from connection_notice
             where tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" and connection_id = ?")
        .bind(connection)
        .push(" order by last_us desc, kind, detail");
        let rows = self.view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(NoticeRow {
                    kind: row.try_get_by_index(0)?,
                    detail: row.try_get_by_index(1)?,
                    count: row.try_get_by_index(2)?,
                    first_us: row.try_get_by_index(3)?,
                    last_us: row.try_get_by_index(4)?,
                })
            })
            .collect()
    }
}
