//! Sessions that are ended although the account stays as it is.

use serde_json::json;

use super::{Cause, Draft, EventUri, Subject, mapping::REVOKE};

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
    Draft { ord: REVOKE, uri: EventUri::SessionRevoked, payload, subject: subject.clone() }
}
