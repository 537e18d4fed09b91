//! Patching a resource (RFC 7644 §3.5.2).

use bytes::Bytes;

use super::{
    Access, Answered, ProvisionError, Provisioner, Terms, change::Modification, members::Delta,
};
use crate::{
    scim::{
        json,
        patch::{self, PatchOp},
    },
    tenant::Scope,
};

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
        self.modify(access, known, terms, "patch", move |access, stored, document| {
            preconditions.check(stored.version)?;
            let patched = patch::apply(&access.resource_type, document, &patch, access.leniency())?;
            Ok(Modification {
                document: patched.document,
                members: Delta::new(patched.members),
                ignored: patched.ignored,
            })
        })
        .await
    }
}
