//! `sortBy` and `sortOrder` (RFC 7644 §3.4.2.3).
//!
//! A list has one order: by the value of the attribute, then by id, so that no
//! two resources are equal. Descending is the exact reverse of ascending, ids
//! included. Whatever is wrong with `sortBy` (an unknown attribute, one that is
//! never returned, a complex one without `value`) is an `invalidPath`; whatever
//! is wrong with `sortOrder` is an `invalidValue`.

use std::{cmp::Ordering, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scim::{
    ScimError,
    date_time::parse_date_time,
    dialect::Leniency,
    path::{self, AttributeRef, PatchPath, Resolved, resolve_sub},
    resource::{MAX_KEY_BYTES, ResourceId},
    schema::{AttributeType, ResourceType, Returned},
};

/// The order of a list over some types of resources.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sort {
    /// For each of the types, in their order, the attribute it is sorted by;
    /// none if the type lacks it, or if ids alone make the order.
    pub by: Vec<Option<AttributeRef>>,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl Sort {
    /// Reads `sortBy` and `sortOrder` for a list over `types`.
    ///
    /// What a type lacks and another has counts as having no value (RFC 7644
    /// §3.4.2.1). An attribute without a value comes last when ascending and
    /// first when descending.
    ///
    /// # Errors
    ///
    /// [`ScimError::InvalidPath`] if no type can be sorted by the attribute;
    /// [`ScimError::InvalidValue`] if the order is neither `ascending` nor
    /// `descending`.
    pub fn parse(
        sort_by: Option<&str>,
        sort_order: Option<&str>,
        types: &[Arc<ResourceType>],
        leniency: &Leniency,
    ) -> Result<Self, ScimError> {
        let descending = descending(sort_order)?;
        let Some(name) = sort_by.map(str::trim).filter(|name| !name.is_empty()) else {
            // Without `sortBy` there is nothing that an order could be of.
            return Ok(Self { by: vec![None; types.len()], descending: false });
        };
        let found: Vec<_> = types.iter().map(|kind| attribute(name, kind, leniency)).collect();
        match found.iter().all(Result::is_err) {
            true => found.into_iter().find_map(Result::err).map_or(Ok(Self::default()), Err),
            false => {
                let by = found.into_iter().map(|found| found.ok().filter(|at| !is_id(at)));
                Ok(Self { by: by.collect(), descending })
            }
        }
    }
}

/// A value that resources are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SortKey {
    /// False comes before true.
    #[serde(rename = "b")]
    Boolean(bool),
    /// A whole number, or an instant in microseconds since 1970.
    #[serde(rename = "i")]
    Integer(i64),
    /// A real number, as bits that sort as the number does.
    #[serde(rename = "d")]
    Decimal(u64),
    /// Text, folded unless its case counts, at most [`MAX_KEY_BYTES`] of it.
    #[serde(rename = "t")]
    Text(String),
}

impl SortKey {
    /// The value of `attribute` that `resource`, a full representation, is sorted by.
    ///
    /// Of a multi-valued attribute that is the primary element, or else the first.
    pub fn of(attribute: &AttributeRef, resource: &Map<String, Value>) -> Option<Self> {
        let value = match &attribute.extension {
            None => resource.get(&attribute.attribute.name)?,
            Some(urn) => resource.get(urn.as_ref())?.get(&attribute.attribute.name)?,
        };
        let element = chosen(value)?;
        let value = match (&attribute.sub_attribute, element) {
            (Some(sub), Value::Object(parts)) => chosen(parts.get(&sub.name)?)?,
            (_, element) => element,
        };
        Self::of_value(attribute, value)
    }

    fn of_value(attribute: &AttributeRef, value: &Value) -> Option<Self> {
        match attribute.leaf().attribute_type {
            AttributeType::Boolean => value.as_bool().map(Self::Boolean),
            AttributeType::Integer => value.as_i64().map(Self::Integer),
            AttributeType::Decimal => value.as_f64().map(Self::decimal),
            AttributeType::DateTime => value.as_str().and_then(parse_date_time).map(Self::Integer),
            AttributeType::String | AttributeType::Reference | AttributeType::Binary => {
                value.as_str().map(|text| Self::text(&attribute.key(text)))
            }
            AttributeType::Complex => None,
        }
    }

    /// The key of a text that is folded already. Keys in the database end at the
    /// same byte.
    fn text(text: &str) -> Self {
        let end = text.floor_char_boundary(MAX_KEY_BYTES);
        Self::Text(text.get(..end).unwrap_or(text).to_owned())
    }

    /// Turns the sign of IEEE 754 into an offset, so that bits sort as numbers.
    pub(super) fn decimal(number: f64) -> Self {
        // Zero has two spellings and is one number.
        let bits = if number == 0.0 { 0 } else { number.to_bits() };
        let negative = bits >> 63 == 1;
        Self::Decimal(if negative { !bits } else { bits | (1 << 63) })
    }
}

/// Where a resource stands in a list: the value it is sorted by, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The value; none if it has none.
    pub key: Option<SortKey>,
    /// The id, by which ties are broken.
    pub id: ResourceId,
}

/// Ascending, those without a value last.
impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.key.is_none(), &self.key, self.id).cmp(&(other.key.is_none(), &other.key, other.id))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn descending(sort_order: Option<&str>) -> Result<bool, ScimError> {
    match sort_order {
        None => Ok(false),
        Some(order) if order.eq_ignore_ascii_case("ascending") => Ok(false),
        Some(order) if order.eq_ignore_ascii_case("descending") => Ok(true),
        Some(_) => Err(ScimError::InvalidValue(
            "`sortOrder` must be `ascending` or `descending`".to_owned(),
        )),
    }
}

/// Every resource has an id, and ties go by it: to sort by `id` is to sort by nothing else.
fn is_id(at: &AttributeRef) -> bool {
    at.extension.is_none() && at.sub_attribute.is_none() && at.attribute.name == "id"
}

fn attribute(
    name: &str,
    resource_type: &ResourceType,
    leniency: &Leniency,
) -> Result<AttributeRef, ScimError> {
    let wrong = |what: &str| ScimError::InvalidPath(format!("`sortBy` {what}"));
    let found = match path::parse_patch_path(name, leniency) {
        Ok(PatchPath::Attribute(path)) => path::resolve(&path, resource_type, leniency)
            .map_err(|error| wrong(&format!("cannot be followed: {error}")))?,
        Ok(PatchPath::Value { .. }) => return Err(wrong("names an attribute, without a filter")),
        Err(error) => return Err(wrong(&format!("is not a path of an attribute: {error}"))),
    };
    let Resolved::Attribute(at) = found else {
        return Err(wrong("names a schema and not an attribute"));
    };
    let never = |at: &AttributeRef| {
        at.attribute.returned == Returned::Never || at.leaf().returned == Returned::Never
    };
    if never(&at) {
        return Err(wrong(&format!("names `{at}`, which is never returned")));
    }
    if !at.leaf().is_complex() {
        return Ok(at);
    }
    resolve_sub(&at, "value")
        .map_err(|_| wrong(&format!("names `{at}`, which is complex: name a sub-attribute of it")))
}

/// The element that counts; a single value is one.
fn chosen(value: &Value) -> Option<&Value> {
    let Value::Array(elements) = value else { return (!value.is_null()).then_some(value) };
    let is_primary = |element: &&Value| element.get("primary") == Some(&Value::Bool(true));
    elements.iter().find(is_primary).or_else(|| elements.first())
}
