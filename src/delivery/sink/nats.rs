//! NATS JetStream: CloudEvents on a bus.
//!
//! An event is published under `{prefix}.{tenant}.{type}`, such as
//! `muster.acme.scim.user.deactivated`, and is delivered when a stream of the
//! server has acknowledged it. Its id is the message's `Nats-Msg-Id`, so that the
//! stream keeps one of several copies.

use std::{sync::Arc, time::Duration};

use async_nats::{
    ConnectError, ConnectErrorKind, ConnectOptions,
    connection::State,
    jetstream::{
        context::{Context, PublishError, PublishErrorKind},
        message::PublishMessage,
    },
};
use async_trait::async_trait;
use aws_lc_rs::digest;
use moka::future::Cache;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    Parcel, Sink,
    cloud_events::event,
    http::Http,
    settings::{Secrets, Target, read},
    webhook::{check_types, message, refused, wanted},
};
use crate::{
    delivery::{Outcome, OutgoingClient, OutgoingError, Refusal, Remedy},
    tenant::StreamId,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the acknowledgement of an event.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: u64 = 1_000;
const MAX_IDLE: Duration = Duration::from_mins(10);
const MAX_PREFIX: usize = 100;
const CONTENT_TYPE: &str = "application/cloudevents+json";

/// Servers of NATS, with the connections to them.
pub(super) struct Nats {
    connections: Cache<Key, Context>,
}

impl Default for Nats {
    fn default() -> Self {
        let connections = Cache::builder().max_capacity(MAX_CONNECTIONS).time_to_idle(MAX_IDLE);
        Self { connections: connections.build() }
    }
}

/// One receiver at one server with one set of secrets, which are only hashed.
type Key = (StreamId, String, Vec<u8>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What it is told; everything if it does not say.
    types: Option<Vec<String>>,
    /// What subjects begin with.
    #[serde(default = "usual_prefix")]
    subject_prefix: String,
}

fn usual_prefix() -> String {
    "muster".to_owned()
}

/// How we prove who we are to the server.
enum Login<'a> {
    Nobody,
    Token(&'a str),
    Password { user: &'a str, password: &'a str },
}

#[async_trait]
impl Sink for Nats {
    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        let settings = read::<Settings>(target.settings)?;
        if !is_prefix(&settings.subject_prefix) {
            return Err("`settings.subject_prefix`: expected names of letters, digits, `-` and \
                        `_` with dots between them, at most 100 characters"
                .to_owned());
        }
        target.secrets.check(&[], &["token", "user", "password"])?;
        Login::of(target.secrets)?;
        check_types(settings.types.as_deref())
    }

    async fn send(&self, http: &Http<'_>, parcel: &Parcel<'_>) -> Outcome {
        let Ok(settings) = read::<Settings>(&parcel.claim.stream.settings) else {
            return Outcome::NotReady;
        };
        let message = message(parcel);
        let Some(webhook_type) = wanted(&message, settings.types.as_deref()) else {
            return Outcome::Skipped;
        };
        let event = event(&message, parcel, webhook_type).to_string();
        let (prefix, tenant) = (&settings.subject_prefix, message.tenant);
        let subject = format!("{prefix}.{tenant}.{}", webhook_type.as_str());
        let publish = PublishMessage::build()
            .header("Content-Type", CONTENT_TYPE)
            .message_id(parcel.jti)
            .payload(event.into());
        // What is only noted would be a request, and there is none.
        let Some(client) = http.client() else { return Outcome::Skipped };
        match self.connection(client, parcel).await {
            Ok(context) => self.publish(&context, subject, publish, parcel).await,
            Err(outcome) => (*outcome).clone(),
        }
    }
}

impl Nats {
    /// The connection to the receiver's server; one that broke is made anew, so that
    /// the server's address is checked again.
    async fn connection(
        &self,
        client: &OutgoingClient,
        parcel: &Parcel<'_>,
    ) -> Result<Context, Arc<Outcome>> {
        let key = key(parcel);
        if let Some(context) = self.connections.get(&key).await {
            if context.client().connection_state() == State::Connected {
                return Ok(context);
            }
            self.connections.invalidate(&key).await;
        }
        self.connections.try_get_with(key, connect(client, parcel)).await
    }

