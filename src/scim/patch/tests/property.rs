//! What holds for every request.

use super::*;

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
