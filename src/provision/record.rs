//! What a change leaves behind beside the resource: its events and audit entry.

use serde_json::Value;
use uuid::Uuid;

use super::{Access, Provisioner};
use crate::{
    clock::Clock,
    event::{self, Cause, Initiator, Subject},
    scim::{
        resource::{Document, ResourceId},
        schema::ResourceType,
    },
    store::{Audience, AuditEntry, OutboxEvent},
};

/// The resource as its events name it.
pub(super) fn subject(
    resource_type: &ResourceType,
    id: ResourceId,
    document: &Document,
) -> Subject {
    let emails = document.attributes().get("emails").and_then(Value::as_array);
    let primary = |email: &&Value| email.get("primary") == Some(&Value::Bool(true));
    let email = emails
        .and_then(|emails| emails.iter().find(primary).or(emails.first()))
        .and_then(|email| email.get("value"))
        .and_then(Value::as_str);
    Subject {
        endpoint: resource_type.endpoint.clone(),
        id: id.to_string(),
        external_id: document.external_id().map(str::to_owned),
        user_name: document.user_name().map(str::to_owned),
        email: email.map(str::to_owned),
        active: resource_type.is_user() && document.active(),
    }
}

/// What all changes of one request share: their name in events and audit, and
/// their time.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    /// The transaction's name.
    pub(super) txn: String,
    /// Microseconds since 1970.
    pub(super) at_us: i64,
}

impl Stamp {
    /// The stamp of a request that began at that time.
    pub(super) fn new(clock: &Clock, at_us: i64) -> Self {
        Self { txn: format!("tx_{}", clock.new_id()), at_us }
    }
}

impl Provisioner {
    /// The stamp of a request that begins now.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp::new(&self.clock, self.now_us())
    }

    /// The events of a change, ready to be kept.
    pub(super) fn events(
        &self,
        key: ResourceId,
        change: &event::Change,
        before: Option<&Subject>,
        after: Option<&Subject>,
        at_us: i64,
    ) -> Vec<OutboxEvent> {
        let cause = Cause { occurred_at: at_us.div_euclid(1_000_000), initiator: Initiator::Admin };
        let drafts = event::events(change, before, after, &cause);
        drafts
            .into_iter()
            .map(|draft| OutboxEvent {
                id: self.clock.new_id(),
                audience: Audience::All,
                uri: draft.uri,
                payload: draft.payload.to_string(),
                subject_key: key,
                // A snapshot of plain strings always has a JSON form.
                subject: serde_json::to_string(&draft.subject).unwrap_or_default(),
            })
            .collect()
    }

    /// The audit entry of a change.
    pub(super) fn audit(
        &self,
        access: &Access,
        action: &'static str,
        attributes: Vec<String>,
    ) -> AuditEntry {
        let id: Uuid = self.clock.new_id();
        AuditEntry { id, actor: format!("token:{}", access.caller.credential), action, attributes }
    }
}
