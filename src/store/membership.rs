//! Members of groups: a row each, read in pages.

use std::collections::HashMap;

use super::{MemberRow, StoreError, View, change::ROWS, statement::Sql};
use crate::scim::resource::ResourceId;

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
            .push(" order by member_id limit 1 offset ?")
            .bind(i64::from(count));
        Ok(self.one(sql).await?.is_some())
    }

    /// Of `ids`, those that are users or groups of the tenant, and whether each
    /// is a member of `group`. Costs what is asked, not what the group holds.
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
        for chunk in ids.chunks(ROWS) {
            let sql = Sql::new(
                "select r.id, r.resource_type, m.member_id is not null from resource r
                 left join membership m on m.tenant_id = r.tenant_id and m.group_id = ?",
            )
            .bind(group.get())
            .push(" and m.member_id = r.id where r.tenant_id = ?")
            .bind(self.owner())
            .push(" and r.resource_type in (1, 2) and r.id in ")
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

    /// The groups that have `member`, locked until the transaction ends, with
    /// their versions, in the order of ids.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn groups_for_update(
        &self,
        member: ResourceId,
    ) -> Result<Vec<super::StoredResource>, StoreError> {
        let lock = if self.locks_rows() { " for no key update of r" } else { "" };
        let sql = Sql::new(&format!(
            "select {} from membership m join resource r
                on r.tenant_id = m.tenant_id and r.id = m.group_id
             where m.tenant_id = ? and m.member_id = ? order by m.group_id{lock}",
            super::resource::COLUMNS
        ))
        .bind(self.owner())
        .bind(member.get());
        self.all(sql).await?.iter().map(super::StoredResource::read).collect()
    }

    /// The groups of each of `members`: pairs of id and displayName.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn groups_of(
        &self,
        members: &[ResourceId],
    ) -> Result<HashMap<ResourceId, Vec<(ResourceId, String)>>, StoreError> {
        let mut groups: HashMap<ResourceId, Vec<(ResourceId, String)>> = HashMap::new();
        let name = match self.locks_rows() {
            true => "cast(g.document as json) ->> 'displayName'",
            false => "json_extract(g.document, '$.displayName')",
        };
        for chunk in members.chunks(ROWS) {
            let sql = Sql::new(&format!(
                "select m.member_id, g.id, {name} from membership m
                 join resource g on g.tenant_id = m.tenant_id and g.id = m.group_id
                 where m.tenant_id = ? and m.member_id in "
            ))
            .bind(self.owner())
            .list(chunk.iter().map(|id| id.get()))
            // The order of the index: by resource, a database may read them all.
            .push(" order by m.member_id, m.group_id");
            for row in self.all(sql).await? {
                let member = ResourceId::new(row.try_get_by_index(0)?);
                let name: Option<String> = row.try_get_by_index(2)?;
                let group = (ResourceId::new(row.try_get_by_index(1)?), name.unwrap_or_default());
                groups.entry(member).or_default().push(group);
            }
        }
        Ok(groups)
    }
}

impl MemberRow {
    /// The row of a resource that becomes a member.
    pub fn new(id: ResourceId, state: MemberState, display: Option<String>) -> Self {
        Self { id, resource_type: state.resource_type, display }
    }
}
