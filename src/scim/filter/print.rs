//! Filters as text, in one canonical form: operators in lower case, one space,
//! brackets only where the rank of the operators asks for them.

use std::fmt;

use super::{CompareOp, Filter, Literal};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => {
                list(f, terms, " and ", |term| matches!(term, Self::And(_) | Self::Or(_)))
            }
            Self::Or(terms) => list(f, terms, " or ", |term| matches!(term, Self::Or(_))),
            Self::Not(term) => write!(f, "not ({term})"),
            Self::Compare { path, op, value } => write!(f, "{path} {op} {value}"),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::ValuePath { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    terms: &[Filter],
    between: &str,
    needs_brackets: impl Fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        match needs_brackets(term) {
            true => write!(f, "({term})")?,
            false => write!(f, "{term}")?,
        }
    }
    Ok(())
}

impl fmt::Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => {
                f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
            }
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(boolean) => write!(f, "{boolean}"),
            Self::Null => f.write_str("null"),
        }
    }
}
