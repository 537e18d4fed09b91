//! The brake: a directory that deprovisions more people than usual waits for a decision.

use std::time::Duration;

use muster::provision::operator::BrakeDecision;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Resource, TestApp, TestTenant, replace};

const ACTOR: &str = "operator:test";

/// A tenant with a brake and so many people.
async fn braked(app: &TestApp, settings: Value, people: usize) -> (TestTenant, Vec<Resource>) {
    let tenant = app.new_tenant().await;
    set(app, &tenant, settings).await;
    let mut users = Vec::new();
    for nth in 0..people {
        let user = json!({ "userName": format!("user{nth}"), "active": true });
        users.push(tenant.create("Users", user).await);
    }
    (tenant, users)
}

async fn set(app: &TestApp, tenant: &TestTenant, settings: Value) {
    let change = settings.as_object().unwrap().clone();
    app.operator().change_brake(tenant.name(), change, ACTOR).await.unwrap();
}

async fn decide(app: &TestApp, tenant: &TestTenant, decision: BrakeDecision) -> &'static str {
    app.operator().decide_brake(tenant.name(), decision, ACTOR).await.unwrap().state
}

async fn held(app: &TestApp, tenant: &TestTenant) -> Vec<String> {
    let held = app.operator().held_people(tenant.name(), None).await.unwrap();
    held.into_iter().map(|it| format!("{} {}", it.action, it.user_name.unwrap())).collect()
}

async fn deactivate(tenant: &TestTenant, user: &Resource) -> u16 {
    tenant.patch(user, replace("active", false)).await.status
}

async fn is_active(tenant: &TestTenant, user: &Resource) -> bool {
    tenant.get(user).await.expect(200)["active"] == json!(true)
}

fn release(seconds: u64) -> BrakeDecision {
    BrakeDecision::Release(Some(Duration::from_secs(seconds)))
}

