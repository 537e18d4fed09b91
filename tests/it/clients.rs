//! Directories that get short-lived tokens by themselves.

use std::time::Duration;

use muster::{
    clock::Clock,
    provision::operator::{IssuedClient, NewClient, OperatorError},
    tenant::Scope,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, header::CONTENT_TYPE};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{PUBLIC_URL, Signer, TestApp, TestTenant};

const FORM: &str = "application/x-www-form-urlencoded";
const ACTOR: &str = "operator:test";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ENTRA: &str = "https://login.microsoftonline.test/contoso/v2.0";

fn new_client() -> NewClient {
    NewClient {
        connection: "directory".to_owned(),
        scopes: vec![Scope::Read, Scope::Write],
        expires_in: Duration::from_secs(86_400),
        ..NewClient::default()
    }
}

async fn made(app: &TestApp, tenant: &TestTenant, new: NewClient) -> IssuedClient {
    app.operator().create_client(tenant.name(), new, ACTOR).await.unwrap()
}

fn url(app: &TestApp, tenant: &TestTenant) -> String {
    format!("{}/t/{}/oauth/token", app.address(), tenant.name())
}

fn encoded(form: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| {
        format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
    };
    let pairs: String = form.iter().map(pair).collect();
    format!("grant_type=client_credentials{pairs}")
}

