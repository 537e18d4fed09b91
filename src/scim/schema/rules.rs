//! What a schema that a tenant brings must keep besides its form.

use std::sync::Arc;

use serde_json::Value;

use super::{Attribute, AttributeType, Mutability, Schema, SchemaError, read_value};

/// How much a tenant may bring.
#[derive(Debug, Clone, Copy)]
pub struct Limits;

impl Limits {
    /// Schemas of a tenant.
    pub const SCHEMAS: usize = 50;
    /// Resource types of a tenant.
    pub const RESOURCE_TYPES: usize = 50;
    /// Extensions of a resource type.
    pub const EXTENSIONS: usize = 20;
    /// Attributes of a schema, parts included.
    pub const ATTRIBUTES: usize = 500;
    /// Parts of a complex attribute.
    pub const PARTS: usize = 50;
    /// Unique and indexed attributes of a schema, parts included.
    pub const INDEXED: usize = 20;
    /// Canonical values, or reference types, of an attribute.
    pub const CANONICAL_VALUES: usize = 200;
    /// Bytes of a description or canonical value.
    pub const TEXT_BYTES: usize = 4096;
    /// Bytes of an attribute's name.
    pub const NAME_BYTES: usize = 128;
    /// Bytes of a URN.
    pub const URN_BYTES: usize = 256;
}

/// Names that every resource has already (RFC 7643 §3, §3.1).
const COMMON: [&str; 4] = ["schemas", "id", "externalId", "meta"];

/// Names that mean something else to readers in JavaScript.
const PROTOTYPE: [&str; 4] = ["__proto__", "constructor", "prototype", "hasOwnProperty"];

/// Where messages of the protocol live, which are no schemas of resources (RFC 7644 §3.1).
const MESSAGES: &str = "urn:ietf:params:scim:api:";

/// Reads a schema that a tenant brings.
///
/// # Errors
///
/// [`SchemaError`] that names the place and the rule it breaks.
pub fn read_custom(value: &Value) -> Result<Schema, SchemaError> {
    let mut schema = read_value(value)?;
    check_urn("id", &schema.id)?;
    let mut indexed = 0;
    let definitions =
        value.get("attributes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (index, (attribute, definition)) in
        schema.attributes.iter_mut().zip(definitions).enumerate()
    {
        let at = format!("attributes[{index}]");
        if COMMON.iter().any(|name| name.eq_ignore_ascii_case(&attribute.name)) {
            let rule = "every resource has an attribute of that name (RFC 7643 §3.1)";
            return Err(SchemaError::new(format!("{at}.name"), rule));
        }
        *attribute = Arc::new(finished(attribute, definition, &at, &mut indexed)?);
    }
    Ok(schema)
}

/// The attribute with what its definition says beyond the RFC, if it keeps the rules.
fn finished(
    attribute: &Attribute,
    definition: &Value,
    at: &str,
    indexed: &mut usize,
) -> Result<Attribute, SchemaError> {
    let open = match definition.get("openValues") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(open)) => *open,
        Some(_) => {
            return Err(SchemaError::new(format!("{at}.openValues"), "expected true or false"));
        }
    };
    let mut attribute = attribute.clone();
    attribute.is_closed = !open && !attribute.canonical_values.is_empty();
    check_attribute(&attribute, at)?;
    if attribute.is_indexed || attribute.is_unique() {
        *indexed += 1;
    }
    if Limits::INDEXED < *indexed {
        let rule = format!("a schema has at most {} unique or indexed attributes", Limits::INDEXED);
        return Err(SchemaError::new(at, rule));
    }
    let parts = definition.get("subAttributes").and_then(Value::as_array);
    let parts = parts.map_or(&[][..], Vec::as_slice);
    for (index, (sub, part)) in attribute.sub_attributes.iter_mut().zip(parts).enumerate() {
        let at = format!("{at}.subAttributes[{index}]");
        *sub = Arc::new(finished(sub, part, &at, indexed)?);
    }
    Ok(attribute)
}

