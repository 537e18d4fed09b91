//! Resources and filters by chance, over texts that are easy to compare wrongly.

use std::sync::Arc;

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    strategy::BoxedStrategy,
};
use serde_json::{Map, Value, json};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Letters with several spellings, wildcards of SQL, ends of ranges.
const PARTS: [&str; 33] = [
    "a",
    "A",
    "b",
    "B",
    "é",
    "É",
    "e\u{301}",
    "ß",
    "ẞ",
    "ss",
    "Σ",
    "σ",
    "ς",
    "İ",
    "I",
    "ı",
    "%",
    "_",
    "\\",
    "'",
    "\"",
    " ",
    "*",
    "K",
    "ﬁ",
    "fi",
    "\u{345}",
    "\u{ad}",
    "\u{d7ff}",
    "\u{ffff}",
    "😀",
    "\u{10ffff}",
    "?",
];

/// Longest key of an index, around which values are cut.
const KEY: usize = 1024;

pub(crate) fn word() -> impl Strategy<Value = String> {
    vec(select(PARTS.as_slice()), 0..4).prop_map(|parts| parts.concat())
}

/// Values longer than a key, alike in their first thousand bytes or more, with a
/// character that the cut may fall into.
pub(crate) fn long() -> impl Strategy<Value = String> {
    let start = prop_oneof![Just("r"), Just("ﬀ"), Just("é")];
    (start, KEY - 8..KEY + 8, select(["", "x", "y", "😀", "é😀x", "%"].as_slice()), 0..600_usize)
        .prop_map(|(start, bytes, middle, more)| {
            let head = start.repeat(bytes / start.len());
            let fill = "a".repeat(bytes % start.len());
            format!("{head}{fill}{middle}{}", "b".repeat(more))
        })
}

/// A value of an attribute that may be long.
pub(crate) fn role() -> impl Strategy<Value = String> {
    prop_oneof![3 => word(), 2 => long()]
}

fn kind() -> impl Strategy<Value = &'static str> {
    select(["work", "Work", "home", "other"].as_slice())
}

/// Elements of a multi-valued attribute, of which at most one is primary.
fn elements(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Vec<Value>> {
    let element = (option::weighted(0.9, value), option::of(kind()), option::weighted(0.3, word()));
    (vec(element, 0..4), option::of(0..4_usize), any::<bool>()).prop_map(
        |(elements, primary, says_false)| {
            let elements = elements.into_iter().enumerate();
            let elements = elements.map(|(place, (value, kind, display))| {
                let is_primary = primary == Some(place);
                object([
                    ("value", value.map(Value::from)),
                    ("type", kind.map(Value::from)),
                    ("display", display.map(Value::from)),
                    ("primary", (is_primary || says_false).then_some(is_primary.into())),
                ])
            });
            elements.filter(|element| !element.as_object().unwrap().is_empty()).collect()
        },
    )
}

pub(crate) fn object<'n>(members: impl IntoIterator<Item = (&'n str, Option<Value>)>) -> Value {
    let members = members.into_iter();
    let members: Map<String, Value> =
        members.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Value::Object(members)
}

fn array(elements: Vec<Value>) -> Option<Value> {
    (!elements.is_empty()).then_some(Value::Array(elements))
}

/// A user; `ids` are those of users that can be a manager.
pub(crate) fn user(number: usize, ids: Vec<String>) -> BoxedStrategy<Value> {
    let name = (option::of(word()), option::of(word()), option::of(word()));
    let texts =
        (word(), option::of(word()), option::of(word()), option::of(word()), option::of(word()));
    let lists = (
        elements(word()),
        elements(word()),
        elements(role()),
        elements(role()),
        vec((option::of(word()), option::of(kind())), 0..3),
    );
    let enterprise = (option::of(word()), option::of(word()), option::of(word()), manager(ids));
    (texts, name, lists, option::of(any::<bool>()), option::of(enterprise))
        .prop_map(move |(texts, name, lists, active, enterprise)| {
            let text = |text: Option<String>| text.map(Value::from);
            let (user_name, display, nick, title, external) = texts;
            let (emails, phones, roles, entitlements, addresses) = lists;
            let addresses = addresses.into_iter().map(|(locality, kind)| {
                object([("locality", text(locality)), ("type", kind.map(Value::from))])
            });
            let addresses = addresses.filter(|address| !address.as_object().unwrap().is_empty());
            let name = object([
                ("formatted", text(name.0)),
                ("familyName", text(name.1)),
                ("givenName", text(name.2)),
            ]);
            let enterprise = enterprise.map(|(employee, department, cost_centre, manager)| {
                object([
                    ("employeeNumber", text(employee)),
                    ("department", text(department)),
                    ("costCenter", text(cost_centre)),
                    ("manager", manager.map(|id| json!({ "value": id }))),
                ])
            });
            let enterprise =
                enterprise.filter(|extension| !extension.as_object().unwrap().is_empty());
            let schemas = match enterprise {
                Some(_) => json!([CORE, ENTERPRISE]),
                None => json!([CORE]),
            };
            object([
                ("schemas", Some(schemas)),
                ("userName", Some(format!("{user_name}{number}").into())),
                ("externalId", text(external)),
                ("displayName", text(display)),
                ("nickName", text(nick)),
                ("title", text(title)),
                ("active", active.map(Value::from)),
                ("name", (!name.as_object().unwrap().is_empty()).then_some(name)),
                ("emails", array(emails)),
                ("phoneNumbers", array(phones)),
                ("roles", array(roles)),
                ("entitlements", array(entitlements)),
                ("addresses", array(addresses.collect())),
                (ENTERPRISE, enterprise),
            ])
        })
        .boxed()
}

