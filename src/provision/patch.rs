//! Patching a resource (RFC 7644 §3.5.2).

use bytes::Bytes;

use super::{
    Access, Answered, ProvisionError, Provisioner, Terms,
    change::{Modification, Modify},
    members::Delta,
};
use crate::{
    scim::{
        ScimError, json,
        patch::{self, PatchOp},
        resource::{Document, Preconditions},
    },
    store::StoredResource,
    tenant::Scope,
};

/// A PATCH.
pub(super) struct Patching {
    /// Its operations.
    pub(super) patch: PatchOp,
    /// Which version it expects.
    pub(super) preconditions: Preconditions,
}

impl Modify for Patching {
    const ACTION: &'static str = "patch";

    fn names_active(&self) -> bool {
        self.patch.set().any(|attribute| attribute.leaf().name == "active")
    }

    fn modify(
        &self,
        access: &Access,
        stored: &StoredResource,
        before: &Document,
    ) -> Result<Modification, ScimError> {
        self.preconditions.check(stored.version)?;
        let leniency = access.leniency();
        let patched = patch::apply(&access.resource_type, before, &self.patch, leniency)?;
        Ok(Modification {
            document: patched.document,
            members: Delta::new(patched.members),
            ignored: patched.ignored,
        })
    }
}

impl Provisioner {
    /// Applies a PATCH to a resource: all of its operations, or none.
    ///
    /// # Errors
    ///
    /// What is wrong with the message, before the resource is looked for;
    /// `NotFound`; `PreconditionFailed` if the version is not the expected one;
    /// what the operations run into.
    pub async fn patch(
        &self,
        access: &Access,
        id: &str,
        body: &Bytes,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        access.authorise(Scope::Write)?;
        let leniency = access.leniency();
        let patch = PatchOp::parse(json::parse_object(body)?, &access.resource_type, leniency)?;
        let known = access.id(id)?;
        let preconditions = terms.preconditions.clone();
        let terms = Terms { projection: terms.projection.showing(patch.set()), ..terms.clone() };
        self.modify(access, known, &terms, Patching { patch, preconditions }).await
    }
}
