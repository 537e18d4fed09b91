//! Lists: pages in the order of ids, and what is left for evaluation.

use super::{
    StoreError, StoredResource, View, filter_sql::Condition, resource::COLUMNS, statement::Sql,
};
use crate::scim::{filter::CheckedFilter, resource::ResourceId, schema::ResourceType};

/// What is listed: a type's resources under a condition.
#[derive(Debug, Clone)]
pub struct Selection {
    condition: Sql,
    exact: bool,
}

impl Selection {
    /// Whether the rows are those that match the filter; else there may be more.
    pub fn is_exact(&self) -> bool {
        self.exact
    }
}

impl View {
    /// What `filter` selects, as far as the database can tell.
    pub fn select(
        &self,
        resource_type: &ResourceType,
        filter: Option<&CheckedFilter>,
    ) -> Selection {
        let condition = Sql::new(" from resource r where r.tenant_id = ?")
            .bind(self.owner())
            .push(" and r.resource_type = ?")
            .bind(resource_type.code);
        let Some(filter) = filter else { return Selection { condition, exact: true } };
        let found = self.condition(resource_type, filter);
        let exact = found.is_exact();
        match found {
            Condition::Exact(sql) | Condition::Wider(sql) => {
                Selection { condition: condition.push(" and ").append(sql), exact }
            }
            Condition::Unknown => Selection { condition, exact: false },
        }
    }

    /// How many rows are selected.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn count(&self, selection: &Selection) -> Result<u64, StoreError> {
        let sql = Sql::new("select count(*)").append(selection.condition.clone());
        let count: i64 = self.one(sql).await?.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// `limit` of the selected rows, without the first `offset`.
    ///
    /// Ids are chosen first and documents read for them alone, so that skipped
    /// rows cost an index entry each.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn page(
        &self,
        selection: &Selection,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<StoredResource>, StoreError> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let chosen = |what: &str| {
            Sql::new(&format!("select {what}"))
                .append(selection.condition.clone())
                .push(" order by r.id limit ?")
                .bind(number(limit))
                .push(" offset ?")
                .bind(number(offset))
        };
        let sql = match offset {
            0 => chosen(COLUMNS),
            _ => Sql::new(&format!("select {COLUMNS} from resource r where r.tenant_id = ?"))
                .bind(self.owner())
                .push(" and r.id in (")
                .append(chosen("r.id"))
                .push(") order by r.id"),
        };
        self.all(sql).await?.iter().map(StoredResource::read).collect()
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
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = sql.push(" order by r.id limit ?").bind(limit);
        self.all(sql).await?.iter().map(StoredResource::read).collect()
    }
}
