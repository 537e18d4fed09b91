//! Replacing a resource (RFC 7644 §3.5.1).

use bytes::Bytes;

use super::{
    Access, Answered, ProvisionError, Provisioner, Terms, change::Modification, members::Delta,
};
use crate::{
    scim::{json, resource::validate},
    tenant::Scope,
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
        access: &Access,
        id: &str,
        body: &Bytes,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        access.authorise(Scope::Write)?;
        let body = json::parse_object(body)?;
        let known = access.id(id)?;
        let preconditions = terms.preconditions.clone();
        self.modify(access, known, terms, "replace", move |access, stored, document| {
            preconditions.check(stored.version)?;
            let leniency = access.leniency();
            let incoming = validate(&access.resource_type, body.clone(), Some(document), leniency)?;
            let members = match access.resource_type.is_group() {
                true => Delta::replacing(incoming.members.unwrap_or_default()),
                false => Delta::default(),
            };
            Ok(Modification { document: incoming.document, members, ignored: incoming.ignored })
        })
        .await
    }
}
