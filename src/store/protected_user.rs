//! People whom no directory may take away.

use uuid::Uuid;

use super::{StoreError, TenantTx, View, statement::Sql};
use crate::scim::resource::ResourceId;

/// Somebody whom no directory may take away.
#[derive(Debug, Clone)]
pub struct ProtectedUser {
    /// Who.
    pub id: ResourceId,
    /// The stored document.
    pub document: Option<String>,
    /// Why, for administrators.
    pub reason: String,
    /// Who said so.
    pub actor: String,
    /// When, in microseconds since 1970.
    pub since_us: i64,
}

impl View {
    /// Whether no directory may take this person away.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn is_protected(&self, id: ResourceId) -> Result<bool, StoreError> {
        let sql = Sql::new("select 1 from protected_user where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_id = ?")
            .bind(id.get());
        Ok(self.one(sql).await?.is_some())
    }

    /// Everybody whom no directory may take away, by id, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn protected_users(&self, limit: u32) -> Result<Vec<ProtectedUser>, StoreError> {
        let sql = Sql::new(
            "select p.resource_id, r.document, p.reason, p.actor, p.since_us
             from protected_user p
             left join resource r on r.tenant_id = p.tenant_id and r.id = p.resource_id
             where p.tenant_id = ?",
        )
        .bind(self.owner())
        .push(" order by p.resource_id limit ?")
        .bind(i64::from(limit));
        let rows = self.all(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(ProtectedUser {
                    id: ResourceId::new(row.try_get_by_index::<Uuid>(0)?),
                    document: row.try_get_by_index(1)?,
                    reason: row.try_get_by_index(2)?,
                    actor: row.try_get_by_index(3)?,
                    since_us: row.try_get_by_index(4)?,
                })
            })
            .collect()
    }
}

impl TenantTx {
    /// Protects a person, or protects them for another reason.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn protect(&self, user: &ProtectedUser) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into protected_user (tenant_id, resource_id, reason, actor, since_us) values ",
        )
        .rows([vec![
            self.owner(),
            user.id.get().into(),
            user.reason.clone().into(),
            user.actor.clone().into(),
            user.since_us.into(),
        ]])
        .push(
            " on conflict (tenant_id, resource_id) do update set reason = excluded.reason,
                actor = excluded.actor",
        );
        self.run(sql).await.map(|_| ())
    }

    /// Protects a person no longer; whether they were.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn unprotect(&self, id: ResourceId) -> Result<bool, StoreError> {
        let sql = Sql::new("delete from protected_user where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_id = ?")
            .bind(id.get());
        Ok(0 < self.run(sql).await?)
    }
}
