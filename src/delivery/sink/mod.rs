//! Receivers that are no SSF streams: each kind is one file with one [`Sink`].

use async_trait::async_trait;
use secrecy::SecretString;

use super::{Outcome, OutgoingClient};
use crate::{event::SinkKind, store::Claim};

/// An event for a sink, with what is needed to tell it.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    /// The event and the sink's settings.
    pub(super) claim: &'a Claim,
    /// Where the sink is.
    pub(super) endpoint_url: &'a str,
    /// The sink's secrets, as they were configured.
    pub(super) secrets: Option<&'a SecretString>,
    /// The tenant's issuer.
    pub(super) issuer: &'a str,
    /// The same in every attempt.
    pub(super) jti: &'a str,
    /// The time of this attempt, in microseconds since 1970.
    pub(super) now_us: i64,
}

/// One kind of receiver.
#[async_trait]
pub(super) trait Sink: Send + Sync {
    /// Makes one attempt; everything over HTTP goes through `http`.
    async fn send(&self, http: &OutgoingClient, parcel: &Parcel<'_>) -> Outcome;
}

/// The sink of a kind, if this program has it.
pub(super) fn of(kind: SinkKind) -> Option<&'static dyn Sink> {
    let _ = kind;
    None
}
