//! Reads a JSON value as the value of an attribute (RFC 7643 §2.3 to §2.5).
//!
//! `None` is unassigned. The tolerance of a dialect ends here: what comes out
//! has the attribute's type and canonical names.

use std::sync::Arc;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use super::{
    MAX_ELEMENTS, MAX_STRING_BYTES, certificate,
    finish::{is_primary, is_same, unset_primary},
    reference,
};
use crate::scim::{
    ScimError, date_time,
    dialect::Leniency,
    notice::{Notice, NoticeKind},
    path::AttributeRef,
    schema::{Attribute, AttributeType, Mutability},
    text::fold,
};

/// Padding may be missing, RFC 7643 §2.3.6.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Most notices that are remembered of one request.
const MAX_IGNORED: usize = 100;

/// Canonical values that an error names.
const MAX_SHOWN: usize = 10;

/// Sub-attributes with their values, in the order of the schema.
pub(in crate::scim) type Parts = Vec<(Arc<Attribute>, Option<Value>)>;

/// Reads values under one dialect, and remembers what was overlooked.
#[derive(Debug)]
pub(in crate::scim) struct Reader<'a> {
    /// What is forgiven.
    pub(in crate::scim) leniency: &'a Leniency,
    /// What was overlooked.
    pub(in crate::scim) ignored: Vec<Notice>,
}

impl<'a> Reader<'a> {
    pub(in crate::scim) fn new(leniency: &'a Leniency) -> Self {
        Self { leniency, ignored: Vec::new() }
    }

    /// Remembers what was done at `place`.
    pub(in crate::scim) fn note(&mut self, kind: NoticeKind, place: &str) {
        if self.ignored.len() < MAX_IGNORED {
            self.ignored.push(Notice::new(kind, place));
        }
    }

    /// An attribute that no schema has: an error unless the dialect ignores it.
    pub(in crate::scim) fn unknown(&mut self, name: &str, value: &Value) -> Result<(), ScimError> {
        match (value.is_null(), self.leniency.ignore_unknown) {
            (true, _) => Ok(()),
            (false, true) => {
                self.note(NoticeKind::Unknown, name);
                Ok(())
            }
            (false, false) => Err(ScimError::InvalidValue(format!(
                "`{}` is not an attribute of this resource",
                clip(name)
            ))),
        }
    }

    /// The value of the attribute or sub-attribute that `at` names.
    pub(in crate::scim) fn read(
        &mut self,
        at: &AttributeRef,
        value: Value,
    ) -> Result<Option<Value>, ScimError> {
        self.read_leaf(at.leaf(), &at.to_string(), value)
    }

    fn read_leaf(
        &mut self,
        attribute: &Attribute,
        path: &str,
        value: Value,
    ) -> Result<Option<Value>, ScimError> {
        let read = match attribute.multi_valued {
            true => self.read_array(attribute, path, value)?,
            false => self.read_single(attribute, path, value)?,
        };
        // Of what nobody can read, only that it is there is kept.
        Ok(match attribute.is_secret() {
            true => read.filter(|value| value != "").map(|_| Value::Bool(true)),
            false => read,
        })
    }

    fn read_array(
        &mut self,
        attribute: &Attribute,
        path: &str,
        value: Value,
    ) -> Result<Option<Value>, ScimError> {
        let elements = match value {
            Value::Null => return Ok(None),
            Value::Array(elements) => elements,
            single if self.leniency.single_for_array => vec![single],
            _ => return Err(expected(path, "an array")),
        };
        if MAX_ELEMENTS < elements.len() {
            return Err(ScimError::InvalidValue(format!(
                "`{path}` has more than {MAX_ELEMENTS} elements, which is the limit"
            )));
        }
        let mut read = Vec::with_capacity(elements.len());
        for element in elements {
            read.extend(self.read_element(attribute, path, element)?);
        }
        self.one_primary(path, &mut read)?;
        Ok((!read.is_empty()).then_some(Value::Array(read)))
    }

    /// At most one element is primary, RFC 7643 §2.4.
    fn one_primary(&mut self, path: &str, elements: &mut [Value]) -> Result<(), ScimError> {
        let Some(first) = elements.iter().position(is_primary) else { return Ok(()) };
        let (before, after) = elements.split_at_mut(first + 1);
        for element in after.iter_mut().filter(|element| is_primary(element)) {
            if !self.leniency.first_primary {
                return Err(ScimError::InvalidValue(format!(
                    "more than one element of `{path}` is primary"
                )));
            }
            // The same element again will be one with the first.
            if before.last().is_some_and(|first| !is_same(element, first)) {
                self.note(NoticeKind::Primary, path);
                unset_primary(element);
            }
        }
        Ok(())
    }

