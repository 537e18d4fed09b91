//! The record of who changed what.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::{Change, StoreError, TenantTx, View, statement::Sql};
use crate::{scim::resource::ResourceId, tenant::TenantId};

/// Who did something, and what it was.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// The entry's id.
    pub id: Uuid,
    /// Who: `token:<id>`, `operator:<id>` or `admin:<tenant>/<name>`.
    pub actor: String,
    /// The connection whose token it was.
    pub connection: Option<Uuid>,
    /// What, such as `users.patch`.
    pub action: Cow<'static, str>,
    /// Names of the attributes that changed.
    pub attributes: Vec<String>,
    /// Their values before and after, JSON text.
    pub changes: Option<String>,
}

impl AuditEntry {
    /// That `actor` did `action`.
    pub fn new(id: Uuid, actor: String, action: impl Into<Cow<'static, str>>) -> Self {
        let action = action.into();
        Self { id, actor, connection: None, action, attributes: Vec::new(), changes: None }
    }
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
    /// The connection whose token it was.
    pub connection: Option<Uuid>,
    /// What.
    pub action: String,
    /// The transaction, which the events of the change share.
    pub txn: String,
    /// Code of the type and id of the resource, if it was done to one.
    pub resource: Option<(i16, ResourceId)>,
    /// Names of the attributes that changed.
    pub attributes: Vec<String>,
    /// Their values before and after, JSON text, until they are forgotten.
    pub changes: Option<String>,
    /// SHA-256 of the values, which stays.
    pub changes_digest: Option<Vec<u8>>,
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
        let select = format!("select {COLUMNS} from audit_entry where tenant_id = ?");
        let sql = Sql::new(&select).bind(self.owner());
        let sql = match filter.resource {
            Some(resource) => sql.push(" and resource_id = ?").bind(resource.get()),
            None => sql,
        };
        let sql = sql
            .push(" and id > ? order by id limit ?")
            .bind(filter.after.unwrap_or_default())
            .bind(i64::from(filter.limit));
        self.all(sql).await?.iter().map(read).collect()
    }
}

/// Columns of an entry, as [`read`] takes them.
pub(super) const COLUMNS: &str = "id, at_us, actor, action, txn, resource_type, resource_id, \
                                  attributes, changes, changes_digest, connection_id";
/// How many they are.
pub(super) const WIDTH: usize = 11;

pub(super) fn read(row: &QueryResult) -> Result<AuditRow, StoreError> {
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
        changes: row.try_get_by_index(8)?,
        changes_digest: row.try_get_by_index(9)?,
        connection: row.try_get_by_index(10)?,
    })
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

    /// Entries of a transaction that was named after `since`, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn entries_of(
        &self,
        txn: &str,
        since: Uuid,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let select = format!("select {COLUMNS} from audit_entry where tenant_id = ?");
        let sql = Sql::new(&select)
            .bind(self.owner())
            .push(" and id > ?")
            .bind(since)
            .push(" and txn = ?")
            .bind(txn)
            .push(" order by id limit ?")
            .bind(i64::from(limit));
        self.all(sql).await?.iter().map(read).collect()
    }

    /// Forgets the values in the entries of a resource; that it was changed stays.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_values(&self, resource: ResourceId) -> Result<(), StoreError> {
        let sql = Sql::new("update audit_entry set changes = null where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_id = ?")
            .bind(resource.get())
            .push(" and changes is not null");
        self.run(sql).await.map(|_| ())
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
    let digest =
        entry.changes.as_ref().map(|text| digest(&SHA256, text.as_bytes()).as_ref().to_vec());
    Sql::new(
        "insert into audit_entry (tenant_id, id, at_us, actor, action, txn, resource_type,
            resource_id, attributes, changes, changes_digest, connection_id) values ",
    )
    .rows([vec![
        tenant,
        entry.id.into(),
        at_us.into(),
        entry.actor.clone().into(),
        entry.action.clone().into_owned().into(),
        txn.into(),
        code.into(),
        id.map(ResourceId::get).into(),
        entry.attributes.join(" ").into(),
        entry.changes.clone().into(),
        digest.into(),
        entry.connection.into(),
    ]])
}
