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

#[test]
fn matrix_of_single_valued_attributes() {
    let title = || json!({ "title": "A" });
    for verb in ["add", "replace", "Add", "REPLACE"] {
        check(json!({}), op(verb, "title", json!("B")), json!({ "title": "B" })); // R332, R358, R389
        check(title(), op(verb, "TITLE", json!("B")), json!({ "title": "B" })); // R359
        check(title(), op(verb, "title", json!("A")), title()); // R360
        check(
            title(),
            op(verb, "urn:ietf:params:scim:schemas:core:2.0:User:title", json!("B")),
            json!({ "title": "B" }),
        ); // R338
    }
    check(title(), remove("title"), json!({})); // R374
    check(json!({}), remove("title"), json!({})); // R375
    check(title(), op("replace", "title", json!(null)), json!({})); // R392
    check(title(), op("add", "title", json!(null)), title()); // R372
}

#[test]
fn matrix_of_complex_attributes() {
    let name = || json!({ "name": { "familyName": "F", "givenName": "G" } });
    for verb in ["add", "replace"] {
        check(
            json!({}),
            op(verb, "name", json!({ "givenName": "G" })),
            json!({ "name": { "givenName": "G" } }),
        );
        check(
            name(),
            op(verb, "name", json!({ "givenName": "H" })),
            json!({ "name": { "familyName": "F", "givenName": "H" } }),
        ); // R362, R390
        check(
            json!({}),
            op(verb, "name.givenName", json!("G")),
            json!({ "name": { "givenName": "G" } }),
        ); // R363
    }
    check(
        name(),
        op("replace", "name", json!({ "familyName": null, "givenName": "K" })),
        json!({ "name": { "givenName": "K" } }),
    );
    check(name(), op("replace", "name", json!(null)), json!({}));
    check(name(), op("add", "name", json!(null)), name());
    check(name(), remove("name"), json!({}));
    check(name(), remove("name.givenName"), json!({ "name": { "familyName": "F" } })); // R376
    check(json!({ "name": { "givenName": "G" } }), remove("name.givenName"), json!({}));
}

#[test]
fn matrix_of_multi_valued_attributes() {
    let emails = || json!({ "emails": [{ "value": "w", "type": "work" }, { "value": "h", "type": "home" }] });
    let one = |value: &str, kind: &str| json!({ "value": value, "type": kind });
    check(
        emails(),
        op("add", "emails", json!([one("x", "other")])),
        json!({ "emails": [one("w", "work"), one("h", "home"), one("x", "other")] }),
    ); // R364
    check(emails(), op("add", "emails", json!([{ "type": "work", "value": "w" }])), emails()); // R366
    check(emails(), op("add", "emails", json!([])), emails());
    check(
        emails(),
        op("replace", "emails", json!([one("x", "work")])),
        json!({ "emails": [one("x", "work")] }),
    ); // R391
    check(emails(), op("replace", "emails", json!([])), json!({}));
    check(emails(), remove("emails"), json!({})); // R377
    check(emails(), remove("emails[type eq \"work\"]"), json!({ "emails": [one("h", "home")] })); // R378
    check(emails(), remove("emails[type eq \"none\"]"), emails()); // R381
    check(
        emails(),
        remove("emails[type eq \"work\"].type"),
        json!({ "emails": [{ "value": "w" }, one("h", "home")] }),
    ); // R379
    check(
        emails(),
        op("add", "emails[type eq \"work\"]", json!({ "display": "D" })),
        json!({ "emails": [{ "value": "w", "type": "work", "display": "D" }, one("h", "home")] }),
    ); // R368
    check(
        emails(),
        op("replace", "emails[type eq \"work\"]", json!({ "value": "n" })),
        json!({ "emails": [{ "value": "n" }, one("h", "home")] }),
    ); // R393, R394
    check(
        emails(),
        op("replace", "emails[value pr].display", json!("D")),
        json!({ "emails": [{ "value": "w", "type": "work", "display": "D" }, { "value": "h", "type": "home", "display": "D" }] }),
    ); // R395
    check(
        emails(),
        op("replace", "emails[type eq \"home\"]", one("w", "work")),
        json!({ "emails": [one("w", "work")] }),
    ); // R397
    check_refused(&Dialect::ALL, emails(), op("add", "emails.type", json!("x")), "invalidPath"); // R367
    check_refused(&Dialect::ALL, emails(), remove("emails.type"), "invalidPath");
}

