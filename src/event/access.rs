//! What a change of groups means to the people in them.
//!
//! A person may use an application as a member of one of its groups, through
//! other groups too.
//!
//! | what happened | events, in order | to whom |
//! | --- | --- | --- |
//! | in a group of the application, and in none before | `account-enabled`, `feed:add` | the application |
//! | in none any more | `account-disabled`, `session-revoked`, `feed:remove` | the application |
//! | … and the person is not active | `feed:add`, `feed:remove` | the application |
//! | in fewer of its groups, if it wants to know | `session-revoked` | the application |
//! | the groups of a claim are others | `token-claims-change` | each stream with that claim |
//! | … and more than a claim may hold, and the person left one | `session-revoked` | the same |
//!
//! The person stays enabled elsewhere, so nobody else hears of it. Whoever is not
//! active has no session that could be ended, and is told of as enabled when active
//! again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Cause, Draft, EventUri, Subject,
    mapping::{DISABLE, REVOKE},
};

/// Place of claims and feeds in the order of a transaction.
const MEMBERSHIP: i16 = 6;
/// Groups that one claim holds; a longer list would be left out of tokens too.
pub const CLAIMED_GROUPS: usize = 200;

/// How the groups in `token-claims-change` are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupClaim {
    /// By their displayName.
    #[default]
    Name,
    /// By their id.
    Id,
}

impl GroupClaim {
    /// The setting's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Id => "id",
        }
    }

    /// The setting of that value.
    pub fn parse(value: &str) -> Option<Self> {
        [Self::Name, Self::Id].into_iter().find(|claim| claim.as_str() == value)
    }
}

/// What happened to a person's access to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessChange {
    /// There was none before.
    Gained,
    /// The person is in fewer of its groups, and in one still.
    Narrowed,
    /// There is none any more.
    Lost,
}

impl AccessChange {
    /// What happened to somebody who was in some of an application's groups and is
    /// in others.
    pub fn between<G: Ord>(had: &BTreeSet<G>, has: &BTreeSet<G>) -> Option<Self> {
        match (had.is_empty(), has.is_empty()) {
            (true, true) => None,
            (true, false) => Some(Self::Gained),
            (false, true) => Some(Self::Lost),
            (false, false) if had.is_subset(has) => None,
            (false, false) => Some(Self::Narrowed),
        }
    }
}

/// The events for the receivers of an application.
///
/// `reason` says what the directory did, such as `Removed from group staff`.
pub fn access_events(
    change: AccessChange,
    person: &Subject,
    cause: &Cause,
    reason: &str,
) -> Vec<Draft> {
    let plain = |ord, uri| Draft {
        ord,
        uri,
        payload: json!({}),
        subject: person.clone(),
        renamed_to: None,
    };
    let mut drafts = Vec::new();
    if change == AccessChange::Gained && person.active {
        drafts.push(plain(DISABLE, EventUri::AccountEnabled));
    }
    if change == AccessChange::Lost && person.active {
        drafts.push(plain(DISABLE, EventUri::AccountDisabled));
    }
    if change != AccessChange::Gained && person.active {
        drafts.push(revoked(person, cause, reason));
    }
    match change {
        AccessChange::Gained => drafts.push(plain(MEMBERSHIP, EventUri::FeedAdd)),
        AccessChange::Lost => drafts.push(plain(MEMBERSHIP, EventUri::FeedRemove)),
        AccessChange::Narrowed => (),
    }
    drafts
}

/// The event for a stream that names a person's groups `had` before, and names
/// them `has` now (CAEP 1.0 §3.2); none if they are the same.
///
/// Beyond [`CLAIMED_GROUPS`] a claim would be a wrong one. Sessions of somebody who
/// left a group end then, and who came into one hears of it at the next login.
pub fn claims_event(
    had: &BTreeSet<String>,
    has: &BTreeSet<String>,
    person: &Subject,
    cause: &Cause,
    reason: &str,
) -> Option<Draft> {
    if had == has {
        return None;
    }
    if CLAIMED_GROUPS < has.len() {
        let ends = person.active && !had.is_subset(has);
        return ends.then(|| revoked(person, cause, reason));
    }
    let payload = because(cause, reason, ("claims", json!({ "groups": has })));
    let (ord, uri) = (MEMBERSHIP, EventUri::TokenClaimsChange);
    Some(Draft { ord, uri, payload, subject: person.clone(), renamed_to: None })
}

fn revoked(person: &Subject, cause: &Cause, reason: &str) -> Draft {
    let told = json!({ "en": "Your organisation changed your access." });
    let payload = because(cause, reason, ("reason_user", told));
    Draft {
        ord: REVOKE,
        uri: EventUri::SessionRevoked,
        payload,
        subject: person.clone(),
        renamed_to: None,
    }
}

/// What every CAEP event may say (CAEP 1.0 §2), and one thing more.
fn because(cause: &Cause, reason: &str, (name, value): (&str, Value)) -> Value {
    json!({
        name: value,
        "event_timestamp": cause.occurred_at,
        "initiating_entity": cause.initiator.as_str(),
        "reason_admin": { "en": reason },
    })
}
