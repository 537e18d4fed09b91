//! Deleting a resource (RFC 7644 §3.6).

use std::sync::Arc;

use super::{
    Access, ProvisionError, Provisioner,
    gating::{Outlook, Shift},
    record::{Stamp, own_addresses, subject},
    values::values,
};
use crate::{
    event,
    scim::{
        resource::{Document, Preconditions, ResourceId, Version},
        schema::ResourceType,
    },
    store::{
        AuditEntry, Change, MemberChanges, Remains, ResourceKeys, RowChange, StoreError,
        StoredResource, TenantTx,
    },
    tenant::Scope,
};

/// Groups that are locked and read at a time.
const GROUPS: u32 = 500;

impl Provisioner {
    /// Deletes a resource. It leaves every group it is in, and those groups get a
    /// new version, in the same transaction.
    ///
    /// # Errors
    ///
    /// `NotFound`; `PreconditionFailed` if the version is not the expected one.
    pub async fn delete(
        &self,
        access: &Access,
        id: &str,
        preconditions: Preconditions,
    ) -> Result<(), ProvisionError> {
        access.authorise(Scope::Write)?;
        let known = access.id(id)?;
        let (this, acting) = (self.clone(), access.clone());
        let shared = Arc::new((preconditions, self.stamp()));
        let txn = shared.1.txn.clone();
        let deleted = self
            .carry_out(access, &txn, move |tx| {
                let (this, access, shared) = (this.clone(), acting.clone(), Arc::clone(&shared));
                Box::pin(async move {
                    let (preconditions, stamp) = &*shared;
                    this.delete_in(tx, &access, known, preconditions, stamp).await
                })
            })
            .await;
        self.or_hold(access, known, "delete", deleted).await
    }

    /// As [`Provisioner::delete`], in a transaction.
    pub(super) async fn delete_in(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        preconditions: &Preconditions,
        stamp: &Stamp,
    ) -> Result<(), ProvisionError> {
        let hearers = self.hearers(tx, access).await?;
        // From here on no group takes it as a member, so that none is missed.
        let stored = tx.resource_for_removal(access.resource_type.code, id).await?;
        let stored = stored.ok_or_else(|| access.not_found(&id.to_string()))?;
        preconditions.check(stored.version)?;
        let document = read(&stored)?;
        let outlook = Outlook::before(tx, hearers, Shift::deletion(id, &document)).await?;
        let mut groups = tx.groups_for_update(id, None, GROUPS).await?;
        let mut left = Vec::new();
        while let Some(last) = groups.last().map(|group| group.id) {
            for group in &groups {
                let gone = MemberChanges { remove: vec![id], ..MemberChanges::default() };
                tx.apply(&self.touch(access, group, (gone, "lose member"), stamp)?).await?;
                left.push(group.id);
            }
            groups = tx.groups_for_update(id, Some(last), GROUPS).await?;
        }
        let settings = &access.caller.events;
        let before = subject(&access.resource_type, id, &document, settings);
        if before.is_user() && !before.active {
            tx.rearm_person(id, stamp.at_us).await?;
        }
        if before.active {
            self.brake(tx, access, id, stamp.at_us).await?;
        }
        let addresses = own_addresses(&access.resource_type, &document, settings);
        tx.free_addresses(id, &addresses, stamp.at_us).await?;
        let gone: Vec<String> = document.attributes().keys().cloned().collect();
        let none = (&MemberChanges::default(), self.clock.random());
        let changes = values(&access.resource_type, &gone, (Some(&document), None), none);
        let change = Change {
            resource_type: access.resource_type.code,
            id,
            version: stored.version,
            at_us: stamp.at_us,
            row: RowChange::Delete { remains: remains(access, &stored, &document, left) },
            members: MemberChanges::default(),
            events: self.events(id, &event::Change::Deleted, Some(&before), None, stamp.at_us),
            txn: stamp.txn.clone(),
            audit: AuditEntry { changes, ..self.audit(access, "delete", Vec::new()) },
        };
        tx.apply(&change).await?;
        match outlook {
            Some(outlook) => Ok(outlook.tell(tx, &self.clock, stamp).await?),
            None => Ok(()),
        }
    }

    /// What the end or the return of a member does to a group.
    pub(super) fn touch(
        &self,
        access: &Access,
        group: &StoredResource,
        (members, action): (MemberChanges, &'static str),
        stamp: &Stamp,
    ) -> Result<Change, StoreError> {
        let version = Version(group.version.0 + 1);
        let attributes = vec!["members".to_owned()];
        let happened =
            event::Change::Patched { attributes: attributes.clone(), version: version.etag() };
        let code = ResourceType::GROUP;
        let kind = access
            .caller
            .registry
            .by_code(code)
            .ok_or_else(|| StoreError::Damaged("type".into()))?;
        let named = subject(kind, group.id, &read(group)?, &access.caller.events);
        let documents = (None, None);
        let changes = values(kind, &[], documents, (&members, self.clock.random()));
        Ok(Change {
            resource_type: code,
            id: group.id,
            version,
            at_us: stamp.at_us,
            row: RowChange::Touch,
            members,
            txn: stamp.txn.clone(),
            events: self.events(group.id, &happened, Some(&named), Some(&named), stamp.at_us),
            audit: AuditEntry { changes, ..self.audit(access, action, attributes) },
        })
    }
}

/// What is kept of a user who is deleted.
fn remains(
    access: &Access,
    stored: &StoredResource,
    document: &Document,
    groups: Vec<ResourceId>,
) -> Option<Remains> {
    access.resource_type.is_user().then(|| Remains {
        created_us: stored.created_us,
        unique_key: ResourceKeys::of(&access.resource_type, document, false).unique,
        document: stored.document.clone(),
        groups,
    })
}

pub(super) fn read(stored: &StoredResource) -> Result<Document, StoreError> {
    Document::from_json(&stored.document).map_err(|error| StoreError::Damaged(error.to_string()))
}
