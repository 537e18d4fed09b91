//! Requests that change nothing, and what they are told.

use super::*;

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
    let at = |path| json!([{ "op": "add", "path": path, "value": { "title": "T" } }]);
    check_refused(&[Dialect::Strict], json!({}), at(json!("")), "invalidPath"); // R337
    check_in(Dialect::Generic, &json!({}), at(json!("")), json!({ "title": "T" })); // Q43
    for dialect in Dialect::ALL {
        check_in(dialect, &json!({}), at(json!(null)), json!({ "title": "T" })); // Q43
    }
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

#[test]
fn an_attribute_that_no_schema_has_is_never_set() {
    for key in
        ["__proto__", "constructor", "shoe", "emailsX", "name.shoe", "meta.shoe", "urn:x:y:title"]
    {
        for operations in [
            op("add", key, json!("x")),
            op("replace", key, json!({ "title": "x" })),
            remove(key),
            json!([{ "op": "add", "value": { key: "x" } }]),
            json!([{ "op": "replace", "value": { key: "x" } }]),
        ] {
            let before = document("/Users", json!({ "title": "T" }));
            for dialect in Dialect::ALL {
                match patch(dialect, "/Users", &before, operations.clone()) {
                    // Tolerated, told, and without effect.
                    Ok(patched) => {
                        assert_ne!(dialect, Dialect::Strict, "{operations}"); // R336
                        assert_eq!(patched.document, before, "{operations}"); // R370
                        assert!(!patched.ignored.is_empty(), "{operations}");
                    }
                    Err(error) => {
                        let told = error.scim_type().unwrap().as_str();
                        assert!(["invalidPath", "mutability"].contains(&told), "{error}"); // R336, R370
                    }
                }
            }
        }
    }
}
