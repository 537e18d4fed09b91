//! People by the names that others know them by.

use uuid::Uuid;

use super::{
    StoreError, TenantStore, View,
    keys::{cut, key},
    statement::Sql,
};
use crate::scim::{resource::ResourceId, schema::ResourceType, text::user_name_key};

/// A name that stands for a user, or for several: only ids and user names are unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonName {
    /// Our own id.
    Id(ResourceId),
    /// The `userName`.
    UserName(String),
    /// The directory's own key.
    ExternalId(String),
    /// One of their e-mail addresses.
    Email(String),
}

impl View {
    /// The users of that name in the order of their ids, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn users_named(
        &self,
        name: &PersonName,
        limit: u32,
    ) -> Result<Vec<ResourceId>, StoreError> {
        let of_users = |table: &str, id: &str| {
            Sql::new(&format!("select {id} from {table} where tenant_id = ?"))
                .bind(self.owner())
                .push(" and resource_type = ?")
                .bind(ResourceType::USER)
        };
        let sql = match name {
            PersonName::Id(id) => of_users("resource", "id").push(" and id = ?").bind(id.get()),
            PersonName::UserName(name) => of_users("resource", "id")
                .push(" and unique_key = ?")
                .bind(cut(&user_name_key(name)).to_owned()),
            PersonName::ExternalId(id) => {
                of_users("resource", "id").push(" and external_id = ?").bind(id.as_str())
            }
            // Of two elements with one address, one is enough.
            PersonName::Email(address) => of_users("attribute_value", "distinct resource_id as id")
                .push(" and path = 'emails.value' and value_key = ?")
                .bind(key(address)),
        };
        let rows = self.all(sql.push(" order by id limit ?").bind(i64::from(limit))).await?;
        rows.iter().map(|row| Ok(ResourceId::new(row.try_get_by_index::<Uuid>(0)?))).collect()
    }
}

impl TenantStore {
    /// Whether there is such a resource and it is active.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn is_active(&self, id: Uuid) -> Result<bool, StoreError> {
        let sql = Sql::new("select 1 from resource where active and tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and id = ?")
            .bind(id);
        Ok(self.view().await?.one(sql).await?.is_some())
    }
}
