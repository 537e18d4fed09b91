//! Deleted users come back whole for a while; protected ones do not go.

use muster::provision::operator::{BrakeDecision, DeletedQuery, OperatorError, RestoredRecord};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Resource, TestApp, TestTenant, replace};

const ACTOR: &str = "operator:test";

async fn person(tenant: &TestTenant, name: &str) -> Resource {
    let user = json!({
        "userName": name,
        "externalId": format!("hr-{name}"),
        "active": true,
        "emails": [{ "value": format!("{name}@acme.example"), "primary": true }],
    });
    tenant.create("Users", user).await
}

async fn group(tenant: &TestTenant, name: &str, members: &[&Resource]) -> Resource {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it.id() })).collect();
    tenant.create("Groups", json!({ "displayName": name, "members": members })).await
}

async fn restore(
    app: &TestApp,
    tenant: &TestTenant,
    id: &str,
) -> Result<RestoredRecord, OperatorError> {
    app.operator().restore_user(tenant.name(), id, ACTOR).await
}

async fn deleted(app: &TestApp, tenant: &TestTenant) -> Vec<String> {
    let all = DeletedQuery::default();
    let found = app.operator().deleted_users(tenant.name(), &all).await.unwrap();
    found.into_iter().map(|it| it.user_name.unwrap()).collect()
}

async fn actions(app: &TestApp, tenant: &TestTenant) -> Vec<String> {
    let record = app.operator().audit(tenant.name(), &Default::default()).await.unwrap();
    record.into_iter().map(|it| format!("{} {}", it.actor, it.action)).collect()
}

