//! Deleting a resource (RFC 7644 §3.6).

use std::sync::Arc;

use super::{Access, ProvisionError, Provisioner, record::subject};
use crate::{
    event,
    scim::{
        resource::{Document, Preconditions, ResourceId, Version},
        schema::ResourceType,
    },
    store::{Change, RowChange, StoreError, StoredResource, TenantTx},
    tenant::Scope,
};

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
        let preconditions = Arc::new(preconditions);
        self.store
            .tenant(access.caller.tenant)
            .write(move |tx| {
                let (this, access) = (this.clone(), acting.clone());
                let preconditions = Arc::clone(&preconditions);
                Box::pin(async move { this.delete_in(tx, &access, known, &preconditions).await })
            })
            .await
    }

    async fn delete_in(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        preconditions: &Preconditions,
    ) -> Result<(), ProvisionError> {
        // Groups are locked before their members, as a change of members does.
        let groups = tx.groups_for_update(id).await?;
        let stored = tx.resource_for_update(access.resource_type.code, id).await?;
        let stored = stored.ok_or_else(|| access.not_found(&id.to_string()))?;
        preconditions.check(stored.version)?;
        let (txn, at_us) = (self.txn(), self.now_us());
        for group in &groups {
            tx.apply(&self.loss(access, group, id, &txn, at_us)?).await?;
        }
        let before = subject(&access.resource_type, id, &read(&stored)?);
        let change = Change {
            resource_type: access.resource_type.code,
            id,
            version: stored.version,
            at_us,
            row: RowChange::Delete,
            add_members: Vec::new(),
            remove_members: Vec::new(),
            events: self.events(id, &event::Change::Deleted, Some(&before), None, at_us),
            txn,
            audit: self.audit(access, "delete", Vec::new()),
        };
        Ok(tx.apply(&change).await?)
    }

    /// What the deletion of `member` does to a group.
    fn loss(
        &self,
        access: &Access,
        group: &StoredResource,
        member: ResourceId,
        txn: &str,
        at_us: i64,
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
        let named = subject(kind, group.id, &read(group)?);
        Ok(Change {
            resource_type: code,
            id: group.id,
            version,
            at_us,
            row: RowChange::Touch,
            add_members: Vec::new(),
            remove_members: vec![member],
            txn: txn.to_owned(),
            events: self.events(group.id, &happened, Some(&named), Some(&named), at_us),
            audit: self.audit(access, "lose member", attributes),
        })
    }
}

fn read(stored: &StoredResource) -> Result<Document, StoreError> {
    Document::from_json(&stored.document).map_err(|error| StoreError::Damaged(error.to_string()))
}