#[test]
fn matrix_of_extensions() {
    let extended = |inner: Value| json!({ urn::ENTERPRISE_USER: inner });
    for verb in ["add", "replace"] {
        check(json!({}), op(verb, DEPARTMENT, json!("D")), extended(json!({ "department": "D" }))); // R346, R371
        check(
            extended(json!({ "division": "V" })),
            op(verb, urn::ENTERPRISE_USER, json!({ "department": "D" })),
            extended(json!({ "department": "D", "division": "V" })),
        ); // R339
        check(
            extended(json!({ "division": "V" })),
            json!([{ "op": verb, "value": extended(json!({ "department": "D" })) }]),
            extended(json!({ "department": "D", "division": "V" })),
        ); // R401
    }
    check(extended(json!({ "division": "V" })), remove(urn::ENTERPRISE_USER), json!({})); // R385
    check(
        extended(json!({ "division": "V" })),
        op("replace", urn::ENTERPRISE_USER, json!({ "division": null })),
        json!({}),
    );
    let stale = extended(json!({ "manager": { "value": "1", "$ref": "Users/1" } }));
    check(
        stale,
        op("replace", MANAGER, json!({ "value": "2" })),
        extended(json!({ "manager": { "value": "2" } })),
    );
}

#[test]
fn what_cannot_change_is_refused() {
    for path in [
        "id",
        "meta",
        "meta.version",
        "groups",
        "groups[value eq \"g\"]",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
    ] {
        for verb in ["add", "replace", "remove"] {
            check_refused(&Dialect::ALL, json!({}), op(verb, path, json!("x")), "mutability"); // R342, R383
        }
    }
    check_refused(&Dialect::ALL, json!({}), remove("userName"), "mutability"); // R382
    check_refused(&Dialect::ALL, json!({}), remove("schemas"), "mutability");
    for blank in [json!(null), json!(""), json!(" ")] {
        check_refused(&Dialect::ALL, json!({}), op("replace", "userName", blank), "invalidValue");
    }
    check(json!({}), op("add", "schemas", json!([urn::ENTERPRISE_USER])), json!({}));
}

#[test]
fn malformed_operations_are_refused() {
    check_refused(&Dialect::ALL, json!({}), json!([{ "op": "remove" }]), "noTarget"); // R373
    check_refused(
        &Dialect::ALL,
        json!({}),
        json!([{ "op": "add", "path": "title" }]),
        "invalidValue",
    ); // R354
    check_refused(
        &Dialect::ALL,
        json!({}),
        json!([{ "op": "replace", "path": "title" }]),
        "invalidValue",
    ); // R387
    check_refused(&Dialect::ALL, json!({}), json!([{ "op": "add", "value": "x" }]), "invalidValue"); // R356
    for op in [json!("move"), json!(5), json!(null)] {
        check_refused(
            &Dialect::ALL,
            json!({}),
            json!([{ "op": op, "path": "title", "value": "x" }]),
            "invalidSyntax",
        ); // R331
    }
}

