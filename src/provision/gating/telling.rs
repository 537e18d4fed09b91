//! A change of groups that is being told, person by person.

use std::collections::HashMap;

use super::Concerned;
use crate::{
    clock::Clock,
    event::{AccessChange, Cause, Draft, EventSettings, Subject, access_events},
    provision::record::{Stamp, subject},
    scim::{
        resource::{Document, ResourceId},
        schema::{Registry, ResourceType},
    },
    store::{Audience, OutboxEvent, StoreError, StoredResource, TenantTx},
};

/// What is known to every event of the change.
pub(super) struct Telling<'t> {
    pub(super) tx: &'t TenantTx,
    pub(super) clock: &'t Clock,
    pub(super) stamp: &'t Stamp,
    pub(super) cause: Cause,
}

/// What happened to people's access, by application.
pub(super) type Changes<'c> = HashMap<ResourceId, Vec<(&'c Concerned, AccessChange)>>;

impl Telling<'_> {
    /// Tells the applications what happened to people's access.
    pub(super) async fn access(
        &self,
        changes: &Changes<'_>,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut ids: Vec<ResourceId> = changes.keys().copied().collect();
        ids.sort();
        let mut events = Vec::new();
        for stored in self.tx.users_among(&ids).await? {
            let person = person(&stored)?;
            for (concerned, change) in changes.get(&stored.id).into_iter().flatten() {
                let drafts = access_events(*change, &person, &self.cause, reason);
                for draft in drafts.into_iter().filter(|draft| concerned.hears(draft.uri)) {
                    let audience = Audience::Application(concerned.row.id);
                    events.push(self.event(stored.id, audience, draft));
                }
            }
        }
        self.append(&events).await
    }

    pub(super) fn event(
        &self,
        subject_key: ResourceId,
        audience: Audience,
        draft: Draft,
    ) -> OutboxEvent {
        OutboxEvent {
            id: self.clock.new_id(),
            audience,
            uri: draft.uri,
            payload: draft.payload.to_string(),
            subject_key,
            // A snapshot of plain strings always has a JSON form.
            subject: serde_json::to_string(&draft.subject).unwrap_or_default(),
        }
    }

    pub(super) async fn append(&self, events: &[OutboxEvent]) -> Result<(), StoreError> {
        self.tx.append(&self.stamp.txn, self.stamp.at_us, events).await
    }
}

/// A user as events name them.
pub(super) fn person(stored: &StoredResource) -> Result<Subject, StoreError> {
    let document = Document::from_json(&stored.document)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    let user = Registry::shared().by_code(ResourceType::USER).cloned();
    let user = user.ok_or_else(|| StoreError::Damaged("type".to_owned()))?;
    // Who is suspended is told of all the same: a word too many ends no session.
    Ok(subject(&user, stored.id, &document, &EventSettings::default()))
}
