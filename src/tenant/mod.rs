//! Tenants, and who is calling: ids, scopes, tokens and the [`Caller`].
//!
//! A token is 256 random bits behind a prefix that secret scanners can find; the
//! service keeps its SHA-256 only. Which tenant a request acts for comes from the
//! credential, never from what the client writes.

mod administration;
mod brake;
mod keys;
mod limits;
mod networks;
pub mod receiver_url;
mod settings;
mod token;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    event::EventSettings,
    scim::{dialect::Dialect, resource::ResourceId, schema::Registry},
};

pub use administration::{Right, Role};
pub use brake::{ALWAYS, BrakeSettings, LONGEST_WINDOW};
pub use keys::KeyTimes;
pub use limits::TenantLimits;
pub use networks::AllowedNetworks;
pub use settings::{ConnectionSettings, MediaType, PatchResponse, Settings, SettingsError};
pub use token::{Token, TokenHash, TokenKind};

/// A tenant's number in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(i64);

impl TenantId {
    /// The tenant with that number.
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event stream's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub Uuid);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a receiver, which is its OAuth client's too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReceiverId(pub Uuid);

impl fmt::Display for ReceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A right that a token carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Read resources over SCIM.
    #[serde(rename = "scim.read")]
    Read,
    /// Change resources over SCIM.
    #[serde(rename = "scim.write")]
    Write,
    /// Read and change users over SCIM, and nothing else of it.
    #[serde(rename = "scim.users")]
    Users,
    /// Read and change groups over SCIM, and nothing else of it.
    #[serde(rename = "scim.groups")]
    Groups,
    /// Read the fence: whose tokens are not to be taken any more.
    #[serde(rename = "fence.read")]
    Fence,
    /// Ask whether people may sign in, and with which roles.
    #[serde(rename = "access.read")]
    Access,
    /// End people's sessions.
    #[serde(rename = "sessions.revoke")]
    Revoke,
    /// Poll event streams.
    #[serde(rename = "ssf.poll")]
    Poll,
    /// See the configuration and status of a receiver's streams, and poll them.
    #[serde(rename = "ssf.read")]
    SsfRead,
    /// Do everything with a receiver's streams.
    #[serde(rename = "ssf.manage")]
    SsfManage,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Write,
        Self::Users,
        Self::Groups,
        Self::Poll,
        Self::Fence,
        Self::Access,
        Self::Revoke,
        Self::SsfRead,
        Self::SsfManage,
    ];

    /// Those that a connection's token may carry.
    pub const OF_CONNECTIONS: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Users,
        Self::Groups,
        Self::Poll,
        Self::Fence,
        Self::Access,
        Self::Revoke,
    ];

    /// Those that a receiver's token may carry (CAEP Interoperability Profile 1.0 §2.7).
    pub const OF_RECEIVERS: [Self; 3] = [Self::SsfRead, Self::SsfManage, Self::Poll];

    /// The scope's name in tokens, settings and challenges.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "scim.read",
            Self::Write => "scim.write",
            Self::Users => "scim.users",
            Self::Groups => "scim.groups",
            Self::Poll => "ssf.poll",
            Self::Fence => "fence.read",
            Self::Access => "access.read",
            Self::Revoke => "sessions.revoke",
            Self::SsfRead => "ssf.read",
            Self::SsfManage => "ssf.manage",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// The scopes of a list separated by spaces; unknown names give no right.
    pub fn parse_list(list: &str) -> Vec<Self> {
        list.split(' ').filter_map(Self::parse).collect()
    }

    /// `scopes` as a list separated by spaces.
    pub fn list(scopes: &[Self]) -> String {
        scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom a request acts for, as its credential says.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant whose data the request may touch.
    pub tenant: TenantId,
    /// The tenant's name, as it stands in URLs.
    pub tenant_name: Arc<str>,
    /// The credential's id, for the audit trail.
    pub credential: Uuid,
    /// The connection that the credential is for.
    pub connection: Uuid,
    /// How the connection's directory deviates from the RFCs.
    pub dialect: Dialect,
    /// What the operator set for the connection.
    pub settings: Arc<ConnectionSettings>,
    /// What the operator set for the tenant's events.
    pub events: Arc<EventSettings>,
    /// The tenant's schemas and resource types, as they were when the request came:
    /// all of it is judged by one version.
    pub registry: Arc<Registry>,
    /// What the credential may do.
    pub scopes: Arc<[Scope]>,
    /// When the credential ends, in microseconds since 1970.
    pub expires_us: i64,
    /// From where alone the credential is good.
    pub networks: AllowedNetworks,
    /// How much the tenant may ask for.
    pub limits: TenantLimits,
    /// The user that the credential speaks for; none if it is the directory's.
    pub subject: Option<ResourceId>,
    /// The operator who acts in the place of a directory, as the record names them.
    pub operator: Option<Arc<str>>,
}

impl Caller {
    /// Whether its credential carries a right over SCIM, if only on some types.
    pub fn may_somewhere(&self, scope: Scope) -> bool {
        [scope, Scope::Users, Scope::Groups].into_iter().any(|scope| self.may(scope))
    }

    /// Who it is, as the record names them.
    pub fn actor(&self) -> String {
        match &self.operator {
            Some(operator) => operator.to_string(),
            None => format!("token:{}", self.credential),
        }
    }

    /// Whether a group's `displayName` is unique: as it is set, or as the dialect has it.
    pub fn unique_group_names(&self) -> bool {
        self.settings.unique_group_names.unwrap_or(self.dialect.leniency().unique_group_names)
    }

    /// Whether the credential carries `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Whom a request for events acts for: a receiver with streams of its own, or
/// who reads the streams that the operator made.
#[derive(Debug, Clone)]
pub struct EventCaller {
    /// The tenant whose events the request may touch.
    pub tenant: TenantId,
    /// The tenant's name, as it stands in URLs.
    pub tenant_name: Arc<str>,
    /// The credential's id.
    pub credential: Uuid,
    /// The receiver; none for a connection's token.
    pub receiver: Option<ReceiverId>,
    /// What the credential may do.
    pub scopes: Arc<[Scope]>,
    /// When the credential ends, in microseconds since 1970.
    pub expires_us: i64,
    /// From where alone the credential is good.
    pub networks: AllowedNetworks,
}

impl EventCaller {
    /// Whether the credential carries one of `scopes`.
    pub fn may_any(&self, scopes: &[Scope]) -> bool {
        scopes.iter().any(|scope| self.scopes.contains(scope))
    }
}

/// Whether `name` can name a tenant or connection: it stands in URLs.
///
/// 1 to 63 lower-case letters, digits and hyphens, a letter or digit first and last.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && bytes.first().copied().is_some_and(plain)
        && bytes.last().copied().is_some_and(plain)
        && bytes.iter().all(|&byte| plain(byte) || byte == b'-')
}
