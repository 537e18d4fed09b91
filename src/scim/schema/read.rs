//! Reads schemas from their JSON form (RFC 7643 §7), and writes it.
//!
//! The built-in schemas and those a tenant brings pass through the same
//! function, so that both are held to the same rules.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};
use crate::scim::urn;

/// Most attributes of a schema, sub-attributes included.
const MAX_ATTRIBUTES: usize = 500;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// Longest description or canonical value, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// A fault in the JSON form of a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The text is not JSON.
    #[error("the schema is not JSON: {0}")]
    Syntax(String),
    /// A member is missing or has the wrong type.
    #[error("`{at}`: expected {expected}")]
    Expected {
        /// The attribute and the member.
        at: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A name that RFC 7643 §2.1 does not allow.
    #[error("`{0}` is not the name of an attribute")]
    Name(String),
    /// Two attributes whose names differ at most in case.
    #[error("`{0}` is defined twice")]
    Duplicate(String),
    /// A complex attribute in a complex attribute, RFC 7643 §2.3.8.
    #[error("`{0}` is complex and lies in a complex attribute")]
    Nested(String),
    /// A complex attribute without sub-attributes.
    #[error("`{0}` is complex and has no sub-attributes")]
    Empty(String),
    /// Too large.
    #[error("the schema has more than {MAX_ATTRIBUTES} attributes")]
    TooMany,
}

/// Reads a schema from its JSON text.
///
/// # Errors
///
/// [`SchemaError`] that names the attribute and the rule it breaks.
pub fn read(text: &str) -> Result<Schema, SchemaError> {
    let value =
        serde_json::from_str(text).map_err(|error| SchemaError::Syntax(error.to_string()))?;
    read_value(&value)
}

/// Reads a schema from JSON, RFC 7643 §7.
///
/// Characteristics that are not stated have the defaults of RFC 7643 §2.2.
///
/// # Errors
///
/// [`SchemaError`] that names the attribute and the rule it breaks.
pub fn read_value(value: &Value) -> Result<Schema, SchemaError> {
    let object = value.as_object().ok_or_else(|| expected("schema", "an object"))?;
    let id = text(object, "schema", "id")?.ok_or_else(|| expected("schema.id", "a URN"))?;
    let name = text(object, "schema", "name")?.unwrap_or_else(|| id.clone());
    let attributes = list(object, "schema", "attributes")?;
    if attributes.is_empty() {
        return Err(expected("schema.attributes", "at least one attribute"));
    }
    let mut left = MAX_ATTRIBUTES;
    // The schema of schemas is the one schema that describes itself, and needs
    // one level more than the others may have (RFC 7643 §8.7.2).
    let depth = if id == urn::SCHEMA { 2 } else { 1 };
    Ok(Schema {
        name,
        description: text(object, "schema", "description")?.unwrap_or_default(),
        attributes: read_attributes(attributes, "", depth, &mut left)?,
        id: Arc::from(id),
    })
}

fn read_attributes(
    list: &[Value],
    parent: &str,
    depth: usize,
    left: &mut usize,
) -> Result<Vec<Arc<Attribute>>, SchemaError> {
    let mut attributes: Vec<Arc<Attribute>> = Vec::with_capacity(list.len());
    for value in list {
        *left = left.checked_sub(1).ok_or(SchemaError::TooMany)?;
        let attribute = read_attribute(value, parent, depth, left)?;
        if attributes.iter().any(|other| other.name.eq_ignore_ascii_case(&attribute.name)) {
            return Err(SchemaError::Duplicate(join(parent, &attribute.name)));
        }
        attributes.push(Arc::new(attribute));
    }
    Ok(attributes)
}

fn read_attribute(
    value: &Value,
    parent: &str,
    depth: usize,
    left: &mut usize,
) -> Result<Attribute, SchemaError> {
    let object = value.as_object().ok_or_else(|| expected(parent, "an object"))?;
    let name = text(object, parent, "name")?.ok_or_else(|| expected(parent, "a name"))?;
    if !is_name(&name) {
        return Err(SchemaError::Name(join(parent, &name)));
    }
    let at = join(parent, &name);
    let attribute_type = keyword(object, &at, "type", &TYPES, AttributeType::String)?;
    let sub_attributes = match (attribute_type, depth) {
        (AttributeType::Complex, 0) => return Err(SchemaError::Nested(at)),
        (AttributeType::Complex, _) => {
            read_attributes(list(object, &at, "subAttributes")?, &at, depth - 1, left)?
        }
        _ => Vec::new(),
    };
    if attribute_type == AttributeType::Complex && sub_attributes.is_empty() {
        return Err(SchemaError::Empty(at));
    }
    Ok(Attribute {
        description: text(object, &at, "description")?.unwrap_or_default(),
        attribute_type,
        multi_valued: flag(object, &at, "multiValued")?,
        required: flag(object, &at, "required")?,
        case_exact: flag(object, &at, "caseExact")?,
        mutability: keyword(object, &at, "mutability", &MUTABILITIES, Mutability::ReadWrite)?,
        returned: keyword(object, &at, "returned", &RETURNED, Returned::Default)?,
        uniqueness: keyword(object, &at, "uniqueness", &UNIQUENESSES, Uniqueness::None)?,
        canonical_values: texts(object, &at, "canonicalValues")?,
        reference_types: texts(object, &at, "referenceTypes")?,
        sub_attributes,
        name,
    })
}

