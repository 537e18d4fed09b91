//! Webhooks and connectors, from their creation to what arrives at them.

mod vendors;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use standardwebhooks::Webhook;

use super::*;
use crate::support::{Heard, PUBLIC_URL, Reply as Answer, StandIn, TestTenant, replace};

/// A tenant that directories and administrators reach.
struct House {
    admin: Admin,
    tenant: TestTenant,
}

impl House {
    async fn new(app: &TestApp) -> Self {
        Self { admin: Admin::new(app).await, tenant: app.new_tenant().await }
    }

    fn path(&self, rest: &str) -> String {
        format!("/tenants/{}/{rest}", self.tenant.name())
    }

    async fn create(&self, what: &str, body: Value) -> Value {
        self.admin.post(&self.path(what), body).await.expect(201)
    }

    async fn list(&self, what: &str) -> Vec<Value> {
        self.admin.get(&self.path(what)).await["items"].as_array().unwrap().clone()
    }

    async fn act(&self, what: &str, of: &Value, action: &str) -> Reply {
        let id = of["id"].as_str().unwrap();
        self.admin.post(&self.path(&format!("{what}/{id}/{action}")), Value::Null).await
    }

    async fn delete(&self, what: &str, of: &Value) {
        let path = self.path(&format!("{what}/{}", of["id"].as_str().unwrap()));
        self.admin.delete(&path).await.expect(204);
        self.admin.delete(&path).await.expect_problem(404, "");
    }

    /// Someone joins, and leaves.
    async fn leaver(&self, name: &str) {
        let user = json!({ "userName": name, "externalId": format!("x-{name}"), "active": true });
        let user = self.tenant.create("Users", user).await;
        self.tenant.patch(&user, replace("active", false)).await.expect(200);
    }

    /// Waits until the only one of `what` looks as `is` says.
    async fn wait_for(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let found = self.list(what).await;
            if is(&found[0]) {
                return found[0].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}", self.list(what).await);
    }

