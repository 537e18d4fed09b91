//! OAuth clients of connections: how a directory gets short-lived tokens by itself.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Operator, OperatorError,
    records::{date_time, optional_date_time},
    revocation_issuer::check_keys,
};
use crate::{
    store::{ClientProof, KeyPlace, OauthClientRow, StoreError},
    tenant::{AllowedNetworks, Scope, Token, TokenKind},
};

/// Clients of a tenant that are not revoked, at most.
const MOST: usize = 200;
/// Longest text of a name, in bytes.
const LONGEST: usize = 512;
/// Longest life of a client.
const LONGEST_LIFE: Duration = Duration::from_hours(3650 * 24);
/// What Microsoft Entra's workload identity federation has as `aud`.
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// A client to be made.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// Name of its connection.
    pub connection: String,
    /// What its tokens may do.
    pub scopes: Vec<Scope>,
    /// From where alone its tokens are good.
    pub networks: AllowedNetworks,
    /// What people call it.
    pub label: String,
    /// How long it works.
    pub expires_in: Duration,
    /// Its public keys, or those of its issuer (RFC 7517); it gets a secret if there is
    /// neither this nor the next.
    pub jwks: Option<Value>,
    /// Where they are.
    pub jwks_uri: Option<String>,
    /// `iss` of tokens that an issuer signs for it.
    pub issuer: Option<String>,
    /// `sub` of such tokens.
    pub subject: Option<String>,
    /// `aud` of such tokens; what Microsoft Entra says if it is not given.
    pub audience: Option<String>,
}

/// A client as it is listed: never its secret.
#[derive(Debug, Clone, Serialize)]
pub struct ClientRecord {
    /// Its OAuth `client_id`.
    pub client_id: String,
    /// Name of its connection.
    pub connection: String,
    /// What people call it.
    pub label: String,
    /// `secret`, `keys` or `federated`.
    pub method: &'static str,
    /// What its tokens may do.
    pub scopes: Vec<Scope>,
    /// From where alone its tokens are good; anywhere if there are none.
    pub networks: Vec<String>,
    /// Where its keys or its issuer's are, if they are fetched.
    pub jwks_uri: Option<String>,
    /// `iss` of tokens that an issuer signs for it.
    pub issuer: Option<String>,
    /// `sub` of such tokens.
    pub subject: Option<String>,
    /// `aud` of such tokens.
    pub audience: Option<String>,
    /// Where it gets tokens.
    pub token_url: String,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
    /// When it ends.
    #[serde(serialize_with = "date_time")]
    pub expires_at: i64,
    /// When it was revoked.
    #[serde(serialize_with = "optional_date_time")]
    pub revoked_at: Option<i64>,
}

/// A client that was just made; its secret can be read here and nowhere else.
#[derive(Debug, Clone)]
pub struct IssuedClient {
    /// What is kept of it.
    pub record: ClientRecord,
    /// Its secret, if it has one.
    pub secret: Option<SecretString>,
}

