//! Schemas by chance, and resources, PATCH operations and filters that fit them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use muster::scim::{
    path::AttributeRef,
    schema::{
        Attribute, AttributeType, Mutability, Registry, ResourceType, TypeDefinition, read_custom,
    },
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    strategy::BoxedStrategy,
};
use serde_json::{Map, Value, json};

use crate::filters::sample::{joined, long, word};

/// URN of the base schema.
pub(crate) const THING: &str = "urn:example:params:scim:schemas:core:2.0:Thing";
/// URN of the extension.
pub(crate) const MORE: &str = "urn:example:params:scim:schemas:extension:2.0:More";

/// Names of attributes: the same for the eye only, or not letters alone.
const NAMES: [&str; 8] = ["label", "Size", "seen-at", "cost_1", "tags$", "parts", "link", "blob"];
const MORE_NAMES: [&str; 4] = ["moreText", "more-at", "moreCount", "moreParts"];
const PARTS: [&str; 6] = ["value", "type", "display", "level", "when", "ratio"];

/// Which characteristics the attributes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Characteristics {
    /// Whatever a filter can be asked about and a client can change.
    Plain,
    /// All of them.
    Any,
}

/// A base schema and an extension, as a tenant registers them.
pub(crate) fn schemas(kind: Characteristics) -> BoxedStrategy<[Value; 2]> {
    let schema = move |urn: &'static str, names: &'static [&'static str]| {
        let names = subsequence(names.to_vec(), 2..=names.len());
        let attributes = names.prop_flat_map(move |names| {
            names.into_iter().map(|name| attribute(name, kind)).collect::<Vec<_>>()
        });
        attributes.prop_map(move |attributes| {
            json!({ "id": urn, "name": urn.rsplit(':').next(), "attributes": attributes })
        })
    };
    (schema(THING, &NAMES), schema(MORE, &MORE_NAMES)).prop_map(|(base, more)| [base, more]).boxed()
}

/// The resource type of those schemas, as a tenant registers it.
pub(crate) fn type_definition() -> Value {
    json!({
        "name": "Thing",
        "endpoint": "/Things",
        "schema": THING,
        "schemaExtensions": [{ "schema": MORE, "required": false }],
    })
}

/// The resource type that the schemas make.
pub(crate) fn resource_type(schemas: &[Value; 2]) -> Arc<ResourceType> {
    let read = schemas.iter().map(|schema| Arc::new(read_custom(schema).unwrap())).collect();
    let definition = TypeDefinition::read(&type_definition()).unwrap();
    let registry = Registry::with(0, read, &[(100, definition)]).unwrap();
    Arc::clone(registry.by_name("Thing").unwrap())
}

fn attribute(name: &'static str, kind: Characteristics) -> BoxedStrategy<Value> {
    let simple = (simple_type(), shape(kind))
        .prop_map(move |(attribute_type, shape)| define(name, attribute_type, shape));
    let parts = subsequence(PARTS.to_vec(), 1..=PARTS.len()).prop_flat_map(move |names| {
        let part = move |name| {
            let shape = shape(kind).prop_map(|shape| Shape {
                multi_valued: false,
                mutability: if shape.mutability == "writeOnly" {
                    "readWrite"
                } else {
                    shape.mutability
                },
                ..shape
            });
            (simple_type(), shape).prop_map(move |(kind, shape)| define(name, kind, shape))
        };
        names.into_iter().map(part).collect::<Vec<_>>()
    });
    let complex = (parts, shape(Characteristics::Plain)).prop_map(move |(mut parts, shape)| {
        if shape.multi_valued {
            parts.push(json!({ "name": "primary", "type": "boolean" }));
        }
        let many = shape.multi_valued;
        json!({ "name": name, "type": "complex", "multiValued": many, "subAttributes": parts })
    });
    prop_oneof![3 => simple, 1 => complex].boxed()
}

fn simple_type() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        3 => Just("string"),
        1 => select(["boolean", "decimal", "integer", "dateTime", "binary", "reference"].as_slice()),
    ]
}

/// Characteristics of one attribute.
#[derive(Debug, Clone)]
struct Shape {
    multi_valued: bool,
    case_exact: bool,
    indexed: bool,
    required: bool,
    canonical: Option<bool>,
    mutability: &'static str,
}

fn shape(kind: Characteristics) -> impl Strategy<Value = Shape> {
    let mutability = match kind {
        Characteristics::Plain => Just("readWrite").boxed(),
        Characteristics::Any => prop_oneof![
            6 => Just("readWrite"),
            1 => select(["readOnly", "immutable", "writeOnly"].as_slice()),
        ]
        .boxed(),
    };
    let is_any = kind == Characteristics::Any;
    let canonical = option::weighted(if is_any { 0.2 } else { 0.1 }, any::<bool>());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<u8>());
    (flags, canonical, mutability).prop_map(
        move |((many, case_exact, indexed, chance), canonical, mutability)| Shape {
            multi_valued: many && chance % 2 == 0,
            case_exact,
            indexed,
            required: is_any && chance % 8 == 0,
            canonical,
            mutability,
        },
    )
}

