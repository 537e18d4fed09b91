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
    check_refused(json!({ "x509Certificates": [{ "value": "%%%" }] }), "x509Certificates"); // R14
    check_kept(
        json!({ "x509Certificates": [{ "value": "AQI" }] }),
        json!({ "x509Certificates": [{ "value": "AQI" }] }),
    );
    let free = json!({ "locale": "???", "profileUrl": "no uri", "timezone": "Mars" });
    check_kept(free.clone(), free); // R89, R90
}

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

    assert_eq!(incoming.ignored, ["name.size", "shoe"]);
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
fn the_same_type_and_value_is_kept_once() {
    let work = |display: &str| json!({ "type": "work", "value": "x", "display": display });
    let home = json!({ "type": "home", "value": "x" });
    check_kept(
        json!({ "emails": [work("1"), home, work("2")] }), // R29, R30
        json!({ "emails": [work("2"), home] }),
    );
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
fn schemas_are_checked_if_strict() {
    for (schemas, error) in [
        (json!(null), "invalidSyntax"),
        (json!("x"), "invalidSyntax"),
        (json!([]), "invalidValue"), // R53
        (json!([urn::GROUP]), "invalidValue"),
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
fn members_are_read_apart_from_the_document() {
    let group = |dialect, members: Value| {
        let body = json!({ "schemas": [urn::GROUP], "displayName": "G", "members": members });
        read(dialect, "/Groups", body).map(|incoming| {
            assert!(!incoming.document.attributes().contains_key("members"));
            incoming.members
        })
    };
    let member = |value: &str, display: Option<&str>| Member {
        value: value.to_owned(),
        display: display.map(str::to_owned),
    };

    for (members, expected) in [
        (json!(null), None),
        (json!([]), Some(vec![])),
        (
            json!([{ "value": "u" }, { "value": "u", "display": "U" }]),
            Some(vec![member("u", Some("U"))]),
        ), // R119
        (
            json!([{ "$ref": "https://h/v2/Users/u", "type": "User" }]),
            Some(vec![member("u", None)]),
        ), // R116
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
        assert_eq!(group(Dialect::Okta, members.clone()).unwrap(), Some(expected), "{members}");
        assert!(matches!(group(Dialect::Strict, members), Err(ScimError::InvalidValue(_))));
    }
    for members in
        [json!([{}]), json!([{ "value": "" }]), json!([null]), json!([{ "display": "x" }])]
    {
        assert!(matches!(group(Dialect::Entra, members), Err(ScimError::InvalidValue(_))));
    }
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

#[test]
fn preconditions_compare_weakly() {
    for (header, matches_three) in [
        ("*", true),
        ("W/\"3\"", true),
        ("\"3\"", true),
        ("W/\"2\", W/\"3\"", true),
        ("W/\"2\",\"x,y\"", false),
        ("\"\"", false),
    ] {
        assert_eq!(
            Precondition::parse(header).unwrap().matches(Version(3)),
            matches_three,
            "{header}"
        );
    }
    for header in ["", "3", "W/3", "\"3", "\"3\" \"4\"", "w/\"3\""] {
        assert!(matches!(Precondition::parse(header), Err(ScimError::InvalidValue(_))), "{header}");
    }
    assert_eq!(Version(3).etag(), "W/\"3\"");
}

#[test]
fn an_id_has_one_spelling() {
    assert_eq!(ResourceId::parse(ID).unwrap().to_string(), ID);
    for text in [ID.to_uppercase(), ID.replace('-', ""), format!("{{{ID}}}"), String::new()] {
        assert!(ResourceId::parse(&text).is_none(), "{text}"); // R65
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

#[test]
fn text_and_value_of_a_representation_agree() {
    let document = r#"{"schemas":["urn:x"],"userName":"a"}"#;
    for extra in [None, Some(("groups", "[]")), Some(("members", r#"[{"value":"u"}]"#))] {
        let text: Map<String, Value> =
            serde_json::from_str(&render(document, &facts(), extra)).unwrap();
        assert_eq!(text, represent(document, &facts(), extra).unwrap());
    }
    let shown = represent(document, &facts(), Some(("groups", "[]"))).unwrap();
    let names: Vec<_> = shown.keys().collect();
    assert_eq!(names, ["id", "schemas", "userName", "groups", "meta"]);
    assert_eq!(shown["meta"]["version"], "W/\"2\"");
}

#[test]
fn a_projection_keeps_what_was_asked() {
    for (attributes, excluded, expected) in [
        (Some("userName"), None, json!({ "userName": "a" })), // R299
        (
            Some("USERNAME,name.givenName"),
            None,
            json!({ "userName": "a", "name": { "givenName": "G" } }),
        ), // R302
        (Some("emails.value"), None, json!({ "emails": [{ "value": "x" }] })),
        (
            Some("emails[type eq \"work\"].value"),
            None,
            json!({ "emails": [{ "value": "x", "type": "work" }] }),
        ),
        (Some("nothing,password"), None, json!({})), // R304, R305
        (
            Some(urn::ENTERPRISE_USER),
            None,
            json!({ urn::ENTERPRISE_USER: { "department": "D", "division": "V" } }),
        ), // R303
        (
            Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division"),
            None,
            json!({ urn::ENTERPRISE_USER: { "division": "V" } }),
        ),
        (Some("meta.version"), None, json!({ "meta": { "version": "W/\"2\"" } })),
        (
            None,
            Some("meta,name,emails,groups,id,schemas"),
            json!({ "userName": "a", urn::ENTERPRISE_USER: { "department": "D", "division": "V" } }),
        ), // R300, R79
        (
            None,
            Some(
                "meta,name.givenName,emails.type,emails.value,groups,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            ),
            json!({ "userName": "a", "name": { "familyName": "F" }, urn::ENTERPRISE_USER: { "division": "V" } }),
        ), // R307
    ] {
        check_projected(attributes, excluded, expected);
    }
}

#[track_caller]
fn check_projected(attributes: Option<&str>, excluded: Option<&str>, expected: Value) {
    let users = resource_type("/Users");
    let document = json!({
        "schemas": [urn::USER], "userName": "a", "name": { "givenName": "G", "familyName": "F" },
        "emails": [{ "value": "x", "type": "work" }],
        urn::ENTERPRISE_USER: { "department": "D", "division": "V" }
    });
    let mut full = represent(&document.to_string(), &facts(), Some(("groups", "[]"))).unwrap();
    let leniency = Dialect::Generic.leniency();

    let projection = Projection::parse(attributes, excluded, &users, leniency).unwrap();
    projection.apply(&users, &mut full);

    assert!(full.shift_remove("id").is_some() && full.shift_remove("schemas").is_some()); // R41
    assert_eq!(Value::Object(full), expected);
}

#[test]
fn projections_tell_what_need_not_be_loaded() {
    let groups = resource_type("/Groups");
    let parse = |attributes, excluded, dialect: Dialect| {
        Projection::parse(attributes, excluded, &groups, dialect.leniency())
    };

    let none = parse(None, Some(" "), Dialect::Strict).unwrap();
    assert!(none.is_default() && none.wants("members"));
    let excluded = parse(None, Some("Members"), Dialect::Strict).unwrap();
    assert!(!excluded.is_default() && !excluded.wants("members")); // R120
    assert!(parse(None, Some("members.display"), Dialect::Strict).unwrap().wants("members"));
    assert!(!parse(Some("displayName"), None, Dialect::Strict).unwrap().wants("members"));
    assert!(parse(Some("members.value"), None, Dialect::Strict).unwrap().wants("members"));
    let both = parse(Some("a"), Some("b"), Dialect::Generic);
    assert!(matches!(both, Err(ScimError::InvalidValue(_)))); // R301
    let filtered = parse(Some("members[value eq \"x\"]"), None, Dialect::Strict);
    assert!(matches!(filtered, Err(ScimError::InvalidPath(_))));
    let many = vec!["a"; 201].join(",");
    assert!(matches!(parse(Some(&many), None, Dialect::Generic), Err(ScimError::InvalidValue(_))));
}

#[test]
fn a_document_gives_values_with_their_elements() {
    let users = resource_type("/Users");
    let leniency = Dialect::Strict.leniency();
    let emails = json!({ "emails": [{ "value": "x" }, { "value": "y", "type": "work" }] });
    let document = read(Dialect::Strict, "/Users", user(emails)).unwrap().document;
    let values = |text: &str| {
        let path = path::parse_attribute_path(text).unwrap();
        let Ok(Resolved::Attribute(at)) = path::resolve(&path, &users, leniency) else { panic!() };
        document.values(&at).into_iter().map(|(n, value)| (n, value.clone())).collect::<Vec<_>>()
    };

    assert_eq!(values("emails.value"), [(0, json!("x")), (1, json!("y"))]);
    assert_eq!(values("emails.type"), [(1, json!("work"))]);
    assert_eq!(values("userName"), [(0, json!("a"))]);
    assert!(values("title").is_empty());
    assert_eq!(document.user_name(), Some("a"));
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

proptest! {
    #[test]
    fn putting_back_what_was_shown_changes_nothing(body in bodies()) {
        let users = resource_type("/Users");
        let first = read(Dialect::Generic, "/Users", body).unwrap().document;
        let stored = first.to_json(&users);
        prop_assert_eq!(&Document::from_json(&stored).unwrap(), &first);
        let shown = represent(&stored, &facts(), Some(("groups", "[{\"value\":\"g\"}]"))).unwrap();

        for dialect in [Dialect::Generic, Dialect::Strict] {
            let again = validate(&users, shown.clone(), Some(&first), dialect.leniency()).unwrap();
            prop_assert_eq!(again.document.to_json(&users), stored.clone()); // R325
            prop_assert!(again.ignored.is_empty());
        }
    }
}
