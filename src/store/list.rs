//! Lists: pages in an order that an index has, and what is left for evaluation.

use std::collections::HashMap;

use sea_orm::QueryResult;

use super::{
    StoreError, StoredResource, View,
    change::ROWS,
    filter_sql::Condition,
    order::{Key, Phase, order_by},
    resource::COLUMNS,
    statement::Sql,
};
use crate::scim::{
    filter::CheckedFilter, path::AttributeRef, query::Position, resource::ResourceId,
    schema::ResourceType,
};

/// What is listed: a type's resources under a condition, and what sorts them.
#[derive(Debug, Clone)]
pub struct Selection {
    condition: Sql,
    exact: bool,
    key: Key,
}

impl Selection {
    /// Whether the rows are those that match the filter; else there may be more.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether an index has the order.
    pub fn is_ordered(&self) -> bool {
        self.key != Key::Document
    }
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which of the selections it is of.
    pub part: usize,
    /// Where it stands.
    pub position: Position,
    /// The resource, once it was read.
    pub resource: Option<StoredResource>,
}

/// Where a window on a list begins.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// Behind so many rows.
    Offset(u64),
    /// Behind a position.
    After(&'a Position),
}

/// The rows of one phase that are asked for.
#[derive(Clone, Copy)]
struct Slice<'a> {
    phase: Phase,
    descending: bool,
    start: Start<'a>,
    limit: u64,
}

impl View {
    /// What `filter` selects, as far as the database can tell, sorted by `sort_by`.
    pub fn select(
        &self,
        resource_type: &ResourceType,
        filter: Option<&CheckedFilter>,
        sort_by: Option<&AttributeRef>,
    ) -> Selection {
        let condition = Sql::new(" from resource r where r.tenant_id = ?")
            .bind(self.owner())
            .push(" and r.resource_type = ?")
            .bind(resource_type.code);
        let key = Key::of(resource_type, sort_by);
        let Some(filter) = filter else { return Selection { condition, exact: true, key } };
        let found = self.condition(resource_type, filter);
        let exact = found.is_exact();
        match found {
            Condition::Exact(sql) | Condition::Wider(sql) => {
                Selection { condition: condition.push(" and ").append(sql), exact, key }
            }
            Condition::Unknown => Selection { condition, exact: false, key },
        }
    }

