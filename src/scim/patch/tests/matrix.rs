//! Verbs against kinds of attributes (RFC 7644 §3.5.2.1 to §3.5.2.3).

use super::*;

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
fn without_a_path_each_attribute_is_an_operation() {
    let before =
        || json!({ "name": { "familyName": "F" }, "title": "T", "emails": [{ "value": "w" }] });
    let value =
        json!({ "name": { "givenName": "G" }, "nickName": "N", "emails": [{ "value": "x" }] });
    let after = |emails: Value| {
        json!({
            "name": { "familyName": "F", "givenName": "G" }, "nickName": "N", "title": "T",
            "emails": emails,
        })
    };
    check(
        before(),
        json!([{ "op": "add", "value": value }]),
        after(json!([{ "value": "w" }, { "value": "x" }])),
    ); // R355
    check(before(), json!([{ "op": "replace", "value": value }]), after(json!([{ "value": "x" }]))); // R388
    check(
        json!({ "title": "T" }),
        op("replace", urn::USER, json!({ "nickName": "N" })),
        json!({ "nickName": "N", "title": "T" }),
    );
}

#[test]
fn a_single_element_is_added() {
    for element in [json!({ "value": "x" }), json!([{ "value": "x" }])] {
        check(
            json!({ "emails": [{ "value": "w" }] }),
            op("add", "emails", element.clone()),
            json!({ "emails": [{ "value": "w" }, { "value": "x" }] }),
        ); // R365
        check(
            json!({}),
            json!([{ "op": "add", "value": { "emails": element } }]),
            json!({ "emails": [{ "value": "x" }] }),
        ); // R365
    }
}

#[test]
fn an_element_that_is_there_is_not_added() {
    let emails = || json!({ "emails": [{ "value": "w", "type": "work", "display": "D" }] });
    for element in [
        json!({ "display": "D", "type": "work", "value": "w" }),
        json!({ "value": "w", "type": "work", "display": "D", "primary": false }), // R27
        json!({ "value": "w", "type": "work" }),
        json!({ "value": "w", "type": "work", "display": null }),
    ] {
        check(emails(), op("add", "emails", json!([element])), emails()); // R366
    }
    check(
        emails(),
        op("add", "emails", json!([{ "value": "w", "type": "home" }])),
        json!({ "emails": [
            { "value": "w", "type": "work", "display": "D" }, { "value": "w", "type": "home" },
        ] }),
    ); // R30
    for nothing in [json!(null), json!([]), json!([null]), json!([{}]), json!([{ "value": null }])]
    {
        check(emails(), op("add", "emails", nothing), emails()); // R372
    }
}

#[test]
fn every_match_changes_and_the_next_operation_sees_it() {
    let email = |value: &str, kind: &str| json!({ "value": value, "type": kind });
    let before =
        || json!({ "emails": [email("a", "work"), email("b", "work"), email("c", "home")] });
    check(
        before(),
        op("replace", "emails[type eq \"WORK\"].type", json!("other")),
        json!({ "emails": [email("a", "other"), email("b", "other"), email("c", "home")] }),
    ); // R395
    check(
        before(),
        json!([
            { "op": "replace", "path": "emails[value eq \"a\"].type", "value": "home" },
            { "op": "replace", "path": "emails[type eq \"home\"].display", "value": "H" },
            { "op": "remove", "path": "emails[not (display pr)]" },
        ]),
        json!({ "emails": [
            { "value": "a", "display": "H", "type": "home" },
            { "value": "c", "display": "H", "type": "home" },
        ] }),
    ); // R340, R368, R378
    check(
        before(),
        op(
            "replace",
            "urn:ietf:params:scim:schemas:core:2.0:USER:Emails[Type EQ \"home\"].VALUE",
            json!("d"),
        ),
        json!({ "emails": [email("a", "work"), email("b", "work"), email("d", "home")] }),
    ); // R338
    check(before(), remove("emails[value pr]"), json!({})); // R378
    check(
        json!({ "emails": [{ "display": "D" }] }),
        remove("emails[display eq \"d\"].display"),
        json!({}),
    ); // R379
}

#[test]
fn a_password_is_neither_set_nor_kept() {
    check(json!({}), op("replace", "password", json!("secret")), json!({}));
    check(json!({}), remove("password"), json!({})); // R386
}
