//! Filters as SQL.
//!
//! Agrees with `scim::filter::eval` on every filter: a property test runs both
//! over the same rows on both databases. What the indexes can answer becomes a
//! condition; what they cannot leaves the condition wider than the filter, and
//! whoever asks evaluates the filter on what is left ([`Condition::is_exact`]).
//!
//! A condition is never unknown: each comparison says what a missing value means,
//! so that `not` is the plain complement.

use sea_orm::DbBackend;

use super::{
    View,
    keys::{KEY_BYTES, operand_key},
    statement::Sql,
};
use crate::scim::{
    filter::{CheckedFilter, CompareOp, Operand},
    path::AttributeRef,
    resource::ResourceId,
    schema::{IndexedAttribute, ResourceType},
};

/// What the database can say of a filter.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// Holds for the rows that match, and no others.
    Exact(Sql),
    /// Holds for every row that matches, and maybe for others.
    Wider(Sql),
    /// Nothing.
    Unknown,
}

impl Condition {
    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    /// The SQL, if there is something to test.
    pub(super) fn into_sql(self) -> Option<Sql> {
        match self {
            Self::Exact(sql) | Self::Wider(sql) => Some(sql),
            Self::Unknown => None,
        }
    }

    pub(super) fn always(holds: bool) -> Self {
        Self::Exact(Sql::new(if holds { "1 = 1" } else { "1 = 0" }))
    }
}

