//! The Shared Signals Framework transmitter: what receivers do with their streams
//! (SSF 1.0 §8), the tokens they do it with, and what it says of itself.
//!
//! A receiver sees the streams it made and no other, neither another receiver's nor
//! the operator's.

mod client;
mod configuration;
mod metadata;
mod status;
mod stream;
mod subject;
mod token;
mod upkeep;

use std::{sync::Arc, time::Duration};

use moka::future::Cache;

use super::IssuerKeys;
use crate::{
    clock::Clock,
    store::{KeyError, SecretKey, Store, StoreError},
    tenant::{ReceiverId, StreamId, TenantId, receiver_url::ReceiverRules},
};

pub use stream::Unmentioned;
pub use token::{Authentication, Grant, OauthError, TokenRequest};

/// Seconds between two requests to verify a stream.
const MIN_VERIFICATION_S: i64 = 60;
/// How often it is noted that a receiver uses a stream; a fraction of the shortest
/// inactivity timeout.
const NOTED: Duration = Duration::from_secs(3_600);
/// Streams of which is remembered that this was noted.
const REMEMBERED: u64 = 10_000;

/// Who manages streams.
#[derive(Debug, Clone)]
pub struct Managed {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name.
    pub tenant_name: Arc<str>,
    /// The receiver.
    pub receiver: ReceiverId,
}

/// Why a receiver's request was not done.
#[derive(Debug, thiserror::Error)]
pub enum SsfError {
    /// The request makes no sense as it stands; 400.
    #[error("{0}")]
    Invalid(String),
    /// The receiver has no such stream; 404.
    #[error("there is no such stream of this receiver")]
    UnknownStream,
    /// The receiver has as many as it may have; 403.
    #[error("{0}")]
    TooMany(String),
    /// It was done a moment ago; 429.
    #[error("the stream was verified less than {min} seconds ago; try again in {wait}")]
    TooSoon {
        /// Seconds that lie between two requests.
        min: i64,
        /// Seconds to wait.
        wait: i64,
    },
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// A secret could not be sealed.
    #[error("a secret could not be sealed")]
    Key(#[from] KeyError),
}

/// The use cases of receivers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transmitter {
    store: Store,
    clock: Clock,
    secret: Arc<SecretKey>,
    public_url: Arc<str>,
    receiver_rules: Arc<ReceiverRules>,
    issuer_keys: IssuerKeys,
    noted: Cache<(ReceiverId, StreamId), ()>,
}

impl Transmitter {
    /// The use cases over `store`; what is secret is sealed with `secret`, and events
    /// go only where `receiver_rules` allow. `issuer_keys` has the keys of OAuth clients.
    pub fn new(
        store: Store,
        clock: Clock,
        secret: Arc<SecretKey>,
        public_url: &str,
        (receiver_rules, issuer_keys): (Arc<ReceiverRules>, IssuerKeys),
    ) -> Self {
        let public_url = public_url.trim_end_matches('/').into();
        let noted = Cache::builder().max_capacity(REMEMBERED).time_to_live(NOTED).build();
        Self { store, clock, secret, public_url, receiver_rules, issuer_keys, noted }
    }

    /// Notes a sign of the receiver of a stream: it polled or managed it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn note_activity(
        &self,
        tenant: TenantId,
        receiver: ReceiverId,
        stream: StreamId,
    ) -> Result<(), StoreError> {
        if self.noted.contains_key(&(receiver, stream)) {
            return Ok(());
        }
        self.noted.insert((receiver, stream), ()).await;
        self.store.tenant(tenant).note_activity(receiver, stream, self.clock.now_us()).await
    }

    /// Where a tenant's clients get tokens.
    fn token_endpoint(&self, tenant_name: &str) -> String {
        format!("{}/oauth/token", self.issuer(tenant_name))
    }

    /// The issuer of a tenant's events, below which all its endpoints lie.
    fn issuer(&self, tenant_name: &str) -> String {
        format!("{}/t/{tenant_name}", self.public_url)
    }
}
