//! A type with an attribute of every kind, which the core schemas do not have.

use super::*;
use crate::scim::schema::{Schema, read_value};

const GADGET: &str = "urn:example:schemas:2.0:Gadget";

/// Gadgets: `name` is required, the others show one characteristic each.
pub(in crate::scim) fn gadget() -> ResourceType {
    let slots = json!([
        { "name": "value", "required": true }, { "name": "type" },
        { "name": "primary", "type": "boolean" },
        { "name": "tag", "mutability": "immutable" },
        { "name": "note", "returned": "request" },
        { "name": "token", "returned": "never" },
    ]);
    let part = json!([
        { "name": "label" }, { "name": "fixed", "mutability": "immutable" },
        { "name": "marks", "multiValued": true },
    ]);
    let schema = json!({ "id": GADGET, "name": "Gadget", "attributes": [
        { "name": "name", "required": true, "returned": "always" },
        { "name": "serial", "mutability": "immutable", "caseExact": true },
        { "name": "made", "mutability": "readOnly" },
        { "name": "level", "type": "integer" },
        { "name": "weight", "type": "decimal" },
        { "name": "since", "type": "dateTime" },
        { "name": "blob", "type": "binary" },
        { "name": "site", "type": "reference" },
        { "name": "tags", "multiValued": true },
        { "name": "labels", "multiValued": true, "mutability": "immutable" },
        { "name": "code", "returned": "request" },
        { "name": "hidden", "returned": "never" },
        { "name": "part", "type": "complex", "subAttributes": part },
        { "name": "slots", "type": "complex", "multiValued": true, "subAttributes": slots },
    ]});
    let schema: Arc<Schema> = Arc::new(read_value(&schema).unwrap());
    let common = Arc::clone(&Registry::builtin().user().common);
    ResourceType::new(77, ("Gadget", "/Gadgets", "A gadget"), schema, Vec::new(), common)
}

fn read_gadget(
    dialect: Dialect,
    body: Value,
    current: Option<&Document>,
) -> Result<Value, ScimError> {
    let mut whole = map(json!({ "schemas": [GADGET], "name": "n" }));
    whole.extend(map(body));
    let incoming = validate(&gadget(), whole, current, dialect.leniency())?;
    let mut attributes = incoming.document.attributes().clone();
    attributes.shift_remove("name");
    Ok(Value::Object(attributes))
}

/// The attribute takes the value, written as JSON text, as it is.
#[track_caller]
fn check_taken(name: &str, values: &[&str]) {
    for text in values {
        let body: Value = serde_json::from_str(&format!("{{\"{name}\":{text}}}")).unwrap();
        for dialect in [Dialect::Strict, Dialect::Generic] {
            assert_eq!(read_gadget(dialect, body.clone(), None), Ok(body.clone()), "{text}");
        }
    }
}

#[track_caller]
fn check_not_taken(dialects: &[Dialect], name: &str, values: &[&str]) {
    for text in values {
        let body: Value = serde_json::from_str(&format!("{{\"{name}\":{text}}}")).unwrap();
        for dialect in dialects {
            match read_gadget(*dialect, body.clone(), None) {
                Err(ScimError::InvalidValue(detail)) => assert!(detail.contains(name), "{detail}"),
                other => panic!("{name} {text}: {other:?}"),
            }
        }
    }
}

const BOTH: [Dialect; 2] = [Dialect::Strict, Dialect::Generic];

#[test]
fn numbers_are_of_their_kind_and_range() {
    check_taken("level", &["0", "-7", "9223372036854775807", "-9223372036854775808"]);
    check_not_taken(&BOTH, "level", &["1.0", "1e3", "1.5", "\"5\"", "true"]); // R10
    // R11
    let beyond = ["9223372036854775808", "-9223372036854775809", "18446744073709551616"];
    check_not_taken(&BOTH, "level", &beyond);
    check_taken("weight", &["0", "-7", "2.5", "1e-3"]);
    check_not_taken(&BOTH, "weight", &["\"2.5\"", "true", "{}"]); // R9
}

#[test]
fn a_date_has_a_time() {
    check_taken(
        "since",
        &[
            "\"2026-01-01T00:00:00Z\"",
            "\"2026-01-01T00:00:00.123456789+02:00\"", // R12
            "\"2026-01-01T00:00:00\"",                 // R13
        ],
    );
    let wrong = ["\"2026-01-01\"", "\"12:00:00\"", "\"now\"", "\"2026-02-30T00:00:00Z\"", "7"]; // R12
    check_not_taken(&[Dialect::Strict], "since", &wrong);
    check_not_taken(&[Dialect::Generic], "since", &wrong);
}

#[test]
fn binary_is_base64_with_or_without_its_end() {
    check_taken("blob", &["\"AQI=\"", "\"AQI\"", "\"+/+/\""]); // R14
    check_not_taken(&BOTH, "blob", &["\"A\"", "\"%%%\"", "\"-_-_\"", "\"AQ\\nI=\"", "[1]", "7"]); // R14
}

