//! Tokens: issued once, listed without themselves, revoked at once.

use std::time::Duration;

use uuid::Uuid;

use super::{IssuedToken, NewToken, Operator, OperatorError, TokenRecord};
use crate::{
    scim::{resource::ResourceId, schema::ResourceType},
    store::{NewCredential, TenantStore},
    tenant::{AllowedNetworks, Scope, Token, TokenKind},
};

/// Longest life of a token: every token ends (RFC 7644 §7.4).
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);

/// For how long a token may work beside the one in its place.
const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// Who will use a token.
struct Holder {
    connection: Uuid,
    name: String,
    subject: Option<ResourceId>,
}

impl Operator {
    /// Issues a token for a connection, or for one user whose directory that is.
    ///
    /// A user's token reaches `/Me` and discovery, and nothing else.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant, connection or user;
    /// [`OperatorError::Invalid`] if it has no scope or no end, or if it is a
    /// user's and could poll events.
    pub async fn issue_token(
        &self,
        tenant: &str,
        new: NewToken,
    ) -> Result<IssuedToken, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        if new.scopes.is_empty() {
            return Err(OperatorError::Invalid("a token needs at least one scope".to_owned()));
        }
        if let Some(scope) = new.scopes.iter().find(|it| !Scope::OF_CONNECTIONS.contains(it)) {
            let detail = format!("the scope {scope} is for receivers, not for connections");
            return Err(OperatorError::Invalid(detail));
        }
        let connections = store.connections().await?;
        let connection = connections.into_iter().find(|row| row.name == new.connection);
        let connection = connection
            .ok_or_else(|| OperatorError::NotFound(format!("connection `{}`", new.connection)))?;
        let subject = match &new.user {
            Some(user) => Some(self.subject(&store, user, &new.scopes).await?),
            None => None,
        };
        let bearer = Token::new(TokenKind::Tenant, self.clock.random());
        let holder = Holder { connection: connection.id, name: connection.name, subject };
        self.keep(&store, bearer, Some(holder), new).await
    }

    /// Issues a token for the operator's API.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Invalid`] if it has no end.
    pub async fn issue_operator_token(
        &self,
        label: &str,
        expires_in: Duration,
    ) -> Result<IssuedToken, OperatorError> {
        let store = self.store.operator();
        let bearer = Token::new(TokenKind::Operator, self.clock.random());
        let (connection, label) = (String::new(), label.to_owned());
        let (scopes, networks) = (Vec::new(), AllowedNetworks::default());
        let new = NewToken { connection, user: None, scopes, networks, expires_in, label };
        self.keep(&store, bearer, None, new).await
    }

    /// The tokens of a tenant, oldest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn tokens(&self, tenant: &str) -> Result<Vec<TokenRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.credentials().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Revokes a token. Every replica refuses it within a second.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such token.
    pub async fn revoke_token(&self, tenant: &str, id: Uuid) -> Result<(), OperatorError> {
        let store = self.tenant_store(tenant).await?;
        match store.revoke_credential(id, self.clock.now_us()).await? {
            true => Ok(()),
            false => Err(OperatorError::NotFound(format!("token `{id}`"))),
        }
    }

    /// Issues a token in place of another, with the same connection, user, rights,
    /// networks, label and lifetime. The other works for `overlap` yet, if it does not
    /// end before.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such token;
    /// [`OperatorError::InUse`] if it works no longer;
    /// [`OperatorError::Invalid`] if the overlap is too long.
    pub async fn rotate_token(
        &self,
        tenant: &str,
        id: Uuid,
        overlap: Duration,
    ) -> Result<IssuedToken, OperatorError> {
        if LONGEST_OVERLAP < overlap {
            let rule = "two tokens overlap for at most 30 days";
            return Err(OperatorError::Invalid(rule.to_owned()));
        }
        let store = self.tenant_store(tenant).await?;
        let old = store.credentials().await?.into_iter().find(|row| row.id == id);
        let old = old.ok_or_else(|| OperatorError::NotFound(format!("token `{id}`")))?;
        let ended = || OperatorError::InUse(format!("token `{id}` works no longer"));
        let name = old.connection.ok_or_else(ended)?;
        let connection = store.connections().await?.into_iter().find(|row| row.name == name);
        let connection = connection.ok_or_else(ended)?.id;
        let lifetime_us = old.expires_us.saturating_sub(old.created_us);
        let new = NewToken {
            connection: name.clone(),
            user: None,
            scopes: old.scopes,
            networks: old.networks,
            expires_in: Duration::from_micros(u64::try_from(lifetime_us).unwrap_or_default()),
            label: old.label,
        };
        let holder = Holder { connection, name, subject: old.subject };
        let token = Token::new(TokenKind::Tenant, self.clock.random());
        let credential = self.credential(&token, Some(&holder), &new);
        let overlap_us = i64::try_from(overlap.as_micros()).unwrap_or(i64::MAX);
        let ends_us = credential.created_us.saturating_add(overlap_us);
        match store.replace_credential(id, ends_us, &credential).await? {
            true => Ok(issued(token, credential, Some(holder.name))),
            false => Err(ended()),
        }
    }

    async fn subject(
        &self,
        store: &TenantStore,
        user: &str,
        scopes: &[Scope],
    ) -> Result<ResourceId, OperatorError> {
        let of_users = [Scope::Read, Scope::Write];
        if let Some(scope) = scopes.iter().find(|scope| !of_users.contains(scope)) {
            let detail = format!("a user's token cannot have the scope {scope}");
            return Err(OperatorError::Invalid(detail));
        }
        let unknown = || OperatorError::NotFound(format!("user `{user}`"));
        let id = ResourceId::parse(user).ok_or_else(unknown)?;
        let found = store.view().await?.resource(ResourceType::USER, id).await?;
        found.map(|found| found.id).ok_or_else(unknown)
    }

    async fn keep(
        &self,
        store: &TenantStore,
        token: Token,
        holder: Option<Holder>,
        new: NewToken,
    ) -> Result<IssuedToken, OperatorError> {
        if new.expires_in.is_zero() || LONGEST < new.expires_in {
            return Err(OperatorError::Invalid(
                "a token is valid for more than nothing and at most ten years".to_owned(),
            ));
        }
        let credential = self.credential(&token, holder.as_ref(), &new);
        store.insert_credential(&credential).await?;
        Ok(issued(token, credential, holder.map(|holder| holder.name)))
    }

    fn credential(&self, token: &Token, holder: Option<&Holder>, new: &NewToken) -> NewCredential {
        let created_us = self.clock.now_us();
        let lifetime = i64::try_from(new.expires_in.as_micros()).unwrap_or(i64::MAX);
        NewCredential {
            id: self.clock.new_id(),
            hash: token.hash(),
            connection: holder.map(|holder| holder.connection),
            subject: holder.and_then(|holder| holder.subject),
            scopes: new.scopes.clone(),
            networks: new.networks.clone(),
            label: new.label.clone(),
            created_us,
            expires_us: created_us.saturating_add(lifetime),
        }
    }
}

fn issued(token: Token, credential: NewCredential, connection: Option<String>) -> IssuedToken {
    let record = TokenRecord {
        id: credential.id,
        label: credential.label,
        scopes: credential.scopes,
        connection,
        user: credential.subject.map(|id| id.to_string()),
        networks: credential.networks.texts(),
        expires_at: credential.expires_us,
        last_used_at: None,
        revoked_at: None,
    };
    IssuedToken { token: token.into_secret(), record }
}
