//! Reading one resource (RFC 7644 §3.4.1).

use super::{Access, Answered, ProvisionError, Provisioner, Terms, represent::Derived};
use crate::tenant::Scope;

impl Provisioner {
    /// Reads a resource. The answer has no body if the client has this version
    /// already (`If-None-Match`).
    ///
    /// # Errors
    ///
    /// `NotFound` if the tenant has no such resource; another tenant's looks the same.
    pub async fn read(
        &self,
        access: &Access,
        id: &str,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        access.authorise(Scope::Read)?;
        let known = access.id(id)?;
        let view = self.store.tenant(access.caller.tenant).view().await?;
        let with_groups = access.resource_type.shows_groups() && terms.projection.wants("groups");
        let found = match with_groups {
            true => self.with_groups(access, &view, known).await?,
            false => view
                .resource(access.resource_type.code, known)
                .await?
                .map(|stored| (stored, Derived::default())),
        };
        let (stored, mut derived) = found.ok_or_else(|| access.not_found(id))?;
        if terms
            .preconditions
            .if_none_match
            .as_ref()
            .is_some_and(|known| known.matches(stored.version))
        {
            return Ok(Answered {
                version: stored.version,
                location: self.location(access, stored.id),
                body: None,
                ignored: Vec::new(),
            });
        }
        if access.resource_type.is_group() && terms.projection.wants("members") {
            derived = self.derived(access, &view, stored.id, &terms.projection).await?;
        }
        drop(view);
        self.answer(access, &stored, &derived, terms)
    }
}
