//! Changes that are answered as if they were made, and are not.

use muster::provision::operator::{BrakeDecision, ConnectionChange};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Answer, TestApp, TestTenant, replace};

const DRY: &str = "dryRun=true";

/// Sends a change to a path below the base that shall not be made.
async fn dry(tenant: &TestTenant, method: Method, path: &str, body: Value) -> Answer {
    let path = match path.contains('?') {
        true => format!("{path}&{DRY}"),
        false => format!("{path}?{DRY}"),
    };
    tenant.request(method, &path).json(body).send().await
}

fn patch(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

/// Everything that a tenant has, events and record included.
async fn state(app: &TestApp, tenant: &TestTenant) -> Value {
    let record = app.operator().audit(tenant.name(), &Default::default()).await.unwrap();
    let users = tenant.list("Users", "id pr").await.expect(200).body.clone();
    let groups = tenant.list("Groups", "id pr").await.expect(200).body.clone();
    json!([record, users, groups, tenant.events().await.len()])
}

on_both_databases! {
    async fn a_dry_run_answers_as_if_and_changes_nothing(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = json!({ "userName": "ann", "active": true, "title": "Buyer" });
        let ann = acme.create("Users", ann).await;
        let bob = acme.create("Users", json!({ "userName": "bob" })).await;
        let group = json!({ "displayName": "g", "members": [{ "value": ann.id() }] });
        let group = acme.create("Groups", group).await;
        let before = state(&app, &acme).await;

        let title = patch(json!([{ "op": "replace", "path": "title", "value": "Lead" }]));
        let told = dry(&acme, Method::PATCH, &ann.path(), title).await.expect(200);
        assert_eq!((&told["title"], &told["id"]), (&json!("Lead"), &json!(ann.id())));
        assert_ne!(told["meta"]["version"], before[1]["Resources"][0]["meta"]["version"]);
        let off = patch(json!([{ "op": "replace", "path": "active", "value": false }]));
        let told = dry(&acme, Method::PATCH, &ann.path(), off).await.expect(200);
        assert_eq!(told["active"], false);
        let join = json!([{ "op": "add", "path": "members", "value": [{ "value": bob.id() }] }]);
        let told = dry(&acme, Method::PATCH, &group.path(), patch(join)).await.expect(200);
        assert_eq!(told["members"].as_array().unwrap().len(), 2, "{told:?}");
        let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "cy" });
        let told = dry(&acme, Method::POST, "/Users", user.clone()).await.expect(201);
        assert_eq!(told["userName"], "cy");
        acme.request(Method::GET, &format!("/Users/{}", told["id"].as_str().unwrap()))
            .send()
            .await
            .expect_error(404, None);
        let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
        let new = json!({ "schemas": [schema], "displayName": "h", "members": [{ "value": bob.id() }] });
        let told = dry(&acme, Method::POST, "/Groups", new).await.expect(201);
        assert_eq!(told["members"][0]["value"], bob.id());
        let told = dry(&acme, Method::PUT, &ann.path(), user).await.expect(200);
        assert_eq!((&told["userName"], &told["title"]), (&json!("cy"), &Value::Null));
        dry(&acme, Method::DELETE, &ann.path(), Value::Null).await.expect(204);
        dry(&acme, Method::DELETE, &group.path(), Value::Null).await.expect(204);

        assert_eq!(state(&app, &acme).await, before);
    }

    async fn a_dry_run_refuses_what_would_be_refused(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = acme.create("Users", json!({ "userName": "ann" })).await;
        let bob = acme.create("Users", json!({ "userName": "bob" })).await;
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
        let taken = json!({ "schemas": schemas, "userName": "ANN" });
        let told = dry(&acme, Method::POST, "/Users", taken.clone()).await;
        told.expect_error(409, Some("uniqueness"));
        let told = dry(&acme, Method::PUT, &bob.path(), taken).await;
        told.expect_error(409, Some("uniqueness"));
        let wrong = patch(json!([{ "op": "replace", "path": "active", "value": "perhaps" }]));
        let told = dry(&acme, Method::PATCH, &ann.path(), wrong).await;
        told.expect_error(400, Some("invalidValue"));
        let nobody = "/Users/0198c2a0-0000-7000-8000-000000000001";
        dry(&acme, Method::DELETE, nobody, Value::Null).await.expect_error(404, None);
        let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [] });
        dry(&acme, Method::POST, "/Bulk", bulk).await.expect_error(501, None);
        for wrong in ["dryRun=yes", "dryRun", "dryRun=true&dryRun=true"] {
            let path = format!("{}?{wrong}", ann.path());
            let told = acme.request(Method::DELETE, &path).send().await;
            told.expect_error(400, Some("invalidValue"));
        }
        let path = format!("{}?dryRun=false", bob.path());
        acme.request(Method::DELETE, &path).send().await.expect(204);
        acme.get(&ann).await.expect(200);
    }

    async fn a_dry_run_does_not_count_for_the_brake(app: TestApp) {
        let acme = app.new_tenant().await;
        let mut people = Vec::new();
        for name in ["ann", "bob", "cy"] {
            people.push(acme.create("Users", json!({ "userName": name, "active": true })).await);
        }
        let limit = Map::from_iter([("people".to_owned(), json!(1))]);
        app.operator().change_brake(acme.name(), limit, "operator:test").await.unwrap();

        for _ in 0..3 {
            dry(&acme, Method::DELETE, &people[0].path(), Value::Null).await.expect(204);
        }

        acme.delete(&people[0]).await.expect(204);
        let told = dry(&acme, Method::DELETE, &people[1].path(), Value::Null).await;
        told.expect_error(429, None);
        let brake = app.operator().brake(acme.name()).await.unwrap();
        assert_eq!(json!(brake)["state"], "watching", "nobody real was refused yet");
        acme.delete(&people[1]).await.expect_error(429, None);
        let decision = BrakeDecision::Reset;
        app.operator().decide_brake(acme.name(), decision, "operator:test").await.unwrap();
    }

    async fn a_connection_in_shadow_tells_what_it_would_change(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = acme.create("Users", json!({ "userName": "ann", "title": "Buyer" })).await;
        let shadow = |on: bool| ConnectionChange {
            dialect: None,
            settings: Map::from_iter([("shadow".to_owned(), json!(on))]),
        };
        let set = async |on: bool| {
            app.operator().change_connection(acme.name(), "directory", shadow(on)).await.unwrap();
            // A token is believed for a second.
            tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        };
        set(true).await;
        let events = acme.events().await.len();

        let told = acme.patch(&ann, replace("title", "Lead")).await.expect(200);
        assert_eq!(told["title"], "Lead");
        acme.delete(&ann).await.expect(204);
        acme.create("Users", json!({ "userName": "bob" })).await;

        assert_eq!(acme.get(&ann).await.expect(200)["title"], "Buyer");
        assert_eq!(acme.list("Users", "userName eq \"bob\"").await.expect(200)["totalResults"], 0);
        assert_eq!(acme.events().await.len(), events);
        let record = app.operator().audit(acme.name(), &Default::default()).await.unwrap();
        let told: Vec<_> = record.iter().map(|it| it.action.as_str()).collect();
        assert_eq!(told, ["create", "shadow.patch", "shadow.delete", "shadow.create"]);
        let title = json!({ "path": "title", "before": "Buyer", "after": "Lead" });
        assert_eq!(record[1].changes, [title]);
        assert_eq!(record[1].resource.as_deref(), Some(ann.path().as_str()));
        set(false).await;
        acme.patch(&ann, replace("title", "Lead")).await.expect(200);
        assert_eq!(acme.get(&ann).await.expect(200)["title"], "Lead");
    }
}
