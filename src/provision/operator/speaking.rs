//! What operators need of those who speak to receivers.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;

use crate::{event::SinkKind, store::Claim};

/// What is known of receivers where they are spoken to. Nothing is sent.
#[async_trait]
pub trait Speaking: fmt::Debug + Send + Sync {
    /// What is wrong with a new receiver, in words.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    fn check(
        &self,
        kind: SinkKind,
        endpoint_url: &str,
        settings: &Value,
        secrets: Option<&SecretString>,
    ) -> Result<(), String>;

    /// The requests that an attempt would make, without what is secret, as far as
    /// they do not depend on answers; with why it would make no more, if it would
    /// not.
    async fn rehearse(&self, attempt: Rehearsal<'_>) -> (Vec<Value>, Option<String>);
}

/// An attempt that is not made.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsal<'a> {
    /// The event and its receiver.
    pub claim: &'a Claim,
    /// The receiver's secrets.
    pub secrets: Option<&'a SecretString>,
    /// The tenant's issuer.
    pub issuer: &'a str,
    /// The time, in microseconds since 1970.
    pub now_us: i64,
}
