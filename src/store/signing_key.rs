//! Signing keys: sealed, one active for each tenant.

use serde_json::Value;

use super::{Store, StoreError, statement::Sql};
use crate::tenant::TenantId;

/// A private key, sealed with the key from the settings.
#[derive(Debug, Clone)]
pub struct SealedKey {
    /// Its name in key sets and tokens.
    pub kid: String,
    /// The sealed PKCS#8 document.
    pub sealed: Vec<u8>,
}

/// Keeps a tenant's new active key.
pub(super) fn insert_signing_key(
    tenant: TenantId,
    key: &SealedKey,
    public_jwk: &Value,
    created_us: i64,
) -> Sql {
    Sql::new(
        "insert into signing_key (tenant_id, kid, state, sealed, public_jwk, created_us) values ",
    )
    .rows([vec![
        tenant.get().into(),
        key.kid.clone().into(),
        0_i16.into(),
        key.sealed.clone().into(),
        public_jwk.to_string().into(),
        created_us.into(),
    ]])
}

impl Store {
    /// The key that a tenant signs with.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if it has none.
    pub async fn signing_key(&self, tenant: TenantId) -> Result<SealedKey, StoreError> {
        let sql = Sql::new("select kid, sealed from signing_key where tenant_id = ?")
            .bind(tenant.get())
            .push(" and state = 0 order by created_us desc limit 1");
        let row = self.tenant(tenant).view().await?.one(sql).await?;
        let row = row.ok_or_else(|| StoreError::Damaged(format!("tenant {tenant} has no key")))?;
        Ok(SealedKey { kid: row.try_get_by_index(0)?, sealed: row.try_get_by_index(1)? })
    }

    /// Some tenant's key, if there is a tenant.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn any_signing_key(&self) -> Result<Option<(TenantId, SealedKey)>, StoreError> {
        let sql =
            Sql::new("select tenant_id, kid, sealed from signing_key order by tenant_id limit 1");
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        let key = SealedKey { kid: row.try_get_by_index(1)?, sealed: row.try_get_by_index(2)? };
        Ok(Some((TenantId::new(row.try_get_by_index(0)?), key)))
    }

    /// The public keys of a tenant, as JSON Web Keys.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn public_keys(&self, tenant: TenantId) -> Result<Vec<Value>, StoreError> {
        let sql = Sql::new("select public_jwk from signing_key where tenant_id = ?")
            .bind(tenant.get())
            .push(" order by created_us");
        let rows = self.tenant(tenant).view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get_by_index(0)?;
                serde_json::from_str(&text).map_err(|error| StoreError::Damaged(error.to_string()))
            })
            .collect()
    }
}
