//! Receivers: OAuth clients that manage streams of their own, and their tokens.

use uuid::Uuid;

use super::{Store, StoreError, TenantStore, credential::networks, statement::Sql};
use crate::tenant::{EventCaller, ReceiverId, Scope, TenantId, TokenHash};

/// Tokens of a receiver that work at a time. The oldest ends when there is one
/// more, so a receiver that asks again and again locks nobody out, itself included.
const LIVE_TOKENS: i64 = 100;

/// A receiver to be kept.
#[derive(Debug, Clone)]
pub struct NewReceiverRow {
    /// Its id.
    pub id: ReceiverId,
    /// What people call it.
    pub name: String,
    /// Hash of its secret.
    pub secret: TokenHash,
    /// What its tokens may do.
    pub scopes: Vec<Scope>,
    /// Seconds without a sign of it after which its polled streams are paused.
    pub inactivity_s: Option<i64>,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

/// A receiver as it is kept.
#[derive(Debug, Clone)]
pub struct ReceiverRow {
    /// Its id.
    pub id: ReceiverId,
    /// What people call it.
    pub name: String,
    /// What its tokens may do.
    pub scopes: Vec<Scope>,
    /// Seconds without a sign of it after which its polled streams are paused.
    pub inactivity_s: Option<i64>,
    /// Streams that it has.
    pub streams: i64,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// When it was revoked.
    pub revoked_us: Option<i64>,
}

/// An access token to be kept.
#[derive(Debug, Clone)]
pub struct NewAccessToken {
    /// Its id.
    pub id: Uuid,
    /// Hash of the token.
    pub hash: TokenHash,
    /// Whose it is.
    pub receiver: ReceiverId,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// When it ends, in microseconds since 1970.
    pub expires_us: i64,
}

impl TenantStore {
    /// Keeps a receiver.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if the name is taken.
    pub async fn insert_receiver(&self, new: &NewReceiverRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into receiver (tenant_id, id, name, secret_hash, scopes, inactivity_s,
                created_us) values ",
        )
        .rows([vec![
            self.tenant.get().into(),
            new.id.0.into(),
            new.name.clone().into(),
            new.secret.as_bytes().to_vec().into(),
            Scope::list(&new.scopes).into(),
            new.inactivity_s.into(),
            new.created_us.into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    /// The tenant's receivers, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn receivers(&self) -> Result<Vec<ReceiverRow>, StoreError> {
        let sql = Sql::new(
            "select r.id, r.name, r.scopes, r.inactivity_s, r.created_us, r.revoked_us,
                (select count(*) from stream s where s.tenant_id = r.tenant_id
                    and s.receiver_id = r.id)
             from receiver r where r.tenant_id = ?",
        )
        .bind(self.tenant.get())
        .push(" order by r.created_us");
        let rows = self.view().await?.all(sql).await?;
        rows.iter()
            .map(|row| {
                let scopes: String = row.try_get_by_index(2)?;
                Ok(ReceiverRow {
                    id: ReceiverId(row.try_get_by_index(0)?),
                    name: row.try_get_by_index(1)?,
                    scopes: Scope::parse_list(&scopes),
                    inactivity_s: row.try_get_by_index(3)?,
                    created_us: row.try_get_by_index(4)?,
                    revoked_us: row.try_get_by_index(5)?,
                    streams: row.try_get_by_index(6)?,
                })
            })
            .collect()
    }

    /// Ends a receiver with its tokens and streams; whether the tenant has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn revoke_receiver(&self, id: ReceiverId, at_us: i64) -> Result<bool, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let of = |sql: &str, column: &str| {
                    Sql::new(sql)
                        .push(" where tenant_id = ?")
                        .bind(tx.owner())
                        .push(&format!(" and {column} = ?"))
                        .bind(id.0)
                };
                let revoke = Sql::new("update receiver set revoked_us = coalesce(revoked_us, ?)")
                    .bind(at_us)
                    .append(of("", "id"));
                let found = 0 < tx.run(revoke).await?;
                tx.run(of("delete from credential", "receiver_id")).await?;
                tx.run(of("delete from stream", "receiver_id")).await?;
                Ok(found)
            })
        })
        .await
    }

    /// Keeps an access token, and forgets those of the receiver that have ended or
    /// are too many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_access_token(&self, new: &NewAccessToken) -> Result<(), StoreError> {
        let new = new.clone();
        self.write(move |tx| {
            let new = new.clone();
            Box::pin(async move {
                let forget = Sql::new("delete from credential where tenant_id = ?")
                    .bind(tx.owner())
                    .push(" and receiver_id = ?")
                    .bind(new.receiver.0)
                    .push(" and (expires_us <= ?")
                    .bind(new.created_us)
                    .push(" or id not in (select id from credential where tenant_id = ?")
                    .bind(tx.owner())
                    .push(" and receiver_id = ?")
                    .bind(new.receiver.0)
                    .push(" order by created_us desc limit ?))")
                    .bind(LIVE_TOKENS - 1);
                tx.run(forget).await?;
                let insert = Sql::new(
                    "insert into credential (token_hash, id, tenant_id, receiver_id, scopes, label,
                        created_us, expires_us) values ",
                )
                .rows([vec![
                    new.hash.as_bytes().to_vec().into(),
                    new.id.into(),
                    tx.owner(),
                    new.receiver.0.into(),
                    Scope::list(&new.scopes).into(),
                    "".into(),
                    new.created_us.into(),
                    new.expires_us.into(),
                ]]);
                tx.run(insert).await.map(|_| ())
            })
        })
        .await
    }
}

