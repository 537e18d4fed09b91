//! Reading one resource (RFC 7644 §3.4.1).

use super::{Answered, ProvisionError, Provisioner, Terms, authorise, not_found};
use crate::{
    scim::{resource::ResourceId, schema::ResourceType},
    tenant::{Caller, Scope},
};

impl Provisioner {
    /// Reads a resource. The answer has no body if the client has this version
    /// already (`If-None-Match`).
    ///
    /// # Errors
    ///
    /// `NotFound` if the tenant has no such resource; another tenant's looks the same.
    pub async fn read(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: &str,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        authorise(caller, Scope::Read)?;
        let known = ResourceId::parse(id).ok_or_else(|| not_found(resource_type, id))?;
        let view = self.store.tenant(caller.tenant).view().await?;
        let with_groups = resource_type.is_user() && terms.projection.wants("groups");
        let found = match with_groups {
            true => view
                .resource_with_groups(resource_type.code, known)
                .await?
                .map(|(stored, groups)| (stored, self.groups(caller, &groups))),
            false => view
                .resource(resource_type.code, known)
                .await?
                .map(|stored| (stored, super::represent::Derived::default())),
        };
        let (stored, mut derived) = found.ok_or_else(|| not_found(resource_type, id))?;
        if terms.if_none_match.as_ref().is_some_and(|known| known.matches(stored.version)) {
            return Ok(Answered {
                version: stored.version,
                location: self.location(caller, resource_type, stored.id),
                body: None,
                ignored: Vec::new(),
            });
        }
        if resource_type.is_group() && terms.projection.wants("members") {
            derived = self.members(caller, &view, stored.id).await?;
        }
        self.answer(caller, resource_type, &stored, &derived, terms)
    }
}