/// What the token endpoint says to a form.
async fn ask(app: &TestApp, tenant: &TestTenant, form: &[(&str, &str)]) -> (u16, Value) {
    let answer = app.http().post(url(app, tenant)).header(CONTENT_TYPE, FORM).body(encoded(form));
    let answer = answer.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn refused(app: &TestApp, tenant: &TestTenant, form: &[(&str, &str)], why: &str) {
    let (status, body) = ask(app, tenant, form).await;
    let expected = if why == "invalid_client" { 401 } else { 400 };
    assert_eq!((status, &body["error"]), (expected, &json!(why)), "{form:?}: {body}");
}

/// The tenant as it is with a token that a form gets.
async fn granted(app: &TestApp, tenant: &TestTenant, form: &[(&str, &str)]) -> TestTenant {
    let (status, body) = ask(app, tenant, form).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")), "{form:?}: {body}");
    assert_eq!(body["expires_in"], 3600);
    tenant.with_token(body["access_token"].as_str().unwrap())
}

fn assertion(token: &str) -> [(&str, &str); 2] {
    [("client_assertion_type", JWT_BEARER), ("client_assertion", token)]
}

async fn becomes(tenant: &TestTenant, status: u16) {
    for _ in 0..30 {
        if tenant.request(Method::GET, "/Users").send().await.status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the token does not answer {status}");
}

on_both_databases! {
    async fn a_directory_gets_tokens_with_a_secret(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let client = made(&app, &acme, new_client()).await;
        let (id, secret) = (client.record.client_id.clone(), client.secret.unwrap());
        let secret = secret.expose_secret();
        let form = [("client_id", id.as_str()), ("client_secret", secret)];

        let session = granted(&app, &acme, &form).await;

        let ann = session.create("Users", json!({ "userName": "ann" })).await;
        let record = app.operator().audit(acme.name(), &Default::default()).await.unwrap();
        let of_ann = record.iter().find(|it| it.resource.as_deref() == Some(&ann.path())).unwrap();
        assert_eq!(of_ann.connection.as_deref(), Some("directory"));
        let basic = app.http().post(url(&app, &acme)).basic_auth(&id, Some(secret));
        let basic = basic.header(CONTENT_TYPE, FORM).body(encoded(&[])).send().await.unwrap();
        assert_eq!(basic.status(), 200);
        let narrow = [&form[..], &[("scope", "scim.read")]].concat();
        let reader = granted(&app, &acme, &narrow).await;
        reader.get(&ann).await.expect(200);
        reader.delete(&ann).await.expect_error(403, None);
        let wide = [&form[..], &[("scope", "sessions.revoke")]].concat();
        refused(&app, &acme, &wide, "invalid_scope").await;
        refused(&app, &acme, &[("client_id", &id), ("client_secret", "x")], "invalid_client").await;
        refused(&app, &globex, &form, "invalid_client").await;
        refused(&app, &acme, &form[..1], "invalid_client").await;
        session.with_token(session.token()).request(Method::GET, "/Users").send().await.expect(200);
        let listed = app.operator().tokens(acme.name()).await.unwrap();
        assert!(listed.iter().all(|it| it.label != "client"), "{listed:?}");

        let known = uuid::Uuid::parse_str(&id).unwrap();
        let other = app.operator().revoke_client(globex.name(), known, ACTOR).await;
        assert!(matches!(other, Err(OperatorError::NotFound(_))));
        app.operator().revoke_client(acme.name(), known, ACTOR).await.unwrap();
        refused(&app, &acme, &form, "invalid_client").await;
        becomes(&session, 401).await;
        becomes(&reader, 401).await;
    }

    async fn a_directory_signs_for_itself(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (signer, stranger) = (Signer::new(), Signer::new());
        let new = NewClient { jwks: Some(signer.jwks()), ..new_client() };
        let client = made(&app, &acme, new).await;
        assert!(client.secret.is_none() && client.record.method == "keys");
        let (clock, id) = (Clock::system(), client.record.client_id);
        let now = clock.now_seconds();
        let sign = |by: &Signer, header: Value, claims: Value| {
            let full = [
                json!({ "alg": "ES256", "kid": "one" }),
                json!({
                    "iss": id, "sub": id, "jti": clock.new_id().to_string(), "iat": now,
                    "aud": format!("{PUBLIC_URL}/t/{}/oauth/token", acme.name()), "exp": now + 300,
                }),
            ];
            by.sign(full, [&header, &claims])
        };
        let good = sign(&signer, json!({}), json!({}));

        let session = granted(&app, &acme, &assertion(&good)).await;

        session.create("Users", json!({ "userName": "ann" })).await;
        // Once.
        refused(&app, &acme, &assertion(&good), "invalid_client").await;
        let issuer = format!("{PUBLIC_URL}/t/{}", acme.name());
        for fine in [json!({ "aud": issuer }), json!({ "aud": [issuer, "x"] })] {
            let token = sign(&signer, json!({ "typ": "jwt" }), fine);
            let form = [&assertion(&token)[..], &[("client_id", id.as_str())]].concat();
            granted(&app, &acme, &form).await;
        }
        for bad in [
            json!({ "aud": "https://elsewhere.example/" }),
            json!({ "aud": format!("{PUBLIC_URL}/t/{}/oauth/token", globex.name()) }),
            json!({ "exp": now - 1 }),
            json!({ "exp": now + 3_600 }),
            json!({ "exp": null }),
            json!({ "iat": now + 600 }),
            json!({ "jti": null }),
            json!({ "iss": "somebody" }),
            json!({ "sub": clock.new_id().to_string() }),
        ] {
            let token = sign(&signer, json!({}), bad);
            refused(&app, &acme, &assertion(&token), "invalid_client").await;
        }
        for bad in [json!({ "alg": "none" }), json!({ "kid": "two" }), json!({ "typ": "secevent+jwt" })] {
            let token = sign(&signer, bad, json!({}));
            refused(&app, &acme, &assertion(&token), "invalid_client").await;
        }
        let token = sign(&stranger, json!({}), json!({}));
        refused(&app, &acme, &assertion(&token), "invalid_client").await;
        let token = sign(&signer, json!({}), json!({}));
        refused(&app, &globex, &assertion(&token), "invalid_client").await;
        let form = [("client_id", id.as_str()), ("client_secret", "x")];
        refused(&app, &acme, &form, "invalid_client").await;
        refused(&app, &acme, &[("client_assertion", &token)], "invalid_request").await;
        let both = [&assertion(&token)[..], &[("client_secret", "x")]].concat();
        refused(&app, &acme, &both, "invalid_request").await;
    }

    async fn a_cloud_signs_for_a_directory(app: TestApp) {
        let acme = app.new_tenant().await;
        let cloud = Signer::new();
        let new = || NewClient {
            jwks: Some(cloud.jwks()),
            issuer: Some(ENTRA.to_owned()),
            subject: Some("service-principal".to_owned()),
            ..new_client()
        };
        let client = made(&app, &acme, new()).await;
        assert_eq!(client.record.audience.as_deref(), Some("api://AzureADTokenExchange"));
        let again = app.operator().create_client(acme.name(), new(), ACTOR).await;
        assert!(matches!(again, Err(OperatorError::Exists(_))), "{again:?}");
        let now = Clock::system().now_seconds();
        let sign = |claims: Value| {
            let full = [
                json!({ "alg": "ES256", "kid": "one", "typ": "JWT" }),
                json!({
                    "iss": ENTRA, "sub": "service-principal", "iat": now, "nbf": now,
                    "exp": now + 3_900, "aud": "api://AzureADTokenExchange",
                }),
            ];
            cloud.sign(full, [&json!({}), &claims])
        };
        let token = sign(json!({}));

        // A cloud shows the same token until it is nearly over.
        for _ in 0..2 {
            let id = client.record.client_id.as_str();
            let named = [&assertion(&token)[..], &[("client_id", id)]].concat();
            granted(&app, &acme, &named).await.request(Method::GET, "/Users").send().await.expect(200);
            granted(&app, &acme, &assertion(&token)).await;
        }

        for bad in [
            json!({ "sub": "another" }),
            json!({ "iss": "https://login.microsoftonline.test/other/v2.0" }),
            json!({ "aud": "api://other" }),
            json!({ "exp": now - 1 }),
            json!({ "exp": now + 2 * 86_400 }),
        ] {
            refused(&app, &acme, &assertion(&sign(bad)), "invalid_client").await;
        }
    }

    async fn a_client_that_cannot_be_is_refused(app: TestApp) {
        let acme = app.new_tenant().await;
        let keys = || Some(Signer::new().jwks());
        let text = |text: &str| Some(text.to_owned());
        for (new, why) in [
            (NewClient { connection: "none".to_owned(), ..new_client() }, "connection `none`"),
            (NewClient { scopes: Vec::new(), ..new_client() }, "scopes"),
            (NewClient { scopes: vec![Scope::SsfManage], ..new_client() }, "scopes"),
            (NewClient { expires_in: Duration::ZERO, ..new_client() }, "more than nothing"),
            (NewClient { jwks: Some(json!({ "keys": [] })), ..new_client() }, "jwks"),
            (NewClient { jwks_uri: text("http://keys.example/"), ..new_client() }, "jwks_uri"),
            (NewClient { jwks: keys(), jwks_uri: text("https://k.example/"), ..new_client() }, "one of"),
            (NewClient { issuer: text("https://i.example"), jwks: keys(), ..new_client() }, "together"),
            (
                NewClient { issuer: text("https://i.example"), subject: text("s"), ..new_client() },
                "an issuer needs",
            ),
        ] {
            let error = app.operator().create_client(acme.name(), new, ACTOR).await.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        let metadata = format!("{}/.well-known/oauth-authorization-server/t/{}", app.address(), acme.name());
        let metadata: Value = app.http().get(metadata).send().await.unwrap().json().await.unwrap();
        let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
        assert!(methods.contains(&json!("private_key_jwt")), "{metadata}");
        let scopes = metadata["scopes_supported"].as_array().unwrap();
        assert!(scopes.contains(&json!("scim.write")) && scopes.contains(&json!("ssf.manage")));
    }
}
