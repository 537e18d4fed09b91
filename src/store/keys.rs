//! What the database finds a resource by: folded in Rust, compared as bytes.

use serde_json::Value;

use crate::scim::{
    resource::Document,
    schema::ResourceType,
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
}

impl ResourceKeys {
    /// The keys of `document`. Group names are unique if `unique_group_names`.
    pub fn of(resource_type: &ResourceType, document: &Document, unique_group_names: bool) -> Self {
        let display = document.display_name().map(key);
        let unique = match resource_type.is_user() {
            true => document.user_name().map(|name| cut(&user_name_key(name)).to_owned()),
            false if unique_group_names && resource_type.is_group() => display.clone(),
            false => None,
        };
        Self {
            unique,
            external_id: document.external_id().map(str::to_owned),
            display,
            active: document.attributes().get("active").and_then(Value::as_bool),
            values: values(resource_type, document),
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

fn values(resource_type: &ResourceType, document: &Document) -> Vec<ValueKey> {
    let mut keys = Vec::new();
    for indexed in resource_type.indexed_attributes() {
        for (element, value) in document.values(&indexed.attribute) {
            let (Some(text), Ok(element)) = (value.as_str(), i16::try_from(element)) else {
                continue;
            };
            let key = cut(&indexed.attribute.key(text)).to_owned();
            keys.push(ValueKey { path: indexed.path.clone(), key, element });
        }
    }
    keys
}
