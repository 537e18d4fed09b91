//! Bringing back a user who was deleted.

use std::sync::Arc;

use super::{
    Access, ProvisionError, Provisioner,
    create::Birth,
    delete::read,
    gating::{Outlook, Shift},
    record::Stamp,
};
use crate::{
    scim::{
        resource::{ResourceId, Version},
        schema::ResourceType,
    },
    store::{DeletedUser, Hearer, MemberChanges, MemberRow, StoreError, StoredResource, TenantTx},
};

/// A user who is there again.
#[derive(Debug, Clone)]
pub(super) struct Restored {
    /// The transaction.
    pub(super) txn: String,
    /// Groups that have the user again.
    pub(super) groups: usize,
    /// Groups that are gone.
    pub(super) lost_groups: usize,
}

impl Provisioner {
    /// Brings back a deleted user, under the same id and as they were, into those of
    /// their groups that are still there.
    ///
    /// # Errors
    ///
    /// `NotFound` if no such user is kept; `Uniqueness` if somebody else has the name
    /// meanwhile; what the tenant's schemas do not allow any more.
    pub(super) async fn restore(
        &self,
        access: &Access,
        id: ResourceId,
    ) -> Result<Restored, ProvisionError> {
        let (this, acting) = (self.clone(), access.clone());
        let stamp = Arc::new(self.stamp());
        self.store
            .tenant(access.caller.tenant)
            .write(move |tx| {
                let (this, access, stamp) = (this.clone(), acting.clone(), Arc::clone(&stamp));
                Box::pin(async move { this.restore_in(tx, &access, id, &stamp).await })
            })
            .await
    }

    async fn restore_in(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        stamp: &Stamp,
    ) -> Result<Restored, ProvisionError> {
        let hearers = tx.hearers().await?;
        let deleted = tx.take_deleted(id).await?;
        let deleted = deleted.ok_or_else(|| access.not_found(&id.to_string()))?;
        let birth = Birth {
            id,
            version: Version(deleted.version.0.saturating_add(1)),
            created_us: deleted.created_us,
            action: "restore",
        };
        let groups = deleted.groups.clone();
        let body = self.full(access, &stored(deleted), &Default::default())?;
        let creation = self.creation_of(access, birth, body, stamp)?;
        self.create_in(tx, access, &creation).await?;
        let mut came = 0;
        for group in &groups {
            if self.rejoin(tx, access, (*group, id), &hearers, stamp).await? {
                came += 1;
            }
        }
        Ok(Restored { txn: stamp.txn.clone(), groups: came, lost_groups: groups.len() - came })
    }

    /// Puts a user back into a group, if that is there.
    async fn rejoin(
        &self,
        tx: &TenantTx,
        access: &Access,
        (group, user): (ResourceId, ResourceId),
        hearers: &[Hearer],
        stamp: &Stamp,
    ) -> Result<bool, ProvisionError> {
        let Some(group) = tx.resource_for_update(ResourceType::GROUP, group).await? else {
            return Ok(false);
        };
        let row = MemberRow { id: user, resource_type: ResourceType::USER, display: None };
        let members = MemberChanges { add: vec![row], ..MemberChanges::default() };
        let document = read(&group)?;
        let shift = Shift::of_group(group.id, (&document, &document), &members);
        let outlook = Outlook::before(tx, hearers.to_vec(), shift).await?;
        tx.apply(&self.touch(access, &group, (members, "regain member"), stamp)?).await?;
        if let Some(outlook) = outlook {
            outlook.tell(tx, &self.clock, stamp).await?;
        }
        Ok(true)
    }

    /// Forgets a deleted user for good; whether there was one.
    pub(super) async fn erase(&self, access: &Access, id: ResourceId) -> Result<bool, StoreError> {
        let at_us = self.now_us();
        let entry = Arc::new(self.audit(access, "erase", Vec::new()));
        self.store
            .tenant(access.caller.tenant)
            .write(move |tx| {
                let entry = Arc::clone(&entry);
                Box::pin(async move {
                    let found = tx.take_deleted(id).await?.is_some();
                    if found {
                        tx.forget_values(id).await?;
                        tx.audit_of(&entry, (ResourceType::USER, id), at_us).await?;
                    }
                    Ok(found)
                })
            })
            .await
    }
}

/// The user as they were stored.
fn stored(deleted: DeletedUser) -> StoredResource {
    StoredResource {
        id: deleted.id,
        version: deleted.version,
        created_us: deleted.created_us,
        modified_us: deleted.deleted_us,
        document: deleted.document,
    }
}