fn define(name: &str, attribute_type: &str, shape: Shape) -> Value {
    let is_secret = shape.mutability == "writeOnly";
    let mutability = match is_secret && (shape.multi_valued || name == "value") {
        true => "readWrite",
        false => shape.mutability,
    };
    let is_secret = mutability == "writeOnly";
    let mut attribute = json!({
        "name": name,
        "type": attribute_type,
        "multiValued": shape.multi_valued,
        "caseExact": shape.case_exact,
        "required": shape.required && mutability != "readOnly" && !is_secret,
        "indexed": shape.indexed && !is_secret,
        "mutability": mutability,
        "returned": if is_secret { "never" } else { "default" },
    });
    if let (Some(open), "string") = (shape.canonical, attribute_type) {
        attribute["canonicalValues"] = json!(["work", "home", "é"]);
        attribute["openValues"] = open.into();
    }
    attribute
}

/// A resource of the type that its schemas allow.
pub(crate) fn resource(kind: &ResourceType) -> BoxedStrategy<Value> {
    let named = |attribute: &Arc<Attribute>| {
        (Just(attribute.name.clone()), given(attribute.required, value(attribute)))
    };
    let base: Vec<_> = kind.schema.attributes.iter().map(named).collect();
    let more: Vec<_> = kind.extensions[0].schema.attributes.iter().map(named).collect();
    (base, option::weighted(0.8, more), option::of(word()))
        .prop_map(|(base, more, external)| {
            let mut object = json!({ "schemas": [THING] });
            if let Some(external) = external.filter(|text| !text.is_empty()) {
                object["externalId"] = external.into();
            }
            for (name, value) in base {
                if let Some(value) = value {
                    object[name] = value;
                }
            }
            let more = more.unwrap_or_default().into_iter();
            let more: Map<String, Value> =
                more.filter_map(|(name, value)| Some((name, value?))).collect();
            if !more.is_empty() {
                object["schemas"] = json!([THING, MORE]);
                object[MORE] = more.into();
            }
            object
        })
        .boxed()
}

/// A value that may be missing unless it is required.
fn given(required: bool, value: BoxedStrategy<Value>) -> BoxedStrategy<Option<Value>> {
    match required {
        true => value.prop_map(Some).boxed(),
        false => option::weighted(0.75, value).boxed(),
    }
}

/// A value of the attribute.
fn value(attribute: &Attribute) -> BoxedStrategy<Value> {
    let single = match attribute.is_complex() {
        true => complex(attribute),
        false => simple(attribute),
    };
    match attribute.multi_valued {
        true => (vec(single, 1..4), 0..8_usize)
            .prop_map(|(mut elements, primary)| {
                for (place, element) in elements.iter_mut().enumerate() {
                    if let Some(flag) = element.get_mut("primary") {
                        *flag = (place == primary).into();
                    }
                }
                Value::Array(elements)
            })
            .boxed(),
        false => single,
    }
}

fn complex(attribute: &Attribute) -> BoxedStrategy<Value> {
    let parts: Vec<_> = attribute
        .sub_attributes
        .iter()
        .map(|part| (Just(part.name.clone()), given(part.required, simple(part))))
        .collect();
    let parts = parts.prop_map(|parts| {
        let parts = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
        parts.collect::<Map<_, _>>()
    });
    parts
        .prop_filter_map("an element says something", |parts| {
            (!parts.is_empty()).then_some(Value::Object(parts))
        })
        .boxed()
}

fn simple(attribute: &Attribute) -> BoxedStrategy<Value> {
    if attribute.is_closed {
        return select(attribute.canonical_values.clone()).prop_map(Value::from).boxed();
    }
    match attribute.attribute_type {
        AttributeType::String => text().prop_map(Value::from).boxed(),
        AttributeType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        AttributeType::Integer => integer().prop_map(Value::from).boxed(),
        AttributeType::Decimal => decimal().boxed(),
        AttributeType::DateTime => date_time().prop_map(Value::from).boxed(),
        AttributeType::Binary => vec(any::<u8>(), 0..6)
            .prop_map(|bytes| STANDARD.encode(bytes).into())
            .prop_filter("binary says something", |value: &Value| value != "")
            .boxed(),
        AttributeType::Reference => select(
            ["https://x.test/%C3%A9", "https://X.test/a", "urn:x:y", "https://x.test/a"].as_slice(),
        )
        .prop_map(Value::from)
        .boxed(),
        AttributeType::Complex => unreachable!("complex attributes hold no complex ones"),
    }
}

