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
    resource::{
        Document, Parts, check_count, check_immutable, check_user_name, finish, is_primary,
        is_same, unset_primary,
    },
    schema::{Mutability, ResourceType},
    text,
};

/// Most that the operations of one request may look at: the [`weight`] of the
/// elements, times the terms of the filter that selects.
const MAX_WORK: usize = 250_000;

/// How much text of an element costs as much as the element itself, in bytes.
const BYTES_OF_WORK: usize = 64;

/// What a request may still look at.
struct Work(usize);

impl Work {
    fn spend(&mut self, weight: usize, terms: usize) -> Result<(), ScimError> {
        let left = self.0.checked_sub(weight.saturating_mul(terms));
        self.0 = left.ok_or_else(|| {
            ScimError::TooMany(format!(
                "the operations look at more than {MAX_WORK} elements, which is the limit; a \
                 long one counts as several"
            ))
        })?;
        Ok(())
    }
}

/// What it costs to look at these elements once.
fn weight(elements: &[Value]) -> usize {
    fn bytes(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(bytes).sum(),
            Value::Object(parts) => parts.values().map(bytes).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
    elements.iter().map(|element| 1 + bytes(element) / BYTES_OF_WORK).sum()
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
            Step::Append { at, elements } => {
                let mut all = append(at, next.take_elements(at), elements, &mut work)?;
                settle_primary(at, &mut all, leniency)?;
                next.put_elements(at, all.elements);
            }
            Step::RemoveListed { at, listed } => {
                let left = remove_listed(at, next.take_elements(at), listed, &mut work)?;
                next.put_elements(at, left);
            }
            Step::Elements { at, filter, change, no_match } => {
                let all = next.take_elements(at);
                work.spend(weight(&all), terms(filter))?;
                let mut all = change_elements(at, all, filter, (change, no_match))?;
                settle_primary(at, &mut all, leniency)?;
                next.put_elements(at, all.elements);
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
        check_user_name(resource_type, Some(document), &next, leniency)?;
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

/// The elements of an attribute, and the places of those that an operation made.
struct Touched {
    elements: Vec<Value>,
    places: Vec<usize>,
}

fn append(
    at: &AttributeRef,
    mut all: Vec<Value>,
    elements: &[Value],
    work: &mut Work,
) -> Result<Touched, ScimError> {
    work.spend(weight(&all) + weight(elements), 1)?;
    let mut known: HashSet<&Value> = all.iter().collect();
    let fresh: Vec<Value> =
        elements.iter().filter(|element| known.insert(element)).cloned().collect();
    let places = (all.len()..all.len() + fresh.len()).collect();
    all.extend(fresh);
    check_count(at, all.len())?;
    Ok(Touched { elements: all, places })
}

/// How many comparisons a filter takes.
fn terms(filter: &CheckedFilter) -> usize {
    let mut terms = 0;
    filter.attributes(&mut |_| terms += 1);
    terms
}

fn remove_listed(
    at: &AttributeRef,
    mut all: Vec<Value>,
    listed: &[Value],
    work: &mut Work,
) -> Result<Vec<Value>, ScimError> {
    // Most lists name the same parts of every element.
    let mut keys: HashMap<Vec<&str>, HashSet<Vec<Option<Value>>>> = HashMap::new();
    for element in listed {
        let names = identifying(element);
        let key = key(at, element, &names);
        keys.entry(names).or_default().insert(key);
    }
    work.spend(weight(listed), 1)?;
    work.spend(weight(&all), keys.len())?;
    all.retain(|element| !keys.iter().any(|(names, keys)| keys.contains(&key(at, element, names))));
    Ok(all)
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
    at: &AttributeRef,
    before: Vec<Value>,
    filter: &CheckedFilter,
    (change, no_match): (&Change, &NoMatch),
) -> Result<Touched, ScimError> {
    let mut all = Touched { elements: Vec::with_capacity(before.len()), places: Vec::new() };
    let mut matched = false;
    for mut element in before {
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
            all.places.push(all.elements.len());
        }
        all.elements.push(element);
    }
    match no_match {
        NoMatch::Create(seed) if !matched => {
            if let Some(element) = created(at, seed, change)? {
                all.places.push(all.elements.len());
                all.elements.push(element);
                check_count(at, all.elements.len())?;
            }
            Ok(all)
        }
        NoMatch::Fault if !matched => {
            Err(ScimError::NoTarget(format!("no element of `{at}` matches the filter")))
        }
        NoMatch::Create(_) | NoMatch::Fault | NoMatch::Keep => Ok(all),
    }
}

/// The element that a filter describes, changed.
fn created(
    at: &AttributeRef,
    seed: &Map<String, Value>,
    change: &Change,
) -> Result<Option<Value>, ScimError> {
    let mut element = Value::Object(seed.clone());
    match change {
        Change::Set(parts) => set_parts(at, &mut element, parts)?,
        Change::Replace(Value::Object(parts)) => {
            if let Value::Object(element) = &mut element {
                element.extend(parts.clone());
            }
        }
        Change::Replace(value) => element = value.clone(),
        Change::Remove => return Ok(None),
    }
    Ok(Some(element))
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

/// If an element became primary, no other is (RFC 7644 §3.5.2).
fn settle_primary(
    at: &AttributeRef,
    all: &mut Touched,
    leniency: &Leniency,
) -> Result<(), ScimError> {
    let Touched { elements, places } = all;
    let primary = |place: &usize| elements.get(*place).filter(|element| is_primary(element));
    let mut became = places.iter().filter_map(primary);
    let Some(newest) = became.next().cloned() else { return Ok(()) };
    if !leniency.first_primary && became.any(|other| !is_same(other, &newest)) {
        return Err(ScimError::InvalidValue(format!(
            "more than one element of `{at}` would be primary"
        )));
    }
    for element in elements.iter_mut() {
        if is_primary(element) && !is_same(element, &newest) {
            unset_primary(element);
        }
    }
    Ok(())
}
