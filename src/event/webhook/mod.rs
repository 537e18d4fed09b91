//! What webhooks and buses are told: the same events under names of our own, in
//! the body of Standard Webhooks.
//!
//! | event | type |
//! | --- | --- |
//! | `prov:create:notice` | `scim.user.created`, `scim.group.created`, `scim.resource.created` |
//! | `prov:patch:notice`, `prov:put:notice` | `….updated`, unless only `active` changed |
//! | `prov:deactivate` | `scim.user.deactivated` |
//! | `account-enabled` | `scim.user.reactivated` |
//! | `prov:delete` | `….deleted` |
//! | `session-revoked` | `scim.user.sessions_revoked` |
//! | `token-claims-change` of groups, roles or entitlements | `scim.user.access_changed` |
//! | … of the address | `scim.user.email_changed` |
//! | `feed:add`, `feed:remove` | `scim.user.access_changed` |
//! | `revocation-overdue` | `scim.user.revocation_overdue` |
//! | `deprovisioning-held` | `scim.user.deprovisioning_held` |
//! | `verification` | `endpoint.ping` |
//!
//! Every other event is told by one of these of the same change, and has no type.

mod sign;

use serde_json::{Map, Value, json};

use super::{EventUri, Subject};
use crate::scim::date_time;

pub use sign::{KeyFault, MAX_RETIRED, SigningKeys, WebhookKey, WebhookKeyKind};

/// The most bytes of a body.
pub const MAX_BODY: usize = 20_000;
/// More changed attributes are not named.
const MAX_CHANGED: usize = 100;

/// What a message says that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookType {
    /// A user was created.
    UserCreated,
    /// A user's attributes changed.
    UserUpdated,
    /// A user may no longer log in.
    UserDeactivated,
    /// A user may log in again.
    UserReactivated,
    /// A user was deleted.
    UserDeleted,
    /// A user has another e-mail address.
    UserEmailChanged,
    /// A user may do more, less or other things.
    UserAccessChanged,
    /// A user's sessions were ended.
    UserSessionsRevoked,
    /// A receiver has not confirmed that a user's sessions ended.
    UserRevocationOverdue,
    /// A user is not deprovisioned, and nobody after, until somebody decides.
    UserDeprovisioningHeld,
    /// A group was created.
    GroupCreated,
    /// A group's name or members changed.
    GroupUpdated,
    /// A group was deleted.
    GroupDeleted,
    /// Another resource was created.
    ResourceCreated,
    /// Another resource changed.
    ResourceUpdated,
    /// Another resource was deleted.
    ResourceDeleted,
    /// A test of the endpoint.
    Ping,
}

impl WebhookType {
    /// Every type that an endpoint can ask for.
    pub const ALL: [Self; 16] = [
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDeactivated,
        Self::UserReactivated,
        Self::UserDeleted,
        Self::UserEmailChanged,
        Self::UserAccessChanged,
        Self::UserSessionsRevoked,
        Self::UserRevocationOverdue,
        Self::UserDeprovisioningHeld,
        Self::GroupCreated,
        Self::GroupUpdated,
        Self::GroupDeleted,
        Self::ResourceCreated,
        Self::ResourceUpdated,
        Self::ResourceDeleted,
    ];

