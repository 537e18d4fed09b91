//! What `/Schemas` says of an attribute is what requests meet, for every attribute.

use std::sync::atomic::{AtomicU32, Ordering};

use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Resource, TestApp, TestTenant, replace};

const SAMPLE: &str = "urn:example:params:scim:schemas:core:2.0:Sample";
const MORE: &str = "urn:example:params:scim:schemas:extension:2.0:More";

/// An attribute for each characteristic.
fn sample(urn: &str) -> Value {
    json!({ "id": urn, "attributes": [
        { "name": "label", "required": true },
        { "name": "code", "caseExact": true, "uniqueness": "server" },
        { "name": "nick", "uniqueness": "global" },
        { "name": "size", "type": "integer", "uniqueness": "server" },
        { "name": "weight", "type": "decimal" },
        { "name": "since", "type": "dateTime" },
        { "name": "blob", "type": "binary" },
        { "name": "home", "type": "reference", "referenceTypes": ["external"] },
        { "name": "born", "mutability": "immutable" },
        { "name": "fixed", "mutability": "readOnly" },
        { "name": "secret", "mutability": "writeOnly", "returned": "never" },
        { "name": "hidden", "returned": "never" },
        { "name": "shown", "returned": "always" },
        { "name": "asked", "returned": "request" },
        { "name": "kind", "canonicalValues": ["A", "B"] },
        { "name": "flags", "type": "boolean", "multiValued": true },
        { "name": "tags", "multiValued": true, "caseExact": true, "indexed": true },
        { "name": "place", "type": "complex", "subAttributes": [
            { "name": "room", "indexed": true }, { "name": "door", "returned": "request" },
        ] },
        { "name": "parts", "type": "complex", "multiValued": true, "subAttributes": [
            { "name": "value", "caseExact": true }, { "name": "type" },
        ] },
    ] })
}

/// A value that no other has.
fn value(attribute: &Value) -> Value {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let simple = match attribute["type"].as_str().unwrap() {
        "boolean" => json!(true),
        "integer" => json!(count),
        "decimal" => json!(f64::from(count) + 0.5),
        "dateTime" => json!(format!("2026-01-01T00:00:00.{:06}Z", count)),
        "binary" => json!("aGk="),
        "reference" => json!(format!("https://example.com/Path{count}")),
        "complex" => {
            let subs = attribute["subAttributes"].as_array().unwrap().iter();
            let subs = subs.filter(|sub| sub["mutability"] != "readOnly");
            subs.map(|sub| (sub["name"].as_str().unwrap().to_owned(), value(sub)))
                .collect::<Map<_, _>>()
                .into()
        }
        _ => match attribute["canonicalValues"].get(0) {
            Some(first) => first.clone(),
            None => json!(format!("Value{count}")),
        },
    };
    if attribute["multiValued"] == true { json!([simple]) } else { simple }
}

/// A schema of a type as clients see it.
struct Place {
    endpoint: String,
    base: String,
    urn: String,
    attributes: Vec<Value>,
    /// Of the base schema.
    required: Vec<Value>,
}

impl Place {
    fn is_extension(&self) -> bool {
        self.urn != self.base
    }

    fn path(&self, name: &str) -> String {
        if self.is_extension() { format!("{}:{name}", self.urn) } else { name.to_owned() }
    }

    fn read<'v>(&self, body: &'v Value, name: &str) -> &'v Value {
        if self.is_extension() { &body[&self.urn][name] } else { &body[name] }
    }

    /// A body with everything that is required, but `left_out`, and `name` with `given`.
    fn body(&self, left_out: &str, name: &str, given: Option<Value>) -> Value {
        let mut body = json!({ "schemas": [self.base] });
        for attribute in
            self.required.iter().filter(|each| self.is_extension() || each["name"] != left_out)
        {
            body[attribute["name"].as_str().unwrap()] = value(attribute);
        }
        if !self.is_extension() {
            given.into_iter().for_each(|given| body[name] = given);
            return body;
        }
        body["schemas"] = json!([self.base, self.urn]);
        let mut inner = Map::new();
        for attribute in self
            .attributes
            .iter()
            .filter(|each| each["required"] == true && each["name"] != left_out)
        {
            inner.insert(attribute["name"].as_str().unwrap().to_owned(), value(attribute));
        }
        given.into_iter().for_each(|given| drop(inner.insert(name.to_owned(), given)));
        // The extension must be there for its demands to hold.
        if inner.is_empty() {
            let other = self
                .attributes
                .iter()
                .find(|each| each["required"] != true && each["mutability"] == "readWrite");
            let other = other.unwrap();
            inner.insert(other["name"].as_str().unwrap().to_owned(), value(other));
        }
        body[&self.urn] = inner.into();
        body
    }
}

async fn places(tenant: &TestTenant) -> Vec<Place> {
    let types = tenant.request(Method::GET, "/ResourceTypes").await.expect(200);
    let mut places = Vec::new();
    for kind in types["Resources"].as_array().unwrap() {
        let mut urns = vec![kind["schema"].clone()];
        let extensions = kind["schemaExtensions"].as_array().cloned().unwrap_or_default();
        urns.extend(extensions.iter().map(|extension| extension["schema"].clone()));
        let mut required = Vec::new();
        for urn in urns {
            let urn = urn.as_str().unwrap().to_owned();
            let schema = tenant.request(Method::GET, &format!("/Schemas/{urn}")).await.expect(200);
            let attributes = schema["attributes"].as_array().unwrap().clone();
            if kind["schema"] == *urn {
                required =
                    attributes.iter().filter(|each| each["required"] == true).cloned().collect();
            }
            places.push(Place {
                endpoint: kind["endpoint"].as_str().unwrap().to_owned(),
                base: kind["schema"].as_str().unwrap().to_owned(),
                urn,
                attributes,
                required: required.clone(),
            });
        }
    }
    places
}

