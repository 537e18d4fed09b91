//! What the OpenAPI document says beside what poem-openapi knows: that absent values are
//! `null`, what every operation may be refused with, and examples.

use serde_json::{Map, Value, json};

use crate::http::openapi;

/// A body of each operation that takes one, by `operationId`.
const EXAMPLES: &str = include_str!("examples.json");

/// The document with all of it, given what poem-openapi makes of the code.
pub(super) fn complete(document: &str) -> String {
    let mut document = openapi::read(document);
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    schemas.into_iter().flatten().for_each(|(_, schema)| allow_null(schema));
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flatten();
    let operations = operations.filter_map(|(_, path)| path.as_object_mut()).flatten();
    for (_, operation) in operations {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let example = examples.get(id).cloned();
        if operation.get("requestBody").is_some() {
            tell_refusals(operation);
        }
        let content = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
        for (_, content) in content.into_iter().flatten() {
            if let (Some(content), Some(example)) = (content.as_object_mut(), &example) {
                content.insert("example".to_owned(), example.clone());
            }
        }
    }
    openapi::write(&document)
}

/// What an object need not have is `null` in answers, and may be in requests.
fn allow_null(schema: &mut Value) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let Some(property) = property.as_object_mut() else { continue };
        // What has a default is there.
        if required.contains(name) || property.contains_key("default") {
            continue;
        }
        // Beside a reference nothing counts (OpenAPI 3.0.0).
        if let Some(reference) = property.shift_remove("$ref") {
            property.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
        }
        property.insert("nullable".to_owned(), Value::Bool(true));
    }
}

/// How a body can be refused before it is looked at.
fn tell_refusals(operation: &mut Value) {
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    let problem = json!({
        "application/json; charset=utf-8": { "schema": { "$ref": "#/components/schemas/Problem" } },
    });
    for (status, description) in
        [("413", "The body is larger than 2 MiB."), ("415", "The body is not `application/json`.")]
    {
        let response = json!({ "description": description, "content": problem });
        responses.insert(status.to_owned(), response);
    }
}
