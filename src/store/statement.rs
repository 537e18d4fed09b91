//! SQL text with values: one text for both databases.

use sea_orm::{DbBackend, Statement, Value};

/// A statement under construction. `?` stands for the next value, whatever the
/// database calls it.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(super) fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds `(?, ?), (?, ?)` for rows of values.
    pub(super) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.text.push_str(if index == 0 { "(" } else { ", (" });
            self.text.push_str(&marks(row.len()));
            self.text.push(')');
            self.values.extend(row);
        }
        self
    }

    /// Adds `(?, ?, …)`: the values of an `in`.
    pub(super) fn list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        let before = self.values.len();
        self.values.extend(values.into_iter().map(Into::into));
        let count = self.values.len() - before;
        self.text.push('(');
        self.text.push_str(&marks(count));
        self.text.push(')');
        self
    }

    /// Adds another piece with its values.
    pub(super) fn append(mut self, other: Self) -> Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values);
        self
    }

    /// The finished statement. No text of this crate has a `?` of its own.
    pub(super) fn build(self, backend: DbBackend) -> Statement {
        let text = match backend {
            DbBackend::Postgres => numbered(&self.text),
            _ => self.text,
        };
        Statement::from_sql_and_values(backend, text, self.values)
    }
}

fn marks(count: usize) -> String {
    let mut marks = "?, ".repeat(count);
    marks.truncate(marks.len().saturating_sub(2));
    marks
}

fn numbered(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 32);
    for (index, piece) in text.split('?').enumerate() {
        if 0 < index {
            numbered.push('$');
            numbered.push_str(&index.to_string());
        }
        numbered.push_str(piece);
    }
    numbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_numbered_for_postgres_and_stay_for_sqlite() {
        let sql = || Sql::new("select 1 where a = ? and b in ").bind(1).list([2, 3]);

        assert_eq!(sql().build(DbBackend::Sqlite).sql, "select 1 where a = ? and b in (?, ?)");
        assert_eq!(sql().build(DbBackend::Postgres).sql, "select 1 where a = $1 and b in ($2, $3)");
    }
}
