//! Stored resources under changed schemas.
//!
//! A document was checked when it was written. When a tenant changes a schema,
//! [`may_conflict`] says whether documents have to be looked at again, and
//! [`check_stored`] whether one of them still fits.

use std::sync::Arc;

use serde_json::Value;

use super::{Document, Reader, finish::check_whole};
use crate::scim::{
    ScimError,
    dialect::{Dialect, Leniency},
    schema::{Attribute, ResourceType, Schema},
};

/// Whether some document that is of `old` may not be of `new`, or needs other keys.
pub fn may_conflict(old: &ResourceType, new: &ResourceType) -> bool {
    let is_new = |urn: &str| old.extensions.iter().all(|known| *known.schema.id != *urn);
    old.endpoint != new.endpoint
        || tightens(&old.schema, &new.schema)
        || old.extensions.iter().any(|old| {
            let mut kept = new.extensions.iter().filter(|new| new.schema.id == old.schema.id);
            kept.all(|new| new.required && !old.required || tightens(&old.schema, &new.schema))
        })
        || new.extensions.iter().any(|new| new.required && is_new(&new.schema.id))
        || old
            .indexed_attributes()
            .iter()
            .any(|at| !new.indexed_attributes().iter().any(|new| new.has_keys_of(at)))
}

fn tightens(old: &Schema, new: &Schema) -> bool {
    old.id != new.id || differ(&old.attributes, &new.attributes)
}

/// Whether something known is gone or stricter, or something new is required.
fn differ(old: &[Arc<Attribute>], new: &[Arc<Attribute>]) -> bool {
    let named = |all: &[Arc<Attribute>], name: &str| {
        all.iter().find(|attribute| attribute.name == name).cloned()
    };
    old.iter().any(|old| named(new, &old.name).is_none_or(|new| is_stricter(old, &new)))
        || new.iter().any(|new| new.required && named(old, &new.name).is_none())
}

fn is_stricter(old: &Attribute, new: &Attribute) -> bool {
    let narrowed = new.is_closed
        && (!old.is_closed
            || old.compares_exactly() != new.compares_exactly()
            || old.canonical_values.iter().any(|value| !new.canonical_values.contains(value)));
    let keyed = |attribute: &Attribute| attribute.is_unique() || attribute.is_indexed;
    old.attribute_type != new.attribute_type
        || old.multi_valued != new.multi_valued
        || old.is_secret() != new.is_secret()
        || new.required && !old.required
        || keyed(new) && (!keyed(old) || old.compares_exactly() != new.compares_exactly())
        || new.is_unique() && !old.is_unique()
        || narrowed
        || differ(&old.sub_attributes, &new.sub_attributes)
}

/// Checks that a stored document of `old` is one of `new` as it stands.
///
/// # Errors
///
/// [`ScimError::InvalidValue`] that says what the change would break.
pub fn check_stored(
    old: &ResourceType,
    new: &ResourceType,
    document: &Document,
) -> Result<(), ScimError> {
    if old.schema.id != new.schema.id || old.endpoint != new.endpoint {
        return invalid(format!("it is known at `{}` as `{}`", old.endpoint, old.schema.id));
    }
    for (name, value) in document.attributes() {
        let extension = new.extensions.iter().find(|extension| *extension.schema.id == **name);
        match (extension, value) {
            (Some(extension), Value::Object(parts)) => {
                let before = old.extension(name).map(|known| &known.schema.attributes);
                for (part, value) in parts {
                    let path = format!("{name}:{part}");
                    let pair = (
                        before.and_then(|known| named(known, part)),
                        named(&extension.schema.attributes, part),
                    );
                    check_value(pair, &path, value)?;
                }
            }
            _ => {
                let find = |kind: &ResourceType| {
                    kind.core_attribute(name).filter(|found| found.name == *name).cloned()
                };
                let (before, after) = (find(old), find(new));
                check_value((before.as_deref(), after.as_deref()), name, value)?;
            }
        }
    }
    check_whole(new, document)
}

fn named<'a>(attributes: &'a [Arc<Attribute>], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name == name).map(|found| &**found)
}

fn check_value(
    (old, new): (Option<&Attribute>, Option<&Attribute>),
    path: &str,
    value: &Value,
) -> Result<(), ScimError> {
    let Some(new) = new else { return invalid(format!("`{path}` has a value")) };
    if old.is_some_and(|old| old.is_secret() != new.is_secret()) {
        return invalid(format!("`{path}` has a value, and who can read it would change"));
    }
    match value {
        _ if new.is_secret() => Ok(()),
        Value::Array(elements) if new.multi_valued => {
            elements.iter().try_for_each(|element| check_element((old, new), path, element))
        }
        Value::Array(_) => invalid(format!("`{path}` has several values")),
        _ if new.multi_valued => invalid(format!("`{path}` has a single value")),
        _ => check_element((old, new), path, value),
    }
}

fn check_element(
    (old, new): (Option<&Attribute>, &Attribute),
    path: &str,
    value: &Value,
) -> Result<(), ScimError> {
    let parts = match value {
        Value::Object(parts) if new.is_complex() => parts,
        _ if new.is_complex() => return invalid(format!("`{path}` must be an object")),
        _ => {
            // What a tolerant dialect has let in stays.
            let leniency = Leniency { free_values: true, ..*Dialect::Strict.leniency() };
            let mut reader = Reader::new(&leniency);
            return reader.read_simple(new, path, value.clone()).map(|_| ());
        }
    };
    for (name, value) in parts {
        let before = old.and_then(|old| named(&old.sub_attributes, name));
        check_value((before, named(&new.sub_attributes, name)), &format!("{path}.{name}"), value)?;
    }
    match new.sub_attributes.iter().find(|sub| sub.required && !parts.contains_key(&sub.name)) {
        Some(sub) => invalid(format!("`{path}.{}` is required", sub.name)),
        None => Ok(()),
    }
}

fn invalid(detail: String) -> Result<(), ScimError> {
    Err(ScimError::InvalidValue(detail))
}
