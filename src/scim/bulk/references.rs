//! Where a body names resources: the values of references, as the schema knows
//! them, and no other text (RFC 7644 §3.7.2).
//!
//! An attribute names resources if it is a reference to a resource type, or is
//! complex and has such a `$ref`: then its `value` does too (`members`,
//! `manager`).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Method, Operation, bulk_id};
use crate::scim::{
    dialect::Leniency,
    path::{self, AttributeRef, PatchPath, Resolved},
    resource::ResourceId,
    schema::{Attribute, AttributeType, ResourceType, Schema},
};

/// Every text that names a resource in the body of `operation`.
pub(super) fn named(
    operation: &Operation,
    leniency: &Leniency,
    data: &mut Map<String, Value>,
) -> Vec<String> {
    let mut names = Vec::new();
    let mut visit = |slot: Slot<'_>| names.extend(slot.name().map(str::to_owned));
    Walk { resource_type: &operation.resource_type, leniency, visit: &mut visit }
        .body(operation.method, data);
    names
}

/// Puts ids in place of names.
pub(super) fn substitute(
    operation: &Operation,
    leniency: &Leniency,
    data: &mut Map<String, Value>,
    find: &dyn Fn(&str) -> Option<(ResourceId, String)>,
) {
    let mut visit = |slot: Slot<'_>| {
        if let Some((id, location)) = slot.name().and_then(bulk_id).and_then(find) {
            *slot.text = if slot.is_uri { location } else { id.to_string() };
        }
    };
    Walk { resource_type: &operation.resource_type, leniency, visit: &mut visit }
        .body(operation.method, data);
}

/// Takes away the attributes, or elements of them, that refer to one of `names`.
pub(super) fn strip(
    operation: &Operation,
    leniency: &Leniency,
    data: &mut Map<String, Value>,
    names: &dyn Fn(&str) -> bool,
) {
    let resource_type = &*operation.resource_type;
    strip_object(resource_type, leniency, None, data, names);
}

fn strip_object(
    resource_type: &ResourceType,
    leniency: &Leniency,
    schema: Option<&Arc<Schema>>,
    object: &mut Map<String, Value>,
    names: &dyn Fn(&str) -> bool,
) {
    object.retain(|key, value| {
        let refers = |value: &mut Value| {
            let mut found = false;
            let mut visit = |slot: Slot<'_>| {
                found |= slot.name().and_then(bulk_id).is_some_and(names);
            };
            Walk { resource_type, leniency, visit: &mut visit }.member(schema, key, value);
            found
        };
        match value {
            Value::Object(inner) if resource_type.extension(key).is_some() => {
                let extension = resource_type.extension(key).map(|found| &found.schema);
                strip_object(resource_type, leniency, extension, inner, names);
                true
            }
            Value::Array(elements) => {
                let before = elements.len();
                elements.retain_mut(|element| !refers(element));
                before == 0 || !elements.is_empty()
            }
            single => !refers(single),
        }
    });
}

/// A text that names a resource.
struct Slot<'a> {
    text: &'a mut String,
    /// Whether it is a URI and not an id.
    is_uri: bool,
}

impl Slot<'_> {
    /// The id, or `bulkId:` and a name; of a URI its last part.
    fn name(&self) -> Option<&str> {
        if bulk_id(self.text).is_some() || !self.is_uri {
            return Some(self.text);
        }
        self.text.rsplit('/').next()
    }
}

/// A walk over every [`Slot`] of a body.
struct Walk<'a> {
    resource_type: &'a ResourceType,
    leniency: &'a Leniency,
    visit: &'a mut dyn FnMut(Slot<'_>),
}

