//! Members of groups: a row each, read in pages.

use std::collections::{HashMap, HashSet};

use super::{StoreError, View, statement::Sql};
use crate::scim::resource::ResourceId;

/// Values in one `in`: each is a value of the statement, and SQLite takes 32,766.
pub(super) const LISTED: usize = 10_000;

/// A member as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMember {
    /// The member's id.
    pub id: ResourceId,
    /// The member's type.
    pub resource_type: i16,
    /// What the client calls it, or else its own name if names were asked for.
    pub display: Option<String>,
}

/// A member that names no resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueMember {
    /// Its value, folded.
    pub key: String,
    /// Its value, as the client wrote it.
    pub value: String,
    /// What the client calls it.
    pub display: Option<String>,
}

/// What is known of a resource that is to become a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberState {
    /// Its type.
    pub resource_type: i16,
    /// Whether it is a member already.
    pub is_member: bool,
}

impl View {
    /// Up to `limit` members of a group whose ids come after `after`, in the
    /// order of ids. With `names`, the displayName or userName of a member that
    /// the client did not name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn members(
        &self,
        group: ResourceId,
        after: Option<ResourceId>,
        limit: u32,
        names: bool,
    ) -> Result<Vec<StoredMember>, StoreError> {
        let (display, join) = match (names, self.locks_rows()) {
            (false, _) => ("m.display", ""),
            (true, true) => (
                "coalesce(m.display, cast(r.document as json) ->> 'displayName',
                    cast(r.document as json) ->> 'userName')",
                " join resource r on r.tenant_id = m.tenant_id and r.id = m.member_id",
            ),
            (true, false) => (
                "coalesce(m.display, json_extract(r.document, '$.displayName'),
                    json_extract(r.document, '$.userName'))",
                " join resource r on r.tenant_id = m.tenant_id and r.id = m.member_id",
            ),
        };
        let sql = Sql::new(&format!(
            "select m.member_id, m.member_type, {display} from membership m{join}
             where m.tenant_id = ? and m.group_id = ?"
        ))
        .bind(self.owner())
        .bind(group.get());
        let sql = match after {
            Some(after) => sql.push(" and m.member_id > ?").bind(after.get()),
            None => sql,
        };
        let sql = sql.push(" order by m.member_id limit ?").bind(i64::from(limit));
        self.all(sql)
            .await?
            .iter()
            .map(|row| {
                Ok(StoredMember {
                    id: ResourceId::new(row.try_get_by_index(0)?),
                    resource_type: row.try_get_by_index(1)?,
                    display: row.try_get_by_index(2)?,
                })
            })
            .collect()
    }

    /// The members of each of `groups` that name no resource, in the order of
    /// their keys: up to `limit` in all.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn opaque_members(
        &self,
        groups: &[ResourceId],
        limit: u64,
    ) -> Result<HashMap<ResourceId, Vec<OpaqueMember>>, StoreError> {
        let mut members: HashMap<ResourceId, Vec<OpaqueMember>> = HashMap::new();
        for chunk in groups.chunks(LISTED) {
            let sql = Sql::new(
                "select group_id, value_key, value, display from opaque_member where tenant_id = ?",
            )
            .bind(self.owner())
            .push(" and group_id in ")
            .list(chunk.iter().map(|id| id.get()))
            .push(" order by group_id, value_key limit ?")
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
            for row in self.all(sql).await? {
                let group = ResourceId::new(row.try_get_by_index(0)?);
                members.entry(group).or_default().push(OpaqueMember {
                    key: row.try_get_by_index(1)?,
                    value: row.try_get_by_index(2)?,
                    display: row.try_get_by_index(3)?,
                });
            }
        }
        Ok(members)
    }

    /// Of `keys`, those of members of `group` that name no resource.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn opaque_keys(
        &self,
        group: ResourceId,
        keys: &[&str],
    ) -> Result<HashSet<String>, StoreError> {
        let mut known = HashSet::new();
        for chunk in keys.chunks(LISTED) {
            let sql = Sql::new("select value_key from opaque_member where tenant_id = ?")
                .bind(self.owner())
                .push(" and group_id = ?")
                .bind(group.get())
                .push(" and value_key in ")
                .list(chunk.iter().copied());
            for row in self.all(sql).await? {
                known.insert(row.try_get_by_index(0)?);
            }
        }
        Ok(known)
    }

    /// Whether a group has more than `count` members; looks at no more than that.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn has_more_members(
        &self,
        group: ResourceId,
        count: u32,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("select 1 from membership where tenant_id = ? and group_id = ?")
            .bind(self.owner())
            .bind(group.get())
            .push(" union all select 1 from opaque_member where tenant_id = ? and group_id = ?")
            .bind(self.owner())
            .bind(group.get())
            .push(" limit 1 offset ?")
            .bind(i64::from(count));
        Ok(self.one(sql).await?.is_some())
    }

    /// Of `ids`, those that are resources of the tenant, and whether each is a
    /// member of `group`. Costs what is asked, not what the group holds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn member_states(
        &self,
        group: ResourceId,
        ids: &[ResourceId],
    ) -> Result<HashMap<ResourceId, MemberState>, StoreError> {
        let mut states = HashMap::with_capacity(ids.len());
        // PostgreSQL may read the whole group for each id, unless it is held to this order.
        let (before, after) = match self.locks_rows() {
            true => ("lateral (select m.member_id from membership m where", "offset 0) m on true"),
            false => ("membership m on", ""),
        };
        for chunk in ids.chunks(LISTED) {
            let sql = Sql::new(&format!(
                "select r.id, r.resource_type, m.member_id is not null from resource r
                 left join {before} m.tenant_id = r.tenant_id and m.group_id = ?"
            ))
            .bind(group.get())
            .push(&format!(" and m.member_id = r.id {after} where r.tenant_id = ?"))
            .bind(self.owner())
            .push(" and r.id in ")
            .list(chunk.iter().map(|id| id.get()));
            for row in self.all(sql).await? {
                let state = MemberState {
                    resource_type: row.try_get_by_index(1)?,
                    is_member: row.try_get_by_index(2)?,
                };
                states.insert(ResourceId::new(row.try_get_by_index(0)?), state);
            }
        }
        Ok(states)
    }

    /// Up to `limit` of the groups that have `member` and whose ids come after
    /// `after`, locked until the transaction ends, in the order of ids.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn groups_for_update(
        &self,
        member: ResourceId,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<super::StoredResource>, StoreError> {
        let lock = if self.locks_rows() { " for no key update of r" } else { "" };
        let sql = Sql::new(&format!(
            "select {} from membership m join resource r
                on r.tenant_id = m.tenant_id and r.id = m.group_id
             where m.tenant_id = ? and m.member_id = ?",
            super::resource::COLUMNS
        ))
        .bind(self.owner())
        .bind(member.get());
        let sql = match after {
            Some(after) => sql.push(" and m.group_id > ?").bind(after.get()),
            None => sql,
        };
        let sql = sql.push(" order by m.group_id limit ?").bind(i64::from(limit));
        let sql = sql.push(lock);
        self.all(sql).await?.iter().map(super::StoredResource::read).collect()
    }
}
