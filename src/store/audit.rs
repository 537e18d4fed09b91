//! The record of who changed what.

use uuid::Uuid;

use super::{Change, StoreError, TenantTx, statement::Sql};

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

impl TenantTx {
    /// Remembers what was done to no resource.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn audit(&self, entry: &AuditEntry, at_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into audit_entry (tenant_id, id, at_us, actor, action, txn, attributes) values ",
        )
        .rows([vec![
            self.owner(),
            entry.id.into(),
            at_us.into(),
            entry.actor.clone().into(),
            entry.action.into(),
            format!("tx_{}", entry.id).into(),
            entry.attributes.join(" ").into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    pub(super) fn insert_audit(&self, entry: &AuditEntry, change: &Change) -> Sql {
        Sql::new(
            "insert into audit_entry (tenant_id, id, at_us, actor, action, txn, resource_type,
                resource_id, attributes) values ",
        )
        .rows([vec![
            self.owner(),
            entry.id.into(),
            change.at_us.into(),
            entry.actor.clone().into(),
            entry.action.into(),
            change.txn.clone().into(),
            change.resource_type.into(),
            change.id.get().into(),
            entry.attributes.join(" ").into(),
        ]])
    }
}
