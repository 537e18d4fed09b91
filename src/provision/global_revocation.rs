//! Global Token Revocation: an identity provider ends a person's sessions
//! (draft-parecki-oauth-global-token-revocation; Okta calls it Universal Logout).
//!
//! Who calls proves it with a token signed by the issuer that the operator has
//! set for the tenant, which is good for one use, or with a token of ours. What
//! follows is what an operator's order does; see [`Revoker`].

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest;
use moka::future::Cache;
use serde_json::{Map, Value};

use super::{IssuerKeys, Revocation, RevocationError, Revoker, UnbelievedToken};
use crate::{
    clock::Clock,
    event::{RefusedToken, SignedToken, TokenTerms},
    scim::resource::ResourceId,
    store::{OneUse, PersonName, RevocationIssuerRow, Store, StoreError, TenantRow, TenantState},
    tenant::{EventCaller, TenantId},
};

/// The endpoint's path below a tenant's issuer.
pub const REVOCATION_PATH: &str = "/global-token-revocation";

/// What administrators are told of the sessions' end.
const REASON: &str = "The identity provider ended the sessions (Global Token Revocation).";
/// The `typ` of a token.
const TYPE: &str = "global-token-revocation+jwt";
/// A token that may be used for longer could not be remembered.
const LONGEST_S: i64 = 15 * 60;
/// A token is remembered at least for so long, in microseconds.
const REMEMBERED_US: i64 = 600_000_000;
/// Calls of a tenant in a minute.
const CALLS: u32 = 600;
const MINUTE: Duration = Duration::from_mins(1);
/// Tenants that are remembered at a time.
const KEPT: u64 = 10_000;

/// Why nobody's sessions end.
#[derive(Debug, thiserror::Error)]
pub enum GlobalRevocationError {
    /// Nobody may do so for the tenant, or not with this token.
    #[error("the token is refused: {0}")]
    Unauthorized(&'static str),
    /// The token is refused.
    #[error("the token is refused: {0}")]
    Refused(#[from] RefusedToken),
    /// The body is not what was expected.
    #[error("{0}")]
    Invalid(&'static str),
    /// The tenant has no such user.
    #[error("no user has this name")]
    Unknown,
    /// It cannot be told whose sessions are meant.
    #[error("{0}")]
    Unable(String),
    /// The tenant's issuer asks too often.
    #[error("more than {CALLS} calls in a minute")]
    TooMany,
    /// The issuer's keys cannot be had.
    #[error("the keys of the issuer cannot be fetched just now")]
    Keys,
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

impl From<UnbelievedToken> for GlobalRevocationError {
    fn from(error: UnbelievedToken) -> Self {
        match error {
            UnbelievedToken::Refused(error) => Self::Refused(error),
            UnbelievedToken::Keys => Self::Keys,
        }
    }
}

impl From<RevocationError> for GlobalRevocationError {
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::Unknown => Self::Unknown,
            RevocationError::TooMany => Self::Unable(error.to_string()),
            RevocationError::Used => Self::Unauthorized("it was used before"),
            RevocationError::Store(error) => Self::Store(error),
        }
    }
}

/// Whose sessions may be ended, and by whom.
#[derive(Debug, Clone)]
pub struct Proof {
    tenant: TenantId,
    actor: String,
    once: Option<OneUse>,
    /// Issuers of the tenant's people.
    issuers: Vec<String>,
}

/// Ends sessions for identity providers. Cheap to clone.
#[derive(Clone)]
pub struct GlobalRevocation {
    store: Store,
    clock: Clock,
    public_url: Arc<str>,
    revoker: Revoker,
    keys: IssuerKeys,
    calls: Cache<TenantId, Arc<AtomicU32>>,
}

impl fmt::Debug for GlobalRevocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobalRevocation").finish_non_exhaustive()
    }
}

impl GlobalRevocation {
    /// Ends sessions of people in `store`, for issuers with these `keys`.
    pub fn new(store: Store, clock: Clock, public_url: &str, keys: IssuerKeys) -> Self {
        Self {
            revoker: Revoker::new(store.clone(), clock.clone()),
            store,
            clock,
            public_url: public_url.into(),
            keys,
            calls: Cache::builder().max_capacity(KEPT).time_to_live(MINUTE).build(),
        }
    }

    /// Checks a token of the tenant's issuer.
    ///
    /// # Errors
    ///
    /// [`GlobalRevocationError::Unauthorized`] if the tenant has none;
    /// [`GlobalRevocationError::Refused`] if the token is not good;
    /// [`GlobalRevocationError::Keys`] if that cannot be told.
    pub async fn check(&self, tenant: &str, token: &str) -> Result<Proof, GlobalRevocationError> {
        const NOBODY: GlobalRevocationError =
            GlobalRevocationError::Unauthorized("no issuer is set for the tenant");
        let row = self.store.tenant_named(tenant).await?.filter(is_served).ok_or(NOBODY)?;
        let issuer = self.store.tenant(row.id).revocation_issuer().await?.ok_or(NOBODY)?;
        let token = self.verified(tenant, token, &issuer).await?;
        let now_us = self.clock.now_us();
        let ends_us = token.expires_at.saturating_mul(1_000_000);
        let jti = token.jti.ok_or(RefusedToken::Claim("jti"))?;
        let hash = digest::digest(&digest::SHA256, jti.as_bytes());
        let until_us = ends_us.max(now_us.saturating_add(REMEMBERED_US));
        let mut issuers = self.issuers(&row);
        issuers.push(issuer.issuer.clone());
        Ok(Proof {
            tenant: row.id,
            actor: format!("issuer:{}", issuer.issuer),
            once: Some(OneUse { hash: hash.as_ref().to_vec(), until_us }),
            issuers,
        })
    }

