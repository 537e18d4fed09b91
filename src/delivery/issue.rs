//! From a claim to the signed Set for its stream.

use std::sync::Arc;

use serde_json::Value;

use super::keys::KeyRing;
use crate::{
    event::{Known, SetClaims, SignError, jti},
    store::{Claim, KeyError, Store, StoreError},
};

/// Makes Sets in the names of the tenants.
#[derive(Debug, Clone)]
pub struct Issuer {
    keys: KeyRing,
    public_url: Arc<str>,
}

/// A Set that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedSet {
    /// Its id.
    pub jti: String,
    /// Its place in the order of the stream's events; it grows, with gaps.
    pub seq: i64,
    /// The signed token in compact form.
    pub compact: String,
}

/// Why there is no Set for a claim.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no key to sign with.
    #[error("no key to sign with")]
    Key(#[source] Arc<KeyError>),
    /// The token could not be signed.
    #[error("could not sign")]
    Sign(#[source] SignError),
}

impl Issuer {
    /// Issues as `{public_url}/t/{tenant}`.
    pub fn new(keys: KeyRing, public_url: &str) -> Self {
        Self { keys, public_url: public_url.trim_end_matches('/').into() }
    }

    /// The issuer of a tenant's events.
    pub fn name(&self, tenant_name: &str) -> String {
        format!("{}/t/{tenant_name}", self.public_url)
    }

    /// Whether the stream's receiver does not want to hear of whom the event is about
    /// (SSF 1.0 §8.1.3.3). It is asked when the event is about to go: by then the
    /// receiver may have changed its mind, and only here it is known under which names
    /// it could know the person. Most streams have no such wishes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn unwanted(
        &self,
        store: &Store,
        claim: &Claim,
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let stream = &claim.stream;
        if !stream.filters || claim.uri.is_operational() {
            return Ok(false);
        }
        let issuer = self.name(&stream.tenant_name);
        let who = Known::of(&claim.subject, &stream.naming(&issuer));
        let removed =
            store.tenant(stream.tenant).removed_subjects(stream.id, &who.texts(), now_us).await?;
        Ok(removed.iter().any(|subject| subject.is_about(&who)))
    }

    /// Makes the Set of a claim. The same claim and key give the same token.
    ///
    /// # Errors
    ///
    /// [`IssueError`] if it cannot be signed now.
    pub async fn issue(&self, claim: &Claim, now_us: i64) -> Result<IssuedSet, IssueError> {
        let claims = set_claims(claim, &self.public_url, now_us);
        let key = self.keys.active(claim.stream.tenant).await.map_err(IssueError::Key)?;
        let compact = key.sign(&claims).map_err(IssueError::Sign)?;
        let jti = jti(claim.event_id, claim.stream.id.0);
        Ok(IssuedSet { jti, seq: claim.seq, compact })
    }
}

/// The claims of the Set.
///
/// `iat` is the second in which the change was committed, so that a retry is the
/// same token and not only the same `jti`; it is never in the future.
pub(super) fn set_claims(claim: &Claim, public_url: &str, now_us: i64) -> Value {
    let stream = &claim.stream;
    let issuer = format!("{public_url}/t/{}", stream.tenant_name);
    let naming = stream.naming(&issuer);
    let sub_id = naming.sub_id(claim.uri, &claim.subject);
    let claims = SetClaims {
        issuer: &issuer,
        audience: &stream.audience,
        jti: &jti(claim.event_id, stream.id.0),
        issued_at: claim.occurred_us.min(now_us).div_euclid(1_000_000),
        txn: &claim.txn,
        sub_id: &sub_id,
        uri: claim.uri,
        payload: &naming.payload(claim.uri, &claim.payload, &sub_id),
    };
    claims.to_json()
}
