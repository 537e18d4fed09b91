//! May this person sign in, and with which roles, and why?

use std::time::Duration;

use muster::{provision::operator::NewRoleRule, tenant::Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Resource, TestApp, TestTenant, replace};

const ACTOR: &str = "operator:test";
const HOUR: Duration = Duration::from_secs(3_600);

/// A login of a tenant.
struct Login(TestTenant);

impl Login {
    async fn of(tenant: &TestTenant) -> Self {
        let (token, _) = tenant.issue(&[Scope::Access], HOUR).await;
        Self(tenant.with_token(&token))
    }

    async fn ask(&self, query: &str) -> Answer {
        self.0.tenant_request(Method::GET, &format!("/access{query}")).await
    }

    /// `role: why` for each role.
    async fn roles(&self, query: &str) -> Vec<String> {
        let answer = self.ask(query).await.expect(200);
        assert_eq!(answer["allowed"], true, "{answer:?}");
        let told = |it: &Value| {
            let why: Vec<_> =
                it["why"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
            format!("{}: {}", it["value"].as_str().unwrap(), why.join("; "))
        };
        answer["roles"].as_array().unwrap().iter().map(told).collect()
    }

    async fn refusal(&self, query: &str) -> String {
        let answer = self.ask(query).await.expect(200);
        assert_eq!(answer["allowed"], false, "{answer:?}");
        assert_eq!((&answer["roles"], &answer["entitlements"]), (&json!([]), &json!([])));
        answer["reason"].as_str().unwrap().to_owned()
    }
}

async fn rule(app: &TestApp, tenant: &TestTenant, new: NewRoleRule) -> uuid::Uuid {
    app.operator().add_role_rule(tenant.name(), &new, ACTOR).await.unwrap().id
}

fn for_group(role: &str, group: &Resource) -> NewRoleRule {
    NewRoleRule { role: role.to_owned(), group: Some(group.id().to_owned()), filter: None }
}

fn for_filter(role: &str, filter: &str) -> NewRoleRule {
    NewRoleRule { role: role.to_owned(), group: None, filter: Some(filter.to_owned()) }
}

async fn group(tenant: &TestTenant, name: &str, members: &[&Resource]) -> Resource {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it.id() })).collect();
    tenant.create("Groups", json!({ "displayName": name, "members": members })).await
}

