//! Signing keys: sealed; of each tenant one signs, others are shown before and after.

use std::sync::atomic::Ordering;

use sea_orm::{DbBackend, QueryResult};
use serde_json::Value;

use super::{Store, StoreError, TenantStore, TenantTx, statement::Sql};
use crate::tenant::TenantId;

/// A private key, sealed with the key from the settings.
#[derive(Debug, Clone)]
pub struct SealedKey {
    /// Its name in key sets and tokens.
    pub kid: String,
    /// The sealed PKCS#8 document.
    pub sealed: Vec<u8>,
}

/// A key that is not kept yet.
#[derive(Debug, Clone)]
pub struct NewSigningKey {
    /// The private half.
    pub key: SealedKey,
    /// The public half, as key sets show it (RFC 7517).
    pub public_jwk: Value,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

/// Where a signing key is in its life. It is in the key set in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It signs.
    Active,
    /// It will sign.
    Published,
    /// It did sign.
    Retired,
}

impl KeyState {
    /// Name for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Published => "published",
            Self::Retired => "retired",
        }
    }

    fn code(self) -> i16 {
        match self {
            Self::Active => 0,
            Self::Published => 1,
            Self::Retired => 2,
        }
    }

    fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Active,
            1 => Self::Published,
            _ => Self::Retired,
        }
    }
}

/// A signing key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its name.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    pub created_us: i64,
    /// When a published one will sign and a retired one be removed.
    pub due_us: Option<i64>,
}

/// Which key signs after a change.
#[derive(Debug, Clone)]
pub enum Successor {
    /// The published one, if its time has come.
    Due,
    /// The published one, whether its time has come or not, or this one.
    AtOnce(NewSigningKey),
}

/// Keeps a tenant's key.
pub(super) fn insert_signing_key(
    tenant: TenantId,
    new: &NewSigningKey,
    state: KeyState,
    due_us: Option<i64>,
) -> Sql {
    Sql::new(
        "insert into signing_key
            (tenant_id, kid, state, sealed, public_jwk, created_us, due_us) values ",
    )
    .rows([vec![
        tenant.get().into(),
        new.key.kid.clone().into(),
        state.code().into(),
        new.key.sealed.clone().into(),
        new.public_jwk.to_string().into(),
        new.created_us.into(),
        due_us.into(),
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
            .push(" and state = 0");
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

    /// Counts the changes that this process made to signing keys: who has opened
    /// one opens it again after a change.
    pub fn signing_key_changes(&self) -> u64 {
        self.signing_keys.load(Ordering::Acquire)
    }

    /// Tenants with a key whose time has come, each once: some of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenants_with_due_keys(&self, now_us: i64) -> Result<Vec<TenantId>, StoreError> {
        let sql = Sql::new("select distinct tenant_id from signing_key where due_us <= ?")
            .bind(now_us)
            .push(" limit ?")
            .bind(SOME);
        let rows = self.operator().view().await?.all(sql).await?;
        rows.iter().map(|row| Ok(TenantId::new(row.try_get_by_index(0)?))).collect()
    }

    /// Tenants, with their names, whose signing key was made before `before_us` and
    /// has no successor: some of them, those with the oldest keys.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenants_with_old_keys(
        &self,
        before_us: i64,
    ) -> Result<Vec<(TenantId, String)>, StoreError> {
        let sql = Sql::new(
            "select t.id, t.name from signing_key k join tenant t on t.id = k.tenant_id
             where k.state = 0 and k.created_us < ?",
        )
        .bind(before_us)
        .push(
            " and t.state <> 2 and not exists (select 1 from signing_key n
                where n.tenant_id = k.tenant_id and n.state = 1)
             order by k.created_us limit ?",
        )
        .bind(SOME);
        let rows = self.operator().view().await?.all(sql).await?;
        let read = |row: &QueryResult| {
            Ok((TenantId::new(row.try_get_by_index(0)?), row.try_get_by_index(1)?))
        };
        rows.iter().map(read).collect()
    }
}

/// Tenants whose keys are looked after at a time.
const SOME: i64 = 20;

