//! Replacing a resource (RFC 7644 §3.5.1).

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    Access, Answered, ProvisionError, Provisioner, Terms,
    change::{Modification, Modify},
    members::Delta,
};
use crate::{
    scim::{
        ScimError, json,
        resource::{Document, Preconditions, given, validate},
    },
    store::StoredResource,
    tenant::Scope,
};

/// A PUT.
pub(super) struct Replacement {
    /// What shall be there.
    pub(super) body: Map<String, Value>,
    /// Which version it expects.
    pub(super) preconditions: Preconditions,
}

impl Modify for Replacement {
    const ACTION: &'static str = "replace";

    fn names_active(&self) -> bool {
        self.body.keys().any(|name| name.eq_ignore_ascii_case("active"))
    }

    fn modify(
        &self,
        access: &Access,
        stored: &StoredResource,
        before: &Document,
    ) -> Result<Modification, ScimError> {
        self.preconditions.check(stored.version)?;
        let (body, leniency) = (self.body.clone(), access.leniency());
        let incoming = validate(&access.resource_type, body, Some(before), leniency)?;
        let members = match access.resource_type.is_group() {
            true => Delta::replacing(incoming.members.unwrap_or_default()),
            false => Delta::default(),
        };
        Ok(Modification { document: incoming.document, members, ignored: incoming.ignored })
    }
}

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
        let projection = terms.projection.showing(&given(&access.resource_type, &body));
        let terms = Terms { projection, ..terms.clone() };
        self.modify(access, known, &terms, Replacement { body, preconditions }).await
    }
}
