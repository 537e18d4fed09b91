//! The event types that are sent, by URI.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How the drafts of RFC 9967 spelt the prefix of its URIs.
const DRAFT_PREFIX: &str = "urn:ietf:params:SCIM:event:";
/// How RFC 9967 §2.4 spells it.
const PREFIX: &str = "urn:ietf:params:scim:event:";

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
    /// A resource was created; names its attributes (RFC 9967 §2.4.1).
    ProvCreateNotice,
    /// A resource was patched; names the attributes (RFC 9967 §2.4.2).
    ProvPatchNotice,
    /// A resource was replaced; names the attributes (RFC 9967 §2.4.3).
    ProvPutNotice,
    /// A resource was deleted (RFC 9967 §2.4.4).
    ProvDelete,
    /// A resource became active (RFC 9967 §2.4.5).
    ProvActivate,
    /// A resource became inactive (RFC 9967 §2.4.6).
    ProvDeactivate,
    /// A request that was accepted to be done later is done (RFC 9967 §2.5.1.3).
    AsyncResponse,
    /// A test of the stream (SSF 1.0 §8.1.4).
    Verification,
    /// The stream's status changed (SSF 1.0 §8.1.5).
    StreamUpdated,
}

impl EventUri {
    /// Every type.
    pub const ALL: [Self; 13] = [
        Self::SessionRevoked,
        Self::AccountDisabled,
        Self::AccountEnabled,
        Self::AccountPurged,
        Self::ProvCreateNotice,
        Self::ProvPatchNotice,
        Self::ProvPutNotice,
        Self::ProvDelete,
        Self::ProvActivate,
        Self::ProvDeactivate,
        Self::AsyncResponse,
        Self::Verification,
        Self::StreamUpdated,
    ];

    /// The URI, as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionRevoked => {
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
            }
            Self::AccountDisabled => {
                "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
            }
            Self::AccountEnabled => {
                "https://schemas.openid.net/secevent/risc/event-type/account-enabled"
            }
            Self::AccountPurged => {
                "https://schemas.openid.net/secevent/risc/event-type/account-purged"
            }
            Self::ProvCreateNotice => "urn:ietf:params:scim:event:prov:create:notice",
            Self::ProvPatchNotice => "urn:ietf:params:scim:event:prov:patch:notice",
            Self::ProvPutNotice => "urn:ietf:params:scim:event:prov:put:notice",
            Self::ProvDelete => "urn:ietf:params:scim:event:prov:delete",
            Self::ProvActivate => "urn:ietf:params:scim:event:prov:activate",
            Self::ProvDeactivate => "urn:ietf:params:scim:event:prov:deactivate",
            Self::AsyncResponse => "urn:ietf:params:scim:event:misc:asyncresp",
            Self::Verification => "https://schemas.openid.net/secevent/ssf/event-type/verification",
            Self::StreamUpdated => {
                "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
            }
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
        matches!(
            self,
            Self::SessionRevoked
                | Self::AccountDisabled
                | Self::AccountEnabled
                | Self::AccountPurged
        )
    }

    /// Whether it takes access away from its subject.
    pub fn is_revocation(self) -> bool {
        matches!(self, Self::SessionRevoked | Self::AccountDisabled | Self::AccountPurged)
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
