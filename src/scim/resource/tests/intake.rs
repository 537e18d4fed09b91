//! Whole bodies: their schemas, what is tolerated, members.

use super::*;

#[test]
fn deviations_are_read_as_meant() {
    check_tolerated(json!({ "title": 7 }), json!({ "title": "7" }));
    check_tolerated(json!({ "title": ["x"] }), json!({ "title": "x" }));
    check_tolerated(json!({ "title": [{ "$ref": null, "value": "x" }] }), json!({ "title": "x" }));
    check_tolerated(json!({ "emails": { "value": "x" } }), json!({ "emails": [{ "value": "x" }] })); // R25
    check_tolerated(json!({ "emails": ["x"] }), json!({ "emails": [{ "value": "x" }] }));
    check_tolerated(json!({ "email": "x" }), json!({ "emails": [{ "value": "x" }] }));
    check_tolerated(json!({ "shoe": 1 }), json!({})); // R57
    check_tolerated(json!({ "name": { "shoe": 1 } }), json!({}));
    check_tolerated(json!({ "__proto__": { "x": 1 } }), json!({}));
    check_tolerated(
        json!({ "department": "D" }),
        json!({ urn::ENTERPRISE_USER: { "department": "D" } }),
    );
    check_tolerated(
        json!({ "urn:scim:schemas:extension:enterprise:1.0": { "department": "D" } }),
        json!({ urn::ENTERPRISE_USER: { "department": "D" } }),
    );
    check_tolerated(json!({ urn::USER: { "title": "T" } }), json!({ "title": "T" }));
    check_tolerated(
        json!({ urn::ENTERPRISE_USER: { "manager": "m" } }), // R126
        json!({ urn::ENTERPRISE_USER: { "manager": { "value": "m" } } }),
    );
    check_tolerated(
        json!({ "roles": [{ "value": "r", "displayName": "R", "primary": "True" }] }),
        json!({ "roles": [{ "value": "r", "display": "R", "primary": true }] }),
    );
    check_tolerated(
        json!({ "emails": [{ "value": "x", "primary": true }, { "value": "y", "primary": true }] }), // R26
        json!({ "emails": [{ "value": "x", "primary": true }, { "value": "y", "primary": false }] }),
    );
    check_read(
        Dialect::Generic,
        json!({ "title": "", "emails": [{ "type": "work", "value": "" }] }),
        json!({}),
    );
    check_read(Dialect::Strict, json!({ "title": "" }), json!({ "title": "" })); // R34
}

#[test]
fn what_was_overlooked_is_named() {
    let body = user(json!({ "shoe": 1, "name": { "size": 2 }, "title": "T" }));

    let incoming = read(Dialect::Generic, "/Users", body).unwrap();

    let told: Vec<String> = incoming.ignored.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["unknown: name.size", "unknown: shoe"]);
}

#[test]
fn an_attribute_by_its_own_name_wins_over_an_alias() {
    for body in [
        json!({ "department": "alias", urn::ENTERPRISE_USER: { "department": "D" } }),
        json!({ urn::ENTERPRISE_USER: { "department": "D" }, "department": "alias" }),
    ] {
        let expected = json!({ urn::ENTERPRISE_USER: { "department": "D" } });
        check_read(Dialect::Entra, body, expected);
    }
}

#[test]
fn schemas_are_checked_if_strict() {
    for (schemas, error) in [
        (json!(null), "invalidSyntax"),
        (json!("x"), "invalidSyntax"),
        (json!([]), "invalidSyntax"),                  // R53
        (json!([urn::GROUP]), "invalidValue"),         // R50, Q29
        (json!([urn::USER, "urn:x"]), "invalidValue"), // R50
        (json!([urn::USER]), "invalidValue"),          // R56
    ] {
        let body = json!({ "schemas": schemas, "userName": "a", urn::ENTERPRISE_USER: { "department": "D" } });
        let refused = read(Dialect::Strict, "/Users", body.clone()).unwrap_err();
        assert_eq!(refused.scim_type().unwrap().as_str(), error, "{schemas}");
        let incoming = read(Dialect::Okta, "/Users", body).unwrap();
        assert_eq!(
            stored("/Users", &incoming)["schemas"],
            json!([urn::USER, urn::ENTERPRISE_USER])
        );
    }
    let plain = read(Dialect::Strict, "/Users", user(json!({}))).unwrap();
    assert_eq!(stored("/Users", &plain)["schemas"], json!([urn::USER])); // R55
}

/// `value` says who is meant; the rest must fit where the RFCs are kept to the letter.
#[test]
fn a_member_that_contradicts_itself_is_noticed() {
    #[track_caller]
    fn check(kind: Option<&str>, reference: Option<&str>, wrong: Option<&'static str>) {
        let member = Member {
            kind: kind.map(str::to_owned),
            reference: reference.map(str::to_owned),
            ..Member::new("u1")
        };
        assert_eq!(member.false_claim("User", "/Users"), wrong, "{kind:?} {reference:?}");
    }

    // R116
    check(None, None, None);
    check(Some("user"), Some("https://h/v2/Users/u1"), None);
    check(None, Some("Users/u1/"), None);
    check(None, Some("../users/u1"), None);
    check(None, Some("u1"), None);
    check(Some("Group"), None, Some("members.type"));
    check(Some("User"), Some("https://h/v2/Users/u2"), Some("members.$ref"));
    check(None, Some("https://h/v2/Groups/u1"), Some("members.$ref"));
}

#[test]
fn members_are_read_apart_from_the_document() {
    let group = |dialect, members: Value| {
        let body = json!({ "schemas": [urn::GROUP], "displayName": "G", "members": members });
        read(dialect, "/Groups", body).map(|incoming| {
            assert!(!incoming.document.attributes().contains_key("members"));
            incoming.members
        })
    };
    let member = |value: &str, display: Option<&str>| Member {
        display: display.map(str::to_owned),
        ..Member::new(value)
    };
    let by_address = Member {
        kind: Some("User".to_owned()),
        reference: Some("https://h/v2/Users/u".to_owned()),
        ..Member::new("u")
    };

    for (members, expected) in [
        (json!(null), None),
        (json!([]), Some(vec![])),
        (
            json!([{ "value": "u" }, { "value": "u", "display": "U" }]),
            Some(vec![member("u", Some("U"))]),
        ), // R119
        (json!([{ "$ref": "https://h/v2/Users/u", "type": "User" }]), Some(vec![by_address])), // R116
    ] {
        for dialect in [Dialect::Strict, Dialect::Entra] {
            assert_eq!(group(dialect, members.clone()).unwrap(), expected, "{members}");
        }
    }
    for (members, expected) in [
        (json!("u"), vec![member("u", None)]),
        (json!(["u"]), vec![member("u", None)]),
        (json!({ "value": "u", "displayName": "U" }), vec![member("u", Some("U"))]),
        (json!([{ "$ref": null, "value": "u" }]), vec![member("u", None)]),
    ] {
        assert_eq!(group(Dialect::Entra, members.clone()).unwrap(), Some(expected), "{members}");
        assert!(matches!(group(Dialect::Strict, members), Err(ScimError::InvalidValue(_))));
    }
    for members in
        [json!([{}]), json!([{ "value": "" }]), json!([null]), json!([{ "display": "x" }])]
    {
        assert!(matches!(group(Dialect::Entra, members), Err(ScimError::InvalidValue(_))));
    }
}
