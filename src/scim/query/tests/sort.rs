//! Tests of orders.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::scim::{
    ScimType,
    dialect::Dialect,
    query::{Position, Sort, SortKey},
    resource::ResourceId,
    schema::Registry,
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn parse(by: Option<&str>, order: Option<&str>) -> Result<Sort, ScimType> {
    let user = [Registry::builtin().user()];
    Sort::parse(by, order, &user, Dialect::Strict.leniency())
        .map_err(|error| error.scim_type().unwrap())
}

/// The key of a user under `by`.
#[track_caller]
fn check(by: &str, user: Value, expected: Option<SortKey>) {
    let sort = parse(Some(by), None).unwrap();
    let attribute = sort.by[0].as_ref().unwrap();
    assert_eq!(SortKey::of(attribute, user.as_object().unwrap()), expected, "{by} of {user}");
}

fn text(text: &str) -> Option<SortKey> {
    Some(SortKey::Text(text.to_owned()))
}

#[test]
fn an_attribute_is_found_as_in_a_filter() {
    // R263
    let core = "urn:ietf:params:scim:schemas:core:2.0:User:userName";
    for (by, path) in [
        ("userName", "userName"),
        ("USERNAME", "userName"),
        (core, "userName"),
        ("name.familyname", "name.familyName"),
        ("emails", "emails.value"),
        ("emails.type", "emails.type"),
        ("meta.lastModified", "meta.lastModified"),
        ("members", ""),
        (&format!("{ENTERPRISE}:employeeNumber"), &format!("{ENTERPRISE}:employeeNumber")),
        (&format!("{}:manager", ENTERPRISE.to_lowercase()), &format!("{ENTERPRISE}:manager.value")),
    ] {
        match parse(Some(by), None) {
            Ok(sort) => assert_eq!(sort.by[0].as_ref().unwrap().to_string(), path),
            Err(error) => assert_eq!((error, path), (ScimType::InvalidPath, ""), "{by}"),
        }
    }
    for nothing in [None, Some(""), Some(" "), Some("id")] {
        assert_eq!(parse(nothing, None).unwrap().by, [None]);
    }
}

#[test]
fn what_cannot_be_sorted_by_is_refused() {
    // R263, R269, A31
    for by in [
        "name",
        "addresses",
        "meta",
        "password",
        "unknown",
        "name.unknown",
        "userName.value",
        "emails[type eq \"work\"]",
        ENTERPRISE,
        "userName; drop table resource",
        "' or 1=1 --",
        "r.document",
        "unique_key",
    ] {
        assert_eq!(parse(Some(by), None), Err(ScimType::InvalidPath), "{by}");
    }
    // R266
    for order in ["", "asc", "descending ", "1"] {
        assert_eq!(parse(Some("id"), Some(order)), Err(ScimType::InvalidValue), "{order}");
    }
    for (order, descending) in
        [(None, false), (Some("ascending"), false), (Some("descending"), true)]
    {
        assert_eq!(parse(Some("userName"), order).unwrap().descending, descending);
    }
}

#[test]
fn a_type_may_lack_what_another_has() {
    let types = [Registry::builtin().user(), Registry::builtin().group()];
    let sort = |by| Sort::parse(Some(by), None, &types, Dialect::Strict.leniency());

    let by: Vec<bool> = sort("userName").unwrap().by.iter().map(Option::is_some).collect();

    assert_eq!(by, [true, false]); // R214
    assert!(sort("displayName").unwrap().by.iter().all(Option::is_some));
    assert_eq!(sort("nothing").unwrap_err().scim_type(), Some(ScimType::InvalidPath));
}

#[test]
fn the_primary_element_counts_and_else_the_first() {
    // R264
    let emails = |elements: Value| json!({ "emails": elements });
    check("emails", emails(json!([{ "value": "B" }, { "value": "a" }])), text("b"));
    let second = json!([{ "value": "b" }, { "value": "A", "primary": true }]);
    check("emails", emails(second), text("a"));
    let unknown = json!([{ "type": "work" }, { "value": "a" }]);
    check("emails", emails(unknown), None);
    check("emails", emails(json!([])), None);
    check("emails", json!({}), None);
    check("schemas", json!({ "schemas": ["urn:b", "urn:a"] }), text("urn:b"));
}

#[test]
fn values_sort_by_their_type() {
    // R267
    check("userName", json!({ "userName": "BJensen" }), text("bjensen"));
    check("externalId", json!({ "externalId": "BJensen" }), text("BJensen"));
    let meta = json!({ "meta": { "created": "1970-01-01T01:00:00.5+01:00" } });
    check("meta.created", meta, Some(SortKey::Integer(500_000)));
    check("active", json!({ "active": false }), Some(SortKey::Boolean(false)));
    let long = json!({ "title": "é".repeat(2_000) });
    check("title", long, text(&"é".repeat(512)));
}

#[test]
fn numbers_sort_as_numbers() {
    let numbers = [f64::MIN, -2.5, -1.0, -0.0, 1e-9, 2.0, 10.0, f64::MAX];
    let keys: Vec<SortKey> = numbers.into_iter().map(SortKey::decimal).collect();

    assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(SortKey::decimal(0.0), SortKey::decimal(-0.0));
}

#[test]
fn what_has_no_value_comes_last_and_ties_go_by_id() {
    // R265, R268
    let at = |key: Option<&str>, id| Position {
        key: key.and_then(text),
        id: ResourceId::new(Uuid::from_u128(id)),
    };
    let sorted = [at(Some("a"), 9), at(Some("b"), 1), at(Some("b"), 2), at(None, 0), at(None, 5)];

    assert!(sorted.is_sorted());
}
