//! A tenant's connections.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{StoreError, TenantStore, TenantTx, statement::Sql};
use crate::{
    scim::dialect::Dialect,
    tenant::{ConnectionSettings, Settings},
};

/// A connection of a tenant's directory.
#[derive(Debug, Clone)]
pub struct ConnectionRow {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How its directory deviates from the RFCs.
    pub dialect: Dialect,
    /// What the operator set for it.
    pub settings: ConnectionSettings,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

const CONNECTION: &str =
    "select id, name, dialect, settings, created_us from connection where tenant_id = ?";

impl ConnectionRow {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let (dialect, settings): (String, String) =
            (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        Ok(Self {
            id: row.try_get_by_index(0)?,
            name: row.try_get_by_index(1)?,
            dialect: Dialect::from_name(&dialect)
                .ok_or_else(|| StoreError::Damaged(format!("dialect {dialect}")))?,
            settings: ConnectionSettings::from_json(&settings)
                .map_err(|error| StoreError::Damaged(error.to_string()))?,
            created_us: row.try_get_by_index(4)?,
        })
    }
}

impl TenantStore {
    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if the tenant has one of that name.
    pub async fn insert_connection(&self, row: &ConnectionRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into connection (tenant_id, id, name, dialect, settings, created_us) values ",
        )
        .rows([vec![
            self.tenant.get().into(),
            row.id.into(),
            row.name.clone().into(),
            row.dialect.as_str().into(),
            row.settings.to_json().into(),
            row.created_us.into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    /// The tenant's connections, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn connections(&self) -> Result<Vec<ConnectionRow>, StoreError> {
        let sql = Sql::new(CONNECTION).bind(self.tenant.get()).push(" order by name");
        self.view().await?.all(sql).await?.iter().map(ConnectionRow::read).collect()
    }
}

impl TenantTx {
    /// The connection of that name; no other transaction changes it until this one ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn connection_for_update(
        &self,
        name: &str,
    ) -> Result<Option<ConnectionRow>, StoreError> {
        // Its log may be written meanwhile, for which its key is enough.
        let lock = if self.locks_rows() { " for no key update" } else { "" };
        let sql = Sql::new(CONNECTION).bind(self.owner()).push(" and name = ?").bind(name);
        self.one(sql.push(lock)).await?.as_ref().map(ConnectionRow::read).transpose()
    }

    /// Keeps the dialect and the settings of a connection.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn update_connection(&self, row: &ConnectionRow) -> Result<(), StoreError> {
        let sql = Sql::new("update connection set dialect = ?")
            .bind(row.dialect.as_str())
            .push(", settings = ?")
            .bind(row.settings.to_json())
            .push(" where tenant_id = ?")
            .bind(self.owner())
            .push(" and id = ?")
            .bind(row.id);
        self.run(sql).await.map(|_| ())
    }
}
