//! What a change writes of a group's members.
//!
//! Whoever changes an existing group holds its lock. A request with many members
//! writes them some thousands at a time, a small one in the statement of the change.

use super::{StoreError, TenantTx, change::Piece, membership::LISTED, statement::Sql};
use crate::scim::resource::ResourceId;

/// Rows of one insert: each has five values, and SQLite takes 32,766.
const ROWS: usize = 2_000;
/// Most rows of a kind in the statement of the change, which has other values
/// too, and PostgreSQL takes 65,535.
const WITH_CHANGE: usize = 500;

/// A member to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The member's id.
    pub id: ResourceId,
    /// The member's type.
    pub resource_type: i16,
    /// What the client calls it.
    pub display: Option<String>,
}

/// A member to be added that names no resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueRow {
    /// Its value, folded.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What the client calls it.
    pub display: Option<String>,
}

/// What happens to the members of a group. Nobody is both added and removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberChanges {
    /// Everybody who is there goes.
    pub clear: bool,
    /// Members who come.
    pub add: Vec<MemberRow>,
    /// Members who go.
    pub remove: Vec<ResourceId>,
    /// Members who come and name no resource.
    pub add_opaque: Vec<OpaqueRow>,
    /// Keys of such members who go.
    pub remove_opaque: Vec<String>,
}

impl MemberChanges {
    /// Whether the group stays as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl TenantTx {
    /// All but what fits into the statement of the change.
    pub(super) async fn write_members_ahead(
        &self,
        group: ResourceId,
        members: &MemberChanges,
    ) -> Result<(), StoreError> {
        if members.clear {
            self.run(self.delete_all_members(group)).await?;
            self.run(self.delete_opaque_members(group)).await?;
        }
        for chunk in split(&members.remove).0.chunks(LISTED) {
            self.run(self.delete_members(group, chunk)).await?;
        }
        for chunk in split(&members.remove_opaque).0.chunks(LISTED) {
            self.run(self.delete_opaque(group, chunk)).await?;
        }
        for chunk in split(&members.add).0.chunks(ROWS) {
            self.run(self.insert_members(group, chunk)).await?;
        }
        for chunk in split(&members.add_opaque).0.chunks(ROWS) {
            self.run(self.insert_opaque(group, chunk)).await?;
        }
        Ok(())
    }

    /// The rest.
    pub(super) fn member_pieces(&self, group: ResourceId, members: &MemberChanges) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut push = |name, rows: usize, sql: &dyn Fn() -> Sql| {
            if 0 < rows {
                pieces.push(Piece { name, sql: sql() });
            }
        };
        let remove = split(&members.remove).1;
        let remove_opaque = split(&members.remove_opaque).1;
        let add = split(&members.add).1;
        let add_opaque = split(&members.add_opaque).1;
        push("leave", remove.len(), &|| self.delete_members(group, remove));
        push("leave_opaque", remove_opaque.len(), &|| self.delete_opaque(group, remove_opaque));
        push("come", add.len(), &|| self.insert_members(group, add));
        push("come_opaque", add_opaque.len(), &|| self.insert_opaque(group, add_opaque));
        pieces
    }

    fn insert_members(&self, group: ResourceId, members: &[MemberRow]) -> Sql {
        let row = |member: &MemberRow| {
            vec![
                self.owner(),
                group.get().into(),
                member.id.get().into(),
                member.resource_type.into(),
                member.display.clone().into(),
            ]
        };
        Sql::new(
            "insert into membership (tenant_id, group_id, member_id, member_type, display) values ",
        )
        .rows(members.iter().map(row))
        .push(" on conflict do nothing")
    }

    fn delete_members(&self, group: ResourceId, members: &[ResourceId]) -> Sql {
        self.delete_all_members(group)
            .push(" and member_id in ")
            .list(members.iter().map(|member| member.get()))
    }

    fn delete_all_members(&self, group: ResourceId) -> Sql {
        Sql::new("delete from membership").append(self.of_resource("group_id", group))
    }

    fn insert_opaque(&self, group: ResourceId, members: &[OpaqueRow]) -> Sql {
        let row = |member: &OpaqueRow| {
            vec![
                self.owner(),
                group.get().into(),
                member.key.clone().into(),
                member.value.clone().into(),
                member.display.clone().into(),
            ]
        };
        Sql::new(
            "insert into opaque_member (tenant_id, group_id, value_key, value, display) values ",
        )
        .rows(members.iter().map(row))
        .push(" on conflict do nothing")
    }

    fn delete_opaque(&self, group: ResourceId, keys: &[String]) -> Sql {
        self.delete_opaque_members(group)
            .push(" and value_key in ")
            .list(keys.iter().map(String::as_str))
    }

    pub(super) fn delete_opaque_members(&self, group: ResourceId) -> Sql {
        Sql::new("delete from opaque_member").append(self.of_resource("group_id", group))
    }
}

/// Rows that are written ahead of the change, and those that are written with it.
fn split<T>(rows: &[T]) -> (&[T], &[T]) {
    rows.split_at(if WITH_CHANGE < rows.len() { rows.len() } else { 0 })
}
