//! OAuth clients of connections, and the short-lived tokens that they get.

use sea_orm::QueryResult;
use serde_json::Value;
use uuid::Uuid;

use super::{
    NewCredential, OneUse, Store, StoreError, TenantStore, TenantTx, View, credential::networks,
    statement::Sql,
};
use crate::tenant::{AllowedNetworks, Scope, TenantId, TokenHash};

/// Tokens of a client that work at a time; older ones end.
const LIVE_TOKENS: i64 = 100;

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// By a secret, of which the hash is kept.
    Secret(TokenHash),
    /// By a token that it signs itself (RFC 7523 §2.2).
    Keys(KeyPlace),
    /// By a token that somebody else signs for it, such as its cloud.
    Federated {
        /// `iss` of that token.
        issuer: String,
        /// `sub` of that token.
        subject: String,
        /// `aud` of that token.
        audience: String,
        /// Where the issuer's keys are.
        keys: KeyPlace,
    },
}

/// Where public keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// Here: a key set (RFC 7517).
    Here(Value),
    /// At this URL.
    At(String),
}

/// A client.
#[derive(Debug, Clone)]
pub struct OauthClientRow {
    /// Its `client_id`.
    pub id: Uuid,
    /// The connection it is of.
    pub connection: Uuid,
    /// Name of the connection; not written.
    pub connection_name: String,
    /// What people call it.
    pub label: String,
    /// What its tokens may do.
    pub scopes: Vec<Scope>,
    /// From where alone its tokens are good.
    pub networks: AllowedNetworks,
    /// How it proves who it is.
    pub proof: ClientProof,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// When it ends, in microseconds since 1970.
    pub expires_us: i64,
    /// When it was revoked.
    pub revoked_us: Option<i64>,
}

/// By what a client is looked for.
#[derive(Debug, Clone, Copy)]
pub enum ClientName<'a> {
    /// Its id.
    Id(Uuid),
    /// `iss` and `sub` of the token that speaks for it.
    Subject(&'a str, &'a str),
}

const SELECT: &str = "select o.id, o.connection_id, c.name, o.label, o.scopes, o.networks,
    o.secret_hash, o.jwks, o.jwks_uri, o.issuer, o.subject, o.audience, o.created_us,
    o.expires_us, o.revoked_us, t.id
  from oauth_client o join tenant t on t.id = o.tenant_id
  join connection c on c.tenant_id = o.tenant_id and c.id = o.connection_id where ";

fn read(row: &QueryResult) -> Result<OauthClientRow, StoreError> {
    let scopes: String = row.try_get_by_index(4)?;
    Ok(OauthClientRow {
        id: row.try_get_by_index(0)?,
        connection: row.try_get_by_index(1)?,
        connection_name: row.try_get_by_index(2)?,
        label: row.try_get_by_index(3)?,
        scopes: Scope::parse_list(&scopes),
        networks: networks(row, 5)?,
        proof: proof(row)?,
        created_us: row.try_get_by_index(12)?,
        expires_us: row.try_get_by_index(13)?,
        revoked_us: row.try_get_by_index(14)?,
    })
}

fn proof(row: &QueryResult) -> Result<ClientProof, StoreError> {
    let damaged = || StoreError::Damaged("an OAuth client".to_owned());
    if let Some(hash) = row.try_get_by_index::<Option<Vec<u8>>>(6)? {
        return Ok(ClientProof::Secret(TokenHash::from_bytes(&hash).ok_or_else(damaged)?));
    }
    let jwks: Option<String> = row.try_get_by_index(7)?;
    let keys = match (jwks, row.try_get_by_index(8)?) {
        (Some(jwks), None) => KeyPlace::Here(serde_json::from_str(&jwks).map_err(|_| damaged())?),
        (None, Some(url)) => KeyPlace::At(url),
        _ => return Err(damaged()),
    };
    let federated =
        (row.try_get_by_index(9)?, row.try_get_by_index(10)?, row.try_get_by_index(11)?);
    Ok(match federated {
        (Some(issuer), Some(subject), Some(audience)) => {
            ClientProof::Federated { issuer, subject, audience, keys }
        }
        _ => ClientProof::Keys(keys),
    })
}

impl Store {
    /// The client of a tenant that is served, if it is valid at `now_us`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn oauth_client(
        &self,
        tenant_name: &str,
        name: ClientName<'_>,
        now_us: i64,
    ) -> Result<Option<(TenantId, OauthClientRow)>, StoreError> {
        let sql = Sql::new(SELECT)
            .push("t.state = 0 and t.name = ?")
            .bind(tenant_name)
            .push(" and o.revoked_us is null and o.expires_us > ?")
            .bind(now_us);
        let sql = match name {
            ClientName::Id(id) => sql.push(" and o.id = ?").bind(id),
            ClientName::Subject(issuer, subject) => {
                sql.push(" and o.issuer = ?").bind(issuer).push(" and o.subject = ?").bind(subject)
            }
        };
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        Ok(Some((TenantId::new(row.try_get_by_index(15)?), read(&row)?)))
    }
}

