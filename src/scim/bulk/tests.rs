use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::scim::{dialect::Dialect, schema::Registry, urn};

fn parse_as(dialect: Dialect, operations: Value) -> BulkRequest {
    let body = json!({ "schemas": [urn::BULK_REQUEST], "Operations": operations });
    let Value::Object(body) = body else { unreachable!() };
    BulkRequest::parse(body, &Registry::builtin(), dialect.leniency()).unwrap()
}

fn parse(operations: Value) -> BulkRequest {
    parse_as(Dialect::Generic, operations)
}

fn user(name: &str, manager: Option<&str>) -> Value {
    let mut data = json!({ "userName": name });
    if let Some(manager) = manager {
        data[urn::ENTERPRISE_USER] = json!({ "manager": { "value": format!("bulkId:{manager}") } });
    }
    json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data })
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it })).collect();
    let data = json!({ "displayName": name, "members": members });
    json!({ "method": "POST", "path": "/Groups", "bulkId": name, "data": data })
}

fn change(method: &str, path: &str) -> Value {
    json!({ "method": method, "path": path, "data": {} })
}

/// The error of the one operation.
fn refused(dialect: Dialect, operation: Value) -> Option<String> {
    let request = parse_as(dialect, json!([operation]));
    request.operations[0].as_ref().err().map(|refused| refused.error.to_string())
}

#[test]
fn an_operation_has_a_method_and_a_path_below_the_base() {
    let patch = json!({ "schemas": [urn::PATCH_OP], "Operations": [] });
    let ask = |method: &str, path: &str| json!({ "method": method, "path": path, "bulkId": "x", "data": patch });
    for (method, path) in [
        ("POST", "/Users"), // R411, R413
        ("PUT", "/Users/1"),
        ("PATCH", "/Groups/bulkId:a"), // R428
        ("DELETE", "/Groups/bulkId:a/b"),
    ] {
        assert_eq!(refused(Dialect::Strict, ask(method, path)), None, "{method} {path}");
    }
    for (method, path, named) in [
        ("GET", "/Users/1", "`method`"), // R411
        ("post", "/Users", "`method`"),
        ("POST", "/Users/1", "`path`"), // R413
        ("POST", "/", "`path`"),
        ("PUT", "/Users", "`path`"),
        ("PUT", "/Users/", "`path`"),
        ("DELETE", "https://evil.example/Users/1", "`path`"), // A51
        ("DELETE", "//evil.example/Users/1", "`path`"),
        ("DELETE", "/t/other/scim/v2/Users/1", "`path`"),
        ("POST", "/Bulk", "`path`"),
        ("PATCH", "/Me", "`path`"),
        ("POST", "/.search", "`path`"),
        ("POST", "/Users/.search", "`path`"),
        ("DELETE", "/Users/../Groups/1", "`path`"),
        ("DELETE", "/Users/1%2F..%2F2", "`path`"),
        ("DELETE", "/Users/1?x=y", "`path`"),
    ] {
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let refused = refused(dialect, ask(method, path)).unwrap_or_default();
            assert!(refused.contains(named), "{method} {path}: {refused}");
        }
    }
    assert_eq!(refused(Dialect::Generic, ask("POST", "users/")), None);
    assert!(refused(Dialect::Strict, ask("POST", "/users")).is_some());
}

