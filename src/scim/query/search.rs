//! A query in a body (RFC 7644 §3.4.3).

use serde_json::{Map, Value};

use crate::scim::{ScimError, urn};

/// What a search asks, each part as the query string would have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchRequest {
    /// Which resources.
    pub filter: Option<String>,
    /// Number of the first resource of the page.
    pub start_index: Option<String>,
    /// Most resources of the page.
    pub count: Option<String>,
    /// What to sort by.
    pub sort_by: Option<String>,
    /// Which way to sort.
    pub sort_order: Option<String>,
    /// Where a walk by cursor goes on.
    pub cursor: Option<String>,
    /// Attributes to answer, separated by commas.
    pub attributes: Option<String>,
    /// Attributes not to answer, separated by commas.
    pub excluded: Option<String>,
}

impl SearchRequest {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidSyntax`] if it does not say that it is a search;
    /// [`ScimError::InvalidValue`] if a part has the wrong type.
    pub fn parse(body: Map<String, Value>) -> Result<Self, ScimError> {
        let (mut search, mut declared) = (Self::default(), false);
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "schemas" => declared = declares(&value),
                "filter" => search.filter = text("filter", value)?,
                "startindex" => search.start_index = number("startIndex", value)?,
                "count" => search.count = number("count", value)?,
                "sortby" => search.sort_by = text("sortBy", value)?,
                "sortorder" => search.sort_order = text("sortOrder", value)?,
                "cursor" => search.cursor = text("cursor", value)?,
                "attributes" => search.attributes = names("attributes", value)?,
                "excludedattributes" => search.excluded = names("excludedAttributes", value)?,
                // Unknown parameters mean nothing (RFC 7644 §3.4.2).
                _ => {}
            }
        }
        match declared {
            true => Ok(search),
            false => Err(ScimError::InvalidSyntax(format!(
                "`schemas` must contain `{}`",
                urn::SEARCH_REQUEST
            ))),
        }
    }
}

fn declares(schemas: &Value) -> bool {
    let named =
        |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(urn::SEARCH_REQUEST));
    schemas.as_array().is_some_and(|schemas| schemas.iter().any(named))
}

fn text(name: &str, value: Value) -> Result<Option<String>, ScimError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(wrong(name, "a string")),
    }
}

fn number(name: &str, value: Value) -> Result<Option<String>, ScimError> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        _ => Err(wrong(name, "a whole number")),
    }
}

fn names(name: &str, value: Value) -> Result<Option<String>, ScimError> {
    match value {
        Value::Null => Ok(None),
        Value::Array(names) => {
            let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
            let names = names.ok_or_else(|| wrong(name, "an array of strings"))?;
            Ok((!names.is_empty()).then(|| names.join(",")))
        }
        _ => Err(wrong(name, "an array of strings")),
    }
}

fn wrong(name: &str, expected: &str) -> ScimError {
    ScimError::InvalidValue(format!("`{name}` must be {expected}"))
}
