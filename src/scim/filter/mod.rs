//! Filters, RFC 7644 §3.4.2.2.
//!
//! Text is parsed to a [`Filter`] (nom), which prints back to the same text in
//! canonical form. Checked against a resource type it becomes a
//! [`CheckedFilter`], in which every attribute is known and every literal has
//! the attribute's type. [`eval()`] answers it on one resource; `store::filter_sql`
//! answers it on a database, and the two agree.

mod check;
mod eval;
mod parse;
mod print;
#[cfg(test)]
mod tests;

use crate::scim::path::{AttributePath, AttributeRef};

pub use check::{check, check_across, check_element};
pub use eval::{eval, eval_element};
pub(in crate::scim) use parse::parse_value_filter;
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_TERMS, parse};

/// A filter as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every term holds; at least two.
    And(Vec<Filter>),
    /// Some term holds; at least two.
    Or(Vec<Filter>),
    /// The term does not hold.
    Not(Box<Filter>),
    /// `path op value`.
    Compare {
        /// What is compared.
        path: AttributePath,
        /// How.
        op: CompareOp,
        /// With what.
        value: Literal,
    },
    /// `path pr`.
    Present(AttributePath),
    /// `path[filter]`: one element satisfies the filter.
    ValuePath {
        /// The attribute.
        path: AttributePath,
        /// Over its sub-attributes.
        filter: Box<Filter>,
    },
}

/// Comparison operators, RFC 7644 §3.4.2.2, table 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl CompareOp {
    /// Every operator.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator as it stands in a filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    /// The operator of that name, without regard to case.
    pub fn from_keyword(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(word))
    }

    /// Whether it looks into text: `co`, `sw` or `ew`.
    pub fn is_substring(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }

    /// Whether it asks for an order: `gt`, `ge`, `lt` or `le`.
    pub fn is_ordering(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }
}

/// A literal as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A string, unescaped.
    String(String),
    /// A number, in its own spelling.
    Number(serde_json::Number),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
}

/// A literal with the type of the attribute it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Text, already folded unless the attribute is `caseExact`.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Decimal(f64),
    /// A boolean.
    Boolean(bool),
    /// An instant, in microseconds since 1970-01-01T00:00:00Z.
    Instant(i64),
}

/// A filter that was checked against a resource type.
///
/// Semantics, the same in memory and in SQL: every term is true or false, never
/// unknown. A comparison with an attribute that has no value is false, but `ne`
/// is true. A multi-valued attribute matches if one of its values does; `ne`
/// matches if one of its values differs or there is none. `not` is the plain
/// complement. `eq null` is read as `not pr`, `ne null` as `pr`.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckedFilter {
    /// Every term holds; without a term it is true.
    And(Vec<CheckedFilter>),
    /// Some term holds; without a term it is false.
    Or(Vec<CheckedFilter>),
    /// The term does not hold.
    Not(Box<CheckedFilter>),
    /// A comparison. Of a complex attribute without a sub-attribute, `value` is
    /// meant and stands here (RFC 7644 §3.4.2.2).
    Compare {
        /// What is compared.
        attribute: AttributeRef,
        /// How.
        op: CompareOp,
        /// With what.
        operand: Operand,
    },
    /// The attribute has a value.
    Present(AttributeRef),
    /// One element of the attribute satisfies the filter, whose attributes are
    /// sub-attributes of it (each [`AttributeRef`] in it names both).
    Element {
        /// The complex attribute.
        attribute: AttributeRef,
        /// What the element must satisfy.
        filter: Box<CheckedFilter>,
    },
}

impl CheckedFilter {
    /// Calls `visit` with every attribute the filter looks at, brackets included.
    pub fn attributes(&self, visit: &mut dyn FnMut(&AttributeRef)) {
        match self {
            Self::And(terms) | Self::Or(terms) => {
                for term in terms {
                    term.attributes(visit);
                }
            }
            Self::Not(term) => term.attributes(visit),
            Self::Compare { attribute, .. } | Self::Present(attribute) => visit(attribute),
            Self::Element { attribute, filter } => {
                visit(attribute);
                filter.attributes(visit);
            }
        }
    }
}
