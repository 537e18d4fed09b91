use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Attribute, Mutability, Registry, ResourceType, Returned, Schema, SchemaError, TypeDefinition,
    read, read_custom, read_value,
};
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

const BADGE: &str = "urn:example:params:scim:schemas:extension:2.0:Badge";

/// Refused at `at`, for a reason that holds `rule`.
#[track_caller]
fn check_refused<T: std::fmt::Debug>(read: Result<T, SchemaError>, at: &str, rule: &str) {
    let error = read.unwrap_err();
    assert_eq!(error.at, at, "{error}");
    assert!(error.rule.contains(rule), "{error}");
}

fn custom(attributes: &Value) -> Result<Schema, SchemaError> {
    read_custom(&json!({ "id": BADGE, "attributes": attributes }))
}

#[test]
fn a_broken_attribute_is_refused_with_its_place_and_the_rule() {
    let part = |sub: Value| json!([{ "name": "a", "type": "complex", "subAttributes": [sub] }]);
    let many = |count: usize| (0..count).map(|n| json!({ "name": format!("a{n}") })).collect();
    let indexed = |n| json!({ "name": format!("a{n}"), "indexed": true });
    for (attributes, at, rule) in [
        (json!([]), "attributes", "at least one"),
        // R21
        (
            part(json!({ "name": "b", "type": "complex", "subAttributes": [{ "name": "c" }] })),
            "attributes[0].subAttributes[0].type",
            "no complex part",
        ),
        // R2
        (json!([{ "name": "a.b" }]), "attributes[0].name", "letter"),
        (json!([{ "name": "" }]), "attributes[0].name", "letter"),
        (json!([{}]), "attributes[0].name", "letter"),
        (json!([{ "name": "a".repeat(129) }]), "attributes[0].name", "128 bytes"),
        // A24
        (json!([{ "name": "__proto__" }]), "attributes[0].name", "letter"),
        (json!([{ "name": "constructor" }]), "attributes[0].name", "reserved"),
        (part(json!({ "name": "Prototype" })), "attributes[0].subAttributes[0].name", "reserved"),
        (json!([{ "name": "ID" }]), "attributes[0].name", "every resource"),
        (json!([{ "name": "meta" }]), "attributes[0].name", "every resource"),
        (json!([{ "name": "externalid" }]), "attributes[0].name", "every resource"),
        (many(501), "attributes[500]", "at most 500"),
        (many(10_000), "attributes[500]", "at most 500"),
        (
            json!([{ "name": "a", "description": "x".repeat(1_000_000) }]),
            "attributes[0].description",
            "4096 bytes",
        ),
        (
            json!([{ "name": "a", "type": "complex", "subAttributes": many(51) }]),
            "attributes[0].subAttributes",
            "at most 50",
        ),
        (
            json!([{ "name": "a", "canonicalValues": vec!["x"; 201] }]),
            "attributes[0].canonicalValues",
            "more than 200",
        ),
        ((0..21).map(indexed).collect(), "attributes[20]", "at most 20"),
    ] {
        check_refused(custom(&attributes), at, rule);
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let twice = json!([{ "name": "a" }, { "name": "A" }]); // R1
    check_refused(custom(&twice), "attributes[1].name", "twice");
    for (attributes, at, rule) in [
        // R5
        (json!([{ "name": "a", "type": "text" }]), "attributes[0].type", "string, boolean"),
        // R23
        (
            json!([{ "name": "a", "type": "complex", "uniqueness": "server" }]),
            "attributes[0].uniqueness",
            "complex",
        ),
        (
            json!([{ "name": "a", "type": "complex", "caseExact": true }]),
            "attributes[0].caseExact",
            "complex",
        ),
        // R48
        (
            json!([{ "name": "a", "subAttributes": [{ "name": "b" }] }]),
            "attributes[0].subAttributes",
            "only a complex",
        ),
        (json!([{ "name": "a", "type": "complex" }]), "attributes[0].subAttributes", "one part"),
        (
            json!([{ "name": "a", "required": true, "mutability": "readOnly" }]),
            "attributes[0].required",
            "nobody",
        ),
        (
            json!([{ "name": "a", "mutability": "writeOnly", "returned": "always" }]),
            "attributes[0].returned",
            "never returned",
        ),
        (
            json!([{ "name": "a", "returned": "never", "uniqueness": "server" }]),
            "attributes[0].uniqueness",
            "not kept",
        ),
        (
            json!([{ "name": "a", "returned": "never", "mutability": "immutable" }]),
            "attributes[0].mutability",
            "not kept",
        ),
        (json!([{ "name": "a", "required": "yes" }]), "attributes[0].required", "true or false"),
        (json!([{ "name": "a", "multivalued": true }]), "attributes[0].multivalued", "not known"),
        (
            json!([{ "name": "a", "type": "integer", "canonicalValues": ["1"] }]),
            "attributes[0].canonicalValues",
            "strings",
        ),
        (
            json!([{ "name": "a", "referenceTypes": ["User"] }]),
            "attributes[0].referenceTypes",
            "references",
        ),
        (
            json!([{ "name": "a", "type": "boolean", "uniqueness": "server" }]),
            "attributes[0].uniqueness",
            "boolean",
        ),
    ] {
        check_refused(custom(&attributes), at, rule);
    }
}

#[test]
fn a_urn_can_stand_in_a_path() {
    for urn in [
        "",
        "urn:x",
        "badge",
        "urn:example:",
        "urn:ex ample:a",
        "urn:example::a",
        "urn:example:a.",
        "urn:example:a,b",
        "https://example.com/schema",
        "urn:é:a",
    ] {
        let schema = json!({ "id": urn, "attributes": [{ "name": "a" }] });
        check_refused(read_custom(&schema), "id", "URN");
    }
    // R146
    let message =
        json!({ "id": "urn:ietf:params:SCIM:api:messages:2.0:X", "attributes": [{ "name": "a" }] });
    check_refused(read_custom(&message), "id", "messages");
    let long = json!({ "id": format!("urn:example:{}", "a".repeat(250)), "attributes": [{ "name": "a" }] });
    check_refused(read_custom(&long), "id", "256 bytes");
}

#[test]
fn a_definition_prints_as_it_was_read() {
    let schema = custom(&json!([
        { "name": "kind", "canonicalValues": ["a", "b"], "indexed": true },
        { "name": "open", "canonicalValues": ["a"], "openValues": true },
        // R22
        { "name": "parts", "type": "complex", "multiValued": true, "subAttributes": [
            { "name": "$ref", "type": "reference", "multiValued": true, "referenceTypes": ["User"] },
        ] },
    ]))
    .unwrap();

    assert_eq!(read_custom(&schema.to_definition()).unwrap(), schema);
    assert!(schema.attributes[0].is_closed && !schema.attributes[1].is_closed);
    let published = schema.to_value().to_string();
    assert!(!published.contains("indexed") && !published.contains("openValues"), "{published}");
}

fn device(change: Value) -> Result<TypeDefinition, SchemaError> {
    let mut value = json!({ "name": "Device", "endpoint": "/Devices", "schema": BADGE });
    for (name, member) in change.as_object().unwrap() {
        value[name] = member.clone();
    }
    TypeDefinition::read(&value)
}

fn with(schemas: &[&Schema], types: &[Value]) -> Result<Registry, SchemaError> {
    let schemas = schemas.iter().map(|schema| Arc::new(Schema::clone(schema))).collect();
    let types = types.iter().map(|change| device(change.clone()));
    let types: Result<Vec<_>, _> =
        (100..).zip(types).map(|(code, read)| Ok((code, read?))).collect();
    Registry::with(7, schemas, &types?)
}

fn schema(id: &str, name: &str) -> Schema {
    read_custom(&json!({ "id": id, "attributes": [{ "name": name }] })).unwrap()
}

#[test]
fn a_tenants_types_stand_beside_the_built_in_ones() {
    let (badge, extra) = (schema(BADGE, "number"), schema("urn:example:extra", "colour"));
    let extended = json!({
        "name": "User", "endpoint": "/Users", "schema": urn::USER,
        "schemaExtensions": [{ "schema": "urn:EXAMPLE:extra", "required": true }],
    });
    let registry = with(&[&badge, &extra], &[json!({}), extended]).unwrap();

    let names: Vec<_> = registry.resource_types().iter().map(|found| found.name.clone()).collect();
    assert_eq!(names, ["User", "Group", "Device"]);
    assert_eq!(registry.by_code(100).unwrap().endpoint, "/Devices"); // R137
    assert_eq!(registry.schemas().len(), 8); // R147
    let user = registry.user();
    let urns: Vec<_> =
        user.extensions.iter().map(|found| (&*found.schema.id, found.required)).collect();
    assert_eq!(urns, [(urn::ENTERPRISE_USER, false), ("urn:example:extra", true)]); // R141
    assert!(registry.resource_types().iter().all(|found| found.schema_version == 7));
    assert_eq!(Registry::shared().user().extensions.len(), 1);
    assert_eq!(user.indexed_attributes().len(), 9);
    assert_eq!((user.code, ResourceType::GROUP), (1, registry.group().code));
}

#[test]
fn types_that_collide_are_refused() {
    let (badge, extra) = (schema(BADGE, "number"), schema("urn:example:extra", "number"));
    let behind = schema(&format!("{BADGE}:number"), "x");
    let all = [&badge, &extra, &behind];
    let extended = |urn: &str| json!({ "schemaExtensions": [{ "schema": urn }] });
    for (change, at, rule) in [
        // R138
        (json!({ "name": "user" }), "name", "taken"),
        (json!({ "name": "Schema" }), "name", "taken"),
        (json!({ "name": "../x" }), "name", "letter"),
        (json!({ "name": Value::Null }), "name", "missing"),
        (json!({ "endpoint": "/USERS" }), "endpoint", "taken"),
        (json!({ "endpoint": "/Bulk" }), "endpoint", "taken"),
        (json!({ "endpoint": "/me" }), "endpoint", "taken"),
        (json!({ "endpoint": "Devices" }), "endpoint", "slash"),
        (json!({ "endpoint": "/a/b" }), "endpoint", "slash"),
        (json!({ "endpoint": "/.search" }), "endpoint", "slash"),
        // R139
        (json!({ "endpoint": ["/a", "/b"] }), "endpoint", "a string"),
        (json!({ "endpoints": "/a" }), "endpoints", "not known"),
        // R140
        (json!({ "schema": "urn:example:none" }), "schema", "no schema"),
        (extended("urn:example:none"), "schemaExtensions[0].schema", "no schema"),
        // R137
        (json!({ "schema": Value::Null }), "schema", "missing"),
        (json!({ "schema": urn::USER }), "schema", "RFC"),
        (extended(urn::GROUP), "schemaExtensions[0].schema", "no extension"),
        (extended(BADGE), "schemaExtensions[0].schema", "base"),
        // R81
        (extended("urn:example:extra"), "schemaExtensions[0].schema", "`number`"),
        (extended(&behind.id), "schemaExtensions", "path"),
        (json!({ "name": "User", "schema": urn::USER }), "endpoint", "/Users"),
        (json!({ "name": "User", "endpoint": "/Users" }), "schema", urn::USER),
    ] {
        check_refused(with(&all, &[change]), at, rule);
    }
    // R138
    check_refused(with(&all, &[json!({}), json!({ "name": "Gadget" })]), "endpoint", "taken");
    check_refused(with(&all, &[json!({}), json!({ "name": "DEVICE" })]), "name", "taken");
    // R81
    let user = schema("urn:example:u", "USERNAME");
    let extended = json!({
        "name": "User", "endpoint": "/Users", "schema": urn::USER,
        "schemaExtensions": [{ "schema": "urn:example:u" }],
    });
    check_refused(with(&[&user], &[extended]), "schemaExtensions[0].schema", "userName");
    check_refused(with(&[&schema(&urn::USER.to_uppercase(), "a")], &[]), "id", "exists");
    // A24
    let many: Vec<Schema> = (0..51).map(|n| schema(&format!("urn:example:s{n}"), "a")).collect();
    check_refused(with(&many.iter().collect::<Vec<_>>(), &[]), "schema", "at most 50");
    let types: Vec<Value> =
        (0..51).map(|n| json!({ "name": format!("D{n}"), "endpoint": format!("/D{n}") })).collect();
    check_refused(with(&[&badge], &types), "resourceType", "at most 50");
}
