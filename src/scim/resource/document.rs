//! The attributes of a resource that a client gave.

use serde_json::{Map, Value};

use crate::scim::{
    path::AttributeRef,
    schema::{AttributeType, ResourceType},
};

/// Attributes under their canonical names, in the order of the schema, those of
/// an extension in an object under its URN.
///
/// It never holds `schemas`, `id`, `meta`, `members`, `groups` or `password`,
/// nor `null`, `[]` or `{}`. Two documents are equal if they hold the same.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    attributes: Map<String, Value>,
}

/// Stored text that is not the text of a [`Document`].
#[derive(Debug, thiserror::Error)]
#[error("a stored document is not a JSON object")]
pub struct CorruptDocument(#[from] serde_json::Error);

impl Document {
    /// Reads what [`Document::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// [`CorruptDocument`] if the text is not a JSON object.
    pub fn from_json(text: &str) -> Result<Self, CorruptDocument> {
        let mut attributes: Map<String, Value> = serde_json::from_str(text)?;
        attributes.shift_remove("schemas");
        Ok(Self { attributes })
    }

    /// JSON with `schemas` in front, which names the base schema and the
    /// extensions that have a value (RFC 7643 §3).
    pub fn to_json(&self, resource_type: &ResourceType) -> String {
        let mut object = Map::with_capacity(self.attributes.len() + 1);
        object.insert("schemas".to_owned(), self.schemas(resource_type).into());
        object.extend(self.attributes.iter().map(|(name, value)| (name.clone(), value.clone())));
        Value::Object(object).to_string()
    }

    /// URNs of the base schema and of the extensions that have a value.
    pub fn schemas(&self, resource_type: &ResourceType) -> Vec<String> {
        let extensions = resource_type.extensions.iter().map(|extension| &extension.schema.id);
        let present = extensions.filter(|urn| self.attributes.contains_key(&***urn));
        std::iter::once(&resource_type.schema.id)
            .chain(present)
            .map(|urn| urn.to_string())
            .collect()
    }

    /// The attributes.
    pub fn attributes(&self) -> &Map<String, Value> {
        &self.attributes
    }

    /// The value at `at`; of a multi-valued attribute without sub-attribute, the
    /// array. Sub-attributes of elements are had by [`Document::values`].
    pub fn get(&self, at: &AttributeRef) -> Option<&Value> {
        let value = self.whole(at)?;
        match &at.sub_attribute {
            None => Some(value),
            Some(sub) => value.as_object()?.get(&sub.name),
        }
    }

    /// The values at `at`, each with the number of its element.
    pub fn values(&self, at: &AttributeRef) -> Vec<(usize, &Value)> {
        let elements = match self.whole(at) {
            None => return Vec::new(),
            Some(Value::Array(elements)) => elements.as_slice(),
            Some(single) => std::slice::from_ref(single),
        };
        let leaf = |element| match &at.sub_attribute {
            None => Some(element),
            Some(sub) => Value::get(element, &sub.name),
        };
        let numbered = elements.iter().enumerate();
        numbered.filter_map(|(number, element)| Some((number, leaf(element)?))).collect()
    }

    /// The value of the attribute that `at` names, or names a part of.
    fn whole(&self, at: &AttributeRef) -> Option<&Value> {
        let container = match &at.extension {
            None => &self.attributes,
            Some(urn) => self.attributes.get(&**urn)?.as_object()?,
        };
        container.get(&at.attribute.name)
    }

    /// Sets or unassigns the value at `at`; a container or parent that is left
    /// empty goes, one that is missing is made.
    pub(in crate::scim) fn set(&mut self, at: &AttributeRef, value: Option<Value>) {
        let name = &at.attribute.name;
        let set_in = |container: &mut Map<String, Value>| match &at.sub_attribute {
            None => put(container, name, value),
            Some(sub) => change_inside(container, name, |parent| put(parent, &sub.name, value)),
        };
        match &at.extension {
            None => set_in(&mut self.attributes),
            Some(urn) => change_inside(&mut self.attributes, urn, set_in),
        }
    }

    /// The user's name.
    pub fn user_name(&self) -> Option<&str> {
        self.text("userName")
    }

    /// The name to show.
    pub fn display_name(&self) -> Option<&str> {
        self.text("displayName")
    }

    /// The client's own key.
    pub fn external_id(&self) -> Option<&str> {
        self.text("externalId")
    }

    /// Whether the user may sign in: only if it is stated. A new user is, unless
    /// the client says otherwise; one from whom a PATCH took `active` away is not,
    /// so that taking it away never gives anybody access.
    pub fn active(&self) -> bool {
        self.attributes.get("active") == Some(&Value::Bool(true))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// The same attributes in the order of the schema.
    pub(in crate::scim) fn ordered(mut self, resource_type: &ResourceType) -> Self {
        let mut ordered = Self { attributes: Map::with_capacity(self.attributes.len()) };
        for at in resource_type.attributes() {
            if let Some(value) = self.take(&at) {
                ordered.insert_last(&at, order_parts(&at, value));
            }
        }
        ordered
    }

    /// Takes a value out; the order of what stays is lost.
    fn take(&mut self, at: &AttributeRef) -> Option<Value> {
        self.container_mut(at)?.swap_remove(&at.attribute.name)
    }

    /// Takes the elements of an attribute out; a single value is one. They are
    /// to be put back with [`Document::put_elements`].
    pub(in crate::scim) fn take_elements(&mut self, at: &AttributeRef) -> Vec<Value> {
        let container = self.container_mut(at);
        match container.and_then(|all| all.get_mut(&at.attribute.name)).map(Value::take) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(elements)) => elements,
            Some(single) => vec![single],
        }
    }

    /// Gives the attribute these elements, or the last if it is single-valued.
    pub(in crate::scim) fn put_elements(&mut self, at: &AttributeRef, mut elements: Vec<Value>) {
        let value = match at.attribute.multi_valued {
            true => (!elements.is_empty()).then_some(Value::Array(elements)),
            false => elements.pop(),
        };
        self.set(at, value);
    }

    /// What holds the attribute that `at` names.
    fn container_mut(&mut self, at: &AttributeRef) -> Option<&mut Map<String, Value>> {
        match &at.extension {
            None => Some(&mut self.attributes),
            Some(urn) => self.attributes.get_mut(&**urn)?.as_object_mut(),
        }
    }

    fn insert_last(&mut self, at: &AttributeRef, value: Value) {
        let container = match &at.extension {
            None => Some(&mut self.attributes),
            Some(urn) => self
                .attributes
                .entry(&**urn)
                .or_insert_with(|| Value::Object(Map::new()))
                .as_object_mut(),
        };
        if let Some(container) = container {
            container.insert(at.attribute.name.clone(), value);
        }
    }
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.shift_remove(name),
    };
}

/// Changes the object at `name`, in its place.
fn change_inside(
    object: &mut Map<String, Value>,
    name: &str,
    change: impl FnOnce(&mut Map<String, Value>),
) {
    let mut inner = match object.get_mut(name).map(Value::take) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    change(&mut inner);
    put(object, name, (!inner.is_empty()).then_some(Value::Object(inner)));
}

/// The value with sub-attributes in the order of the schema.
fn order_parts(at: &AttributeRef, value: Value) -> Value {
    if at.attribute.attribute_type != AttributeType::Complex {
        return value;
    }
    match value {
        Value::Array(elements) => {
            elements.into_iter().map(|element| order_parts(at, element)).collect()
        }
        Value::Object(mut parts) => {
            // What was read from a body is in order already.
            let mut subs = at.attribute.sub_attributes.iter();
            if parts.keys().all(|name| subs.any(|sub| sub.name == *name)) {
                return Value::Object(parts);
            }
            let subs = at.attribute.sub_attributes.iter();
            Value::Object(subs.filter_map(|sub| parts.swap_remove_entry(&sub.name)).collect())
        }
        other => other,
    }
}
