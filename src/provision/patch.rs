//! Patching a resource (RFC 7644 §3.5.2).

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Answered, ProvisionError, Provisioner, Terms, authorise, change::Modification, expect_version,
    members::Delta, not_found,
};
use crate::{
    scim::{
        json,
        patch::{self, PatchOp},
        resource::ResourceId,
        schema::ResourceType,
    },
    tenant::{Caller, Scope},
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
        caller: &Caller,
        resource_type: &Arc<ResourceType>,
        id: &str,
        body: &Bytes,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        authorise(caller, Scope::Write)?;
        let leniency = caller.dialect.leniency();
        let patch = PatchOp::parse(json::parse_object(body)?, resource_type, leniency)?;
        let known = ResourceId::parse(id).ok_or_else(|| not_found(resource_type, id))?;
        let if_match = terms.if_match.clone();
        self.modify(
            caller,
            resource_type,
            known,
            terms,
            "patch",
            move |caller, resource_type, stored, document| {
                expect_version(if_match.as_ref(), stored.version)?;
                let patched =
                    patch::apply(resource_type, document, &patch, caller.dialect.leniency())?;
                Ok(Modification {
                    document: patched.document,
                    members: Delta::new(patched.members),
                    ignored: patched.ignored,
                })
            },
        )
        .await
    }
}