fn check_attribute(attribute: &Attribute, at: &str) -> Result<(), SchemaError> {
    let fault = |member: &str, rule: &str| Err(SchemaError::new(format!("{at}.{member}"), rule));
    let text = matches!(attribute.attribute_type, AttributeType::String | AttributeType::Reference);
    let keyed = attribute.is_unique() || attribute.is_indexed;
    if PROTOTYPE.iter().any(|name| name.eq_ignore_ascii_case(&attribute.name)) {
        return fault("name", "is a reserved word");
    }
    if attribute.required && attribute.mutability == Mutability::ReadOnly {
        return fault("required", "nobody could give a readOnly attribute its value");
    }
    if attribute.mutability == Mutability::WriteOnly
        && attribute.returned == super::Returned::Always
    {
        return fault("returned", "a writeOnly attribute is never returned");
    }
    if attribute.is_secret() && (attribute.multi_valued || attribute.is_complex()) {
        let rule =
            "the value would not be kept, so only a simple single-valued attribute may have this";
        let member =
            if attribute.returned == super::Returned::Never { "returned" } else { "mutability" };
        return fault(member, rule);
    }
    if attribute.is_secret() && attribute.name == "value" {
        return fault(
            "name",
            "the elements of an attribute are told apart by their `value`, which must be kept",
        );
    }
    if attribute.is_secret() && attribute.mutability == Mutability::Immutable {
        return fault(
            "mutability",
            "of a value that is not kept nobody can tell whether it changes",
        );
    }
    if attribute.is_secret() && keyed {
        let member = if attribute.is_unique() { "uniqueness" } else { "indexed" };
        return fault(member, "a value that is not kept cannot be compared");
    }
    if attribute.is_unique() && attribute.attribute_type == AttributeType::Boolean {
        return fault("uniqueness", "two resources at most could have a unique boolean");
    }
    if attribute.is_indexed && attribute.name.eq_ignore_ascii_case("primary") {
        return fault(
            "indexed",
            "of a missing `primary`, which counts as false, there is nothing to index",
        );
    }
    if attribute.is_indexed && attribute.is_complex() {
        return fault("indexed", "a complex attribute has no value of its own: index its parts");
    }
    if !attribute.canonical_values.is_empty() && !text {
        return fault("canonicalValues", "belong to strings and references");
    }
    if !attribute.reference_types.is_empty() && attribute.attribute_type != AttributeType::Reference
    {
        return fault("referenceTypes", "belong to references");
    }
    Ok(())
}

/// `ALPHA *( "$" / "-" / "_" / DIGIT / ALPHA )` or `$ref`, RFC 7643 §2.1.
pub(super) fn is_name(name: &str) -> bool {
    let rest = name.strip_prefix(|first: char| first.is_ascii_alphabetic());
    name == "$ref"
        || (name.len() <= Limits::NAME_BYTES
            && rest.is_some_and(|rest| {
                rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_'))
            }))
}

/// A URN that paths can hold: `urn:`, a namespace, and parts of letters, digits,
/// `.`, `-` and `_` between colons.
fn check_urn(at: &str, urn: &str) -> Result<(), SchemaError> {
    let fault = |rule: String| Err(SchemaError::new(at, rule));
    if Limits::URN_BYTES < urn.len() {
        return fault(format!("is longer than {} bytes, which is the limit", Limits::URN_BYTES));
    }
    let parts: Vec<&str> = urn.split(':').collect();
    let plain = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    let formed = match parts.as_slice() {
        [scheme, namespace, rest @ ..] => {
            scheme.eq_ignore_ascii_case("urn")
                && (2..=32).contains(&namespace.len())
                && !namespace.contains(['.', '_'])
                && plain(namespace)
                && !rest.is_empty()
                && rest.iter().all(plain)
        }
        _ => false,
    };
    if !formed {
        return fault(
            "expected a URN such as `urn:example:params:scim:schemas:core:2.0:Badge`, of letters, \
             digits, `.`, `-`, `_` and colons"
                .to_owned(),
        );
    }
    match urn.to_ascii_lowercase().starts_with(MESSAGES) {
        true => fault(format!("`{MESSAGES}` is for messages of the protocol (RFC 7644 §3.1)")),
        false => Ok(()),
    }
}
