//! Members of groups as clients name them (RFC 7643 §4.2).

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Reader, clip};
use crate::scim::ScimError;

/// A member as a client named it; whether it exists is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Id of the member.
    pub value: String,
    /// Name of the member, if the client gave one.
    pub display: Option<String>,
    /// Type of the member, if the client said one.
    pub kind: Option<String>,
    /// Address of the member, if the client gave one.
    pub reference: Option<String>,
}

impl Member {
    /// The member with that id, of which nothing else was said.
    pub fn new(value: &str) -> Self {
        Self { value: value.to_owned(), display: None, kind: None, reference: None }
    }

    /// What the client says that is not so, if the member is a `kind` below
    /// `endpoint`: `members.type` or `members.$ref`.
    pub fn false_claim(&self, kind: &str, endpoint: &str) -> Option<&'static str> {
        if self.kind.as_deref().is_some_and(|said| !said.eq_ignore_ascii_case(kind)) {
            return Some("members.type");
        }
        let mut segments = self.reference.as_deref()?.trim_end_matches('/').rsplit('/');
        let is_value = segments.next() == Some(self.value.as_str());
        let place = segments.next().unwrap_or_default();
        let is_place =
            place.is_empty() || place.eq_ignore_ascii_case(endpoint.trim_start_matches('/'));
        (!(is_value && is_place)).then_some("members.$ref")
    }
}

/// Reads the value of `members`; the same member twice is one.
///
/// An element without a usable `value` is refused in every dialect: nobody can
/// tell whom it means, and dropping it would leave someone with access that
/// the client believes to be gone, or without.
pub(in crate::scim) fn read_members(
    reader: &mut Reader<'_>,
    value: Value,
) -> Result<Vec<Member>, ScimError> {
    let elements = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(elements) => elements,
        single if reader.leniency.single_for_array => vec![single],
        _ => return Err(ScimError::InvalidValue("`members` must be an array".to_owned())),
    };
    let mut members: Vec<Member> = Vec::with_capacity(elements.len());
    let mut places: HashMap<String, usize> = HashMap::with_capacity(elements.len());
    for element in elements {
        let member = read_member(reader, element)?;
        match places.get(&member.value).and_then(|place| members.get_mut(*place)) {
            Some(known) => known.display = member.display.or(known.display.take()),
            None => {
                places.insert(member.value.clone(), members.len());
                members.push(member);
            }
        }
    }
    Ok(members)
}

fn read_member(reader: &mut Reader<'_>, element: Value) -> Result<Member, ScimError> {
    let object = match element {
        Value::Object(object) => object,
        Value::String(_) | Value::Number(_) if reader.leniency.scalar_for_complex => {
            Map::from_iter([("value".to_owned(), element)])
        }
        _ => {
            let detail = "an element of `members` must be an object with a `value`";
            return Err(ScimError::InvalidValue(detail.to_owned()));
        }
    };
    let (mut value, mut display, mut alias) = (None, None, None);
    let (mut kind, mut reference) = (None, None);
    for (name, part) in object {
        match name.to_ascii_lowercase().as_str() {
            "value" => value = read_text(reader, "members.value", part)?,
            "$ref" if part.is_null() && !reader.leniency.null_reference => {
                return Err(ScimError::InvalidValue("`members.$ref` must be a URI".to_owned()));
            }
            "$ref" => reference = read_text(reader, "members.$ref", part)?,
            "display" => display = read_text(reader, "members.display", part)?,
            "displayname" if reader.leniency.aliases => {
                alias = read_text(reader, "members.display", part)?;
            }
            "type" => kind = read_text(reader, "members.type", part)?,
            _ => reader.unknown(&format!("members.{}", clip(&name)), &part)?,
        }
    }
    let named = reference.as_deref().and_then(|uri| uri.trim_end_matches('/').rsplit('/').next());
    let value = value.or_else(|| named.map(str::to_owned)).filter(|value| !value.is_empty());
    match value {
        Some(value) => Ok(Member { value, display: display.or(alias), kind, reference }),
        None => {
            let detail = "an element of `members` has no `value`, which must be the id of a member";
            Err(ScimError::InvalidValue(detail.to_owned()))
        }
    }
}

fn read_text(reader: &Reader<'_>, path: &str, value: Value) -> Result<Option<String>, ScimError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if super::MAX_KEY_BYTES < text.len() => {
            let limit = super::MAX_KEY_BYTES;
            Err(ScimError::InvalidValue(format!(
                "`{path}` is longer than {limit} bytes, which is the limit"
            )))
        }
        Value::String(text) => Ok((!text.is_empty()).then_some(text)),
        Value::Number(number) if reader.leniency.numbers_as_strings => Ok(Some(number.to_string())),
        _ => Err(ScimError::InvalidValue(format!("`{path}` must be a string"))),
    }
}
