//! Reading resources.

use sea_orm::QueryResult;

use super::{StoreError, View, statement::Sql};
use crate::scim::resource::{ResourceId, Version};

/// A resource as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResource {
    /// Its id.
    pub id: ResourceId,
    /// Its version.
    pub version: Version,
    /// When it was created, in microseconds since 1970.
    pub created_us: i64,
    /// When it was last changed, in microseconds since 1970.
    pub modified_us: i64,
    /// The client's attributes, as JSON text.
    pub document: String,
}

/// The columns of a [`StoredResource`], in the order [`StoredResource::read`] wants.
pub(super) const COLUMNS: &str = "r.id, r.version, r.created_us, r.modified_us, r.document";

impl StoredResource {
    pub(super) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self {
            id: ResourceId::new(row.try_get_by_index(0)?),
            version: Version(row.try_get_by_index(1)?),
            created_us: row.try_get_by_index(2)?,
            modified_us: row.try_get_by_index(3)?,
            document: row.try_get_by_index(4)?,
        })
    }
}

impl View {
    /// The resource of that type and id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn resource(
        &self,
        resource_type: i16,
        id: ResourceId,
    ) -> Result<Option<StoredResource>, StoreError> {
        self.load(resource_type, id, "").await
    }

    /// As [`View::resource`]; no other transaction changes it until this one ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn resource_for_update(
        &self,
        resource_type: i16,
        id: ResourceId,
    ) -> Result<Option<StoredResource>, StoreError> {
        // Adding the row to a group only needs its key, so that may go on.
        let lock = if self.locks_rows() { " for no key update" } else { "" };
        self.load(resource_type, id, lock).await
    }

    /// As [`View::resource`]; until this transaction ends no other one changes it,
    /// nor makes it a member of a group.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn resource_for_removal(
        &self,
        resource_type: i16,
        id: ResourceId,
    ) -> Result<Option<StoredResource>, StoreError> {
        let lock = if self.locks_rows() { " for update" } else { "" };
        self.load(resource_type, id, lock).await
    }

    async fn load(
        &self,
        resource_type: i16,
        id: ResourceId,
        lock: &str,
    ) -> Result<Option<StoredResource>, StoreError> {
        let sql = Sql::new(&format!("select {COLUMNS} from resource r where r.tenant_id = ?"))
            .bind(self.owner())
            .push(" and r.id = ?")
            .bind(id.get())
            .push(" and r.resource_type = ?")
            .bind(resource_type)
            .push(lock);
        self.one(sql).await?.as_ref().map(StoredResource::read).transpose()
    }
}
