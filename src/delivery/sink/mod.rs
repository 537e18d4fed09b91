//! Receivers that are no SSF streams: each kind is one file.
//!
//! A [`Sink`] is told what happened: webhooks and buses. A [`Connector`] is told
//! what to do: see [`command`]. Both speak through [`Http`], which can also only
//! note what would be said.

mod back_channel_logout;
mod cloud_events;
pub(super) mod command;
pub(super) mod http;
mod nats;
mod rehearsal;
mod settings;
mod token_revocation;
mod vendor;
mod webhook;

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;

pub use self::rehearsal::rehearse;
use self::{
    cloud_events::CloudEvents,
    command::{Connector, carry_out},
    http::Http,
    nats::Nats,
    settings::{Common, Secrets, Target},
    vendor::Vendors,
};
use super::{Outcome, keys::KeyRing};
use crate::{event::SinkKind, store::Claim};

/// An event for a sink, with what is needed to tell it.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    /// The event and the sink's settings.
    pub(super) claim: &'a Claim,
    /// Where the sink is.
    pub(super) endpoint_url: &'a str,
    /// The sink's secrets, as they were configured: JSON text of an object.
    pub(super) secrets: Option<&'a SecretString>,
    /// The tenant's issuer.
    pub(super) issuer: &'a str,
    /// The same in every attempt.
    pub(super) jti: &'a str,
    /// The time of this attempt, in microseconds since 1970.
    pub(super) now_us: i64,
    /// Sign in the tenant's name; without them, tokens have no signature.
    pub(super) keys: Option<&'a KeyRing>,
}

/// A receiver that is told what happened.
#[async_trait]
pub(super) trait Sink: Send + Sync {
    /// What is wrong with the settings and secrets of a new one, in words.
    fn check(&self, target: &Target<'_>) -> Result<(), String>;

    /// Makes one attempt; everything over HTTP goes through `http`.
    async fn send(&self, http: &Http<'_>, parcel: &Parcel<'_>) -> Outcome;
}

/// What speaks to receivers of every kind, with what it remembers of them.
#[derive(Default)]
pub(super) struct Sinks {
    cloud_events: CloudEvents,
    vendors: Vendors,
    nats: Nats,
}

/// What speaks to a kind of receiver.
enum Speaker<'a> {
    Sink(&'a dyn Sink),
    Connector(&'a dyn Connector),
}

impl Sinks {
    /// What speaks to receivers of a kind, if this program can.
    fn of(&self, kind: SinkKind) -> Option<Speaker<'_>> {
        match kind {
            SinkKind::Webhook => Some(Speaker::Sink(&webhook::Webhook)),
            SinkKind::CloudEvents => Some(Speaker::Sink(&self.cloud_events)),
            SinkKind::Nats => Some(Speaker::Sink(&self.nats)),
            SinkKind::TokenRevocation => {
                Some(Speaker::Connector(&token_revocation::TokenRevocation))
            }
            SinkKind::BackChannelLogout => {
                Some(Speaker::Connector(&back_channel_logout::BackChannelLogout))
            }
            vendor => self.vendors.connector(vendor).map(Speaker::Connector),
        }
    }

    /// Makes one attempt to tell a receiver of `kind`.
    pub(super) async fn send(
        &self,
        kind: SinkKind,
        http: &Http<'_>,
        parcel: &Parcel<'_>,
    ) -> Outcome {
        match self.of(kind) {
            Some(Speaker::Sink(sink)) => sink.send(http, parcel).await,
            Some(Speaker::Connector(connector)) => carry_out(connector, http, parcel).await,
            None => Outcome::NotReady,
        }
    }
}

/// Shows nothing of what it remembers.
impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sinks").finish_non_exhaustive()
    }
}

/// What is wrong with a new receiver of `kind`, in words for its administrator.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn check(
    kind: SinkKind,
    endpoint_url: &str,
    settings: &Value,
    secrets: Option<&SecretString>,
) -> Result<(), String> {
    let sinks = Sinks::default();
    let speaker =
        sinks.of(kind).ok_or_else(|| format!("`kind`: {} is not served", kind.as_str()))?;
    let secrets = Secrets::parse(secrets)?;
    match speaker {
        Speaker::Sink(sink) => sink.check(&Target { endpoint_url, settings, secrets: &secrets }),
        Speaker::Connector(connector) => {
            let (common, settings) = Common::split(settings)?;
            if common.disable && !connector.can_disable() {
                return Err(format!("`settings.disable`: {} has no such command", kind.as_str()));
            }
            connector.check(&Target { endpoint_url, settings: &settings, secrets: &secrets })
        }
    }
}