impl TenantStore {
    /// The tenant's clients, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn oauth_clients(&self) -> Result<Vec<OauthClientRow>, StoreError> {
        let sql = Sql::new(SELECT).push("o.tenant_id = ?").bind(self.tenant.get());
        let sql = sql.push(" order by o.created_us");
        self.view().await?.all(sql).await?.iter().map(read).collect()
    }

    /// Keeps a token that a client gets; `once` is what it proved itself by, if that is
    /// good for one use. Whether it was not used before.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_client_token(
        &self,
        client: Uuid,
        new: NewCredential,
        once: Option<OneUse>,
    ) -> Result<bool, StoreError> {
        self.write(move |tx| {
            let (new, once) = (new.clone(), once.clone());
            Box::pin(async move {
                if let Some(once) = &once
                    && !tx.use_once(once, new.created_us).await?
                {
                    return Ok(false);
                }
                tx.end_client_tokens(client, LIVE_TOKENS - 1, new.created_us).await?;
                tx.insert_token_of(client, &new).await?;
                Ok(true)
            })
        })
        .await
    }
}

impl TenantTx {
    /// Forgets tokens of a client that are over, and all but its last ones.
    async fn end_client_tokens(
        &self,
        client: Uuid,
        kept: i64,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("delete from credential where tenant_id = ?")
            .bind(self.owner())
            .push(" and client_id = ?")
            .bind(client)
            .push(" and (expires_us <= ?")
            .bind(now_us)
            .push(" or id not in (select id from credential where tenant_id = ?")
            .bind(self.owner())
            .push(" and client_id = ?")
            .bind(client)
            .push(" order by created_us desc limit ?))")
            .bind(kept);
        self.run(sql).await.map(|_| ())
    }

    async fn insert_token_of(&self, client: Uuid, new: &NewCredential) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into credential (token_hash, id, tenant_id, connection_id, scopes, label,
                created_us, expires_us, networks, client_id) values ",
        )
        .rows([vec![
            new.hash.as_bytes().to_vec().into(),
            new.id.into(),
            self.owner(),
            new.connection.into(),
            Scope::list(&new.scopes).into(),
            new.label.clone().into(),
            new.created_us.into(),
            new.expires_us.into(),
            new.networks.stored().into(),
            client.into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    /// Keeps a client.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if another one has its issuer and subject.
    pub async fn insert_oauth_client(&self, row: &OauthClientRow) -> Result<(), StoreError> {
        let (hash, keys, federated) = match &row.proof {
            ClientProof::Secret(hash) => (Some(hash.as_bytes().to_vec()), None, None),
            ClientProof::Keys(keys) => (None, Some(keys), None),
            ClientProof::Federated { issuer, subject, audience, keys } => {
                (None, Some(keys), Some((issuer.clone(), subject.clone(), audience.clone())))
            }
        };
        let (jwks, jwks_uri) = match keys {
            Some(KeyPlace::Here(jwks)) => (Some(jwks.to_string()), None),
            Some(KeyPlace::At(url)) => (None, Some(url.clone())),
            None => (None, None),
        };
        let sql = Sql::new(
            "insert into oauth_client (tenant_id, id, connection_id, label, scopes, networks,
                secret_hash, jwks, jwks_uri, issuer, subject, audience, created_us, expires_us)
             values ",
        )
        .rows([vec![
            self.owner(),
            row.id.into(),
            row.connection.into(),
            row.label.clone().into(),
            Scope::list(&row.scopes).into(),
            row.networks.stored().unwrap_or_default().into(),
            hash.into(),
            jwks.into(),
            jwks_uri.into(),
            federated.as_ref().map(|it| it.0.clone()).into(),
            federated.as_ref().map(|it| it.1.clone()).into(),
            federated.as_ref().map(|it| it.2.clone()).into(),
            row.created_us.into(),
            row.expires_us.into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    /// Revokes a client, and its tokens with it; whether the tenant has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn revoke_oauth_client(&self, id: Uuid, at_us: i64) -> Result<bool, StoreError> {
        let revoke = |table: &str, column: &str| {
            let update = format!("update {table} set revoked_us = coalesce(revoked_us, ?)");
            Sql::new(&update)
                .bind(at_us)
                .push(" where tenant_id = ?")
                .bind(self.owner())
                .push(&format!(" and {column} = ?"))
                .bind(id)
        };
        View::run(self, revoke("credential", "client_id")).await?;
        Ok(0 < View::run(self, revoke("oauth_client", "id")).await?)
    }
}
