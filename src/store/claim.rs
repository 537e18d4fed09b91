//! What a write must not break: unique values, and the schemas it was judged by.
//!
//! A unique value is a row of `unique_value`, whose primary key decides between
//! two writers. Both tests are part of the write itself. On PostgreSQL they are
//! functions of the schema that end the transaction; SQLite's writer is alone, so
//! there values are looked up just before, and the version is null if the schemas
//! have changed, which the row refuses.

use sea_orm::{DbBackend, Value};

use super::{
    Change, ResourceKeys, RowChange, StoreError, TenantTx, change::Piece, keys::UniqueValue,
    statement::Sql,
};
use crate::scim::resource::ResourceId;

impl RowChange {
    /// Values that no other resource may have after the change.
    pub(super) fn unique_values(&self) -> &[UniqueValue] {
        match self {
            Self::Insert { keys, .. } | Self::Update { keys, .. } => &keys.unique_values,
            Self::Touch | Self::Stay | Self::Delete { .. } => &[],
        }
    }
}

impl TenantTx {
    /// The version of a resource, if the schemas are those it was judged by.
    pub(super) fn judged(&self, change: &Change, keys: &ResourceKeys) -> Sql {
        match self.backend {
            DbBackend::Postgres => Sql::new("muster_judged(?, ?, ?)")
                .bind(self.owner())
                .bind(keys.judged_by)
                .bind(change.version.0),
            _ => Sql::new("(select ? from tenant where id = ?")
                .bind(change.version.0)
                .bind(self.owner())
                .push(" and schema_version = ?)")
                .bind(keys.judged_by),
        }
    }

    /// Refuses a change that claims another resource's value.
    pub(super) async fn check_free(
        &self,
        change: &Change,
        claimed: &[UniqueValue],
    ) -> Result<(), StoreError> {
        if claimed.is_empty() {
            return Ok(());
        }
        let sql = Sql::new("select path from unique_value where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_type = ?")
            .bind(change.resource_type)
            .push(" and (path, value_key) in (values ")
            .rows(pairs(claimed))
            .push(") and resource_id <> ? limit 1")
            .bind(change.id.get());
        match self.one(sql).await? {
            Some(row) => Err(StoreError::Taken(row.try_get_by_index(0)?)),
            None => Ok(()),
        }
    }

    /// The pieces that let go of what is not claimed any more, and claim the rest.
    pub(super) fn claim_pieces(&self, change: &Change) -> Vec<Piece> {
        let claimed = change.row.unique_values();
        let mut pieces = Vec::new();
        if matches!(change.row, RowChange::Update { .. }) {
            let freed = self.release_values(change.id);
            // Rows that stay must be neither deleted nor inserted by one statement.
            let freed = match self.backend {
                DbBackend::Postgres if !claimed.is_empty() => {
                    freed.push(" and (path, value_key) not in (").rows(pairs(claimed)).push(")")
                }
                _ => freed,
            };
            pieces.push(Piece { name: "freed", sql: freed });
        }
        if !claimed.is_empty() {
            pieces.push(Piece { name: "claimed", sql: self.claim_values(change, claimed) });
        }
        pieces
    }

    fn claim_values(&self, change: &Change, claimed: &[UniqueValue]) -> Sql {
        let insert = Sql::new(
            "insert into unique_value (tenant_id, resource_type, path, value_key, resource_id) ",
        );
        if self.backend != DbBackend::Postgres {
            let row = |value: &UniqueValue| {
                vec![
                    self.owner(),
                    change.resource_type.into(),
                    value.path.clone().into(),
                    value.key.clone().into(),
                    change.id.get().into(),
                ]
            };
            return insert.push("values ").rows(claimed.iter().map(row));
        }
        insert
            .push("select ?, ?, v.path, v.value_key, ? from (values ")
            .bind(self.owner())
            .bind(change.resource_type)
            .bind(change.id.get())
            .rows(pairs(claimed))
            .push(") as v (path, value_key) where not ")
            .append(self.is_own(change))
            .push(" on conflict do nothing returning path, value_key")
    }

    /// Ends the transaction if a value was claimed in vain.
    pub(super) fn refusal(&self, change: &Change) -> Option<Sql> {
        let claimed = change.row.unique_values();
        (!claimed.is_empty()).then(|| {
            Sql::new("muster_refused((select v.path from (values ")
                .rows(pairs(claimed))
                .push(") as v (path, value_key) where not ")
                .append(self.is_own(change))
                .push(
                    " and not exists (select from claimed c
                        where c.path = v.path and c.value_key = v.value_key) limit 1))",
                )
        })
    }

    /// Whether the resource has the value `v` already.
    fn is_own(&self, change: &Change) -> Sql {
        Sql::new("exists (select from unique_value u where u.tenant_id = ?")
            .bind(self.owner())
            .push(" and u.resource_type = ?")
            .bind(change.resource_type)
            .push(" and u.path = v.path and u.value_key = v.value_key and u.resource_id = ?)")
            .bind(change.id.get())
    }

    pub(super) fn release_values(&self, id: ResourceId) -> Sql {
        Sql::new("delete from unique_value").append(self.of_resource("resource_id", id))
    }
}

fn pairs(values: &[UniqueValue]) -> impl Iterator<Item = Vec<Value>> {
    values.iter().map(|value| vec![value.path.clone().into(), value.key.clone().into()])
}