    /// One element of a multi-valued attribute.
    pub(in crate::scim) fn read_element(
        &mut self,
        attribute: &Attribute,
        path: &str,
        value: Value,
    ) -> Result<Option<Value>, ScimError> {
        if !attribute.is_complex() {
            return self.read_simple(attribute, path, value);
        }
        match self.wrap(attribute, value) {
            Value::Null => Ok(None),
            Value::Object(object) => self.read_complex(attribute, path, object),
            _ => Err(expected(path, "an array of objects")),
        }
    }

    fn read_single(
        &mut self,
        attribute: &Attribute,
        path: &str,
        value: Value,
    ) -> Result<Option<Value>, ScimError> {
        let value = self.unwrap(value);
        match self.wrap(attribute, value) {
            Value::Null => Ok(None),
            Value::Array(elements) if elements.is_empty() => Ok(None),
            Value::Object(object) if attribute.is_complex() => {
                self.read_complex(attribute, path, object)
            }
            _ if attribute.is_complex() => Err(expected(path, "an object")),
            value => self.read_simple(attribute, path, value),
        }
    }

    /// A one-element array is its element, if the dialect says so.
    pub(in crate::scim) fn unwrap(&self, value: Value) -> Value {
        match value {
            Value::Array(mut elements) if self.leniency.single_for_array && elements.len() == 1 => {
                elements.pop().unwrap_or(Value::Null)
            }
            other => other,
        }
    }

    /// A bare scalar for a complex value is its `value`, if the dialect says so.
    pub(in crate::scim) fn wrap(&self, attribute: &Attribute, value: Value) -> Value {
        let bare = matches!(value, Value::String(_) | Value::Number(_));
        let wraps = self.leniency.scalar_for_complex
            && attribute.is_complex()
            && attribute.sub_attribute("value").is_some();
        if !(bare && wraps) {
            return value;
        }
        Value::Object(Map::from_iter([("value".to_owned(), value)]))
    }

    fn read_complex(
        &mut self,
        attribute: &Attribute,
        path: &str,
        object: Map<String, Value>,
    ) -> Result<Option<Value>, ScimError> {
        let parts = self.read_parts(attribute, path, object)?;
        let assigned: Map<String, Value> =
            parts.into_iter().filter_map(|(sub, value)| Some((sub.name.clone(), value?))).collect();
        if assigned.is_empty() {
            return Ok(None);
        }
        let mut subs = attribute.sub_attributes.iter();
        match subs.find(|sub| sub.required && !assigned.contains_key(&sub.name)) {
            Some(sub) => Err(ScimError::InvalidValue(format!("`{path}.{}` is required", sub.name))),
            None => Ok(Some(Value::Object(assigned))),
        }
    }

    /// The sub-attributes of a complex value, those with `null` included.
    ///
    /// Read-only ones are left out, as RFC 7644 §3.5.1 asks.
    pub(in crate::scim) fn read_parts(
        &mut self,
        attribute: &Attribute,
        path: &str,
        object: Map<String, Value>,
    ) -> Result<Parts, ScimError> {
        let names: Vec<String> = object.keys().cloned().collect();
        let mut parts: Parts = Vec::with_capacity(names.len());
        for (name, value) in object {
            let Some(sub) = self.part(attribute, &name, &names) else {
                self.unknown(&format!("{path}.{name}"), &value)?;
                continue;
            };
            if sub.mutability != Mutability::ReadOnly {
                let sub = Arc::clone(sub);
                let read = self.read_leaf(&sub, &format!("{path}.{}", sub.name), value)?;
                parts.push((sub, read));
            }
        }
        let subs = &attribute.sub_attributes;
        parts.sort_by_key(|(part, _)| subs.iter().position(|sub| sub.name == part.name));
        Ok(parts)
    }

