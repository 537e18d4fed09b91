//! What operators give and get: plain records, the same for people and programs.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::{
    event::{EventUri, GroupClaim, SubjectFormat, SubjectOptions},
    scim::{date_time, dialect::Dialect},
    store::DeliveryMethod,
    store::{
        ApplicationRow, ConnectionRow, CredentialRow, KeyState, NoticeRow, OutboxRow, ReceiverRow,
        SigningKeyRow, StreamRow, TenantRow,
    },
    tenant::{AllowedNetworks, ConnectionSettings, Scope},
};

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its name, as it stands in URLs: lower-case letters, digits and hyphens.
    pub name: String,
    /// `iss` of its people in event subjects, if they log in at their own
    /// identity provider; ours otherwise.
    pub subject_issuer: Option<String>,
    /// Name of the tenant that it belongs to.
    pub parent: Option<String>,
}

/// A tenant.
#[derive(Debug, Clone, Serialize)]
pub struct TenantRecord {
    /// Its name.
    pub name: String,
    /// `active`, `suspended` or `deleting`.
    pub state: &'static str,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
    /// `iss` of its people in event subjects.
    pub subject_issuer: Option<String>,
    /// Name of the tenant that it belongs to.
    pub parent: Option<String>,
}

impl From<TenantRow> for TenantRecord {
    fn from(row: TenantRow) -> Self {
        Self {
            name: row.name,
            state: row.state.as_str(),
            created_at: row.created_us,
            subject_issuer: row.subject_issuer,
            parent: row.parent,
        }
    }
}

/// A connection of a tenant's directory.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectionRecord {
    /// Its name.
    pub name: String,
    /// How its directory deviates from the RFCs.
    #[serde(serialize_with = "dialect")]
    pub dialect: Dialect,
    /// What is set for it.
    pub settings: ConnectionSettings,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

impl From<ConnectionRow> for ConnectionRecord {
    fn from(row: ConnectionRow) -> Self {
        let ConnectionRow { name, dialect, settings, created_us, .. } = row;
        Self { name, dialect, settings, created_at: created_us }
    }
}

/// An application that a tenant's people use.
#[derive(Debug, Clone, Serialize)]
pub struct ApplicationRecord {
    /// Its name.
    pub name: String,
    /// Ids of the groups whose members may use it.
    pub groups: Vec<String>,
    /// Whether sessions end there for who leaves one of the groups and stays in another.
    pub revoke_on_privilege_loss: bool,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

impl From<ApplicationRow> for ApplicationRecord {
    fn from(row: ApplicationRow) -> Self {
        let ApplicationRow { name, groups, revoke_on_privilege_loss, created_us, .. } = row;
        let groups = groups.iter().map(ToString::to_string).collect();
        Self { name, groups, revoke_on_privilege_loss, created_at: created_us }
    }
}

/// A line of a connection's log: what was not taken as it stands, how often and when.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeRecord {
    /// What was done, such as `unknown` for an attribute that was ignored.
    pub kind: String,
    /// Where: the path of an attribute, never its value.
    pub detail: String,
    /// How often.
    pub count: i64,
    /// When first, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub first_at: i64,
    /// When last, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub last_at: i64,
}

impl From<NoticeRow> for NoticeRecord {
    fn from(row: NoticeRow) -> Self {
        let NoticeRow { kind, detail, count, first_us, last_us } = row;
        Self { kind, detail, count, first_at: first_us, last_at: last_us }
    }
}

/// A token to be issued.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Name of the connection it is for.
    pub connection: String,
    /// Id of the user it speaks for; none for a directory's.
    pub user: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// From where alone it is good.
    pub networks: AllowedNetworks,
    /// How long it is valid.
    pub expires_in: Duration,
    /// What people call it.
    pub label: String,
}

/// A token as it is listed: never the token itself.
#[derive(Debug, Clone, Serialize)]
pub struct TokenRecord {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Name of the connection it is for.
    pub connection: Option<String>,
    /// Id of the user it speaks for, if it is a user's.
    pub user: Option<String>,
    /// From where alone it is good; anywhere if there are none.
    pub networks: Vec<String>,
    /// When it ends, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub expires_at: i64,
    /// When it was last used, to the minute.
    #[serde(serialize_with = "optional_date_time")]
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    #[serde(serialize_with = "optional_date_time")]
    pub revoked_at: Option<i64>,
}

impl From<CredentialRow> for TokenRecord {
    fn from(row: CredentialRow) -> Self {
        Self {
            id: row.id,
            label: row.label,
            scopes: row.scopes,
            connection: row.connection,
            user: row.subject.map(|id| id.to_string()),
            networks: row.networks.texts(),
            expires_at: row.expires_us,
            last_used_at: row.last_used_us,
            revoked_at: row.revoked_us,
        }
    }
}

/// A signing key, without its private half.
#[derive(Debug, Clone, Serialize)]
pub struct KeyRecord {
    /// Its name in tokens and in the key set.
    pub kid: String,
    /// `active`, `published` or `retired`.
    pub state: &'static str,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
    /// When a published one begins to sign.
    #[serde(serialize_with = "optional_date_time")]
    pub used_from: Option<i64>,
    /// When a retired one leaves the key set.
    #[serde(serialize_with = "optional_date_time")]
    pub kept_until: Option<i64>,
}

impl From<SigningKeyRow> for KeyRecord {
    fn from(row: SigningKeyRow) -> Self {
        Self {
            kid: row.kid,
            state: row.state.as_str(),
            created_at: row.created_us,
            used_from: row.due_us.filter(|_| row.state == KeyState::Published),
            kept_until: row.due_us.filter(|_| row.state == KeyState::Retired),
        }
    }
}

