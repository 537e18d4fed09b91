//! Which change makes which events, and in what order.
//!
//! What counts is the difference between the committed states, not what the
//! request said: a PATCH that sets `active` to what it was tells nobody to end
//! sessions.
//!
//! | change | events, in order |
//! | --- | --- |
//! | user created, active | `prov:create:notice`, `prov:activate` |
//! | user created, inactive | `prov:create:notice` |
//! | user patched or replaced | `prov:patch:notice` or `prov:put:notice` |
//! | … and no longer active | `account-disabled`, `session-revoked`, `prov:deactivate` before it |
//! | … and active again | `account-enabled`, `prov:activate` before it |
//! | active user deleted | `account-disabled`, `session-revoked`, `account-purged`, `prov:delete` |
//! | inactive user deleted | `account-purged`, `prov:delete` |
//! | anything else created, patched, replaced, deleted | the `prov` event alone |
//!
//! Login is blocked before sessions are ended, and sessions are ended before the
//! account is purged: the other way round, a receiver with a login of its own
//! could open a session between two Sets, and one that purges first could not
//! find the user whose sessions it must end.
//!
//! What [`mod@details`] adds for a user's names, credentials and claims has its
//! place among these: sessions end before anything but the block of login, and
//! claims come last.

mod details;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::{EventSettings, EventUri, Subject};

pub use details::{Update, details, recycled, value_at};

/// What happened to a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was created with these attributes.
    Created {
        /// The attributes that have a value.
        attributes: Vec<String>,
        /// The first version, as in the `ETag`.
        version: String,
    },
    /// A PATCH changed these attributes.
    Patched {
        /// The paths that changed (RFC 7644, rule `PATH`).
        attributes: Vec<String>,
        /// The new version, as in the `ETag`.
        version: String,
    },
    /// A PUT changed these attributes.
    Replaced {
        /// The attributes that changed.
        attributes: Vec<String>,
        /// The new version, as in the `ETag`.
        version: String,
    },
    /// It was deleted.
    Deleted,
}

/// Who is behind a change (CAEP 1.0 §2, `initiating_entity`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initiator {
    /// The partner's directory, or an administrator.
    Admin,
    /// The person.
    User,
    /// A rule of the tenant, such as a date of leaving.
    Policy,
    /// This service itself.
    System,
}

impl Initiator {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Policy => "policy",
            Self::System => "system",
        }
    }

    /// How a reason for administrators begins.
    fn in_words(self) -> &'static str {
        match self {
            Self::Admin => "The directory",
            Self::User => "The user",
            Self::Policy => "A rule of the tenant",
            Self::System => "The provisioning service",
        }
    }
}

/// When a change was made, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// When, in whole seconds since 1970.
    pub occurred_at: i64,
    /// By whom.
    pub initiator: Initiator,
}

/// An event, before it is known which streams it goes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its place among the events of the change; lower ones are sent first.
    pub ord: i16,
    /// Its type.
    pub uri: EventUri,
    /// What the type says beyond its subject; always an object.
    pub payload: Value,
    /// Whom it is about, under the names that receivers know them by.
    pub subject: Subject,
    /// If there is one, only receivers for whom this is another name than that of
    /// `subject` get the event.
    pub renamed_to: Option<Subject>,
}

// Places in the order of a transaction. What lies between and around them
// (commands to session stores, webhooks, audit) is no event of a stream.
pub(super) const DISABLE: i16 = 2;
pub(super) const REVOKE: i16 = 3;
pub(super) const STATE: i16 = 4;
const NOTICE: i16 = 5;
/// A new user is announced before it is activated.
const FIRST_ACTIVATION: i16 = 6;
const CLAIMS: i16 = 6;

/// The events of a change, in the order in which a receiver must get them.
///
/// `before` and `after` are the resource as it was and as it is; a created one
/// has no `before`, a deleted one no `after`.
pub fn events(
    change: &Change,
    before: Option<&Subject>,
    after: Option<&Subject>,
    cause: &Cause,
) -> Vec<Draft> {
    match (change, before, after) {
        (Change::Created { attributes, version }, _, Some(after)) => {
            created(after, notice(attributes, version))
        }
        (Change::Patched { attributes, version }, Some(before), Some(after)) => {
            let plain = plain(NOTICE, EventUri::ProvPatchNotice, after);
            let draft = Draft { payload: notice(attributes, version), ..plain };
            modified(before, after, cause, "set active to false (SCIM PATCH)", draft)
        }
        (Change::Replaced { attributes, version }, Some(before), Some(after)) => {
            let plain = plain(NOTICE, EventUri::ProvPutNotice, after);
            let draft = Draft { payload: notice(attributes, version), ..plain };
            modified(before, after, cause, "set active to false (SCIM PUT)", draft)
        }
        (Change::Deleted, Some(before), _) => deleted(before, cause),
        // A change without the states it lies between tells nothing.
        (Change::Created { .. }, _, None)
        | (Change::Patched { .. } | Change::Replaced { .. }, _, _)
        | (Change::Deleted, None, _) => Vec::new(),
    }
}

