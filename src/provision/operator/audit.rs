//! The record of who changed what, as it is read.

use std::collections::HashMap;

use serde::Serialize;
use uuid::Uuid;

use super::{Operator, OperatorError, records::date_time};
use crate::{
    scim::{resource::ResourceId, schema::Registry},
    store::{AuditFilter, AuditRow, StoreError},
};

/// Entries of a page, at most.
const MOST: u32 = 1_000;
/// Entries of a page if it is not said.
const PAGE: u32 = 100;

/// An entry of the record.
#[derive(Debug, Clone, Serialize)]
pub struct AuditRecord {
    /// Its id; later entries have greater ones.
    pub id: Uuid,
    /// When it was, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub at: i64,
    /// Who: `token:<id>`, `operator:<id>` or `issuer:<name>`.
    pub actor: String,
    /// Name of the token's connection, while the tenant has it.
    pub connection: Option<String>,
    /// What, such as `patch`.
    pub action: String,
    /// The resource, as its path below the SCIM base, if it was done to one.
    pub resource: Option<String>,
    /// Names of the attributes that changed; never their values.
    pub attributes: Vec<String>,
    /// The transaction, which the events of the change share.
    pub txn: String,
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Those of the resource with this id.
    pub resource: Option<String>,
    /// Those behind the one with this id.
    pub after: Option<Uuid>,
    /// How many at most.
    pub limit: Option<u32>,
}

impl Operator {
    /// The record of a tenant, oldest first.
    ///
    /// On PostgreSQL an entry whose change took long can come before one that was
    /// read already: who follows the record begins a minute before its end.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if the resource's id cannot be one.
    pub async fn audit(
        &self,
        tenant: &str,
        query: &AuditQuery,
    ) -> Result<Vec<AuditRecord>, OperatorError> {
        let wrong = || OperatorError::Invalid("`resource`: expected the id of one".to_owned());
        let resource = query.resource.as_deref();
        let resource = resource.map(|id| ResourceId::parse(id).ok_or_else(wrong)).transpose()?;
        let limit = query.limit.unwrap_or(PAGE).min(MOST);
        let filter = AuditFilter { resource, after: query.after, limit };
        let store = self.tenant_store(tenant).await?;
        let tokens = store.credentials().await?;
        let connections: HashMap<String, String> = tokens
            .into_iter()
            .filter_map(|row| Some((format!("token:{}", row.id), row.connection?)))
            .collect();
        let view = store.view().await?;
        let definitions = view.definitions().await?;
        let registry = definitions
            .registry()
            .map_err(|error| StoreError::Damaged(format!("a tenant's schema: {error}")))?;
        let rows = view.audit_entries(filter).await?;
        Ok(rows.into_iter().map(|row| record(row, &registry, &connections)).collect())
    }
}

fn record(
    row: AuditRow,
    registry: &Registry,
    connections: &HashMap<String, String>,
) -> AuditRecord {
    let path = |(code, id): (i16, ResourceId)| match registry.by_code(code) {
        Some(kind) => format!("{}/{id}", kind.endpoint),
        // Its type is gone with its schema.
        None => format!("/{id}"),
    };
    AuditRecord {
        id: row.id,
        at: row.at_us,
        connection: connections.get(&row.actor).cloned(),
        actor: row.actor,
        action: row.action,
        resource: row.resource.map(path),
        attributes: row.attributes,
        txn: row.txn,
    }
}
