mod custom;
mod intake;
mod shown;
mod values;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    Document, Facts, Incoming, Member, Precondition, Projection, ResourceId, Version, changes,
    render, represent, validate,
};
use crate::scim::{
    ScimError,
    dialect::Dialect,
    path::{self, Resolved},
    schema::{Registry, ResourceType},
    urn,
};

pub(in crate::scim) use custom::gadget;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn resource_type(endpoint: &str) -> Arc<ResourceType> {
    Arc::clone(Registry::builtin().by_endpoint(endpoint).unwrap())
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn read(dialect: Dialect, endpoint: &str, body: Value) -> Result<Incoming, ScimError> {
    validate(&resource_type(endpoint), map(body), None, dialect.leniency())
}

/// A body for the strict dialect: `schemas` and `userName` are added.
fn user(more: Value) -> Value {
    let mut body = map(json!({ "schemas": [urn::USER, urn::ENTERPRISE_USER], "userName": "a" }));
    body.extend(map(more));
    Value::Object(body)
}

fn stored(endpoint: &str, incoming: &Incoming) -> Value {
    let text = incoming.document.to_json(&resource_type(endpoint));
    serde_json::from_str(&text).unwrap()
}

/// The attributes that `body` adds to a user, in both dialects.
#[track_caller]
fn check_kept(body: Value, expected: Value) {
    check_read(Dialect::Strict, body.clone(), expected.clone());
    check_read(Dialect::Generic, body, expected);
}

#[track_caller]
fn check_read(dialect: Dialect, body: Value, expected: Value) {
    let incoming = read(dialect, "/Users", user(body)).unwrap();
    let mut value = map(stored("/Users", &incoming));
    value.retain(|name, _| !["schemas", "userName", "active"].contains(&name.as_str()));
    assert_eq!(Value::Object(value), expected);
}

/// Strict refuses `body` with `invalidValue`, a tolerant dialect keeps `expected`.
#[track_caller]
fn check_tolerated(body: Value, expected: Value) {
    let refused = read(Dialect::Strict, "/Users", user(body.clone()));
    assert!(matches!(refused, Err(ScimError::InvalidValue(_))), "{refused:?}");
    check_read(Dialect::Generic, body, expected);
}

/// Both dialects refuse `body` with `invalidValue`, naming `at`.
#[track_caller]
fn check_refused(body: Value, at: &str) {
    for dialect in [Dialect::Strict, Dialect::Generic] {
        match read(dialect, "/Users", user(body.clone())) {
            Err(ScimError::InvalidValue(detail)) => assert!(detail.contains(at), "{detail}"),
            other => panic!("{other:?}"),
        }
    }
}

fn facts() -> Facts<'static> {
    Facts {
        id: ResourceId::parse(ID).unwrap(),
        resource_type: "User",
        location: "https://h/Users/1",
        version: Version(2),
        created_us: 0,
        modified_us: 1_000_000,
    }
}

/// Bodies of users, some with deviations.
pub(in crate::scim) fn bodies() -> impl Strategy<Value = Value> {
    let text = || "[a-zA-Z ]{0,6}";
    let email = (text(), prop::option::of(prop_oneof!["work", "home"]), any::<Option<bool>>())
        .prop_map(
            |(value, kind, primary)| json!({ "value": value, "type": kind, "primary": primary }),
        );
    let emails = prop::collection::vec(email, 0..4);
    ("[a-z]{1,8}", emails, text(), any::<Option<bool>>(), text(), text()).prop_map(
        |(user_name, emails, title, active, given, department)| {
            json!({
                "userName": user_name, "emails": emails, "title": title, "active": active, "unknown": 1,
                "name": { "givenName": given }, "department": department,
            })
        },
    )
}
