//! Access tokens for clients: the client credentials grant (RFC 6749 §4.4).

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::Transmitter;
use crate::{
    store::{NewAccessToken, StoreError},
    tenant::{ReceiverId, Scope, Token, TokenHash, TokenKind},
};

/// How long a token works, in seconds: the longest that the CAEP Interoperability
/// Profile 1.0 §2.7 allows.
pub(super) const LIFETIME_S: i64 = 3600;

/// What a client asks of the token endpoint.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Its id, as it gave it; an assertion may tell it too.
    pub client_id: Option<String>,
    /// How it proves who it is.
    pub authentication: Authentication,
    /// The kind of grant.
    pub grant_type: Option<String>,
    /// What the token shall be able to do; all that the receiver may, if absent.
    pub scope: Option<String>,
}

/// How a client proves who it is.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// By its secret.
    Secret(SecretString),
    /// By a signed token (RFC 7523 §2.2).
    Assertion(SecretString),
}

/// A token, and what it is good for.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The token.
    pub token: SecretString,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How long, in seconds.
    pub expires_in: i64,
}

/// Why there is no token (RFC 6749 §5.2).
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// The request is malformed.
    #[error("{0}")]
    InvalidRequest(String),
    /// The client is unknown, or it is not its secret; the two look alike on purpose.
    #[error("the client is unknown or revoked, or its secret or assertion is wrong")]
    InvalidClient,
    /// The grant is another one than we know.
    #[error("the only grant_type is client_credentials")]
    UnsupportedGrantType,
    /// A scope is unknown, or the receiver may not have it.
    #[error("the scopes of this client are: {0}")]
    InvalidScope(String),
    /// The keys of the client cannot be had.
    #[error("the keys of the client cannot be fetched just now")]
    Unavailable,
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

impl OauthError {
    /// The error's code (RFC 6749 §5.2).
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::Unavailable => "temporarily_unavailable",
            Self::Store(_) => "server_error",
        }
    }
}

impl Transmitter {
    /// Gives a receiver a token for its streams, or the directory of a connection one for
    /// SCIM.
    ///
    /// # Errors
    ///
    /// [`OauthError`] with what is wrong; who the client is comes first.
    pub async fn grant(&self, tenant: &str, request: &TokenRequest) -> Result<Grant, OauthError> {
        if let Some(grant) = self.grant_to_client(tenant, request).await? {
            return Ok(grant);
        }
        let id = request.client_id.as_deref().and_then(|id| Uuid::parse_str(id).ok());
        let receiver = ReceiverId(id.ok_or(OauthError::InvalidClient)?);
        let Authentication::Secret(secret) = &request.authentication else {
            return Err(OauthError::InvalidClient);
        };
        let secret = TokenHash::of(secret.expose_secret());
        let known = self.store.receiver_with(tenant, receiver, &secret).await?;
        let (tenant, allowed) = known.ok_or(OauthError::InvalidClient)?;
        check_grant(request)?;
        let scopes = granted(request.scope.as_deref(), allowed)?;
        let token = Token::new(TokenKind::Access, self.clock.random());
        let now_us = self.clock.now_us();
        let new = NewAccessToken {
            id: self.clock.new_id(),
            hash: token.hash(),
            receiver,
            scopes: scopes.clone(),
            created_us: now_us,
            expires_us: now_us.saturating_add(LIFETIME_S * 1_000_000),
        };
        self.store.tenant(tenant).insert_access_token(&new).await?;
        Ok(Grant { token: token.into_secret(), scopes, expires_in: LIFETIME_S })
    }
}

/// Refuses another grant than ours.
pub(super) fn check_grant(request: &TokenRequest) -> Result<(), OauthError> {
    match request.grant_type.as_deref() {
        Some("client_credentials") => Ok(()),
        Some(_) => Err(OauthError::UnsupportedGrantType),
        None => Err(OauthError::InvalidRequest("`grant_type` is missing".to_owned())),
    }
}

pub(super) fn granted(asked: Option<&str>, allowed: Vec<Scope>) -> Result<Vec<Scope>, OauthError> {
    let Some(asked) = asked else { return Ok(allowed) };
    let names = asked.split(' ').filter(|name| !name.is_empty());
    let scopes: Option<Vec<Scope>> =
        names.map(|name| Scope::parse(name).filter(|scope| allowed.contains(scope))).collect();
    scopes
        .filter(|scopes| !scopes.is_empty())
        .ok_or_else(|| OauthError::InvalidScope(Scope::list(&allowed)))
}
