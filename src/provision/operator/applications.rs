//! Applications: what a tenant's people use, and the groups that let them in.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    ApplicationRecord, Operator, OperatorError,
    tenants::{check_name, taken},
};
use crate::{
    provision::{
        gating::{Outlook, Shift},
        record::Stamp,
    },
    scim::resource::ResourceId,
    store::{ApplicationRow, TenantTx, UniqueKey},
};

/// Applications of a tenant.
const APPLICATIONS: i64 = 1_000;
/// Groups that let people into one application.
const GATES: usize = 100;

/// What an application shall be. What is absent stays, and is the default of a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationChange {
    /// Ids of all groups whose members may use it.
    pub groups: Option<Vec<String>>,
    /// Whether sessions end there for who leaves one of the groups and stays in another.
    pub revoke_on_privilege_loss: Option<bool>,
}

impl Operator {
    /// Makes an application.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Exists`] if it has an application of that name;
    /// [`OperatorError::Invalid`] if its name cannot be, or a group is none;
    /// [`OperatorError::InUse`] if the tenant has as many as it may.
    pub async fn create_application(
        &self,
        tenant: &str,
        name: &str,
        change: ApplicationChange,
    ) -> Result<ApplicationRecord, OperatorError> {
        check_name("application", name)?;
        let mut row = ApplicationRow {
            id: self.clock.new_id(),
            name: name.to_owned(),
            groups: Vec::new(),
            revoke_on_privilege_loss: false,
            created_us: self.clock.now_us(),
        };
        set(&mut row, &change)?;
        let row = Arc::new(row);
        let store = self.tenant_store(tenant).await?;
        let made = store.write(move |tx| {
            let row = Arc::clone(&row);
            Box::pin(async move {
                if APPLICATIONS <= tx.count_applications().await? {
                    return Err(OperatorError::InUse(format!(
                        "the tenant has {APPLICATIONS} applications, which is the limit"
                    )));
                }
                check_groups(tx, &row.groups).await?;
                let inserted = tx.insert_application(&row).await;
                inserted.map_err(|error| {
                    taken(error, UniqueKey::ApplicationName, "application", &row.name)
                })?;
                Ok::<_, OperatorError>(ApplicationRow::clone(&row))
            })
        });
        Ok(made.await?.into())
    }

    /// The applications of a tenant, by name.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn applications(
        &self,
        tenant: &str,
    ) -> Result<Vec<ApplicationRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.applications().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Changes what is set for an application.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or application;
    /// [`OperatorError::Invalid`] if a group is none.
    pub async fn change_application(
        &self,
        tenant: &str,
        name: &str,
        change: ApplicationChange,
    ) -> Result<ApplicationRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let (name, change) = (Arc::<str>::from(name), Arc::new(change));
        let clock = self.clock.clone();
        let changed = store.write(move |tx| {
            let (name, change) = (Arc::clone(&name), Arc::clone(&change));
            let clock = clock.clone();
            Box::pin(async move {
                let hearers = tx.hearers().await?;
                let before = tx.application_for_update(&name).await?;
                let before = before.ok_or_else(|| no_application(&name))?;
                let mut row = before.clone();
                set(&mut row, &change)?;
                check_groups(tx, &row.groups).await?;
                let shift = Shift::of_gates(&before, &row);
                let outlook = Outlook::before(tx, hearers, shift).await?;
                tx.update_application(&row).await?;
                if let Some(outlook) = outlook {
                    outlook.tell(tx, &clock, &Stamp::new(&clock, clock.now_us())).await?;
                }
                Ok::<_, OperatorError>(row)
            })
        });
        Ok(changed.await?.into())
    }

    /// Deletes an application that no receiver belongs to.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or application;
    /// [`OperatorError::InUse`] if a receiver belongs to it.
    pub async fn delete_application(&self, tenant: &str, name: &str) -> Result<(), OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let name = Arc::<str>::from(name);
        let deleted = store.write(move |tx| {
            let name = Arc::clone(&name);
            Box::pin(async move {
                let row = tx.application_for_update(&name).await?;
                let row = row.ok_or_else(|| no_application(&name))?;
                if tx.has_receivers(row.id).await? {
                    return Err(OperatorError::InUse(format!(
                        "application `{name}` has receivers: delete its streams, webhooks and \
                         connectors first"
                    )));
                }
                Ok(tx.delete_application(row.id).await?)
            })
        });
        deleted.await
    }

    /// The id of an application, for a receiver that is to belong to it.
    pub(super) async fn application_id(
        &self,
        tenant: &str,
        name: &str,
    ) -> Result<Uuid, OperatorError> {
        let row = self.tenant_store(tenant).await?.application_named(name).await?;
        row.map(|row| row.id).ok_or_else(|| no_application(name))
    }
}

/// What an unknown name of an application is answered with.
pub(super) fn no_application(name: &str) -> OperatorError {
    let name: String = name.chars().filter(|char| !char.is_control()).take(64).collect();
    OperatorError::NotFound(format!("application `{name}`"))
}

fn set(row: &mut ApplicationRow, change: &ApplicationChange) -> Result<(), OperatorError> {
    row.revoke_on_privilege_loss =
        change.revoke_on_privilege_loss.unwrap_or(row.revoke_on_privilege_loss);
    let Some(groups) = &change.groups else { return Ok(()) };
    let ids: Option<Vec<ResourceId>> = groups.iter().map(|id| ResourceId::parse(id)).collect();
    row.groups = ids.ok_or_else(|| {
        OperatorError::Invalid("`groups`: expected ids of groups, as SCIM shows them".to_owned())
    })?;
    row.groups.sort();
    row.groups.dedup();
    match row.groups.len() {
        count if GATES < count => Err(OperatorError::Invalid(format!(
            "`groups`: {count} groups, and the limit is {GATES}; put them into one group"
        ))),
        _ => Ok(()),
    }
}

async fn check_groups(tx: &TenantTx, groups: &[ResourceId]) -> Result<(), OperatorError> {
    let known = tx.groups_among(groups).await?;
    match groups.iter().find(|group| !known.contains(group)) {
        None => Ok(()),
        Some(group) => Err(OperatorError::Invalid(format!(
            "`groups`: the tenant has no group with the id `{group}`"
        ))),
    }
}
