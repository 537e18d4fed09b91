//! The event types that are sent, by URI.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! caep {
    ($name:literal) => {
        concat!("https://schemas.openid.net/secevent/caep/event-type/", $name)
    };
}
macro_rules! risc {
    ($name:literal) => {
        concat!("https://schemas.openid.net/secevent/risc/event-type/", $name)
    };
}
macro_rules! ssf {
    ($name:literal) => {
        concat!("https://schemas.openid.net/secevent/ssf/event-type/", $name)
    };
}
macro_rules! scim {
    ($name:literal) => {
        concat!("urn:ietf:params:scim:event:", $name)
    };
}

/// How the drafts of RFC 9967 spelt the prefix of its URIs.
const DRAFT_PREFIX: &str = "urn:ietf:params:SCIM:event:";
/// How RFC 9967 §2.4 spells it.
const PREFIX: &str = scim!("");

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventUri {
    /// Every session of the subject was ended (CAEP 1.0 §3.1).
    SessionRevoked,
    /// The subject may no longer log in (RISC 1.0).
    AccountDisabled,
    /// The subject may log in again (RISC 1.0).
    AccountEnabled,
    /// The account is gone for good (RISC 1.0).
    AccountPurged,
    /// Claims of tokens have new values (CAEP 1.0 §3.2).
    TokenClaimsChange,
    /// A credential was made, changed or taken away (CAEP 1.0 §3.3).
    CredentialChange,
    /// An address of the subject was replaced by another (RISC 1.0).
    IdentifierChanged,
    /// An address that was somebody else's is the subject's now (RISC 1.0).
    IdentifierRecycled,
    /// What an account is recovered with changed (RISC 1.0).
    RecoveryInformationChanged,
    /// Somebody else has a credential of the subject (RISC 1.0); an operator says so.
    CredentialCompromise,
    /// The subject must change a credential (RISC 1.0); an operator says so.
    CredentialChangeRequired,
    /// A resource is told of from now on (RFC 9967 §2.3.1).
    FeedAdd,
    /// A resource is told of no longer, though it is still there (RFC 9967 §2.3.2).
    FeedRemove,
    /// A resource was created; names its attributes (RFC 9967 §2.4.1).
    ProvCreateNotice,
    /// A resource was created; has all of it (RFC 9967 §2.4.1).
    ProvCreateFull,
    /// A resource was patched; names the attributes (RFC 9967 §2.4.2).
    ProvPatchNotice,
    /// A resource was patched; has the values (RFC 9967 §2.4.2).
    ProvPatchFull,
    /// A resource was replaced; names the attributes (RFC 9967 §2.4.3).
    ProvPutNotice,
    /// A resource was replaced; has all of it (RFC 9967 §2.4.3).
    ProvPutFull,
    /// A resource was deleted (RFC 9967 §2.4.4).
    ProvDelete,
    /// A resource became active (RFC 9967 §2.4.5).
    ProvActivate,
    /// A resource became inactive (RFC 9967 §2.4.6).
    ProvDeactivate,
    /// A request that was accepted to be done later is done (RFC 9967 §2.5.1.3).
    AsyncResponse,
    /// A receiver has not confirmed for five minutes that sessions ended: an event of
    /// our own, for those who look after receivers.
    RevocationOverdue,
    /// More people were to be deprovisioned than the tenant lets go in a time, and the
    /// rest is held: an event of our own, for those who decide.
    DeprovisioningHeld,
    /// A test of the stream (SSF 1.0 §8.1.4).
    Verification,
    /// The stream's status changed (SSF 1.0 §8.1.5).
    StreamUpdated,
}

impl EventUri {
    /// Every type.
    pub const ALL: [Self; 27] = [
        Self::SessionRevoked,
        Self::AccountDisabled,
        Self::AccountEnabled,
        Self::AccountPurged,
        Self::TokenClaimsChange,
        Self::CredentialChange,
        Self::IdentifierChanged,
        Self::IdentifierRecycled,
        Self::RecoveryInformationChanged,
        Self::CredentialCompromise,
        Self::CredentialChangeRequired,
        Self::FeedAdd,
        Self::FeedRemove,
        Self::ProvCreateNotice,
        Self::ProvCreateFull,
        Self::ProvPatchNotice,
        Self::ProvPatchFull,
        Self::ProvPutNotice,
        Self::ProvPutFull,
        Self::ProvDelete,
        Self::ProvActivate,
        Self::ProvDeactivate,
        Self::AsyncResponse,
        Self::RevocationOverdue,
        Self::DeprovisioningHeld,
        Self::Verification,
        Self::StreamUpdated,
    ];

