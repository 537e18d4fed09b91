//! Reads schemas from their JSON form (RFC 7643 §7).
//!
//! The built-in schemas and those a tenant brings pass through the same
//! function, so that both are held to the same rules.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Attribute, AttributeType, Schema, Uniqueness,
    rules::{Limits, is_name},
    write::{MUTABILITIES, RETURNED, TYPES, UNIQUENESSES},
};
use crate::scim::urn;

/// A fault in a schema or resource type that somebody brings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{at}`: {rule}")]
pub struct SchemaError {
    /// Where in the JSON: `attributes[2].subAttributes[0].type`.
    pub at: String,
    /// The rule that is broken.
    pub rule: String,
}

impl SchemaError {
    pub(super) fn new(at: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { at: at.into(), rule: rule.into() }
    }
}

const SCHEMA_MEMBERS: [&str; 6] = ["schemas", "id", "name", "description", "attributes", "meta"];

/// `indexed` and `openValues` are ours.
const ATTRIBUTE_MEMBERS: [&str; 14] = [
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "canonicalValues",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "referenceTypes",
    "subAttributes",
    "indexed",
    "openValues",
];

/// Reads a schema from its JSON text.
///
/// # Errors
///
/// [`SchemaError`] that names the place and the rule it breaks.
pub fn read(text: &str) -> Result<Schema, SchemaError> {
    let value = serde_json::from_str(text)
        .map_err(|error| SchemaError::new("schema", format!("is not JSON: {error}")))?;
    read_value(&value)
}

/// Reads a schema from JSON, RFC 7643 §7.
///
/// Characteristics that are not stated have the defaults of RFC 7643 §2.2.
///
/// # Errors
///
/// [`SchemaError`] that names the place and the rule it breaks.
pub fn read_value(value: &Value) -> Result<Schema, SchemaError> {
    let place = Place::new(value, "schema", "", &SCHEMA_MEMBERS)?;
    let id = place.text("id")?.ok_or_else(|| SchemaError::new("id", "is missing: a URN"))?;
    let attributes = place.list("attributes")?;
    if attributes.is_empty() {
        return Err(SchemaError::new("attributes", "expected at least one attribute"));
    }
    let mut left = Limits::ATTRIBUTES;
    // The schema of schemas is the one schema that describes itself, and needs
    // one level more than the others may have (RFC 7643 §8.7.2).
    let depth = if id == urn::SCHEMA { 2 } else { 1 };
    Ok(Schema {
        name: place.text("name")?.unwrap_or_else(|| id.clone()),
        description: place.text("description")?.unwrap_or_default(),
        attributes: read_attributes(attributes, "attributes", depth, &mut left)?,
        id: Arc::from(id),
    })
}

fn read_attributes(
    list: &[Value],
    at: &str,
    depth: usize,
    left: &mut usize,
) -> Result<Vec<Arc<Attribute>>, SchemaError> {
    let mut attributes: Vec<Arc<Attribute>> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let at = format!("{at}[{index}]");
        *left = left.checked_sub(1).ok_or_else(|| {
            let rule =
                format!("a schema has at most {} attributes, parts included", Limits::ATTRIBUTES);
            SchemaError::new(&at, rule)
        })?;
        let attribute = read_attribute(value, &at, depth, left)?;
        if attributes.iter().any(|other| other.name.eq_ignore_ascii_case(&attribute.name)) {
            let rule = format!("`{}` is defined twice; letter case does not count", attribute.name);
            return Err(SchemaError::new(format!("{at}.name"), rule));
        }
        attributes.push(Arc::new(attribute));
    }
    Ok(attributes)
}

fn read_attribute(
    value: &Value,
    at: &str,
    depth: usize,
    left: &mut usize,
) -> Result<Attribute, SchemaError> {
    let place = Place::new(value, at, at, &ATTRIBUTE_MEMBERS)?;
    let name = place.text("name")?.unwrap_or_default();
    if !is_name(&name) {
        return Err(place.fault(
            "name",
            "expected a letter, then letters, digits, `-`, `_` or `$`, at most 128 bytes in all \
             (RFC 7643 §2.1)",
        ));
    }
    let attribute_type = place.keyword("type", &TYPES)?.unwrap_or(AttributeType::String);
    let uniqueness = place.keyword("uniqueness", &UNIQUENESSES)?.unwrap_or(Uniqueness::None);
    let case_exact = place.flag("caseExact")?;
    if attribute_type == AttributeType::Complex && (case_exact || uniqueness != Uniqueness::None) {
        let member = if case_exact { "caseExact" } else { "uniqueness" };
        return Err(
            place.fault(member, "says nothing about a complex attribute: state it of its parts")
        );
    }
    let canonical_values = place.texts("canonicalValues", Limits::CANONICAL_VALUES)?;
    Ok(Attribute {
        description: place.text("description")?.unwrap_or_default(),
        attribute_type,
        multi_valued: place.flag("multiValued")?,
        required: place.flag("required")?,
        case_exact,
        mutability: place.keyword("mutability", &MUTABILITIES)?.unwrap_or_default(),
        returned: place.keyword("returned", &RETURNED)?.unwrap_or_default(),
        uniqueness,
        canonical_values,
        is_closed: false,
        is_indexed: place.flag("indexed")?,
        reference_types: place.texts("referenceTypes", Limits::CANONICAL_VALUES)?,
        sub_attributes: read_parts(&place, attribute_type, depth, left)?,
        name,
    })
}

