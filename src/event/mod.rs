//! Security events: what a change means to those who must hear of it.
//!
//! A [`Change`] of a user or group becomes [`Draft`]s (by [`events`]); a draft
//! that goes to one stream becomes a security event token, a *Set*
//! ([`SetClaims`], RFC 8417), signed with the tenant's [`SigningKey`].
//! [`receive`] has the checks that a receiver makes.
//!
//! Everything here is a pure function of its arguments: no clock, no random
//! source, no input or output. That is why a retry can make the same token
//! again, byte for byte.

mod access;
pub mod fence;
mod interest;
mod mapping;
mod naming;
mod profile;
pub mod receive;
mod revocation;
mod set;
mod settings;
mod sign;
mod signed_token;
mod sink;
mod subject;
mod uri;
pub mod webhook;

#[cfg(test)]
mod tests;

pub use access::{AccessChange, CLAIMED_GROUPS, GroupClaim, access_events, claims_event};
pub use interest::{Known, NamedSubject};
pub use mapping::{
    Cause, Change, Draft, Initiator, Update, details, events, full, is_suspended, recycled,
    value_at,
};
pub use naming::{ComplexMember, EmailSource, Naming, SubSource, SubjectOptions};
pub use profile::Profile;
pub use revocation::{credential_change_required, credential_compromise, session_revoked};
pub use set::{SetClaims, jti};
pub use settings::EventSettings;
pub use sign::{SignError, SigningKey};
pub use signed_token::{RefusedToken, SignedToken, TokenTerms, verify_token};
pub use sink::{Kills, SinkKind};
pub use subject::{Subject, SubjectFormat};
pub use uri::EventUri;
