//! Filters on one resource.

use serde_json::{Value, json};

use crate::scim::{
    filter::{check, check_element, eval, eval_element, parse},
    path::{
        AttributeRef,
        sample::{tolerant, user},
    },
};

fn barbara() -> Value {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "id": "2819c223-AB",
        "externalId": "Ext-7",
        "userName": "BJensen",
        "name": { "familyName": "Jensén", "givenName": "" },
        "displayName": "100%_\\*? of Straße",
        "profileUrl": "https://Example.com/b",
        "active": true,
        "emails": [
            { "value": "B@work.example", "type": "work", "primary": true },
            { "value": "b@home.example", "type": "home" },
            { "value": "b@other.example" }
        ],
        "groups": [],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "Sales",
            "manager": { "value": "26" }
        },
        "urn:example:schemas:extension:badge:1.5:User": {
            "level": 10,
            "weight": 2.5,
            "tags": ["Red", "blue"]
        },
        "meta": {
            "resourceType": "User",
            "created": "2026-01-01T00:00:00Z",
            "lastModified": "2026-01-01T01:00:00.500+01:00",
            "version": "W/\"3\""
        }
    })
}

#[track_caller]
fn check_on(resource: &Value, filter: &str, expected: bool) {
    let parsed = parse(filter, &tolerant()).unwrap_or_else(|error| panic!("{filter}: {error}"));
    let checked = check(&parsed, &user(), &tolerant()).unwrap_or_else(|e| panic!("{filter}: {e}"));
    assert_eq!(eval(&checked, resource.as_object().unwrap()), expected, "{filter}");
}

#[track_caller]
fn holds(filters: &[&str]) {
    for filter in filters {
        check_on(&barbara(), filter, true);
        check_on(&barbara(), &format!("not ({filter})"), false);
    }
}

#[track_caller]
fn fails(filters: &[&str]) {
    for filter in filters {
        check_on(&barbara(), filter, false);
        // R250
        check_on(&barbara(), &format!("not ({filter})"), true);
    }
}

#[test]
fn text_follows_the_case_rule_of_its_attribute() {
    // R244, R231
    holds(&[
        "userName eq \"bjensen\"",
        "USERNAME EQ \"BJENSEN\"",
        "userName eq \"ｂｊｅｎｓｅｎ \"",
        "userName co \"ＪＥＮ\"",
        "name.familyName eq \"JENSE\u{301}N\"",
        "displayName ew \"STRASSE\"",
        "externalId eq \"Ext-7\"",
        "id eq \"2819c223-AB\"",
        "emails.value eq \"b@WORK.example\"",
        "profileUrl co \"Example\"",
        "schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"",
        "meta.resourceType eq \"User\"",
        "meta.version eq \"W/\\\"3\\\"\"",
    ]);
    fails(&[
        "externalId eq \"ext-7\"",
        "id eq \"2819C223-ab\"",
        "profileUrl co \"example\"",
        "userName eq \"bjensen2\"",
        "userName sw \"bjensen \"",
        "userName ne \"bjensen\"",
        "meta.resourceType eq \"user\"",
    ]);
}

#[test]
fn substrings_are_plain_text() {
    // R234, R235, R237
    holds(&[
        "userName co \"JEN\"",
        "userName sw \"bj\"",
        "userName ew \"sen\"",
        "userName co \"bjensen\" and userName sw \"bjensen\" and userName ew \"bjensen\"",
        "displayName co \"0%_\\\\*?\"",
        "userName co \"\"",
        "userName sw \"\"",
        "userName ew \"\"",
    ]);
    fails(&[
        "userName co \"%\"",
        "userName co \"b_ensen\"",
        "userName sw \".*\"",
        "userName sw \"jensen\"",
        "userName ew \"bj\"",
        "title co \"\"",
        "userName eq \"' or 1=1 --\"",
    ]);
}

#[test]
fn order_is_that_of_the_type() {
    // R240
    holds(&[
        "userName gt \"BJENSEM\"",
        "userName ge \"bjensen\"",
        "userName le \"bjensen\"",
        "userName lt \"c\"",
        "level gt 9",
        "level ge 10",
        "level lt 11",
        "level eq 10.0",
        "weight gt 2",
        "weight le 2.5",
        "weight eq 2.5",
    ]);
    fails(&["userName gt \"bjensen\"", "userName lt \"BJENSEN\"", "level gt 10", "weight ge 2.51"]);
    // R241
    holds(&[
        "meta.created eq \"2026-01-01T01:00:00+01:00\"",
        "meta.created eq \"2026-01-01T00:00:00.000\"",
        "meta.lastModified eq \"2026-01-01T00:00:00.5Z\"",
        "meta.lastModified gt \"2026-01-01T00:00:00Z\"",
        "meta.lastModified lt \"2026-01-01T00:00:01Z\"",
        "meta.lastModified ne \"2026-01-01T00:00:00Z\"",
    ]);
    fails(&[
        "meta.created gt \"2026-01-01T00:00:00Z\"",
        "meta.created ne \"2026-01-01T00:00:00Z\"",
    ]);
}