#[test]
fn an_operation_without_what_it_needs_is_refused() {
    let long = "x".repeat(MAX_BULK_ID + 1);
    for (operation, named) in [
        (json!(1), "object"),
        (json!({ "path": "/Users", "bulkId": "a", "data": {} }), "`method`"), // R411
        (json!({ "method": "POST", "bulkId": "a", "data": {} }), "`path`"),
        (json!({ "method": "POST", "path": "/Users", "data": {} }), "`bulkId`"), // R412
        (json!({ "method": "POST", "path": "/Users", "bulkId": "", "data": {} }), "`bulkId`"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": long, "data": {} }), "`bulkId`"), // A52
        (json!({ "method": "POST", "path": "/Users", "bulkId": "a" }), "`data`"), // R414
        (json!({ "method": "PUT", "path": "/Users/1" }), "`data`"),
        (json!({ "method": "PATCH", "path": "/Users/1", "data": "x" }), "`data`"),
        (json!({ "method": "DELETE", "path": "/Users/1", "version": 3 }), "`version`"),
    ] {
        let refused = refused(Dialect::Generic, operation).unwrap();
        assert!(refused.contains(named), "{refused}");
    }
    let twice = parse(json!([user("a", None), user("a", None)]));
    assert!(twice.operations[0].is_ok());
    let refused = twice.operations[1].as_ref().unwrap_err();
    assert!(refused.error.to_string().contains("`bulkId`"), "{refused:?}"); // R412, A52
}

#[test]
fn the_message_says_what_it_is() {
    let registry = Registry::builtin();
    for (body, keyword) in [
        (json!({ "Operations": [] }), "invalidSyntax"), // R410
        (json!({ "schemas": [urn::PATCH_OP], "Operations": [] }), "invalidSyntax"),
        (json!({ "schemas": [urn::BULK_REQUEST] }), "invalidSyntax"),
        (
            json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": 0, "Operations": [] }),
            "invalidValue",
        ), // R420, A54
        (
            json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": -1, "Operations": [] }),
            "invalidValue",
        ),
        (
            json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": 1.5, "Operations": [] }),
            "invalidValue",
        ),
        (
            json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": "1", "Operations": [] }),
            "invalidValue",
        ),
    ] {
        let Value::Object(body) = body else { unreachable!() };
        let refused = BulkRequest::parse(body, &registry, Dialect::Generic.leniency()).unwrap_err();
        assert_eq!(refused.scim_type().unwrap().as_str(), keyword, "{refused}");
    }
    let many = json!({
        "schemas": [urn::BULK_REQUEST],
        "failOnErrors": 1_u64 << 40, // A54
        "Operations": vec![json!({}); MAX_OPERATIONS + 1],
    });
    let Value::Object(mut many) = many else { unreachable!() };
    let refused = BulkRequest::parse(many.clone(), &registry, Dialect::Generic.leniency());
    let refused = refused.unwrap_err();
    assert_eq!(refused.status(), 413); // R433
    assert!(refused.to_string().contains("`maxOperations`, which is 1000"), "{refused}");
    many["Operations"].as_array_mut().unwrap().pop();
    assert!(BulkRequest::parse(many, &registry, Dialect::Generic.leniency()).is_ok());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn only_values_of_references_are_references() {
    let id = ResourceId::new(Uuid::from_u128(7));
    let find = |name: &str| (name == "x").then(|| (id, format!("/Users/{id}")));
    let patch = |operations: Value| json!({ "schemas": [urn::PATCH_OP], "Operations": operations });
    let x = "bulkId:x";
    for (method, path, data, expected) in [
        // R427
        (
            "POST",
            "/Groups",
            json!({ "members": [{ "value": x }] }),
            json!({ "members": [{ "value": id.to_string() }] }),
        ),
        (
            "POST",
            "/Groups",
            json!({ "Members": [{ "VALUE": x }] }),
            json!({ "Members": [{ "VALUE": id.to_string() }] }),
        ),
        ("POST", "/Groups", json!({ "members": [x] }), json!({ "members": [id.to_string()] })),
        (
            "PUT",
            "/Groups/1",
            json!({ "members": [{ "$ref": "../Users/bulkId:x" }] }),
            json!({ "members": [{ "$ref": format!("/Users/{id}") }] }),
        ),
        (
            "POST",
            "/Users",
            json!({ urn::ENTERPRISE_USER: { "manager": { "value": x } } }),
            json!({ urn::ENTERPRISE_USER: { "manager": { "value": id.to_string() } } }),
        ),
        (
            "POST",
            "/Users",
            json!({ urn::ENTERPRISE_USER: { "manager": x } }),
            json!({ urn::ENTERPRISE_USER: { "manager": id.to_string() } }),
        ),
        (
            "PATCH",
            "/Groups/1",
            patch(json!([{ "op": "add", "path": "members", "value": [{ "value": x }] }])),
            patch(
                json!([{ "op": "add", "path": "members", "value": [{ "value": id.to_string() }] }]),
            ),
        ),
        (
            "PATCH",
            "/Groups/1",
            patch(json!([{ "op": "add", "value": { "members": [{ "value": x }] } }])),
            patch(json!([{ "op": "add", "value": { "members": [{ "value": id.to_string() }] } }])),
        ),
        (
            "PATCH",
            "/Users/1",
            patch(
                json!([{ "op": "add", "path": format!("{}:manager.value", urn::ENTERPRISE_USER), "value": x }]),
            ),
            patch(
                json!([{ "op": "add", "path": format!("{}:manager.value", urn::ENTERPRISE_USER), "value": id.to_string() }]),
            ),
        ),
        // R430
        (
            "POST",
            "/Users",
            json!({ "displayName": x, "emails": [{ "value": x }], "nickName": x }),
            json!({ "displayName": x, "emails": [{ "value": x }], "nickName": x }),
        ),
        (
            "POST",
            "/Groups",
            json!({ "displayName": x, "members": [{ "value": "1", "display": x }] }),
            json!({ "displayName": x, "members": [{ "value": "1", "display": x }] }),
        ),
        // A52
        (
            "POST",
            "/Groups",
            json!({ "members": [{ "value": "bulkId:bulkId:x" }] }),
            json!({ "members": [{ "value": "bulkId:bulkId:x" }] }),
        ),
    ] {
        let asked = json!([{ "method": method, "path": path, "bulkId": "y", "data": data }]);
        let request = parse(asked);
        let operation = request.operations[0].as_ref().unwrap();
        let resolved = operation.resolved(Dialect::Generic.leniency(), &find);
        assert_eq!(Value::Object(resolved), expected);
        let needs: Vec<&str> = operation.needs().collect();
        let named = data.to_string().contains("bulkId:bulkId");
        let changed = data != expected;
        assert_eq!(
            needs,
            if named {
                vec!["bulkId:x"]
            } else if changed {
                vec!["x"]
            } else {
                vec![]
            }
        );
    }
}

#[test]
fn what_refers_to_a_circle_can_be_left_out() {
    let request = parse(json!([{
        "method": "POST", "path": "/Groups", "bulkId": "a",
        "data": { "displayName": "a", "members": [{ "value": "bulkId:b" }, { "value": "1" }] },
    }, {
        "method": "POST", "path": "/Users", "bulkId": "b",
        "data": { "userName": "b", urn::ENTERPRISE_USER: {
            "department": "x", "manager": { "value": "bulkId:b" },
        } },
    }]));
    let left = |place: usize| {
        let operation = request.operations[place].as_ref().unwrap();
        Value::Object(operation.without(Dialect::Generic.leniency(), &|name| name == "b").data)
    };

    assert_eq!(left(0), json!({ "displayName": "a", "members": [{ "value": "1" }] }));
    assert_eq!(left(1), json!({ "userName": "b", urn::ENTERPRISE_USER: { "department": "x" } }));
}

#[test]
fn what_is_referred_to_comes_first_and_the_rest_keeps_its_order() {
    // In order as long as nothing refers ahead.
    check_plan(
        json!([user("a", None), change("DELETE", "/Users/1"), user("b", Some("a"))]),
        "0 1 2",
    );
    check_plan(json!([group("g", &["bulkId:u"]), user("u", None)]), "1 0"); // R427
    check_plan(json!([user("a", Some("b")), user("b", Some("c")), user("c", None)]), "2 1 0");
    check_plan(
        json!([change("PATCH", "/Users/bulkId:a"), change("DELETE", "/Groups/1"), user("a", None)]),
        "1 2 0",
    ); // R428
    // R432: a name is taken after it was given up, a resource is changed before it goes.
    check_plan(
        json!([group("g", &["bulkId:u"]), change("DELETE", "/Users/1"), user("u", None)]),
        "1 2 0",
    );
    check_plan(
        json!([group("g", &["bulkId:u", "1"]), change("DELETE", "/Users/1"), user("u", None)]),
        "2 0 1",
    );
    check_plan(
        json!([
            { "method": "PATCH", "path": "/Groups/1", "data": {
                "Operations": [{ "op": "add", "path": "members", "value": [{ "value": "bulkId:g" }] }],
            } },
            change("DELETE", "/Groups/1"),
            group("g", &[]),
        ]),
        "2 0 1",
    );
    // R431
    check_plan(json!([group("a", &["bulkId:b"]), group("b", &["bulkId:a"])]), "0+1");
    check_plan(json!([user("x", None), user("a", Some("b")), user("b", Some("a"))]), "0 1+2");
    check_plan(json!([user("a", Some("a"))]), "0");
    check_plan(json!([user("a", Some("nobody")), 1]), "0 1");
}

#[test]
fn long_chains_and_circles_take_no_time() {
    let name = |place: usize| format!("u{place}");
    let links = |last: Option<&str>| -> Value {
        (0..MAX_OPERATIONS)
            .map(|place| {
                let next = name(place + 1);
                let is_last = place + 1 == MAX_OPERATIONS;
                user(&name(place), if is_last { last } else { Some(&next) })
            })
            .collect()
    };
    for (operations, units) in [(links(None), MAX_OPERATIONS), (links(Some("u0")), 1)] {
        let request = parse(operations);
        let begun = Instant::now();
        assert_eq!(plan(&request.operations).len(), units);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed()); // A52
    }
}

#[track_caller]
fn check_plan(operations: Value, expected: &str) {
    let request = parse(operations);
    let units = plan(&request.operations)
        .into_iter()
        .map(|unit| unit.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"));
    assert_eq!(units.collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn a_result_has_what_the_rfc_shows() {
    let request = parse(json!([user("qwerty", None), { "method": "GET", "path": "/Users/1" }]));
    let [created, wrong] = request.operations.as_slice() else { unreachable!() };
    let done = Done {
        status: 201,
        location: Some("https://example.com/v2/Users/92b725cd".to_owned()),
        version: Some("W/\"1\"".to_owned()),
        error: None,
    };

    assert_eq!(
        Value::Object(result(created, &done)),
        json!({
            "location": "https://example.com/v2/Users/92b725cd",
            "method": "POST",
            "bulkId": "qwerty",
            "version": "W/\"1\"",
            "status": "201",
        })
    ); // R423, R424
    let error = &wrong.as_ref().unwrap_err().error;
    assert_eq!(
        Value::Object(result(wrong, &Done::from(error))),
        json!({
            "method": "GET",
            "status": "400",
            "response": {
                "schemas": [urn::ERROR],
                "scimType": "invalidSyntax",
                "detail": "`method` must be POST, PUT, PATCH or DELETE",
                "status": "400",
            },
        })
    ); // R426
    let read: Done = serde_json::from_value(serde_json::to_value(&done).unwrap()).unwrap();
    assert_eq!(read, done);
}
