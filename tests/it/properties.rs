//! What holds for every schema, resource and request.

use std::time::Duration;

use muster::scim::{
    ScimError,
    date_time::{format, parse_date_time},
    dialect::{Dialect, Leniency},
    filter::{MAX_BYTES, check, eval, parse},
    patch::{PatchOp, apply},
    path::{Resolved, parse_attribute_path, resolve},
    resource::{Document, validate},
    schema::{Mutability, ResourceType},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{
    filters::{Chance, sample},
    random::{self, Characteristics},
    support::TestApp,
};

const BELIEVED: Duration = Duration::from_millis(1100);
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn patched(
    kind: &ResourceType,
    document: &Document,
    operations: &Value,
    leniency: &Leniency,
) -> Result<Document, ScimError> {
    let body = map(&json!({ "schemas": [PATCH_OP], "Operations": operations }));
    let patch = PatchOp::parse(body, kind, leniency)?;
    Ok(apply(kind, document, &patch, leniency)?.document)
}

/// The document without attributes of which only is kept that they were given.
fn without_secrets(kind: &ResourceType, document: &Document) -> Document {
    let mut shown = Value::Object(document.attributes().clone());
    for at in kind.attributes() {
        let container = match &at.extension {
            Some(urn) => shown.get_mut(&**urn),
            None => Some(&mut shown),
        };
        let Some(container) = container.and_then(Value::as_object_mut) else { continue };
        if at.attribute.is_secret() {
            container.remove(&at.attribute.name);
        }
        if let (Some(urn), true) = (&at.extension, container.is_empty()) {
            shown.as_object_mut().unwrap().remove(&**urn);
        }
    }
    Document::from_json(&shown.to_string()).unwrap()
}

/// A type, a resource of it and operations on it.
fn patches() -> impl Strategy<Value = ([Value; 2], Value, Value)> {
    random::schemas(Characteristics::Any).prop_flat_map(|schemas| {
        let kind = random::resource_type(&schemas);
        (Just(schemas), random::resource(&kind), random::operations(&kind))
    })
}

fn filters() -> impl Strategy<Value = ([Value; 2], Value, String)> {
    random::schemas(Characteristics::Plain).prop_flat_map(|schemas| {
        let kind = random::resource_type(&schemas);
        let resource = random::resource(&kind);
        (Just(schemas), resource).prop_flat_map(move |(schemas, resource)| {
            let filter = random::filters(&kind, std::slice::from_ref(&resource));
            (Just(schemas), Just(resource), filter)
        })
    })
}

proptest! {
    // A failure is told with its input, which becomes a test of its own.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked, what is stored afterwards keeps its schema, or nothing changes.
    #[test]
    fn a_patch_keeps_the_schema_valid((schemas, resource, operations) in patches()) {
        let kind = random::resource_type(&schemas);
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let leniency = dialect.leniency();
            let before = validate(&kind, map(&resource), None, leniency);
            let before = before.unwrap_or_else(|error| panic!("{error}: {resource}")).document;
            let untouched = before.clone();

            let after = patched(&kind, &before, &operations, leniency);

            prop_assert_eq!(&before, &untouched);
            let Ok(after) = after else { continue };
            prop_assert_eq!(&Document::from_json(&after.to_json(&kind)).unwrap(), &after);
            let shown = without_secrets(&kind, &after);
            let text: Value = serde_json::from_str(&shown.to_json(&kind)).unwrap();
            let again = validate(&kind, map(&text), None, leniency);
            let again = again.unwrap_or_else(|error| panic!("{error}: {text}"));
            prop_assert_eq!(&again.document, &shown, "as a body it is the same");
            for at in kind.attributes() {
                let (old, new) = (before.get(&at), after.get(&at));
                match at.attribute.mutability {
                    Mutability::ReadOnly => prop_assert_eq!(old, new),
                    Mutability::Immutable => prop_assert!(old.is_none() || old == new),
                    Mutability::ReadWrite | Mutability::WriteOnly => (),
                }
                let belongs = at.extension.as_ref().is_none_or(|urn| after.attributes().contains_key(&**urn));
                prop_assert!(!(at.attribute.required && belongs) || new.is_some(), "{} is required", at);
            }
        }
    }

    /// The RFC's own words for a filter and its opposite, on types of every kind.
    #[test]
    fn a_filter_or_its_opposite_holds((schemas, resource, text) in filters()) {
        prop_assume!(text.len() < MAX_BYTES / 2 - 10);
        let kind = random::resource_type(&schemas);
        let leniency = Dialect::Strict.leniency();
        let document = validate(&kind, map(&resource), None, leniency).unwrap().document;
        let holds = |text: &str| {
            let parsed = parse(text, leniency).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(parse(&parsed.to_string(), leniency).as_ref(), Ok(&parsed), "{text}");
            let checked = check(&parsed, &kind, leniency);
            eval(&checked.unwrap_or_else(|error| panic!("{text}: {error}")), document.attributes())
        };
        let is = holds(&text);
        let (either, both) = (format!("{text} or not ({text})"), format!("({text}) and not ({text})"));
        prop_assert_ne!(is, holds(&format!("not ({text})")));
        prop_assert!(holds(&either));
        prop_assert!(!holds(&both));
        prop_assert_eq!(is, holds(&format!("not (not ({text}))")));
    }

    /// An attribute is found by the path that it prints, in any case of letters.
    #[test]
    fn an_attribute_is_found_by_its_path(schemas in random::schemas(Characteristics::Any)) {
        let kind = random::resource_type(&schemas);
        for at in kind.attributes() {
            for path in [at.to_string(), at.to_string().to_uppercase()] {
                let parsed = parse_attribute_path(&path).unwrap();
                prop_assert_eq!(parsed.to_string(), path);
                let found = resolve(&parsed, &kind, Dialect::Strict.leniency());
                prop_assert_eq!(found, Ok(Resolved::Attribute(at.clone())));
            }
        }
    }

    #[test]
    fn an_instant_is_read_as_it_was_written(microseconds in -62_135_596_800_000_000_i64..253_402_300_799_999_999) {
        let whole = microseconds.div_euclid(1000) * 1000;
        prop_assert_eq!(parse_date_time(&format(microseconds)), Some(whole));
    }

    /// Zone and digits change nothing of the instant.
    #[test]
    fn an_instant_has_many_spellings(
        seconds in 0..4_000_000_000_i64, micros in 0..1_000_000_i64, minutes in -14 * 60..=14 * 60_i64, more in 0..4_usize
    ) {
        let instant = seconds * 1_000_000 + micros;
        let local = format((seconds + minutes * 60) * 1_000_000);
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let text = format!(
            "{}.{micros:06}{}{sign}{hours:02}:{rest:02}",
            local.split('.').next().unwrap(), "7".repeat(more)
        );
        prop_assert_eq!(parse_date_time(&text), Some(instant), "{}", text);
    }

    #[test]
    fn no_text_is_half_a_date(text in r"[0-9T:.Z+\-]{0,30}|\PC{0,30}") {
        if let Some(instant) = parse_date_time(&text) {
            prop_assert!(text.contains('T') && 19 <= text.len(), "{} is {}", text, instant);
        }
    }
}

