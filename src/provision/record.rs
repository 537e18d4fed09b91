//! What a change leaves behind beside the resource: its events and audit entry.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Access, Provisioner, gating::hearers_of_return};
use crate::{
    clock::Clock,
    event::{
        self, Cause, Draft, EventSettings, EventUri, Initiator, Naming, Subject, Update,
        is_suspended, value_at,
    },
    scim::{
        resource::{Document, Projection, ResourceId},
        schema::ResourceType,
    },
    store::{Audience, AuditEntry, OutboxEvent, StoreError, StoredResource, TenantTx},
};

/// The resource as its events name it.
pub(super) fn subject(
    resource_type: &ResourceType,
    id: ResourceId,
    document: &Document,
    settings: &EventSettings,
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
        active: resource_type.is_user()
            && document.active()
            && !is_suspended(document.attributes(), settings),
    }
}

/// The addresses of a user that the tenant gave out; it may be somebody else's turn
/// later.
pub(super) fn own_addresses(
    resource_type: &ResourceType,
    document: &Document,
    settings: &EventSettings,
) -> Vec<String> {
    if settings.authoritative_domains.is_empty() || !resource_type.is_user() {
        return Vec::new();
    }
    let emails = document.attributes().get("emails").and_then(Value::as_array);
    let values = emails.into_iter().flatten().filter_map(|email| email.get("value")?.as_str());
    let all = values.chain(document.user_name());
    let mut own: Vec<String> = all.filter_map(|text| settings.own_address(Some(text))).collect();
    own.sort_unstable();
    own.dedup();
    own
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

    /// The events of a change that only its kind tells, ready to be kept.
    pub(super) fn events(
        &self,
        key: ResourceId,
        change: &event::Change,
        before: Option<&Subject>,
        after: Option<&Subject>,
        at_us: i64,
    ) -> Vec<OutboxEvent> {
        let drafts = event::events(change, before, after, &cause(at_us));
        drafts.into_iter().map(|draft| self.kept(key, Audience::All, &draft)).collect()
    }

    /// The events of a PATCH or PUT, ready to be kept, in order.
    pub(super) async fn events_of_update(
        &self,
        tx: &TenantTx,
        access: &Access,
        stored: &StoredResource,
        told: &Told<'_>,
    ) -> Result<Vec<OutboxEvent>, StoreError> {
        let cause = cause(told.at_us);
        let (before, after) = (told.subjects.0, told.subjects.1);
        let mut drafts = match &told.happened {
            Some(happened) => event::events(happened, Some(before), Some(after), &cause),
            None => Vec::new(),
        };
        if access.resource_type.is_user() {
            let update = Update {
                before,
                after,
                attributes: (told.documents.0.attributes(), told.documents.1.attributes()),
                changed: told.changed,
                password: told.password,
            };
            drafts.extend(event::details(&update, &access.caller.events, &cause));
            drafts.extend(self.moved_addresses(tx, access, stored.id, told).await?);
        }
        if let Some(happened) = &told.happened {
            drafts.extend(self.full_event(access, stored, happened, after));
        }
        drafts.sort_by_key(|draft| draft.ord);
        self.kept_for(tx, stored.id, drafts).await
    }

    /// The events of a POST, ready to be kept, in order.
    pub(super) fn events_of_creation(
        &self,
        access: &Access,
        stored: &StoredResource,
        happened: &event::Change,
        after: &Subject,
    ) -> Vec<OutboxEvent> {
        let mut drafts = event::events(happened, None, Some(after), &cause(stored.modified_us));
        drafts.extend(self.full_event(access, stored, happened, after));
        drafts.sort_by_key(|draft| draft.ord);
        drafts.iter().map(|draft| self.kept(stored.id, Audience::All, draft)).collect()
    }

    /// That a new user has addresses that were another's.
    pub(super) fn recycled(
        &self,
        access: &Access,
        stored: &StoredResource,
        taken: &[String],
    ) -> Result<Vec<OutboxEvent>, StoreError> {
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let document = Document::from_json(&stored.document)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let user = subject(&access.resource_type, stored.id, &document, &access.caller.events);
        let row = |address: &String| {
            self.kept(stored.id, Audience::All, &event::recycled(&user, address))
        };
        Ok(taken.iter().map(row).collect())
    }

    /// Notes addresses that the user gave up, and tells of those that were
    /// another's.
    async fn moved_addresses(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        told: &Told<'_>,
    ) -> Result<Vec<Draft>, StoreError> {
        let of = |document| own_addresses(&access.resource_type, document, &access.caller.events);
        let (before, after) = (of(told.documents.0), of(told.documents.1));
        let without = |some: &[String], others: &[String]| -> Vec<String> {
            some.iter().filter(|it| !others.contains(it)).cloned().collect()
        };
        let taken = tx.take_addresses(id, &without(&after, &before)).await?;
        tx.free_addresses(id, &without(&before, &after), told.at_us).await?;
        Ok(taken.iter().map(|address| event::recycled(told.subjects.1, address)).collect())
    }

    /// The event with the values, if the tenant sends such. Members are not in it,
    /// so a change of members has none (RFC 9967 §5).
    fn full_event(
        &self,
        access: &Access,
        stored: &StoredResource,
        happened: &event::Change,
        after: &Subject,
    ) -> Option<Draft> {
        let (event::Change::Created { attributes, .. }
        | event::Change::Patched { attributes, .. }
        | event::Change::Replaced { attributes, .. }) = happened
        else {
            return None;
        };
        let has_members = attributes.iter().any(|path| path == "members");
        if !access.caller.events.full_events || has_members {
            return None;
        }
        let now = self.full(access, stored, &Default::default()).ok()?;
        let mut shown = now.clone();
        Projection::Default.apply(&access.resource_type, &mut shown);
        let data = match happened {
            event::Change::Patched { .. } => patch_of(attributes, &now, &shown),
            _ => Value::Object(shown),
        };
        event::full(happened, after, data)
    }

    /// The rows of drafts; one for receivers by whom the subject has another name
    /// now becomes one for each of them, and so does one that some must not hear.
    async fn kept_for(
        &self,
        tx: &TenantTx,
        key: ResourceId,
        drafts: Vec<Draft>,
    ) -> Result<Vec<OutboxEvent>, StoreError> {
        let mut kept = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let Some(renamed) = &draft.renamed_to else {
                let some = match draft.uri {
                    EventUri::AccountEnabled => hearers_of_return(tx, key).await?,
                    _ => None,
                };
                let audiences = match some {
                    Some(streams) => streams.into_iter().map(Audience::Stream).collect(),
                    None => vec![Audience::All],
                };
                kept.extend(audiences.into_iter().map(|it| self.kept(key, it, &draft)));
                continue;
            };
            for named in tx.namings(draft.uri).await? {
                let naming = Naming::new(named.format, &named.settings, "", "");
                if naming.sub_id(draft.uri, &draft.subject) != naming.sub_id(draft.uri, renamed) {
                    kept.push(self.kept(key, Audience::Stream(named.stream), &draft));
                }
            }
        }
        Ok(kept)
    }

    /// The row of a draft.
    pub(super) fn kept(&self, key: ResourceId, audience: Audience, draft: &Draft) -> OutboxEvent {
        OutboxEvent {
            id: self.clock.new_id(),
            audience,
            uri: draft.uri,
            payload: draft.payload.to_string(),
            subject_key: key,
            // A snapshot of plain strings always has a JSON form.
            subject: serde_json::to_string(&draft.subject).unwrap_or_default(),
        }
    }

    /// The audit entry of a change.
    pub(super) fn audit(
        &self,
        access: &Access,
        action: &'static str,
        attributes: Vec<String>,
    ) -> AuditEntry {
        let id: Uuid = self.clock.new_id();
        let connection = Some(access.caller.connection).filter(|it| !it.is_nil());
        let entry = AuditEntry::new(id, access.caller.actor(), action);
        AuditEntry { attributes, connection, ..entry }
    }
}