    /// Its name, as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "scim.user.created",
            Self::UserUpdated => "scim.user.updated",
            Self::UserDeactivated => "scim.user.deactivated",
            Self::UserReactivated => "scim.user.reactivated",
            Self::UserDeleted => "scim.user.deleted",
            Self::UserEmailChanged => "scim.user.email_changed",
            Self::UserAccessChanged => "scim.user.access_changed",
            Self::UserSessionsRevoked => "scim.user.sessions_revoked",
            Self::UserRevocationOverdue => "scim.user.revocation_overdue",
            Self::UserDeprovisioningHeld => "scim.user.deprovisioning_held",
            Self::GroupCreated => "scim.group.created",
            Self::GroupUpdated => "scim.group.updated",
            Self::GroupDeleted => "scim.group.deleted",
            Self::ResourceCreated => "scim.resource.created",
            Self::ResourceUpdated => "scim.resource.updated",
            Self::ResourceDeleted => "scim.resource.deleted",
            Self::Ping => "endpoint.ping",
        }
    }

    /// The type of that name, if an endpoint can ask for it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// What an event is called, if it has a name.
    pub fn of(uri: EventUri, subject: &Subject, payload: &Value) -> Option<Self> {
        let of_kind = |user, group, other| match subject.endpoint.as_str() {
            "/Users" => Some(user),
            "/Groups" => Some(group),
            _ => Some(other),
        };
        match uri {
            EventUri::ProvCreateNotice => {
                of_kind(Self::UserCreated, Self::GroupCreated, Self::ResourceCreated)
            }
            EventUri::ProvPatchNotice | EventUri::ProvPutNotice if !is_of_state(payload) => {
                of_kind(Self::UserUpdated, Self::GroupUpdated, Self::ResourceUpdated)
            }
            EventUri::ProvDelete => {
                of_kind(Self::UserDeleted, Self::GroupDeleted, Self::ResourceDeleted)
            }
            EventUri::ProvDeactivate => Some(Self::UserDeactivated),
            EventUri::AccountEnabled => Some(Self::UserReactivated),
            EventUri::SessionRevoked => Some(Self::UserSessionsRevoked),
            EventUri::FeedAdd | EventUri::FeedRemove => Some(Self::UserAccessChanged),
            EventUri::TokenClaimsChange => of_claims(payload),
            EventUri::RevocationOverdue => Some(Self::UserRevocationOverdue),
            EventUri::DeprovisioningHeld => Some(Self::UserDeprovisioningHeld),
            EventUri::Verification => Some(Self::Ping),
            _ => None,
        }
    }

    /// The types of events that may have this name.
    pub fn events(self) -> &'static [EventUri] {
        match self {
            Self::UserCreated | Self::GroupCreated | Self::ResourceCreated => {
                &[EventUri::ProvCreateNotice]
            }
            Self::UserUpdated | Self::GroupUpdated | Self::ResourceUpdated => {
                &[EventUri::ProvPatchNotice, EventUri::ProvPutNotice]
            }
            Self::UserDeleted | Self::GroupDeleted | Self::ResourceDeleted => {
                &[EventUri::ProvDelete]
            }
            Self::UserDeactivated => &[EventUri::ProvDeactivate],
            Self::UserReactivated => &[EventUri::AccountEnabled],
            Self::UserEmailChanged => &[EventUri::TokenClaimsChange],
            Self::UserAccessChanged => {
                &[EventUri::TokenClaimsChange, EventUri::FeedAdd, EventUri::FeedRemove]
            }
            Self::UserSessionsRevoked => &[EventUri::SessionRevoked],
            Self::UserRevocationOverdue => &[EventUri::RevocationOverdue],
            Self::UserDeprovisioningHeld => &[EventUri::DeprovisioningHeld],
            Self::Ping => &[EventUri::Verification],
        }
    }
}

/// Whether a notice only says that somebody may or may not log in, which has a
/// type of its own.
fn is_of_state(payload: &Value) -> bool {
    names(payload, "attributes").is_some_and(|mut it| it.all(|name| name == "active"))
}

fn of_claims(payload: &Value) -> Option<WebhookType> {
    let claims = payload.get("claims")?;
    let has = |name: &str| claims.get(name).is_some();
    if ["groups", "roles", "entitlements"].into_iter().any(has) {
        return Some(WebhookType::UserAccessChanged);
    }
    has("email").then_some(WebhookType::UserEmailChanged)
}

fn names<'a>(payload: &'a Value, member: &str) -> Option<impl Iterator<Item = &'a str>> {
    Some(payload.get(member)?.as_array()?.iter().filter_map(Value::as_str))
}

/// An event to be told.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Name of the tenant.
    pub tenant: &'a str,
    /// The transaction; the same for all events of one change.
    pub txn: &'a str,
    /// Its type.
    pub uri: EventUri,
    /// Whom it is about.
    pub subject: &'a Subject,
    /// What it says beyond that.
    pub payload: &'a Value,
    /// When it happened, in microseconds since 1970.
    pub occurred_us: i64,
}

