//! What is set for the events of a tenant.

use serde_json::{Map, Value};

use super::{Operator, OperatorError};
use crate::{event::EventSettings, scim::schema::Registry, store::StoreError, tenant::Settings};

impl Operator {
    /// What is set for a tenant's events.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn event_settings(&self, tenant: &str) -> Result<EventSettings, OperatorError> {
        Ok(self.tenant_row(tenant).await?.events)
    }

    /// Changes what is set for a tenant's events, by name; `null` is the default
    /// again. Every replica acts on it within a second.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if a setting is unknown or cannot be.
    pub async fn change_event_settings(
        &self,
        tenant: &str,
        change: Map<String, Value>,
    ) -> Result<EventSettings, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        let definitions = self.store.tenant(row.id).view().await?.definitions().await?;
        let registry = definitions
            .registry()
            .map_err(|error| StoreError::Damaged(format!("a tenant's schema: {error}")))?;
        let changed = self
            .store
            .change_tenant_settings(row.id, move |settings: &EventSettings| {
                let settings = settings.merged(&change)?;
                check_paths(&settings, &registry)?;
                Ok::<_, OperatorError>(settings)
            })
            .await?;
        changed.ok_or_else(|| OperatorError::NotFound(format!("tenant `{tenant}`")))
    }
}

/// A path that no user has would do nothing, and nobody would notice.
fn check_paths(settings: &EventSettings, registry: &Registry) -> Result<(), OperatorError> {
    let user = registry.user();
    let known: Vec<String> = user.attributes().map(|at| at.to_string()).collect();
    let named = [("locked_by", &settings.locked_by), ("suspended_by", &settings.suspended_by)];
    let single = named.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
    let claims = settings.claims.iter().map(|path| ("claims", path));
    for (name, path) in single.chain(claims) {
        if !known.contains(path) {
            return Err(OperatorError::Invalid(format!(
                "`{name}`: users have no attribute `{path}`; it is written as in \
                 `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`"
            )));
        }
    }
    Ok(())
}