#[test]
fn a_reference_is_a_uri_if_strict() {
    check_taken("site", &["\"https://h/v2/Users/1\"", "\"Users/1\"", "\"urn:x:y\""]);
    check_not_taken(&[Dialect::Strict], "site", &["\"no uri\"", "\"%zz\"", "\"<x>\""]); // R15
    assert!(read_gadget(Dialect::Generic, json!({ "site": "no uri" }), None).is_ok());
    check_not_taken(&BOTH, "site", &["true", "{}"]);
}

#[test]
fn many_values_are_an_array() {
    check_taken("tags", &["[\"a\"]", "[\"a\",\"b\"]"]); // R24
    check_not_taken(&[Dialect::Strict], "tags", &["\"a\"", "{\"value\":\"a\"}"]); // R25
    check_taken("part", &["{\"marks\":[\"a\",\"b\"]}"]); // R22
    check_not_taken(&BOTH, "slots", &["[{\"type\":\"x\"}]"]);
    for dialect in BOTH {
        let twice = read_gadget(dialect, json!({ "tags": ["a", "b", "a", null] }), None);
        assert_eq!(twice, Ok(json!({ "tags": ["a", "b"] })));
    }
}

#[test]
fn what_only_the_server_sets_is_ignored() {
    for dialect in BOTH {
        assert_eq!(read_gadget(dialect, json!({ "made": "x" }), None), Ok(json!({}))); // R38
        // Of what is never returned no more is kept than that it is there.
        let hidden = read_gadget(dialect, json!({ "hidden": "y" }), None);
        assert_eq!(hidden, Ok(json!({ "hidden": true })));
    }
}

#[test]
fn a_put_keeps_what_is_immutable() {
    let body = map(json!({ "schemas": [GADGET], "name": "n", "serial": "S", "tags": ["a"] }));
    for dialect in BOTH {
        let stored = validate(&gadget(), body.clone(), None, dialect.leniency()).unwrap().document;
        let put = |body| read_gadget(dialect, body, Some(&stored));
        assert_eq!(put(json!({ "serial": "S" })), Ok(json!({ "serial": "S" }))); // R319, R316
        assert_eq!(put(json!({})), Ok(json!({ "serial": "S" })));
        let set = json!({ "serial": "S", "labels": ["l"], "part": { "fixed": "f" } });
        assert_eq!(put(set.clone()), Ok(set)); // R320, R39
        for other in ["s", "T"] {
            let refused = put(json!({ "serial": other })).unwrap_err();
            assert_eq!(refused.scim_type().unwrap().as_str(), "mutability"); // R319, R39, R36
        }
    }
}

/// What an answer shows of a gadget beside `id`, `schemas` and `name`.
#[track_caller]
fn check_shown(attributes: Option<&str>, excluded: Option<&str>, expected: Value) {
    let stored = json!({
        "schemas": [GADGET], "name": "n", "level": 7, "code": "c", "hidden": "h",
        "slots": [{ "value": "v", "note": "o", "token": "t" }],
    });
    let mut full = represent(&stored.to_string(), &facts(), None).unwrap();
    let gadget = gadget();
    let leniency = Dialect::Strict.leniency();

    let projection = Projection::parse(attributes, excluded, &gadget, leniency).unwrap();
    projection.apply(&gadget, &mut full);

    for always in ["id", "schemas", "name"] {
        assert!(full.shift_remove(always).is_some(), "{always}"); // R41
    }
    full.shift_remove("meta");
    assert_eq!(Value::Object(full), expected);
}

#[test]
fn what_the_request_has_set_is_shown() {
    let gadget = gadget();
    let body = map(json!({ "schemas": [GADGET], "name": "n", "CODE": "c", "level": 7 }));
    let set = super::super::given(&gadget, &body);
    for (asked, expected) in [(None, true), (Some("level"), false)] {
        let leniency = Dialect::Strict.leniency();
        let asked = Projection::parse(asked, None, &gadget, leniency).unwrap();
        for (set, expected) in [(set.as_slice(), expected), (&[], false)] {
            let mut full =
                map(json!({ "id": ID, "name": "n", "level": 7, "code": "c", "hidden": true }));
            asked.showing(set).apply(&gadget, &mut full);
            assert_eq!(full.contains_key("code"), expected); // R44
            assert!(full.contains_key("level") && !full.contains_key("hidden")); // R42
        }
    }
}

#[test]
fn what_is_returned_follows_the_schema() {
    let slots = |slot: Value| json!({ "slots": [slot] });
    let usual = json!({ "level": 7, "slots": [{ "value": "v" }] });
    check_shown(None, None, usual.clone()); // R42, R43, R44
    assert!(gadget().hides_parts() && !resource_type("/Users").hides_parts());
    check_shown(None, Some("name,id,schemas"), usual); // R41
    check_shown(Some("level"), None, json!({ "level": 7 })); // R43
    check_shown(Some("CODE"), None, json!({ "code": "c" })); // R44, R306
    check_shown(Some("hidden"), None, json!({})); // R42
    check_shown(Some("slots"), None, slots(json!({ "value": "v" })));
    check_shown(Some("slots.note"), None, slots(json!({ "note": "o" }))); // R306
    check_shown(Some("slots.token"), None, json!({})); // R42
    check_shown(None, Some("level,slots.value"), json!({}));
}
