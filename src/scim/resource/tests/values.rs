//! Values against the types and limits of their attributes.

use super::*;

#[test]
fn names_become_those_of_the_schema() {
    check_kept(json!({ "DISPLAYNAME": "A" }), json!({ "displayName": "A" })); // R1
    check_kept(json!({ "NAME": { "GivenName": "A" } }), json!({ "name": { "givenName": "A" } }));
    check_kept(
        json!({ urn::ENTERPRISE_USER.to_uppercase(): { "Department": "D" } }),
        json!({ urn::ENTERPRISE_USER: { "department": "D" } }),
    );
}

#[test]
fn null_and_empty_are_unassigned() {
    check_kept(json!({ "title": null, "emails": [], "name": {} }), json!({})); // R32
    check_kept(json!({ "name": { "givenName": null } }), json!({}));
    check_kept(json!({ "emails": [{ "value": null }, null] }), json!({})); // R35
    check_kept(json!({ urn::ENTERPRISE_USER: { "department": null } }), json!({}));
    check_kept(json!({ "nickNames": null }), json!({}));
}

#[test]
fn read_only_attributes_are_ignored() {
    check_kept(
        json!({ "id": "x", "meta": { "version": "y" }, "groups": [{ "value": "g" }] }), // R63, R70, R104
        json!({}),
    );
    let manager = json!({ "value": "m", "displayName": "Boss" });
    check_kept(
        json!({ urn::ENTERPRISE_USER: { "manager": manager } }), // R124
        json!({ urn::ENTERPRISE_USER: { "manager": { "value": "m" } } }),
    );
}

#[test]
fn values_have_the_type_of_their_attribute() {
    check_refused(json!({ "title": { "text": "x" } }), "title"); // R48
    check_refused(json!({ "title": true }), "title"); // R6
    check_refused(json!({ "active": "yes" }), "active");
    check_refused(json!({ "active": 1 }), "active");
    check_refused(json!({ "name": [1, 2] }), "name");
    check_refused(json!({ "emails": [["x"]] }), "emails");
    check_refused(json!({ "active": [] , "title": 7.5 }), "title");
    check_refused(json!({ "name": "B" }), "name");
    check_refused(json!({ "emails": [{ "value": { "x": 1 } }] }), "emails.value"); // R48
    check_refused(json!({ "emails": [{ "primary": "yes" }] }), "emails.primary"); // R8
    check_tolerated(json!({ "active": "False" }), json!({})); // R8
    check_refused(json!({ "x509Certificates": [{ "value": "%%%" }] }), "x509Certificates"); // R14
}

#[test]
fn values_are_free_and_kept_byte_for_byte() {
    let free = json!({
        "locale": "???", "timezone": "Mars", "preferredLanguage": "xx_YY", "userType": "Ünïcode 😀",
        "emails": [{ "value": "No Address At ALL", "type": "secondary" }],
        "phoneNumbers": [{ "value": "call (me) 01", "type": "hat" }],
        "ims": [{ "value": "Some One", "type": "Smoke" }],
        "photos": [{ "value": "https://127.0.0.1:1/never-fetched", "type": "Oil" }],
        "addresses": [{ "country": "United Kingdom", "type": "moon" }],
        "entitlements": [{ "value": "e", "type": "any" }],
        "roles": [{ "value": "Admin" }],
        urn::ENTERPRISE_USER: { "manager": { "value": "nobody" } },
    });
    check_kept(free.clone(), free); // R6, R7, R37, R87, R89, R90, R100, R102, R103, R109, R127
    let odd = json!({ "profileUrl": "no uri" });
    check_tolerated(odd.clone(), odd); // R15, R88
    let odd = json!({ "photos": [{ "value": "<x>" }] });
    check_tolerated(odd.clone(), odd); // R102
}

#[test]
fn a_certificate_is_one_certificate_if_strict() {
    // A sequence of an empty sequence, another, and a bit string, as DER.
    let one = json!({ "x509Certificates": [{ "value": "MAkwAgUAMAADAQA" }] });
    check_kept(one.clone(), one); // R110
    for value in ["AQI", "", "MAkwAgUAMAADAQAwCTACBQAwAAMBAA==", "bm90IGEgY2VydGlmaWNhdGU="] {
        let body = user(json!({ "x509Certificates": [{ "value": value }] }));
        let refused = read(Dialect::Strict, "/Users", body.clone());
        assert!(matches!(refused, Err(ScimError::InvalidValue(_))), "{value}"); // R110
        assert!(read(Dialect::Generic, "/Users", body).is_ok());
    }
}

#[test]
fn the_parts_of_a_name_are_optional_text() {
    let name = json!({ "name": {
        "formatted": "stale", "familyName": "f", "givenName": "g", "middleName": "m",
        "honorificPrefix": "p", "honorificSuffix": "s",
    } });
    check_kept(name.clone(), name); // R85, R86
    let enterprise = json!({ urn::ENTERPRISE_USER: {
        "employeeNumber": "1", "costCenter": "c", "organization": "o", "division": "v",
        "department": "d", "manager": { "value": "M", "$ref": "Users/M" },
    } });
    check_kept(enterprise.clone(), enterprise); // R54, R123, R124
}