on_both_databases! {
    async fn a_deleted_user_comes_back_whole(app: TestApp) {
        let acme = app.new_tenant().await;
        let (ann, bob) = (person(&acme, "ann").await, person(&acme, "bob").await);
        let stays = group(&acme, "stays", &[&ann, &bob]).await;
        let goes = group(&acme, "goes", &[&ann]).await;
        let before = acme.get(&ann).await.expect(200).body.clone();
        acme.delete(&ann).await.expect(204);
        acme.delete(&goes).await.expect(204);
        acme.get(&ann).await.expect_error(404, None);
        let told = acme.events().await.len();

        let restored = restore(&app, &acme, ann.id()).await.unwrap();

        assert_eq!((restored.groups, restored.lost_groups), (1, 1));
        let after = acme.get(&ann).await.expect(200).body.clone();
        for same in ["id", "userName", "externalId", "active", "emails"] {
            assert_eq!(after[same], before[same], "{same}");
        }
        assert_eq!(after["meta"]["created"], before["meta"]["created"]);
        assert_ne!(after["meta"]["version"], before["meta"]["version"]);
        assert_eq!(after["groups"].as_array().unwrap().len(), 1);
        let members = acme.get(&stays).await.expect(200)["members"].as_array().unwrap().len();
        assert_eq!(members, 2);
        let found = acme.list("Users", "externalId eq \"hr-ann\"").await.expect(200);
        assert_eq!(found["totalResults"], 1);
        assert!(deleted(&app, &acme).await.is_empty());
        assert!(told < acme.events().await.len(), "receivers hear of the return");
        let all = actions(&app, &acme).await;
        assert!(all.contains(&format!("{ACTOR} restore")), "{all:?}");
        assert!(all.contains(&format!("{ACTOR} regain member")), "{all:?}");
        // It goes on as any user.
        acme.patch(&ann, replace("active", false)).await.expect(200);
        acme.delete(&ann).await.expect(204);
        assert_eq!(deleted(&app, &acme).await, ["ann"]);
    }

    async fn who_was_inactive_comes_back_inactive(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = person(&acme, "ann").await;
        acme.patch(&ann, replace("active", false)).await.expect(200);
        acme.delete(&ann).await.expect(204);

        restore(&app, &acme, ann.id()).await.unwrap();

        assert_eq!(acme.get(&ann).await.expect(200)["active"], false);
    }

    async fn a_name_that_is_taken_meanwhile_stays_with_its_new_owner(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = person(&acme, "ann").await;
        acme.delete(&ann).await.expect(204);
        let other = person(&acme, "ann").await;

        let refused = restore(&app, &acme, ann.id()).await.unwrap_err();

        assert_eq!(refused.status(), 409);
        assert!(refused.to_string().contains("userName"), "{refused}");
        acme.get(&ann).await.expect_error(404, None);
        assert_eq!(deleted(&app, &acme).await, ["ann"], "she can come back later");
        acme.delete(&other).await.expect(204);
        restore(&app, &acme, ann.id()).await.unwrap();
    }

    async fn the_deleted_are_listed_found_and_forgotten(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        for name in ["ann", "bob", "cid"] {
            let user = person(&acme, name).await;
            acme.delete(&user).await.expect(204);
        }
        let all = DeletedQuery::default();
        let found = app.operator().deleted_users(acme.name(), &all).await.unwrap();
        let names: Vec<_> = found.iter().map(|it| it.user_name.clone().unwrap()).collect();
        assert_eq!(names, ["cid", "bob", "ann"]);
        assert!(found[0].actor.starts_with("token:"));
        let page = DeletedQuery { after: Some(found[0].id.clone()), limit: Some(1), ..all.clone() };
        let page = app.operator().deleted_users(acme.name(), &page).await.unwrap();
        assert_eq!(page[0].id, found[1].id);
        let named = DeletedQuery { user_name: Some("ANN".to_owned()), ..all.clone() };
        let named = app.operator().deleted_users(acme.name(), &named).await.unwrap();
        assert_eq!((named.len(), &named[0].id), (1, &found[2].id));
        assert!(deleted(&app, &globex).await.is_empty());
        let strange = restore(&app, &globex, &found[0].id).await.unwrap_err();
        let unknown = restore(&app, &acme, "01900000-0000-7000-8000-000000000000").await;
        assert_eq!((strange.status(), unknown.unwrap_err().status()), (404, 404));

        app.operator().erase_user(acme.name(), &found[0].id, ACTOR).await.unwrap();

        assert_eq!(deleted(&app, &acme).await, ["bob", "ann"]);
        assert_eq!(restore(&app, &acme, &found[0].id).await.unwrap_err().status(), 404);
        let again = app.operator().erase_user(acme.name(), &found[0].id, ACTOR).await;
        assert_eq!(again.unwrap_err().status(), 404);
        assert!(actions(&app, &acme).await.contains(&format!("{ACTOR} erase")));
        let wrong = restore(&app, &acme, "no-id").await.unwrap_err();
        assert_eq!(wrong.status(), 404);
    }

    async fn a_tenant_is_deleted_with_its_deleted_users(app: TestApp) {
        let acme = app.new_tenant().await;
        let (ann, bob) = (person(&acme, "ann").await, person(&acme, "bob").await);
        acme.delete(&ann).await.expect(204);
        app.operator().protect_user(acme.name(), bob.id(), "owner", ACTOR).await.unwrap();

        app.operator().delete_tenant(acme.name()).await.unwrap();

        let gone = restore(&app, &acme, ann.id()).await.unwrap_err();
        assert_eq!(gone.status(), 404);
    }

    async fn who_is_protected_stays_whatever_is_asked(app: TestApp) {
        let acme = app.new_tenant().await;
        let (ann, bob) = (person(&acme, "ann").await, person(&acme, "bob").await);
        let protect = async |id: &str, reason: &str| {
            app.operator().protect_user(acme.name(), id, reason, ACTOR).await
        };
        protect(ann.id(), "runs the tenant").await.unwrap();

        acme.patch(&ann, replace("active", false)).await.expect_error(403, None);
        acme.delete(&ann).await.expect_error(403, None);
        acme.put(&ann).json(json!({ "userName": "ann", "active": false })).await
            .expect_error(403, None);
        let delete = json!({ "method": "DELETE", "path": ann.path() });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [delete],
        });
        let bulk = acme.request(Method::POST, "/Bulk").json(body).await.expect(200);
        assert_eq!(bulk["Operations"][0]["status"], "403");

        assert_eq!(acme.get(&ann).await.expect(200)["active"], true);
        acme.patch(&ann, replace("title", "Owner")).await.expect(200);
        acme.patch(&bob, replace("active", false)).await.expect(200);
        let listed = app.operator().protected_users(acme.name()).await.unwrap();
        assert_eq!((listed.len(), &listed[0].reason[..]), (1, "runs the tenant"));
        assert_eq!(listed[0].user_name.as_deref(), Some("ann"));
        assert_eq!(protect(ann.id(), " ").await.unwrap_err().status(), 400);
        assert_eq!(protect(ann.id(), &"x".repeat(201)).await.unwrap_err().status(), 400);
        let nobody = "01900000-0000-7000-8000-000000000000";
        assert_eq!(protect(nobody, "x").await.unwrap_err().status(), 404);

        let unprotect = async || app.operator().unprotect_user(acme.name(), ann.id(), ACTOR).await;
        unprotect().await.unwrap();
        assert_eq!(unprotect().await.unwrap_err().status(), 404);
        acme.delete(&ann).await.expect(204);
    }

    async fn protection_and_brake_do_not_hold_who_comes_back(app: TestApp) {
        let acme = app.new_tenant().await;
        let change = json!({ "people": 1 }).as_object().unwrap().clone();
        app.operator().change_brake(acme.name(), change, ACTOR).await.unwrap();
        let (ann, bob) = (person(&acme, "ann").await, person(&acme, "bob").await);
        acme.delete(&ann).await.expect(204);
        acme.delete(&bob).await.expect_error(429, None);

        restore(&app, &acme, ann.id()).await.unwrap();

        acme.get(&ann).await.expect(200);
        let reset = app.operator().decide_brake(acme.name(), BrakeDecision::Reset, ACTOR).await;
        assert_eq!(reset.unwrap().held, 0);
    }
}
