//! At most one element is primary (RFC 7644 §3.5.2).

use super::*;

#[test]
fn the_newest_primary_is_the_one() {
    let emails = || json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b" }] });
    check(
        emails(),
        op("add", "emails", json!([{ "value": "c", "primary": true }])),
        json!({ "emails": [{ "value": "a", "primary": false }, { "value": "b" }, { "value": "c", "primary": true }] }),
    ); // R344
    check(
        emails(),
        op("replace", "emails[value eq \"b\"].primary", json!(true)),
        json!({ "emails": [{ "value": "a", "primary": false }, { "value": "b", "primary": true }] }),
    );
    check_tolerated(
        json!({}),
        op(
            "add",
            "emails",
            json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]),
        ), // R345
        "invalidValue",
        json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": false }] }),
    );
}

#[test]
fn the_next_operation_sees_who_is_primary() {
    check(
        json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b" }] }),
        json!([
            { "op": "replace", "path": "emails[value eq \"b\"].primary", "value": true },
            { "op": "replace", "path": "emails[primary eq true].display", "value": "P" },
            { "op": "remove", "path": "emails[primary eq false]" },
        ]),
        json!({ "emails": [{ "value": "b", "display": "P", "primary": true }] }),
    ); // R344
}

#[test]
fn two_cannot_become_primary_at_once() {
    let emails = || json!({ "emails": [{ "value": "a" }, { "value": "b" }] });
    check_tolerated(
        emails(),
        op("replace", "emails[value pr].primary", json!(true)),
        "invalidValue",
        json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": false }] }),
    ); // R345
    check_tolerated(
        json!({}),
        op(
            "replace",
            "emails",
            json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]),
        ),
        "invalidValue",
        json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": false }] }),
    ); // R345
    // One that replaces two is one.
    check(
        emails(),
        op("replace", "emails[value pr]", json!({ "value": "c", "primary": true })),
        json!({ "emails": [{ "value": "c", "primary": true }] }),
    ); // R397
}