impl Operator {
    /// Makes a client of a connection. `actor` goes into the record.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or connection;
    /// [`OperatorError::Invalid`] if it has no scope, no end, or no good keys;
    /// [`OperatorError::Exists`] if another one has its issuer and subject;
    /// [`OperatorError::InUse`] if there are too many.
    pub async fn create_client(
        &self,
        tenant: &str,
        new: NewClient,
        actor: &str,
    ) -> Result<IssuedClient, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let named = store.connections().await?.into_iter().find(|row| row.name == new.connection);
        let unknown = || OperatorError::NotFound(format!("connection `{}`", new.connection));
        let connection = named.ok_or_else(unknown)?;
        let alive =
            store.oauth_clients().await?.iter().filter(|it| it.revoked_us.is_none()).count();
        if MOST <= alive {
            return Err(OperatorError::InUse(format!("a tenant has at most {MOST} clients")));
        }
        self.check_client(&new).map_err(OperatorError::Invalid)?;
        let secret = Token::new(TokenKind::Client, self.clock.random());
        let has_secret = new.jwks.is_none() && new.jwks_uri.is_none();
        let created_us = self.clock.now_us();
        let life = i64::try_from(new.expires_in.as_micros()).unwrap_or(i64::MAX);
        let row = OauthClientRow {
            id: self.clock.new_id(),
            connection: connection.id,
            connection_name: connection.name,
            label: new.label.clone(),
            scopes: new.scopes.clone(),
            networks: new.networks.clone(),
            proof: proof(new, &secret),
            created_us,
            expires_us: created_us.saturating_add(life),
            revoked_us: None,
        };
        let shared = Arc::new((row.clone(), self.entry(actor, "client.create")));
        let kept = store
            .write(move |tx| {
                let shared = Arc::clone(&shared);
                Box::pin(async move {
                    tx.insert_oauth_client(&shared.0).await?;
                    tx.audit(&shared.1, created_us).await
                })
            })
            .await;
        match kept {
            Ok(()) => (),
            Err(StoreError::Duplicate(_)) => {
                let what = "a client of this issuer and subject".to_owned();
                return Err(OperatorError::Exists(what));
            }
            Err(error) => return Err(error.into()),
        }
        let record = self.client_record(tenant, row);
        Ok(IssuedClient { record, secret: has_secret.then(|| secret.into_secret()) })
    }

    /// The clients of a tenant, oldest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn clients(&self, tenant: &str) -> Result<Vec<ClientRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.oauth_clients().await?;
        Ok(rows.into_iter().map(|row| self.client_record(tenant, row)).collect())
    }

    /// Revokes a client and every token that it has got. Every replica refuses them
    /// within a second. `actor` goes into the record.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such client.
    pub async fn revoke_client(
        &self,
        tenant: &str,
        id: Uuid,
        actor: &str,
    ) -> Result<(), OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let at_us = self.clock.now_us();
        let entry = Arc::new(self.entry(actor, "client.revoke"));
        store
            .write(move |tx| {
                let entry = Arc::clone(&entry);
                Box::pin(async move {
                    if !tx.revoke_oauth_client(id, at_us).await? {
                        return Err(OperatorError::NotFound(format!("client `{id}`")));
                    }
                    Ok(tx.audit(&entry, at_us).await?)
                })
            })
            .await
    }

    fn check_client(&self, new: &NewClient) -> Result<(), String> {
        let bad = |scope: &&Scope| !Scope::OF_CONNECTIONS.contains(scope);
        if new.scopes.is_empty() || new.scopes.iter().any(|scope| bad(&scope)) {
            let some = Scope::list(&Scope::OF_CONNECTIONS);
            return Err(format!("`scopes`: expected some of {some}"));
        }
        if new.expires_in.is_zero() || LONGEST_LIFE < new.expires_in {
            return Err("a client works for more than nothing and at most ten years".to_owned());
        }
        let texts = [&new.issuer, &new.subject, &new.audience, &Some(new.label.clone())];
        if texts.into_iter().flatten().any(|text| LONGEST < text.len()) {
            return Err(format!("names have at most {LONGEST} bytes"));
        }
        if new.issuer.is_some() != new.subject.is_some() {
            return Err("`issuer` and `subject` are given together".to_owned());
        }
        match (&new.jwks, &new.jwks_uri) {
            (Some(_), Some(_)) => Err("expected one of `jwks` and `jwks_uri`".to_owned()),
            (Some(jwks), None) => check_keys(jwks),
            (None, Some(url)) => match self.receiver_rules.check(url) {
                Ok(_) => Ok(()),
                Err(rule) => Err(format!("`jwks_uri` is refused: {rule}")),
            },
            (None, None) if new.issuer.is_some() => {
                Err("an issuer needs `jwks` or `jwks_uri`".to_owned())
            }
            (None, None) => Ok(()),
        }
    }

    fn client_record(&self, tenant: &str, row: OauthClientRow) -> ClientRecord {
        let url = |keys: &KeyPlace| match keys {
            KeyPlace::Here(_) => None,
            KeyPlace::At(url) => Some(url.clone()),
        };
        let (method, jwks_uri, federated) = match row.proof {
            ClientProof::Secret(_) => ("secret", None, None),
            ClientProof::Keys(keys) => ("keys", url(&keys), None),
            ClientProof::Federated { issuer, subject, audience, keys } => {
                ("federated", url(&keys), Some((issuer, subject, audience)))
            }
        };
        let (issuer, rest) = federated.map(|it| (it.0, (it.1, it.2))).unzip();
        let (subject, audience) = rest.unzip();
        ClientRecord {
            client_id: row.id.to_string(),
            connection: row.connection_name,
            label: row.label,
            method,
            scopes: row.scopes,
            networks: row.networks.texts(),
            jwks_uri,
            issuer,
            subject,
            audience,
            token_url: format!("{}/t/{tenant}/oauth/token", self.public_url),
            created_at: row.created_us,
            expires_at: row.expires_us,
            revoked_at: row.revoked_us,
        }
    }
}

fn proof(new: NewClient, secret: &Token) -> ClientProof {
    let keys = match (new.jwks, new.jwks_uri) {
        (Some(jwks), _) => KeyPlace::Here(jwks),
        (None, Some(url)) => KeyPlace::At(url),
        (None, None) => return ClientProof::Secret(secret.hash()),
    };
    match (new.issuer, new.subject) {
        (Some(issuer), Some(subject)) => {
            let audience = new.audience.unwrap_or_else(|| EXCHANGE.to_owned());
            ClientProof::Federated { issuer, subject, audience, keys }
        }
        _ => ClientProof::Keys(keys),
    }
}
