//! What is said of a person although the account stays as it is.

use serde_json::json;

use super::{
    Cause, Draft, EventUri, Subject,
    mapping::{REVOKE, STATE, plain},
};

/// The event that ends a person's sessions and leaves the account alone, because
/// somebody asked for just that.
///
/// `reason` is for administrators and must not be empty (CAEP interoperability
/// profile §3.1).
pub fn session_revoked(subject: &Subject, cause: &Cause, reason: &str) -> Draft {
    let payload = json!({
        "event_timestamp": cause.occurred_at,
        "initiating_entity": cause.initiator.as_str(),
        "reason_admin": { "en": reason },
        "reason_user": { "en": "Your sessions were ended. Please log in again." },
    });
    Draft { payload, ..plain(REVOKE, EventUri::SessionRevoked, subject) }
}

/// The event that somebody else has a credential of the person's, of a type that
/// CAEP 1.0 §3.3.1 names (RISC 1.0).
pub fn credential_compromise(subject: &Subject, cause: &Cause, kind: &str, reason: &str) -> Draft {
    let payload = json!({
        "credential_type": kind,
        "event_timestamp": cause.occurred_at,
        "reason_admin": { "en": reason },
    });
    Draft { payload, ..plain(STATE, EventUri::CredentialCompromise, subject) }
}

/// The event that the person must change a credential (RISC 1.0).
pub fn credential_change_required(subject: &Subject) -> Draft {
    plain(STATE, EventUri::CredentialChangeRequired, subject)
}