    /// How many rows are selected.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn count(&self, selections: &[Selection]) -> Result<u64, StoreError> {
        let mut total = 0;
        for selection in selections {
            total += self.number(selection.condition.clone()).await?;
        }
        Ok(total)
    }

    /// `limit` of the selected rows in the order of the list, or against it.
    ///
    /// Behind a position it costs the same at any depth; behind a number of rows,
    /// each of those costs an index entry. Rows of one selection come with their
    /// resources; those of several are left to [`View::read_listed`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn window(
        &self,
        selections: &[Selection],
        descending: bool,
        start: Start<'_>,
        limit: u64,
    ) -> Result<Vec<Listed>, StoreError> {
        let keyed = selections.iter().any(|selection| selection.key.column().is_some());
        let (mut rows, mut left, mut start) = (Vec::new(), limit, start);
        for &phase in Phase::of(keyed, descending) {
            if matches!(start, Start::After(position) if keyed && Phase::at(position) != phase) {
                continue;
            }
            let slice = Slice { phase, descending, start, limit: left };
            let found = self.slice(selections, slice).await?;
            let skipped = match start {
                // Nothing found: all rows of the phase were skipped, and count.
                Start::Offset(offset) if keyed && 0 < offset && found.is_empty() => {
                    self.size(selections, phase).await?
                }
                Start::Offset(offset) => offset,
                Start::After(_) => 0,
            };
            start = match start {
                Start::Offset(offset) => Start::Offset(offset.saturating_sub(skipped)),
                Start::After(_) => Start::Offset(0),
            };
            left = left.saturating_sub(u64::try_from(found.len()).unwrap_or(left));
            rows.extend(found);
            if left == 0 {
                break;
            }
        }
        Ok(rows)
    }

    /// Reads the resources of rows that came without; those that are gone drop out.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn read_listed(&self, rows: &mut Vec<Listed>) -> Result<(), StoreError> {
        let unread = rows.iter().filter(|row| row.resource.is_none());
        let ids: Vec<ResourceId> = unread.map(|row| row.position.id).collect();
        let mut read = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(ROWS) {
            let sql = Sql::new(&format!("select {COLUMNS} from resource r where r.tenant_id = ?"))
                .bind(self.owner())
                .push(" and r.id in ")
                .list(chunk.iter().map(|id| id.get()));
            for row in &self.all(sql).await? {
                let resource = StoredResource::read(row)?;
                read.insert(resource.id, resource);
            }
        }
        for row in rows.iter_mut() {
            row.resource = row.resource.take().or_else(|| read.remove(&row.position.id));
        }
        rows.retain(|row| row.resource.is_some());
        Ok(())
    }

    /// Up to `limit` of the selected rows whose ids come after `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn after(
        &self,
        selection: &Selection,
        after: Option<ResourceId>,
        limit: u64,
    ) -> Result<Vec<StoredResource>, StoreError> {
        let sql = Sql::new(&format!("select {COLUMNS}")).append(selection.condition.clone());
        let sql = match after {
            Some(after) => sql.push(" and r.id > ?").bind(after.get()),
            None => sql,
        };
        let sql = sql.push(" order by r.id limit ?").bind(number(limit));
        self.all(sql).await?.iter().map(StoredResource::read).collect()
    }

    async fn slice(
        &self,
        selections: &[Selection],
        slice: Slice<'_>,
    ) -> Result<Vec<Listed>, StoreError> {
        match selections {
            [selection] => {
                let rows = self.all(self.one_type(selection, slice)).await?;
                rows.iter().map(|row| read_row(row, selection.key, slice.phase)).collect()
            }
            several => {
                let Some((sql, key)) = union(several, slice) else { return Ok(Vec::new()) };
                let rows = self.all(sql).await?;
                rows.iter().map(|row| read_choice(row, key, slice.phase)).collect()
            }
        }
    }

    /// The rows with their documents. Behind an offset, ids are chosen first, so
    /// that a skipped row costs an index entry and no document.
    fn one_type(&self, selection: &Selection, slice: Slice<'_>) -> Sql {
        let column = slice.phase.column(selection.key);
        let order = order_by(column, slice.descending);
        let columns = match column {
            Some(column) => format!("{COLUMNS}, {}", column.name()),
            None => COLUMNS.to_owned(),
        };
        let chosen = |what: &str| {
            let sql = Sql::new(&format!("select {what}"));
            restricted(sql, selection, slice)
                .push(&order)
                .push(" limit ?")
                .bind(number(slice.limit))
        };
        match slice.start {
            Start::Offset(offset) if 0 < offset => {
                Sql::new(&format!("select {columns} from resource r where r.tenant_id = ?"))
                    .bind(self.owner())
                    .push(" and r.id in (")
                    .append(chosen("r.id").push(" offset ?").bind(number(offset)))
                    .push(")")
                    .push(&order)
            }
            Start::Offset(_) | Start::After(_) => chosen(&columns),
        }
    }

    /// How many rows a phase has.
    async fn size(&self, selections: &[Selection], phase: Phase) -> Result<u64, StoreError> {
        let whole = Slice { phase, descending: false, start: Start::Offset(0), limit: 0 };
        let mut size = 0;
        for selection in selections.iter().filter(|selection| takes_part(selection, phase)) {
            size += self.number(restricted(Sql::default(), selection, whole)).await?;
        }
        Ok(size)
    }

    async fn number(&self, condition: Sql) -> Result<u64, StoreError> {
        let sql = Sql::new("select count(*)").append(condition);
        let count: i64 = self.one(sql).await?.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Whether a selection has rows in the phase.
fn takes_part(selection: &Selection, phase: Phase) -> bool {
    phase == Phase::Valueless || selection.key.column().is_some()
}

fn restricted(sql: Sql, selection: &Selection, slice: Slice<'_>) -> Sql {
    let after = match slice.start {
        Start::After(position) => Some(position),
        Start::Offset(_) => None,
    };
    let sql = sql.append(selection.condition.clone());
    slice.phase.restrict(sql, selection.key, slice.descending, after)
}

/// Chooses rows of several types: which type, id and key. Each branch reads its
/// index no further than the slice can reach, and what they give is merged.
fn union(selections: &[Selection], slice: Slice<'_>) -> Option<(Sql, Key)> {
    let offset = match slice.start {
        Start::Offset(offset) => offset,
        Start::After(_) => 0,
    };
    let reach = number(slice.limit.saturating_add(offset));
    let mut sql: Option<Sql> = None;
    let mut key = Key::None;
    for (part, selection) in selections.iter().enumerate() {
        if !takes_part(selection, slice.phase) {
            continue;
        }
        let column = slice.phase.column(selection.key);
        let columns = match column {
            Some(column) => {
                key = selection.key;
                format!("select {part} as part, r.id as id, {} as sort_key", column.name())
            }
            None => format!("select {part} as part, r.id as id"),
        };
        let branch = restricted(Sql::new("select * from (").push(&columns), selection, slice)
            .push(&order_by(column, slice.descending))
            .push(" limit ?")
            .bind(reach)
            .push(&format!(") part_{part}"));
        sql = Some(match sql {
            Some(sql) => sql.push(" union all ").append(branch),
            None => branch,
        });
    }
    let order = match (slice.phase.column(key), slice.descending) {
        (Some(_), false) => " order by sort_key, id",
        (Some(_), true) => " order by sort_key desc, id desc",
        (None, false) => " order by id",
        (None, true) => " order by id desc",
    };
    let sql = sql?.push(order).push(" limit ?").bind(number(slice.limit));
    Some((sql.push(" offset ?").bind(number(offset)), key))
}

fn read_row(row: &QueryResult, key: Key, phase: Phase) -> Result<Listed, StoreError> {
    let resource = StoredResource::read(row)?;
    let key = phase.column(key).map(|column| column.read(row, 5)).transpose()?;
    let position = Position { key, id: resource.id };
    Ok(Listed { part: 0, position, resource: Some(resource) })
}

fn read_choice(row: &QueryResult, key: Key, phase: Phase) -> Result<Listed, StoreError> {
    let part: i32 = row.try_get_by_index(0)?;
    let id = ResourceId::new(row.try_get_by_index(1)?);
    let key = phase.column(key).map(|column| column.read(row, 2)).transpose()?;
    let part = usize::try_from(part).unwrap_or_default();
    Ok(Listed { part, position: Position { key, id }, resource: None })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
