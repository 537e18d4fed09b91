//! Filters (RFC 7644 §3.4.2.2) and projections (§3.9) as clients meet them.
//! What each filter means is tested beside `scim::filter`.

use std::collections::BTreeSet;

use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Resource, TestApp, TestTenant, replace};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

fn user(name: &str, more: Value) -> Value {
    let mut document = json!({ "schemas": [USER, ENTERPRISE], "userName": name });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

/// Names of the users that a query string finds.
async fn found(tenant: &TestTenant, query: &str) -> BTreeSet<String> {
    let list = tenant.request(Method::GET, &format!("/Users?{query}")).await.expect(200);
    let rows = list["Resources"].as_array().unwrap();
    assert_eq!(list["totalResults"], rows.len(), "{list}");
    rows.iter().map(|row| row["userName"].as_str().unwrap().to_owned()).collect()
}

/// The filter finds these users.
async fn check(tenant: &TestTenant, filter: &str, expected: &[&str]) {
    let encoded = percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
    let found = found(tenant, &format!("filter={encoded}")).await;
    assert_eq!(found, expected.iter().map(|&name| name.to_owned()).collect(), "{filter}");
}

/// Names of what an answer shows beside `id` and `schemas`, which it must have.
#[track_caller]
fn shown(resource: &Value) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> =
        resource.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(names.remove("id") && names.remove("schemas"), "{resource}"); // R299, R300
    names
}

