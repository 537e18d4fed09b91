//! Credentials: looked up by the hash of what was presented.

use std::sync::Arc;

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{Store, StoreError, TenantStore, View, statement::Sql, tenants::tenant_settings};
use crate::{
    scim::{dialect::Dialect, resource::ResourceId},
    tenant::{AllowedNetworks, Caller, ConnectionSettings, Scope, Settings, TenantId, TokenHash},
};

/// A credential to be kept.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Its id.
    pub id: Uuid,
    /// Hash of its token.
    pub hash: TokenHash,
    /// The connection it is for; none for an operator's.
    pub connection: Option<Uuid>,
    /// The user it speaks for, if it is a user's.
    pub subject: Option<ResourceId>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// From where alone it is good.
    pub networks: AllowedNetworks,
    /// What people call it.
    pub label: String,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// When it ends, in microseconds since 1970.
    pub expires_us: i64,
}

/// A credential as it is kept.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    /// Its id.
    pub id: Uuid,
    /// Name of the connection it is for.
    pub connection: Option<String>,
    /// The user it speaks for, if it is a user's.
    pub subject: Option<ResourceId>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// From where alone it is good.
    pub networks: AllowedNetworks,
    /// What people call it.
    pub label: String,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// When it ends, in microseconds since 1970.
    pub expires_us: i64,
    /// When it was last used, to the minute.
    pub last_used_us: Option<i64>,
    /// When it was revoked.
    pub revoked_us: Option<i64>,
}

impl TenantStore {
    /// Keeps a credential; an operator's if this is the operator's store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_credential(&self, new: &NewCredential) -> Result<(), StoreError> {
        self.run(self.insertion(new)).await.map(|_| ())
    }

    /// Keeps a credential in place of another, which ends at `ends_us` if it would not
    /// end before; whether the other is one of the tenant's that still works.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn replace_credential(
        &self,
        old: Uuid,
        ends_us: i64,
        new: &NewCredential,
    ) -> Result<bool, StoreError> {
        let end = Sql::new("update credential set expires_us = ")
            .push("case when expires_us < ? then expires_us else ? end")
            .bind(ends_us)
            .bind(ends_us)
            .push(" where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and id = ?")
            .bind(old)
            .push(" and connection_id is not null and revoked_us is null and expires_us > ?")
            .bind(new.created_us);
        let insert = self.insertion(new);
        self.write(move |tx| {
            let (end, insert) = (end.clone(), insert.clone());
            Box::pin(async move {
                if View::run(tx, end).await? == 0 {
                    return Ok(false);
                }
                View::run(tx, insert).await.map(|_| true)
            })
        })
        .await
    }

    fn insertion(&self, new: &NewCredential) -> Sql {
        let tenant = self.tenant.get();
        Sql::new(
            "insert into credential (token_hash, id, tenant_id, connection_id, scopes, label,
                created_us, expires_us, subject_id, networks) values ",
        )
        .rows([vec![
            new.hash.as_bytes().to_vec().into(),
            new.id.into(),
            (tenant != 0).then_some(tenant).into(),
            new.connection.into(),
            Scope::list(&new.scopes).into(),
            new.label.clone().into(),
            new.created_us.into(),
            new.expires_us.into(),
            new.subject.map(ResourceId::get).into(),
            new.networks.stored().into(),
        ]])
    }

    /// The tenant's credentials, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn credentials(&self) -> Result<Vec<CredentialRow>, StoreError> {
        let sql = Sql::new(
            "select d.id, c.name, d.scopes, d.label, d.created_us, d.expires_us, d.last_used_us,
                d.revoked_us, d.subject_id, d.networks
             from credential d
             left join connection c on c.tenant_id = d.tenant_id and c.id = d.connection_id
             where d.receiver_id is null and d.client_id is null and d.tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" order by d.created_us");
        let rows = self.view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                let scopes: String = row.try_get_by_index(2)?;
                Ok(CredentialRow {
                    id: row.try_get_by_index(0)?,
                    connection: row.try_get_by_index(1)?,
                    scopes: Scope::parse_list(&scopes),
                    label: row.try_get_by_index(3)?,
                    created_us: row.try_get_by_index(4)?,
                    expires_us: row.try_get_by_index(5)?,
                    last_used_us: row.try_get_by_index(6)?,
                    revoked_us: row.try_get_by_index(7)?,
                    subject: row.try_get_by_index::<Option<Uuid>>(8)?.map(ResourceId::new),
                    networks: networks(row, 9)?,
                })
            })
            .collect()
    }

    /// Revokes a credential; whether the tenant has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn revoke_credential(&self, id: Uuid, at_us: i64) -> Result<bool, StoreError> {
        let sql = Sql::new("update credential set revoked_us = coalesce(revoked_us, ?)")
            .bind(at_us)
            .push(" where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and id = ?")
            .bind(id);
        Ok(0 < self.run(sql).await?)
    }
}