/// The same with attributes that say that there is nothing.
fn with_nothing(mut document: Value, number: usize) -> Value {
    let names = ["nickName", "title", "locale", "profileUrl", "displayName"];
    for name in names.iter().skip(number % names.len()) {
        document.as_object_mut().unwrap().entry(*name).or_insert(Value::Null);
    }
    for name in ["ims", "photos", "addresses"] {
        document.as_object_mut().unwrap().entry(name).or_insert(json!([]));
    }
    document
}

on_both_databases! {
    async fn a_put_of_what_a_get_gave_changes_nothing(app: TestApp) {
        let mut chance = Chance::new();
        for dialect in Dialect::ALL {
            let acme = app.new_tenant_with(dialect).await;
            let (mut resources, mut ids) = (Vec::new(), Vec::new());
            for number in 0..12 {
                let mut user = chance.draw(&sample::user(number, ids.clone()));
                user["userName"] = format!("Zoë{number}").into();
                let user = acme.create("Users", with_nothing(user, number)).await;
                ids.push(user.id().to_owned());
                resources.push(user);
            }
            for number in 0..4 {
                let group = chance.draw(&sample::group(number, ids.clone()));
                let group = acme.create("Groups", group).await;
                ids.push(group.id().to_owned());
                resources.push(group);
            }
            let schemas = chance.draw(&random::schemas(Characteristics::Plain));
            for schema in &schemas {
                app.operator().put_schema(acme.name(), None, schema).await.unwrap();
            }
            let own = random::type_definition();
            app.operator().put_resource_type(acme.name(), None, &own).await.unwrap();
            // For as long as a tenant's schemas are believed.
            tokio::time::sleep(BELIEVED).await;
            let things = random::resource(&random::resource_type(&schemas));
            for _ in 0..8 {
                resources.push(acme.create("Things", chance.draw(&things)).await);
            }
            let events = acme.events().await;
            for resource in &resources {
                let got = acme.get(resource).await.expect(200);

                let put = acme.put(resource).json(got.body.clone()).await.expect(200);

                let told = format!("{dialect:?}, MUSTER_TEST_FILTER_SEED={}", chance.seed);
                assert_eq!(put.body, got.body, "{told}");
                assert_eq!(put.headers["etag"], got.headers["etag"], "{told}");
                let after = acme.get(resource).await;
                assert_eq!(after.body, got.body, "{told}");
                assert_eq!(after.headers["etag"], got.headers["etag"], "{told}");
            }
            assert_eq!(acme.events().await, events);
        }
    }
}

/// A part alone is no value where another part must be.
#[test]
fn a_patch_makes_no_value_that_lacks_a_part() {
    let part = |name: &str, required: bool| json!({ "name": name, "required": required });
    let parts = json!([part("value", false), part("level", true)]);
    let attributes = json!([
        { "name": "label" },
        { "name": "one", "type": "complex", "subAttributes": parts },
        { "name": "many", "type": "complex", "multiValued": true, "subAttributes": parts },
    ]);
    let more = json!({ "id": random::MORE, "attributes": [{ "name": "more" }] });
    let kind =
        random::resource_type(&[json!({ "id": random::THING, "attributes": attributes }), more]);
    let leniency = Dialect::Strict.leniency();
    let before = map(&json!({ "schemas": [random::THING], "label": "a" }));
    let before = validate(&kind, before, None, leniency).unwrap().document;

    let whole = json!([{ "op": "add", "path": "one", "value": { "level": "b" } }]);
    let with_one = patched(&kind, &before, &whole, leniency).unwrap();
    for (document, operation) in [
        (&before, json!({ "op": "add", "path": "one.value", "value": "a" })),
        (&before, json!({ "op": "add", "path": "many", "value": [{ "value": "a" }] })),
        (&with_one, json!({ "op": "remove", "path": "one.level" })),
    ] {
        let refused = patched(&kind, document, &json!([operation]), leniency);
        assert!(refused.is_err(), "{operation}: {refused:?}");
    }
}
