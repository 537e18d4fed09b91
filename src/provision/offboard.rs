//! One person's leave, as an operator asks for it by name.

use std::sync::Arc;

use serde_json::json;

use super::{Access, ProvisionError, Provisioner, patch::Patching, record::Stamp};
use crate::{
    scim::{
        ScimError,
        patch::PatchOp,
        resource::{Preconditions, ResourceId},
    },
    store::TenantTx,
};

/// What becomes of the account of somebody who leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It stays and is inactive.
    Deactivate,
    /// It is deleted.
    Delete,
}

/// What somebody's leave came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Departed {
    /// The account is inactive or gone; its receipt is found by the transaction.
    Gone(String),
    /// It was inactive before.
    WasInactive,
}

impl Provisioner {
    /// Lets a user leave: their sessions end. If the account is inactive already, who
    /// has not ended the sessions is told again.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Forbidden` if the user is protected.
    pub(super) async fn offboard(
        &self,
        access: &Access,
        id: ResourceId,
        departure: Departure,
    ) -> Result<Departed, ProvisionError> {
        let (this, acting) = (self.clone(), access.clone());
        let stamp = Arc::new(self.stamp());
        self.store
            .tenant(access.caller.tenant)
            .write(move |tx| {
                let (this, access, stamp) = (this.clone(), acting.clone(), Arc::clone(&stamp));
                Box::pin(
                    async move { this.offboard_in(tx, &access, (id, departure), &stamp).await },
                )
            })
            .await
    }

    async fn offboard_in(
        &self,
        tx: &TenantTx,
        access: &Access,
        (id, departure): (ResourceId, Departure),
        stamp: &Stamp,
    ) -> Result<Departed, ProvisionError> {
        let gone = Departed::Gone(stamp.txn.clone());
        if departure == Departure::Delete {
            self.delete_in(tx, access, id, &Preconditions::default(), stamp).await?;
            return Ok(gone);
        }
        let before = tx.resource_for_update(access.resource_type.code, id).await?;
        let before = before.ok_or_else(|| access.not_found(&id.to_string()))?;
        let work = deactivation(access)?;
        let after = self.modify_in(tx, access, id, &work, stamp).await?;
        Ok(match after.stored.version == before.version {
            true => Departed::WasInactive,
            false => gone,
        })
    }
}

fn deactivation(access: &Access) -> Result<Patching, ScimError> {
    let message = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": false }],
    });
    let message = message.as_object().cloned().unwrap_or_default();
    let patch = PatchOp::parse(message, &access.resource_type, access.leniency())?;
    Ok(Patching { patch, preconditions: Preconditions::default() })
}