fn read_parts(
    place: &Place<'_>,
    attribute_type: AttributeType,
    depth: usize,
    left: &mut usize,
) -> Result<Vec<Arc<Attribute>>, SchemaError> {
    let parts = place.list("subAttributes")?;
    match (attribute_type, depth) {
        (AttributeType::Complex, 0) => {
            Err(place.fault("type", "a complex attribute has no complex part (RFC 7643 §2.3.8)"))
        }
        (AttributeType::Complex, _) if parts.is_empty() => {
            Err(place.fault("subAttributes", "a complex attribute has at least one part"))
        }
        (AttributeType::Complex, _) if Limits::PARTS < parts.len() => {
            let rule = format!("an attribute has at most {} parts", Limits::PARTS);
            Err(place.fault("subAttributes", &rule))
        }
        (AttributeType::Complex, _) => {
            read_attributes(parts, &place.at("subAttributes"), depth - 1, left)
        }
        _ if parts.is_empty() => Ok(Vec::new()),
        _ => Err(place.fault("subAttributes", "only a complex attribute has parts")),
    }
}

/// A JSON object and where it stands.
pub(super) struct Place<'a> {
    object: &'a Map<String, Value>,
    prefix: String,
}

impl<'a> Place<'a> {
    /// The object at `at`, whose members are among `known`.
    pub(super) fn new(
        value: &'a Value,
        at: &str,
        prefix: &str,
        known: &[&str],
    ) -> Result<Self, SchemaError> {
        let object = value.as_object().ok_or_else(|| SchemaError::new(at, "expected an object"))?;
        let place = Self { object, prefix: prefix.to_owned() };
        match object.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                let rule = format!("is not known here; expected some of {}", known.join(", "));
                Err(place.fault(&name, &rule))
            }
            None => Ok(place),
        }
    }

    /// Where a member stands.
    pub(super) fn at(&self, member: &str) -> String {
        match self.prefix.is_empty() {
            true => member.to_owned(),
            false => format!("{}.{member}", self.prefix),
        }
    }

    /// A fault of a member.
    pub(super) fn fault(&self, member: &str, rule: &str) -> SchemaError {
        SchemaError::new(self.at(member), rule)
    }

    /// A string, unless it is not there.
    pub(super) fn text(&self, member: &str) -> Result<Option<String>, SchemaError> {
        match self.object.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= Limits::TEXT_BYTES => Ok(Some(text.clone())),
            Some(Value::String(_)) => {
                let rule =
                    format!("is longer than {} bytes, which is the limit", Limits::TEXT_BYTES);
                Err(self.fault(member, &rule))
            }
            Some(_) => Err(self.fault(member, "expected a string")),
        }
    }

    /// A boolean; false if it is not there.
    pub(super) fn flag(&self, member: &str) -> Result<bool, SchemaError> {
        match self.object.get(member) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.fault(member, "expected true or false")),
        }
    }

    /// An array; empty if it is not there.
    pub(super) fn list(&self, member: &str) -> Result<&'a [Value], SchemaError> {
        match self.object.get(member) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.fault(member, "expected an array")),
        }
    }

    fn texts(&self, member: &str, most: usize) -> Result<Vec<String>, SchemaError> {
        let list = self.list(member)?;
        if most < list.len() {
            return Err(
                self.fault(member, &format!("has more than {most} values, which is the limit"))
            );
        }
        let text = |value: &Value| match value {
            Value::String(text) if text.len() <= Limits::TEXT_BYTES => Ok(text.clone()),
            _ => {
                let rule = format!("expected strings of at most {} bytes", Limits::TEXT_BYTES);
                Err(self.fault(member, &rule))
            }
        };
        list.iter().map(text).collect()
    }

    fn keyword<T: Copy, const N: usize>(
        &self,
        member: &str,
        words: &[(&str, T); N],
    ) -> Result<Option<T>, SchemaError> {
        let Some(word) = self.text(member)? else { return Ok(None) };
        match words.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word)) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let names = words.each_ref().map(|(name, _)| *name).join(", ");
                Err(self.fault(member, &format!("expected one of {names}")))
            }
        }
    }
}
