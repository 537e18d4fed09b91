//! Tokens: issued once, listed without themselves, revoked at once.

use std::time::Duration;

use uuid::Uuid;

use super::{IssuedToken, NewToken, Operator, OperatorError, TokenRecord};
use crate::{
    store::{NewCredential, TenantStore},
    tenant::{Scope, Token, TokenKind},
};

/// Longest life of a token: every token ends (RFC 7644 §7.4).
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);

impl Operator {
    /// Issues a token for a connection.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or connection;
    /// [`OperatorError::Invalid`] if it has no scope or no end.
    pub async fn issue_token(
        &self,
        tenant: &str,
        new: NewToken,
    ) -> Result<IssuedToken, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        if new.scopes.is_empty() {
            return Err(OperatorError::Invalid("a token needs at least one scope".to_owned()));
        }
        let connections = store.connections().await?;
        let connection = connections.into_iter().find(|row| row.name == new.connection);
        let connection = connection
            .ok_or_else(|| OperatorError::NotFound(format!("connection `{}`", new.connection)))?;
        let bearer = Token::new(TokenKind::Tenant, self.clock.random());
        self.keep(&store, bearer, Some((connection.id, connection.name)), new).await
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
        let new = NewToken { connection, scopes: Vec::new(), expires_in, label };
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

    async fn keep(
        &self,
        store: &TenantStore,
        token: Token,
        connection: Option<(Uuid, String)>,
        new: NewToken,
    ) -> Result<IssuedToken, OperatorError> {
        if new.expires_in.is_zero() || LONGEST < new.expires_in {
            return Err(OperatorError::Invalid(
                "a token is valid for more than nothing and at most ten years".to_owned(),
            ));
        }
        let (id, created_us) = (self.clock.new_id(), self.clock.now_us());
        let lifetime = i64::try_from(new.expires_in.as_micros()).unwrap_or(i64::MAX);
        let scopes: Vec<Scope> = new.scopes;
        let (connection_id, connection) = connection.unzip();
        let credential = NewCredential {
            id,
            hash: token.hash(),
            connection: connection_id,
            scopes: scopes.clone(),
            label: new.label.clone(),
            created_us,
            expires_us: created_us.saturating_add(lifetime),
        };
        store.insert_credential(&credential).await?;
        let record = TokenRecord {
            id,
            label: new.label,
            scopes,
            connection,
            expires_at: credential.expires_us,
            last_used_at: None,
            revoked_at: None,
        };
        Ok(IssuedToken { token: token.into_secret(), record })
    }
}
