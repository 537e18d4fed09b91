//! The Shared Signals Framework transmitter: what receivers do with their streams
//! (SSF 1.0 §8), the tokens they do it with, and what it says of itself.
//!
//! A receiver sees the streams it made and no other, neither another receiver's nor
//! the operator's.

mod metadata;
mod token;

use std::sync::Arc;

use crate::{
    clock::Clock,
    store::{KeyError, SecretKey, Store, StoreError},
    tenant::receiver_url::ReceiverRules,
};

pub use token::{Grant, OauthError, TokenRequest};

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
    /// What a receiver may name as its endpoint.
    receiver_rules: Arc<ReceiverRules>,
}

impl Transmitter {
    /// The use cases over `store`; what is secret is sealed with `secret`.
    pub fn new(
        store: Store,
        clock: Clock,
        secret: Arc<SecretKey>,
        public_url: &str,
        receiver_rules: Arc<ReceiverRules>,
    ) -> Self {
        let public_url = public_url.trim_end_matches('/').into();
        Self { store, clock, secret, public_url, receiver_rules }
    }

    /// The issuer of a tenant's events, below which all its endpoints lie.
    fn issuer(&self, tenant_name: &str) -> String {
        format!("{}/t/{tenant_name}", self.public_url)
    }
}
