//! The checks that need the whole document, for POST, PUT and PATCH alike.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{Document, MAX_DOCUMENT_BYTES, MAX_ELEMENTS, MAX_KEY_BYTES};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    path::AttributeRef,
    schema::{Mutability, ResourceType},
    text,
};

/// Most values of one resource that have a row in the value index.
const MAX_INDEXED_VALUES: usize = 4100;
/// Most values of one resource that no other may have.
const MAX_UNIQUE_VALUES: usize = 500;

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
            check_count(&at, tidied.as_ref().map_or(elements.len(), Vec::len))?;
            if let Some(tidied) = tidied {
                document.set(&at, (!tidied.is_empty()).then_some(Value::Array(tidied)));
            }
        }
    }
    check_whole(resource_type, &document)?;
    check_size(&document)?;
    Ok(document.ordered(resource_type))
}

/// Everything required is there, and every key fits its index.
pub(super) fn check_whole(
    resource_type: &ResourceType,
    document: &Document,
) -> Result<(), ScimError> {
    for at in resource_type.attributes() {
        check_required(resource_type, document, &at)?;
        check_required_parts(document, &at)?;
    }
    check_extensions(resource_type, document)?;
    check_keys(resource_type, document)
}

/// An attribute has no more elements than the limit.
pub(in crate::scim) fn check_count(at: &AttributeRef, count: usize) -> Result<(), ScimError> {
    match MAX_ELEMENTS < count {
        true => Err(ScimError::InvalidValue(format!(
            "`{at}` has more than {MAX_ELEMENTS} elements, which is the limit"
        ))),
        false => Ok(()),
    }
}

/// Merges elements with the same `type` and `value` (RFC 7643 §2.4), and drops
/// those that say nothing but their type; none if there are no such elements.
fn tidy(elements: &[Value], leniency: &Leniency) -> Option<Vec<Value>> {
    let drops = |element: &Value| leniency.empty_string_clears && is_bare(element);
    let mut seen = HashSet::with_capacity(elements.len());
    if elements.iter().all(|element| !drops(element) && seen.insert(Key::of(element))) {
        return None;
    }
    let mut tidied: Vec<Value> = Vec::with_capacity(elements.len());
    let mut places: HashMap<Key<'_>, usize> = HashMap::new();
    for element in elements.iter().filter(|element| !drops(element)) {
        let key = Key::of(element);
        match places.get(&key).and_then(|place| tidied.get_mut(*place)) {
            Some(Value::Object(known)) => merge(known, element),
            Some(_) => (),
            None => {
                places.insert(key, tidied.len());
                tidied.push(element.clone());
            }
        }
    }
    Some(tidied)
}

/// What `newer` says of an element that is known. Not to be primary is what an
/// element is that says nothing of it.
fn merge(known: &mut Map<String, Value>, newer: &Value) {
    for (name, value) in newer.as_object().into_iter().flatten() {
        let says_nothing = name == "primary" && *value == false && !known.contains_key(name);
        if !says_nothing {
            known.insert(name.clone(), value.clone());
        }
    }
}

/// Whether two elements are one: they have the same `type` and `value`.
pub(in crate::scim) fn is_same(one: &Value, other: &Value) -> bool {
    Key::of(one) == Key::of(other)
}

/// Whether an element is the primary one.
pub(in crate::scim) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Makes an element not the primary one.
pub(in crate::scim) fn unset_primary(element: &mut Value) {
    if let Some(primary) = element.get_mut("primary") {
        *primary = Value::Bool(false);
    }
}

/// By what two elements are the same.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Value { kind: Option<&'a Value>, value: &'a Value },
    Whole(&'a Value),
}

impl<'a> Key<'a> {
    fn of(element: &'a Value) -> Self {
        match element.get("value") {
            Some(value) => Self::Value { kind: element.get("type"), value },
            None => Self::Whole(element),
        }
    }
}

fn is_bare(element: &Value) -> bool {
    element
        .as_object()
        .is_some_and(|parts| parts.keys().all(|name| name == "type" || name == "primary"))
}

