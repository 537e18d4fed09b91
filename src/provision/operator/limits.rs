//! How much a tenant may ask for.

use serde_json::{Map, Value};

use super::{Operator, OperatorError};
use crate::tenant::{Settings, TenantLimits};

impl Operator {
    /// How much a tenant may ask for.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn limits(&self, tenant: &str) -> Result<TenantLimits, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        let limits = self.store.tenant_settings(row.id).await?;
        limits.ok_or_else(|| OperatorError::NotFound(format!("tenant `{tenant}`")))
    }

    /// Changes how much a tenant may ask for, by name; `null` is the default again.
    /// Every replica acts on it within a second.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if a limit is unknown or cannot be.
    pub async fn change_limits(
        &self,
        tenant: &str,
        change: Map<String, Value>,
    ) -> Result<TenantLimits, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        let merge = move |limits: &TenantLimits| Ok::<_, OperatorError>(limits.merged(&change)?);
        let changed = self.store.change_tenant_settings(row.id, merge).await?;
        changed.ok_or_else(|| OperatorError::NotFound(format!("tenant `{tenant}`")))
    }
}