fn created(after: &Subject, payload: Value) -> Vec<Draft> {
    let plain_notice = plain(NOTICE, EventUri::ProvCreateNotice, after);
    let mut drafts = vec![Draft { payload, ..plain_notice }];
    if after.is_user() && after.active {
        drafts.push(plain(FIRST_ACTIVATION, EventUri::ProvActivate, after));
    }
    drafts
}

/// The events of a PATCH or PUT whose own event is `draft`.
fn modified(
    before: &Subject,
    after: &Subject,
    cause: &Cause,
    what: &str,
    draft: Draft,
) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if after.is_user() {
        match (before.active, after.active) {
            (true, false) => {
                drafts.extend(disabled(&before.or_known_as(Some(after)), cause, what));
                drafts.push(plain(STATE, EventUri::ProvDeactivate, after));
            }
            (false, true) => {
                drafts.push(plain(DISABLE, EventUri::AccountEnabled, after));
                drafts.push(plain(STATE, EventUri::ProvActivate, after));
            }
            (true, true) | (false, false) => (),
        }
    }
    drafts.push(draft);
    drafts
}

fn deleted(before: &Subject, cause: &Cause) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if before.is_user() {
        if before.active {
            drafts.extend(disabled(before, cause, "deleted the user (SCIM DELETE)"));
        }
        drafts.push(plain(STATE, EventUri::AccountPurged, before));
    }
    drafts.push(plain(NOTICE, EventUri::ProvDelete, before));
    drafts
}

/// Blocks login, then ends the sessions.
///
/// The subject goes by its old names: a directory that renames a leaver in the
/// same request must not hide them from those who know the old name.
fn disabled(known_as: &Subject, cause: &Cause, what: &str) -> [Draft; 2] {
    let reason = json!({ "en": "Your organisation ended your access." });
    let payload = with(common(cause, what), "reason_user", reason);
    [
        // RISC's `reason` stays out: it knows hijacking and bulk accounts, and
        // someone who leaves is neither.
        plain(DISABLE, EventUri::AccountDisabled, known_as),
        Draft { payload, ..plain(REVOKE, EventUri::SessionRevoked, known_as) },
    ]
}

/// What every CAEP event says: when, by whom, and why (CAEP 1.0 §2).
fn common(cause: &Cause, what: &str) -> Value {
    json!({
        "event_timestamp": cause.occurred_at,
        "initiating_entity": cause.initiator.as_str(),
        "reason_admin": { "en": format!("{} {what}", cause.initiator.in_words()) },
    })
}

/// A payload with one more member.
fn with(mut payload: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Value::Object(members) = &mut payload {
        members.insert(name.to_owned(), value.into());
    }
    payload
}

/// An event that says nothing beyond its subject.
pub(super) fn plain(ord: i16, uri: EventUri, subject: &Subject) -> Draft {
    Draft { ord, uri, payload: json!({}), subject: subject.clone(), renamed_to: None }
}

/// An event with the values of a resource beside the notice of the same change:
/// `data` is the resource after a POST or PUT, the message for a PATCH
/// (RFC 9967 §2.4).
pub fn full(change: &Change, after: &Subject, data: Value) -> Option<Draft> {
    let (uri, version) = match change {
        Change::Created { version, .. } => (EventUri::ProvCreateFull, version),
        Change::Patched { version, .. } => (EventUri::ProvPatchFull, version),
        Change::Replaced { version, .. } => (EventUri::ProvPutFull, version),
        Change::Deleted => return None,
    };
    let payload = json!({ "data": data, "version": version });
    Some(Draft { payload, ..plain(NOTICE, uri, after) })
}

/// Whether a user with these attributes is suspended, as the tenant has it.
pub fn is_suspended(attributes: &Map<String, Value>, settings: &EventSettings) -> bool {
    details::is_true(settings.suspended_by.as_deref().and_then(|path| value_at(attributes, path)))
}

/// The payload of a notice (RFC 9967 §2.4).
///
/// `password` is not named: that someone changed it is nobody's business here.
fn notice(attributes: &[String], version: &str) -> Value {
    let named: Vec<&str> =
        attributes.iter().map(String::as_str).filter(|path| !is_password(path)).collect();
    json!({ "attributes": named, "version": version })
}

/// Whether a path is `password`, with or without its schema's URN.
fn is_password(path: &str) -> bool {
    path.rsplit(':').next().is_some_and(|name| name.eq_ignore_ascii_case("password"))
}