fn check_required(
    resource_type: &ResourceType,
    document: &Document,
    at: &AttributeRef,
) -> Result<(), ScimError> {
    if !at.attribute.required {
        return Ok(());
    }
    // Attributes of an extension are required only if the extension is there.
    let present = match &at.extension {
        None => true,
        Some(urn) => document.attributes().contains_key(&**urn),
    };
    let kept = !resource_type.discards(at)
        && at.attribute.mutability != Mutability::ReadOnly
        && !(resource_type.is_group() && at.attribute.name == "members");
    if !present || !kept {
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

/// Every complex value has the parts it must have: a PATCH may have made it of one alone.
fn check_required_parts(document: &Document, at: &AttributeRef) -> Result<(), ScimError> {
    for sub in &at.attribute.sub_attributes {
        let required = sub.required && !sub.is_secret() && sub.mutability != Mutability::ReadOnly;
        let lacks = |element: &Value| element.get(&sub.name).is_none();
        if required && document.values(at).into_iter().any(|(_, element)| lacks(element)) {
            return Err(ScimError::InvalidValue(format!("`{at}.{}` is required", sub.name)));
        }
    }
    Ok(())
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
    let fits = |path: &str, value: &Value| {
        let key = |value| match path == "userName" {
            true => text::user_name_key(value),
            false => text::fold(value),
        };
        match value.as_str() {
            Some(value) if MAX_KEY_BYTES < value.len().max(key(value).len()) => {
                Err(ScimError::InvalidValue(format!(
                    "`{path}` is longer than {MAX_KEY_BYTES} bytes, which is the limit"
                )))
            }
            _ => Ok(()),
        }
    };
    let builtin = resource_type.is_user() || resource_type.is_group();
    let columns: &[&str] =
        if builtin { &["userName", "displayName", "externalId"] } else { &["externalId"] };
    for name in columns {
        document.attributes().get(*name).map_or(Ok(()), |value| fits(name, value))?;
    }
    let (mut indexed_values, mut unique_values) = (0, 0);
    for indexed in resource_type.indexed_attributes() {
        for (_, value) in document.values(&indexed.attribute) {
            let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            indexed_values += elements.len();
            unique_values += if indexed.unique { elements.len() } else { 0 };
            if !indexed.long {
                elements.iter().try_for_each(|value| fits(&indexed.path, value))?;
            }
        }
    }
    within("indexed", indexed_values, MAX_INDEXED_VALUES)?;
    within("unique", unique_values, MAX_UNIQUE_VALUES)
}

fn within(what: &str, count: usize, most: usize) -> Result<(), ScimError> {
    match most < count {
        true => Err(ScimError::InvalidValue(format!(
            "the resource has more than {most} values of {what} attributes, which is the limit"
        ))),
        false => Ok(()),
    }
}

fn check_size(document: &Document) -> Result<(), ScimError> {
    fn bytes(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(bytes).sum(),
            Value::Object(parts) => {
                parts.iter().map(|(name, value)| name.len() + bytes(value)).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
    match MAX_DOCUMENT_BYTES < document.attributes().values().map(bytes).sum() {
        true => Err(ScimError::InvalidValue(format!(
            "the attributes hold more than {MAX_DOCUMENT_BYTES} bytes together, which is the limit"
        ))),
        false => Ok(()),
    }
}

/// A `userName` that is new can be told from others (RFC 7644 §5). One that a
/// lenient connection stored may stay, whoever changes something else.
pub(in crate::scim) fn check_user_name(
    resource_type: &ResourceType,
    before: Option<&Document>,
    after: &Document,
    leniency: &Leniency,
) -> Result<(), ScimError> {
    let Some(name) = after.user_name() else { return Ok(()) };
    if !resource_type.is_user() || before.and_then(Document::user_name) == Some(name) {
        return Ok(());
    }
    let checked = match leniency.loose_user_names {
        true => text::check_loose_user_name(name),
        false => text::check_user_name(name),
    };
    checked.map_err(|why| ScimError::InvalidValue(format!("`userName`: {why}")))
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
            let changed = || before.get(&at).is_some_and(|value| Some(value) != after.get(&at));
            if at.leaf().mutability == Mutability::Immutable && changed() {
                return Err(ScimError::Mutability {
                    path: at.to_string(),
                    mutability: "immutable",
                });
            }
        }
    }
    Ok(())
}
