//! Resource types in their JSON form (RFC 7643 §6).

use serde_json::{Value, json};

use super::{
    SchemaError,
    read::Place,
    rules::{Limits, is_name},
};

/// What a tenant says of a resource type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDefinition {
    /// Name, such as `Device`.
    pub name: String,
    /// Path relative to the SCIM base, such as `/Devices`.
    pub endpoint: String,
    /// What it is for, for people.
    pub description: String,
    /// URN of the base schema.
    pub schema: String,
    /// URNs of the extensions, and whether each is required.
    pub extensions: Vec<(String, bool)>,
}

const MEMBERS: [&str; 8] =
    ["schemas", "id", "name", "description", "endpoint", "schema", "schemaExtensions", "meta"];

const NAME: &str =
    "expected a letter, then letters, digits, `-`, `_` or `$`, at most 64 bytes in all";

impl TypeDefinition {
    /// Reads a resource type from JSON.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] that names the place and the rule it breaks.
    pub fn read(value: &Value) -> Result<Self, SchemaError> {
        let place = Place::new(value, "resourceType", "", &MEMBERS)?;
        let given = |member: &str| {
            let text = place.text(member)?;
            text.ok_or_else(|| place.fault(member, "is missing (RFC 7643 §6)"))
        };
        let name = given("name")?;
        if !is_name(&name) || 64 < name.len() {
            return Err(place.fault("name", NAME));
        }
        if place.text("id")?.is_some_and(|id| id != name) {
            return Err(place.fault("id", "is the name, or left out"));
        }
        let endpoint = given("endpoint")?;
        if !endpoint.strip_prefix('/').is_some_and(|path| is_name(path) && path.len() <= 64) {
            return Err(
                place.fault("endpoint", "expected a slash and one name, such as `/Devices`")
            );
        }
        let list = place.list("schemaExtensions")?;
        if Limits::EXTENSIONS < list.len() {
            let rule = format!("a resource type has at most {} extensions", Limits::EXTENSIONS);
            return Err(place.fault("schemaExtensions", &rule));
        }
        let extensions = list.iter().enumerate().map(|(index, value)| {
            let at = format!("schemaExtensions[{index}]");
            let place = Place::new(value, &at, &at, &["schema", "required"])?;
            let urn = place.text("schema")?;
            let urn =
                urn.ok_or_else(|| place.fault("schema", "is missing: the URN of a schema"))?;
            Ok((urn, place.flag("required")?))
        });
        Ok(Self {
            name,
            endpoint,
            description: place.text("description")?.unwrap_or_default(),
            schema: given("schema")?,
            extensions: extensions.collect::<Result<_, _>>()?,
        })
    }

    /// The form of RFC 7643 §6, without `schemas` and `meta`.
    pub fn to_value(&self) -> Value {
        let extension =
            |(schema, required): &(String, bool)| json!({ "schema": schema, "required": required });
        json!({
            "id": self.name,
            "name": self.name,
            "description": self.description,
            "endpoint": self.endpoint,
            "schema": self.schema,
            "schemaExtensions": self.extensions.iter().map(extension).collect::<Vec<_>>(),
        })
    }
}
