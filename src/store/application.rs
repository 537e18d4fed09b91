//! Applications of a tenant, and the groups that let people in.

use std::collections::HashSet;

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{StoreError, TenantStore, TenantTx, View, statement::Sql};
use crate::scim::{resource::ResourceId, schema::ResourceType};

/// An application that a tenant's people use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The groups whose members may use it, in the order of ids.
    pub groups: Vec<ResourceId>,
    /// Whether sessions end there for who leaves one of the groups and stays in another.
    pub revoke_on_privilege_loss: bool,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

const APPLICATION: &str =
    "select id, name, revoke_on_privilege_loss, created_us from application where tenant_id = ?";

impl ApplicationRow {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get_by_index(0)?,
            name: row.try_get_by_index(1)?,
            groups: Vec::new(),
            revoke_on_privilege_loss: row.try_get_by_index(2)?,
            created_us: row.try_get_by_index(3)?,
        })
    }
}

impl TenantStore {
    /// The tenant's applications, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn applications(&self) -> Result<Vec<ApplicationRow>, StoreError> {
        self.view().await?.applications().await
    }

    /// The application of that name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn application_named(
        &self,
        name: &str,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let view = self.view().await?;
        view.application(name, "").await
    }
}

impl View {
    /// The tenant's applications, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn applications(&self) -> Result<Vec<ApplicationRow>, StoreError> {
        let sql = Sql::new(APPLICATION).bind(self.owner()).push(" order by name");
        let rows = self.all(sql).await?;
        let mut rows: Vec<ApplicationRow> =
            rows.iter().map(ApplicationRow::read).collect::<Result<_, _>>()?;
        let sql = Sql::new(
            "select application_id, group_id from application_group where tenant_id = ?
             order by application_id, group_id",
        );
        for gate in self.all(sql.bind(self.owner())).await? {
            let application: Uuid = gate.try_get_by_index(0)?;
            let group = ResourceId::new(gate.try_get_by_index(1)?);
            if let Some(row) = rows.iter_mut().find(|row| row.id == application) {
                row.groups.push(group);
            }
        }
        Ok(rows)
    }

    async fn application(
        &self,
        name: &str,
        lock: &str,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let sql = Sql::new(APPLICATION).bind(self.owner()).push(" and name = ?").bind(name);
        let row = self.one(sql.push(lock)).await?;
        let Some(mut row) = row.as_ref().map(ApplicationRow::read).transpose()? else {
            return Ok(None);
        };
        let sql = Sql::new("select group_id from application_group where tenant_id = ?")
            .bind(self.owner())
            .push(" and application_id = ?")
            .bind(row.id)
            .push(" order by group_id");
        for gate in self.all(sql).await? {
            row.groups.push(ResourceId::new(gate.try_get_by_index(0)?));
        }
        Ok(Some(row))
    }

    /// Of `ids`, those that are groups of the tenant.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn groups_among(
        &self,
        ids: &[ResourceId],
    ) -> Result<HashSet<ResourceId>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let sql = Sql::new("select id from resource where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_type = ?")
            .bind(ResourceType::GROUP)
            .push(" and id in ")
            .list(ids.iter().map(|id| id.get()));
        let rows = self.all(sql).await?;
        rows.iter().map(|row| Ok(ResourceId::new(row.try_get_by_index(0)?))).collect()
    }
}

impl TenantTx {
    /// How many applications the tenant has.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn count_applications(&self) -> Result<i64, StoreError> {
        let sql = Sql::new("select count(*) from application where tenant_id = ?");
        let row = self.one(sql.bind(self.owner())).await?;
        Ok(row.map_or(Ok(0), |row| row.try_get_by_index(0))?)
    }

    /// Makes an application.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if the tenant has one of that name.
    pub async fn insert_application(&self, row: &ApplicationRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into application (tenant_id, id, name, revoke_on_privilege_loss, created_us)
             values ",
        )
        .rows([vec![
            self.owner(),
            row.id.into(),
            row.name.clone().into(),
            row.revoke_on_privilege_loss.into(),
            row.created_us.into(),
        ]]);
        self.run(sql).await?;
        self.insert_gates(row).await
    }

    /// The application of that name; no other transaction changes or deletes it, nor
    /// gives it a receiver, until this one ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn application_for_update(
        &self,
        name: &str,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        self.application(name, if self.locks_rows() { " for update" } else { "" }).await
    }

    /// Keeps what is set for an application.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn update_application(&self, row: &ApplicationRow) -> Result<(), StoreError> {
        let sql = Sql::new("update application set revoke_on_privilege_loss = ?")
            .bind(row.revoke_on_privilege_loss)
            .push(" where tenant_id = ? and id = ?")
            .bind(self.owner())
            .bind(row.id);
        self.run(sql).await?;
        let sql = Sql::new("delete from application_group where tenant_id = ?")
            .bind(self.owner())
            .push(" and application_id = ?")
            .bind(row.id);
        self.run(sql).await?;
        self.insert_gates(row).await
    }

    /// Whether a receiver belongs to the application.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn has_receivers(&self, application: Uuid) -> Result<bool, StoreError> {
        let sql = Sql::new("select 1 from stream where tenant_id = ? and application_id = ?")
            .bind(self.owner())
            .bind(application);
        Ok(self.one(sql.push(" limit 1")).await?.is_some())
    }

    /// Deletes an application.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_application(&self, application: Uuid) -> Result<(), StoreError> {
        let sql = Sql::new("delete from application where tenant_id = ? and id = ?")
            .bind(self.owner())
            .bind(application);
        self.run(sql).await.map(|_| ())
    }

    /// Keeps an application from being deleted until this transaction ends; whether
    /// the tenant has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn hold_application(&self, application: Uuid) -> Result<bool, StoreError> {
        let lock = if self.locks_rows() { " for key share" } else { "" };
        let sql = Sql::new("select 1 from application where tenant_id = ? and id = ?")
            .bind(self.owner())
            .bind(application)
            .push(lock);
        Ok(self.one(sql).await?.is_some())
    }

    async fn insert_gates(&self, row: &ApplicationRow) -> Result<(), StoreError> {
        if row.groups.is_empty() {
            return Ok(());
        }
        let gate = |group: &ResourceId| vec![self.owner(), row.id.into(), group.get().into()];
        let sql =
            Sql::new("insert into application_group (tenant_id, application_id, group_id) values ")
                .rows(row.groups.iter().map(gate));
        self.run(sql).await.map(|_| ())
    }

    /// What a deleted group leaves: it is no gate any more.
    pub(super) fn delete_gates(&self, group: ResourceId) -> Sql {
        Sql::new("delete from application_group").append(self.of_resource("group_id", group))
    }
}