/// A text that says something.
fn text() -> impl Strategy<Value = String> {
    let any = prop_oneof![4 => word(), 1 => long()];
    any.prop_map(|text| if text.trim().is_empty() { "a".to_owned() } else { text })
}

fn integer() -> impl Strategy<Value = i64> {
    const ENDS: [i64; 6] =
        [0, -1, 9_007_199_254_740_992, 9_007_199_254_740_993, i64::MAX, i64::MIN];
    prop_oneof![3 => -3..4_i64, 1 => select(ENDS.as_slice())]
}

fn decimal() -> impl Strategy<Value = Value> {
    const SOME: [f64; 8] = [0.0, 0.1, -0.1, 1.5, -2.25, 1e-300, 1e300, 9_007_199_254_740_992.0];
    prop_oneof![
        2 => select(SOME.as_slice()).prop_map(Value::from),
        1 => (-3..4_i64).prop_map(Value::from),
    ]
}

/// Few instants in many spellings, some of them next to each other.
fn date_time() -> impl Strategy<Value = String> {
    let moment = select(
        [
            "2024-02-29T23:59:59",
            "2024-03-01T00:00:00",
            "2011-05-13T04:42:34",
            "1969-12-31T23:59:59",
            "0001-01-01T12:00:00",
            "9999-12-30T12:00:00",
        ]
        .as_slice(),
    );
    let fraction =
        select(["", ".0", ".000", ".5", ".500000", ".999999", ".9999994", ".123456789"].as_slice());
    let zone =
        select(["Z", "+00:00", "-00:00", "+01:00", "-01:00", "+14:00", "-12:30", ""].as_slice());
    (moment, fraction, zone)
        .prop_map(|(moment, fraction, zone)| format!("{moment}{fraction}{zone}"))
}

/// PATCH operations that name attributes of the type, with values that often fit.
pub(crate) fn operations(kind: &ResourceType) -> BoxedStrategy<Value> {
    let mut places: Vec<BoxedStrategy<(String, Value)>> = Vec::new();
    for at in kind.attributes() {
        let attribute = Arc::clone(&at.attribute);
        let path = at.to_string();
        let element = Attribute { multi_valued: false, ..(*attribute).clone() };
        let fitting = prop_oneof![value(&attribute), value(&element), odd()];
        places.push(
            fitting
                .prop_map({
                    let path = path.clone();
                    move |value| (path.clone(), value)
                })
                .boxed(),
        );
        for part in &attribute.sub_attributes {
            let selected = match attribute.multi_valued {
                true => selections(&attribute),
                false => Just(String::new()).boxed(),
            };
            let (path, name) = (path.clone(), part.name.clone());
            let of_part = (selected, prop_oneof![3 => simple(part), 1 => odd()]);
            let of_part = of_part
                .prop_map(move |(brackets, value)| (format!("{path}{brackets}.{name}"), value));
            places.push(of_part.boxed());
        }
        if attribute.multi_valued && attribute.is_complex() {
            let path = path.clone();
            let whole = (selections(&attribute), value(&element));
            places.push(
                whole
                    .prop_map(move |(brackets, value)| (format!("{path}{brackets}"), value))
                    .boxed(),
            );
        }
    }
    places.push(odd().prop_map(|value| (MORE.to_owned(), value)).boxed());
    let places = proptest::strategy::Union::new(places);
    let verb = select(["add", "replace", "remove"].as_slice());
    let operation =
        (verb, places, any::<u8>()).prop_map(|(verb, (path, value), chance)| match verb {
            "remove" if chance % 4 != 0 => json!({ "op": verb, "path": path }),
            "add" | "replace" if chance % 8 == 0 => json!({ "op": verb, "value": { path: value } }),
            _ => json!({ "op": verb, "path": path, "value": value }),
        });
    vec(operation, 1..5).prop_map(Value::Array).boxed()
}

/// Brackets behind a multi-valued attribute.
fn selections(attribute: &Attribute) -> BoxedStrategy<String> {
    let parts: Vec<_> = attribute
        .sub_attributes
        .iter()
        .filter(|part| part.mutability != Mutability::WriteOnly)
        .map(|part| {
            let name = part.name.clone();
            let presence = Just(format!("[{name} pr]"));
            let equal = simple(part).prop_map(move |value| format!("[{name} eq {value}]"));
            prop_oneof![presence, equal].boxed()
        })
        .collect();
    match parts.is_empty() {
        true => Just("[nothing pr]".to_owned()).boxed(),
        false => proptest::strategy::Union::new(parts).boxed(),
    }
}

