//! What directories send beside the RFC, and what it means.

use super::*;

#[test]
fn deviations_of_directories_are_read_as_meant() {
    check_tolerated(
        json!({}),
        op("Add", "emails[type eq \"work\"].value", json!("n")),
        "noTarget",
        json!({ "emails": [{ "type": "work", "value": "n" }] }),
    ); // R369
    check_tolerated(
        json!({}),
        json!([
            { "op": "Replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "S" },
            { "op": "Replace", "path": "addresses[type eq \"work\"].locality", "value": "L" },
        ]),
        "noTarget",
        json!({ "addresses": [{ "streetAddress": "S", "locality": "L", "type": "work" }] }),
    ); // R396
    check_tolerated(
        json!({}),
        json!([
            { "op": "add", "path": "roles[primary eq \"True\"].type", "value": "T" },
            { "op": "add", "path": "roles[primary eq \"True\"].display", "value": "D" },
            { "op": "add", "path": "roles[primary eq \"True\"].value", "value": "V" },
        ]),
        "invalidFilter",
        json!({ "roles": [{ "value": "V", "display": "D", "type": "T", "primary": true }] }),
    );
    check_tolerated(
        json!({}),
        json!([{ "op": "replace", "value": { "displayName": "B", "name.givenName": "K", DEPARTMENT: "D" } }]),
        "invalidPath",
        json!({ "name": { "givenName": "K" }, "displayName": "B", urn::ENTERPRISE_USER: { "department": "D" } }),
    ); // R357
}

#[test]
fn a_manager_is_read_in_every_form() {
    let enterprise = |inner: Value| json!({ urn::ENTERPRISE_USER: inner });
    check_tolerated(
        json!({}),
        op("Add", "manager", json!([{ "$ref": "Users/m", "value": "m" }])),
        "invalidPath",
        enterprise(json!({ "manager": { "value": "m", "$ref": "Users/m" } })),
    );
    check_tolerated(
        json!({}),
        op("Add", MANAGER, json!("m")),
        "invalidValue",
        enterprise(json!({ "manager": { "value": "m" } })),
    );
    let managed = enterprise(json!({ "manager": { "value": "m" } }));
    check_tolerated(managed.clone(), op("replace", MANAGER, json!("")), "invalidValue", json!({}));
    check_in(Dialect::Entra, &managed, op("replace", MANAGER, json!({ "value": "" })), json!({}));
}

#[test]
fn what_means_nothing_elsewhere_is_overlooked() {
    let emails =
        json!({ "emails": [{ "value": "w", "type": "work" }, { "value": "h", "type": "home" }] });
    check_tolerated(
        emails.clone(),
        op("remove", "emails", json!([{ "value": "W" }])),
        "invalidSyntax",
        json!({ "emails": [{ "value": "h", "type": "home" }] }),
    );
    check_tolerated(
        emails.clone(),
        op("remove", "emails[type eq \"work\"].value", json!("w")),
        "invalidSyntax",
        json!({ "emails": [{ "value": "h", "type": "home" }] }),
    );
    check_tolerated(
        emails,
        op("replace", "emails[type eq \"none\"].value", json!("")),
        "noTarget",
        json!({ "emails": [{ "value": "w", "type": "work" }, { "value": "h", "type": "home" }] }),
    );
    check_in(
        Dialect::Entra,
        &json!({ "title": "T" }),
        op("replace", "title", json!("")),
        json!({}),
    );
    check_tolerated(json!({}), op("replace", "shoe", json!(1)), "invalidPath", json!({})); // R336
    check_tolerated(
        json!({}),
        json!([{ "op": "add", "value": { "shoe": 1, "title": "T" } }]),
        "invalidPath",
        json!({ "title": "T" }),
    ); // R370
    check_tolerated(
        json!({}),
        json!([{ "op": "replace", "value": { "id": "x", "schemas": [], "title": "T" } }]),
        "mutability",
        json!({ "title": "T" }),
    );
    check_tolerated(
        json!({}),
        json!([{ "op": "add", "path": "", "value": { "title": "T" } }]),
        "invalidPath",
        json!({ "title": "T" }),
    );
}

#[test]
fn booleans_may_be_text_only_where_tolerated() {
    let before = document("/Users", json!({}));
    for operations in [
        op("Replace", "active", json!("False")),
        json!([{ "op": "Replace", "value": { "active": "False" } }]),
    ] {
        let patched = patch(Dialect::Entra, "/Users", &before, operations.clone()).unwrap();
        assert!(!patched.document.active()); // R400
        check_refused(&[Dialect::Strict], json!({}), operations, "invalidValue");
    }
    check_refused(&Dialect::ALL, json!({}), op("replace", "active", json!("no")), "invalidValue");
}

#[test]
fn taking_active_away_enables_nobody() {
    for dialect in Dialect::ALL {
        for was in [true, false] {
            let before = document("/Users", json!({ "active": was }));
            for operations in [remove("active"), op("replace", "active", json!(null))] {
                let patched = patch(dialect, "/Users", &before, operations).unwrap();
                assert!(!patched.document.attributes().contains_key("active")); // R374
                assert!(!patched.document.active());
            }
        }
    }
}
