//! What the database finds a resource by: folded in Rust, compared as bytes.

use std::collections::HashSet;

use serde_json::Value;

use crate::scim::{
    date_time::parse_date_time,
    filter::Operand,
    path::AttributeRef,
    resource::Document,
    schema::{AttributeType, IndexedAttribute, ResourceType},
    text::{fold, user_name_key},
};

/// Longest key in bytes; longer values of attributes that may be long are cut
/// here and compared again on the document. PostgreSQL cannot index 2,700 bytes.
pub(super) const KEY_BYTES: usize = 1024;

/// One row of the index of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueKey {
    /// Canonical path of the attribute.
    pub path: String,
    /// The folded value.
    pub key: String,
    /// Which element of the attribute has it.
    pub element: i16,
}

/// A value that no other resource of the type may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UniqueValue {
    /// Canonical path of the attribute.
    pub path: String,
    /// The folded value.
    pub key: String,
}

/// The keys of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceKeys {
    /// Prepared `userName` of a user, or folded `displayName` of a group that must be unique.
    pub unique: Option<String>,
    /// `externalId`, as it is.
    pub external_id: Option<String>,
    /// Folded `displayName`.
    pub display: Option<String>,
    /// `active` of a user, if it is stated.
    pub active: Option<bool>,
    /// Indexed values.
    pub values: Vec<ValueKey>,
    /// Values that no other resource of the type may have.
    pub unique_values: Vec<UniqueValue>,
    /// Version of the tenant's schemas that the document was judged by.
    pub judged_by: i64,
}

impl ResourceKeys {
    /// The keys of `document`. Group names are unique if `unique_group_names`.
    pub fn of(resource_type: &ResourceType, document: &Document, unique_group_names: bool) -> Self {
        let builtin = resource_type.is_user() || resource_type.is_group();
        let display = document.display_name().filter(|_| builtin).map(key);
        let unique = match resource_type.is_user() {
            true => document.user_name().map(|name| cut(&user_name_key(name)).to_owned()),
            false if unique_group_names && resource_type.is_group() => display.clone(),
            false => None,
        };
        let active = document.attributes().get("active").and_then(Value::as_bool);
        let indexed = resource_type.indexed_attributes();
        Self {
            unique,
            external_id: document.external_id().map(str::to_owned),
            display,
            active: active.filter(|_| resource_type.is_user()),
            values: values(indexed.iter(), document),
            unique_values: unique_values(indexed.iter().filter(|at| at.unique), document),
            judged_by: resource_type.schema_version,
        }
    }
}

/// The key of a text that is compared without regard to case.
pub(super) fn key(text: &str) -> String {
    cut(&fold(text)).to_owned()
}

/// At most [`KEY_BYTES`] of `text`, whole characters.
pub(super) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(KEY_BYTES)).unwrap_or(text)
}

/// The index rows of a document for some attributes, each once.
pub(super) fn values<'a>(
    indexed: impl Iterator<Item = &'a IndexedAttribute>,
    document: &Document,
) -> Vec<ValueKey> {
    let mut keys = Vec::new();
    for indexed in indexed {
        for (element, value) in document.values(&indexed.attribute) {
            let Ok(element) = i16::try_from(element) else { continue };
            let parts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let mut seen = HashSet::new();
            for key in parts.iter().filter_map(|value| typed_key(&indexed.attribute, value)) {
                if seen.insert(key.clone()) {
                    keys.push(ValueKey { path: indexed.path.clone(), key, element });
                }
            }
        }
    }
    keys
}

/// The unique values of a document for some attributes, each once.
pub(super) fn unique_values<'a>(
    indexed: impl Iterator<Item = &'a IndexedAttribute>,
    document: &Document,
) -> Vec<UniqueValue> {
    let all = values(indexed, document);
    let mut seen = HashSet::new();
    all.into_iter()
        .map(|value| UniqueValue { path: value.path, key: value.key })
        .filter(|value| seen.insert(value.clone()))
        .collect()
}

/// The key of a stored value: text that sorts as the values do.
fn typed_key(attribute: &AttributeRef, value: &Value) -> Option<String> {
    match (attribute.leaf().attribute_type, value) {
        (AttributeType::Integer, _) => value.as_i64().map(integer_key),
        (AttributeType::Decimal, _) => value.as_f64().map(decimal_key),
        (AttributeType::DateTime, Value::String(text)) => parse_date_time(text).map(integer_key),
        (AttributeType::Boolean, Value::Bool(flag)) => Some(boolean_key(*flag).to_owned()),
        (AttributeType::DateTime | AttributeType::Boolean, _) => None,
        (_, Value::String(text)) => Some(cut(&attribute.key(text)).to_owned()),
        _ => None,
    }
}

/// The key that an operand is compared with.
pub(super) fn operand_key(operand: &Operand) -> String {
    match operand {
        Operand::Text(text) => text.clone(),
        Operand::Integer(number) | Operand::Instant(number) => integer_key(*number),
        Operand::Decimal(number) => decimal_key(*number),
        Operand::Boolean(flag) => boolean_key(*flag).to_owned(),
    }
}

fn boolean_key(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// 16 digits that sort as the numbers do.
fn integer_key(number: i64) -> String {
    format!("{:016x}", i128::from(number) - i128::from(i64::MIN))
}

/// 16 digits that sort as the numbers do; zero has one sign.
fn decimal_key(number: f64) -> String {
    const SIGN: u64 = 1 << 63;
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    format!("{:016x}", if bits & SIGN == 0 { bits | SIGN } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::{decimal_key, integer_key};

    #[test]
    fn keys_of_numbers_sort_as_the_numbers() {
        let integers = [i64::MIN, -2, -1, 0, 1, 9, 10, i64::MAX].map(integer_key);
        assert!(integers.is_sorted_by(|left, right| left < right), "{integers:?}");
        let decimals =
            [f64::MIN, -10.0, -9.5, -1e-9, 0.0, 1e-9, 9.5, 10.0, f64::MAX].map(decimal_key);
        assert!(decimals.is_sorted_by(|left, right| left < right), "{decimals:?}");
        assert_eq!(decimal_key(-0.0), decimal_key(0.0));
    }
}
