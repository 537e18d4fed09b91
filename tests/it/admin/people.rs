//! Who changed what, who leaves, who comes back, and who is held.

use super::*;
use crate::support::{Resource, TestTenant, replace};

on_both_databases! {
    async fn the_record_says_who_changed_what(app: TestApp) {
        let admin = Admin::new(&app).await;
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let ann = acme.create("Users", json!({ "userName": "ann", "title": "secret" })).await;
        let bob = acme.create("Users", json!({ "userName": "bob" })).await;
        acme.patch(&ann, replace("title", "also secret")).await.expect(200);
        acme.delete(&bob).await.expect(204);
        let list = async |tenant: &TestTenant, query: &str| {
            let path = format!("/tenants/{}/audit{query}", tenant.name());
            admin.get(&path).await["items"].as_array().unwrap().clone()
        };

        let all = list(&acme, "").await;

        let told: Vec<_> = all.iter().map(|it| (&it["action"], &it["resource"])).collect();
        let path = |of: &Resource| json!(of.path());
        let expected = [
            (&json!("create"), &path(&ann)),
            (&json!("create"), &path(&bob)),
            (&json!("patch"), &path(&ann)),
            (&json!("delete"), &path(&bob)),
        ];
        assert_eq!(told, expected);
        assert_eq!(all[2]["attributes"], json!(["title"]));
        assert_eq!(all[2]["connection"], "directory");
        assert!(all[2]["actor"].as_str().unwrap().starts_with("token:"));
        let title = json!({ "path": "title", "before": "secret", "after": "also secret" });
        assert_eq!(all[2]["changes"], json!([title]));
        let of_ann = list(&acme, &format!("?resource={}", ann.id())).await;
        assert_eq!(of_ann, [all[0].clone(), all[2].clone()]);
        let after = all[1]["id"].as_str().unwrap();
        assert_eq!(list(&acme, &format!("?after={after}&limit=1")).await, [all[2].clone()]);
        assert!(list(&globex, "").await.is_empty());
        assert!(list(&globex, &format!("?resource={}", ann.id())).await.is_empty());
        let wrong = format!("/tenants/{}/audit?resource=x", acme.name());
        admin.send(Method::GET, &wrong, Value::Null).await.expect_problem(400, "resource");
    }

    async fn roles_are_given_by_rules_and_explained(app: TestApp) {
        let admin = Admin::new(&app).await;
        let acme = app.new_tenant().await;
        let ann = acme.create("Users", json!({ "userName": "ann", "title": "Buyer" })).await;
        let path = |rest: &str| format!("/tenants/{}/{rest}", acme.name());
        let add = async |body: Value| admin.post(&path("role-rules"), body).await;
        add(json!({ "role": "purchaser" })).await.expect_problem(400, "group");
        add(json!({ "role": "purchaser", "filter": "shoe eq 7" })).await.expect_problem(400, "shoe");

        let rule = add(json!({ "role": "purchaser", "filter": "title eq \"Buyer\"" })).await.expect(201);

        let access = admin.get(&path(&format!("users/{}/access", ann.id()))).await;
        assert_eq!((&access["allowed"], &access["roles"][0]["value"]), (&json!(true), &json!("purchaser")));
        assert!(access["roles"][0]["why"][0].as_str().unwrap().contains("title"));
        assert_eq!(admin.get(&path("role-rules")).await["items"], json!([rule]));
        let one = path(&format!("role-rules/{}", rule["id"].as_str().unwrap()));
        admin.delete(&one).await.expect(204);
        admin.delete(&one).await.expect_problem(404, "rule");
        let gone = format!("users/{NO_ID}/access");
        admin.send(Method::GET, &path(&gone), Value::Null).await.expect_problem(404, NO_ID);
    }

    async fn people_leave_by_one_call(app: TestApp) {
        let admin = Admin::new(&app).await;
        let acme = app.new_tenant().await;
        let email = json!([{ "value": "ann@work.example" }]);
        let ann = json!({ "userName": "ann", "active": true, "emails": email });
        let ann = acme.create("Users", ann).await;
        let ask = async |query: &str, body: Value| {
            admin.post(&format!("/offboardings{query}"), body).await
        };
        let csv = json!({ "csv": "name,email\nAnn,ann@work.example\n", "tenants": [acme.name()] });
        let preview = ask("?preview=true", csv.clone()).await.expect(200);
        assert_eq!(preview["people"][0]["tenants"][0]["outcome"], "found");
        ask("", json!({ "people": [] })).await.expect_problem(400, "nobody");
        ask("", json!({ "people": ["a"], "by": "shoe" })).await.expect_problem(400, "by");
        ask("", json!({ "people": ["a"], "action": "x" })).await.expect_problem(400, "action");
        ask("", json!({ "people": ["a"], "csv": "email\n" })).await.expect_problem(400, "both");
        ask("", json!({ "csv": "name\nAnn\n" })).await.expect_problem(400, "email");
        ask("", json!({ "persons": [] })).await.expect_problem(400, "persons");
        let later = json!({ "people": ["bob"], "at": "2099-01-01T00:00:00Z" });
        ask("", later).await.expect_problem(400, "two years");

        let reply = ask("", csv).await;

        let place = reply.headers["location"].to_str().unwrap().to_owned();
        let started = reply.expect(202);
        let path = place.strip_prefix("/admin/v1").unwrap();
        assert!(path.ends_with(started["id"].as_str().unwrap()));
        let mut record = Value::Null;
        for _ in 0..200 {
            record = admin.get(path).await;
            if record["state"] == "done" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(record["people"][0]["tenants"][0]["outcome"], "deactivated", "{record}");
        assert_eq!(acme.get(&ann).await.expect(200)["active"], false);
        admin.post(&format!("{path}/cancel"), Value::Null).await.expect_problem(409, "done");
        let listed = admin.get("/offboardings").await;
        assert_eq!(names(&listed, "id"), [started["id"].as_str().unwrap()]);
        admin.send(Method::GET, "/offboardings/x", Value::Null).await.expect_problem(404, "");
    }

    async fn deleted_users_come_back_and_protected_ones_stay(app: TestApp) {
        let admin = Admin::new(&app).await;
        let acme = app.new_tenant().await;
        let path = |rest: &str| format!("/tenants/{}/{rest}", acme.name());
        let ann = acme.create("Users", json!({ "userName": "ann", "active": true })).await;
        let of_ann = |kind: &str, rest: &str| path(&format!("{kind}/{}{rest}", ann.id()));
        let protection = of_ann("protected-users", "");
        let protect = async |body: Value| admin.send(Method::PUT, &protection, body).await;
        protect(json!({ "reason": "" })).await.expect_problem(400, "reason");
        let protected = protect(json!({ "reason": "owner" })).await.expect(200);
        assert_eq!((&protected["user_name"], &protected["reason"]), (&json!("ann"), &json!("owner")));
        assert!(protected["actor"].as_str().unwrap().starts_with("operator:"));
        acme.delete(&ann).await.expect_error(403, None);
        assert_eq!(names(&admin.get(&path("protected-users")).await, "id"), [ann.id()]);
        admin.delete(&protection).await.expect(204);
        admin.delete(&protection).await.expect_problem(404, "protection");
        admin.post(&of_ann("deleted-users", "/restore"), Value::Null).await
            .expect_problem(404, ann.id());
        acme.delete(&ann).await.expect(204);
        let listed = admin.get(&path("deleted-users?user_name=ann&limit=1")).await;
        assert_eq!(names(&listed, "id"), [ann.id()]);
        admin.send(Method::GET, &path("deleted-users?limit=0"), Value::Null).await
            .expect_problem(400, "");

        let restored = admin.post(&of_ann("deleted-users", "/restore"), Value::Null).await;

        assert_eq!(restored.expect(200)["groups"], 0);
        acme.get(&ann).await.expect(200);
        acme.delete(&ann).await.expect(204);
        admin.delete(&of_ann("deleted-users", "")).await.expect(204);
        admin.delete(&of_ann("deleted-users", "")).await.expect_problem(404, ann.id());
    }

    async fn a_brake_is_set_and_decided_about(app: TestApp) {
        let admin = Admin::new(&app).await;
        let acme = app.new_tenant().await;
        let path = |rest: &str| format!("/tenants/{}/brake{rest}", acme.name());
        let users = [acme.create("Users", json!({ "userName": "ann", "active": true })).await,
            acme.create("Users", json!({ "userName": "bob", "active": true })).await];
        assert_eq!(admin.get(&path("")).await["state"], "off");
        admin.post(&path("/release"), Value::Null).await.expect_problem(409, "no brake");
        let change = async |body: Value| admin.send(Method::PATCH, &path(""), body).await;

        let set = change(json!({ "people": 1, "window_s": 600 })).await.expect(200);

        assert_eq!(set["state"], "watching");
        assert_eq!((&set["people"], &set["window_s"]), (&json!(1), &json!(600)));
        change(json!({ "people": 0 })).await.expect_problem(400, "people");
        change(json!({ "persons": 1 })).await.expect_problem(400, "persons");
        admin.post(&path("/reject"), Value::Null).await.expect_problem(409, "watching");
        acme.delete(&users[0]).await.expect(204);
        acme.delete(&users[1]).await.expect_error(429, None);
        let held = admin.get(&path("/held")).await;
        let item = &held["items"][0];
        assert_eq!((&item["user_name"], &item["action"]), (&json!("bob"), &json!("delete")));
        assert!(item["actor"].as_str().unwrap().starts_with("token:"));
        let after = format!("/held?after={}", users[1].id());
        assert_eq!(admin.get(&path(&after)).await["items"], json!([]));
        admin.send(Method::GET, &path("/held?after=x"), Value::Null).await
            .expect_problem(400, "after");
        let read = admin.get(&path("")).await;
        assert_eq!((&read["state"], &read["held"]), (&json!("held"), &json!(1)));
        let rejected = admin.post(&path("/reject"), Value::Null).await.expect(200);
        assert_eq!(rejected["state"], "rejected");
        admin.post(&path("/release?seconds=0"), Value::Null).await.expect_problem(400, "");
        let released = admin.post(&path("/release?seconds=60"), Value::Null).await.expect(200);
        assert_eq!((&released["state"], released["until"].is_string()), (&json!("released"), true));
        acme.delete(&users[1]).await.expect(204);
        let reset = admin.post(&path("/reset"), Value::Null).await.expect(200);
        assert_eq!((&reset["state"], &reset["held"]), (&json!("watching"), &json!(0)));
    }
}