impl Store {
    /// The tenant and scopes of a receiver, if that is its secret and both are
    /// served.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn receiver_with(
        &self,
        tenant_name: &str,
        id: ReceiverId,
        secret: &TokenHash,
    ) -> Result<Option<(TenantId, Vec<Scope>)>, StoreError> {
        let sql = Sql::new(
            "select t.id, r.scopes from receiver r join tenant t on t.id = r.tenant_id
             where t.state = 0 and r.revoked_us is null and t.name = ?",
        )
        .bind(tenant_name)
        .push(" and r.id = ?")
        .bind(id.0)
        .push(" and r.secret_hash = ?")
        .bind(secret.as_bytes().to_vec());
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        let scopes: String = row.try_get_by_index(1)?;
        Ok(Some((TenantId::new(row.try_get_by_index(0)?), Scope::parse_list(&scopes))))
    }

    /// Whom a token speaks for when it asks for events, if it is valid at `now_us`:
    /// a receiver, or a connection. A user's token asks for none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn event_caller(
        &self,
        hash: &TokenHash,
        now_us: i64,
    ) -> Result<Option<EventCaller>, StoreError> {
        let sql = Sql::new(
            "select t.id, t.name, d.id, d.receiver_id, d.scopes, d.expires_us,
                d.networks
             from credential d
             join tenant t on t.id = d.tenant_id
             left join receiver r on r.tenant_id = d.tenant_id and r.id = d.receiver_id
             where t.state = 0 and d.revoked_us is null and d.subject_id is null
                and (d.connection_id is not null or (r.id is not null and r.revoked_us is null))
                and d.token_hash = ?",
        )
        .bind(hash.as_bytes().to_vec())
        .push(" and d.expires_us > ?")
        .bind(now_us);
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        let (name, scopes): (String, String) = (row.try_get_by_index(1)?, row.try_get_by_index(4)?);
        Ok(Some(EventCaller {
            tenant: TenantId::new(row.try_get_by_index(0)?),
            tenant_name: name.into(),
            credential: row.try_get_by_index(2)?,
            receiver: row.try_get_by_index::<Option<Uuid>>(3)?.map(ReceiverId),
            scopes: Scope::parse_list(&scopes).into(),
            expires_us: row.try_get_by_index(5)?,
            networks: networks(&row, 6)?,
        }))
    }
}
