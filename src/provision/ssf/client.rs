//! Short-lived tokens for the directories of connections: the client credentials grant
//! with a secret, with a token that the client signs (RFC 7523 §2.2), or with one that
//! an issuer signs for it, as Microsoft Entra's workload identity federation does.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Transmitter,
    token::{Authentication, Grant, LIFETIME_S, OauthError, TokenRequest, granted},
};
use crate::{
    event::{SignedToken, TokenTerms},
    provision::UnbelievedToken,
    store::{ClientName, ClientProof, KeyPlace, NewCredential, OauthClientRow, OneUse},
    tenant::{TenantId, Token, TokenHash, TokenKind},
};

/// Types of tokens that prove who a client is; RFC 7523 names none.
const TYPES: &[&str] = &["JWT", "client-authentication+jwt"];
/// A client's own token is good for so many seconds at most.
const LONGEST_OWN_S: i64 = 15 * 60;
/// One that an issuer signs may live as long as clouds let it.
const LONGEST_FEDERATED_S: i64 = 25 * 3_600;

impl Transmitter {
    /// Gives the directory of a connection a token, if the request is such a client's.
    pub(super) async fn grant_to_client(
        &self,
        tenant: &str,
        request: &TokenRequest,
    ) -> Result<Option<Grant>, OauthError> {
        let Some((id, client)) = self.client_of(tenant, request).await? else { return Ok(None) };
        let once = self.proved(tenant, &client, &request.authentication).await?;
        super::token::check_grant(request)?;
        let scopes = granted(request.scope.as_deref(), client.scopes)?;
        let token = Token::new(TokenKind::Tenant, self.clock.random());
        let now_us = self.clock.now_us();
        let expires_us = now_us.saturating_add(LIFETIME_S * 1_000_000).min(client.expires_us);
        let new = NewCredential {
            id: self.clock.new_id(),
            hash: token.hash(),
            connection: Some(client.connection),
            subject: None,
            scopes: scopes.clone(),
            networks: client.networks,
            label: client.label,
            created_us: now_us,
            expires_us,
        };
        match self.store.tenant(id).insert_client_token(client.id, new, once).await? {
            true => {
                let expires_in = expires_us.saturating_sub(now_us).div_euclid(1_000_000);
                Ok(Some(Grant { token: token.into_secret(), scopes, expires_in }))
            }
            false => Err(OauthError::InvalidClient),
        }
    }

    async fn client_of(
        &self,
        tenant: &str,
        request: &TokenRequest,
    ) -> Result<Option<(TenantId, OauthClientRow)>, OauthError> {
        let now_us = self.clock.now_us();
        if let Some(id) = request.client_id.as_deref().and_then(|id| Uuid::parse_str(id).ok()) {
            return Ok(self.store.oauth_client(tenant, ClientName::Id(id), now_us).await?);
        }
        let Authentication::Assertion(assertion) = &request.authentication else {
            return Ok(None);
        };
        // Read before it is believed, to know whose keys it must be signed with.
        let Some((issuer, subject)) = named(assertion.expose_secret()) else { return Ok(None) };
        let name = match Uuid::parse_str(&subject) {
            Ok(id) if issuer == subject => ClientName::Id(id),
            _ => ClientName::Subject(&issuer, &subject),
        };
        Ok(self.store.oauth_client(tenant, name, now_us).await?)
    }

    /// What the client proved itself by, if that is good for one use.
    async fn proved(
        &self,
        tenant: &str,
        client: &OauthClientRow,
        authentication: &Authentication,
    ) -> Result<Option<OneUse>, OauthError> {
        let (issuer, audience) = (self.issuer(tenant), self.token_endpoint(tenant));
        let own = client.id.to_string();
        match (&client.proof, authentication) {
            (ClientProof::Secret(hash), Authentication::Secret(secret)) => {
                match TokenHash::of(secret.expose_secret()) == *hash {
                    true => Ok(None),
                    false => Err(OauthError::InvalidClient),
                }
            }
            (ClientProof::Keys(keys), Authentication::Assertion(assertion)) => {
                let terms = TokenTerms {
                    types: TYPES,
                    untyped: true,
                    issuer: &own,
                    subject: Some(&own),
                    audiences: &[&audience, &issuer],
                    now: self.clock.now_seconds(),
                    longest_s: LONGEST_OWN_S,
                };
                let token = self.believed(assertion.expose_secret(), keys, terms).await?;
                token.jti.as_ref().ok_or(OauthError::InvalidClient)?;
                Ok(once(&own, &token))
            }
            (
                ClientProof::Federated { issuer, subject, audience, keys },
                Authentication::Assertion(assertion),
            ) => {
                let terms = TokenTerms {
                    types: TYPES,
                    untyped: true,
                    issuer,
                    subject: Some(subject),
                    audiences: &[audience],
                    now: self.clock.now_seconds(),
                    longest_s: LONGEST_FEDERATED_S,
                };
                self.believed(assertion.expose_secret(), keys, terms).await?;
                // A cloud hands out the same token until it is nearly over.
                Ok(None)
            }
            _ => Err(OauthError::InvalidClient),
        }
    }

    async fn believed(
        &self,
        assertion: &str,
        keys: &KeyPlace,
        terms: TokenTerms<'_>,
    ) -> Result<SignedToken, OauthError> {
        let place = match keys {
            KeyPlace::Here(jwks) => (Some(jwks), None),
            KeyPlace::At(url) => (None, Some(url.as_str())),
        };
        self.issuer_keys.verify(assertion, place, terms).await.map_err(|error| match error {
            UnbelievedToken::Refused(_) => OauthError::InvalidClient,
            UnbelievedToken::Keys => OauthError::Unavailable,
        })
    }
}

/// `iss` and `sub` of a token that nobody has checked yet.
fn named(assertion: &str) -> Option<(String, String)> {
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let text = |name: &str| claims.get(name)?.as_str().map(str::to_owned);
    Some((text("iss")?, text("sub")?))
}

fn once(client: &str, token: &SignedToken) -> Option<OneUse> {
    let text = format!("client {client} {}", token.jti.as_deref()?);
    let until_us = token.expires_at.saturating_mul(1_000_000);
    Some(OneUse { hash: digest(&SHA256, text.as_bytes()).as_ref().to_vec(), until_us })
}