#[test]
fn order_in_an_object_means_nothing() {
    let one = user(json!({ "name": { "givenName": "G", "familyName": "F" }, "title": "T",
        "emails": [{ "value": "x", "type": "work" }] }));
    let other = json!({ "emails": [{ "type": "work", "value": "x" }], "title": "T",
        "name": { "familyName": "F", "givenName": "G" }, "userName": "a",
        "schemas": [urn::ENTERPRISE_USER, urn::USER, urn::USER] });
    for dialect in [Dialect::Strict, Dialect::Generic] {
        let text = |body: &Value| {
            let document = read(dialect, "/Users", body.clone()).unwrap().document;
            document.to_json(&resource_type("/Users"))
        };
        assert_eq!(text(&one), text(&other)); // R20, R51, R52
    }
}

#[test]
fn one_element_is_primary() {
    let both =
        json!({ "emails": [{ "value": "x", "primary": true }, { "value": "y", "primary": true }] });
    check_tolerated(
        both,
        json!({ "emails": [{ "value": "x", "primary": true }, { "value": "y", "primary": false }] }),
    ); // R26
    let twice =
        json!({ "emails": [{ "value": "x", "primary": true }, { "value": "x", "primary": true }] });
    check_tolerated(twice, json!({ "emails": [{ "value": "x", "primary": true }] })); // R26, R29
}

#[test]
fn the_same_type_and_value_is_kept_once() {
    let work = |display: &str| json!({ "type": "work", "value": "x", "display": display });
    let home = json!({ "type": "home", "value": "x" });
    check_kept(
        json!({ "emails": [work("1"), home, work("2")] }), // R29, R30
        json!({ "emails": [work("2"), home] }),
    );
    let home = json!({ "value": "x", "type": "home" });
    let silent = json!({ "emails": [home, { "value": "x", "type": "home", "primary": false }] });
    check_kept(silent, json!({ "emails": [home] })); // R27
}

#[test]
fn required_attributes_are_demanded() {
    for name in [json!(null), json!(""), json!("  ")] {
        check_refused(json!({ "userName": name }), "userName"); // R82
    }
    let missing = read(Dialect::Generic, "/Groups", json!({ "displayName": "" }));
    assert!(
        matches!(missing, Err(ScimError::InvalidValue(detail)) if detail.contains("displayName"))
    ); // R112
}

#[test]
fn limits_are_named() {
    check_refused(json!({ "userName": "a".repeat(1025) }), "1024");
    check_refused(json!({ "userName": "İ".repeat(400) }), "1024");
    check_refused(json!({ "displayName": "a".repeat(1025) }), "1024");
    check_refused(json!({ "emails": [{ "value": "a".repeat(1025) }] }), "emails.value");
    check_refused(
        json!({ urn::ENTERPRISE_USER: { "manager": { "value": "a".repeat(1025) } } }),
        "manager.value",
    );
    check_refused(json!({ "title": "a".repeat(65537) }), "65536");
    let emails: Vec<_> = (0..1001).map(|n| json!({ "value": n.to_string() })).collect();
    check_refused(json!({ "emails": emails }), "1000");
    let role = json!({ "roles": [{ "value": "a".repeat(4000) }] });
    check_kept(role.clone(), role);
}

#[test]
fn a_password_is_checked_and_not_kept() {
    check_kept(json!({ "password": "secret" }), json!({})); // R94, R95
    check_tolerated(json!({ "password": "" }), json!({}));
    check_refused(json!({ "password": {} }), "password");
}

#[test]
fn active_is_true_unless_stated() {
    let active = |current: Option<bool>, dialect: Dialect, body: Value| {
        let current = current.map(|active| {
            let body = user(json!({ "active": active }));
            read(Dialect::Strict, "/Users", body).unwrap().document
        });
        let users = resource_type("/Users");
        let incoming = validate(&users, map(user(body)), current.as_ref(), dialect.leniency());
        incoming.unwrap().document.attributes()["active"].as_bool().unwrap()
    };

    assert!(active(None, Dialect::Strict, json!({}))); // R93
    assert!(active(Some(false), Dialect::Strict, json!({})));
    assert!(!active(Some(false), Dialect::Generic, json!({})));
    assert!(!active(Some(false), Dialect::Generic, json!({ "active": null })));
    assert!(active(Some(false), Dialect::Generic, json!({ "active": "TRUE" }))); // R8
}

#[test]
fn changed_attributes_are_named_by_their_paths() {
    let users = resource_type("/Users");
    let read = |body| read(Dialect::Strict, "/Users", user(body)).unwrap().document;
    let before = read(json!({ "name": { "givenName": "A" }, "title": "T" }));
    let after = read(json!({
        "name": { "givenName": "B" }, "title": "T", "active": false, urn::ENTERPRISE_USER: { "department": "D" }
    }));

    let department = format!("{}:department", urn::ENTERPRISE_USER);
    assert_eq!(changes(&users, &before, &after), ["name", "active", department.as_str()]);
    assert!(changes(&users, &before, &before).is_empty());
}