#[test]
fn malformed_paths_and_values_are_refused() {
    for path in [
        "emails[0]",
        "/emails/0",
        "a.b.c.d",
        "../meta",
        "$",
        "__proto__",
        "emails[broken!!!filter",
        "emails[type eq \"x\"] or 1 eq 1]",
    ] {
        check_refused(
            &Dialect::ALL,
            json!({}),
            op("replace", path, json!({ "x": 1 })),
            "invalidPath",
        ); // R334
    }
    check_refused(
        &Dialect::ALL,
        json!({}),
        json!([{ "op": "add", "path": 5, "value": 1 }]),
        "invalidPath",
    ); // R337
    check_refused(
        &Dialect::ALL,
        json!({}),
        op("replace", "emails[type zz \"x\"].value", json!("x")),
        "invalidFilter",
    ); // R333
    check_refused(
        &Dialect::ALL,
        json!({}),
        op("replace", "title", json!({ "a": 1 })),
        "invalidValue",
    ); // R351
    check_refused(
        &Dialect::ALL,
        json!({}),
        op("add", "emails", json!([{ "value": "x" }, true])),
        "invalidValue",
    );
    let many: Vec<_> = (0..1001).map(|_| json!({ "op": "remove", "path": "title" })).collect();
    check_refused(&Dialect::ALL, json!({}), json!(many), "invalidValue"); // R352
}

