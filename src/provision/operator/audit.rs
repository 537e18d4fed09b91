//! The record of who changed what, as it is read.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
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
    /// Who: `token:<id>`, `operator:<id>`, `admin:<tenant>/<name>` or `issuer:<name>`.
    pub actor: String,
    /// Name of the connection whose token it was.
    pub connection: Option<String>,
    /// What, such as `patch`.
    pub action: String,
    /// The resource, as its path below the SCIM base, if it was done to one.
    pub resource: Option<String>,
    /// Names of the attributes that changed.
    pub attributes: Vec<String>,
    /// Their values before and after, until the resource is forgotten. What is secret
    /// is not among them.
    pub changes: Vec<Value>,
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
        let named: HashMap<Uuid, String> =
            store.connections().await?.into_iter().map(|row| (row.id, row.name)).collect();
        // Older entries name the token alone.
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
        Ok(rows.into_iter().map(|row| record(row, &registry, (&named, &connections))).collect())
    }
}

fn record(
    row: AuditRow,
    registry: &Registry,
    (named, connections): (&HashMap<Uuid, String>, &HashMap<String, String>),
) -> AuditRecord {
    let path = |(code, id): (i16, ResourceId)| match registry.by_code(code) {
        Some(kind) => format!("{}/{id}", kind.endpoint),
        // Its type is gone with its schema.
        None => format!("/{id}"),
    };
    AuditRecord {
        id: row.id,
        at: row.at_us,
        connection: row
            .connection
            .and_then(|id| named.get(&id))
            .or_else(|| connections.get(&row.actor))
            .cloned(),
        actor: row.actor,
        action: row.action,
        resource: row.resource.map(path),
        attributes: row.attributes,
        changes: row.changes.as_deref().map(values).unwrap_or_default(),
        txn: row.txn,
    }
}

/// The values in what is kept of a change.
fn values(text: &str) -> Vec<Value> {
    let mut kept: Value = serde_json::from_str(text).unwrap_or_default();
    match kept.get_mut("values").map(Value::take) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    }
}
