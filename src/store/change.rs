//! One change of one resource, with its index rows, members, events and audit
//! entry: written together.
//!
//! On PostgreSQL the pieces are one data-modifying statement, on SQLite
//! statements of the writer's transaction. Whoever changes an existing row holds
//! its lock, so the pieces need no test of their own.

use std::sync::atomic::Ordering;

use sea_orm::{DbBackend, Value};
use uuid::Uuid;

use super::{
    AuditEntry, MemberChanges, Remains, ResourceKeys, StoreError, TenantTx, statement::Sql,
};
use crate::{
    event::EventUri,
    scim::resource::{ResourceId, Version},
    tenant::StreamId,
};

/// Rows of one statement, so that it stays below the databases' limits.
pub(super) const ROWS: usize = 500;

/// What happens to the row of the resource.
#[derive(Debug, Clone)]
pub enum RowChange {
    /// A new row.
    Insert {
        /// Its document.
        document: String,
        /// Its keys.
        keys: ResourceKeys,
        /// When it was created, which is before the change if it was deleted since.
        created_us: i64,
    },
    /// Another document.
    Update {
        /// The new document.
        document: String,
        /// Its keys.
        keys: ResourceKeys,
        /// Whether the row has the unique key that it shall have. Somebody whose
        /// name turned out to be another's can be changed, and disabled, all the same.
        same_unique: bool,
    },
    /// The same document under a new version: members changed.
    Touch,
    /// It stays as it is: something is told about it.
    Stay,
    /// The row goes.
    Delete {
        /// What is kept of it for a while.
        remains: Option<Remains>,
    },
}

/// Which streams an event is for, of those that carry its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every one.
    All,
    /// Those of one application.
    Application(Uuid),
    /// This one, whatever types it carries.
    Stream(StreamId),
}

/// An event to be sent.
#[derive(Debug, Clone)]
pub struct OutboxEvent {
    /// Its id, from which each stream's `jti` is made.
    pub id: Uuid,
    /// Which streams it is for.
    pub audience: Audience,
    /// Its type.
    pub uri: EventUri,
    /// Its payload, JSON text.
    pub payload: String,
    /// Whom it is about; events of one subject stay in order.
    pub subject_key: ResourceId,
    /// Whom it is about as the event tells it, JSON text.
    pub subject: String,
}

/// A change of one resource.
#[derive(Debug, Clone)]
pub struct Change {
    /// The resource's type.
    pub resource_type: i16,
    /// The resource's id.
    pub id: ResourceId,
    /// Its version after the change.
    pub version: Version,
    /// Time of the change, in microseconds since 1970.
    pub at_us: i64,
    /// What happens to its row.
    pub row: RowChange,
    /// What happens to its members.
    pub members: MemberChanges,
    /// The transaction's name in events and audit.
    pub txn: String,
    /// Events, in order.
    pub events: Vec<OutboxEvent>,
    /// Who did it.
    pub audit: AuditEntry,
}

/// A piece of a change: a statement and what later pieces call it.
pub(super) struct Piece {
    pub(super) name: &'static str,
    pub(super) sql: Sql,
}

impl TenantTx {
    /// Writes a change.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if a unique attribute is taken;
    /// [`StoreError::Conflict`] if a member is being deleted.
    pub async fn apply(&self, change: &Change) -> Result<(), StoreError> {
        let claimed = change.row.unique_values();
        if self.backend != DbBackend::Postgres {
            self.check_free(change, claimed).await?;
        }
        self.write_members_ahead(change.id, &change.members).await?;
        let mut pieces = vec![];
        pieces.extend(self.row_pieces(change));
        pieces.extend(self.claim_pieces(change));
        pieces.extend(self.member_pieces(change.id, &change.members));
        pieces.push(Piece { name: "audit", sql: self.insert_audit(&change.audit, change) });
        let delivers = match self.backend {
            DbBackend::Postgres => self.apply_at_once(change, pieces).await?,
            _ => self.apply_in_turn(change, pieces).await?,
        };
        self.delivers.fetch_or(delivers, Ordering::Relaxed);
        self.note_revocations(&change.events);
        Ok(())
    }

