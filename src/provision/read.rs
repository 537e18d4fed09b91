//! Reading one resource (RFC 7644 §3.4.1).

use super::{Access, Answered, ProvisionError, Provisioner, Terms, represent::Derived};
use crate::{
    event::EventUri,
    tenant::{Caller, Scope},
};

impl Provisioner {
    /// The URIs of the events that are sent, if the caller's tenant has a stream.
    ///
    /// # Errors
    ///
    /// `Store` if the store fails.
    pub async fn event_uris(
        &self,
        caller: &Caller,
    ) -> Result<Option<Vec<&'static str>>, ProvisionError> {
        let sent = EventUri::offered(caller.events.full_events);
        let has_streams = self.store.tenant(caller.tenant).has_streams().await?;
        Ok(has_streams.then(|| sent.map(EventUri::as_str).collect()))
    }

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
        self.shown(access, id, terms).await
    }

    /// As [`Provisioner::read`], for an answer to who has just written it.
    pub(super) async fn shown(
        &self,
        access: &Access,
        id: &str,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
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
