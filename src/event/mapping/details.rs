//! What a change of a user means beyond whether they may log in.
//!
//! | changed | events, in order |
//! | --- | --- |
//! | primary address, or a `userName` that is one; the tenant gives out the old one | `identifier-changed` about the old one, `token-claims-change` |
//! | … and does not | `recovery-information-changed`, `token-claims-change` |
//! | phone numbers | `recovery-information-changed` |
//! | another `userName` | `token-claims-change` |
//! | an identifier that a receiver knows people by | `session-revoked` about the old one, to such receivers |
//! | password | `credential-change` |
//! | certificates | `credential-change` for each that came or went |
//! | roles, entitlements, and what the tenant has as claims | `token-claims-change` |
//! | … lost, if the tenant wants it | `session-revoked` before it |
//! | the attribute that locks | `session-revoked` |
//! | an address that was somebody else's | `identifier-recycled` |
//!
//! There is one `session-revoked` and one `token-claims-change` at most.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    super::{EventSettings, EventUri, Subject, subject::address},
    CLAIMS, Cause, Draft, REVOKE, STATE, common, plain, with,
};
use crate::scim::resource::certificate_serial;

/// A claim with more values is not told.
const CLAIM_VALUES: usize = 200;
/// More certificates that come or go at once are told without their numbers.
const CERTIFICATES: usize = 16;

/// What makes a change worth a look.
const TOLD: [&str; 7] = [
    "userName",
    "externalId",
    "emails",
    "phoneNumbers",
    "x509Certificates",
    "roles",
    "entitlements",
];

/// A PATCH or PUT of a user.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The user as they were.
    pub before: &'a Subject,
    /// The user as they are.
    pub after: &'a Subject,
    /// The attributes before and after, those of an extension under its URN.
    pub attributes: (&'a Map<String, Value>, &'a Map<String, Value>),
    /// Paths of the attributes that differ.
    pub changed: &'a [String],
    /// Whether a password was given. It is not kept, so whether it is another
    /// cannot be said.
    pub password: bool,
}

/// The events of an update beside those of [`events`](super::events), in order.
pub fn details(update: &Update<'_>, settings: &EventSettings, cause: &Cause) -> Vec<Draft> {
    let Update { changed, password, .. } = update;
    let is_told = |path: &String| TOLD.contains(&path.as_str()) || settings.names(path);
    if !password && !changed.iter().any(is_told) {
        return Vec::new();
    }
    let mut drafts = Vec::new();
    drafts.extend(revoked(update, settings, cause));
    drafts.extend(identifiers(update, settings));
    drafts.extend(credentials(update, cause));
    drafts.extend(claims(update, settings, cause));
    drafts
}

/// That an address which was somebody else's is the user's now (RISC 1.0).
pub fn recycled(user: &Subject, address: &str) -> Draft {
    let subject = Subject { email: Some(address.to_owned()), ..user.clone() };
    plain(STATE, EventUri::IdentifierRecycled, &subject)
}

impl EventSettings {
    fn names(&self, path: &str) -> bool {
        self.claims.iter().chain(&self.locked_by).any(|named| named == path)
    }
}

impl Update<'_> {
    fn has_changed(&self, path: &str) -> bool {
        self.changed.iter().any(|changed| changed == path)
    }

    /// Elements of `path` before and after, by their `value`.
    fn elements(&self, path: &str) -> (Vec<&Value>, Vec<&Value>) {
        (elements(self.attributes.0, path), elements(self.attributes.1, path))
    }

    fn lost_privilege(&self) -> bool {
        ["roles", "entitlements"].into_iter().any(|path| {
            let (before, after) = self.elements(path);
            before.iter().any(|value| !after.contains(value))
        })
    }

    /// The user under the new names, where there was an old one; a first name
    /// hides nobody.
    fn renamed(&self, settings: &EventSettings) -> Option<Subject> {
        let (before, after) = (self.before, self.after);
        let next = |old: &Option<String>, new: &Option<String>| match old {
            Some(_) => new.clone(),
            None => None,
        };
        let by_key = Subject {
            external_id: next(&before.external_id, &after.external_id),
            ..before.clone()
        };
        let renamed = match settings.revoke_on_rename {
            Some(false) => by_key,
            Some(true) | None => Subject {
                user_name: next(&before.user_name, &after.user_name),
                email: next(&before.email, &after.email),
                ..by_key
            },
        };
        (renamed != *before).then_some(renamed)
    }
}

/// Who was active and still is may have to log in again.
fn revoked(update: &Update<'_>, settings: &EventSettings, cause: &Cause) -> Option<Draft> {
    if !update.before.active || !update.after.active {
        return None;
    }
    let locked = |attributes| {
        is_true(settings.locked_by.as_deref().and_then(|path| value_at(attributes, path)))
    };
    let renamed = update.renamed(settings);
    let name_gone = renamed.as_ref().is_some_and(|renamed| {
        (&renamed.user_name, &renamed.email) != (&update.before.user_name, &update.before.email)
    });
    let (what, renamed_to) = if locked(update.attributes.1) && !locked(update.attributes.0) {
        ("locked the account", None)
    } else if settings.revoke_on_privilege_loss && update.lost_privilege() {
        ("took a role or entitlement away", None)
    } else if settings.revoke_on_password_change && update.password {
        ("wrote another password", None)
    } else if settings.revoke_on_rename == Some(true) && name_gone {
        ("changed the user's name or address", None)
    } else {
        ("changed the identifier that the user is known by", Some(renamed?))
    };
    let reason = json!({ "en": "Your account was changed. Please sign in again." });
    let payload = with(common(cause, what), "reason_user", reason);
    let subject = update.before.or_known_as(Some(update.after));
    Some(Draft { ord: REVOKE, uri: EventUri::SessionRevoked, payload, subject, renamed_to })
}