    /// The sub-attribute of that name. Some clients write `displayName` for the
    /// `display` of an element, and `managerId` for the manager's `value`.
    fn part<'b>(
        &self,
        attribute: &'b Attribute,
        name: &str,
        names: &[String],
    ) -> Option<&'b Arc<Attribute>> {
        let alias = || {
            let meant = match name.to_ascii_lowercase().as_str() {
                "displayname" if attribute.multi_valued => "display",
                "managerid" if attribute.name == "manager" => "value",
                _ => return None,
            };
            let given = names.iter().any(|name| name.eq_ignore_ascii_case(meant));
            (self.leniency.aliases && !given).then(|| attribute.sub_attribute(meant)).flatten()
        };
        attribute.sub_attribute(name).or_else(alias)
    }

    pub(in crate::scim) fn read_simple(
        &mut self,
        attribute: &Attribute,
        path: &str,
        value: Value,
    ) -> Result<Option<Value>, ScimError> {
        let value = match value {
            // `[{"$ref": null, "value": "x"}]` is how an old library writes any value.
            Value::Object(mut object) if self.leniency.single_for_array => {
                object.shift_remove("value").ok_or_else(|| expected(path, word(attribute)))?
            }
            other => other,
        };
        if value.is_null() || (self.leniency.empty_string_clears && value == "") {
            return Ok(None);
        }
        if value.as_str().is_some_and(|text| MAX_STRING_BYTES < text.len()) {
            return Err(ScimError::InvalidValue(format!(
                "`{path}` is longer than {MAX_STRING_BYTES} bytes, which is the limit"
            )));
        }
        let read = self.typed(attribute.attribute_type, value);
        let read = read.ok_or_else(|| expected(path, word(attribute)))?;
        if !self.leniency.free_values {
            check_form(attribute.attribute_type, path, &read)?;
        }
        match attribute.is_closed && !is_canonical(attribute, &read) {
            true => Err(expected(path, &canonical_values(attribute))),
            false => Ok(Some(read)),
        }
    }

    fn typed(&self, attribute_type: AttributeType, value: Value) -> Option<Value> {
        match (attribute_type, &value) {
            (AttributeType::String | AttributeType::Reference, Value::String(_))
            | (AttributeType::Boolean, Value::Bool(_))
            | (AttributeType::Decimal, Value::Number(_)) => Some(value),
            (AttributeType::String, Value::Number(number)) => {
                let whole = number.is_i64() || number.is_u64();
                (whole && self.leniency.numbers_as_strings).then(|| number.to_string().into())
            }
            (AttributeType::Boolean, Value::String(text)) if self.leniency.string_booleans => {
                let flag = text.eq_ignore_ascii_case("true");
                (flag || text.eq_ignore_ascii_case("false")).then_some(Value::Bool(flag))
            }
            (AttributeType::Integer, Value::Number(number)) => number.is_i64().then_some(value),
            (AttributeType::DateTime, Value::String(text)) => {
                date_time::parse_date_time(text).is_some().then_some(value)
            }
            (AttributeType::Binary, Value::String(text)) => {
                BASE64.decode(text).is_ok().then_some(value)
            }
            _ => None,
        }
    }
}

/// A reference is a URI (RFC 7643 §2.3.7), a certificate one certificate (§4.1.2).
fn check_form(attribute_type: AttributeType, path: &str, value: &Value) -> Result<(), ScimError> {
    let text = value.as_str().unwrap_or_default();
    match attribute_type {
        AttributeType::Reference if !reference::is_reference(text) => Err(expected(path, "a URI")),
        AttributeType::Binary if path == "x509Certificates.value" => {
            let der = BASE64.decode(text).unwrap_or_default();
            match certificate::is_certificate(&der) {
                true => Ok(()),
                false => Err(expected(path, "one DER certificate in base64")),
            }
        }
        _ => Ok(()),
    }
}

/// Whether a value is one of those that the schema names (RFC 7643 §7).
fn is_canonical(attribute: &Attribute, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return true };
    attribute.canonical_values.iter().any(|known| match attribute.compares_exactly() {
        true => known == text,
        false => fold(known) == fold(text),
    })
}

fn canonical_values(attribute: &Attribute) -> String {
    let shown: Vec<String> = attribute
        .canonical_values
        .iter()
        .take(MAX_SHOWN)
        .map(|value| format!("`{value}`"))
        .collect();
    let more = if MAX_SHOWN < attribute.canonical_values.len() { ", …" } else { "" };
    format!("one of {}{more}", shown.join(", "))
}

fn word(attribute: &Attribute) -> &'static str {
    match attribute.attribute_type {
        AttributeType::String | AttributeType::Reference => "a string",
        AttributeType::Boolean => "true or false",
        AttributeType::Decimal => "a number",
        AttributeType::Integer => "a whole number",
        AttributeType::DateTime => "a date and time such as 2026-01-31T12:00:00Z",
        AttributeType::Binary => "base64",
        AttributeType::Complex => "an object",
    }
}

fn expected(path: &str, what: &str) -> ScimError {
    ScimError::InvalidValue(format!("`{path}` must be {what}"))
}

/// A client's text as it may stand in a message: short, no control characters.
pub(in crate::scim) fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(128).collect()
}
