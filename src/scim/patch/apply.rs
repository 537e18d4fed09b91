//! Takes the steps of a PATCH on a document.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Change, NoMatch, PatchOp, Patched, Step};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    filter::{CheckedFilter, eval_element},
    path::AttributeRef,
    resource::{Document, Parts, check_immutable, finish},
    schema::{Mutability, ResourceType},
    text,
};

/// Applies `patch` to `document`.
///
/// The document comes back equal if every operation asked for what is already
/// there: RFC 7644 §3.5.2.1 forbids a new `lastModified` in that case.
///
/// # Errors
///
/// [`ScimError::NoTarget`] if a value filter matches nothing;
/// [`ScimError::Mutability`] if an immutable attribute would change;
/// [`ScimError::InvalidValue`] if the result lacks a required attribute or
/// breaks a limit.
pub fn apply(
    resource_type: &ResourceType,
    document: &Document,
    patch: &PatchOp,
    leniency: &Leniency,
) -> Result<Patched, ScimError> {
    let mut next = document.clone();
    let mut members = Vec::new();
    for step in &patch.steps {
        match step {
            Step::Assign { at, value } => assign(&mut next, at, value.as_ref()),
            Step::Append { at, elements } => append(&mut next, at, elements),
            Step::RemoveListed { at, listed } => remove_listed(&mut next, at, listed),
            Step::Elements { at, filter, change, no_match } => {
                change_elements(&mut next, at, filter, (change, no_match))?;
            }
            Step::RemoveExtension(schema) => {
                for attribute in &schema.attributes {
                    let at = AttributeRef {
                        extension: Some(Arc::clone(&schema.id)),
                        attribute: Arc::clone(attribute),
                        sub_attribute: None,
                    };
                    next.set(&at, None);
                }
            }
            Step::Members(change) => members.push(change.clone()),
        }
    }
    if next != *document {
        check_immutable(resource_type, document, &next)?;
        next = finish(resource_type, next, leniency)?;
    }
    Ok(Patched { document: next, members, ignored: patch.ignored.clone() })
}

fn assign(document: &mut Document, at: &AttributeRef, value: Option<&Value>) {
    let is_value = at.sub_attribute.as_ref().is_some_and(|sub| sub.name == "value");
    if is_value && document.get(at) != value {
        // The address belongs to the value before.
        if let Some(reference) = at.attribute.sub_attribute("$ref") {
            let sub_attribute = Some(Arc::clone(reference));
            document.set(&AttributeRef { sub_attribute, ..at.clone() }, None);
        }
    }
    document.set(at, value.cloned());
}

fn append(document: &mut Document, at: &AttributeRef, elements: &[Value]) {
    let mut all = elements_of(document, at);
    let mut touched = Vec::new();
    for element in elements {
        if !all.contains(element) {
            touched.push(all.len());
            all.push(element.clone());
        }
    }
    settle_primary(&mut all, &touched);
    document.set(at, Some(Value::Array(all)));
}

fn elements_of(document: &Document, at: &AttributeRef) -> Vec<Value> {
    match document.get(at) {
        Some(Value::Array(elements)) => elements.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    }
}

fn remove_listed(document: &mut Document, at: &AttributeRef, listed: &[Value]) {
    let mut all = elements_of(document, at);
    all.retain(|element| !listed.iter().any(|listed| is_listed(at, element, listed)));
    put_elements(document, at, all);
}

/// Whether `listed` means `element`: by what identifies it, which neither its
/// name nor its rank do.
fn is_listed(at: &AttributeRef, element: &Value, listed: &Value) -> bool {
    let (Value::Object(element), Value::Object(listed)) = (element, listed) else {
        return element == listed;
    };
    let identifies = |name: &str| !matches!(name, "display" | "primary" | "$ref");
    let any = listed.keys().any(|name| identifies(name));
    listed.iter().filter(|(name, _)| !any || identifies(name)).all(|(name, value)| {
        let exact = at.attribute.sub_attribute(name).is_none_or(|sub| sub.case_exact);
        match (element.get(name), value) {
            (Some(Value::String(left)), Value::String(right)) if !exact => {
                text::fold(left) == text::fold(right)
            }
            (left, right) => left == Some(right),
        }
    })
}

fn change_elements(
    document: &mut Document,
    at: &AttributeRef,
    filter: &CheckedFilter,
    (change, no_match): (&Change, &NoMatch),
) -> Result<(), ScimError> {
    let mut all = Vec::new();
    let (mut touched, mut matched) = (Vec::new(), false);
    for mut element in elements_of(document, at) {
        if eval_element(filter, &element) {
            matched = true;
            match change {
                Change::Remove => continue,
                Change::Replace(value) => element = value.clone(),
                Change::Set(parts) => set_parts(at, &mut element, parts)?,
            }
            if element.as_object().is_some_and(Map::is_empty) {
                continue;
            }
            touched.push(all.len());
        }
        all.push(element);
    }
    if !matched {
        match no_match {
            NoMatch::Keep => return Ok(()),
            NoMatch::Fault => {
                return Err(ScimError::NoTarget(format!(
                    "no element of `{at}` matches the filter"
                )));
            }
            NoMatch::Create(seed) => {
                let mut element = Value::Object(seed.clone());
                match change {
                    Change::Set(parts) => set_parts(at, &mut element, parts)?,
                    Change::Replace(Value::Object(parts)) => {
                        if let Value::Object(element) = &mut element {
                            element.extend(parts.clone());
                        }
                    }
                    Change::Replace(value) => element = value.clone(),
                    Change::Remove => return Ok(()),
                }
                touched.push(all.len());
                all.push(element);
            }
        }
    }
    settle_primary(&mut all, &touched);
    put_elements(document, at, all);
    Ok(())
}

/// Gives the attribute these elements, or this value if it is single-valued.
fn put_elements(document: &mut Document, at: &AttributeRef, mut elements: Vec<Value>) {
    let value = match at.attribute.multi_valued {
        true => (!elements.is_empty()).then_some(Value::Array(elements)),
        false => elements.pop(),
    };
    document.set(at, value);
}

fn set_parts(at: &AttributeRef, element: &mut Value, parts: &Parts) -> Result<(), ScimError> {
    let Value::Object(object) = element else { return Ok(()) };
    for (sub, value) in parts {
        let had = object.get(&sub.name);
        if sub.mutability == Mutability::Immutable && had.is_some() && had != value.as_ref() {
            let path = format!("{at}.{}", sub.name);
            return Err(ScimError::Mutability { path, mutability: "immutable" });
        }
        match value {
            Some(value) => object.insert(sub.name.clone(), value.clone()),
            None => object.shift_remove(&sub.name),
        };
    }
    Ok(())
}

/// If a touched element is primary, no other is (RFC 7644 §3.5.2).
fn settle_primary(elements: &mut [Value], touched: &[usize]) {
    let is_primary = |place: &&usize| {
        elements.get(**place).and_then(|element| element.get("primary")) == Some(&Value::Bool(true))
    };
    let Some(newest) = touched.iter().find(is_primary).copied() else { return };
    for (place, element) in elements.iter_mut().enumerate() {
        match element.get_mut("primary") {
            Some(primary) if place != newest && *primary == true => *primary = Value::Bool(false),
            _ => (),
        }
    }
}