/// A PATCH or PUT, as far as events tell of it.
pub(super) struct Told<'a> {
    /// What happened; none if all that was given is not kept.
    pub(super) happened: Option<event::Change>,
    /// The resource before and after.
    pub(super) documents: (&'a Document, &'a Document),
    /// As events name it.
    pub(super) subjects: (&'a Subject, &'a Subject),
    /// Paths of the attributes that differ.
    pub(super) changed: &'a [String],
    /// Whether a password was given.
    pub(super) password: bool,
    /// When, in microseconds since 1970.
    pub(super) at_us: i64,
}

fn cause(at_us: i64) -> Cause {
    Cause { occurred_at: at_us.div_euclid(1_000_000), initiator: Initiator::Admin }
}

/// A PATCH that makes of the resource what these attributes are now. It says what
/// was committed, and nothing that an answer would not show.
fn patch_of(attributes: &[String], now: &Map<String, Value>, shown: &Map<String, Value>) -> Value {
    let operation = |path: &String| match (value_at(now, path), value_at(shown, path)) {
        (_, Some(value)) => Some(json!({ "op": "replace", "path": path, "value": value })),
        (None, None) => Some(json!({ "op": "remove", "path": path })),
        // It is there and nobody reads it.
        (Some(_), None) => None,
    };
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": attributes.iter().filter_map(operation).collect::<Vec<_>>(),
    })
}