on_both_databases! {
    async fn who_is_one_too_many_stays_until_somebody_releases(app: TestApp) {
        let (acme, users) = braked(&app, json!({ "people": 2 }), 6).await;
        assert_eq!(deactivate(&acme, &users[0]).await, 200);
        acme.delete(&users[1]).await.expect(204);

        let refused = acme.patch(&users[2], replace("active", false)).await;

        assert_eq!(refused.headers["retry-after"], "300");
        let detail = refused["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("administrator") && !detail.contains("user2"), "{detail}");
        refused.expect_error(429, None);
        acme.delete(&users[3]).await.expect_error(429, None);
        let off = json!({ "userName": "user4", "active": false });
        acme.put(&users[4]).json(off).await.expect_error(429, None);
        for user in &users[2..] {
            assert!(is_active(&acme, user).await);
        }
        let mut waiting = held(&app, &acme).await;
        waiting.sort();
        assert_eq!(waiting, ["delete user3", "patch user2", "replace user4"]);
        // Whatever takes nobody's access away goes on.
        acme.patch(&users[2], replace("title", "still here")).await.expect(200);
        acme.create("Users", json!({ "userName": "new", "active": true })).await;
        acme.patch(&users[0], replace("active", true)).await.expect(200);
        assert_eq!(deactivate(&acme, &users[0]).await, 429);

        assert_eq!(decide(&app, &acme, BrakeDecision::Release(None)).await, "released");

        assert_eq!(deactivate(&acme, &users[2]).await, 200);
        acme.delete(&users[3]).await.expect(204);
        assert_eq!(deactivate(&acme, &users[5]).await, 200);
        let mut waiting = held(&app, &acme).await;
        waiting.sort();
        assert_eq!(waiting, ["patch user0", "replace user4"]);
        let brake = app.operator().brake(acme.name()).await.unwrap();
        assert_eq!((brake.state, brake.held, brake.deprovisioned), ("released", 2, 0));
    }

    async fn a_release_ends_and_the_brake_counts_anew(app: TestApp) {
        let (acme, users) = braked(&app, json!({ "people": 1 }), 5).await;
        assert_eq!(deactivate(&acme, &users[0]).await, 200);
        assert_eq!(deactivate(&acme, &users[1]).await, 429);
        decide(&app, &acme, release(1)).await;
        assert_eq!(deactivate(&acme, &users[1]).await, 200);
        tokio::time::sleep(Duration::from_millis(1_100)).await;

        assert_eq!(deactivate(&acme, &users[2]).await, 200);
        assert_eq!(deactivate(&acme, &users[3]).await, 429);

        assert_eq!(decide(&app, &acme, BrakeDecision::Reset).await, "watching");
        assert!(held(&app, &acme).await.is_empty());
        assert_eq!(deactivate(&acme, &users[3]).await, 200);
        assert_eq!(deactivate(&acme, &users[4]).await, 429);
    }

    async fn what_is_rejected_is_refused_until_it_is_released(app: TestApp) {
        let (acme, users) = braked(&app, json!({ "people": 1 }), 3).await;
        let early = app.operator().decide_brake(acme.name(), BrakeDecision::Reject, ACTOR).await;
        assert_eq!(early.unwrap_err().status(), 409);
        assert_eq!(deactivate(&acme, &users[0]).await, 200);
        assert_eq!(deactivate(&acme, &users[1]).await, 429);

        assert_eq!(decide(&app, &acme, BrakeDecision::Reject).await, "rejected");

        let refused = acme.delete(&users[2]).await;
        assert!(!refused.headers.contains_key("retry-after"));
        refused.expect_error(403, None);
        assert!(is_active(&acme, &users[2]).await);
        decide(&app, &acme, release(60)).await;
        acme.delete(&users[2]).await.expect(204);
    }

    async fn a_part_of_the_people_may_always_go(app: TestApp) {
        let (acme, users) = braked(&app, json!({ "percent": 10 }), 12).await;

        for user in &users[..5] {
            assert_eq!(deactivate(&acme, user).await, 200);
        }

        assert_eq!(deactivate(&acme, &users[5]).await, 429);
        let brake = app.operator().brake(acme.name()).await.unwrap();
        assert_eq!((brake.limit, brake.deprovisioned), (Some(5), 5));
    }

    async fn a_bulk_request_stops_at_the_limit_operation_by_operation(app: TestApp) {
        let (acme, users) = braked(&app, json!({ "people": 2 }), 4).await;
        let delete = |user: &Resource| json!({ "method": "DELETE", "path": user.path() });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": users.iter().map(delete).collect::<Vec<_>>(),
        });

        let answer = acme.request(Method::POST, "/Bulk").json(body).await.expect(200);

        let operations = answer["Operations"].as_array().unwrap();
        let statuses: Vec<&str> =
            operations.iter().map(|it| it["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["204", "204", "429", "429"]);
        assert_eq!(held(&app, &acme).await.len(), 2);
        assert_eq!(app.operator().brake(acme.name()).await.unwrap().state, "held");
    }

    async fn one_tenants_brake_holds_nobody_elses_people(app: TestApp) {
        let (acme, users) = braked(&app, json!({ "people": 1 }), 2).await;
        let (globex, others) = braked(&app, json!({}), 3).await;
        assert_eq!(deactivate(&acme, &users[0]).await, 200);
        assert_eq!(deactivate(&acme, &users[1]).await, 429);

        for other in &others {
            assert_eq!(deactivate(&globex, other).await, 200);
        }

        assert!(held(&app, &globex).await.is_empty());
        assert_eq!(app.operator().brake(globex.name()).await.unwrap().state, "off");
    }

    async fn the_first_who_is_held_is_told_of_once(app: TestApp) {
        let (acme, users) = braked(&app, json!({ "people": 1 }), 3).await;
        for user in &users {
            deactivate(&acme, user).await;
        }

        let events = app.operator().events(Some(acme.name()), 0, 100).await.unwrap();

        let uri = "urn:x-muster:event:deprovisioning-held";
        let told: Vec<_> = events.iter().filter(|it| it.event.as_str() == uri).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].resource, users[1].path());
    }

    async fn what_cannot_be_set_is_refused(app: TestApp) {
        let acme = app.new_tenant().await;
        for (change, named) in [
            (json!({ "people": 0 }), "people"),
            (json!({ "people": 10_001 }), "people"),
            (json!({ "percent": 101 }), "percent"),
            (json!({ "window_s": 59 }), "window_s"),
            (json!({ "colour": 1 }), "colour"),
        ] {
            let change: Map<String, Value> = change.as_object().unwrap().clone();
            let refused = app.operator().change_brake(acme.name(), change, ACTOR).await;
            let refused = refused.unwrap_err();
            assert_eq!(refused.status(), 400);
            assert!(refused.to_string().contains(named), "{refused}");
        }
        let none = app.operator().decide_brake(acme.name(), release(60), ACTOR).await;
        assert_eq!(none.unwrap_err().status(), 409);
        set(&app, &acme, json!({ "people": 3, "window_s": 60 })).await;
        let long = app.operator().decide_brake(acme.name(), release(700_000), ACTOR).await;
        assert_eq!(long.unwrap_err().status(), 400);
        set(&app, &acme, json!({ "people": null })).await;
        assert_eq!(app.operator().brake(acme.name()).await.unwrap().state, "off");
    }
}
