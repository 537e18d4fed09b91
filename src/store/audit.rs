//! The record of who changed what.

use sea_orm::Value;
use uuid::Uuid;

use super::{Change, StoreError, TenantTx, View, statement::Sql};
use crate::{scim::resource::ResourceId, tenant::TenantId};

/// Who did something, and what it was.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// The entry's id.
    pub id: Uuid,
    /// Who: `token:<id>` or `operator:<id>`.
    pub actor: String,
    /// What, such as `users.patch`.
    pub action: &'static str,
    /// Names of the attributes that changed; never their values.
    pub attributes: Vec<String>,
}

/// An entry as it is kept.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// The entry's id; later entries have greater ones.
    pub id: Uuid,
    /// When it was, in microseconds since 1970.
    pub at_us: i64,
    /// Who: `token:<id>`, `operator:<id>` or `issuer:<name>`.
    pub actor: String,
    /// What.
    pub action: String,
    /// The transaction, which the events of the change share.
    pub txn: String,
    /// Code of the type and id of the resource, if it was done to one.
    pub resource: Option<(i16, ResourceId)>,
    /// Names of the attributes that changed.
    pub attributes: Vec<String>,
}

/// Which entries are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter {
    /// Those of this resource.
    pub resource: Option<ResourceId>,
    /// Those behind the one with this id.
    pub after: Option<Uuid>,
    /// How many at most.
    pub limit: u32,
}

impl View {
    /// Entries of the tenant's record, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn audit_entries(&self, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        let sql = Sql::new(
            "select id, at_us, actor, action, txn, resource_type, resource_id, attributes
             from audit_entry where tenant_id = ?",
        )
        .bind(self.owner());
        let sql = match filter.resource {
            Some(resource) => sql.push(" and resource_id = ?").bind(resource.get()),
            None => sql,
        };
        let sql = sql
            .push(" and id > ? order by id limit ?")
            .bind(filter.after.unwrap_or_default())
            .bind(i64::from(filter.limit));
        let rows = self.all(sql).await?;
        rows.iter()
            .map(|row| {
                let code: Option<i16> = row.try_get_by_index(5)?;
                let resource: Option<Uuid> = row.try_get_by_index(6)?;
                let attributes: String = row.try_get_by_index(7)?;
                Ok(AuditRow {
                    id: row.try_get_by_index(0)?,
                    at_us: row.try_get_by_index(1)?,
                    actor: row.try_get_by_index(2)?,
                    action: row.try_get_by_index(3)?,
                    txn: row.try_get_by_index(4)?,
                    resource: code.zip(resource.map(ResourceId::new)),
                    attributes: attributes.split_whitespace().map(str::to_owned).collect(),
                })
            })
            .collect()
    }
}

impl TenantTx {
    /// Remembers what was done to no resource.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn audit(&self, entry: &AuditEntry, at_us: i64) -> Result<(), StoreError> {
        let txn = format!("tx_{}", entry.id);
        self.run(insert_entry(self.owner(), entry, None, (&txn, at_us))).await.map(|_| ())
    }

    /// Remembers in the record of `tenant` what was done across tenants.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn audit_in(
        &self,
        tenant: TenantId,
        entry: &AuditEntry,
        at_us: i64,
    ) -> Result<(), StoreError> {
        let txn = format!("tx_{}", entry.id);
        self.run(insert_entry(tenant.get().into(), entry, None, (&txn, at_us))).await.map(|_| ())
    }

    /// Remembers what was done to a resource that stays as it is, or is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn audit_of(
        &self,
        entry: &AuditEntry,
        resource: (i16, ResourceId),
        at_us: i64,
    ) -> Result<(), StoreError> {
        let txn = format!("tx_{}", entry.id);
        self.run(insert_entry(self.owner(), entry, Some(resource), (&txn, at_us))).await.map(|_| ())
    }

    pub(super) fn insert_audit(&self, entry: &AuditEntry, change: &Change) -> Sql {
        let resource = (change.resource_type, change.id);
        insert_entry(self.owner(), entry, Some(resource), (&change.txn, change.at_us))
    }
}

fn insert_entry(
    tenant: Value,
    entry: &AuditEntry,
    resource: Option<(i16, ResourceId)>,
    (txn, at_us): (&str, i64),
) -> Sql {
    let (code, id) = resource.unzip();
    Sql::new(
        "insert into audit_entry (tenant_id, id, at_us, actor, action, txn, resource_type,
            resource_id, attributes) values ",
    )
    .rows([vec![
        tenant,
        entry.id.into(),
        at_us.into(),
        entry.actor.clone().into(),
        entry.action.into(),
        txn.into(),
        code.into(),
        id.map(ResourceId::get).into(),
        entry.attributes.join(" ").into(),
    ]])
}
