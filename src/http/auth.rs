//! Who is calling (RFC 6750).
//!
//! This runs before anything of a request but its headers is looked at. The
//! answer to a missing credential tells apart nothing but that; every other
//! failure has one answer.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use moka::future::Cache;
use poem::{
    Request,
    http::{HeaderValue, StatusCode, header},
};

use super::{client_address::client_address, error::Refusal};
use crate::{
    clock::Clock,
    scim::ScimError,
    store::Store,
    tenant::{Caller, EventCaller, Scope, TokenHash},
};

/// How long a credential is believed without asking the database: a revoked
/// token may live that much longer.
const BELIEVED: Duration = Duration::from_secs(1);
/// How often it is noted that a credential is in use.
const NOTED: Duration = Duration::from_secs(60);
/// Credentials remembered at a time.
const REMEMBERED: u64 = 10_000;
/// Words in front of a token that a lenient connection accepts.
const SCHEMES: [&str; 3] = ["Bearer", "Token", "SSWS"];

/// Looks up credentials.
#[derive(Debug, Clone)]
pub(super) struct Authenticator {
    store: Store,
    clock: Clock,
    /// Proxies that are believed when they say where a request comes from.
    proxies: Arc<[IpNet]>,
    callers: Cache<TokenHash, Arc<Caller>>,
    event_callers: Cache<TokenHash, Arc<EventCaller>>,
    noted: Cache<uuid::Uuid, ()>,
}

impl Authenticator {
    pub(super) fn new(store: Store, clock: Clock, proxies: Arc<[IpNet]>) -> Self {
        Self {
            store,
            clock,
            proxies,
            callers: Cache::builder().max_capacity(REMEMBERED).time_to_live(BELIEVED).build(),
            event_callers: Cache::builder().max_capacity(REMEMBERED).time_to_live(BELIEVED).build(),
            noted: Cache::builder().max_capacity(REMEMBERED).time_to_live(NOTED).build(),
        }
    }

    /// The caller that a request of that tenant's URL speaks for.
    pub(super) async fn caller(
        &self,
        request: &Request,
        tenant: &str,
    ) -> Result<Arc<Caller>, Refusal> {
        let presented = Presented::of(request)?;
        let hash = TokenHash::of(presented.token);
        let caller = match self.callers.get(&hash).await {
            Some(caller) => caller,
            None => self.look_up(hash).await?,
        };
        let lenient = caller.dialect.leniency().bare_token;
        if *caller.tenant_name != *tenant
            || caller.expires_us <= self.clock.now_us()
            || (!presented.as_bearer && !lenient)
            || !caller.networks.allow(client_address(request, &self.proxies))
        {
            return Err(invalid_token());
        }
        Ok(caller)
    }

    async fn look_up(&self, hash: TokenHash) -> Result<Arc<Caller>, Refusal> {
        let now_us = self.clock.now_us();
        let caller = self.store.caller(&hash, now_us).await?.ok_or_else(invalid_token)?;
        let caller = Arc::new(caller);
        self.callers.insert(hash, Arc::clone(&caller)).await;
        self.note_use(caller.credential, now_us).await?;
        Ok(caller)
    }

    /// Who asks for events of that tenant's URL.
    pub(super) async fn event_caller(
        &self,
        request: &Request,
        tenant: &str,
    ) -> Result<Arc<EventCaller>, Refusal> {
        let presented = Presented::of(request)?;
        let (hash, now_us) = (TokenHash::of(presented.token), self.clock.now_us());
        let caller = match self.event_callers.get(&hash).await {
            Some(caller) => caller,
            None => {
                let found = self.store.event_caller(&hash, now_us).await?;
                let caller = Arc::new(found.ok_or_else(invalid_token)?);
                self.event_callers.insert(hash, Arc::clone(&caller)).await;
                self.note_use(caller.credential, now_us).await?;
                caller
            }
        };
        let is_good = *caller.tenant_name == *tenant
            && now_us < caller.expires_us
            && presented.as_bearer
            && caller.networks.allow(client_address(request, &self.proxies));
        if is_good { Ok(caller) } else { Err(invalid_token()) }
    }

    async fn note_use(&self, credential: uuid::Uuid, now_us: i64) -> Result<(), Refusal> {
        if !self.noted.contains_key(&credential) {
            self.noted.insert(credential, ()).await;
            self.store.note_use(credential, now_us).await?;
        }
        Ok(())
    }
}

/// A credential as a request carries it.
struct Presented<'r> {
    token: &'r str,
    /// Whether it came as `Bearer` (RFC 6750 §2.1).
    as_bearer: bool,
}

impl<'r> Presented<'r> {
    fn of(request: &'r Request) -> Result<Self, Refusal> {
        let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
        let Some(value) = headers.next() else { return Err(no_token()) };
        let in_query = request.uri().query().is_some_and(|query| {
            query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
        });
        if headers.next().is_some() || in_query {
            return Err(challenge(
                StatusCode::BAD_REQUEST,
                "a token is sent once, in the Authorization header",
                "Bearer realm=\"muster\", error=\"invalid_request\"",
            ));
        }
        let value = value.to_str().map_err(|_| invalid_token())?.trim();
        if value.is_empty() {
            return Err(no_token());
        }
        let Some((scheme, token)) = value.split_once(' ') else {
            return Ok(Self { token: value, as_bearer: false });
        };
        match SCHEMES.into_iter().find(|known| scheme.eq_ignore_ascii_case(known)) {
            Some(known) => Ok(Self { token: token.trim_start(), as_bearer: known == "Bearer" }),
            None => Err(invalid_token()),
        }
    }
}

fn no_token() -> Refusal {
    challenge(
        StatusCode::UNAUTHORIZED,
        "a bearer token is needed in the Authorization header",
        "Bearer realm=\"muster\"",
    )
}

fn invalid_token() -> Refusal {
    challenge(
        StatusCode::UNAUTHORIZED,
        "the token is unknown, expired, revoked, of another tenant, or not for this address",
        "Bearer realm=\"muster\", error=\"invalid_token\"",
    )
}

fn challenge(status: StatusCode, detail: &str, challenge: &'static str) -> Refusal {
    Refusal::new(status, detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// Refuses a caller whose token has none of `scopes` (RFC 6750 §3.1); the answer
/// names the first.
pub(super) fn require_any(caller: &EventCaller, scopes: &[Scope]) -> Result<(), Refusal> {
    match (caller.may_any(scopes), scopes.first()) {
        (false, Some(scope)) => Err(ScimError::LacksScope { scope: scope.as_str() }.into()),
        _ => Ok(()),
    }
}
