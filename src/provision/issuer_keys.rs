//! Keys of those whose tokens are believed: kept here, or fetched from where they say.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use moka::future::Cache;
use serde_json::Value;
use tracing::warn;

use crate::{
    clock::Clock,
    event::{RefusedToken, SignedToken, TokenTerms, verify_token},
};

/// How long fetched keys are believed.
const KEYS_AGE: Duration = Duration::from_mins(5);
/// How soon keys are fetched again because one is not there, in microseconds.
const FETCHED_AGAIN_US: i64 = 60_000_000;
/// Key sets that are remembered at a time.
const KEPT: u64 = 10_000;

/// Gets the keys of issuers.
pub trait KeySource: Send + Sync {
    /// The JSON at `url`, or why there is none.
    fn fetch(&self, url: String) -> BoxFuture<'_, Result<Value, String>>;
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum UnbelievedToken {
    /// It is not good.
    #[error(transparent)]
    Refused(#[from] RefusedToken),
    /// That cannot be told.
    #[error("the keys of the issuer cannot be fetched just now")]
    Keys,
}

/// Keys that were fetched, or could not be.
#[derive(Debug, Clone)]
struct Fetched {
    keys: Option<Arc<Value>>,
    at_us: i64,
}

/// The keys of issuers. Cheap to clone.
#[derive(Clone)]
pub struct IssuerKeys {
    clock: Clock,
    source: Arc<dyn KeySource>,
    fetched: Cache<String, Fetched>,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerKeys").finish_non_exhaustive()
    }
}

impl IssuerKeys {
    /// Keys that lie elsewhere come from `source`.
    pub fn new(clock: Clock, source: Arc<dyn KeySource>) -> Self {
        let fetched = Cache::builder().max_capacity(KEPT).time_to_live(KEYS_AGE).build();
        Self { clock, source, fetched }
    }

    /// Checks a token against keys that are at hand, or those at a URL.
    pub(super) async fn verify(
        &self,
        token: &str,
        (jwks, url): (Option<&Value>, Option<&str>),
        terms: TokenTerms<'_>,
    ) -> Result<SignedToken, UnbelievedToken> {
        if let Some(jwks) = jwks {
            return Ok(verify_token(token, jwks, terms)?);
        }
        let url = url.ok_or(UnbelievedToken::Keys)?;
        let fetched = self.keys(url).await;
        let keys = fetched.keys.ok_or(UnbelievedToken::Keys)?;
        match verify_token(token, &keys, terms) {
            // The issuer may have changed its keys. Whoever asks with keys that are
            // not there makes us look once in a while, and no more.
            Err(RefusedToken::Key)
                if fetched.at_us.saturating_add(FETCHED_AGAIN_US) <= self.clock.now_us() =>
            {
                self.fetched.invalidate(url).await;
                let keys = self.keys(url).await.keys.ok_or(UnbelievedToken::Keys)?;
                Ok(verify_token(token, &keys, terms)?)
            }
            verified => Ok(verified?),
        }
    }

    /// The keys at `url`, fetched once for all who ask meanwhile.
    async fn keys(&self, url: &str) -> Fetched {
        let known = self.fetched.get(url).await;
        let stale = |it: &Fetched| {
            it.keys.is_none() && it.at_us.saturating_add(FETCHED_AGAIN_US) <= self.clock.now_us()
        };
        if known.is_some_and(|it| stale(&it)) {
            self.fetched.invalidate(url).await;
        }
        let fetch = async {
            let keys = self.source.fetch(url.to_owned()).await;
            if let Err(reason) = &keys {
                warn!(reason, "the keys of an issuer could not be fetched");
            }
            Fetched { keys: keys.ok().map(Arc::new), at_us: self.clock.now_us() }
        };
        self.fetched.get_with(url.to_owned(), fetch).await
    }
}
