//! Representations and what is asked of them.

use super::*;

#[test]
fn text_and_value_of_a_representation_agree() {
    let document = r#"{"schemas":["urn:x"],"userName":"a"}"#;
    for extra in [None, Some(("groups", "[]")), Some(("members", r#"[{"value":"u"}]"#))] {
        let mut text = String::new();
        render(&mut text, document, &facts(), extra);
        let text: Map<String, Value> = serde_json::from_str(&text).unwrap();
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
