//! What PUT and PATCH share: read, change, write, if there is something to write.

use std::sync::Arc;

use super::{
    Answered, ProvisionError, Provisioner, Terms, change_error,
    members::{Delta, Resolved},
    not_found,
    record::subject,
};
use crate::{
    event,
    scim::{
        ScimError,
        resource::{Document, ResourceId, Version, changes},
        schema::ResourceType,
    },
    store::{Change, ResourceKeys, RowChange, StoreError, StoredResource, TenantTx},
    tenant::Caller,
};

/// A PATCH of a group with more members than this is answered without a body
/// (RFC 7644 §3.5.2 allows both), unless the request names attributes.
const SHOWN_MEMBERS: u32 = 1_000;

/// What a request makes of a resource.
#[derive(Debug, Clone)]
pub(super) struct Modification {
    /// Its document afterwards.
    pub(super) document: Document,
    /// What happens to its members.
    pub(super) members: Delta,
    /// What was overlooked.
    pub(super) ignored: Vec<String>,
}

/// A resource after a request, and what was overlooked.
type Modified = (StoredResource, Vec<String>);

impl Provisioner {
    /// Reads a resource, lets `work` change it, and writes what differs.
    pub(super) async fn modify<W>(
        &self,
        caller: &Caller,
        resource_type: &Arc<ResourceType>,
        id: ResourceId,
        terms: &Terms,
        action: &'static str,
        work: W,
    ) -> Result<Answered, ProvisionError>
    where
        W: Fn(
                &Caller,
                &ResourceType,
                &StoredResource,
                &Document,
            ) -> Result<Modification, ScimError>
            + Send
            + Sync
            + 'static,
    {
        let (this, shared) = (self.clone(), Arc::clone(resource_type));
        let (acting, work) = (Arc::new(caller.clone()), Arc::new(work));
        let (stored, ignored) = self
            .store
            .tenant(caller.tenant)
            .write(move |tx| {
                let (this, resource_type) = (this.clone(), Arc::clone(&shared));
                let (caller, work) = (Arc::clone(&acting), Arc::clone(&work));
                Box::pin(async move {
                    this.modify_in(tx, &caller, &resource_type, id, action, &*work).await
                })
            })
            .await?;
        let mut answer = self.show(caller, resource_type, &stored, terms, action).await?;
        answer.ignored = ignored;
        Ok(answer)
    }

    async fn modify_in<W>(
        &self,
        tx: &TenantTx,
        caller: &Caller,
        resource_type: &ResourceType,
        id: ResourceId,
        action: &'static str,
        work: &W,
    ) -> Result<Modified, ProvisionError>
    where
        W: Fn(
            &Caller,
            &ResourceType,
            &StoredResource,
            &Document,
        ) -> Result<Modification, ScimError>,
    {
        let stored = tx.resource_for_update(resource_type.code, id).await?;
        let stored = stored.ok_or_else(|| not_found(resource_type, &id.to_string()))?;
        let before = Document::from_json(&stored.document)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut modification = work(caller, resource_type, &stored, &before)?;
        let members = modification.members.resolve(tx, id, caller.dialect.leniency()).await?;
        modification.ignored.extend(members.unknown.iter().cloned());
        if modification.document == before && members.is_empty() {
            return Ok((stored, modification.ignored));
        }
        let at_us = self.now_us();
        let after = StoredResource {
            version: Version(stored.version.0 + 1),
            modified_us: at_us.max(stored.modified_us),
            document: modification.document.to_json(resource_type),
            ..stored
        };
        let documents = (&before, &modification.document);
        let change = self.change(caller, resource_type, &after, documents, members, action);
        tx.apply(&change).await.map_err(|error| change_error(resource_type, error))?;
        Ok((after, modification.ignored))
    }

    fn change(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        stored: &StoredResource,
        (before, after): (&Document, &Document),
        members: Resolved,
        action: &'static str,
    ) -> Change {
        let unique_names = caller.dialect.leniency().unique_group_names;
        let mut attributes = changes(resource_type, before, after);
        let row = match attributes.is_empty() {
            true => RowChange::Touch,
            false => RowChange::Update {
                document: stored.document.clone(),
                keys: ResourceKeys::of(resource_type, after, unique_names),
            },
        };
        if !members.is_empty() {
            attributes.push("members".to_owned());
        }
        let (named, version) = (attributes.clone(), stored.version.etag());
        let happened = match action {
            "patch" => event::Change::Patched { attributes: named, version },
            _ => event::Change::Replaced { attributes: named, version },
        };
        let subjects =
            (subject(resource_type, stored.id, before), subject(resource_type, stored.id, after));
        let at_us = stored.modified_us;
        Change {
            resource_type: resource_type.code,
            id: stored.id,
            version: stored.version,
            at_us,
            row,
            add_members: members.add,
            remove_members: members.remove,
            txn: self.txn(),
            events: self.events(stored.id, &happened, Some(&subjects.0), Some(&subjects.1), at_us),
            audit: self.audit(caller, action, attributes),
        }
    }

    /// The answer to a change.
    async fn show(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        stored: &StoredResource,
        terms: &Terms,
        action: &'static str,
    ) -> Result<Answered, ProvisionError> {
        let view = self.store.tenant(caller.tenant).view().await?;
        if action == "patch" && resource_type.is_group() && !terms.projected {
            let some = view.members(stored.id, None, SHOWN_MEMBERS + 1, false).await?;
            if usize::try_from(SHOWN_MEMBERS).is_ok_and(|most| most < some.len()) {
                return Ok(Answered {
                    version: stored.version,
                    location: self.location(caller, resource_type, stored.id),
                    body: None,
                    ignored: Vec::new(),
                });
            }
        }
        let projection = &terms.projection;
        let derived = self.derived(caller, &view, resource_type, stored.id, projection).await?;
        self.answer(caller, resource_type, stored, &derived, terms)
    }
}
