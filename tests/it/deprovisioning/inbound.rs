//! Global Token Revocation: an identity provider ends sessions (Okta Universal Logout).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use muster::{clock::Clock, tenant::Scope};

use super::*;
use crate::support::{PUBLIC_URL, Signer, no_issuer_keys};

const ISSUER: &str = "https://acme.okta.test";

/// An identity provider with a key.
struct Provider(Signer);

impl Provider {
    fn new() -> Self {
        Self(Signer::new())
    }

    fn jwks(&self) -> Value {
        self.0.jwks()
    }

    /// A token with these members in place of the usual ones; null leaves one out.
    fn token(&self, tenant: &TestTenant, header: &Value, claims: &Value) -> String {
        let clock = Clock::system();
        let now = clock.now_seconds();
        let full = [
            json!({ "typ": "global-token-revocation+jwt", "alg": "ES256", "kid": "one" }),
            json!({
                "iss": ISSUER, "sub": "client-1", "aud": endpoint(tenant),
                "jti": clock.new_id().to_string(), "iat": now, "nbf": now - 300, "exp": now + 300,
            }),
        ];
        self.0.sign(full, [header, claims])
    }

    fn good(&self, tenant: &TestTenant) -> String {
        self.token(tenant, &json!({}), &json!({}))
    }
}

fn endpoint(tenant: &TestTenant) -> String {
    format!("{PUBLIC_URL}/t/{}/global-token-revocation", tenant.name())
}

async fn call(app: &TestApp, tenant: &TestTenant, token: &str, body: Value) -> Reply {
    let url = format!("{}/t/{}/global-token-revocation", app.address(), tenant.name());
    let request = app.http().post(url).bearer_auth(token).json(&body);
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Reply { asked: "POST".to_owned(), status, headers, body }
}

impl Admin {
    async fn trust(&self, tenant: &TestTenant, provider: &Provider) -> Value {
        let body = json!({ "issuer": ISSUER, "jwks": provider.jwks() });
        self.send_with(Method::PUT, tenant, "/revocation-issuer", body).await.expect(200)
    }
}

fn email(name: &str) -> Value {
    json!({ "sub_id": { "format": "email", "email": format!("{name}@example.com") } })
}