fn manager(ids: Vec<String>) -> BoxedStrategy<Option<String>> {
    match ids.is_empty() {
        true => Just(None).boxed(),
        false => option::of(select(ids)).boxed(),
    }
}

/// A group; `ids` are those of its possible members.
pub(crate) fn group(number: usize, ids: Vec<String>) -> BoxedStrategy<Value> {
    let most = ids.len().min(9);
    (word(), option::of(word()), subsequence(ids, 0..=most))
        .prop_map(move |(name, external, ids)| {
            let members = ids.iter().map(|id| json!({ "value": id }));
            object([
                ("schemas", Some(json!([GROUP]))),
                ("displayName", Some(format!("{name}g{}", number % 4).into())),
                ("externalId", external.map(Value::from)),
                ("members", array(members.collect())),
            ])
        })
        .boxed()
}

/// What filters compare with: texts and instants of the stored resources.
#[derive(Debug)]
pub(super) struct Pool {
    texts: Vec<String>,
    instants: Vec<String>,
}

impl Pool {
    pub(super) fn of(rows: &[Value]) -> Self {
        let mut texts = Vec::new();
        rows.iter().for_each(|row| collect(row, &mut texts));
        texts.sort();
        texts.dedup();
        let instants =
            rows.iter().flat_map(|row| [&row["meta"]["created"], &row["meta"]["lastModified"]]);
        let instants = instants.map(|instant| instant.as_str().unwrap().to_owned()).collect();
        Self { texts, instants }
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

/// A stored text, a piece of one, one in another case, or any text.
fn text(pool: &Arc<Pool>) -> BoxedStrategy<String> {
    let stored = select(pool.texts.clone());
    let piece = (stored.clone(), any::<(proptest::sample::Index, proptest::sample::Index)>());
    let piece = piece.prop_map(|(text, (from, to))| {
        let count = text.chars().count();
        let (from, to) = (from.index(count + 1), to.index(count + 1));
        text.chars().skip(from.min(to)).take(from.abs_diff(to)).collect::<String>()
    });
    let start = (stored.clone(), any::<proptest::sample::Index>()).prop_map(|(text, end)| {
        let end = end.index(text.chars().count() + 1);
        text.chars().take(end).collect::<String>()
    });
    let near_the_cut = (stored.clone(), KEY - 6..KEY + 3)
        .prop_map(|(text, bytes)| text[..text.floor_char_boundary(bytes)].to_owned());
    prop_oneof![
        4 => stored.clone(),
        2 => stored.clone().prop_map(|text| text.to_uppercase()),
        1 => stored.prop_map(|text| text.to_lowercase()),
        2 => piece,
        1 => start,
        1 => near_the_cut,
        2 => word(),
    ]
    .prop_map(|text| {
        // A filter may have 8 KiB, and several terms share them.
        let end = text.floor_char_boundary(2_000);
        text[..end].to_owned()
    })
    .boxed()
}

fn compare(paths: &'static [&'static str], pool: &Arc<Pool>) -> BoxedStrategy<String> {
    let op = select(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"].as_slice());
    (select(paths), op, text(pool))
        .prop_map(|(path, op, text)| format!("{path} {op} {}", Value::from(text)))
        .boxed()
}

fn flags(paths: &'static [&'static str]) -> BoxedStrategy<String> {
    (select(paths), select(["eq", "ne"].as_slice()), any::<bool>())
        .prop_map(|(path, op, flag)| format!("{path} {op} {flag}"))
        .boxed()
}

fn instants(pool: &Arc<Pool>) -> BoxedStrategy<String> {
    let instant = prop_oneof![
        3 => select(pool.instants.clone()),
        1 => select(pool.instants.clone()).prop_map(|instant| instant.replace('Z', "+00:00")),
        1 => Just("2011-05-13T04:42:34Z".to_owned()),
        1 => Just("2999-12-31T23:59:59.999+14:00".to_owned()),
    ];
    let path = select(["meta.created", "meta.lastModified"].as_slice());
    let op = select(["eq", "ne", "gt", "ge", "lt", "le"].as_slice());
    (path, op, instant).prop_map(|(path, op, at)| format!(r#"{path} {op} "{at}""#)).boxed()
}

fn presence(paths: &'static [&'static str]) -> BoxedStrategy<String> {
    (select(paths), select(["pr", "eq null", "ne null"].as_slice()))
        .prop_map(|(path, test)| format!("{path} {test}"))
        .boxed()
}

/// Terms joined by `and`, `or` and `not`.
pub(crate) fn joined(terms: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let joined = terms.prop_recursive(3, 6, 3, |inner| {
        let several = vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(|terms| format!("({})", terms.join(" and "))),
            several.prop_map(|terms| format!("({})", terms.join(" or "))),
            inner.prop_map(|term| format!("not ({term})")),
        ]
    });
    joined.prop_filter("a filter has at most 8 KiB", |filter| filter.len() <= 8_192).boxed()
}

fn in_brackets(
    paths: &'static [&'static str],
    inner: BoxedStrategy<String>,
) -> BoxedStrategy<String> {
    (select(paths), joined(inner)).prop_map(|(path, inner)| format!("{path}[{inner}]")).boxed()
}

