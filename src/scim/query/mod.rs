//! What a query asks besides its filter (RFC 7644 §3.4.2): which page, in which order.
//!
//! Parameters arrive as text, together a [`SearchRequest`] whether they stood in a
//! URL or in a body. Here they become numbers that cannot overflow what is
//! computed from them, a [`Sort`] that fits the schemas, and a [`Page`].

mod cursor;
mod search;
mod sort;
#[cfg(test)]
mod tests;

use crate::scim::ScimError;

pub use cursor::{CURSOR_KEY_BYTES, CURSOR_SECONDS, Cursor, CursorKey, Place};
pub use search::SearchRequest;
pub use sort::{Position, Sort, SortKey};

/// Digits a page number may have: all numbers of that length fit an `i64`.
const MAX_DIGITS: usize = 18;

/// A page by position, RFC 7644 §3.4.2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexPage {
    /// Position of the first result, from 1, at most 10^18.
    pub start_index: u64,
    /// How many results at most; 0 asks for the total alone.
    pub count: u64,
}

impl IndexPage {
    /// Reads `startIndex` and `count`.
    ///
    /// A start below 1 means 1, a count below 0 means 0, and a count above
    /// `max` means `max` (RFC 7644 §3.4.2.4, table 6). Without a count,
    /// `default` is taken.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidValue`] if `strict` and one of them is no whole
    /// number or is too long; otherwise such a parameter counts as absent.
    pub fn parse(
        start_index: Option<&str>,
        count: Option<&str>,
        max: u64,
        default: u64,
        strict: bool,
    ) -> Result<Self, ScimError> {
        let start_index = number("startIndex", start_index, strict)?.unwrap_or(1);
        let count = number("count", count, strict)?.unwrap_or(default);
        Ok(Self { start_index: start_index.max(1), count: count.min(max) })
    }
}

/// A page, by one of the two methods; by position unless a cursor is given
/// (RFC 9865 §2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// By position.
    Index(IndexPage),
    /// By cursor.
    Cursor(Cursor),
}

/// How many resources a page of a walk has.
///
/// RFC 7644 §3.4.2.4 cuts a count that is too large in silence, RFC 9865 §2.1
/// refuses it with `invalidCount`. Each holds for its own method of paging:
/// [`IndexPage::parse`] cuts, a walk refuses, since a client that counts on its
/// own number would miss resources. Below 0 means 0 with both.
///
/// # Errors
///
/// [`ScimError::InvalidCount`] if it is no whole number, is above `max`, or is
/// another than the walk `began` with. A walk goes on without a count as it began.
pub fn walk_count(
    count: Option<&str>,
    began: Option<u64>,
    max: u64,
    default: u64,
) -> Result<u64, ScimError> {
    let given =
        number("count", count, true).map_err(|error| ScimError::InvalidCount(error.to_string()))?;
    match (given, began) {
        (Some(count), _) if max < count => {
            Err(ScimError::InvalidCount(format!("`count` must be at most {max}")))
        }
        (Some(count), Some(began)) if count != began => Err(ScimError::InvalidCount(format!(
            "`count` must be {began} on every page, as it was on the first"
        ))),
        (Some(count), _) => Ok(count),
        (None, began) => Ok(began.unwrap_or(default.min(max))),
    }
}

/// A whole number, with 0 in place of negative ones.
fn number(name: &str, text: Option<&str>, strict: bool) -> Result<Option<u64>, ScimError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let is_number = !digits.is_empty()
        && digits.len() <= MAX_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(_) if is_number && negative => Ok(Some(0)),
        Ok(number) if is_number => Ok(Some(number)),
        _ if strict => Err(ScimError::InvalidValue(format!(
            "`{name}` must be a whole number of at most {MAX_DIGITS} digits"
        ))),
        _ => Ok(None),
    }
}
