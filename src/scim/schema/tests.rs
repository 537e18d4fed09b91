use serde_json::{Value, json};

use super::{Attribute, Mutability, Registry, Returned, SchemaError, read, read_value};
use crate::scim::urn;

#[test]
fn compiled_in_schemas_keep_the_rules() {
    let registry = Registry::read_builtin().unwrap();

    let ids: Vec<_> = registry.schemas().iter().map(|schema| schema.id.to_string()).collect();
    let expected = [
        urn::USER,
        urn::GROUP,
        urn::ENTERPRISE_USER,
        urn::SERVICE_PROVIDER_CONFIG,
        urn::RESOURCE_TYPE,
        urn::SCHEMA,
    ];
    assert_eq!(ids, expected);
}

#[test]
fn a_schema_prints_as_it_was_read() {
    for schema in Registry::builtin().schemas() {
        assert_eq!(read_value(&schema.to_value()).unwrap(), *schema, "{}", schema.id);
    }
    let text: Value = serde_json::from_str(include_str!("user.json")).unwrap();
    assert_eq!(read(include_str!("user.json")).unwrap().to_value(), text);
}

#[test]
fn verified_errata_are_applied() {
    let registry = Registry::builtin();
    let group = registry.by_endpoint("/Groups").unwrap();
    let user = registry.by_name("User").unwrap();
    let enterprise = registry.schema(urn::ENTERPRISE_USER).unwrap();

    assert!(group.schema.attribute("displayName").unwrap().required); // R112
    let groups = user.schema.attribute("groups").unwrap();
    assert_eq!(groups.sub_attribute("$ref").unwrap().reference_types, ["Group"]); // R106
    let manager = enterprise.attribute("manager").unwrap();
    assert!(manager.sub_attribute("value").unwrap().case_exact); // R125
    for attribute in &user.schema.attributes {
        let printed = attribute.to_value();
        let complex = attribute.is_complex();
        assert!(!(complex && printed.get("uniqueness").is_some()), "{}", attribute.name); // R23
    }
}

#[test]
fn names_ignore_case_and_common_attributes_come_first() {
    let registry = Registry::builtin();
    let user = registry.by_endpoint("/Users").unwrap();

    assert_eq!(user.core_attribute("EXTERNALID").unwrap().name, "externalId"); // R1
    assert_eq!(user.core_attribute("username").unwrap().name, "userName");
    assert_eq!(user.core_attribute("id").unwrap().returned, Returned::Always);
    assert_eq!(user.core_attribute("meta").unwrap().mutability, Mutability::ReadOnly);
    assert!(user.core_attribute("department").is_none());
}

#[test]
fn indexed_attributes_print_their_paths() {
    let registry = Registry::builtin();
    let paths = |endpoint: &str| -> Vec<String> {
        let indexed = registry.by_endpoint(endpoint).unwrap().indexed_attributes();
        indexed
            .iter()
            .map(|indexed| format!("{}{}", indexed.path, if indexed.long { "*" } else { "" }))
            .collect()
    };

    assert_eq!(
        paths("/Users"),
        [
            "emails.value",
            "phoneNumbers.value",
            "name.familyName",
            "name.givenName",
            "roles.value*",
            "entitlements.value*",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ]
    );
    assert!(paths("/Groups").is_empty());
}

#[test]
fn unstated_characteristics_have_the_defaults_of_the_rfc() {
    let schema =
        read_value(&json!({ "id": "urn:x", "attributes": [{ "name": "badge" }] })).unwrap();

    let badge: &Attribute = &schema.attributes[0]; // R4
    assert_eq!(
        badge.to_value(),
        json!({
            "name": "badge", "type": "string", "multiValued": false, "required": false, "caseExact": false,
            "mutability": "readWrite", "returned": "default", "uniqueness": "none"
        })
    );
}

#[test]
fn a_broken_schema_is_refused() {
    let complex = |sub: Value| json!([{ "name": "a", "type": "complex", "subAttributes": [sub] }]);
    let nested = json!({ "name": "b", "type": "complex", "subAttributes": [{ "name": "c" }] });
    check_refused(complex(nested), SchemaError::Nested("a.b".to_owned())); // R21
    check_refused(json!([{ "name": "a.b" }]), SchemaError::Name("a.b".to_owned())); // R2
    check_refused(json!([{ "name": "__proto__" }]), SchemaError::Name("__proto__".to_owned()));
    check_refused(
        json!([{ "name": "a" }, { "name": "A" }]),
        SchemaError::Duplicate("A".to_owned()),
    );
    check_refused(json!([{ "name": "a", "type": "complex" }]), SchemaError::Empty("a".to_owned()));
    let many: Vec<_> = (0..501).map(|n| json!({ "name": format!("a{n}") })).collect();
    check_refused(Value::Array(many), SchemaError::TooMany);
    check_refused(
        json!([{ "name": "a", "type": "text" }]), // R5
        SchemaError::Expected { at: "a.type".to_owned(), expected: "a keyword of RFC 7643 §7" },
    );
}

#[track_caller]
fn check_refused(attributes: Value, error: SchemaError) {
    let schema = json!({ "id": "urn:x", "attributes": attributes });
    assert_eq!(read_value(&schema).unwrap_err(), error);
}