    async fn key_set(&self) -> JwkSet {
        let url = format!("{}/t/{}/jwks.json", self.admin.app.address(), self.tenant.name());
        self.admin.app.http().get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The claims of a token that the tenant's key signed.
    async fn verified(&self, token: &str, typ: &str, audience: &str) -> Value {
        let header = decode_header(token).unwrap();
        assert_eq!(header.typ.as_deref(), Some(typ));
        let keys = self.key_set().await;
        let key = keys.find(header.kid.as_deref().unwrap()).expect("the key is published");
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[format!("{PUBLIC_URL}/t/{}", self.tenant.name())]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        let key = DecodingKey::from_jwk(key).unwrap();
        decode::<Value>(token, &key, &validation).unwrap().claims
    }
}

fn types(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(|it| it.json()["type"].as_str().unwrap().to_owned()).collect()
}

fn verifies(secret: &str, heard: &Heard) -> bool {
    Webhook::new(secret).unwrap().verify(heard.body.as_bytes(), &heard.headers).is_ok()
}

on_both_databases! {
    async fn a_webhook_is_told_in_order_and_signed_through_a_rotation(app: TestApp) {
        // E22
        let house = House::new(&app).await;
        let endpoint = StandIn::script([Answer::status(204)]).await;
        let url = format!("{}/hook", endpoint.url());
        let made = house.create("webhooks", json!({ "url": url, "description": "billing" })).await;
        let first = made["secret"].as_str().unwrap().to_owned();
        assert!(first.starts_with("whsec_"));
        let webhook = &made["webhook"];
        assert_eq!((&webhook["format"], &webhook["signature"]), (&json!("standard"), &json!("v1")));

        house.leaver("barbara").await;
        let heard = endpoint.wait_for(3).await;

        let told = ["scim.user.created", "scim.user.sessions_revoked", "scim.user.deactivated"];
        assert_eq!(types(&heard), told);
        assert!(heard.iter().all(|it| it.line() == "POST /hook" && verifies(&first, it)));
        let data = &heard[2].json()["data"];
        assert_eq!(data["user"]["externalId"], "x-barbara");
        assert_eq!(data["txn"], heard[1].json()["data"]["txn"], "one change, one txn");

        let listed = house.list("webhooks").await;
        assert!(!json!(listed).to_string().contains("whsec_"), "the secret is shown once");
        let path = house.path(&format!("webhooks/{}/rotate", webhook["id"].as_str().unwrap()));
        let rotated = house.admin.post(&path, json!({ "signature": "v1a" })).await.expect(200);
        assert_eq!((&rotated["secret"], &rotated["webhook"]["signature"]), (&Value::Null, &json!("v1a")));
        assert!(rotated["webhook"]["public_key"].as_str().unwrap().starts_with("whpk_"));
        let fault = house.admin.post(&path, json!({ "key": "whsec_AAAA" })).await;
        fault.expect_problem(400, "24 to 64 bytes");
        house.act("webhooks", webhook, "test").await.expect(202);
        let heard = endpoint.wait_for(4).await;
        assert_eq!(types(&heard)[3], "endpoint.ping");
        assert!(verifies(&first, &heard[3]), "the old secret is good for a day");

        house.act("webhooks", webhook, "pause").await.expect(200);
        house.leaver("paused").await;
        let held = house.wait_for("webhooks", |it| it["pending"] != json!(0)).await;
        assert_eq!(held["status"], "paused");
        assert_eq!(endpoint.heard().len(), 4);
        house.act("webhooks", webhook, "resume").await.expect(200);
        assert_eq!(types(&endpoint.wait_for(7).await)[4..], told);
        house.delete("webhooks", webhook).await;
    }

    async fn an_endpoint_that_is_gone_is_stopped_with_the_reason(app: TestApp) {
        // E25
        let house = House::new(&app).await;
        let endpoint = StandIn::script([Answer::status(410)]).await;
        let new = json!({ "url": endpoint.url(), "types": ["scim.user.deleted"] });
        let made = house.create("webhooks", new).await;

        house.leaver("barbara").await;
        house.act("webhooks", &made["webhook"], "test").await.expect(202);

        let stopped = house.wait_for("webhooks", |it| it["status"] == "paused").await;
        assert_eq!(stopped["reason"], "the endpoint is gone");
        assert_eq!(types(&endpoint.heard()), ["endpoint.ping"], "only what it asked for");
    }

    async fn an_endpoint_of_cloud_events_is_asked_first(app: TestApp) {
        let house = House::new(&app).await;
        let endpoint = StandIn::answering(|heard| match heard.method.as_str() {
            "OPTIONS" => Answer::status(200).with("webhook-allowed-origin", "muster.test"),
            _ => Answer::status(200),
        })
        .await;
        let new = json!({ "url": endpoint.url(), "format": "cloudevents",
            "types": ["scim.user.deactivated"] });
        house.create("webhooks", new).await;

        house.leaver("barbara").await;
        let heard = endpoint.wait_for(2).await;

        assert_eq!(heard[0].method, "OPTIONS");
        let event = heard[1].json();
        assert_eq!(event["type"], "test.muster.scim.user.deactivated.v1");
        assert_eq!(event["source"], format!("{PUBLIC_URL}/t/{}", house.tenant.name()));
        assert_eq!(event["id"], heard[1].header("webhook-id"));
    }

    async fn a_wrong_webhook_is_refused(app: TestApp) {
        let house = House::new(&app).await;
        let path = house.path("webhooks");
        let url = "https://app.example/hook";
        for (new, detail) in [
            (json!({ "url": "http://10.0.0.1/" }), "URL"),
            (json!({ "url": url, "types": ["scim.user.gone"] }), "scim.user.deleted"),
            (json!({ "url": url, "format": "xml" }), "cloudevents"),
            (json!({ "url": url, "signature": "v2" }), "v1a"),
            (json!({ "url": url, "key": "secret" }), "whsec_"),
            (json!({ "url": url, "authorization": "a\nb" }), "authorization"),
            (json!({ "url": url, "colour": "red" }), "colour"),
        ] {
            house.admin.post(&path, new).await.expect_problem(400, detail);
        }
        let of_none = json!({ "url": url, "application": "none" });
        house.admin.post(&path, of_none).await.expect_problem(404, "none");
        assert!(house.list("webhooks").await.is_empty());
        for action in ["test", "pause", "resume"] {
            house.act("webhooks", &json!({ "id": NO_ID }), action).await.expect_problem(404, NO_ID);
        }
    }

    async fn a_relying_party_is_logged_out_by_a_token_of_the_tenant(app: TestApp) {
        // E23, E25
        let house = House::new(&app).await;
        let party = StandIn::script([Answer::status(200)]).await;
        let new = json!({ "kind": "back_channel_logout", "endpoint_url": format!("{}/out", party.url()),
            "settings": { "client_id": "app7", "residual_ttl_s": 90 } });
        let made = house.create("connectors", new).await;
        assert_eq!(made["residual_ttl_s"], 90);
        assert_eq!(made["kills"], json!({ "cookies": true, "refresh": false, "access": false }));

        house.leaver("barbara").await;
        let heard = party.wait_for(1).await;

        assert_eq!(heard[0].line(), "POST /out");
        let token = heard[0].body.strip_prefix("logout_token=").unwrap();
        let claims = house.verified(token, "logout+jwt", "app7").await;
        assert_eq!(claims["sub"], "x-barbara");
        let members: BTreeSet<&str> =
            claims.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["aud", "events", "exp", "iat", "iss", "jti", "sub"];
        assert_eq!(members, BTreeSet::from(expected), "no nonce");
        let event = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        assert_eq!(claims["events"], event);
        let seconds = |name: &str| claims[name].as_i64().unwrap();
        assert!(seconds("exp") - seconds("iat") <= 120);
        let done = house.wait_for("connectors", |it| it["pending"] == json!(0)).await;
        assert_eq!(done["status"], "enabled");
        assert_eq!(party.heard().len(), 1, "nothing else is a command");
    }

    async fn an_authorization_server_is_told_to_revoke_with_a_token_of_the_tenant(app: TestApp) {
        // E25
        let house = House::new(&app).await;
        let server = StandIn::script([Answer::status(429).with("retry-after", "1"), Answer::status(204)]).await;
        let endpoint = format!("{}/gtr", server.url());
        let new = json!({ "kind": "global_token_revocation", "endpoint_url": endpoint,
            "settings": { "auth": "private_key_jwt", "client_id": "muster" } });
        house.create("connectors", new).await;

        house.leaver("barbara").await;
        let heard = server.wait_for(2).await;

        let issuer = format!("{PUBLIC_URL}/t/{}", house.tenant.name());
        let body = json!({ "sub_id": { "format": "iss_sub", "iss": issuer, "sub": "x-barbara" } });
        let mut ids = BTreeSet::new();
        for request in &heard {
            assert_eq!(request.json(), body);
            let token = request.header("authorization").strip_prefix("Bearer ").unwrap();
            let claims = house.verified(token, "global-token-revocation+jwt", &endpoint).await;
            assert_eq!(claims["sub"], "muster");
            ids.insert(claims["jti"].as_str().unwrap().to_owned());
        }
        assert_eq!(ids.len(), 2, "an attempt is not taken for a replay");
    }

    async fn a_connector_that_fails_says_how_and_keeps_its_commands(app: TestApp) {
        // E25
        let house = House::new(&app).await;
        let new = json!({ "kind": "global_token_revocation", "endpoint_url": StandIn::nobody().await,
            "secrets": { "token": "t0p-s3cret" } });
        let made = house.create("connectors", new).await;
        assert!(!made.to_string().contains("t0p-s3cret"));

        house.leaver("barbara").await;

        let failing = house.wait_for("connectors", |it| !it["last_error"].is_null()).await;
        assert_eq!((&failing["last_error"], &failing["pending"]), (&json!("could not connect"), &json!(1)));
        house.act("connectors", &made, "pause").await.expect(200);
        assert_eq!(house.list("connectors").await[0]["status"], "paused");
        house.act("connectors", &made, "resume").await.expect(200);
        assert_eq!(house.list("connectors").await[0]["status"], "enabled");
        house.delete("connectors", &made).await;
    }

    async fn a_rehearsal_shows_the_request_without_its_secrets_and_sends_nothing(app: TestApp) {
        let house = House::new(&app).await;
        let server = StandIn::script([Answer::status(204)]).await;
        let endpoint = format!("{}/gtr", server.url());
        let bearer = json!({ "kind": "global_token_revocation", "endpoint_url": endpoint,
            "secrets": { "token": "t0p-s3cret" } });
        let made = house.create("connectors", bearer).await;

        let shown = house.act("connectors", &made, "test").await.expect(200);

        let request = &shown["items"][0]["requests"][0];
        assert_eq!(shown["items"][0]["event"], REVOKED);
        assert_eq!((&request["method"], &request["url"]), (&json!("POST"), &json!(endpoint)));
        assert_eq!(request["headers"]["authorization"], "(secret)");
        assert!(request["body"].as_str().unwrap().contains("sample-external-id"));
        assert!(!shown.to_string().contains("t0p-s3cret"));

        let party = json!({ "kind": "back_channel_logout", "endpoint_url": endpoint,
            "settings": { "client_id": "app7" } });
        let party = house.create("connectors", party).await;
        let shown = house.act("connectors", &party, "test").await.expect(200);
        let body = shown["items"][0]["requests"][0]["body"].as_str().unwrap().to_owned();
        let mut parts = body.strip_prefix("logout_token=").unwrap().split('.').skip(1);
        let claims = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], "sample-external-id");
        assert_eq!(parts.next(), Some(""), "without a signature it ends no session");
        assert!(server.heard().is_empty());
    }

    async fn a_bus_is_configured_as_a_connector(app: TestApp) {
        let house = House::new(&app).await;
        let new = |url: &str, prefix: &str| {
            json!({ "kind": "nats", "endpoint_url": url, "secrets": { "token": "t0p-s3cret" },
                "settings": { "subject_prefix": prefix, "types": ["scim.user.deleted"] } })
        };
        let path = house.path("connectors");
        for (url, prefix, detail) in [
            ("nats://93.184.216.34", "muster", "only tls is allowed"),
            ("https://bus.example", "muster", "only tls is allowed"),
            ("tls://bus.example", "a.*", "subject_prefix"),
        ] {
            house.admin.post(&path, new(url, prefix)).await.expect_problem(400, detail);
        }
        let made = house.create("connectors", new("nats://127.0.0.1:9", "muster")).await;
        assert_eq!((&made["kind"], &made["kills"]["cookies"]), (&json!("nats"), &json!(false)));
        house.act("connectors", &made, "test").await.expect_problem(400, "bus");
        let user = house.tenant.create("Users", json!({ "userName": "barbara" })).await;
        house.tenant.delete(&user).await.expect(204);
        let failing = house.wait_for("connectors", |it| !it["last_error"].is_null()).await;
        assert_eq!((&failing["last_error"], &failing["pending"]), (&json!("could not connect"), &json!(1)));
        house.delete("connectors", &made).await;
    }

    async fn a_wrong_connector_is_refused(app: TestApp) {
        let house = House::new(&app).await;
        let path = house.path("connectors");
        let target = "https://target.example/";
        let party = |settings: Value| {
            json!({ "kind": "back_channel_logout", "endpoint_url": target, "settings": settings })
        };
        let gtr = |secrets: Value| {
            json!({ "kind": "global_token_revocation", "endpoint_url": target, "secrets": secrets })
        };
        for (new, detail) in [
            (json!({ "kind": "webhook", "endpoint_url": target }), "back_channel_logout"),
            (json!({ "kind": "cloudevents", "endpoint_url": target }), "expected one of"),
            (json!({ "kind": "abacus", "endpoint_url": target }), "expected one of"),
            (party(json!({})), "client_id"),
            (party(json!({ "client_id": 7 })), "expected a string"),
            (party(json!({ "client_id": "a", "realm": "b" })), "unknown field `realm`"),
            (party(json!({ "client_id": "a", "disable": true })), "disable"),
            (party(json!([])), "expected an object"),
            (gtr(json!({})), "`secrets.token` is missing"),
            (gtr(json!({ "token": "t", "tokens": "x" })), "`secrets.tokens` is not known"),
            (json!({ "kind": "global_token_revocation", "endpoint_url": "http://192.168.0.1/",
                "secrets": { "token": "t" } }), "URL"),
        ] {
            house.admin.post(&path, new).await.expect_problem(400, detail);
        }
        assert!(house.list("connectors").await.is_empty());
        for action in ["test", "pause", "resume"] {
            house.act("connectors", &json!({ "id": NO_ID }), action).await.expect_problem(404, NO_ID);
        }
    }
}