    /// What a token of ours proves that may end sessions.
    ///
    /// # Errors
    ///
    /// [`GlobalRevocationError::Store`] if the store fails.
    pub async fn proof_of(&self, caller: &EventCaller) -> Result<Proof, GlobalRevocationError> {
        let row = self.store.tenant_named(&caller.tenant_name).await?;
        Ok(Proof {
            tenant: caller.tenant,
            actor: format!("token:{}", caller.credential),
            once: None,
            issuers: row.map(|row| self.issuers(&row)).unwrap_or_default(),
        })
    }

    /// Ends the sessions of whom `body` names.
    ///
    /// # Errors
    ///
    /// [`GlobalRevocationError::Invalid`] if it names nobody;
    /// [`GlobalRevocationError::Unknown`] if there is no such user;
    /// [`GlobalRevocationError::Unable`] if too many have that name;
    /// [`GlobalRevocationError::Unauthorized`] if the token was used before.
    pub async fn revoke(&self, proof: Proof, body: &[u8]) -> Result<(), GlobalRevocationError> {
        self.count(proof.tenant).await?;
        let Proof { tenant, actor, once, issuers } = proof;
        let person = person(body, &issuers)?;
        let revocation = Revocation { person, actor, reason: REASON.to_owned(), once };
        self.revoker.revoke(tenant, revocation).await?;
        Ok(())
    }

    async fn count(&self, tenant: TenantId) -> Result<(), GlobalRevocationError> {
        let calls = self.calls.get_with(tenant, async { Arc::default() }).await;
        match calls.fetch_add(1, Ordering::Relaxed) < CALLS {
            true => Ok(()),
            false => Err(GlobalRevocationError::TooMany),
        }
    }

    fn issuers(&self, row: &TenantRow) -> Vec<String> {
        let own = format!("{}/t/{}", self.public_url, row.name);
        row.subject_issuer.iter().cloned().chain([own]).collect()
    }

    async fn verified(
        &self,
        tenant: &str,
        token: &str,
        issuer: &RevocationIssuerRow,
    ) -> Result<SignedToken, GlobalRevocationError> {
        let audience = format!("{}/t/{tenant}{REVOCATION_PATH}", self.public_url);
        let terms = TokenTerms {
            types: &[TYPE],
            untyped: false,
            issuer: &issuer.issuer,
            subject: issuer.subject.as_deref(),
            audiences: &[&audience],
            now: self.clock.now_seconds(),
            longest_s: LONGEST_S,
        };
        let place = (issuer.jwks.as_ref(), issuer.jwks_uri.as_deref());
        Ok(self.keys.verify(token, place, terms).await?)
    }
}

fn is_served(row: &TenantRow) -> bool {
    row.state == TenantState::Active
}

/// Whom a body names (RFC 9493), of those whose issuer is one of `issuers`.
fn person(body: &[u8], issuers: &[String]) -> Result<PersonName, GlobalRevocationError> {
    use GlobalRevocationError::{Invalid, Unknown};
    let body: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Invalid("the body is not a JSON object"))?;
    let sub_id = body.get("sub_id").and_then(Value::as_object);
    let sub_id = sub_id.ok_or(Invalid("`sub_id` is missing or not an object"))?;
    let text = |name: &str| sub_id.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    let id = |id: &str| ResourceId::parse(id).map(PersonName::Id).ok_or(Unknown);
    match text("format") {
        Some("email") => {
            let email = text("email").ok_or(Invalid("`sub_id.email` is missing"))?;
            Ok(PersonName::Email(email.to_owned()))
        }
        Some("iss_sub") => {
            let wrong = Invalid("`sub_id.iss` or `sub_id.sub` is missing");
            let (Some(issuer), Some(subject)) = (text("iss"), text("sub")) else {
                return Err(wrong);
            };
            match issuers.iter().any(|known| known == issuer) {
                true => Ok(PersonName::ExternalId(subject.to_owned())),
                false => Err(Unknown),
            }
        }
        Some("opaque") => id(text("id").ok_or(Invalid("`sub_id.id` is missing"))?),
        Some("scim") => match (text("id"), text("uri"), text("externalId")) {
            (Some(own), _, _) => id(own),
            (None, Some(uri), _) => id(uri.strip_prefix("/Users/").ok_or(Unknown)?),
            (None, None, Some(external)) => Ok(PersonName::ExternalId(external.to_owned())),
            (None, None, None) => Err(Invalid("`sub_id` has no `id`, `uri` or `externalId`")),
        },
        _ => Err(Invalid("`sub_id.format`: expected email, iss_sub, opaque or scim")),
    }
}
