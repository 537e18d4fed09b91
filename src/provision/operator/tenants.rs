//! Tenants.

use std::{sync::Arc, time::Duration};

use super::{NewTenant, Operator, OperatorError, TenantRecord};
use crate::{
    store::{self, KeyError, NewTenantRow, StoreError, TenantState, UniqueKey},
    tenant::is_name,
};

/// After this long, what was admitted before a deletion has ended, or nearly so;
/// the deletion ends when it finds nothing more after such a pause.
const ADMITTED: Duration = Duration::from_millis(1_500);

impl Operator {
    /// Makes a tenant with a signing key of its own.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Invalid`] if the name cannot stand in a URL;
    /// [`OperatorError::Exists`] if it is taken; [`OperatorError::NotFound`] if there is no
    /// such parent.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<TenantRecord, OperatorError> {
        check_name("tenant", &new.name)?;
        let parent = match &new.parent {
            Some(parent) => Some(self.tenant_row(parent).await?.id),
            None => None,
        };
        let created_us = self.clock.now_us();
        let kid = store::kid(&new.name, created_us, self.clock.random());
        let made = tokio::task::spawn_blocking(move || store::generate(kid)).await;
        let key = made.map_err(|_| KeyError::Generate)??;
        let row = NewTenantRow {
            name: new.name.clone(),
            subject_issuer: new.subject_issuer,
            parent,
            created_us,
            public_jwk: key.public_jwk(),
        };
        let secret = Arc::clone(&self.secret);
        // Together, so that no tenant is left that could not sign.
        let row = self
            .store
            .insert_tenant(row, move |id| {
                secret.seal_signing_key(id, &key).map_err(OperatorError::from)
            })
            .await;
        match row {
            Ok(row) => Ok(row.into()),
            Err(OperatorError::Store(error)) => {
                Err(taken(error, UniqueKey::TenantName, "tenant", &new.name))
            }
            Err(other) => Err(other),
        }
    }

    /// Every tenant, by name.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Store`] if the database fails.
    pub async fn tenants(&self) -> Result<Vec<TenantRecord>, OperatorError> {
        Ok(self.store.tenants().await?.into_iter().map(Into::into).collect())
    }

    /// Refuses a tenant's credentials until it is resumed.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn suspend_tenant(&self, name: &str) -> Result<TenantRecord, OperatorError> {
        self.set_state(name, TenantState::Suspended).await
    }

    /// Serves a tenant again.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn resume_tenant(&self, name: &str) -> Result<TenantRecord, OperatorError> {
        self.set_state(name, TenantState::Active).await
    }

    /// Deletes a tenant with all it has. Its credentials are refused at once; the
    /// rows go in parts, and a deletion that was cut off can be asked for again.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant; [`OperatorError::InUse`] if
    /// tenants belong to it.
    pub async fn delete_tenant(&self, name: &str) -> Result<(), OperatorError> {
        let row = self.store.tenant_named(name).await?;
        let row = row.ok_or_else(|| OperatorError::NotFound(format!("tenant `{name}`")))?;
        if self.store.has_children(row.id).await? {
            let rule = "tenants belong to this one: they are deleted before it";
            return Err(OperatorError::InUse(rule.to_owned()));
        }
        self.store.set_tenant_state(row.id, TenantState::Deleting).await?;
        loop {
            let mut gone = 0;
            while let some @ 1.. = self.store.delete_some_of(row.id).await? {
                gone += some;
            }
            // A request that was admitted before may still write.
            if gone == 0 {
                break;
            }
            tokio::time::sleep(ADMITTED).await;
        }
        Ok(self.store.delete_tenant_row(row.id).await?)
    }

    async fn set_state(
        &self,
        name: &str,
        state: TenantState,
    ) -> Result<TenantRecord, OperatorError> {
        let row = self.tenant_row(name).await?;
        self.store.set_tenant_state(row.id, state).await?;
        Ok(self.tenant_row(name).await?.into())
    }
}

pub(super) fn check_name(what: &str, name: &str) -> Result<(), OperatorError> {
    match is_name(name) {
        true => Ok(()),
        false => Err(OperatorError::Invalid(format!(
            "a {what}'s name is 1 to 63 lower-case letters, digits and hyphens, \
             with a letter or digit first and last"
        ))),
    }
}

pub(super) fn taken(error: StoreError, key: UniqueKey, what: &str, name: &str) -> OperatorError {
    match error {
        StoreError::Duplicate(duplicate) if duplicate == key => {
            OperatorError::Exists(format!("{what} `{name}`"))
        }
        other => other.into(),
    }
}