    async fn apply_at_once(&self, change: &Change, pieces: Vec<Piece>) -> Result<bool, StoreError> {
        let mut sql = Sql::new("with ");
        for (index, piece) in pieces.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            sql = sql.push(&format!("{comma}{} as (", piece.name)).append(piece.sql).push(")");
        }
        if !change.events.is_empty() {
            sql = sql
                .push(", o as (")
                .append(self.insert_outbox(&change.txn, change.at_us, &change.events))
                .push(" returning seq, event_bit, subject_key, application_id, stream_id), d as (")
                .append(self.insert_deliveries(&change.txn, change.at_us, "o"))
                .push(" where true returning 1)");
        }
        let count = if change.events.is_empty() { "select 0" } else { "select count(*) from d" };
        let sql = sql.push(&format!(" select cast(({count}) as bigint) as deliveries"));
        let sql = match self.refusal(change) {
            Some(refusal) => sql.push(", ").append(refusal),
            None => sql,
        };
        let row = self.one(sql).await?;
        let deliveries: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(0 < deliveries)
    }

    /// SQLite runs several statements for one call to its thread. The writer is
    /// alone, so the last events of the tenant are those of this change.
    async fn apply_in_turn(&self, change: &Change, pieces: Vec<Piece>) -> Result<bool, StoreError> {
        let mut sql = Sql::default();
        for piece in pieces {
            sql = sql.append(piece.sql).push("; ");
        }
        if change.events.is_empty() {
            return self.run(sql).await.map(|_| false);
        }
        let count = i64::try_from(change.events.len()).unwrap_or(i64::MAX);
        let sql = sql
            .append(self.insert_outbox(&change.txn, change.at_us, &change.events))
            .push("; ")
            .append(self.insert_deliveries(&change.txn, change.at_us, "outbox"))
            .push(" where o.tenant_id = ?")
            .bind(self.owner())
            .push(" and o.seq in (select seq from outbox where tenant_id = ?")
            .bind(self.owner())
            .push(" order by seq desc limit ?); select changes()")
            .bind(count);
        let deliveries: i64 = self.one(sql).await?.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(0 < deliveries)
    }

    fn row_pieces(&self, change: &Change) -> Vec<Piece> {
        match &change.row {
            RowChange::Insert { document, keys, created_us } => {
                let row = self.insert_row(change, document, keys, *created_us);
                let mut pieces = vec![Piece { name: "row", sql: row }];
                pieces.extend(self.values_piece(change, keys));
                pieces
            }
            RowChange::Update { document, keys, same_unique } => {
                let unique = (!same_unique).then_some(&keys.unique);
                let row = self.update_row(change, document, keys, unique);
                let mut pieces = vec![Piece { name: "row", sql: row }];
                if self.backend == DbBackend::Postgres {
                    pieces.extend(self.values_difference(change, keys));
                } else {
                    pieces.push(Piece { name: "gone", sql: self.delete_values(change.id) });
                    pieces.extend(self.values_piece(change, keys));
                }
                pieces
            }
            RowChange::Stay => vec![],
            RowChange::Touch => vec![Piece { name: "row", sql: self.touch_row(change) }],
            RowChange::Delete { remains } => {
                let mut pieces = vec![
                    Piece { name: "gone", sql: self.delete_values(change.id) },
                    Piece { name: "freed", sql: self.release_values(change.id) },
                    Piece { name: "memberships", sql: self.delete_memberships(change.id) },
                    Piece { name: "opaque", sql: self.delete_opaque_members(change.id) },
                    Piece { name: "gates", sql: self.delete_gates(change.id) },
                    Piece { name: "row", sql: self.delete_row(change.id) },
                ];
                pieces.extend(remains.as_ref().map(|remains| Piece {
                    name: "remains",
                    sql: self.keep_remains(change, remains),
                }));
                pieces
            }
        }
    }

    fn insert_row(
        &self,
        change: &Change,
        document: &str,
        keys: &ResourceKeys,
        created_us: i64,
    ) -> Sql {
        Sql::new(
            "insert into resource (tenant_id, id, resource_type, version, created_us, modified_us,
                unique_key, external_id, display_key, active, document) values ",
        )
        .push("(?, ?, ?, ")
        .bind(self.owner())
        .bind(change.id.get())
        .bind(change.resource_type)
        .append(self.judged(change, keys))
        .push(", ?, ?, ?, ?, ?, ?, ?)")
        .bind(created_us)
        .bind(change.at_us)
        .bind(keys.unique.clone())
        .bind(keys.external_id.clone())
        .bind(keys.display.clone())
        .bind(keys.active)
        .bind(document)
    }

    fn update_row(
        &self,
        change: &Change,
        document: &str,
        keys: &ResourceKeys,
        unique: Option<&Option<String>>,
    ) -> Sql {
        let touched = self.touched(change, self.judged(change, keys));
        let touched = match unique {
            Some(unique) => touched.push(", unique_key = ?").bind(unique.clone()),
            None => touched,
        };
        touched
            .push(", external_id = ?")
            .bind(keys.external_id.clone())
            .push(", display_key = ?")
            .bind(keys.display.clone())
            .push(", active = ?")
            .bind(keys.active)
            .push(", document = ?")
            .bind(document)
            .append(self.of_resource("id", change.id))
    }

    fn touch_row(&self, change: &Change) -> Sql {
        let version = Sql::new("?").bind(change.version.0);
        self.touched(change, version).append(self.of_resource("id", change.id))
    }

    /// lastModified never goes backwards, whatever the clock does.
    fn touched(&self, change: &Change, version: Sql) -> Sql {
        Sql::new("update resource set version = ")
            .append(version)
            .push(", modified_us = case when modified_us < ? then ? else modified_us end")
            .bind(change.at_us)
            .bind(change.at_us)
    }

    fn delete_row(&self, id: ResourceId) -> Sql {
        Sql::new("delete from resource").append(self.of_resource("id", id))
    }

    fn delete_values(&self, id: ResourceId) -> Sql {
        Sql::new("delete from attribute_value").append(self.of_resource("resource_id", id))
    }

    /// The resource's own members, and its membership of groups.
    fn delete_memberships(&self, id: ResourceId) -> Sql {
        Sql::new("delete from membership where tenant_id = ?")
            .bind(self.owner())
            .push(" and (group_id = ?")
            .bind(id.get())
            .push(" or member_id = ?)")
            .bind(id.get())
    }

    pub(super) fn of_resource(&self, column: &str, id: ResourceId) -> Sql {
        Sql::new(&format!(" where tenant_id = ? and {column} = ?"))
            .bind(self.owner())
            .bind(id.get())
    }

    fn values_piece(&self, change: &Change, keys: &ResourceKeys) -> Option<Piece> {
        let rows = self.value_rows(change, keys);
        let sql = Sql::new(
            "insert into attribute_value
                (tenant_id, resource_type, path, value_key, resource_id, element) values ",
        );
        (!rows.is_empty()).then(|| Piece { name: "val", sql: sql.rows(rows) })
    }

    /// All pieces of one statement see the rows as they were before it, so rows
    /// that stay must be neither deleted nor inserted.
    fn values_difference(&self, change: &Change, keys: &ResourceKeys) -> Vec<Piece> {
        let gone = self.delete_values(change.id);
        let Some(insert) = self.values_piece(change, keys) else {
            return vec![Piece { name: "gone", sql: gone }];
        };
        let kept = keys.values.iter().map(|value| {
            vec![Value::from(value.path.clone()), value.key.clone().into(), value.element.into()]
        });
        let gone = gone.push(" and (path, value_key, element) not in (").rows(kept).push(")");
        let insert = Piece { name: "val", sql: insert.sql.push(" on conflict do nothing") };
        vec![Piece { name: "gone", sql: gone }, insert]
    }

    fn value_rows(&self, change: &Change, keys: &ResourceKeys) -> Vec<Vec<Value>> {
        let row = |value: &super::keys::ValueKey| {
            vec![
                self.owner(),
                change.resource_type.into(),
                value.path.clone().into(),
                value.key.clone().into(),
                change.id.get().into(),
                value.element.into(),
            ]
        };
        keys.values.iter().map(row).collect()
    }
}
