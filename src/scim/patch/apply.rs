//! Takes the steps of a PATCH on a document.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{Change, NoMatch, PatchOp, Patched, Step};
use crate::scim::{
    ScimError,
    dialect::Leniency,
    filter::{CheckedFilter, eval_element},
    path::AttributeRef,
    resource::{Document, Parts, check_count, check_immutable, finish},
    schema::{Mutability, ResourceType},
    text,
};

/// Most that the operations of one request may look at: elements, each times the
/// terms of the filter that selects.
const MAX_WORK: usize = 1_000_000;

/// What a request may still look at.
struct Work(usize);

impl Work {
    fn spend(&mut self, elements: usize, terms: usize) -> Result<(), ScimError> {
        let left = self.0.checked_sub(elements.saturating_mul(terms));
        self.0 = left.ok_or_else(|| {
            ScimError::TooMany(format!(
                "the operations look at more than {MAX_WORK} elements, which is the limit"
            ))
        })?;
        Ok(())
    }
}

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
/// breaks a limit; [`ScimError::TooMany`] if too much would have to be looked at.
pub fn apply(
    resource_type: &ResourceType,
    document: &Document,
    patch: &PatchOp,
    leniency: &Leniency,
) -> Result<Patched, ScimError> {
    let mut next = document.clone();
    let mut members = Vec::new();
    let mut work = Work(MAX_WORK);
    for step in &patch.steps {
        match step {
            Step::Assign { at, value } => assign(&mut next, at, value.as_ref()),
            Step::Append { at, elements } => append(&mut next, at, elements, &mut work)?,
            Step::RemoveListed { at, listed } => {
                remove_listed(&mut next, at, listed, &mut work)?;
            }
            Step::Elements { at, filter, change, no_match } => {
                work.spend(count(&next, at), terms(filter))?;
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

fn append(
    document: &mut Document,
    at: &AttributeRef,
    elements: &[Value],
    work: &mut Work,
) -> Result<(), ScimError> {
    let mut all = elements_of(document, at);
    work.spend(all.len() + elements.len(), 1)?;
    let mut known: HashSet<&Value> = all.iter().collect();
    let fresh: Vec<Value> =
        elements.iter().filter(|element| known.insert(element)).cloned().collect();
    let touched: Vec<usize> = (all.len()..all.len() + fresh.len()).collect();
    all.extend(fresh);
    check_count(at, all.len())?;
    settle_primary(&mut all, &touched);
    document.set(at, Some(Value::Array(all)));
    Ok(())
}

/// How many elements there are.
fn count(document: &Document, at: &AttributeRef) -> usize {
    document.get(at).map_or(0, |value| value.as_array().map_or(1, Vec::len))
}

/// How many comparisons a filter takes.
fn terms(filter: &CheckedFilter) -> usize {
    let mut terms = 0;
    filter.attributes(&mut |_| terms += 1);
    terms
}

fn elements_of(document: &Document, at: &AttributeRef) -> Vec<Value> {
    match document.get(at) {
        Some(Value::Array(elements)) => elements.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    }
}

fn remove_listed(
    document: &mut Document,
    at: &AttributeRef,
    listed: &[Value],
    work: &mut Work,
) -> Result<(), ScimError> {
    let mut all = elements_of(document, at);
    // Most lists name the same parts of every element.
    let mut keys: HashMap<Vec<&str>, HashSet<Vec<Option<Value>>>> = HashMap::new();
    for element in listed {
        let names = identifying(element);
        let key = key(at, element, &names);
        keys.entry(names).or_default().insert(key);
    }
    work.spend(listed.len(), 1)?;
    work.spend(all.len(), keys.len())?;
    all.retain(|element| !keys.iter().any(|(names, keys)| keys.contains(&key(at, element, names))));
    put_elements(document, at, all);
    Ok(())
}

/// The parts by which a listed element is known: neither its name nor its rank,
/// unless it has nothing else. A simple value has none.
fn identifying(listed: &Value) -> Vec<&str> {
    let identifies = |name: &&str| !matches!(*name, "display" | "primary" | "$ref");
    let names = || listed.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    match names().any(|name| identifies(&name)) {
        true => names().filter(identifies).collect(),
        false => names().collect(),
    }
}

/// What these parts of an element are, letter case apart where it does not count;
/// without parts, the element.
fn key(at: &AttributeRef, element: &Value, names: &[&str]) -> Vec<Option<Value>> {
    if names.is_empty() {
        return vec![Some(element.clone())];
    }
    let part = |name: &&str| {
        let exact = at.attribute.sub_attribute(name).is_none_or(|sub| sub.case_exact);
        element.get(*name).map(|value| match value {
            Value::String(text) if !exact => Value::String(text::fold(text).into_owned()),
            other => other.clone(),
        })
    };
    names.iter().map(part).collect()
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
                check_count(at, all.len())?;
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