    async fn publish(
        &self,
        context: &Context,
        subject: String,
        publish: PublishMessage,
        parcel: &Parcel<'_>,
    ) -> Outcome {
        let acknowledged = async { context.send_publish(subject, publish).await?.await };
        match timeout(ACK_TIMEOUT, acknowledged).await {
            Ok(Ok(_)) => Outcome::Taken,
            Ok(Err(error)) => {
                self.forget_broken(&error, parcel).await;
                not_taken(&error)
            }
            Err(_) => {
                self.connections.invalidate(&key(parcel)).await;
                Outcome::Failed(OutgoingError::Timeout)
            }
        }
    }

    /// An answer, though a bad one, shows that the connection is good.
    async fn forget_broken(&self, error: &PublishError, parcel: &Parcel<'_>) {
        if matches!(error.kind(), PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe) {
            self.connections.invalidate(&key(parcel)).await;
        }
    }
}

fn key(parcel: &Parcel<'_>) -> Key {
    let secrets = parcel.secrets.map(ExposeSecret::expose_secret).unwrap_or_default();
    let hash = digest::digest(&digest::SHA256, secrets.as_bytes()).as_ref().to_vec();
    (parcel.claim.stream.id, parcel.endpoint_url.to_owned(), hash)
}

async fn connect(client: &OutgoingClient, parcel: &Parcel<'_>) -> Result<Context, Outcome> {
    let secrets = Secrets::parse(parcel.secrets).map_err(|_| Outcome::NotReady)?;
    let login = Login::of(&secrets).map_err(|_| Outcome::NotReady)?;
    let url = client.bus(parcel.endpoint_url).await.map_err(Outcome::Failed)?;
    let options = login
        .options()
        .name("muster")
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(ACK_TIMEOUT))
        // The server would send us wherever it likes.
        .ignore_discovered_servers()
        // A connection that breaks is made anew by us.
        .max_reconnects(1);
    let connected = timeout(2 * CONNECT_TIMEOUT, options.connect(url.as_str())).await;
    match connected.map_err(|_| Outcome::Failed(OutgoingError::Timeout))? {
        Ok(client) => Ok(async_nats::jetstream::new(client)),
        Err(error) => Err(not_connected(&error)),
    }
}

fn not_connected(error: &ConnectError) -> Outcome {
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            let reason = "the server refuses our credentials".to_owned();
            Outcome::Refused(Refusal { status: None, remedy: Remedy::Credentials, reason })
        }
        ConnectErrorKind::TimedOut => Outcome::Failed(OutgoingError::Timeout),
        _ => Outcome::Failed(OutgoingError::Connect),
    }
}

fn not_taken(error: &PublishError) -> Outcome {
    match error.kind() {
        PublishErrorKind::StreamNotFound => refused("no stream of the server takes the subject"),
        PublishErrorKind::MaxPayloadExceeded => Outcome::Refused(Refusal {
            status: None,
            remedy: Remedy::Nothing,
            reason: "larger than the server takes".to_owned(),
        }),
        PublishErrorKind::TimedOut => Outcome::Failed(OutgoingError::Timeout),
        PublishErrorKind::BrokenPipe => Outcome::Failed(OutgoingError::Broken),
        _ => refused("the server did not take the event"),
    }
}

impl<'a> Login<'a> {
    /// Reads the one way that the secrets are for.
    fn of(secrets: &'a Secrets) -> Result<Self, String> {
        match (secrets.get("token"), secrets.get("user"), secrets.get("password")) {
            (None, None, None) => Ok(Self::Nobody),
            (Some(token), None, None) => Ok(Self::Token(token)),
            (None, Some(user), Some(password)) => Ok(Self::Password { user, password }),
            _ => Err("`secrets`: expected nothing, `token`, or `user` and `password`".to_owned()),
        }
    }

    fn options(&self) -> ConnectOptions {
        let options = ConnectOptions::new();
        match self {
            Self::Nobody => options,
            Self::Token(token) => options.token((*token).to_owned()),
            Self::Password { user, password } => {
                options.user_and_password((*user).to_owned(), (*password).to_owned())
            }
        }
    }
}

/// Whether subjects may begin so: nothing in it is special to the server.
fn is_prefix(text: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    text.len() <= MAX_PREFIX
        && !text.starts_with("_INBOX")
        && text.split('.').all(|name| !name.is_empty() && name.chars().all(is_plain))
}
