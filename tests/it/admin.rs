//! The operator's API over HTTP: every operation does its work, and refuses what it should.

mod people;
mod rights;
mod sinks;

use std::{collections::BTreeSet, time::Duration};

use reqwest::{Method, header::HeaderMap};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::TestApp;

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";
const NO_ID: &str = "0198c2a0-0000-7000-8000-000000000001";

const BADGE: &str = "urn:example:params:scim:schemas:core:2.0:Badge";

fn badge() -> Value {
    json!({ "id": BADGE, "name": "Badge", "attributes": [{ "name": "number", "indexed": true }] })
}

fn badge_type() -> Value {
    json!({ "name": "Badge", "endpoint": "/Badges", "schema": BADGE })
}

/// An operator with a token.
struct Admin {
    app: TestApp,
    token: String,
}

struct Reply {
    asked: String,
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} -> {}", self.asked, self.body);
        assert_eq!(self.headers["cache-control"], "no-store", "{}", self.asked);
        self.body
    }

    /// Demands a problem with `status`, whose text holds `detail`.
    #[track_caller]
    fn expect_problem(self, status: u16, detail: &str) -> HeaderMap {
        let (asked, headers) = (self.asked.clone(), self.headers.clone());
        let body = self.expect(status);
        assert_eq!(body["status"], status, "{asked} -> {body}");
        assert!(body["detail"].as_str().unwrap().contains(detail), "{asked} -> {body}");
        headers
    }
}

impl Admin {
    async fn new(app: &TestApp) -> Self {
        let hour = Duration::from_secs(3600);
        let issued = app.operator().issue_operator_token("test", hour).await.unwrap();
        Self { app: app.clone(), token: issued.token.expose_secret().to_owned() }
    }

    /// With the body, unless it is null.
    async fn send(&self, method: Method, path: &str, body: Value) -> Reply {
        let url = format!("{}/admin/v1{path}", self.app.address());
        let asked = format!("{method} {path} {body}");
        let mut request = self.app.http().request(method, url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Reply { asked, status, headers, body: serde_json::from_str(&text).unwrap_or_default() }
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, Value::Null).await.expect(200)
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, body).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, Value::Null).await
    }

    /// A tenant with one connection.
    async fn tenant(&self, name: &str) {
        self.post("/tenants", json!({ "name": name })).await.expect(201);
        let connection = json!({ "name": "okta", "dialect": "okta" });
        self.post(&format!("/tenants/{name}/connections"), connection).await.expect(201);
    }

    /// The status of a SCIM request of a tenant.
    async fn scim(&self, tenant: &str, token: &str) -> u16 {
        let url = format!("{}/t/{tenant}/scim/v2/Users", self.app.address());
        self.app.http().get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    }

    /// Waits until SCIM answers with `status`: a token is believed for a second.
    async fn scim_becomes(&self, tenant: &str, token: &str, status: u16) {
        for _ in 0..30 {
            if self.scim(tenant, token).await == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("SCIM does not answer {status}, but {}", self.scim(tenant, token).await);
    }
}

fn names<'v>(list: &'v Value, member: &str) -> Vec<&'v str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item[member].as_str().unwrap()).collect()
}

