//! The checks that need the whole document, for POST, PUT and PATCH alike.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::{Document, MAX_ELEMENTS, MAX_KEY_BYTES};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    path::AttributeRef,
    schema::{Mutability, ResourceType, Returned},
    text,
};

/// The document as it is stored: canonical order, no element twice, none
/// without content, everything required present, every limit kept.
pub(in crate::scim) fn finish(
    resource_type: &ResourceType,
    mut document: Document,
    leniency: &Leniency,
) -> Result<Document, ScimError> {
    for at in resource_type.attributes() {
        if at.attribute.multi_valued
            && let Some(Value::Array(elements)) = document.get(&at)
        {
            let tidied = tidy(elements, leniency);
            if MAX_ELEMENTS < tidied.len() {
                return Err(ScimError::InvalidValue(format!(
                    "`{at}` has more than {MAX_ELEMENTS} elements, which is the limit"
                )));
            }
            if tidied.len() != elements.len() {
                document.set(&at, (!tidied.is_empty()).then_some(Value::Array(tidied)));
            }
        }
        check_required(resource_type, &document, &at)?;
    }
    check_extensions(resource_type, &document)?;
    check_keys(resource_type, &document)?;
    Ok(document.ordered(resource_type))
}

/// Merges elements with the same `type` and `value` (RFC 7643 §2.4), and drops
/// those that say nothing but their type.
fn tidy(elements: &[Value], leniency: &Leniency) -> Vec<Value> {
    let mut tidied: Vec<Value> = Vec::with_capacity(elements.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for element in elements {
        if leniency.empty_string_clears && is_bare(element) {
            continue;
        }
        let key = match element.get("value") {
            Some(value) => format!("{}\0{value}", element.get("type").unwrap_or(&Value::Null)),
            None => sorted(element).to_string(),
        };
        match places.get(&key).and_then(|place| tidied.get_mut(*place)) {
            Some(Value::Object(known)) => {
                known.extend(element.as_object().cloned().unwrap_or_default())
            }
            Some(_) => (),
            None => {
                places.insert(key, tidied.len());
                tidied.push(element.clone());
            }
        }
    }
    tidied
}

fn is_bare(element: &Value) -> bool {
    element
        .as_object()
        .is_some_and(|parts| parts.keys().all(|name| name == "type" || name == "primary"))
}

fn sorted(element: &Value) -> Value {
    match element {
        Value::Object(parts) => {
            let mut parts: Vec<_> = parts.iter().collect();
            parts.sort_by_key(|(name, _)| *name);
            let parts = parts.into_iter().map(|(name, value)| (name.clone(), value.clone()));
            Value::Object(Map::from_iter(parts))
        }
        other => other.clone(),
    }
}

fn check_required(
    resource_type: &ResourceType,
    document: &Document,
    at: &AttributeRef,
) -> Result<(), ScimError> {
    // Attributes of an extension are required only if the extension is there.
    let present = match &at.extension {
        None => true,
        Some(urn) => document.attributes().contains_key(&**urn),
    };
    let kept = at.attribute.returned != Returned::Never
        && at.attribute.mutability != Mutability::ReadOnly
        && !(resource_type.is_group() && at.attribute.name == "members");
    if !at.attribute.required || !present || !kept {
        return Ok(());
    }
    match document.get(at) {
        Some(Value::String(text)) if text.trim().is_empty() => {
            Err(ScimError::InvalidValue(format!("`{at}` is required and must not be blank")))
        }
        Some(_) => Ok(()),
        None => Err(ScimError::InvalidValue(format!("`{at}` is required"))),
    }
}

fn check_extensions(resource_type: &ResourceType, document: &Document) -> Result<(), ScimError> {
    let mut extensions = resource_type.extensions.iter();
    let missing = extensions.find(|extension| {
        extension.required && !document.attributes().contains_key(&*extension.schema.id)
    });
    match missing {
        Some(extension) => Err(ScimError::InvalidValue(format!(
            "the extension `{}` is required",
            extension.schema.id
        ))),
        None => Ok(()),
    }
}

/// Values that are looked up by have keys in an index, whose size is bounded.
fn check_keys(resource_type: &ResourceType, document: &Document) -> Result<(), ScimError> {
    let hot = ["userName", "displayName", "externalId"].into_iter().filter_map(|name| {
        let attribute = resource_type.core_attribute(name)?;
        Some(AttributeRef {
            extension: None,
            attribute: Arc::clone(attribute),
            sub_attribute: None,
        })
    });
    let indexed = resource_type.indexed_attributes().iter().filter(|indexed| !indexed.long);
    for at in hot.chain(indexed.map(|indexed| indexed.attribute.clone())) {
        for (_, value) in document.values(&at) {
            if value.as_str().is_some_and(|value| MAX_KEY_BYTES < text::fold(value).len()) {
                return Err(ScimError::InvalidValue(format!(
                    "`{at}` is longer than {MAX_KEY_BYTES} bytes, which is the limit"
                )));
            }
        }
    }
    Ok(())
}

/// No immutable attribute that had a value has another (RFC 7643 §7).
pub(in crate::scim) fn check_immutable(
    resource_type: &ResourceType,
    before: &Document,
    after: &Document,
) -> Result<(), ScimError> {
    for at in resource_type.attributes() {
        let subs = at.attribute.sub_attributes.iter().filter(|_| !at.attribute.multi_valued);
        let parts =
            subs.map(|sub| AttributeRef { sub_attribute: Some(Arc::clone(sub)), ..at.clone() });
        for at in std::iter::once(at.clone()).chain(parts) {
            let changed = before.get(&at).is_some() && before.get(&at) != after.get(&at);
            if at.leaf().mutability == Mutability::Immutable && changed {
                return Err(ScimError::Mutability {
                    path: at.to_string(),
                    mutability: "immutable",
                });
            }
        }
    }
    Ok(())
}