impl Store {
    /// Whom a tenant's token speaks for, if it is valid at `now_us`. A user's
    /// token is valid as long as the user is there and active.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn caller(
        &self,
        hash: &TokenHash,
        now_us: i64,
    ) -> Result<Option<Caller>, StoreError> {
        let this = Sql::new("d.token_hash = ?").bind(hash.as_bytes().to_vec());
        self.find_caller(this, Some(now_us)).await
    }

    /// Whom a tenant's credential speaks for, if it is still valid at `now_us`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn caller_of(
        &self,
        credential: Uuid,
        now_us: i64,
    ) -> Result<Option<Caller>, StoreError> {
        self.find_caller(Sql::new("d.id = ?").bind(credential), Some(now_us)).await
    }

    /// Whom a tenant's credential spoke for when it was valid, which it need not be
    /// now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn caller_once(&self, credential: Uuid) -> Result<Option<Caller>, StoreError> {
        self.find_caller(Sql::new("d.id = ?").bind(credential), None).await
    }

    async fn find_caller(
        &self,
        this: Sql,
        valid_us: Option<i64>,
    ) -> Result<Option<Caller>, StoreError> {
        let sql = Sql::new(
            "select t.id, t.name, d.id, c.dialect, d.scopes, d.expires_us, c.id, c.settings,
                d.subject_id, t.schema_version, t.event_settings, d.networks, t.limits
             from credential d
             join tenant t on t.id = d.tenant_id
             join connection c on c.tenant_id = d.tenant_id and c.id = d.connection_id
             left join resource r on r.tenant_id = d.tenant_id and r.id = d.subject_id
             where ",
        )
        .append(this);
        let sql = match valid_us {
            Some(now_us) => sql
                .push(" and d.expires_us > ?")
                .bind(now_us)
                .push(" and d.revoked_us is null and t.state = 0")
                .push(" and (d.subject_id is null or r.active)"),
            None => sql,
        };
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        let (name, dialect): (String, String) =
            (row.try_get_by_index(1)?, row.try_get_by_index(3)?);
        let (tenant, schema_version) =
            (TenantId::new(row.try_get_by_index(0)?), row.try_get_by_index(9)?);
        let (scopes, settings): (String, String) =
            (row.try_get_by_index(4)?, row.try_get_by_index(7)?);
        let settings = ConnectionSettings::from_json(&settings)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(Some(Caller {
            tenant,
            tenant_name: name.into(),
            credential: row.try_get_by_index(2)?,
            dialect: Dialect::from_name(&dialect)
                .ok_or_else(|| StoreError::Damaged(format!("dialect {dialect}")))?,
            connection: row.try_get_by_index(6)?,
            settings: Arc::new(settings),
            events: Arc::new(tenant_settings(&row, 10)?),
            registry: self.registry(tenant, schema_version).await?,
            scopes: Scope::parse_list(&scopes).into(),
            expires_us: row.try_get_by_index(5)?,
            networks: networks(&row, 11)?,
            limits: tenant_settings(&row, 12)?,
            subject: row.try_get_by_index::<Option<Uuid>>(8)?.map(ResourceId::new),
            operator: None,
        }))
    }

    /// Notes that a credential was used.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn note_use(&self, credential: Uuid, at_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new("update credential set last_used_us = ?")
            .bind(at_us)
            .push(" where id = ?")
            .bind(credential);
        self.run_as_operator(sql).await.map(|_| ())
    }
}

/// From where alone a credential is good, from its column.
pub(super) fn networks(row: &QueryResult, column: usize) -> Result<AllowedNetworks, StoreError> {
    let stored: Option<String> = row.try_get_by_index(column)?;
    let texts = stored.as_deref().unwrap_or_default().split_whitespace();
    AllowedNetworks::parse(texts).map_err(StoreError::Damaged)
}