impl Walk<'_> {
    fn body(&mut self, method: Method, data: &mut Map<String, Value>) {
        if method != Method::Patch {
            return self.object(None, data);
        }
        let operations = data.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("Operations"));
        match operations {
            Some((_, Value::Array(list))) => list.iter_mut().for_each(|it| self.patch(it)),
            Some((_, single)) => self.patch(single),
            None => {}
        }
    }

    /// One operation of a PATCH.
    fn patch(&mut self, operation: &mut Value) {
        let Value::Object(operation) = operation else { return };
        let text = |name: &str| {
            let found = operation.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
        };
        let path = text("path").filter(|path| !path.is_empty());
        let value = operation.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case("value"));
        let Some((_, value)) = value else { return };
        match (path, value) {
            (Some(path), value) => self.at(None, &path, value),
            (None, Value::Object(object)) => self.object(None, object),
            (None, _) => {}
        }
    }

    fn object(&mut self, schema: Option<&Arc<Schema>>, object: &mut Map<String, Value>) {
        for (name, value) in object {
            self.member(schema, name, value);
        }
    }

    /// A member of a resource, or of an extension of it.
    fn member(&mut self, schema: Option<&Arc<Schema>>, name: &str, value: &mut Value) {
        let attribute = match schema {
            Some(schema) => schema.attribute(name),
            None => self.resource_type.core_attribute(name),
        };
        match attribute.cloned() {
            Some(attribute) => self.value(&attribute, value),
            None => self.at(schema, name, value),
        }
    }

    /// The value at a path.
    fn at(&mut self, schema: Option<&Arc<Schema>>, text: &str, value: &mut Value) {
        let text = match schema {
            Some(schema) => format!("{}:{text}", schema.id),
            None => text.to_owned(),
        };
        let (path, sub) = match path::parse_patch_path(&text, self.leniency) {
            Ok(PatchPath::Attribute(path)) => (path, None),
            Ok(PatchPath::Value { path, sub, .. }) => (path, sub),
            Err(_) => return,
        };
        match path::resolve(&path, self.resource_type, self.leniency) {
            Ok(Resolved::Attribute(at)) => self.at_attribute(&at, sub.as_deref(), value),
            Ok(Resolved::Extension(schema)) => {
                if let Value::Object(object) = value {
                    self.object(Some(&schema), object);
                }
            }
            Ok(Resolved::Core) => {
                if let Value::Object(object) = value {
                    self.object(None, object);
                }
            }
            // The verb will say what is wrong with it.
            Err(_) => {}
        }
    }

    fn at_attribute(&mut self, at: &AttributeRef, sub: Option<&str>, value: &mut Value) {
        let sub = at.sub_attribute.as_ref().or_else(|| at.attribute.sub_attribute(sub?));
        match sub {
            Some(sub) => self.part(&at.attribute, sub, value),
            None => self.value(&at.attribute, value),
        }
    }

    fn value(&mut self, attribute: &Attribute, value: &mut Value) {
        match value {
            Value::Array(elements) => {
                elements.iter_mut().for_each(|element| self.value(attribute, element));
            }
            Value::Object(parts) => {
                for (name, part) in parts {
                    if let Some(sub) = attribute.sub_attribute(name) {
                        self.part(attribute, sub, part);
                    }
                }
            }
            Value::String(text) if is_reference(attribute) => {
                (self.visit)(Slot { text, is_uri: true });
            }
            // Some clients write the `value` of a complex attribute alone.
            Value::String(text) if has_reference(attribute) => {
                (self.visit)(Slot { text, is_uri: false });
            }
            _ => {}
        }
    }

    fn part(&mut self, attribute: &Attribute, sub: &Attribute, value: &mut Value) {
        match value {
            Value::String(text) if sub.name == "value" && has_reference(attribute) => {
                (self.visit)(Slot { text, is_uri: false });
            }
            value => self.value(sub, value),
        }
    }
}

/// Whether a value is the URI of a resource of this server.
fn is_reference(attribute: &Attribute) -> bool {
    let names_a_type =
        |kind: &String| !["external", "uri"].iter().any(|other| kind.eq_ignore_ascii_case(other));
    attribute.attribute_type == AttributeType::Reference
        && attribute.reference_types.iter().any(names_a_type)
}

/// Whether its `value` is the id of a resource.
fn has_reference(attribute: &Attribute) -> bool {
    attribute.sub_attribute("$ref").is_some_and(|sub| is_reference(sub))
}