impl TenantStore {
    /// The tenant's signing keys, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        let sql = Sql::new("select kid, state, created_us, due_us from signing_key")
            .push(" where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" order by created_us, kid");
        let rows = self.view().await?.all(sql).await?;
        let read = |row: &QueryResult| {
            Ok(SigningKeyRow {
                kid: row.try_get_by_index(0)?,
                state: KeyState::from_code(row.try_get_by_index(1)?),
                created_us: row.try_get_by_index(2)?,
                due_us: row.try_get_by_index(3)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Shows a key that will sign from `use_at_us` on, unless one is shown already.
    /// Tells whether it was done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn publish_signing_key(
        &self,
        new: NewSigningKey,
        use_at_us: i64,
    ) -> Result<bool, StoreError> {
        let insert = insert_signing_key(self.tenant, &new, KeyState::Published, Some(use_at_us));
        // Of two that publish at once, one finds the other's.
        self.run(insert.push(" on conflict do nothing")).await.map(|rows| rows == 1)
    }

    /// Lets another key sign; the one that did stays in the key set until
    /// `keep_until_us`. Tells whether it was done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn replace_signing_key(
        &self,
        successor: Successor,
        now_us: i64,
        keep_until_us: i64,
    ) -> Result<bool, StoreError> {
        let done = self.write(move |tx| {
            let successor = successor.clone();
            Box::pin(async move {
                tx.lock_signing_keys().await?;
                let next = tx.published_key(&successor, now_us).await?;
                if next.is_none() && matches!(successor, Successor::Due) {
                    return Ok(false);
                }
                tx.retire_active_key(keep_until_us).await?;
                tx.activate(next, successor).await.map(|()| true)
            })
        });
        self.told(done.await)
    }

    /// Removes a key at once; if it is the one that signs, `spare` or a published
    /// one does from now on. Tells whether there was such a key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn revoke_signing_key(
        &self,
        kid: &str,
        spare: NewSigningKey,
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let (kid, successor) = (kid.to_owned(), Successor::AtOnce(spare));
        let done = self.write(move |tx| {
            let (kid, successor) = (kid.clone(), successor.clone());
            Box::pin(async move {
                tx.lock_signing_keys().await?;
                let Some(state) = tx.remove_key(&kid).await? else { return Ok(false) };
                if state == KeyState::Active {
                    let next = tx.published_key(&successor, now_us).await?;
                    tx.activate(next, successor).await?;
                }
                Ok(true)
            })
        });
        self.told(done.await)
    }

    /// Removes keys that were kept long enough after their last signature.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn remove_retired_keys(&self, now_us: i64) -> Result<u64, StoreError> {
        let sql = Sql::new("delete from signing_key where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and state = 2 and due_us <= ?")
            .bind(now_us);
        self.run(sql).await
    }

    fn told(&self, done: Result<bool, StoreError>) -> Result<bool, StoreError> {
        self.store.signing_keys.fetch_add(1, Ordering::AcqRel);
        done
    }
}

impl TenantTx {
    /// Two changes of one tenant's keys must see each other's work.
    async fn lock_signing_keys(&self) -> Result<(), StoreError> {
        if self.backend == DbBackend::Postgres {
            let sql =
                Sql::new("select 1 from tenant where id = ? for no key update").bind(self.owner());
            self.one(sql).await?;
        }
        Ok(())
    }

    /// The published key that may sign now.
    async fn published_key(
        &self,
        successor: &Successor,
        now_us: i64,
    ) -> Result<Option<String>, StoreError> {
        let latest_us = match successor {
            Successor::Due => now_us,
            Successor::AtOnce(_) => i64::MAX,
        };
        let sql = Sql::new("select kid from signing_key where tenant_id = ?")
            .bind(self.owner())
            .push(" and state = 1 and due_us <= ?")
            .bind(latest_us);
        let row = self.one(sql).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    async fn retire_active_key(&self, keep_until_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new("update signing_key set state = 2, due_us = ?")
            .bind(keep_until_us)
            .push(" where tenant_id = ?")
            .bind(self.owner())
            .push(" and state = 0");
        self.run(sql).await.map(|_| ())
    }

    /// Lets `published` sign, or else the successor that was brought.
    async fn activate(
        &self,
        published: Option<String>,
        successor: Successor,
    ) -> Result<(), StoreError> {
        let sql = match (published, successor) {
            (Some(kid), _) => Sql::new("update signing_key set state = 0, due_us = null")
                .push(" where tenant_id = ?")
                .bind(self.owner())
                .push(" and kid = ?")
                .bind(kid),
            (None, Successor::AtOnce(new)) => {
                insert_signing_key(self.tenant, &new, KeyState::Active, None)
            }
            (None, Successor::Due) => return Ok(()),
        };
        self.run(sql).await.map(|_| ())
    }

    async fn remove_key(&self, kid: &str) -> Result<Option<KeyState>, StoreError> {
        let sql = Sql::new("delete from signing_key where tenant_id = ?")
            .bind(self.owner())
            .push(" and kid = ?")
            .bind(kid)
            .push(" returning state");
        let row = self.one(sql).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.map(KeyState::from_code))
    }
}
