//! Members of groups, which change beside the document.

use super::*;

fn member(value: &str) -> Member {
    Member::new(value)
}

#[track_caller]
fn check_members(dialect: Dialect, operations: Value, expected: Vec<MemberChange>) {
    let before = document("/Groups", json!({}));
    let patched = patch(dialect, "/Groups", &before, operations).unwrap();
    assert_eq!(patched.members, expected);
    assert_eq!(patched.document, before, "the document has no members");
}

#[test]
fn members_change_beside_the_document() {
    for dialect in [Dialect::Strict, Dialect::Okta] {
        let list = json!([{ "value": "1" }, { "value": "2" }, { "value": "1" }]);
        let both = || vec![member("1"), member("2")];
        check_members(dialect, op("add", "members", list.clone()), vec![MemberChange::Add(both())]);
        check_members(
            dialect,
            op("replace", "members", list.clone()),
            vec![MemberChange::Replace(both())],
        );
        check_members(
            dialect,
            json!([{ "op": "add", "value": { "members": list } }]),
            vec![MemberChange::Add(both())],
        );
        check_members(dialect, op("add", "members", json!([])), vec![]);
        check_members(
            dialect,
            op("replace", "members", json!([])),
            vec![MemberChange::Replace(vec![])],
        );
        check_members(dialect, remove("members"), vec![MemberChange::Replace(vec![])]);
        check_members(
            dialect,
            op("remove", "members", json!(null)),
            vec![MemberChange::Replace(vec![])],
        );
        check_members(
            dialect,
            remove("members[value eq \"1\"]"),
            vec![MemberChange::Remove(vec!["1".to_owned()])],
        ); // R380
        check_members(
            dialect,
            json!([{ "op": "remove", "path": "members[value eq \"2\"]" }, { "op": "add", "path": "members", "value": [{ "value": "1" }] }]),
            vec![MemberChange::Remove(vec!["2".to_owned()]), MemberChange::Add(vec![member("1")])],
        );
    }
    let before = document("/Groups", json!({}));
    let some =
        patch(Dialect::Strict, "/Groups", &before, remove("members[type eq \"User\"]")).unwrap();
    assert!(matches!(some.members.as_slice(), [MemberChange::RemoveWhere(_)]));
}

/// By the letter of the RFC the first would empty the group.
#[test]
fn a_remove_with_a_list_removes_those_alone() {
    let listed = op("Remove", "members", json!([{ "$ref": null, "value": "1" }]));
    check_members(Dialect::Entra, listed.clone(), vec![MemberChange::Remove(vec!["1".to_owned()])]); // R384
    check_members(Dialect::Entra, op("remove", "members", json!([])), vec![]);
    check_group_refused(&[Dialect::Strict], listed, "invalidSyntax");
    check_group_refused(
        &[Dialect::Entra],
        op("remove", "members", json!([{ "display": "x" }])),
        "invalidValue",
    );
}

#[track_caller]
fn check_group_refused(dialects: &[Dialect], operations: Value, scim_type: &str) {
    let before = document("/Groups", json!({}));
    for dialect in dialects {
        let refused = patch(*dialect, "/Groups", &before, operations.clone()).unwrap_err();
        assert_eq!(refused.scim_type().unwrap().as_str(), scim_type, "{refused}");
    }
}

#[test]
fn members_that_say_nothing_or_would_change_are_refused() {
    check_group_refused(
        &Dialect::ALL,
        op("add", "members", json!([{ "value": "1" }, {}])),
        "invalidValue",
    );
    check_group_refused(&[Dialect::Strict], op("add", "members", json!("1")), "invalidValue");
    check_group_refused(
        &[Dialect::Strict],
        op("add", "members", json!([{ "$ref": null, "value": "1" }])),
        "invalidValue",
    );
    check_group_refused(
        &Dialect::ALL,
        op("replace", "members[value eq \"1\"].value", json!("2")),
        "mutability",
    ); // R398
    check_group_refused(
        &Dialect::ALL,
        op("replace", "members[value eq \"1\"]", json!({ "value": "2" })),
        "mutability",
    ); // R114
    check_group_refused(
        &[Dialect::Strict],
        op("replace", "members[value eq \"1\"].display", json!("x")),
        "mutability",
    );
    check_group_refused(&Dialect::ALL, remove("displayName"), "mutability");
    check_members(
        Dialect::Entra,
        op("add", "members", json!("1")),
        vec![MemberChange::Add(vec![member("1")])],
    );
    check_members(
        Dialect::Entra,
        op("replace", "members[value eq \"1\"].display", json!("x")),
        vec![],
    );
}

#[test]
fn a_group_is_renamed_with_its_id_in_the_value() {
    let before = document("/Groups", json!({}));
    for operations in [
        json!([{ "op": "replace", "value": { "id": "x", "displayName": "B" } }]),
        op("Replace", "displayName", json!([{ "$ref": null, "value": "B" }])),
    ] {
        let patched = patch(Dialect::Entra, "/Groups", &before, operations).unwrap();
        assert_eq!(patched.document.display_name(), Some("B"));
    }
    let same = json!([{ "op": "replace", "value": { "id": "x", "displayName": "a" } }]);
    assert_eq!(patch(Dialect::Okta, "/Groups", &before, same).unwrap().document, before); // R350
}
