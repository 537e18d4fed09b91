//! Answers filters on one resource in memory.
//!
//! What [`CheckedFilter`] says about its meaning holds here and in SQL.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{CheckedFilter, CompareOp, Operand};
use crate::scim::{
    date_time::parse_date_time,
    path::AttributeRef,
    schema::{Attribute, AttributeType},
};

/// Whether a resource satisfies the filter.
///
/// `resource` is the full representation: names in their canonical spelling,
/// with `id`, `schemas` and `meta`, extensions below their URNs.
pub fn eval(filter: &CheckedFilter, resource: &Map<String, Value>) -> bool {
    holds(filter, Scope::Resource(resource))
}

/// Whether one element of a multi-valued attribute satisfies the filter, which
/// was checked by [`check_element`](super::check_element).
///
/// The element is an object; a simple value stands for its `value`.
pub fn eval_element(filter: &CheckedFilter, element: &Value) -> bool {
    holds(filter, Scope::Element(element))
}

/// In what the attributes are looked up.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Resource(&'a Map<String, Value>),
    Element(&'a Value),
}

fn holds(filter: &CheckedFilter, scope: Scope<'_>) -> bool {
    match filter {
        CheckedFilter::And(terms) => terms.iter().all(|term| holds(term, scope)),
        CheckedFilter::Or(terms) => terms.iter().any(|term| holds(term, scope)),
        CheckedFilter::Not(term) => !holds(term, scope),
        CheckedFilter::Compare { attribute, op, operand } => {
            compares(attribute, *op, operand, scope)
        }
        CheckedFilter::Present(attribute) => {
            scope.elements(attribute).any(|element| match &attribute.sub_attribute {
                Some(sub) => sub_value(element, sub).is_some_and(has_value),
                None => has_value(element),
            })
        }
        CheckedFilter::Element { attribute, filter } => scope
            .elements(attribute)
            .filter(|element| !element.is_null())
            .any(|element| eval_element(filter, element)),
    }
}

impl<'a> Scope<'a> {
    /// The elements of the attribute; a single value is one.
    fn elements(self, attribute: &AttributeRef) -> impl Iterator<Item = &'a Value> {
        let value = match self {
            Self::Element(element) => Some(element),
            Self::Resource(resource) => match &attribute.extension {
                None => resource.get(&attribute.attribute.name),
                Some(urn) => resource
                    .get(urn.as_ref())
                    .and_then(|extension| extension.get(&attribute.attribute.name)),
            },
        };
        value.map(as_slice).unwrap_or_default().iter()
    }
}

fn as_slice(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    }
}

fn sub_value<'a>(element: &'a Value, sub: &Attribute) -> Option<&'a Value> {
    match element {
        Value::Object(members) => members.get(&sub.name),
        Value::Null => None,
        _ => (sub.name == "value").then_some(element),
    }
}

/// Whether some value compares as asked; `ne` also holds if there is none.
fn compares(attribute: &AttributeRef, op: CompareOp, operand: &Operand, scope: Scope<'_>) -> bool {
    let mut has_none = true;
    let mut found = false;
    for element in scope.elements(attribute) {
        let Some(value) = compared_value(element, attribute) else {
            continue;
        };
        for value in as_slice(value) {
            has_none = false;
            found = found || matches(value, op, operand, attribute);
        }
    }
    found || (has_none && op == CompareOp::Ne)
}

/// What an element contributes. A `primary` that is left out counts as false
/// (RFC 7643 §2.4).
fn compared_value<'a>(element: &'a Value, attribute: &AttributeRef) -> Option<&'a Value> {
    let Some(sub) = &attribute.sub_attribute else {
        return Some(element);
    };
    let is_primary = sub.name == "primary" && sub.attribute_type == AttributeType::Boolean;
    match sub_value(element, sub) {
        None | Some(Value::Null) if is_primary && !element.is_null() => Some(&Value::Bool(false)),
        value => value,
    }
}

fn matches(value: &Value, op: CompareOp, operand: &Operand, attribute: &AttributeRef) -> bool {
    let ordering = match operand {
        Operand::Text(text) => {
            let Some(value) = value.as_str() else {
                return op == CompareOp::Ne;
            };
            let value = attribute.key(value);
            match op {
                CompareOp::Co => return value.contains(text.as_str()),
                CompareOp::Sw => return value.starts_with(text.as_str()),
                CompareOp::Ew => return value.ends_with(text.as_str()),
                _ => Some(value.as_ref().cmp(text.as_str())),
            }
        }
        Operand::Boolean(boolean) => value.as_bool().map(|value| value.cmp(boolean)),
        Operand::Integer(integer) => compare_integer(value, *integer),
        Operand::Decimal(decimal) => value.as_f64().and_then(|value| value.partial_cmp(decimal)),
        Operand::Instant(instant) => {
            value.as_str().and_then(parse_date_time).map(|value| value.cmp(instant))
        }
    };
    is_asked(ordering, op)
}

fn compare_integer(value: &Value, integer: i64) -> Option<Ordering> {
    match value.as_i64() {
        Some(value) => Some(value.cmp(&integer)),
        None => value.as_f64()?.partial_cmp(&Number::from(integer).as_f64()?),
    }
}

/// Whether the order of value and operand (none if they are of different
/// types) is what the operator asks for.
fn is_asked(ordering: Option<Ordering>, op: CompareOp) -> bool {
    match op {
        CompareOp::Eq => ordering == Some(Ordering::Equal),
        CompareOp::Ne => ordering != Some(Ordering::Equal),
        CompareOp::Gt => ordering == Some(Ordering::Greater),
        CompareOp::Lt => ordering == Some(Ordering::Less),
        CompareOp::Ge => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        CompareOp::Le => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

/// Whether a value counts as one for `pr`: empty text, empty arrays and objects
/// of nothing else do not (RFC 7643 §2.5).
fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(has_value),
        Value::Object(members) => members.values().any(has_value),
    }
}
