mod bounds;
mod custom;
mod matrix;
mod members;
mod primary;
mod property;
mod refused;
mod tolerated;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{MemberChange, PatchOp, Patched, apply};
use crate::scim::{
    ScimError,
    dialect::Dialect,
    resource::{Document, Member, tests::bodies, validate},
    schema::{Registry, ResourceType},
    urn,
};

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

fn resource_type(endpoint: &str) -> Arc<ResourceType> {
    Arc::clone(Registry::builtin().by_endpoint(endpoint).unwrap())
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A stored user or group with these attributes beside its name.
fn document(endpoint: &str, more: Value) -> Document {
    let name = if endpoint == "/Users" { "userName" } else { "displayName" };
    let mut body = map(json!({ name: "a" }));
    body.extend(map(more));
    let resource_type = resource_type(endpoint);
    validate(&resource_type, body, None, Dialect::Generic.leniency()).unwrap().document
}

fn patch_body(
    dialect: Dialect,
    endpoint: &str,
    before: &Document,
    body: Value,
) -> Result<Patched, ScimError> {
    let resource_type = resource_type(endpoint);
    let patch = PatchOp::parse(map(body), &resource_type, dialect.leniency())?;
    apply(&resource_type, before, &patch, dialect.leniency())
}

fn patch(
    dialect: Dialect,
    endpoint: &str,
    before: &Document,
    operations: Value,
) -> Result<Patched, ScimError> {
    let body = json!({ "schemas": [urn::PATCH_OP], "Operations": operations });
    patch_body(dialect, endpoint, before, body)
}

fn op(op: &str, path: &str, value: Value) -> Value {
    json!([{ "op": op, "path": path, "value": value }])
}

fn remove(path: &str) -> Value {
    json!([{ "op": "remove", "path": path }])
}

/// The user has `expected` afterwards, in that dialect.
#[track_caller]
fn check_in(dialect: Dialect, before: &Value, operations: Value, expected: Value) {
    let before = document("/Users", before.clone());
    let patched = patch(dialect, "/Users", &before, operations).unwrap();
    let mut after = patched.document.attributes().clone();
    after.retain(|name, _| name != "userName" && name != "active");
    assert_eq!(Value::Object(after), expected);
}

/// The user has `expected` afterwards, in every dialect.
#[track_caller]
fn check(before: Value, operations: Value, expected: Value) {
    for dialect in Dialect::ALL {
        check_in(dialect, &before, operations.clone(), expected.clone());
    }
}

#[track_caller]
fn check_refused(dialects: &[Dialect], before: Value, operations: Value, scim_type: &str) {
    let before = document("/Users", before);
    for dialect in dialects {
        let refused = patch(*dialect, "/Users", &before, operations.clone()).unwrap_err();
        assert_eq!(refused.scim_type().unwrap().as_str(), scim_type, "{refused} {operations}");
    }
}

/// Strict refuses, and the directory's dialect gives `expected`.
#[track_caller]
fn check_tolerated(before: Value, operations: Value, scim_type: &str, expected: Value) {
    check_refused(&[Dialect::Strict], before.clone(), operations.clone(), scim_type);
    check_in(Dialect::Entra, &before, operations, expected);
}
