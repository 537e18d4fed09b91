//! Characteristics that the core schemas do not have: immutable attributes,
//! required parts, numbers, simple values in an array.

use super::*;
use crate::scim::resource::tests::gadget;

fn patch_gadget(dialect: Dialect, before: Value, operations: Value) -> Result<Value, ScimError> {
    let gadget = gadget();
    let mut body = map(json!({ "schemas": [&*gadget.schema.id], "name": "n" }));
    body.extend(map(before));
    let before = validate(&gadget, body, None, dialect.leniency()).unwrap().document;
    let message = map(json!({ "schemas": [urn::PATCH_OP], "Operations": operations }));
    let patch = PatchOp::parse(message, &gadget, dialect.leniency())?;
    let mut after =
        apply(&gadget, &before, &patch, dialect.leniency())?.document.attributes().clone();
    after.shift_remove("name");
    Ok(Value::Object(after))
}

#[track_caller]
fn check_gadget(before: Value, operations: Value, expected: Value) {
    for dialect in Dialect::ALL {
        let after = patch_gadget(dialect, before.clone(), operations.clone());
        assert_eq!(after.as_ref(), Ok(&expected), "{dialect:?} {operations}");
    }
}

#[track_caller]
fn check_gadget_refused(before: Value, operations: Value, scim_type: &str) {
    for dialect in Dialect::ALL {
        let refused = patch_gadget(dialect, before.clone(), operations.clone()).unwrap_err();
        let told = refused.scim_type().unwrap().as_str();
        assert_eq!(told, scim_type, "{dialect:?} {operations}: {refused}");
    }
}

#[test]
fn what_is_immutable_is_set_once() {
    let serial = || json!({ "serial": "S" });
    for verb in ["add", "replace"] {
        check_gadget(json!({}), op(verb, "serial", json!("S")), serial()); // R343, R39
        check_gadget(serial(), op(verb, "serial", json!("S")), serial()); // R343
        check_gadget_refused(serial(), op(verb, "serial", json!("s")), "mutability"); // R343, R36
        let part = json!({ "part": { "fixed": "f", "label": "l" } });
        check_gadget_refused(part, op(verb, "part", json!({ "fixed": "g" })), "mutability"); // R343
    }
    check_gadget_refused(serial(), remove("serial"), "mutability"); // R343
    check_gadget_refused(serial(), op("replace", "serial", json!(null)), "mutability"); // R343
    let labels = || json!({ "labels": ["a"] });
    check_gadget(labels(), op("add", "labels", json!(["a"])), labels());
    check_gadget_refused(labels(), op("add", "labels", json!(["b"])), "mutability");
    check_gadget_refused(labels(), remove("labels[value eq \"a\"]"), "mutability");
}

#[test]
fn an_immutable_part_of_an_element_is_set_once() {
    let slots = |tag: &str| json!({ "slots": [{ "value": "v", "tag": tag }] });
    let tag = "slots[value eq \"v\"].tag";
    check_gadget(json!({ "slots": [{ "value": "v" }] }), op("add", tag, json!("t")), slots("t"));
    check_gadget(slots("t"), op("replace", tag, json!("t")), slots("t"));
    check_gadget_refused(slots("t"), op("replace", tag, json!("u")), "mutability");
    check_gadget_refused(slots("t"), remove(tag), "mutability");
    check_gadget(slots("t"), remove("slots[value eq \"v\"]"), json!({}));
}

#[test]
fn what_is_required_stays() {
    let slots = || json!({ "slots": [{ "value": "v", "type": "t" }] });
    check_gadget_refused(json!({}), remove("name"), "mutability"); // R382
    check_gadget_refused(json!({}), op("replace", "name", json!(null)), "invalidValue"); // R392
    check_gadget_refused(slots(), remove("slots[type eq \"t\"].value"), "mutability");
    check_gadget_refused(
        slots(),
        op("replace", "slots[type eq \"t\"].value", json!(null)),
        "invalidValue",
    );
    check_gadget_refused(
        slots(),
        op("replace", "slots[type eq \"t\"]", json!({ "type": "u" })),
        "invalidValue",
    ); // R349
    check_gadget_refused(slots(), op("add", "slots", json!([{ "type": "u" }])), "invalidValue"); // R349
}

#[test]
fn what_only_the_server_sets_cannot_be_set() {
    for verb in ["add", "replace", "remove"] {
        check_gadget_refused(json!({}), op(verb, "made", json!("x")), "mutability"); // R342, R383
    }
}

#[test]
fn values_have_the_type_of_their_target() {
    for (path, value) in [
        ("level", json!(1.5)),
        ("level", json!("1")),
        ("weight", json!("1.5")),
        ("since", json!("2026-01-01")),
        ("blob", json!("%")),
        ("tags", json!([{ "a": 1 }])),
        ("part.marks", json!([true])),
    ] {
        for verb in ["add", "replace"] {
            check_gadget_refused(json!({}), op(verb, path, value.clone()), "invalidValue"); // R351
        }
    }
}

#[test]
fn simple_values_are_selected_by_value() {
    let tags = |tags: &[&str]| json!({ "tags": tags });
    check_gadget(tags(&["a"]), op("add", "tags", json!(["a", "b"])), tags(&["a", "b"])); // R364, R366
    check_gadget(tags(&["a"]), op("add", "tags", json!("b")), tags(&["a", "b"])); // R365
    check_gadget(tags(&["a", "b"]), remove("tags[value eq \"A\"]"), tags(&["b"])); // R335, R378
    check_gadget(
        tags(&["a", "b"]),
        op("replace", "tags[value eq \"a\"]", json!("c")),
        tags(&["c", "b"]),
    ); // R335, R393
    check_gadget(
        tags(&["a", "b"]),
        op("replace", "tags[value eq \"a\"]", json!("b")),
        tags(&["b"]),
    ); // R397
    check_gadget(tags(&["a"]), remove("tags[value eq \"a\"]"), json!({})); // R378
    check_gadget_refused(tags(&["a"]), remove("tags eq \"a\""), "invalidPath"); // R335
    check_gadget_refused(tags(&["a"]), remove("tags[0]"), "invalidPath"); // R334
    check_gadget_refused(tags(&["a"]), remove("level[value eq 1]"), "invalidPath");
    let marks = json!({ "part": { "marks": ["a"] } });
    check_gadget(marks, op("replace", "part.marks", json!([])), json!({}));
}