/// What RISC says of addresses and of ways to get an account back.
fn identifiers(update: &Update<'_>, settings: &EventSettings) -> Vec<Draft> {
    let (before, after) = (update.before, update.after);
    let address_of = |text: &Option<String>| text.as_deref().and_then(address);
    let mut moves: Vec<(Option<String>, Option<String>)> = Vec::new();
    let mails = (address_of(&before.email), address_of(&after.email));
    let names = (address_of(&before.user_name), address_of(&after.user_name));
    // A name that is no address is none of RISC's identifiers.
    let of_name = (names.0.is_some() && names != mails).then_some(names);
    for (old, new) in std::iter::once(mails).chain(of_name) {
        if old != new && !moves.iter().any(|(seen, _)| *seen == old) {
            moves.push((old, new));
        }
    }
    let mut drafts = Vec::new();
    let mut recovery = update.has_changed("phoneNumbers");
    for (old, new) in moves {
        match (old, new) {
            (Some(old), Some(new)) if settings.is_authoritative_for(&old) => {
                let subject = Subject { email: Some(old), ..before.clone() };
                let changed = plain(STATE, EventUri::IdentifierChanged, &subject);
                drafts.push(Draft { payload: json!({ "new-value": new }), ..changed });
            }
            (None, Some(new)) if settings.is_authoritative_for(&new) => (),
            _ => recovery = true,
        }
    }
    if recovery {
        drafts.push(plain(STATE, EventUri::RecoveryInformationChanged, after));
    }
    drafts
}

/// CAEP 1.0 §3.3.
fn credentials(update: &Update<'_>, cause: &Cause) -> Vec<Draft> {
    let draft = |kind: &str, change: &str, what: &str, serial: Option<String>| {
        let payload = with(common(cause, what), "credential_type", kind);
        let payload = with(payload, "change_type", change);
        let payload = match serial {
            Some(serial) => with(payload, "x509_serial", serial),
            None => payload,
        };
        let plain = plain(STATE, EventUri::CredentialChange, update.after);
        Draft { payload, ..plain }
    };
    let mut drafts = Vec::new();
    if update.password {
        drafts.push(draft("password", "update", "wrote a password", None));
    }
    if update.has_changed("x509Certificates") {
        let (before, after) = update.elements("x509Certificates");
        let only = |some: &[&Value], others: &[&Value]| -> Vec<Option<String>> {
            let others: HashSet<&Value> = others.iter().copied().collect();
            let only = some.iter().filter(|value| !others.contains(*value));
            let serials = only.map(|value| value.as_str().and_then(certificate_serial));
            let serials: Vec<_> = serials.collect();
            if CERTIFICATES < serials.len() { vec![None] } else { serials }
        };
        let gone = only(&before, &after).into_iter();
        drafts.extend(gone.map(|it| draft("x509", "revoke", "took a certificate away", it)));
        let came = only(&after, &before).into_iter();
        drafts.extend(came.map(|it| draft("x509", "create", "added a certificate", it)));
    }
    drafts
}

/// CAEP 1.0 §3.2: the new values. Who is not active has no tokens.
fn claims(update: &Update<'_>, settings: &EventSettings, cause: &Cause) -> Option<Draft> {
    let (before, after) = (update.before, update.after);
    if !after.active {
        return None;
    }
    let mut claims = Map::new();
    if before.email != after.email {
        claims.insert("email".to_owned(), json!(after.email));
        let verified =
            after.email.as_deref().is_some_and(|email| settings.is_authoritative_for(email));
        claims.insert("email_verified".to_owned(), verified.into());
    }
    if before.user_name != after.user_name {
        claims.insert("preferred_username".to_owned(), json!(after.user_name));
    }
    for path in ["roles", "entitlements"].into_iter().filter(|path| update.has_changed(path)) {
        let (before, values) = update.elements(path);
        if before != values && values.len() <= CLAIM_VALUES {
            claims.insert(path.to_owned(), json!(values));
        }
    }
    for path in settings.claims.iter().filter(|path| update.has_changed(path)) {
        let name = path.rsplit(':').next().unwrap_or(path);
        let value = value_at(update.attributes.1, path).cloned().unwrap_or(Value::Null);
        if value.as_array().is_none_or(|values| values.len() <= CLAIM_VALUES) {
            claims.entry(name).or_insert(value);
        }
    }
    if claims.is_empty() {
        return None;
    }
    let names: Vec<&str> = claims.keys().map(String::as_str).collect();
    let reason = format!("changed {}", names.join(", "));
    let payload = with(common(cause, &reason), "claims", claims);
    Some(Draft { payload, ..plain(CLAIMS, EventUri::TokenClaimsChange, after) })
}

/// The value of an attribute by its path, as notices spell it.
pub fn value_at<'v>(attributes: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    match path.rsplit_once(':') {
        None => attributes.get(path),
        Some((urn, name)) => attributes.get(urn)?.get(name),
    }
}

/// Whether an attribute says yes; some directories send flags as text.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The `value` of each element.
fn elements<'v>(attributes: &'v Map<String, Value>, path: &str) -> Vec<&'v Value> {
    let elements = attributes.get(path).and_then(Value::as_array);
    elements.into_iter().flatten().filter_map(|element| element.get("value")).collect()
}
