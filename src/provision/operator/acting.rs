//! An operator who does to users what a directory could do.

use std::sync::Arc;

use uuid::Uuid;

use super::{Operator, OperatorError};
use crate::{
    provision::{Access, Mode, ProvisionError},
    scim::{
        ScimError,
        dialect::Dialect,
        resource::{Document, ResourceId},
    },
    store::{StoreError, TenantRow},
    tenant::{AllowedNetworks, Caller, Scope, TenantLimits},
};

impl Operator {
    /// The access to a tenant's users of the one whom the record calls `actor`. The
    /// brake does not hold them.
    pub(super) async fn acting(
        &self,
        tenant: TenantRow,
        actor: &str,
    ) -> Result<Access, OperatorError> {
        let definitions = self.store.tenant(tenant.id).view().await?.definitions().await?;
        let registry = self.store.registry(tenant.id, definitions.version).await?;
        let resource_type = registry.user();
        let caller = Caller {
            tenant: tenant.id,
            tenant_name: tenant.name.into(),
            credential: Uuid::nil(),
            connection: Uuid::nil(),
            dialect: Dialect::Generic,
            settings: Arc::default(),
            events: Arc::new(tenant.events),
            registry,
            scopes: [Scope::Read, Scope::Write].into(),
            expires_us: i64::MAX,
            limits: TenantLimits::default(),
            networks: AllowedNetworks::default(),
            subject: None,
            operator: Some(actor.into()),
        };
        Ok(Access { caller: Arc::new(caller), resource_type, mode: Mode::Real })
    }
}

impl From<ProvisionError> for OperatorError {
    fn from(error: ProvisionError) -> Self {
        match error {
            ProvisionError::Scim(error @ ScimError::NotFound { .. }) => {
                Self::NotFound(error.to_string().replace(" was not found", ""))
            }
            ProvisionError::Scim(
                error @ (ScimError::Uniqueness { .. } | ScimError::Forbidden(_) | ScimError::Held),
            ) => Self::InUse(error.to_string()),
            ProvisionError::Store(error) => Self::Store(error),
            refused => Self::Invalid(refused.to_string()),
        }
    }
}

/// The id of a user that a request names.
pub(super) fn user_id(id: &str) -> Result<ResourceId, OperatorError> {
    let shown = || id.chars().filter(|char| !char.is_control()).take(64).collect::<String>();
    ResourceId::parse(id).ok_or_else(|| OperatorError::NotFound(format!("user `{}`", shown())))
}

/// The `userName` in a stored document.
pub(super) fn user_name(document: &str) -> Result<Option<String>, StoreError> {
    let document =
        Document::from_json(document).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(document.user_name().map(str::to_owned))
}