impl Message<'_> {
    /// What it is called, if it has a name.
    pub fn webhook_type(&self) -> Option<WebhookType> {
        WebhookType::of(self.uri, self.subject, self.payload)
    }

    /// When it happened (RFC 3339).
    pub fn time(&self) -> String {
        date_time::format(self.occurred_us)
    }

    /// What happened: who and what, and few values. A receiver that needs more asks
    /// the SCIM service.
    pub fn data(&self, webhook_type: WebhookType) -> Value {
        let data = self.whole(webhook_type);
        // Names and paths come from outside and may be long; the id is ours.
        match data.to_string().len() {
            ..MAX_BODY_DATA => data,
            _ => json!({ "txn": self.txn, "tenant": self.tenant,
                self.noun(): { "id": self.subject.id } }),
        }
    }

    /// The body of Standard Webhooks; at most [`MAX_BODY`] bytes.
    pub fn body(&self, webhook_type: WebhookType) -> Value {
        json!({
            "type": webhook_type.as_str(),
            "timestamp": self.time(),
            "data": self.data(webhook_type),
        })
    }

    fn whole(&self, webhook_type: WebhookType) -> Value {
        let mut data = Map::new();
        let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
        put("txn", self.txn.into());
        put("tenant", self.tenant.into());
        if webhook_type == WebhookType::Ping {
            return Value::Object(data);
        }
        put(self.noun(), self.who());
        match webhook_type {
            WebhookType::UserDeactivated => {
                put("previous", json!({ "active": true }));
                put("current", json!({ "active": false }));
                put("sessions_revoked_before", self.second().into());
            }
            WebhookType::UserReactivated => {
                put("previous", json!({ "active": false }));
                put("current", json!({ "active": true }));
            }
            WebhookType::UserSessionsRevoked => {
                put("sessions_revoked_before", self.second().into());
                if let Some(reason) = self.payload.pointer("/reason_admin/en") {
                    put("reason", reason.clone());
                }
            }
            WebhookType::UserEmailChanged => {
                let email = self.payload.pointer("/claims/email").unwrap_or(&Value::Null);
                put("current", json!({ "email": email }));
            }
            WebhookType::UserRevocationOverdue => {
                for name in ["deprovisioning", "receivers"] {
                    put(name, self.payload.get(name).cloned().unwrap_or_default());
                }
            }
            WebhookType::UserDeprovisioningHeld => {
                for name in ["deprovisioned", "limit", "window_s", "actor"] {
                    put(name, self.payload.get(name).cloned().unwrap_or_default());
                }
            }
            WebhookType::UserAccessChanged => {
                put("changed", self.claims());
            }
            _ => {
                if let Some(named) = names(self.payload, "attributes") {
                    put("changed", named.take(MAX_CHANGED).collect());
                }
            }
        }
        Value::Object(data)
    }

    /// Names of the claims that have new values; an application is one that a user
    /// came to or went from.
    fn claims(&self) -> Value {
        let claims = self.payload.get("claims").and_then(Value::as_object);
        match claims {
            Some(claims) => claims.keys().take(MAX_CHANGED).cloned().collect(),
            None => json!(["application"]),
        }
    }

    fn noun(&self) -> &'static str {
        match self.subject.endpoint.as_str() {
            "/Users" => "user",
            "/Groups" => "group",
            _ => "resource",
        }
    }

    fn who(&self) -> Value {
        let mut who = Map::new();
        let mut put = |name: &str, value: &str| who.insert(name.to_owned(), value.into());
        put("id", &self.subject.id);
        if self.noun() == "resource" {
            put("endpoint", &self.subject.endpoint);
        }
        if let Some(external_id) = &self.subject.external_id {
            put("externalId", external_id);
        }
        if let Some(user_name) = &self.subject.user_name {
            put("userName", user_name);
        }
        Value::Object(who)
    }

    /// The second in which it happened: what was issued earlier is ended.
    fn second(&self) -> String {
        let second = 1_000_000;
        date_time::format(self.occurred_us.div_euclid(second) * second)
    }
}

/// Leaves room for what stands around the data, in either format.
const MAX_BODY_DATA: usize = MAX_BODY - 1_000;
