//! What the server tells about itself (RFC 7643 §5 to §7, RFC 7644 §4).
//!
//! Every flag and limit here is what the server does; a client may act on it.

use serde_json::{Map, Value, json};

use crate::scim::{
    bulk,
    query::CURSOR_SECONDS,
    schema::{Registry, ResourceType, Schema},
    urn,
};

/// Limits that discovery tells clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most resources in one answer.
    pub max_results: u64,
    /// Resources in one answer if the request does not say.
    pub default_results: u64,
    /// Largest request body, in bytes.
    pub max_body_bytes: u64,
}

/// The service provider's configuration, RFC 7643 §5.
///
/// `base` is the tenant's SCIM base without a slash at its end; `events` are the
/// URIs of the events that are sent, if any receiver is set up for them.
pub fn service_provider_config(base: &str, limits: &Limits, events: Option<&[&str]>) -> Value {
    let mut config = json!({
        "schemas": [urn::SERVICE_PROVIDER_CONFIG],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": bulk::MAX_OPERATIONS,
            "maxPayloadSize": limits.max_body_bytes,
        },
        "filter": { "supported": true, "maxResults": limits.max_results },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits.default_results.min(limits.max_results),
            "maxPageSize": limits.max_results,
            "cursorTimeout": CURSOR_SECONDS,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token of the tenant in the Authorization header",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    });
    // RFC 9967 §4: absent means not supported, or not currently configured. A
    // tenant without a stream is the latter, and clients that are strict about
    // RFC 7643 and know no more can then read the rest.
    if let (Some(events), Some(members)) = (events, config.as_object_mut()) {
        let told = json!({ "asyncRequest": "request", "eventUris": events });
        members.insert("securityEvents".to_owned(), told);
    }
    config
}

/// Every resource type, RFC 7643 §6.
pub fn resource_types(registry: &Registry, base: &str) -> Vec<Value> {
    registry.resource_types().iter().map(|found| resource_type_value(found, base)).collect()
}

/// The resource type of that name; case counts unless `lenient`.
pub fn resource_type(registry: &Registry, base: &str, name: &str, lenient: bool) -> Option<Value> {
    let mut all = registry.resource_types().iter();
    let found = all.find(|resource_type| {
        resource_type.name == name || (lenient && resource_type.name.eq_ignore_ascii_case(name))
    });
    found.map(|found| resource_type_value(found, base))
}

/// Every schema, RFC 7643 §7.
pub fn schemas(registry: &Registry, base: &str) -> Vec<Value> {
    registry.schemas().iter().map(|schema| schema_value(schema, base)).collect()
}

/// The schema with that URN, without regard to case.
///
/// If `lenient`, the last part of the URN is enough (`User`, as some clients
/// ask): the first schema that has it is meant.
pub fn schema(registry: &Registry, base: &str, id: &str, lenient: bool) -> Option<Value> {
    let short = |schema: &Schema| {
        schema.id.rsplit(':').next().is_some_and(|last| last.eq_ignore_ascii_case(id))
    };
    if let Some(found) = registry.schema(id) {
        return Some(schema_value(found, base));
    }
    let all = registry.schemas();
    let found = all.iter().find(|schema| lenient && short(schema));
    found.map(|found| schema_value(found, base))
}

fn resource_type_value(resource_type: &ResourceType, base: &str) -> Value {
    let extensions: Vec<Value> = resource_type
        .extensions
        .iter()
        .map(|extension| json!({ "schema": &*extension.schema.id, "required": extension.required }))
        .collect();
    let mut value = json!({
        "schemas": [urn::RESOURCE_TYPE],
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": &*resource_type.schema.id,
    });
    if let Some(object) = value.as_object_mut() {
        if !extensions.is_empty() {
            object.insert("schemaExtensions".to_owned(), extensions.into());
        }
        let location = format!("{base}/ResourceTypes/{}", resource_type.name);
        object.insert(
            "meta".to_owned(),
            json!({ "resourceType": "ResourceType", "location": location }),
        );
    }
    value
}

fn schema_value(schema: &Schema, base: &str) -> Value {
    let mut object = Map::new();
    object.insert("schemas".to_owned(), json!([urn::SCHEMA]));
    if let Value::Object(members) = schema.to_value() {
        object.extend(members);
    }
    let location = format!("{base}/Schemas/{}", schema.id);
    object.insert("meta".to_owned(), json!({ "resourceType": "Schema", "location": location }));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Limits, resource_type, resource_types, schema, schemas, service_provider_config};
    use crate::scim::{schema::Registry, urn};

    const BASE: &str = "https://muster.example/t/acme/scim/v2";

    #[test]
    fn the_configuration_states_every_feature() {
        let limits = Limits { max_results: 200, default_results: 100, max_body_bytes: 1_000_000 };

        let config = service_provider_config(BASE, &limits, Some(&["urn:example:event"]));

        for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
            assert!(config[feature]["supported"].is_boolean(), "{feature}"); // R129
        }
        assert_eq!(config["pagination"]["maxPageSize"], 200); // R291
        assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken"); // R130
        check_declared(&config, urn::SERVICE_PROVIDER_CONFIG);
    }

    #[test]
    fn resource_types_name_schemas_that_exist() {
        let registry = Registry::builtin();

        let types = resource_types(&registry, BASE);

        assert_eq!(types.len(), 2);
        assert_eq!(
            types[0]["schemaExtensions"],
            json!([{ "schema": urn::ENTERPRISE_USER, "required": false }])
        );
        for value in &types {
            let urn = value["schema"].as_str().unwrap();
            assert!(schema(&registry, BASE, urn, false).is_some()); // R140
            check_declared(value, urn::RESOURCE_TYPE);
        }
        assert!(resource_type(&registry, BASE, "user", false).is_none());
        assert!(resource_type(&registry, BASE, "user", true).is_some());
    }

    #[test]
    fn schemas_are_found_by_urn_in_any_case() {
        let registry = Registry::builtin();

        for value in schemas(&registry, BASE) {
            let id = value["id"].as_str().unwrap();
            let found = schema(&registry, BASE, &id.to_uppercase(), false); // R133
            assert_eq!(found.as_ref(), Some(&value));
            assert_eq!(value["meta"]["location"], format!("{BASE}/Schemas/{id}"));
            assert!(!id.starts_with("urn:ietf:params:scim:api:")); // R146
            check_declared(&value, urn::SCHEMA);
        }
        assert!(schema(&registry, BASE, "User", false).is_none());
        assert_eq!(schema(&registry, BASE, "user", true).unwrap()["id"], urn::USER);
    }

    /// Everything in `value` is an attribute of its own schema.
    #[track_caller]
    fn check_declared(value: &Value, urn: &str) {
        let registry = Registry::builtin();
        let schema = registry.schema(urn).unwrap();
        for (name, inner) in value.as_object().unwrap() {
            if ["schemas", "id", "meta"].contains(&name.as_str()) {
                continue;
            }
            let attribute = schema.attribute(name).unwrap_or_else(|| panic!("{name}"));
            let elements = inner.as_array().cloned().unwrap_or_else(|| vec![inner.clone()]);
            for element in elements.iter().filter_map(Value::as_object) {
                for sub in element.keys() {
                    assert!(attribute.sub_attribute(sub).is_some(), "{name}.{sub}");
                }
            }
        }
    }
}