/// Values that fit nothing, or everything.
fn odd() -> BoxedStrategy<Value> {
    select(vec![
        Value::Null,
        json!([]),
        json!({}),
        json!(""),
        json!(true),
        json!("True"),
        json!(-1),
        json!(1.5),
        json!([null]),
        json!({ "value": null }),
        json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]),
    ])
    .boxed()
}

/// Filters over resources of the type, of which `rows` are stored.
pub(crate) fn filters(kind: &ResourceType, rows: &[Value]) -> BoxedStrategy<String> {
    let mut terms: Vec<BoxedStrategy<String>> = Vec::new();
    let whole = kind.attributes().chain(kind.common.iter().filter(|at| at.name == "id").map(core));
    for at in whole {
        terms.push(presence(at.to_string()));
        if !at.attribute.is_complex() {
            terms.push(comparison(&at, at.to_string(), rows));
            continue;
        }
        let mut inside = Vec::new();
        for part in &at.attribute.sub_attributes {
            let leaf = AttributeRef { sub_attribute: Some(Arc::clone(part)), ..at.clone() };
            terms.push(presence(leaf.to_string()));
            terms.push(comparison(&leaf, leaf.to_string(), rows));
            inside.push(comparison(&leaf, part.name.clone(), rows));
            inside.push(presence(part.name.clone()));
        }
        let path = at.to_string();
        let inside = joined(proptest::strategy::Union::new(inside).boxed());
        for _ in 0..2 {
            let path = path.clone();
            let brackets = inside.clone().prop_map(move |inside| format!("{path}[{inside}]"));
            terms.push(brackets.boxed());
        }
    }
    joined(proptest::strategy::Union::new(terms).boxed())
}

fn core(attribute: &Arc<Attribute>) -> AttributeRef {
    AttributeRef { extension: None, attribute: Arc::clone(attribute), sub_attribute: None }
}

fn presence(path: String) -> BoxedStrategy<String> {
    select(["pr", "eq null", "ne null"].as_slice())
        .prop_map(move |test| format!("{path} {test}"))
        .boxed()
}

/// `path op value`, where the value is often one that is stored, or a piece of it.
fn comparison(at: &AttributeRef, path: String, rows: &[Value]) -> BoxedStrategy<String> {
    let leaf = at.leaf();
    let mut ops = vec!["eq", "ne"];
    if !matches!(leaf.attribute_type, AttributeType::Boolean | AttributeType::Binary) {
        ops.extend(["gt", "ge", "lt", "le"]);
    }
    let is_text = matches!(leaf.attribute_type, AttributeType::String | AttributeType::Reference);
    if is_text {
        ops.extend(["co", "sw", "ew"]);
    }
    let mut stored = Vec::new();
    rows.iter().for_each(|row| collect(at, row, &mut stored));
    let fitting = simple(&Attribute { is_closed: false, ..leaf.clone() });
    let literal = match stored.is_empty() {
        true => fitting,
        false => prop_oneof![4 => select(stored), 1 => fitting].boxed(),
    };
    let literal = (literal, any::<(proptest::sample::Index, proptest::sample::Index, u8)>());
    let literal = literal.prop_map(move |(value, (from, to, chance))| match value {
        Value::String(text) if is_text => Value::from(piece(&text, from, to, chance)),
        other => other,
    });
    (select(ops), literal).prop_map(move |(op, value)| format!("{path} {op} {value}")).boxed()
}

/// A part of a text, in this case or another, short enough for a filter.
fn piece(
    text: &str,
    from: proptest::sample::Index,
    to: proptest::sample::Index,
    chance: u8,
) -> String {
    let characters: Vec<char> = text.chars().take(1_200).collect();
    let (from, to) = (from.index(characters.len() + 1), to.index(characters.len() + 1));
    let part: String = match chance % 4 {
        0 => characters[from.min(to)..from.max(to)].iter().collect(),
        1 => characters[..to].iter().collect(),
        _ => characters.iter().collect(),
    };
    match chance % 3 {
        0 => part.to_uppercase(),
        _ => part,
    }
}

/// The values at `at` that a representation shows.
fn collect(at: &AttributeRef, row: &Value, found: &mut Vec<Value>) {
    let container = match &at.extension {
        Some(urn) => &row[&**urn],
        None => row,
    };
    let whole = &container[&at.attribute.name];
    let elements = match whole {
        Value::Array(elements) => elements.as_slice(),
        single => std::slice::from_ref(single),
    };
    let leaves = elements.iter().map(|element| match &at.sub_attribute {
        Some(sub) => &element[&sub.name],
        None => element,
    });
    found.extend(leaves.filter(|leaf| !leaf.is_null()).cloned());
}