on_both_databases! {
    async fn a_filter_finds_what_matches_and_nothing_else(app: TestApp) {
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            let configuration = acme.request(Method::GET, "/ServiceProviderConfig").await;
            assert_eq!(configuration["filter"]["supported"], true); // R219
            acme.create("Users", user("Ann", json!({
                "externalId": "E1", "title": "a_b%c\\d*e?f",
                "emails": [{ "value": "Ann@Work.Example", "type": "work" }, { "value": "ann@home.example", "type": "home" }],
                ENTERPRISE: { "department": "Tours", "manager": { "value": "m1" } },
            }))).await;
            acme.create("Users", user("bob", json!({ "active": false, "title": "axbxcxd" }))).await;
            acme.create("Users", user("a+b@x", json!({ "emails": [{ "value": "b@work.example", "type": "home" }] }))).await;
            for (filter, expected) in [
                ("userName eq \"ANN\"", &["Ann"][..]), // R220, R244
                ("USERNAME Eq \"ann\"", &["Ann"]), // R221, R222
                ("urn:ietf:params:SCIM:schemas:core:2.0:user:userName eq \"ann\"", &["Ann"]), // R222, R223
                ("externalId eq \"E1\"", &["Ann"]), // R244, R256
                ("externalId eq \"e1\"", &[]), // R244, R69
                ("active eq true", &["Ann", "a+b@x"]), // R253, R93
                ("active eq false", &["bob"]), // R92, R253
                ("not (active eq false)", &["Ann", "a+b@x"]), // R250, R253
                ("not(active eq false) and title pr", &["Ann"]), // R228
                ("emails.value eq \"ann@work.EXAMPLE\"", &["Ann"]), // R99, R245
                ("emails co \"home.example\"", &["Ann"]), // R248
                ("emails[type eq \"home\" and value co \"@work\"]", &["a+b@x"]), // R246
                ("emails.type eq \"home\" and emails.value co \"@work\"", &["Ann", "a+b@x"]), // R246
                ("title co \"_b%\"", &["Ann"]), // R235
                ("title co \"\\\\d*e?\"", &["Ann"]), // R226, R235
                ("title sw \"a\" and title ew \"d\"", &["bob"]), // R234
                ("title eq null", &["a+b@x"]), // R233
                ("title ne \"axbxcxd\"", &["Ann", "a+b@x"]), // R232
                ("userName eq \"bob\" or userName eq \"Ann\" and title eq \"none\"", &["bob"]), // R227
                ("(userName eq \"bob\" or userName eq \"Ann\") and title eq \"none\"", &[]), // R227, R230
                ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"m1\"", &["Ann"]), // R223, R257
                ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", &["Ann"]), // R254
                ("meta.resourceType eq \"User\" and meta.created gt \"2020-01-01T00:00:00Z\"", &["Ann", "bob", "a+b@x"]), // R241, R256
            ] {
                check(&acme, filter, expected).await;
            }
            acme.request(Method::GET, "/Users?filter=").await.expect_error(400, Some("invalidFilter")); // R224
            for wrong in [
                "userName", "userName eq", "userName xx \"a\"", "userName eq 'a'", // R224, R225, R251
                "shoe eq \"a\"", "password eq \"a\"", "active gt true", "meta.created gt \"soon\"", // R252, R258, R239, R242
                "userName eq \"a\" and", "emails[shoe eq \"a\"]", "name eq \"a\"", // R224, R247, R248
            ] {
                acme.list("Users", wrong).await.expect_error(400, Some("invalidFilter"));
            }
        }
    }

    async fn a_plus_is_a_space_unless_it_is_encoded(app: TestApp) {
        let acme = app.new_tenant().await;
        acme.create("Users", user("a+b@x", json!({}))).await;
        acme.create("Users", user("a b@x", json!({}))).await;
        for (query, name) in [
            ("filter=userName%20eq%20%22a%2Bb@x%22", "a+b@x"), // R260
            ("filter=userName+eq+%22a%2Bb@x%22", "a+b@x"), // R260
            ("filter=userName+eq+%22a+b@x%22", "a b@x"), // R260
            ("filter=userName%20eq%20%22a%20b@x%22", "a b@x"), // R260
        ] {
            assert_eq!(found(&acme, query).await, BTreeSet::from([name.to_owned()]), "{query}");
        }
    }

    async fn who_is_disabled_is_still_found(app: TestApp) {
        let acme = app.new_tenant().await;
        let bob = acme.create("Users", user("bob", json!({}))).await;
        let answer = acme.patch(&bob, replace("active", false)).await.expect(200);
        assert_eq!(answer["active"], false); // R91
        assert_eq!(acme.get(&bob).await.expect(200)["active"], false); // R92
        check(&acme, "userName eq \"bob\"", &["bob"]).await; // R92
        check(&acme, "active eq false", &["bob"]).await; // R92, R218
    }

    async fn every_method_answers_what_was_asked_for(app: TestApp) {
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            let document = |name: &str| user(name, json!({
                "name": { "givenName": "G", "familyName": "F" }, "active": true,
                "emails": [{ "value": "e@x.example", "type": "work" }],
                ENTERPRISE: { "department": "D", "division": "V" },
            }));
            let one = Resource::new("Users", acme.request(Method::POST, "/Users").json(document("u")).await.expect(201));
            for (number, (attributes, excluded, expected)) in [
                ("userName", "", &["userName"][..]),
                ("NAME.familyname,emails.value", "", &["name", "emails"]), // R302, R308
                ("urn:ietf:params:scim:schemas:core:2.0:user:name", "", &["name"]), // R303, R308
                (ENTERPRISE, "", &[ENTERPRISE]), // R303
                ("nothing,urn:x:y:z", "", &[]), // R304
                ("password", "", &[]), // R305
                ("", "meta,emails,name.givenName,name.familyName", &["userName", "active", ENTERPRISE]), // R300, R307
                ("", "id,schemas,meta,name,active", &["userName", "emails", ENTERPRISE]), // R41, R79
            ].into_iter().enumerate() {
                let query = match attributes {
                    "" => format!("excludedAttributes={excluded}"),
                    _ => format!("attributes={attributes}"),
                };
                let path = format!("{}?{query}", one.path());
                let mut search = json!({ "schemas": [SEARCH], "filter": "userName eq \"u\"" });
                let (parameter, names) = match attributes {
                    "" => ("excludedAttributes", excluded),
                    _ => ("attributes", attributes),
                };
                search[parameter] = names.split(',').collect();
                let change = json!({
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                    "Operations": [replace("emails[type eq \"work\"].display", number.to_string())],
                });
                let new = document(&format!("u{number}"));
                let only_u = format!("/Users?filter=userName%20eq%20%22u%22&{query}");
                let listed = |answer: Answer| answer["Resources"][0].clone();
                for answered in [
                    acme.request(Method::GET, &path).await.expect(200).body,
                    listed(acme.request(Method::GET, &only_u).await.expect(200)),
                    listed(acme.request(Method::POST, "/Users/.search").json(search).await.expect(200)),
                    acme.request(Method::POST, &format!("/Users?{query}")).json(new).await.expect(201).body,
                    acme.request(Method::PATCH, &path).json(change).await.expect(200).body,
                    acme.request(Method::PUT, &path).json(document("u")).await.expect(200).body,
                ] {
                    let expected: BTreeSet<&str> = expected.iter().copied().collect();
                    assert_eq!(shown(&answered), expected, "{query}"); // R298
                }
            }
            let both = format!("{}?attributes=userName&excludedAttributes=title", one.path());
            acme.request(Method::GET, &both).await.expect_error(400, Some("invalidValue")); // R301
            let part = format!("{}?excludedAttributes=emails.type,name.givenName", one.path());
            let part = acme.request(Method::GET, &part).await.expect(200);
            assert_eq!(part["emails"], json!([{ "value": "e@x.example" }])); // R307
            assert_eq!(part["name"], json!({ "familyName": "F" })); // R307
        }
    }
}
