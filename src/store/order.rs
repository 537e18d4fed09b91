//! The order of lists, as far as an index of `resource` has it.
//!
//! A list has two phases: resources with a value in the order of it, and those
//! without one. SQLite and PostgreSQL disagree on where nulls sort, and neither
//! can leave its index in the middle of a null, so each phase is a statement.

use sea_orm::QueryResult;

use super::{
    StoreError,
    filter_sql::{Place, place},
    statement::Sql,
};
use crate::scim::{
    path::AttributeRef,
    query::{Position, SortKey},
    schema::ResourceType,
};

/// The column whose values are unique within a type.
const UNIQUE: &str = "r.unique_key";

/// What the rows of one type are sorted by, besides their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Nothing: no row has a value.
    None,
    /// A column that leads an index together with the id.
    Column(Column),
    /// What is only in documents.
    Document,
}

/// A column of `resource`, and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Text(&'static str),
    /// Text that no two rows of a type share, so that ids need not break ties.
    Unique(&'static str),
    Flag(&'static str),
    Instant(&'static str),
}

impl Key {
    pub(super) fn of(resource_type: &ResourceType, attribute: Option<&AttributeRef>) -> Self {
        let Some(attribute) = attribute else { return Self::None };
        match place(resource_type, attribute) {
            Place::Id => Self::None,
            Place::Text(UNIQUE) => Self::Column(Column::Unique(UNIQUE)),
            Place::Text(name) => Self::Column(Column::Text(name)),
            Place::Flag(name) => Self::Column(Column::Flag(name)),
            Place::Instant(name) => Self::Column(Column::Instant(name)),
            Place::Members | Place::Groups | Place::Value(_) | Place::Document => Self::Document,
        }
    }

    pub(super) fn column(self) -> Option<Column> {
        match self {
            Self::Column(column) => Some(column),
            Self::None | Self::Document => None,
        }
    }
}

impl Column {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Unique(name) | Self::Flag(name) | Self::Instant(name) => name,
        }
    }

    pub(super) fn read(self, row: &QueryResult, index: usize) -> Result<SortKey, StoreError> {
        Ok(match self {
            Self::Text(_) | Self::Unique(_) => SortKey::Text(row.try_get_by_index(index)?),
            Self::Flag(_) => SortKey::Boolean(row.try_get_by_index(index)?),
            Self::Instant(_) => SortKey::Integer(row.try_get_by_index(index)?),
        })
    }

    /// Has a value. As a range, so that SQLite begins behind the nulls of its
    /// index instead of walking through them.
    fn has_value(self, sql: Sql) -> Sql {
        match self {
            Self::Text(name) | Self::Unique(name) => sql.push(&format!(" and {name} >= ''")),
            Self::Flag(name) => sql.push(&format!(" and {name} >= ?")).bind(false),
            Self::Instant(_) => sql,
        }
    }
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The resources that have a value.
    Valued,
    /// Those that have none, by id.
    Valueless,
}

impl Phase {
    /// The phases of a list, the first one first.
    pub(super) fn of(keyed: bool, descending: bool) -> &'static [Self] {
        match (keyed, descending) {
            (false, _) => &[Self::Valueless],
            (true, false) => &[Self::Valued, Self::Valueless],
            (true, true) => &[Self::Valueless, Self::Valued],
        }
    }

    /// The phase that a position lies in.
    pub(super) fn at(position: &Position) -> Self {
        if position.key.is_some() { Self::Valued } else { Self::Valueless }
    }

    /// The column that sorts this phase; ids do in the other one.
    pub(super) fn column(self, key: Key) -> Option<Column> {
        key.column().filter(|_| self == Self::Valued)
    }

    /// Adds that rows belong to this phase and come behind `after`.
    pub(super) fn restrict(
        self,
        sql: Sql,
        key: Key,
        descending: bool,
        after: Option<&Position>,
    ) -> Sql {
        let sign = if descending { "<" } else { ">" };
        let Some(column) = self.column(key) else {
            let sql = match key.column() {
                Some(column) => sql.push(&format!(" and {} is null", column.name())),
                None => sql,
            };
            return match after {
                Some(after) => sql.push(&format!(" and r.id {sign} ?")).bind(after.id.get()),
                None => sql,
            };
        };
        let Some((after, value)) = after.and_then(|after| Some((after, after.key.as_ref()?)))
        else {
            return column.has_value(sql);
        };
        // Of two lower bounds SQLite may take the worse one.
        let sql = if descending { column.has_value(sql) } else { sql };
        let name = column.name();
        let sql = match column {
            Column::Unique(_) => sql.push(&format!(" and {name} {sign} ?")),
            _ => sql.push(&format!(" and ({name}, r.id) {sign} (?, ?)")),
        };
        let sql = match value {
            SortKey::Boolean(flag) => sql.bind(*flag),
            SortKey::Integer(number) => sql.bind(*number),
            SortKey::Text(text) => sql.bind(text.as_str()),
            SortKey::Decimal(_) => sql.bind(Option::<i64>::None),
        };
        match column {
            Column::Unique(_) => sql,
            _ => sql.bind(after.id.get()),
        }
    }
}

/// ` order by …` for rows of one type.
pub(super) fn order_by(column: Option<Column>, descending: bool) -> String {
    let way = if descending { " desc" } else { "" };
    match column {
        Some(Column::Unique(name)) => format!(" order by {name}{way}"),
        Some(column) => format!(" order by {}{way}, r.id{way}", column.name()),
        None => format!(" order by r.id{way}"),
    }
}
