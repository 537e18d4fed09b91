//! Groups in groups: whom a group holds in the end, and in which groups somebody is.
//!
//! Membership is followed by one recursive query and not kept as a closure: to put
//! a group of n members into one of m would write up to n × m rows, and to take it
//! out again needs to know every other way. A walk costs one look into an index for
//! each group that it meets: without nesting, one for each that is shown. On the way
//! down an index of groups in groups alone keeps it from the other members.
//!
//! `union` keeps each pair once: a cycle ends when it comes back to what is known,
//! and a group that is reached in many ways is followed once.

use std::collections::HashMap;

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{
    StoreError, StoredResource, View, filter_sql::Condition, membership::LISTED, resource::COLUMNS,
    statement::Sql,
};
use crate::scim::{filter::CompareOp, resource::ResourceId};

/// A group that somebody is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLink {
    /// The group's id.
    pub id: ResourceId,
    /// Its displayName.
    pub name: String,
    /// Whether it is among the group's own members; else it is in a group in it.
    pub direct: bool,
}

/// SQLite would take the table, which is in the same order.
pub(super) const NESTED: &str = "membership n indexed by membership_nested";

/// A group of a resource as JSON: id, name, whether it is direct, ways.
type Packed = (Uuid, Option<String>, i64, u64);

impl View {
    /// The groups that each of `members` is in, directly or through other
    /// groups; none if that takes more than `most` steps.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn groups_of(
        &self,
        members: &[ResourceId],
        most: u64,
    ) -> Result<Option<HashMap<ResourceId, Vec<GroupLink>>>, StoreError> {
        let mut groups: HashMap<ResourceId, Vec<GroupLink>> = HashMap::new();
        let mut steps = 0;
        for chunk in members.chunks(LISTED) {
            let sql = self
                .walk_up(chunk, most)
                .push(&format!(
                    " select near.member_id, g.id, {}, near.direct, near.ways from near",
                    self.group_name()
                ))
                .append(self.beside("resource g", "g", "g.id = near.group_id"))
                .push(" order by near.member_id, near.group_id");
            for row in self.all(sql).await? {
                let member = ResourceId::new(row.try_get_by_index(0)?);
                let name: Option<String> = row.try_get_by_index(2)?;
                let (direct, ways): (i64, i64) =
                    (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
                steps += u64::try_from(ways).unwrap_or(1);
                groups.entry(member).or_default().push(GroupLink {
                    id: ResourceId::new(row.try_get_by_index(1)?),
                    name: name.unwrap_or_default(),
                    direct: direct == 1,
                });
            }
        }
        Ok((steps <= most).then_some(groups))
    }

    /// The resource of that type and id with the groups it is in, as
    /// [`View::groups_of`] gives them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn resource_with_groups(
        &self,
        resource_type: i16,
        id: ResourceId,
        most: u64,
    ) -> Result<Option<(StoredResource, Option<Vec<GroupLink>>)>, StoreError> {
        let (array, text) = match self.locks_rows() {
            true => (
                "cast(json_agg(json_build_array(cast(g.id as text), ",
                ", near.direct, near.ways)) as text)",
            ),
            false => {
                ("json_group_array(json_array(lower(hex(g.id)), ", ", near.direct, near.ways))")
            }
        };
        let sql = self
            .walk_up(&[id], most)
            .push(&format!(
                " select {COLUMNS}, (select {array}{}{text} from near",
                self.group_name()
            ))
            .append(self.beside("resource g", "g", "g.id = near.group_id"))
            .push(") from resource r where r.tenant_id = ?")
            .bind(self.owner())
            .push(" and r.id = ?")
            .bind(id.get())
            .push(" and r.resource_type = ?")
            .bind(resource_type);
        let Some(row) = self.one(sql).await? else { return Ok(None) };
        Ok(Some((StoredResource::read(&row)?, unpack(&row, most)?)))
    }

    fn group_name(&self) -> &'static str {
        match self.locks_rows() {
            true => "cast(g.document as json) ->> 'displayName'",
            false => "json_extract(g.document, '$.displayName')",
        }
    }

    /// `with … near(member_id, group_id, direct, ways)`. A step more than `most`
    /// tells that there are more; no step is taken beyond it.
    fn walk_up(&self, members: &[ResourceId], most: u64) -> Sql {
        Sql::new(
            "with recursive up(member_id, group_id, direct) as (
                select m.member_id, m.group_id, 1 from membership m where m.tenant_id = ?",
        )
        .bind(self.owner())
        .push(" and m.member_id in ")
        .list(members.iter().map(|id| id.get()))
        .push(" union select up.member_id, m.group_id, 0 from up")
        .append(self.beside("membership m", "m", "m.member_id = up.group_id"))
        .push(
            "), near(member_id, group_id, direct, ways) as (
                select member_id, group_id, cast(max(direct) as bigint), count(*)
                from (select * from up limit ?",
        )
        .bind(i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX))
        .push(") bounded group by member_id, group_id)")
    }

    /// Joins the tenant's rows of a table for which `condition` holds, by an index,
    /// to each row before it. Left to themselves both databases may read the whole
    /// table at every step of a walk.
    pub(super) fn beside(&self, table: &str, alias: &str, condition: &str) -> Sql {
        let (before, after) = match self.locks_rows() {
            true => (
                format!(", lateral (select {alias}.* from {table} where "),
                format!(" offset 0) {alias}"),
            ),
            false => (format!(" cross join {table} on "), String::new()),
        };
        Sql::new(&format!("{before}{condition} and {alias}.tenant_id = ?"))
            .bind(self.owner())
            .push(&after)
    }

    /// Resources that are in a group with that id, through other groups too.
    pub(super) fn in_group(&self, op: CompareOp, text: &str) -> Condition {
        let known = ResourceId::parse(text);
        match (op, known) {
            (CompareOp::Eq, Some(id)) => Condition::Exact(self.holds(id)),
            (CompareOp::Eq, None) => Condition::always(false),
            (CompareOp::Ne, None) => Condition::always(true),
            (CompareOp::Ne, Some(id)) => Condition::Exact(self.holds_other_than(id)),
            _ => Condition::Unknown,
        }
    }

    /// Resources that are in some group.
    pub(super) fn in_any_group(&self) -> Condition {
        Condition::Exact(self.memberships("member_id").push(")"))
    }

    /// Groups that have a member with that value, their own members alone.
    pub(super) fn has_member(&self, op: CompareOp, text: &str) -> Condition {
        let sign = match op {
            CompareOp::Eq => "=",
            CompareOp::Ne => "<>",
            _ => return Condition::Unknown,
        };
        let members = match (ResourceId::parse(text), op) {
            (Some(id), _) => self
                .memberships("group_id")
                .push(&format!(" and m.member_id {sign} ?"))
                .bind(id.get()),
            (None, CompareOp::Ne) => self.memberships("group_id"),
            (None, _) => self.memberships("group_id").push(" and 1 = 0"),
        };
        // One list of ids: of two joined by `or`, neither could lead the query.
        let some = members
            .push(" union all select o.group_id from opaque_member o where o.tenant_id = ?")
            .bind(self.owner())
            .push(&format!(" and o.value_key {sign} ?"))
            .bind(text)
            .push(")");
        Condition::Exact(match op {
            CompareOp::Ne => {
                Sql::new("(").append(some).push(" or not ").append(self.peopled()).push(")")
            }
            _ => some,
        })
    }

    /// Groups that have a member.
    pub(super) fn has_any_member(&self) -> Condition {
        Condition::Exact(self.peopled())
    }

    fn peopled(&self) -> Sql {
        self.memberships("group_id")
            .push(" union all select o.group_id from opaque_member o where o.tenant_id = ?")
            .bind(self.owner())
            .push(")")
    }

    fn holds(&self, group: ResourceId) -> Sql {
        self.memberships("member_id")
            .push(" and m.group_id in (with recursive down(group_id) as (select ")
            .push(if self.locks_rows() { "cast(? as uuid)" } else { "?" })
            .bind(group.get())
            .push(" union select n.member_id from down")
            .append(self.beside(
                if self.locks_rows() { "membership n" } else { NESTED },
                "n",
                "n.group_id = down.group_id and n.member_type = 2",
            ))
            .push(") select group_id from down))")
    }

    /// In another group, or in none: all but those who are in this one alone,
    /// which nobody is if the group itself is in another one.
    fn holds_other_than(&self, group: ResourceId) -> Sql {
        Sql::new("(")
            .append(self.memberships("member_id"))
            .push(" and m.group_id <> ?")
            .bind(group.get())
            .push(") or not ")
            .append(self.memberships("member_id"))
            .push(") or (")
            .append(self.memberships("member_id"))
            .push(" and m.group_id = ?")
            .bind(group.get())
            .push(") and exists (select 1 from membership n where n.tenant_id = ?")
            .bind(self.owner())
            .push(" and n.member_id = ?")
            .bind(group.get())
            .push(" and n.group_id <> ?")
            .bind(group.get())
            .push(")))")
    }

    /// `r.id in (… ` the resources that stand in a membership; to be closed.
    fn memberships(&self, own: &str) -> Sql {
        Sql::new(&format!("r.id in (select m.{own} from membership m where m.tenant_id = ?"))
            .bind(self.owner())
    }
}

fn unpack(row: &QueryResult, most: u64) -> Result<Option<Vec<GroupLink>>, StoreError> {
    let text: Option<String> = row.try_get_by_index(5)?;
    let packed: Vec<Packed> = match text.as_deref() {
        None | Some("[]") => return Ok(Some(Vec::new())),
        Some(text) => {
            serde_json::from_str(text).map_err(|error| StoreError::Damaged(error.to_string()))?
        }
    };
    let steps: u64 = packed.iter().map(|(_, _, _, ways)| ways).sum();
    let link = |(id, name, direct, _): Packed| GroupLink {
        id: ResourceId::new(id),
        name: name.unwrap_or_default(),
        direct: direct == 1,
    };
    let mut links: Vec<GroupLink> = packed.into_iter().map(link).collect();
    links.sort_by_key(|link| link.id);
    Ok((steps <= most).then_some(links))
}