async fn post(tenant: &TestTenant, place: &Place, body: Value) -> crate::support::Answer {
    tenant.request(Method::POST, &place.endpoint).json(body).await
}

async fn check_attribute(tenant: &TestTenant, place: &Place, attribute: &Value) {
    let name = attribute["name"].as_str().unwrap();
    let path = place.path(name);
    let says = |member: &str, word: &str| attribute[member] == word;
    // R145
    for member in ["type", "multiValued", "required", "mutability", "returned"] {
        assert!(!attribute[member].is_null(), "{path} {member}");
    }
    if attribute["required"] == true {
        post(tenant, place, place.body(name, name, None))
            .await
            .expect_error(400, Some("invalidValue"));
    }
    let given = value(attribute);
    let made = post(tenant, place, place.body("", name, Some(given.clone()))).await.expect(201);
    if says("mutability", "readOnly") {
        // R38
        assert_ne!(*place.read(&made.body, name), given, "{path}");
        return;
    }
    let resource = Resource::new(place.endpoint.trim_start_matches('/'), made.clone());
    check_returned(tenant, place, attribute, &resource).await;
    let other = value(attribute);
    let changed = tenant.patch(&resource, replace(&path, other.clone())).await;
    // R39
    match says("mutability", "immutable") {
        true => changed.expect_error(400, Some("mutability")),
        false => assert!(changed.status < 300, "{changed}"),
    }
    let stored = if says("mutability", "immutable") { given } else { other };
    let twin = post(tenant, place, place.body("", name, Some(stored.clone()))).await;
    // R46, R47
    match attribute["uniqueness"].as_str().is_some_and(|word| word != "none") {
        true => twin.expect_error(409, Some("uniqueness")),
        false => assert_eq!(twin.status, 201, "{twin}"),
    }
    let readable = !says("returned", "never") && !says("mutability", "writeOnly");
    let first = stored.get(0).unwrap_or(&stored).clone();
    match attribute["type"].as_str().unwrap() {
        "string" if readable => check_case(tenant, place, attribute, &path, &first).await,
        "complex" if readable => {
            for sub in attribute["subAttributes"].as_array().unwrap() {
                if sub["type"] == "string"
                    && sub["mutability"] != "readOnly"
                    && sub["returned"] != "never"
                {
                    let sub_name = sub["name"].as_str().unwrap();
                    let path = format!("{path}.{sub_name}");
                    check_case(tenant, place, sub, &path, &first[sub_name]).await;
                }
            }
        }
        _ => (),
    }
}

/// R41, R42, R43, R44
async fn check_returned(
    tenant: &TestTenant,
    place: &Place,
    attribute: &Value,
    resource: &Resource,
) {
    let name = attribute["name"].as_str().unwrap();
    let path = place.path(name);
    let (unasked, named, others) = match attribute["returned"].as_str().unwrap() {
        "always" => (true, true, true),
        "never" => (false, false, false),
        "request" => (false, true, false),
        _ => (true, true, false),
    };
    for (query, expected) in [
        (String::new(), unasked),
        (format!("?attributes={path}"), named),
        ("?attributes=id".to_owned(), others),
        (format!("?excludedAttributes={path}"), others),
    ] {
        let answer =
            tenant.request(Method::GET, &format!("{}{query}", resource.path())).await.expect(200);
        assert_eq!(!place.read(&answer.body, name).is_null(), expected, "{path} {query}: {answer}");
    }
}

/// R36, R37
async fn check_case(
    tenant: &TestTenant,
    place: &Place,
    attribute: &Value,
    path: &str,
    stored: &Value,
) {
    let text = stored.as_str().unwrap();
    let swapped = if text.chars().any(char::is_lowercase) {
        text.to_uppercase()
    } else {
        text.to_lowercase()
    };
    if swapped == text {
        return;
    }
    let endpoint = place.endpoint.trim_start_matches('/');
    for (text, expected) in [(text, true), (&*swapped, attribute["caseExact"] != true)] {
        let list = tenant.list(endpoint, &format!("{path} eq \"{text}\"")).await.expect(200);
        assert_eq!(list["totalResults"] != 0, expected, "{path} eq {text}: {list}");
    }
}

on_both_databases! {
    async fn every_attribute_is_what_its_schema_says(app: TestApp) {
        let tenant = app.new_tenant_with(Dialect::Strict).await;
        for (urn, attributes) in [(SAMPLE, sample(SAMPLE)), (MORE, more())] {
            assert_eq!(attributes["id"], urn);
            app.operator().put_schema(tenant.name(), None, &attributes).await.unwrap();
        }
        let kind = json!({ "name": "Sample", "endpoint": "/Samples", "schema": SAMPLE,
            "schemaExtensions": [{ "schema": MORE, "required": false }] });
        app.operator().put_resource_type(tenant.name(), None, &kind).await.unwrap();
        let mut checked = 0;
        // R148
        for place in places(&tenant).await {
            for attribute in &place.attributes {
                // Members must exist, and certificates be such.
                if attribute["name"] == "members" || attribute["name"] == "x509Certificates" {
                    continue;
                }
                check_attribute(&tenant, &place, attribute).await;
                checked += 1;
            }
        }
        assert!(60 < checked, "{checked}");
    }
}

/// The same attributes under other names, as an extension.
fn more() -> Value {
    let mut more = sample(MORE);
    for attribute in more["attributes"].as_array_mut().unwrap() {
        attribute["name"] = json!(format!("{}2", attribute["name"].as_str().unwrap()));
    }
    more
}