on_both_databases! {
    async fn tenants_are_made_listed_suspended_and_deleted(app: TestApp) {
        let admin = Admin::new(&app).await;
        assert_eq!(admin.get("/tenants").await["items"], json!([]));
        let acme = json!({ "name": "acme", "subject_issuer": "https://idp.example" });
        let made = admin.post("/tenants", acme.clone()).await.expect(201);
        assert_eq!((&made["name"], &made["state"]), (&json!("acme"), &json!("active")));
        assert_eq!(made["subject_issuer"], "https://idp.example");
        admin.tenant("globex").await;
        assert_eq!(names(&admin.get("/tenants").await, "name"), ["acme", "globex"]);

        admin.post("/tenants", acme).await.expect_problem(409, "acme");
        for name in ["", "Acme", "a/b", "-a", "a b", &"a".repeat(64)] {
            admin.post("/tenants", json!({ "name": name })).await.expect_problem(400, "");
        }

        let token = json!({ "connection": "okta" });
        let token = admin.post("/tenants/globex/tokens", token).await.expect(201);
        let token = token["token"].as_str().unwrap();
        assert_eq!(admin.scim("globex", token).await, 200);
        let suspended = admin.post("/tenants/globex/suspend", Value::Null).await.expect(200);
        assert_eq!(suspended["state"], "suspended");
        admin.scim_becomes("globex", token, 401).await;
        admin.post("/tenants/globex/resume", Value::Null).await.expect(200);
        admin.scim_becomes("globex", token, 200).await;

        admin.delete("/tenants/globex").await.expect(204);
        assert_eq!(names(&admin.get("/tenants").await, "name"), ["acme"]);
        admin.scim_becomes("globex", token, 401).await;
        admin.delete("/tenants/globex").await.expect_problem(404, "globex");
        // A name that is free again belongs to somebody else.
        admin.tenant("globex").await;
        assert_eq!(admin.scim("globex", token).await, 401);
    }

    async fn connections_are_made_and_listed(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let path = "/tenants/acme/connections";
        let made = admin.post(path, json!({ "name": "hr" })).await.expect(201);
        assert_eq!((&made["name"], &made["dialect"]), (&json!("hr"), &json!("generic")));
        assert_eq!(names(&admin.get(path).await, "name"), ["hr", "okta"]);
        admin.post(path, json!({ "name": "hr" })).await.expect_problem(409, "hr");
        let unknown = json!({ "name": "x", "dialect": "Okta" });
        admin.post(path, unknown).await.expect_problem(400, "dialect");
        admin.post(path, json!({ "name": "UPPER" })).await.expect_problem(400, "");
    }

    async fn connections_are_set(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let path = "/tenants/acme/connections";
        let new = json!({ "name": "hr", "settings": { "opaque_members": true } });
        let made = admin.post(path, new).await.expect(201);
        let effective = json!({
            "opaque_members": true, "patch_response": "resource", "media_type": "auto",
            "unique_group_names": null, "default_results": null, "shadow": false,
        });
        assert_eq!(made["settings"], effective);

        let hr = "/tenants/acme/connections/hr";
        let change = json!({ "dialect": "okta", "settings": { "default_results": 500 } });
        let set = admin.send(Method::PATCH, hr, change).await.expect(200);
        assert_eq!(set["dialect"], "okta");
        assert_eq!(set["settings"]["opaque_members"], true, "what is absent stays");
        assert_eq!(set["settings"]["default_results"], 500);
        let change = json!({ "settings": { "opaque_members": null } });
        let set = admin.send(Method::PATCH, hr, change).await.expect(200);
        assert_eq!(set["settings"]["opaque_members"], false, "null is the default again");
        assert_eq!(admin.get(path).await["items"][0], set);

        for (change, named) in [
            (json!({ "settings": { "patch_response": "204" } }), "204"),
            (json!({ "settings": { "default_results": 0 } }), "default_results"),
            (json!({ "settings": { "colour": "red" } }), "colour"),
            (json!({ "dialect": "Okta" }), "strict"),
            (json!({ "name": "other" }), "name"),
        ] {
            admin.send(Method::PATCH, hr, change).await.expect_problem(400, named);
        }
        let nobody = "/tenants/acme/connections/nobody";
        admin.send(Method::PATCH, nobody, json!({})).await.expect_problem(404, "nobody");
    }

    async fn a_token_is_shown_once_and_ends_when_revoked(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let path = "/tenants/acme/tokens";
        let new = json!({ "connection": "okta", "label": "Okta", "expires_in": 315_360_000 });
        let made = admin.post(path, new).await.expect(201);
        let secret = made["token"].as_str().unwrap();
        assert_eq!(admin.scim("acme", secret).await, 200);

        let list = admin.get(path).await;
        assert_eq!(names(&list, "label"), ["Okta"]);
        assert_eq!(list["items"][0]["id"], made["id"]);
        assert_eq!(list["items"][0]["connection"], "okta");
        assert_eq!(list["items"][0]["scopes"], json!(["scim.read", "scim.write"]));
        assert!(list["items"][0]["last_used_at"].is_string(), "{list}");
        assert!(!list.to_string().contains(secret));

        for (new, detail) in [
            (json!({ "connection": "okta", "scopes": ["scim.all"] }), "scopes"),
            (json!({ "connection": "okta", "scopes": [] }), "scopes"),
            (json!({ "connection": "okta", "expires_in": 0 }), "expires_in"),
            (json!({ "connection": "okta", "expires_in": 315_360_001 }), "expires_in"),
            (json!({ "label": "no connection" }), "NewToken"),
        ] {
            admin.post(path, new).await.expect_problem(400, detail);
        }
        admin.post(path, json!({ "connection": "none" })).await.expect_problem(404, "none");

        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        admin.delete(&one).await.expect(204);
        admin.scim_becomes("acme", secret, 401).await;
        assert!(admin.get(path).await["items"][0]["revoked_at"].is_string());
        admin.delete(&format!("{path}/{NO_ID}")).await.expect_problem(404, "");
        admin.delete(&format!("{path}/no-id")).await.expect_problem(404, "");
    }

    async fn a_token_is_rotated_and_both_work_for_a_while(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let new = json!({ "connection": "okta", "label": "prod", "scopes": ["scim.read"],
            "networks": ["127.0.0.0/8", "::1"], "expires_in": 86_400 });
        let old = admin.post("/tenants/acme/tokens", new).await.expect(201);
        let rotate = |token: &Value, overlap: &str| {
            format!("/tenants/acme/tokens/{}/rotate{overlap}", token["id"].as_str().unwrap())
        };
        let rotated = async |token: &Value, overlap: &str| {
            admin.post(&rotate(token, overlap), Value::Null).await
        };

        let next = rotated(&old, "?overlap=3600").await.expect(201);

        for token in [&old, &next] {
            assert_eq!(admin.scim("acme", token["token"].as_str().unwrap()).await, 200);
        }
        let listed = admin.get("/tenants/acme/tokens").await;
        let listed = listed["items"].as_array().unwrap();
        for same in ["connection", "user", "scopes", "networks", "label"] {
            assert_eq!(listed[0][same], listed[1][same], "{same}");
        }
        assert_eq!(listed[1]["networks"], json!(["127.0.0.0/8", "::1/128"]));
        let ends = |nth: usize| listed[nth]["expires_at"].as_str().unwrap().to_owned();
        assert!(ends(0) < ends(1), "the old one ends first: {listed:?}");

        let last = rotated(&next, "?overlap=0").await.expect(201);
        admin.scim_becomes("acme", next["token"].as_str().unwrap(), 401).await;
        assert_eq!(admin.scim("acme", last["token"].as_str().unwrap()).await, 200);
        rotated(&next, "").await.expect_problem(409, "no longer");
        rotated(&last, "?overlap=2592001").await.expect_problem(400, "overlap");
        rotated(&json!({ "id": NO_ID }), "").await.expect_problem(404, NO_ID);
        admin.tenant("globex").await;
        let foreign = rotate(&last, "").replace("acme", "globex");
        admin.post(&foreign, Value::Null).await.expect_problem(404, "token");
    }

    async fn a_receiver_is_made_listed_and_revoked(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let path = "/tenants/acme/receivers";
        let made = admin.post(path, json!({ "name": "shop" })).await.expect(201);
        let secret = made["client_secret"].as_str().unwrap();
        assert!(secret.starts_with("muster_receiver_"));
        assert!(made["token_url"].as_str().unwrap().ends_with("/t/acme/oauth/token"));
        assert_eq!(made["scopes"], json!(["ssf.read", "ssf.manage"]));
        let list = admin.get(path).await;
        assert_eq!(names(&list, "name"), ["shop"]);
        assert!(!list.to_string().contains(secret));

        for (new, detail) in [
            (json!({ "name": "Shop" }), "lower-case"),
            (json!({ "name": "a", "scopes": ["scim.read"] }), "ssf.read"),
            (json!({ "name": "a", "scopes": [] }), "ssf.read"),
            (json!({ "name": "a", "inactivity_timeout": 3600 }), "7 days"),
            (json!({}), "NewReceiver"),
        ] {
            admin.post(path, new).await.expect_problem(400, detail);
        }
        admin.post(path, json!({ "name": "shop" })).await.expect_problem(409, "shop");
        let new = json!({ "connection": "okta", "scopes": ["ssf.manage"] });
        admin.post("/tenants/acme/tokens", new).await.expect_problem(400, "scopes");

        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        admin.delete(&one).await.expect(204);
        assert!(admin.get(path).await["items"][0]["revoked_at"].is_string());
        admin.post(path, json!({ "name": "shop" })).await.expect(201);
        admin.delete(&format!("{path}/{NO_ID}")).await.expect_problem(404, "");
    }

    async fn an_operator_can_admit_another(app: TestApp) {
        let admin = Admin::new(&app).await;
        let made = admin.post("/operator-tokens", json!({ "label": "second" })).await.expect(201);
        assert_eq!(made["label"], "second");
        let second = Admin { app: app.clone(), token: made["token"].as_str().unwrap().to_owned() };
        second.get("/tenants").await;
        // It opens nothing of a tenant, and a tenant's token opens nothing here.
        admin.tenant("acme").await;
        assert_eq!(admin.scim("acme", &second.token).await, 401);
        let tenants = admin.post("/tenants/acme/tokens", json!({ "connection": "okta" })).await;
        let token = tenants.expect(201)["token"].as_str().unwrap().to_owned();
        let tenant = Admin { app: app.clone(), token };
        let headers = tenant.post("/tenants", json!({ "name": "x" })).await.expect_problem(401, "");
        assert!(headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    }

    async fn streams_are_made_paused_resumed_and_deleted(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let path = "/tenants/acme/streams";
        let secret = "Bearer receivers-own-secret";
        let new = json!({
            "description": "app", "push_url": "http://127.0.0.1:9/events", "authorization": secret,
            "events": [REVOKED], "subject_format": "email", "audience": "https://app.example",
        });
        let made = admin.post(path, new).await.expect(201);
        assert_eq!((&made["method"], &made["status"]), (&json!("push"), &json!("enabled")));
        assert_eq!((&made["events"], &made["audience"]), (&json!([REVOKED]), &json!("https://app.example")));
        let polled = admin.post(path, json!({})).await.expect(201);
        assert_eq!(polled["method"], "poll");
        assert_eq!(polled["events"].as_array().unwrap().len(), 2);
        let list = admin.get(path).await;
        assert_eq!(names(&list, "method"), ["push", "poll"]);
        for shown in [&made, &list] {
            assert!(!shown.to_string().contains("receivers-own-secret"), "{shown}");
        }

        for (new, detail) in [
            (json!({ "events": ["urn:none"] }), "events"),
            (json!({ "events": [] }), "event"),
            (json!({ "subject_format": "phone" }), "subject_format"),
            (json!({ "push_url": "http://receiver.example/" }), "URL"),
            (json!({ "push_url": "https://user:word@receiver.example/" }), "URL"),
            (json!({ "push_url": "http://10.0.0.1/" }), "URL"),
            (json!({ "push_url": "no url" }), "URL"),
            (json!({ "authorization": "Bearer x" }), "push URL"),
            (json!({ "push_url": "https://receiver.example/", "authorization": "a\u{1}" }), "header"),
            (json!({ "events": [REVOKED, VERIFICATION] }), "not sent"),
            (json!({ "pushurl": "https://receiver.example/" }), "pushurl"),
        ] {
            admin.post(path, new).await.expect_problem(400, detail);
        }

        let one = format!("{path}/{}", made["id"].as_str().unwrap());
        let paused = admin.post(&format!("{one}/pause"), Value::Null).await.expect(200);
        assert_eq!(paused["status"], "paused");
        assert!(paused["reason"].is_string());
        let resumed = admin.post(&format!("{one}/resume"), Value::Null).await.expect(200);
        assert_eq!((&resumed["status"], &resumed["reason"]), (&json!("enabled"), &Value::Null));
        admin.delete(&one).await.expect(204);
        assert_eq!(names(&admin.get(path).await, "method"), ["poll"]);
        admin.delete(&one).await.expect_problem(404, "");
        for action in ["pause", "resume"] {
            admin.post(&format!("{path}/{NO_ID}/{action}"), Value::Null).await.expect_problem(404, "");
        }
    }

    async fn schemas_and_types_are_put_listed_read_and_deleted(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let (schema, kind) = (
            format!("/tenants/acme/schemas/{BADGE}"),
            "/tenants/acme/resource-types/Badge".to_owned(),
        );
        let put = async |path: &str, body: Value| admin.send(Method::PUT, path, body).await;
        // R140
        put(&kind, badge_type()).await.expect_problem(400, "`schema`: there is no schema");
        let kept = put(&schema, badge()).await.expect(200);
        assert_eq!(kept["attributes"][0]["indexed"], true);
        assert_eq!(put(&schema, badge()).await.expect(200), kept);
        assert_eq!(put(&kind, badge_type()).await.expect(200)["endpoint"], "/Badges");
        assert_eq!(admin.get(&schema).await, kept);
        assert_eq!(names(&admin.get("/tenants/acme/schemas").await, "id"), [BADGE]);
        assert_eq!(names(&admin.get("/tenants/acme/resource-types").await, "name"), ["Badge"]);
        assert_eq!(admin.get(&kind).await["schemaExtensions"], json!([]));

        for (body, detail) in [
            (json!({ "id": "urn:example:other", "attributes": [{ "name": "a" }] }), "names another"),
            // A24
            (json!({ "id": BADGE, "attributes": [{ "name": "__proto__" }] }), "`attributes[0].name`"),
            (json!({ "id": BADGE, "attributes": [{ "name": "id" }] }), "every resource"),
            (
                json!({ "id": BADGE, "attributes": vec![json!({ "name": "a" }); 10_000] }),
                "`attributes[1].name`",
            ),
            (
                json!({ "id": BADGE, "attributes": (0..10_000).map(|n| json!({ "name": format!("a{n}") })).collect::<Vec<_>>() }),
                "at most 500",
            ),
            (json!({ "id": BADGE, "description": "x".repeat(1_000_000), "attributes": [{ "name": "a" }] }), "4096 bytes"),
        ] {
            put(&schema, body).await.expect_problem(400, detail);
        }
        assert_eq!(admin.get(&schema).await, kept);
        admin.delete(&schema).await.expect_problem(409, "used by Badge");
        admin.delete(&kind).await.expect(204);
        admin.delete(&schema).await.expect(204);
        for path in [&schema, &kind] {
            admin.delete(path).await.expect_problem(404, "");
            admin.send(Method::GET, path, Value::Null).await.expect_problem(404, "");
        }
    }

    async fn events_are_listed_in_order_and_without_names(app: TestApp) {
        let admin = Admin::new(&app).await;
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let user = acme.create("Users", json!({ "userName": "secret-name" })).await;
        globex.create("Users", json!({ "userName": "secret-name" })).await;

        let all = admin.get("/events").await;
        assert_eq!(all["items"].as_array().unwrap().len(), 4);
        assert!(!all.to_string().contains("secret-name"), "{all}");
        let of_acme = admin.get(&format!("/events?tenant={}", acme.name())).await;
        assert_eq!(names(&of_acme, "resource"), [user.path(), user.path()]);
        assert_eq!(names(&of_acme, "tenant"), [acme.name(), acme.name()]);
        let first = of_acme["items"][0]["seq"].as_i64().unwrap();
        let rest = admin.get(&format!("/events?tenant={}&after={first}", acme.name())).await;
        assert_eq!(rest["items"], json!([of_acme["items"][1]]));
        assert_eq!(admin.get("/events?limit=1").await["items"].as_array().unwrap().len(), 1);
        for query in ["limit=0", "limit=1001", "limit=x", "after=x"] {
            let reply = admin.send(Method::GET, &format!("/events?{query}"), Value::Null).await;
            reply.expect_problem(400, "");
        }
        let reply = admin.send(Method::GET, "/events?tenant=nobody", Value::Null).await;
        reply.expect_problem(404, "nobody");
    }
}

/// Every operation of the document, with a tenant that is not there.
async fn operations(admin: &Admin) -> Vec<(Method, String)> {
    let url = format!("{}/admin/openapi.json", admin.app.address());
    let document: Value = admin.app.http().get(url).send().await.unwrap().json().await.unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let operations = paths.into_iter().flat_map(|(path, methods)| {
        let path = path.replace("{tenant}", "nobody").replace("{id}", NO_ID);
        let path = path.replace("{urn}", BADGE).replace("{name}", "Badge").replace("{kid}", "x");
        let methods: Vec<String> = methods.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(move |method| (method.to_ascii_uppercase().parse().unwrap(), path.clone()))
    });
    operations.collect()
}

on_both_databases! {
    async fn limits_are_set_and_shown(app: TestApp) {
        let admin = Admin::new(&app).await;
        admin.tenant("acme").await;
        let change = async |body: Value| admin.send(Method::PATCH, "/tenants/acme/limits", body).await;
        let shown = admin.get("/tenants/acme/limits").await;
        assert_eq!(shown, json!({ "requests_per_minute": null, "concurrent_requests": 64, "concurrent_requests_shared": 4 }));

        let changed = change(json!({ "requests_per_minute": 600 })).await.expect(200);

        assert_eq!(changed, json!({ "requests_per_minute": 600, "concurrent_requests": 64, "concurrent_requests_shared": 4 }));
        assert_eq!(admin.get("/tenants/acme/limits").await, changed);
        change(json!({ "concurrent_requests": 0 })).await.expect_problem(400, "concurrent_requests");
        change(json!({ "requests": 1 })).await.expect_problem(400, "requests");
    }

    async fn every_operation_needs_a_token_first(app: TestApp) {
        let admin = Admin::new(&app).await;
        let operations = operations(&admin).await;
        assert_eq!(operations.len(), 101, "each has a test here: {operations:?}");
        for token in ["", "bad"] {
            let stranger = Admin { app: app.clone(), token: token.to_owned() };
            for (method, path) in &operations {
                if (method, path.as_str()) == (&Method::POST, "/sessions") {
                    continue;
                }
                // A body that no operation could read.
                let reply = stranger.send(method.clone(), path, json!("unread")).await;
                let headers = reply.expect_problem(401, "token");
                let challenge = headers["www-authenticate"].to_str().unwrap();
                assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            }
        }
    }

    async fn an_unknown_tenant_is_not_found(app: TestApp) {
        let admin = Admin::new(&app).await;
        for (method, path) in operations(&admin).await {
            if !path.contains("nobody") {
                continue;
            }
            let body = match (method.as_str(), path.rsplit('/').next()) {
                ("PUT", Some(BADGE)) => badge(),
                ("PUT", Some("Badge")) => badge_type(),
                ("PUT", _) if path.contains("/protected-users/") => json!({ "reason": "x" }),
                ("PUT", Some("revocation-issuer")) => json!({ "issuer": "x" }),
                ("POST", Some("connections" | "applications" | "receivers")) => json!({ "name": "x" }),
                ("POST", Some("administrators")) => json!({ "name": "x", "role": "owner" }),
                ("POST", Some("role-rules")) => json!({ "role": "x", "filter": "id pr" }),
                ("POST", Some("credential-compromise")) => json!({ "credential_type": "app" }),
                ("POST", Some("tokens" | "clients")) => json!({ "connection": "x" }),
                ("POST", Some("redrive" | "discard")) => json!({ "all": true }),
                ("POST", Some("replay")) => json!({ "from_seq": 1 }),
                ("POST", Some("webhooks")) => json!({ "url": "https://app.example/" }),
                ("POST", Some("connectors")) => json!({ "kind": "back_channel_logout",
                    "endpoint_url": "https://app.example/", "settings": { "client_id": "x" } }),
                ("POST", Some("streams" | "keys" | "rotate" | "verify")) | ("PATCH", _) => json!({}),
                _ => Value::Null,
            };
            admin.send(method, &path, body).await.expect_problem(404, "nobody");
        }
    }

    async fn a_wrong_method_is_told_the_right_ones(app: TestApp) {
        let admin = Admin::new(&app).await;
        let operations = operations(&admin).await;
        let paths: BTreeSet<&String> = operations.iter().map(|(_, path)| path).collect();
        for path in paths {
            let mut known: Vec<&str> = operations
                .iter()
                .filter(|(_, at)| at == path)
                .map(|(method, _)| method.as_str())
                .collect();
            if known.contains(&"GET") {
                known.push("HEAD");
            }
            known.sort_unstable();
            let wrong = if known.contains(&"PATCH") { Method::PUT } else { Method::PATCH };
            let headers = admin.send(wrong, path, json!({})).await.expect_problem(405, "");
            assert_eq!(headers["allow"], known.join(", "), "{path}");
        }
        admin.send(Method::GET, "/nowhere", Value::Null).await.expect_problem(404, "");
    }
}