/// `ALPHA *( "$" / "-" / "_" / DIGIT / ALPHA )` or `$ref`, RFC 7643 §2.1.
fn is_name(name: &str) -> bool {
    let rest = name.strip_prefix(|first: char| first.is_ascii_alphabetic());
    name == "$ref"
        || (name.len() <= MAX_NAME_BYTES
            && rest.is_some_and(|rest| {
                rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_'))
            }))
}

const TYPES: [(&str, AttributeType); 8] = [
    ("string", AttributeType::String),
    ("boolean", AttributeType::Boolean),
    ("decimal", AttributeType::Decimal),
    ("integer", AttributeType::Integer),
    ("dateTime", AttributeType::DateTime),
    ("binary", AttributeType::Binary),
    ("reference", AttributeType::Reference),
    ("complex", AttributeType::Complex),
];

const MUTABILITIES: [(&str, Mutability); 4] = [
    ("readOnly", Mutability::ReadOnly),
    ("readWrite", Mutability::ReadWrite),
    ("immutable", Mutability::Immutable),
    ("writeOnly", Mutability::WriteOnly),
];

const RETURNED: [(&str, Returned); 4] = [
    ("always", Returned::Always),
    ("never", Returned::Never),
    ("default", Returned::Default),
    ("request", Returned::Request),
];

const UNIQUENESSES: [(&str, Uniqueness); 3] =
    [("none", Uniqueness::None), ("server", Uniqueness::Server), ("global", Uniqueness::Global)];

fn keyword<T: Copy, const N: usize>(
    object: &Map<String, Value>,
    at: &str,
    member: &str,
    words: &[(&str, T); N],
    default: T,
) -> Result<T, SchemaError> {
    let Some(word) = text(object, at, member)? else { return Ok(default) };
    let known = words.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word));
    known
        .map(|(_, value)| *value)
        .ok_or_else(|| expected(&join(at, member), "a keyword of RFC 7643 §7"))
}

fn word<T: PartialEq, const N: usize>(words: &[(&'static str, T); N], value: &T) -> &'static str {
    words.iter().find(|(_, other)| other == value).map_or("", |(name, _)| name)
}

fn text(
    object: &Map<String, Value>,
    at: &str,
    member: &str,
) -> Result<Option<String>, SchemaError> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES => Ok(Some(text.clone())),
        Some(_) => Err(expected(&join(at, member), "a string of at most 4096 bytes")),
    }
}

fn flag(object: &Map<String, Value>, at: &str, member: &str) -> Result<bool, SchemaError> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(expected(&join(at, member), "true or false")),
    }
}

fn list<'a>(
    object: &'a Map<String, Value>,
    at: &str,
    member: &str,
) -> Result<&'a [Value], SchemaError> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(expected(&join(at, member), "an array")),
    }
}

fn texts(object: &Map<String, Value>, at: &str, member: &str) -> Result<Vec<String>, SchemaError> {
    let values = list(object, at, member)?.iter();
    values
        .map(|value| match value {
            Value::String(text) if text.len() <= MAX_TEXT_BYTES => Ok(text.clone()),
            _ => Err(expected(&join(at, member), "an array of strings")),
        })
        .collect()
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

fn expected(at: &str, expected: &'static str) -> SchemaError {
    SchemaError::Expected { at: at.to_owned(), expected }
}

impl Schema {
    /// The JSON form of RFC 7643 §7, without `schemas` and `meta`.
    pub fn to_value(&self) -> Value {
        json!({
            "id": &*self.id,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes.iter().map(|attribute| attribute.to_value()).collect::<Vec<_>>(),
        })
    }
}

impl Attribute {
    /// The JSON form of RFC 7643 §7.
    pub fn to_value(&self) -> Value {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("name", self.name.clone().into());
        put("type", word(&TYPES, &self.attribute_type).into());
        put("multiValued", self.multi_valued.into());
        if !self.description.is_empty() {
            put("description", self.description.clone().into());
        }
        put("required", self.required.into());
        if !self.canonical_values.is_empty() {
            put("canonicalValues", self.canonical_values.clone().into());
        }
        // Neither says anything about a complex attribute or a boolean.
        let compared =
            !matches!(self.attribute_type, AttributeType::Complex | AttributeType::Boolean);
        if compared {
            put("caseExact", self.case_exact.into());
        }
        put("mutability", word(&MUTABILITIES, &self.mutability).into());
        put("returned", word(&RETURNED, &self.returned).into());
        if compared {
            put("uniqueness", word(&UNIQUENESSES, &self.uniqueness).into());
        }
        if !self.reference_types.is_empty() {
            put("referenceTypes", self.reference_types.clone().into());
        }
        if self.is_complex() {
            let subs = self.sub_attributes.iter().map(|sub| sub.to_value());
            put("subAttributes", subs.collect());
        }
        Value::Object(object)
    }
}