/// A token that was just issued; it can be read here and nowhere else.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// The token.
    pub token: SecretString,
    /// What is kept of it.
    pub record: TokenRecord,
}

/// A receiver to be made.
#[derive(Debug, Clone)]
pub struct NewReceiver {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// What its tokens may do.
    pub scopes: Vec<Scope>,
    /// How long without a sign of it until its polled streams are paused.
    pub inactivity_timeout: Option<Duration>,
}

/// A receiver as it is listed: never its secret.
#[derive(Debug, Clone, Serialize)]
pub struct ReceiverRecord {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its OAuth client id.
    pub client_id: String,
    /// What its tokens may do.
    pub scopes: Vec<Scope>,
    /// Seconds without a sign of it until its polled streams are paused.
    pub inactivity_timeout: Option<i64>,
    /// Streams that it has.
    pub streams: i64,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
    /// When it was revoked.
    #[serde(serialize_with = "optional_date_time")]
    pub revoked_at: Option<i64>,
}

impl From<ReceiverRow> for ReceiverRecord {
    fn from(row: ReceiverRow) -> Self {
        Self {
            id: row.id.0,
            name: row.name,
            client_id: row.id.to_string(),
            scopes: row.scopes,
            inactivity_timeout: row.inactivity_s,
            streams: row.streams,
            created_at: row.created_us,
            revoked_at: row.revoked_us,
        }
    }
}

/// A receiver that was just made; its secret can be read here and nowhere else.
#[derive(Debug, Clone)]
pub struct IssuedReceiver {
    /// What is kept of it.
    pub record: ReceiverRecord,
    /// Where it gets tokens.
    pub token_url: String,
    /// Its OAuth client secret.
    pub client_secret: SecretString,
}

/// A stream to be made.
#[derive(Debug, Clone)]
pub struct NewStream {
    /// What people call it.
    pub description: String,
    /// Where events are pushed; none if they are polled.
    pub push_url: Option<String>,
    /// The `Authorization` header that the receiver wants.
    pub authorization: Option<SecretString>,
    /// Types of events.
    pub events: Vec<EventUri>,
    /// How people are named.
    pub subject_format: SubjectFormat,
    /// `aud` of the events; made from the stream's id if there is none.
    pub audience: Option<String>,
    /// Name of the application that it is for; what happens to people at that
    /// application alone goes there too.
    pub application: Option<String>,
    /// How groups are named in `token-claims-change`.
    pub group_claim: GroupClaim,
    /// What else is set for how people are named.
    pub subjects: SubjectOptions,
}

/// A stream.
#[derive(Debug, Clone, Serialize)]
pub struct StreamRecord {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub description: String,
    /// `push` or `poll`.
    pub method: &'static str,
    /// Where events are pushed to, or polled at.
    pub endpoint_url: String,
    /// `aud` of the events.
    pub audience: String,
    /// Types of events.
    pub events: Vec<EventUri>,
    /// `enabled`, `paused` or `disabled`.
    pub status: &'static str,
    /// Name of the application that it is for.
    pub application: Option<String>,
    /// Why it is paused.
    pub reason: Option<String>,
    /// How the last attempt at the first event that waits failed.
    pub last_error: Option<String>,
    /// Events that wait.
    pub pending: i64,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

impl StreamRecord {
    pub(super) fn new(row: StreamRow, poll_url: String) -> Self {
        let stream = row.stream;
        let (method, endpoint_url) = match stream.method {
            DeliveryMethod::Push { endpoint_url } => ("push", endpoint_url),
            DeliveryMethod::Poll => ("poll", poll_url),
            DeliveryMethod::Sink { kind, endpoint_url } => (kind.as_str(), endpoint_url),
        };
        Self {
            id: stream.id.0,
            description: row.description,
            method,
            endpoint_url,
            audience: stream.audience,
            events: stream.events,
            status: stream.status.as_str(),
            application: row.application,
            reason: row.reason,
            last_error: row.last_error,
            pending: row.pending,
            created_at: row.created_us,
        }
    }
}

/// An event as it is listed: whom it is about by id, not by name.
#[derive(Debug, Clone, Serialize)]
pub struct EventRecord {
    /// Its place in the order of events.
    pub seq: i64,
    /// Name of the tenant.
    pub tenant: String,
    /// The transaction it belongs to.
    pub txn: String,
    /// Its type.
    pub event: EventUri,
    /// The resource, as its path below the SCIM base.
    pub resource: String,
    /// When it happened, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub occurred_at: i64,
}

impl EventRecord {
    /// The record of a row, unless the row is damaged.
    pub(super) fn read(row: OutboxRow) -> Option<Self> {
        let subject: crate::event::Subject = serde_json::from_str(&row.subject).ok()?;
        Some(Self {
            seq: row.seq,
            tenant: row.tenant_name,
            txn: row.txn,
            event: EventUri::parse(&row.uri)?,
            resource: format!("{}/{}", subject.endpoint, subject.id),
            occurred_at: row.occurred_us,
        })
    }
}

pub(super) fn date_time<S: Serializer>(
    microseconds: &i64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date_time::format(*microseconds))
}

pub(super) fn optional_date_time<S: Serializer>(
    microseconds: &Option<i64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match microseconds {
        Some(microseconds) => date_time(microseconds, serializer),
        None => serializer.serialize_none(),
    }
}

fn dialect<S: Serializer>(dialect: &Dialect, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(dialect.as_str())
}