#[test]
fn numbers_of_both_kinds_compare_numerically() {
    let badge = |level: Value, weight: Value| json!({ "urn:example:schemas:extension:badge:1.5:User": { "level": level, "weight": weight } });
    check_on(&badge(json!(10.0), json!(10)), "level eq 10 and weight eq 10.0", true);
    check_on(&badge(json!(9.5), json!(10)), "level lt 10 and weight lt 10.5", true);
    check_on(&badge(json!(u64::MAX), json!(u64::MAX)), "level gt 9223372036854775807", true);
    check_on(&badge(json!("10"), json!(null)), "level eq 10 or weight pr", false);
}

#[test]
fn what_is_absent_equals_nothing_and_differs_from_all() {
    // R232, R233
    holds(&[
        "title ne \"x\"",
        "title eq null",
        "groups ne \"x\"",
        "active ne null",
        "groups.value eq null",
        "groups.primary ne false",
    ]);
    fails(&[
        "title eq \"x\"",
        "title ne null",
        "title lt \"x\"",
        "title ge \"\"",
        "groups.primary eq false",
        "groups[primary ne true]",
    ]);
    check_on(&json!({}), "active eq false", false);
    check_on(&json!({ "active": null }), "active ne true", true);
}

#[test]
fn presence_needs_a_value() {
    // R238
    holds(&["userName pr", "name pr", "emails pr", "emails.type pr", "active pr", "manager pr"]);
    fails(&["title pr", "name.givenName pr", "groups pr", "groups.value pr", "level eq null"]);
    for empty in [
        json!({ "name": {} }),
        json!({ "name": { "familyName": "" } }),
        json!({ "name": null }),
        json!({ "name": [] }),
        json!({ "emails": [{}, { "value": null }, { "value": "" }], "name": null }),
    ] {
        check_on(&empty, "name pr or emails pr or emails.value pr", false);
    }
    check_on(&json!({ "active": false }), "active pr", true);
    check_on(&json!({ "emails": [{ "type": "work" }] }), "emails.primary pr", false);
}

#[test]
fn one_of_many_values_is_enough() {
    // R245, R248
    holds(&[
        "emails.type eq \"home\"",
        "emails eq \"b@other.example\"",
        "emails.type ne \"work\"",
        "tags eq \"RED\"",
        "tags ne \"red\"",
        "tags gt \"blues\"",
        "schemas co \"enterprise\"",
    ]);
    fails(&["emails.type eq \"fax\"", "tags eq \"green\""]);
    check_on(&json!({ "emails": [{ "type": "work" }] }), "emails.type ne \"work\"", false);
    // A single value where an array is expected is one element.
    check_on(&json!({ "emails": { "value": "x" } }), "emails eq \"x\"", true);
}

#[test]
fn brackets_want_one_element_for_all_terms() {
    // R246
    holds(&[
        "emails.type eq \"work\" and emails.value co \"home\"",
        "emails[type eq \"work\" and value co \"@work\"]",
        "emails[type eq \"work\"].value eq \"b@work.example\"",
        "emails[not (type pr)]",
        "emails[type eq null and value ew \"other.example\"]",
        "tags[value eq \"red\"]",
        "name[familyName pr and givenName ne \"x\"]",
        "emails[primary eq \"True\"]",
    ]);
    fails(&[
        "emails[type eq \"work\" and value co \"home\"]",
        "tags[value eq \"red\" and value eq \"blue\"]",
        "groups[value ne \"x\"]",
        "name[givenName pr]",
    ]);
}

#[test]
fn an_absent_primary_is_false() {
    holds(&[
        "emails.primary eq false",
        "emails[type eq \"home\" and primary eq false]",
        "emails[type eq \"home\" and primary ne true]",
        "emails.primary ne true",
    ]);
    fails(&[
        "emails[type eq \"home\" and primary pr]",
        "emails[type eq \"work\" and primary ne true]",
    ]);
}

#[test]
fn extension_attributes_lie_below_their_urn() {
    // R256, R257
    holds(&[
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"SALES\"",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"26\"",
        "manager eq \"26\"",
        "department sw \"s\"",
    ]);
    check_on(&json!({ "department": "Sales" }), "department pr", false);
}

#[test]
fn an_element_may_be_a_simple_value() {
    let user = user();
    let reference = |name: &str| AttributeRef {
        extension: None,
        attribute: user.core_attribute(name).unwrap().clone(),
        sub_attribute: None,
    };
    let filter = parse("value eq \"X\"", &tolerant()).unwrap();
    for (name, element, expected) in [
        ("emails", json!({ "value": "x", "type": "work" }), true),
        ("emails", json!({ "type": "x" }), false),
        ("emails", json!("x"), true),
        ("emails", json!("y"), false),
        ("emails", json!(null), false),
        ("schemas", json!("X"), true),
        ("schemas", json!("x"), false),
    ] {
        let checked = check_element(&filter, &reference(name), &tolerant()).unwrap();
        assert_eq!(eval_element(&checked, &element), expected, "{name} {element}");
    }
}
