//! Schemas in their JSON form (RFC 7643 §7).

use serde_json::{Map, Value, json};

use super::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};

pub(super) const TYPES: [(&str, AttributeType); 8] = [
    ("string", AttributeType::String),
    ("boolean", AttributeType::Boolean),
    ("decimal", AttributeType::Decimal),
    ("integer", AttributeType::Integer),
    ("dateTime", AttributeType::DateTime),
    ("binary", AttributeType::Binary),
    ("reference", AttributeType::Reference),
    ("complex", AttributeType::Complex),
];

pub(super) const MUTABILITIES: [(&str, Mutability); 4] = [
    ("readOnly", Mutability::ReadOnly),
    ("readWrite", Mutability::ReadWrite),
    ("immutable", Mutability::Immutable),
    ("writeOnly", Mutability::WriteOnly),
];

pub(super) const RETURNED: [(&str, Returned); 4] = [
    ("always", Returned::Always),
    ("never", Returned::Never),
    ("default", Returned::Default),
    ("request", Returned::Request),
];

pub(super) const UNIQUENESSES: [(&str, Uniqueness); 3] =
    [("none", Uniqueness::None), ("server", Uniqueness::Server), ("global", Uniqueness::Global)];

fn word<T: PartialEq, const N: usize>(words: &[(&'static str, T); N], value: &T) -> &'static str {
    words.iter().find(|(_, other)| other == value).map_or("", |(name, _)| name)
}

impl Schema {
    /// The JSON form of RFC 7643 §7, without `schemas` and `meta`.
    pub fn to_value(&self) -> Value {
        self.write(Attribute::to_value)
    }

    /// The form in which a tenant brings the schema: with `indexed` and `openValues`.
    pub fn to_definition(&self) -> Value {
        self.write(Attribute::to_definition)
    }

    fn write(&self, attribute: impl Fn(&Attribute) -> Value) -> Value {
        let attributes: Vec<Value> = self.attributes.iter().map(|each| attribute(each)).collect();
        json!({
            "id": &*self.id,
            "name": self.name,
            "description": self.description,
            "attributes": attributes,
        })
    }
}

impl Attribute {
    /// The JSON form of RFC 7643 §7.
    pub fn to_value(&self) -> Value {
        Value::Object(self.write(Self::to_value))
    }

    fn to_definition(&self) -> Value {
        let mut object = self.write(Self::to_definition);
        if self.is_indexed {
            object.insert("indexed".to_owned(), true.into());
        }
        if !self.is_closed && !self.canonical_values.is_empty() {
            object.insert("openValues".to_owned(), true.into());
        }
        Value::Object(object)
    }

    fn write(&self, part: impl Fn(&Self) -> Value) -> Map<String, Value> {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("name", self.name.clone().into());
        put("type", word(&TYPES, &self.attribute_type).into());
        put("multiValued", self.multi_valued.into());
        if !self.description.is_empty() {
            put("description", self.description.clone().into());
        }
        put("required", self.required.into());
        if !self.canonical_values.is_empty() {
            put("canonicalValues", self.canonical_values.clone().into());
        }
        // Neither says anything about a complex attribute or a boolean.
        let compared =
            !matches!(self.attribute_type, AttributeType::Complex | AttributeType::Boolean);
        if compared {
            put("caseExact", self.case_exact.into());
        }
        put("mutability", word(&MUTABILITIES, &self.mutability).into());
        put("returned", word(&RETURNED, &self.returned).into());
        if compared {
            put("uniqueness", word(&UNIQUENESSES, &self.uniqueness).into());
        }
        if !self.reference_types.is_empty() {
            put("referenceTypes", self.reference_types.clone().into());
        }
        if self.is_complex() {
            put("subAttributes", self.sub_attributes.iter().map(|sub| part(sub)).collect());
        }
        object
    }
}
