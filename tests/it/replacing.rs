//! PUT (RFC 7644 §3.5.1) and versions (§3.14) as clients meet them.

use muster::scim::dialect::Dialect;
use reqwest::{
    Method,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use serde_json::{Value, json};

use crate::support::{Answer, Resource, TestApp, TestTenant, replace};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn barbara() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "bjensen",
        "title": "Guide",
        "active": true,
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "emails": [{ "value": "b@work.example", "type": "work" }],
        ENTERPRISE: { "department": "Tours" },
    })
}

/// Barbara's document with these members in place of hers.
fn barbara_with(changes: Value) -> Value {
    let mut document = barbara();
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

const BOTH: [Dialect; 2] = [Dialect::Strict, Dialect::Generic];

/// No value anywhere in it is null.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

async fn total(tenant: &TestTenant, filter: &str) -> Value {
    tenant.list("Users", filter).await.expect(200)["totalResults"].clone()
}

on_both_databases! {
    async fn a_put_replaces_what_a_client_may_write(app: TestApp) {
        for dialect in BOTH {
            let acme = app.new_tenant_with(dialect).await;
            let user = acme.create("Users", barbara()).await;
            let before = acme.get(&user).await;
            let document = json!({
                "schemas": [USER], "userName": "bjensen", "nickName": "Babs", "active": true,
                // None of these is the client's.
                "id": "0198c2a0-0000-7000-8000-000000000001",
                "meta": { "created": "1999-01-01T00:00:00Z", "version": "W/\"9\"", "resourceType": "Group" },
                "groups": [{ "value": "x" }],
            });

            let put = acme.put(&user).json(document).await.expect(200); // R315, R322

            assert_eq!(put["nickName"], "Babs"); // R316
            for cleared in ["title", "name", "emails", ENTERPRISE] {
                assert_eq!(put[cleared], Value::Null, "{put}"); // R316, R324
            }
            assert_eq!(put["schemas"], json!([USER]));
            assert_eq!(put["id"], user.id()); // R317, R318, R63
            assert_eq!(put["groups"], Value::Null); // R104, R317
            let facts = ["created", "resourceType", "location"];
            for fact in facts {
                assert_eq!(put["meta"][fact], before["meta"][fact]); // R317, R70
            }
            assert_eq!(put["meta"]["version"], "W/\"2\""); // R322
            assert_eq!(put.headers["etag"], "W/\"2\"");
            assert_eq!(acme.get(&user).await.body, put.body); // R322
            let unknown = user.with_id("0198c2a0-0000-7000-8000-000000000001");
            acme.get(&unknown).await.expect_error(404, None); // R318
            let put = acme.put(&unknown).json(barbara_with(json!({ "userName": "other" }))).await;
            put.expect_error(404, None); // R159
            assert_eq!(total(&acme, "userName eq \"other\"").await, 0);
        }
    }

    async fn a_put_that_is_refused_changes_nothing(app: TestApp) {
        for dialect in BOTH {
            let acme = app.new_tenant_with(dialect).await;
            acme.create("Users", json!({ "schemas": [USER], "userName": "taken" })).await;
            let user = acme.create("Users", barbara()).await;
            let (before, events) = (acme.get(&user).await, acme.events().await);
            for (changes, status, scim_type) in [
                (json!({ "userName": null }), 400, "invalidValue"), // R321, R82
                (json!({ "userName": " " }), 400, "invalidValue"), // R82
                (json!({ "userName": "Taken" }), 409, "uniqueness"), // R326, R83
                (json!({ "active": "no" }), 400, "invalidValue"),
            ] {
                let put = acme.put(&user).json(barbara_with(changes)).await;
                put.expect_error(status, Some(scim_type));
                assert_eq!(acme.get(&user).await.body, before.body);
            }
            assert_eq!(acme.events().await, events);
        }
    }

    async fn null_empty_and_absent_are_one_state(app: TestApp) {
        for dialect in BOTH {
            let acme = app.new_tenant_with(dialect).await;
            let nothing = json!({ "nickName": null, "roles": [], "addresses": [null], "ims": null });
            let user = acme.create("Users", barbara()).await;
            let other = acme.create("Users", {
                let mut document = barbara_with(nothing.clone());
                document["userName"] = "other".into();
                document
            }).await;
            let shown = acme.get(&other).await;
            assert!(!has_null(&shown.body), "{shown}"); // R33
            for absent in ["nickName", "roles", "addresses", "ims"] {
                assert!(shown.body.get(absent).is_none(), "{shown}"); // R32
                assert_eq!(total(&acme, &format!("{absent} pr")).await, 0); // R32
                assert_eq!(total(&acme, &format!("{absent} eq null")).await, 2);
            }
            for document in [barbara(), barbara_with(nothing)] {
                let put = acme.put(&user).json(document).await.expect(200);
                assert_eq!(put["meta"]["version"], user.etag(), "{put}"); // R32, R325
            }
        }
    }

    async fn an_empty_text_is_no_value(app: TestApp) {
        for (dialect, kept) in [(Dialect::Strict, json!("")), (Dialect::Generic, Value::Null)] {
            let acme = app.new_tenant_with(dialect).await;
            let user = acme.create("Users", barbara_with(json!({ "title": "" }))).await;
            assert_eq!(acme.get(&user).await["title"], kept); // R34
            assert_eq!(total(&acme, "title pr").await, 0); // R34, R238
            let put = acme.put(&user).json(barbara_with(json!({ "title": "" }))).await.expect(200);
            assert_eq!((&put["title"], &put["meta"]["version"]), (&kept, &json!(user.etag()))); // R34
            acme.patch(&user, replace("title", "T")).await.expect(200);
            let patched = acme.patch(&user, replace("title", "")).await.expect(200);
            assert_eq!(patched["title"], kept); // R34
            assert_eq!(total(&acme, "title pr").await, 0); // R34
        }
    }

    async fn a_precondition_holds_or_the_change_does_not_happen(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let nobody = user.with_id("0198c2a0-0000-7000-8000-000000000001");
        let requests = |resource: &Resource| vec![
            acme.put(resource).json(barbara_with(json!({ "title": "x" }))),
            acme.patch(resource, replace("title", "x")),
            acme.delete(resource),
        ];
        for stale in ["W/\"0\"", "\"2\"", "W/\"2\", \"x\""] {
            for request in requests(&user) {
                request.if_match(stale).await.expect_error(412, None); // R455, R463
            }
        }
        for malformed in ["1", "W/1", "\"1"] {
            for request in requests(&user) {
                request.if_match(malformed).await.expect_error(400, Some("invalidValue")); // R457
            }
        }
        for request in requests(&nobody) {
            request.if_match("*").await.expect_error(404, None); // R456
        }
        assert_eq!(acme.get(&user).await["meta"]["version"], user.etag()); // R455

        let version = |answer: &Answer| answer["meta"]["version"].as_str().unwrap().to_owned();
        let mut current = user.etag().to_owned();
        for (number, tag) in ["*", "now", "\"x\", now"].into_iter().enumerate() {
            let tag = tag.replace("now", &current);
            let title = replace("title", number.to_string());
            let answer = acme.patch(&user, title).header(IF_MATCH, &tag).await.expect(200); // R454, R456, R457
            assert_ne!(version(&answer), current); // R453
            current = version(&answer);
        }
        let strong = current.trim_start_matches("W/").to_owned();
        acme.patch(&user, replace("title", "strong")).if_match(&strong).await.expect(200); // R454

        let other = barbara_with(json!({ "userName": "other" }));
        let post = acme.request(Method::POST, "/Users").json(other);
        post.header(IF_NONE_MATCH, "*").await.expect(201); // R459
        let put = acme.put(&user).json(barbara()).header(IF_NONE_MATCH, "*").await;
        put.expect_error(412, None); // R459
    }

    async fn a_member_changes_the_version_of_its_group_alone(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let group = acme.create("Groups", json!({ "displayName": "g" })).await;
        let add = json!({ "op": "add", "path": "members", "value": [{ "value": user.id() }] });
        let patched = acme.patch(&group, add).await.expect(200);
        assert_eq!(patched["meta"]["version"], "W/\"2\""); // R461, R453
        let shown = acme.get(&user).await;
        assert_eq!(shown["groups"][0]["value"], group.id());
        assert_eq!(shown["meta"]["version"], user.etag()); // R461
    }
}
