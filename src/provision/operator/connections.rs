//! Connections: a tenant's directories, and what is set for each.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    ConnectionRecord, NoticeRecord, Operator, OperatorError,
    tenants::{check_name, taken},
};
use crate::{
    scim::dialect::Dialect,
    store::{ConnectionRow, UniqueKey},
    tenant::{ConnectionSettings, Settings, SettingsError},
};

/// What a connection shall be. What is absent stays, and is the default of a new one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnectionChange {
    /// How its directory deviates from the RFCs.
    pub dialect: Option<Dialect>,
    /// Settings by name; `null` is the default again.
    pub settings: Map<String, Value>,
}

impl From<Dialect> for ConnectionChange {
    fn from(dialect: Dialect) -> Self {
        Self { dialect: Some(dialect), settings: Map::new() }
    }
}

impl From<SettingsError> for OperatorError {
    fn from(error: SettingsError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl Operator {
    /// Makes a connection: a directory that provisions a tenant.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Exists`] if it has a connection of that name;
    /// [`OperatorError::Invalid`] if its name or settings cannot be.
    pub async fn create_connection(
        &self,
        tenant: &str,
        name: &str,
        change: impl Into<ConnectionChange>,
    ) -> Result<ConnectionRecord, OperatorError> {
        let change = change.into();
        check_name("connection", name)?;
        let row = ConnectionRow {
            id: self.clock.new_id(),
            name: name.to_owned(),
            dialect: change.dialect.unwrap_or_default(),
            settings: ConnectionSettings::default().merged(&change.settings)?,
            created_us: self.clock.now_us(),
        };
        let inserted = self.tenant_store(tenant).await?.insert_connection(&row).await;
        inserted.map_err(|error| taken(error, UniqueKey::ConnectionName, "connection", name))?;
        Ok(row.into())
    }

    /// Changes what is set for a connection. Every replica acts on it within a second.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or connection;
    /// [`OperatorError::Invalid`] if the settings cannot be.
    pub async fn change_connection(
        &self,
        tenant: &str,
        name: &str,
        change: ConnectionChange,
    ) -> Result<ConnectionRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let (name, change) = (Arc::<str>::from(name), Arc::new(change));
        let changed = store.write(move |tx| {
            let (name, change) = (Arc::clone(&name), Arc::clone(&change));
            Box::pin(async move {
                let row = tx.connection_for_update(&name).await?;
                let mut row = row.ok_or_else(|| no_connection(&name))?;
                row.dialect = change.dialect.unwrap_or(row.dialect);
                row.settings = row.settings.merged(&change.settings)?;
                tx.update_connection(&row).await?;
                Ok::<_, OperatorError>(row)
            })
        });
        Ok(changed.await?.into())
    }

    /// What a connection's log says, the latest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or connection.
    pub async fn notices(
        &self,
        tenant: &str,
        name: &str,
    ) -> Result<Vec<NoticeRecord>, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let connections = store.connections().await?;
        let connection = connections.into_iter().find(|row| row.name == name);
        let connection = connection.ok_or_else(|| no_connection(name))?;
        Ok(store.notices(connection.id).await?.into_iter().map(Into::into).collect())
    }

    /// The connections of a tenant, by name.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn connections(&self, tenant: &str) -> Result<Vec<ConnectionRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.connections().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

fn no_connection(name: &str) -> OperatorError {
    OperatorError::NotFound(format!("connection `{name}`"))
}