/// What a path is stored as.
pub(super) enum Place<'r> {
    Id,
    Text(&'static str),
    Flag(&'static str),
    Instant(&'static str),
    /// Members of a group.
    Members,
    /// Groups that somebody is in.
    Groups,
    Value(&'r IndexedAttribute),
    Document,
}

impl View {
    /// The condition of `filter` on rows `r` of `resource`.
    pub(super) fn condition(
        &self,
        resource_type: &ResourceType,
        filter: &CheckedFilter,
    ) -> Condition {
        match filter {
            CheckedFilter::And(terms) if terms.is_empty() => Condition::always(true),
            CheckedFilter::Or(terms) if terms.is_empty() => Condition::always(false),
            CheckedFilter::And(terms) => {
                all(terms.iter().map(|term| self.condition(resource_type, term)))
            }
            CheckedFilter::Or(terms) => {
                any(terms.iter().map(|term| self.condition(resource_type, term)))
            }
            CheckedFilter::Not(term) => match self.condition(resource_type, term) {
                Condition::Exact(sql) => Condition::Exact(Sql::new("not (").append(sql).push(")")),
                Condition::Wider(_) | Condition::Unknown => Condition::Unknown,
            },
            CheckedFilter::Present(attribute) => self.present(resource_type, attribute),
            CheckedFilter::Compare { attribute, op, operand } => {
                self.compare(resource_type, attribute, *op, operand)
            }
            CheckedFilter::Element { filter, .. } => self.element(resource_type, filter),
        }
    }

    /// One element must satisfy the whole filter; the index knows of each value
    /// only that some element has it.
    fn element(&self, resource_type: &ResourceType, filter: &CheckedFilter) -> Condition {
        match filter {
            CheckedFilter::Compare { op: CompareOp::Ne, .. }
            | CheckedFilter::Not(_)
            | CheckedFilter::Element { .. } => Condition::Unknown,
            CheckedFilter::Compare { attribute, op, operand } => {
                self.compare(resource_type, attribute, *op, operand)
            }
            CheckedFilter::Present(attribute) => self.present(resource_type, attribute),
            CheckedFilter::Or(terms) => {
                any(terms.iter().map(|term| self.element(resource_type, term)))
            }
            CheckedFilter::And(terms) => {
                match all(terms.iter().map(|term| self.element(resource_type, term))) {
                    Condition::Exact(sql) | Condition::Wider(sql) => Condition::Wider(sql),
                    Condition::Unknown => Condition::Unknown,
                }
            }
        }
    }

    fn present(&self, resource_type: &ResourceType, attribute: &AttributeRef) -> Condition {
        match place(resource_type, attribute) {
            Place::Id | Place::Instant(_) => Condition::always(true),
            Place::Text(column) => {
                Condition::Exact(Sql::new(&format!("({column} is not null and {column} <> '')")))
            }
            Place::Flag(column) => Condition::Exact(Sql::new(&format!("{column} is not null"))),
            Place::Members => self.has_any_member(),
            Place::Groups => self.in_any_group(),
            Place::Value(indexed) => Condition::Exact(
                self.values(resource_type, indexed).push(" and v.value_key <> '')"),
            ),
            Place::Document => Condition::Unknown,
        }
    }

    fn compare(
        &self,
        resource_type: &ResourceType,
        attribute: &AttributeRef,
        op: CompareOp,
        operand: &Operand,
    ) -> Condition {
        match (place(resource_type, attribute), operand) {
            (Place::Id, Operand::Text(text)) => id(op, text),
            (Place::Text(column), Operand::Text(text)) => self.column(column, op, text),
            (Place::Flag(column), Operand::Boolean(flag)) => compare_flag(column, op, *flag),
            (Place::Instant(column), Operand::Instant(us)) => compare_instant(column, op, *us),
            (Place::Members, Operand::Text(text)) => self.has_member(op, text),
            (Place::Groups, Operand::Text(text)) => self.in_group(op, text),
            (Place::Value(indexed), operand) => {
                self.value(resource_type, indexed, op, &operand_key(operand))
            }
            _ => Condition::Unknown,
        }
    }

    fn column(&self, column: &str, op: CompareOp, text: &str) -> Condition {
        let Some(test) = self.text(column, op, text) else { return Condition::Unknown };
        let sql = match op {
            CompareOp::Ne => Sql::new(&format!("({column} is null or ")),
            _ => Sql::new(&format!("({column} is not null and ")),
        };
        Condition::Exact(sql.append(test).push(")"))
    }

    fn value(
        &self,
        resource_type: &ResourceType,
        indexed: &IndexedAttribute,
        op: CompareOp,
        text: &str,
    ) -> Condition {
        // The end of a long value is not in its key.
        if indexed.long && matches!(op, CompareOp::Co | CompareOp::Ew) {
            return Condition::Unknown;
        }
        let Some(test) = self.text("v.value_key", op, text) else { return Condition::Unknown };
        let some = self.values(resource_type, indexed).push(" and ").append(test).push(")");
        Condition::Exact(match op {
            CompareOp::Ne => Sql::new("(")
                .append(some)
                .push(" or not ")
                .append(self.values(resource_type, indexed))
                .push("))"),
            _ => some,
        })
    }

    /// `r.id in (… ` the resources with a value of the attribute; to be closed.
    fn values(&self, resource_type: &ResourceType, indexed: &IndexedAttribute) -> Sql {
        Sql::new("r.id in (select v.resource_id from attribute_value v where v.tenant_id = ?")
            .bind(self.owner())
            .push(" and v.resource_type = ?")
            .bind(resource_type.code)
            .push(" and v.path = ?")
            .bind(indexed.path.clone())
    }

    /// A comparison of a key; nothing if the text is as long as a key that was cut,
    /// which may be three bytes shorter than others so that no character is split.
    fn text(&self, column: &str, op: CompareOp, text: &str) -> Option<Sql> {
        if KEY_BYTES - 3 <= text.len() {
            return None;
        }
        let compare = |sign: &str| Sql::new(&format!("{column} {sign} ?")).bind(text);
        let postgres = self.backend == DbBackend::Postgres;
        Some(match op {
            CompareOp::Eq => compare("="),
            CompareOp::Ne => compare("<>"),
            CompareOp::Gt => compare(">"),
            CompareOp::Ge => compare(">="),
            CompareOp::Lt => compare("<"),
            CompareOp::Le => compare("<="),
            // A range, which an index can answer and LIKE's metacharacters cannot spoil.
            CompareOp::Sw => match prefix_end(text) {
                Some(end) => compare(">=").push(&format!(" and {column} < ?")).bind(end),
                None => compare(">="),
            },
            CompareOp::Co if postgres => Sql::new(&format!("strpos({column}, ?) > 0")).bind(text),
            CompareOp::Co => Sql::new(&format!("instr({column}, ?) > 0")).bind(text),
            CompareOp::Ew if text.is_empty() => Sql::new("1 = 1"),
            CompareOp::Ew if postgres => {
                Sql::new(&format!("right({column}, char_length(?)) = ?")).bind(text).bind(text)
            }
            CompareOp::Ew => {
                Sql::new(&format!("substr({column}, -length(?)) = ?")).bind(text).bind(text)
            }
        })
    }
}

pub(super) fn place<'r>(resource_type: &'r ResourceType, attribute: &AttributeRef) -> Place<'r> {
    let path = attribute.to_string();
    if let Some(indexed) = resource_type.indexed_attributes().iter().find(|at| at.path == path) {
        return Place::Value(indexed);
    }
    match path.as_str() {
        "id" => Place::Id,
        "externalId" => Place::Text("r.external_id"),
        "displayName" if resource_type.is_user() || resource_type.is_group() => {
            Place::Text("r.display_key")
        }
        "userName" if resource_type.is_user() => Place::Text("r.unique_key"),
        "active" if resource_type.is_user() => Place::Flag("r.active"),
        "meta.created" => Place::Instant("r.created_us"),
        "meta.lastModified" => Place::Instant("r.modified_us"),
        "members.value" | "members" if resource_type.is_group() => Place::Members,
        "groups.value" | "groups" if resource_type.shows_groups() => Place::Groups,
        _ => Place::Document,
    }
}

fn all(terms: impl Iterator<Item = Condition>) -> Condition {
    let mut exact = true;
    let mut sql: Option<Sql> = None;
    for term in terms {
        exact &= term.is_exact();
        sql = match (sql, term.into_sql()) {
            (Some(sql), Some(term)) => Some(sql.push(" and ").append(term)),
            (None, Some(term)) => Some(Sql::new("(").append(term)),
            (sql, None) => sql,
        };
    }
    match sql.map(|sql| sql.push(")")) {
        Some(sql) if exact => Condition::Exact(sql),
        Some(sql) => Condition::Wider(sql),
        None => Condition::Unknown,
    }
}

fn any(terms: impl Iterator<Item = Condition>) -> Condition {
    let mut exact = true;
    let mut sql: Option<Sql> = None;
    for term in terms {
        exact &= term.is_exact();
        let Some(term) = term.into_sql() else { return Condition::Unknown };
        sql = Some(match sql {
            Some(sql) => sql.push(" or ").append(term),
            None => Sql::new("(").append(term),
        });
    }
    match sql.map(|sql| sql.push(")")) {
        Some(sql) if exact => Condition::Exact(sql),
        Some(sql) => Condition::Wider(sql),
        None => Condition::Unknown,
    }
}

/// Ids are stored as numbers, so only equality can be asked of the index.
fn id(op: CompareOp, text: &str) -> Condition {
    match (op, ResourceId::parse(text)) {
        (CompareOp::Eq, Some(id)) => Condition::Exact(Sql::new("r.id = ?").bind(id.get())),
        (CompareOp::Ne, Some(id)) => Condition::Exact(Sql::new("r.id <> ?").bind(id.get())),
        (CompareOp::Eq, None) => Condition::always(false),
        (CompareOp::Ne, None) => Condition::always(true),
        _ => Condition::Unknown,
    }
}

fn compare_flag(column: &str, op: CompareOp, flag: bool) -> Condition {
    match op {
        CompareOp::Eq => Condition::Exact(
            Sql::new(&format!("({column} is not null and {column} = ?)")).bind(flag),
        ),
        CompareOp::Ne => {
            Condition::Exact(Sql::new(&format!("({column} is null or {column} <> ?)")).bind(flag))
        }
        _ => Condition::Unknown,
    }
}

fn compare_instant(column: &str, op: CompareOp, us: i64) -> Condition {
    let sign = match op {
        CompareOp::Eq => "=",
        CompareOp::Ne => "<>",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => return Condition::Unknown,
    };
    Condition::Exact(Sql::new(&format!("{column} {sign} ?")).bind(us))
}

/// The least text that is greater than every text with this prefix, by bytes.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_of_its_length() {
        for (prefix, end) in [
            ("ab", Some("ac")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{D7FF}", Some("\u{E000}")),
            ("\u{10FFFF}", None),
            ("", None),
        ] {
            assert_eq!(prefix_end(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
