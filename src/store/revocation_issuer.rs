//! Who may end a tenant's sessions with tokens of its own, and which of those
//! were used.

use serde_json::Value;

use super::{StoreError, TenantStore, TenantTx, statement::Sql};

/// An issuer of such tokens.
#[derive(Debug, Clone)]
pub struct RevocationIssuerRow {
    /// Its name, `iss`.
    pub issuer: String,
    /// What its tokens have as `sub`, if it must be a certain one.
    pub subject: Option<String>,
    /// Its keys, if they are kept here.
    pub jwks: Option<Value>,
    /// Where its keys are, if they are fetched.
    pub jwks_uri: Option<String>,
    /// When it was set, in microseconds since 1970.
    pub created_us: i64,
}

/// A token that may be used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneUse {
    /// The hash of its id.
    pub hash: Vec<u8>,
    /// Until when it is remembered, in microseconds since 1970.
    pub until_us: i64,
}

impl TenantStore {
    /// Sets who may end the tenant's sessions, in place of whoever might.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn set_revocation_issuer(&self, row: &RevocationIssuerRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into revocation_issuer
                (tenant_id, issuer, subject, jwks, jwks_uri, created_us) values ",
        )
        .rows([vec![
            self.tenant.get().into(),
            row.issuer.clone().into(),
            row.subject.clone().into(),
            row.jwks.as_ref().map(ToString::to_string).into(),
            row.jwks_uri.clone().into(),
            row.created_us.into(),
        ]])
        .push(
            " on conflict (tenant_id) do update set issuer = excluded.issuer,
                subject = excluded.subject, jwks = excluded.jwks,
                jwks_uri = excluded.jwks_uri, created_us = excluded.created_us",
        );
        self.run(sql).await.map(|_| ())
    }

    /// Who may end the tenant's sessions, if somebody may.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn revocation_issuer(&self) -> Result<Option<RevocationIssuerRow>, StoreError> {
        let sql = Sql::new(
            "select issuer, subject, jwks, jwks_uri, created_us from revocation_issuer
             where tenant_id = ?",
        )
        .bind(self.tenant.get());
        let Some(row) = self.view().await?.one(sql).await? else { return Ok(None) };
        let jwks: Option<String> = row.try_get_by_index(2)?;
        let jwks = jwks.map(|text| serde_json::from_str(&text)).transpose();
        Ok(Some(RevocationIssuerRow {
            issuer: row.try_get_by_index(0)?,
            subject: row.try_get_by_index(1)?,
            jwks: jwks.map_err(|_| StoreError::Damaged("keys of an issuer".to_owned()))?,
            jwks_uri: row.try_get_by_index(3)?,
            created_us: row.try_get_by_index(4)?,
        }))
    }

    /// Forgets who might end the tenant's sessions; whether there was somebody.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_revocation_issuer(&self) -> Result<bool, StoreError> {
        let sql = Sql::new("delete from revocation_issuer where tenant_id = ?");
        Ok(0 < self.run(sql.bind(self.tenant.get())).await?)
    }
}

impl TenantTx {
    /// Notes that a token is used; whether this is the first time. Every replica
    /// knows.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn use_once(&self, token: &OneUse, now_us: i64) -> Result<bool, StoreError> {
        let forget = Sql::new("delete from revocation_jti where tenant_id = ?")
            .bind(self.owner())
            .push(" and expires_us < ?")
            .bind(now_us);
        self.run(forget).await?;
        let sql = Sql::new("insert into revocation_jti (tenant_id, jti_hash, expires_us) values ")
            .rows([vec![self.owner(), token.hash.clone().into(), token.until_us.into()]])
            .push(" on conflict do nothing");
        Ok(0 < self.run(sql).await?)
    }
}