/// Attributes of users that are compared as text.
const USER_TEXTS: &[&str] = &[
    "userName",
    "displayName",
    "externalId",
    "nickName",
    "title",
    "name.formatted",
    "name.familyName",
    "name.givenName",
    "emails",
    "emails.value",
    "emails.type",
    "emails.display",
    "phoneNumbers.value",
    "phoneNumbers",
    "roles",
    "roles.value",
    "roles.display",
    "entitlements.value",
    "addresses.locality",
    "addresses.type",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    "id",
    "groups",
    "groups.value",
    "groups.display",
    "groups.type",
    "schemas",
    "meta.resourceType",
    "meta.version",
    "meta.location",
];

/// Others, which can be present or not.
const USER_OTHERS: &[&str] = &[
    "active",
    "name",
    "emails.primary",
    "addresses",
    "meta",
    "meta.created",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
    "ims",
    "profileUrl",
];

/// Filters over users, on every kind of attribute, indexed or not.
pub(super) fn user_filters(pool: Arc<Pool>) -> BoxedStrategy<String> {
    static ALL: std::sync::LazyLock<Vec<&str>> =
        std::sync::LazyLock::new(|| [USER_TEXTS, USER_OTHERS].concat());
    let inner = prop_oneof![
        4 => compare(&["value", "type", "display"], &pool),
        1 => flags(&["primary"]),
        1 => presence(&["value", "type", "display", "primary"]),
    ];
    let address = prop_oneof![
        2 => compare(&["locality", "type"], &pool),
        1 => presence(&["locality", "type", "country"]),
    ];
    joined(
        prop_oneof![
            10 => compare(USER_TEXTS, &pool),
            2 => flags(&["active", "emails.primary", "roles.primary"]),
            2 => instants(&pool),
            3 => presence(ALL.as_slice()),
            4 => in_brackets(
                &["emails", "phoneNumbers", "roles", "entitlements"],
                inner.boxed(),
            ),
            1 => in_brackets(&["addresses"], address.boxed()),
            1 => in_brackets(&["groups"], compare(&["value", "display", "type"], &pool)),
            1 => in_brackets(&["name"], compare(&["familyName", "givenName"], &pool)),
        ]
        .boxed(),
    )
}

/// Filters over groups and their members.
pub(super) fn group_filters(pool: Arc<Pool>) -> BoxedStrategy<String> {
    const TEXTS: &[&str] = &[
        "displayName",
        "externalId",
        "id",
        "members",
        "members.value",
        "members.display",
        "members.type",
        "meta.version",
    ];
    let inner = prop_oneof![
        3 => compare(&["value", "display", "type"], &pool),
        1 => presence(&["value", "display", "type"]),
    ];
    joined(
        prop_oneof![
            6 => compare(TEXTS, &pool),
            1 => instants(&pool),
            2 => presence(TEXTS),
            2 => in_brackets(&["members"], inner.boxed()),
        ]
        .boxed(),
    )
}

/// Filters over what users and groups both have.
pub(super) fn common_filters(pool: Arc<Pool>) -> BoxedStrategy<String> {
    const TEXTS: &[&str] =
        &["id", "externalId", "displayName", "meta.resourceType", "meta.version", "schemas"];
    joined(
        prop_oneof![6 => compare(TEXTS, &pool), 1 => instants(&pool), 2 => presence(TEXTS)].boxed(),
    )
}