    /// The URI, as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionRevoked => caep!("session-revoked"),
            Self::TokenClaimsChange => caep!("token-claims-change"),
            Self::CredentialChange => caep!("credential-change"),
            Self::AccountDisabled => risc!("account-disabled"),
            Self::AccountEnabled => risc!("account-enabled"),
            Self::AccountPurged => risc!("account-purged"),
            Self::IdentifierChanged => risc!("identifier-changed"),
            Self::IdentifierRecycled => risc!("identifier-recycled"),
            Self::RecoveryInformationChanged => risc!("recovery-information-changed"),
            Self::CredentialCompromise => risc!("credential-compromise"),
            Self::CredentialChangeRequired => risc!("account-credential-change-required"),
            Self::FeedAdd => scim!("feed:add"),
            Self::FeedRemove => scim!("feed:remove"),
            Self::ProvCreateNotice => scim!("prov:create:notice"),
            Self::ProvCreateFull => scim!("prov:create:full"),
            Self::ProvPatchNotice => scim!("prov:patch:notice"),
            Self::ProvPatchFull => scim!("prov:patch:full"),
            Self::ProvPutNotice => scim!("prov:put:notice"),
            Self::ProvPutFull => scim!("prov:put:full"),
            Self::ProvDelete => scim!("prov:delete"),
            Self::ProvActivate => scim!("prov:activate"),
            Self::ProvDeactivate => scim!("prov:deactivate"),
            Self::AsyncResponse => scim!("misc:asyncresp"),
            Self::RevocationOverdue => "urn:x-muster:event:revocation-overdue",
            Self::DeprovisioningHeld => "urn:x-muster:event:deprovisioning-held",
            Self::Verification => ssf!("verification"),
            Self::StreamUpdated => ssf!("stream-updated"),
        }
    }

    /// The type with this URI, if it is one of ours.
    ///
    /// Also understands the spelling of the drafts of RFC 9967, which receivers
    /// of that time still ask for; it is never sent.
    pub fn parse(uri: &str) -> Option<Self> {
        let known = |uri: &str| Self::ALL.into_iter().find(|event| event.as_str() == uri);
        match uri.strip_prefix(DRAFT_PREFIX) {
            Some(rest) => known(&format!("{PREFIX}{rest}")),
            None => known(uri),
        }
    }

    /// Whether it is a CAEP or RISC event.
    pub fn is_security(self) -> bool {
        self.is_caep() || self.is_risc()
    }

    /// Whether CAEP 1.0 defines it.
    pub fn is_caep(self) -> bool {
        self.as_str().starts_with(caep!(""))
    }

    /// Whether RISC 1.0 defines it.
    pub fn is_risc(self) -> bool {
        self.as_str().starts_with(risc!(""))
    }

    /// Whether it takes access away from its subject.
    pub const fn is_revocation(self) -> bool {
        matches!(self, Self::SessionRevoked | Self::AccountDisabled | Self::AccountPurged)
    }

    /// Whether it has the values of a resource (RFC 9967 §2.4): sent for tenants
    /// that chose so, and to nobody otherwise.
    pub fn is_full(self) -> bool {
        matches!(self, Self::ProvCreateFull | Self::ProvPatchFull | Self::ProvPutFull)
    }

    /// The types that a stream can ask for, with those that have the values of a
    /// resource if the tenant sends them.
    pub fn offered(full: bool) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |uri| !uri.is_operational() && (full || !uri.is_full()))
    }

    /// Whether it is about the stream itself and waits for no other event
    /// (SSF 1.0 §8.1.4, §8.1.5).
    pub fn is_operational(self) -> bool {
        matches!(self, Self::Verification | Self::StreamUpdated)
    }

    /// Whether RFC 9967 defines it, so that its subject has the format `scim`.
    pub fn is_provisioning(self) -> bool {
        self.as_str().starts_with(PREFIX)
    }
}

impl fmt::Display for EventUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let uri = String::deserialize(deserializer)?;
        Self::parse(&uri).ok_or_else(|| de::Error::custom("unknown event URI"))
    }
}