#[test]
fn operations_see_each_other_and_fail_together() {
    check(
        json!({}),
        json!([
            { "op": "add", "path": "emails", "value": [{ "value": "w", "type": "work" }] },
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x" },
            { "op": "remove", "path": "title" },
        ]),
        json!({ "emails": [{ "value": "x", "type": "work" }] }),
    ); // R340
    let failing = json!([{ "op": "add", "path": "title", "value": "T" }, { "op": "remove", "path": "userName" }]);
    check_refused(&Dialect::ALL, json!({}), failing, "mutability"); // R341
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

/// The user's mail addresses `from..to`.
fn addresses(range: std::ops::Range<usize>) -> Vec<Value> {
    range.map(|number| json!({ "value": format!("{number}@x.example") })).collect()
}

#[track_caller]
fn check_stopped(before: &Document, operations: Vec<Value>, scim_type: &str) {
    let body = map(json!({ "schemas": [urn::PATCH_OP], "Operations": operations }));
    let (user, strict) = (resource_type("/Users"), Dialect::Strict.leniency());
    let begun = std::time::Instant::now();
    let ended = PatchOp::parse(body, &user, strict)
        .and_then(|patch| apply(&user, before, &patch, strict).map(drop));
    let took = begun.elapsed();
    assert_eq!(ended.unwrap_err().scim_type().unwrap().as_str(), scim_type);
    assert!(took < std::time::Duration::from_secs(3), "{took:?}");
}

#[test]
fn the_work_of_one_request_is_bounded() {
    let empty = document("/Users", json!({}));
    let full = document("/Users", json!({ "emails": addresses(0..1000) }));
    let many = |operation: Value| vec![operation; 1000];
    let add = |range| json!({ "op": "add", "path": "emails", "value": addresses(range) });

    check_stopped(&empty, many(add(0..1000)), "tooMany");
    check_stopped(&empty, vec![add(0..1000), add(1000..2000)], "invalidValue");
    check_stopped(&full, many(add(0..1)), "tooMany");
    let filter = r#"emails[value co "a" and value co "b"]"#;
    let select = json!({ "op": "remove", "path": filter });
    check_stopped(&full, many(select), "tooMany");
}

#[test]
fn a_list_of_everything_removes_everything() {
    let full = document("/Users", json!({ "emails": addresses(0..1000) }));
    let all = op("remove", "emails", Value::Array(addresses(0..1000)));
    let patched = patch(Dialect::Generic, "/Users", &full, all).unwrap();
    assert_eq!(patched.document, document("/Users", json!({})));
}

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
fn the_envelope_is_strict_only_if_the_dialect_is() {
    let before = document("/Users", json!({}));
    let set = json!([{ "op": "add", "path": "title", "value": "T" }]);
    let schemas = json!([urn::PATCH_OP]);
    for body in [
        json!({ "Operations": set }),                    // R329
        json!({ "schemas": schemas, "Operations": [] }), // R330
        json!({ "schemas": schemas, "id": "x", "Operations": set }),
        json!({ "schemas": schemas, "Operations": [{ "name": "n", "op": "add", "path": "title", "value": "T" }] }),
    ] {
        assert!(patch_body(Dialect::Entra, "/Users", &before, body.clone()).is_ok(), "{body}");
        let refused = patch_body(Dialect::Strict, "/Users", &before, body.clone());
        assert!(matches!(refused, Err(ScimError::InvalidSyntax(_))), "{body}");
    }
    for body in [json!({ "schemas": schemas }), json!({ "schemas": schemas, "Operations": "x" })] {
        let refused = patch_body(Dialect::Entra, "/Users", &before, body.clone());
        assert!(matches!(refused, Err(ScimError::InvalidSyntax(_))), "{body}");
    }
    let lower = json!({ "SCHEMAS": schemas, "operations": set });
    assert!(patch_body(Dialect::Strict, "/Users", &before, lower).is_ok());
}

fn member(value: &str) -> Member {
    Member { value: value.to_owned(), display: None }
}

#[track_caller]
fn check_members(dialect: Dialect, operations: Value, expected: Vec<MemberChange>) {
    let before = document("/Groups", json!({}));
    let patched = patch(dialect, "/Groups", &before, operations).unwrap();
    assert_eq!(patched.members, expected);
    assert_eq!(patched.document, before, "the document has no members");
}

#[test]
fn members_change_beside_the_document() {
    for dialect in [Dialect::Strict, Dialect::Okta] {
        let list = json!([{ "value": "1" }, { "value": "2" }, { "value": "1" }]);
        let both = || vec![member("1"), member("2")];
        check_members(dialect, op("add", "members", list.clone()), vec![MemberChange::Add(both())]);
        check_members(
            dialect,
            op("replace", "members", list.clone()),
            vec![MemberChange::Replace(both())],
        );
        check_members(
            dialect,
            json!([{ "op": "add", "value": { "members": list } }]),
            vec![MemberChange::Add(both())],
        );
        check_members(dialect, op("add", "members", json!([])), vec![]);
        check_members(
            dialect,
            op("replace", "members", json!([])),
            vec![MemberChange::Replace(vec![])],
        );
        check_members(dialect, remove("members"), vec![MemberChange::Replace(vec![])]);
        check_members(
            dialect,
            op("remove", "members", json!(null)),
            vec![MemberChange::Replace(vec![])],
        );
        check_members(
            dialect,
            remove("members[value eq \"1\"]"),
            vec![MemberChange::Remove(vec!["1".to_owned()])],
        ); // R380
        check_members(
            dialect,
            json!([{ "op": "remove", "path": "members[value eq \"2\"]" }, { "op": "add", "path": "members", "value": [{ "value": "1" }] }]),
            vec![MemberChange::Remove(vec!["2".to_owned()]), MemberChange::Add(vec![member("1")])],
        );
    }
    let before = document("/Groups", json!({}));
    let some =
        patch(Dialect::Strict, "/Groups", &before, remove("members[type eq \"User\"]")).unwrap();
    assert!(matches!(some.members.as_slice(), [MemberChange::RemoveWhere(_)]));
}

/// By the letter of the RFC the first would empty the group.
#[test]
fn a_remove_with_a_list_removes_those_alone() {
    let listed = op("Remove", "members", json!([{ "$ref": null, "value": "1" }]));
    check_members(Dialect::Entra, listed.clone(), vec![MemberChange::Remove(vec!["1".to_owned()])]); // R384
    check_members(Dialect::Entra, op("remove", "members", json!([])), vec![]);
    check_group_refused(&[Dialect::Strict], listed, "invalidSyntax");
    check_group_refused(
        &[Dialect::Entra],
        op("remove", "members", json!([{ "display": "x" }])),
        "invalidValue",
    );
}

#[track_caller]
fn check_group_refused(dialects: &[Dialect], operations: Value, scim_type: &str) {
    let before = document("/Groups", json!({}));
    for dialect in dialects {
        let refused = patch(*dialect, "/Groups", &before, operations.clone()).unwrap_err();
        assert_eq!(refused.scim_type().unwrap().as_str(), scim_type, "{refused}");
    }
}

#[test]
fn members_that_say_nothing_or_would_change_are_refused() {
    check_group_refused(
        &Dialect::ALL,
        op("add", "members", json!([{ "value": "1" }, {}])),
        "invalidValue",
    );
    check_group_refused(&[Dialect::Strict], op("add", "members", json!("1")), "invalidValue");
    check_group_refused(
        &[Dialect::Strict],
        op("add", "members", json!([{ "$ref": null, "value": "1" }])),
        "invalidValue",
    );
    check_group_refused(
        &Dialect::ALL,
        op("replace", "members[value eq \"1\"].value", json!("2")),
        "mutability",
    ); // R398
    check_group_refused(
        &Dialect::ALL,
        op("replace", "members[value eq \"1\"]", json!({ "value": "2" })),
        "mutability",
    ); // R114
    check_group_refused(
        &[Dialect::Strict],
        op("replace", "members[value eq \"1\"].display", json!("x")),
        "mutability",
    );
    check_group_refused(&Dialect::ALL, remove("displayName"), "mutability");
    check_members(
        Dialect::Entra,
        op("add", "members", json!("1")),
        vec![MemberChange::Add(vec![member("1")])],
    );
    check_members(
        Dialect::Entra,
        op("replace", "members[value eq \"1\"].display", json!("x")),
        vec![],
    );
}

#[test]
fn a_group_is_renamed_with_its_id_in_the_value() {
    let before = document("/Groups", json!({}));
    for operations in [
        json!([{ "op": "replace", "value": { "id": "x", "displayName": "B" } }]),
        op("Replace", "displayName", json!([{ "$ref": null, "value": "B" }])),
    ] {
        let patched = patch(Dialect::Okta, "/Groups", &before, operations).unwrap();
        assert_eq!(patched.document.display_name(), Some("B"));
    }
    let same = json!([{ "op": "replace", "value": { "id": "x", "displayName": "a" } }]);
    assert_eq!(patch(Dialect::Okta, "/Groups", &before, same).unwrap().document, before); // R350
}

fn operations() -> impl Strategy<Value = Value> {
    let verb = prop_oneof!["add", "replace", "remove"];
    let path = prop_oneof![
        Just("title"),
        Just("emails"),
        Just("emails[type eq \"work\"]"),
        Just("emails[type eq \"work\"].value"),
        Just("emails[primary eq true].display"),
        Just("name"),
        Just("name.givenName"),
        Just("active"),
        Just("department"),
        Just("roles"),
        Just(urn::ENTERPRISE_USER),
        Just("unknown"),
    ];
    let value = prop_oneof![
        "[a-z]{0,3}".prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        Just(json!([])),
        Just(json!([{ "value": "v", "type": "work", "primary": true }])),
        Just(json!({ "value": "v", "primary": "True" })),
        Just(json!({ "givenName": "x", "familyName": null })),
        Just(json!({ "department": "d" })),
    ];
    let operation = (verb, path, value)
        .prop_map(|(verb, path, value)| json!({ "op": verb, "path": path, "value": value }));
    prop::collection::vec(operation, 1..5).prop_map(Value::Array)
}

proptest! {
    #[test]
    fn a_patched_document_is_valid(body in bodies(), operations in operations()) {
        let users = resource_type("/Users");
        let leniency = Dialect::Generic.leniency();
        let before = validate(&users, map(body), None, leniency).unwrap().document;

        if let Ok(patched) = patch(Dialect::Generic, "/Users", &before, operations) {
            let after = patched.document;
            let text: Map<String, Value> = serde_json::from_str(&after.to_json(&users)).unwrap();
            let again = validate(&users, text, Some(&after), Dialect::Strict.leniency()).unwrap();
            let mut expected = after.attributes().clone();
            expected.entry("active").or_insert(Value::Bool(true));
            prop_assert_eq!(again.document.attributes(), &expected); // R349
        }
    }
}
