//! Replacing a resource (RFC 7644 §3.5.1).

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Answered, ProvisionError, Provisioner, Terms, authorise, change::Modification, expect_version,
    members::Delta, not_found,
};
use crate::{
    scim::{
        json,
        resource::{ResourceId, validate},
        schema::ResourceType,
    },
    tenant::{Caller, Scope},
};

impl Provisioner {
    /// Replaces a resource by a body. What stays the same is not written.
    ///
    /// # Errors
    ///
    /// `NotFound`; `PreconditionFailed` if the version is not the expected one;
    /// what [`Provisioner::create`] gives; `Mutability` if an immutable attribute
    /// would change.
    pub async fn replace(
        &self,
        caller: &Caller,
        resource_type: &Arc<ResourceType>,
        id: &str,
        body: &Bytes,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        authorise(caller, Scope::Write)?;
        let body = json::parse_object(body)?;
        let known = ResourceId::parse(id).ok_or_else(|| not_found(resource_type, id))?;
        let if_match = terms.if_match.clone();
        self.modify(
            caller,
            resource_type,
            known,
            terms,
            "replace",
            move |caller, resource_type, stored, document| {
                expect_version(if_match.as_ref(), stored.version)?;
                let leniency = caller.dialect.leniency();
                let incoming = validate(resource_type, body.clone(), Some(document), leniency)?;
                let members = match resource_type.is_group() {
                    true => Delta::replacing(incoming.members.unwrap_or_default()),
                    false => Delta::default(),
                };
                Ok(Modification { document: incoming.document, members, ignored: incoming.ignored })
            },
        )
        .await
    }
}