on_both_databases! {
    async fn only_a_good_token_of_the_tenants_issuer_ends_sessions(app: TestApp) {
        // E24
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let admin = Admin::new(&app).await;
        let (provider, stranger) = (Provider::new(), Provider::new());
        user(&acme, "barbara").await;
        user(&globex, "barbara").await;
        let nobody = call(&app, &acme, &provider.good(&acme), email("barbara")).await;
        nobody.expect(401);
        let record = admin.trust(&acme, &provider).await;
        assert_eq!((&record["endpoint"], &record["keys"]), (&json!(endpoint(&acme)), &json!(["one"])));
        admin.trust(&globex, &stranger).await;
        let before = acme.events().await;

        let now = Clock::system().now_seconds();
        let of_us = |header: Value, claims: Value| provider.token(&acme, &header, &claims);
        let none = {
            let good = provider.good(&acme);
            let (_, rest) = good.split_once('.').unwrap();
            let header = json!({ "typ": "global-token-revocation+jwt", "alg": "none", "kid": "one" });
            let claims = rest.split('.').next().unwrap();
            format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header.to_string()))
        };
        let refused = [
            ("typ", of_us(json!({ "typ": "JWT" }), json!({}))),
            ("typ", of_us(json!({ "typ": null }), json!({}))),
            ("crit", of_us(json!({ "crit": ["x"] }), json!({}))),
            ("alg", of_us(json!({ "alg": "HS256" }), json!({}))),
            ("alg", none),
            ("kid", of_us(json!({ "kid": "two" }), json!({}))),
            ("kid", of_us(json!({ "kid": null }), json!({}))),
            ("aud", of_us(json!({}), json!({ "aud": endpoint(&globex) }))),
            ("aud", of_us(json!({}), json!({ "aud": null }))),
            ("iss", of_us(json!({}), json!({ "iss": "https://evil.test" }))),
            ("iss", of_us(json!({}), json!({ "iss": null }))),
            ("exp", of_us(json!({}), json!({ "exp": now - 1 }))),
            ("exp", of_us(json!({}), json!({ "exp": now + 3600 }))),
            ("exp", of_us(json!({}), json!({ "exp": null }))),
            ("iat", of_us(json!({}), json!({ "iat": now + 300 }))),
            ("iat", of_us(json!({}), json!({ "iat": null }))),
            ("nbf", of_us(json!({}), json!({ "nbf": now + 300 }))),
            ("jti", of_us(json!({}), json!({ "jti": null }))),
            ("jti", of_us(json!({}), json!({ "jti": "" }))),
            ("another tenant's key", stranger.good(&acme)),
            ("another tenant's token", stranger.good(&globex)),
            ("no token", "a.b.c".to_owned()),
        ];
        for (what, token) in refused {
            let reply = call(&app, &acme, &token, email("barbara")).await;
            assert!(reply.headers.contains_key("www-authenticate"), "{what}");
            assert_eq!(reply.expect(401)["err"], "authentication_failed", "{what}");
        }
        assert_eq!(acme.events().await, before, "nothing happened");

        call(&app, &acme, &provider.good(&acme), email("barbara")).await.expect(204);
        assert_eq!(acme.events().await[before.len()..], ["session-revoked"]);
        let events = globex.events().await;
        assert!(!events.contains(&"session-revoked".to_owned()), "{events:?}");
        let (token, _) = acme.issue(&[Scope::Fence], Duration::from_secs(60)).await;
        let fence = acme.with_token(&token).tenant_request(Method::GET, "/fence").await.expect(200);
        assert_eq!(fence["fences"].as_array().map(Vec::len), Some(1), "the fence is set");
    }

    async fn a_token_is_good_for_one_use_at_every_replica(app: TestApp) {
        // E24
        let acme = app.new_tenant().await;
        let admin = Admin::new(&app).await;
        let provider = Provider::new();
        admin.trust(&acme, &provider).await;
        user(&acme, "barbara").await;
        let token = provider.good(&acme);
        call(&app, &acme, &token, email("nobody")).await.expect(404);
        call(&app, &acme, &token, json!({ "sub_id": 1 })).await.expect(400);

        let calls = (0..8).map(|_| call(&app, &acme, &token, email("barbara")));
        let replies = futures_util::future::join_all(calls).await;

        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 401, 401, 401, 401, 401, 401, 401], "what failed was no use");
        let events = acme.events().await;
        assert_eq!(events.iter().filter(|it| *it == "session-revoked").count(), 1);
        // Another replica on the same database.
        let store = super::receipts::replica(&app).await;
        let (clock, keys) = (Clock::system(), no_issuer_keys());
        let other = muster::provision::GlobalRevocation::new(store, clock, PUBLIC_URL, keys);
        let body = email("barbara").to_string();
        let proof = other.check(acme.name(), &token).await.unwrap();
        let used = other.revoke(proof, body.as_bytes()).await.unwrap_err();
        assert!(used.to_string().contains("used before"), "{used}");
        let proof = other.check(acme.name(), &provider.good(&acme)).await.unwrap();
        other.revoke(proof, body.as_bytes()).await.unwrap();
    }

    async fn people_are_named_in_every_format_and_nobody_else_is(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let admin = Admin::new(&app).await;
        let provider = Provider::new();
        admin.trust(&acme, &provider).await;
        let barbara = user(&acme, "barbara").await;
        let other = user(&globex, "other").await;
        let own = format!("{PUBLIC_URL}/t/{}", acme.name());
        let ask = |sub_id: Value| {
            let token = provider.good(&acme);
            let (app, acme) = (&app, &acme);
            async move { call(app, acme, &token, json!({ "sub_id": sub_id })).await.status }
        };
        for sub_id in [
            json!({ "format": "email", "email": "Barbara@Example.com" }),
            json!({ "format": "iss_sub", "iss": ISSUER, "sub": "x-barbara" }),
            json!({ "format": "iss_sub", "iss": own, "sub": "x-barbara" }),
            json!({ "format": "opaque", "id": barbara.id() }),
            json!({ "format": "scim", "uri": barbara.path() }),
            json!({ "format": "scim", "uri": "/Users/x", "externalId": "x-barbara", "id": barbara.id() }),
        ] {
            assert_eq!(ask(sub_id.clone()).await, 204, "{sub_id}");
        }
        for sub_id in [
            json!({ "format": "email", "email": "other@example.com" }),
            json!({ "format": "iss_sub", "iss": "https://evil.test", "sub": "x-barbara" }),
            json!({ "format": "opaque", "id": other.id() }),
            json!({ "format": "scim", "uri": "/Groups/x" }),
        ] {
            assert_eq!(ask(sub_id.clone()).await, 404, "{sub_id}");
        }
        for sub_id in [
            json!({ "format": "phone_number", "phone_number": "+15551234" }),
            json!({ "format": "email" }),
            json!({ "format": "email", "email": 1 }),
            json!({ "format": "iss_sub", "sub": "x-barbara" }),
            json!({ "format": "scim" }),
            json!({}),
            json!("barbara"),
        ] {
            assert_eq!(ask(sub_id.clone()).await, 400, "{sub_id}");
        }
        for number in 0..17 {
            let document = json!({ "userName": format!("m{number}"), "emails": [{ "value": "many@example.com" }] });
            acme.create("Users", document).await;
        }
        let reply = call(&app, &acme, &provider.good(&acme), email("many")).await;
        assert_eq!(reply.expect(422)["err"], "unable_to_revoke");
    }

    async fn a_token_of_ours_with_the_scope_will_do(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        user(&acme, "barbara").await;
        let hour = Duration::from_secs(3600);
        let (token, _) = acme.issue(&[Scope::Revoke], hour).await;
        let (foreign, _) = globex.issue(&[Scope::Revoke], hour).await;

        let metadata = format!("{}/.well-known/oauth-authorization-server/t/{}", app.address(), acme.name());
        let metadata: Value = app.http().get(metadata).send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["global_token_revocation_endpoint"], endpoint(&acme));
        call(&app, &acme, &token, email("barbara")).await.expect(204);
        call(&app, &acme, &token, email("barbara")).await.expect(204);
        call(&app, &acme, acme.token(), email("barbara")).await.expect(403);
        call(&app, &acme, &foreign, email("barbara")).await.expect(401);
        call(&app, &acme, "", email("barbara")).await.expect(401);
        let url = format!("{}/t/{}/global-token-revocation", app.address(), acme.name());
        let get = app.http().get(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!((get.status().as_u16(), &get.headers()["allow"]), (405, &"POST".parse().unwrap()));
    }

    async fn keys_are_fetched_from_where_they_are_pinned(app: TestApp) {
        let acme = app.new_tenant().await;
        let admin = Admin::new(&app).await;
        let provider = Provider::new();
        let keys = keys_server(provider.jwks()).await;
        user(&acme, "barbara").await;
        let body = json!({ "issuer": ISSUER, "subject": "client-1", "jwks_uri": keys.0 });
        admin.send_with(Method::PUT, &acme, "/revocation-issuer", body).await.expect(200);

        call(&app, &acme, &provider.good(&acme), email("barbara")).await.expect(204);
        call(&app, &acme, &provider.good(&acme), email("barbara")).await.expect(204);
        let stranger = Provider::new();
        call(&app, &acme, &stranger.good(&acme), email("barbara")).await.expect(401);
        let other = provider.token(&acme, &json!({}), &json!({ "sub": "client-2" }));
        call(&app, &acme, &other, email("barbara")).await.expect(401);
        let unknown = provider.token(&acme, &json!({ "kid": "two" }), &json!({}));
        call(&app, &acme, &unknown, email("barbara")).await.expect(401);
        assert_eq!(keys.1.load(std::sync::atomic::Ordering::SeqCst), 1, "fetched once");

        let shown = admin.send(Method::GET, &acme, "/revocation-issuer").await.expect(200);
        assert_eq!((&shown["jwks_uri"], &shown["subject"]), (&json!(keys.0), &json!("client-1")));
        admin.send(Method::DELETE, &acme, "/revocation-issuer").await.expect(204);
        admin.send(Method::DELETE, &acme, "/revocation-issuer").await.expect(404);
        admin.send(Method::GET, &acme, "/revocation-issuer").await.expect(404);
        call(&app, &acme, &provider.good(&acme), email("barbara")).await.expect(401);

        let away = json!({ "issuer": ISSUER, "jwks_uri": "http://127.0.0.1:1/keys" });
        admin.send_with(Method::PUT, &acme, "/revocation-issuer", away).await.expect(200);
        call(&app, &acme, &provider.good(&acme), email("barbara")).await.expect(503);
        let private = json!({ "kty": "EC", "crv": "P-256", "kid": "1", "x": "x", "y": "y", "d": "d" });
        for wrong in [
            json!({ "issuer": ISSUER }),
            json!({ "issuer": "", "jwks": provider.jwks() }),
            json!({ "issuer": ISSUER, "jwks": provider.jwks(), "jwks_uri": keys.0 }),
            json!({ "issuer": ISSUER, "jwks_uri": "http://idp.example/keys" }),
            json!({ "issuer": ISSUER, "jwks_uri": "https://169.254.169.254/keys" }),
            json!({ "issuer": ISSUER, "jwks": { "keys": [] } }),
            json!({ "issuer": ISSUER, "jwks": { "keys": [{ "kty": "oct", "kid": "1", "k": "x" }] } }),
            json!({ "issuer": ISSUER, "jwks": { "keys": [private] } }),
        ] {
            let path = "/revocation-issuer";
            admin.send_with(Method::PUT, &acme, path, wrong).await.expect(400);
        }
    }

    async fn an_issuer_that_asks_too_often_is_told_so(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let admin = Admin::new(&app).await;
        let provider = Provider::new();
        for tenant in [&acme, &globex] {
            admin.trust(tenant, &provider).await;
            user(tenant, "barbara").await;
        }
        let nobody = json!({ "sub_id": { "format": "opaque" } });
        for _ in 0..600 {
            call(&app, &acme, &provider.good(&acme), nobody.clone()).await.expect(400);
        }

        let refused = call(&app, &acme, &provider.good(&acme), email("barbara")).await;

        assert_eq!(refused.status, 429);
        let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        call(&app, &globex, &provider.good(&globex), email("barbara")).await.expect(204);
    }
}

/// Shows a key set and counts how often.
async fn keys_server(
    keys: Value,
) -> (String, std::sync::Arc<std::sync::atomic::AtomicU32>, tokio::task::JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let count = std::sync::Arc::<std::sync::atomic::AtomicU32>::default();
    let counted = std::sync::Arc::clone(&count);
    let endpoint = poem::endpoint::make_sync(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        keys.to_string()
    });
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move {
        let acceptor = poem::listener::TcpAcceptor::from_tokio(listener).unwrap();
        poem::Server::new_with_acceptor(acceptor).run(endpoint).await.unwrap();
    });
    (url, count, server)
}