on_both_databases! {
    async fn roles_come_from_groups_filters_and_the_directory(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = json!({
            "userName": "ann",
            "externalId": "hr-7",
            "active": true,
            "title": "Buyer",
            "emails": [{ "value": "ann@work.example" }],
            "roles": [{ "value": "approver" }],
            "entitlements": [{ "value": "parking" }],
        });
        let ann = acme.create("Users", ann).await;
        let inner = group(&acme, "Finance-EU", &[&ann]).await;
        let outer = group(&acme, "Finance", &[&inner]).await;
        let other = group(&acme, "Sales", &[]).await;
        rule(&app, &acme, for_group("viewer", &inner)).await;
        let editor = rule(&app, &acme, for_group("editor", &outer)).await;
        rule(&app, &acme, for_group("seller", &other)).await;
        rule(&app, &acme, for_filter("viewer", "title eq \"buyer\"")).await;
        rule(&app, &acme, for_filter("intern", "title eq \"Intern\"")).await;
        let login = Login::of(&acme).await;

        let roles = login.roles("?user_name=ANN").await;

        assert_eq!(roles, [
            "approver: the directory says so (`roles`)",
            "editor: in a group in Finance, which maps to editor",
            "viewer: member of Finance-EU, which maps to viewer; matches title eq \"buyer\", which \
             maps to viewer",
        ]);
        let whole = login.ask("?external_id=hr-7").await.expect(200);
        assert_eq!(whole["user"]["id"], ann.id());
        assert_eq!(whole["entitlements"][0]["value"], "parking");
        for query in ["?email=ann%40work.example".to_owned(), format!("?id={}", ann.id())] {
            assert_eq!(login.roles(&query).await, roles, "{query}");
        }
        let seen = app.operator().user_access(acme.name(), ann.id()).await.unwrap();
        assert_eq!(json!(seen), whole.body);
        app.operator().delete_role_rule(acme.name(), editor, ACTOR).await.unwrap();
        acme.delete(&inner).await.expect(204);
        assert_eq!(login.roles("?user_name=ann").await, [
            "approver: the directory says so (`roles`)",
            "viewer: matches title eq \"buyer\", which maps to viewer",
        ]);
    }

    async fn who_may_not_sign_in_has_no_roles(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let emails = json!([{ "value": "all@work.example" }]);
        let user = |name: &str| json!({ "userName": name, "active": true, "emails": emails });
        let ann = acme.create("Users", user("ann")).await;
        acme.create("Users", user("bob")).await;
        rule(&app, &acme, for_filter("viewer", "userName pr")).await;
        let (login, stranger) = (Login::of(&acme).await, Login::of(&globex).await);

        assert_eq!(login.refusal("?user_name=nobody").await, "unknown");
        assert_eq!(login.refusal("?email=all%40work.example").await, "ambiguous");
        assert_eq!(stranger.refusal("?user_name=ann").await, "unknown");
        assert_eq!(stranger.refusal(&format!("?id={}", ann.id())).await, "unknown");
        assert_eq!(login.roles("?user_name=ann").await.len(), 1);
        acme.patch(&ann, replace("active", false)).await.expect(200);
        assert_eq!(login.refusal("?user_name=ann").await, "inactive");
        acme.patch(&ann, replace("active", true)).await.expect(200);
        let change = json!({ "suspended_by": "userType" }).as_object().unwrap().clone();
        let settings = app.operator().change_event_settings(acme.name(), change).await;
        settings.unwrap();
        assert_eq!(login.roles("?user_name=ann").await.len(), 1, "she has no userType");
        acme.patch(&ann, replace("userType", "true")).await.expect(200);
        assert_eq!(login.refusal("?user_name=ann").await, "suspended");
        acme.delete(&ann).await.expect(204);
        assert_eq!(login.refusal("?user_name=ann").await, "unknown");
    }

    async fn only_a_login_may_ask_and_it_asks_of_one(app: TestApp) {
        let acme = app.new_tenant().await;
        let login = Login::of(&acme).await;
        for query in ["", "?", "?user_name=", "?shoe=7", "?id=x", "?user_name=a&email=b", "?id=%ff"] {
            let refused = login.ask(query).await;
            assert_eq!(refused.status, 400, "{query} -> {refused:?}");
        }
        let directory = acme.tenant_request(Method::GET, "/access?user_name=a").await;
        assert_eq!(directory.status, 403, "{directory:?}");
        let method = login.0.tenant_request(Method::POST, "/access?user_name=a").await;
        assert_eq!(method.status, 405);
        let nobody = acme.with_token("x").tenant_request(Method::GET, "/access?user_name=a").await;
        assert_eq!(nobody.status, 401);
        login.0.request(Method::GET, "/Users").await.expect_error(403, None);
    }

    async fn a_rule_that_could_not_hold_is_refused(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let group = group(&globex, "Sales", &[]).await;
        let add = async |new: &NewRoleRule| {
            app.operator().add_role_rule(acme.name(), new, ACTOR).await.unwrap_err()
        };
        let both = NewRoleRule { filter: Some("id pr".to_owned()), ..for_group("x", &group) };
        for (new, status, named) in [
            (for_filter("", "id pr"), 400, "role"),
            (for_filter(&"x".repeat(129), "id pr"), 400, "role"),
            (for_filter("x", "shoe eq 7"), 400, "shoe"),
            (for_filter("x", "title eq"), 400, "filter"),
            (for_group("x", &group), 404, group.id()),
            (both, 400, "or"),
            (NewRoleRule { role: "x".to_owned(), ..Default::default() }, 400, "or"),
        ] {
            let refused = add(&new).await;
            assert_eq!(refused.status(), status, "{refused}");
            assert!(refused.to_string().contains(named), "{refused}");
        }
        assert!(app.operator().role_rules(acme.name()).await.unwrap().is_empty());
        let none = app.operator().delete_role_rule(acme.name(), uuid::Uuid::nil(), ACTOR).await;
        assert_eq!(none.unwrap_err().status(), 404);
        let nobody = app.operator().user_access(acme.name(), "no-id").await;
        assert_eq!(nobody.unwrap_err().status(), 404);
    }
}
