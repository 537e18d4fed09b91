//! What PUT and PATCH share: read, change, write, if there is something to write.

use std::sync::Arc;

use super::{
    Access, Answered, ProvisionError, Provisioner, Terms,
    members::{Delta, Resolved},
    record::subject,
};
use crate::{
    event,
    scim::{
        ScimError,
        resource::{Document, ResourceId, Version, changes},
    },
    store::{Change, ResourceKeys, RowChange, StoreError, StoredResource, TenantTx},
    tenant::PatchResponse,
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
        access: &Access,
        id: ResourceId,
        terms: &Terms,
        action: &'static str,
        work: W,
    ) -> Result<Answered, ProvisionError>
    where
        W: Fn(&Access, &StoredResource, &Document) -> Result<Modification, ScimError>
            + Send
            + Sync
            + 'static,
    {
        let (this, acting, work) = (self.clone(), access.clone(), Arc::new(work));
        let (stored, ignored) = self
            .store
            .tenant(access.caller.tenant)
            .write(move |tx| {
                let (this, access, work) = (this.clone(), acting.clone(), Arc::clone(&work));
                Box::pin(async move { this.modify_in(tx, &access, id, action, &*work).await })
            })
            .await?;
        let mut answer = self.show(access, &stored, terms, action).await?;
        answer.ignored = ignored;
        Ok(answer)
    }

    async fn modify_in<W>(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        action: &'static str,
        work: &W,
    ) -> Result<Modified, ProvisionError>
    where
        W: Fn(&Access, &StoredResource, &Document) -> Result<Modification, ScimError>,
    {
        let stored = tx.resource_for_update(access.resource_type.code, id).await?;
        let stored = stored.ok_or_else(|| access.not_found(&id.to_string()))?;
        let before = Document::from_json(&stored.document)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut modification = work(access, &stored, &before)?;
        let members = modification.members.resolve(tx, id, access.leniency()).await?;
        modification.ignored.extend(members.unknown.iter().cloned());
        if modification.document == before && members.is_empty() {
            return Ok((stored, modification.ignored));
        }
        let at_us = self.now_us();
        let after = StoredResource {
            version: Version(stored.version.0 + 1),
            modified_us: at_us.max(stored.modified_us),
            document: modification.document.to_json(&access.resource_type),
            ..stored
        };
        let documents = (&before, &modification.document);
        let change = self.change(access, &after, documents, members, action);
        tx.apply(&change).await.map_err(|error| access.change_error(error))?;
        Ok((after, modification.ignored))
    }

    fn change(
        &self,
        access: &Access,
        stored: &StoredResource,
        (before, after): (&Document, &Document),
        members: Resolved,
        action: &'static str,
    ) -> Change {
        let unique_names = access.caller.unique_group_names();
        let mut attributes = changes(&access.resource_type, before, after);
        let row = match attributes.is_empty() {
            true => RowChange::Touch,
            false => RowChange::Update {
                document: stored.document.clone(),
                keys: ResourceKeys::of(&access.resource_type, after, unique_names),
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
        let subjects = (
            subject(&access.resource_type, stored.id, before),
            subject(&access.resource_type, stored.id, after),
        );
        let at_us = stored.modified_us;
        Change {
            resource_type: access.resource_type.code,
            id: stored.id,
            version: stored.version,
            at_us,
            row,
            add_members: members.add,
            remove_members: members.remove,
            txn: self.txn(),
            events: self.events(stored.id, &happened, Some(&subjects.0), Some(&subjects.1), at_us),
            audit: self.audit(access, action, attributes),
        }
    }

    /// The answer to a change.
    async fn show(
        &self,
        access: &Access,
        stored: &StoredResource,
        terms: &Terms,
        action: &'static str,
    ) -> Result<Answered, ProvisionError> {
        let unasked = action == "patch" && !terms.projected;
        let never = access.caller.settings.patch_response == PatchResponse::None;
        let view = self.store.tenant(access.caller.tenant).view().await?;
        let group = access.resource_type.is_group();
        if unasked && (never || group && view.has_more_members(stored.id, SHOWN_MEMBERS).await?) {
            return Ok(Answered {
                version: stored.version,
                location: self.location(access, stored.id),
                body: None,
                ignored: Vec::new(),
            });
        }
        let projection = &terms.projection;
        let derived = self.derived(access, &view, stored.id, projection).await?;
        self.answer(access, stored, &derived, terms)
    }
}
