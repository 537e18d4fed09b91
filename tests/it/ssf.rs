//! The Shared Signals transmitter as its receivers meet it: tokens, streams, status, subjects,
//! verification, and the modules of the OpenID conformance suite.

mod later;
mod modules;
mod refusals;
mod rights;
mod status;
mod tokens;

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use muster::{
    clock::Clock,
    event::receive::verify,
    provision::operator::{IssuedReceiver, NewReceiver},
    tenant::Scope,
};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::support::{PUBLIC_URL, SetReceiver, TestApp, TestTenant, check_set, replace};

const PUSH: &str = "urn:ietf:rfc:8935";
const POLL: &str = "urn:ietf:rfc:8936";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// A receiver of a tenant, with a token.
struct Client {
    app: TestApp,
    tenant: String,
    issuer: String,
    token: String,
}

/// An answer.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answered {
    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member}: {self:?}"))
    }
}

impl Client {
    /// A receiver of its own, with a token from the token endpoint.
    async fn of(app: &TestApp, tenant: &TestTenant) -> Self {
        Self::with_receiver(app, tenant).await.0
    }

    /// The same, with the receiver as it was made.
    async fn with_receiver(app: &TestApp, tenant: &TestTenant) -> (Self, IssuedReceiver) {
        let issued = receiver(app, tenant, &[Scope::SsfRead, Scope::SsfManage]).await;
        let client = Self {
            app: app.clone(),
            tenant: tenant.name().to_owned(),
            issuer: format!("{PUBLIC_URL}/t/{}", tenant.name()),
            token: String::new(),
        };
        (client.token_of(&issued).await, issued)
    }

    /// The same with a token of that receiver.
    async fn token_of(&self, issued: &IssuedReceiver) -> Self {
        let id = &issued.record.client_id;
        let secret = issued.client_secret.expose_secret();
        let answer = self.grant(id, secret, "grant_type=client_credentials").await.expect(200);
        self.with_token(answer.text("access_token"))
    }

    fn with_token(&self, token: &str) -> Self {
        let (app, tenant) = (self.app.clone(), self.tenant.clone());
        Self { app, tenant, issuer: self.issuer.clone(), token: token.to_owned() }
    }

    /// Where a URL that the service tells is listened on.
    fn local(&self, url: &str) -> String {
        let path = url.strip_prefix(PUBLIC_URL).expect("a URL below the public one");
        format!("{}{path}", self.app.address())
    }

    async fn well_known(&self, document: &str, behind: &str) -> Answered {
        let url = format!("{PUBLIC_URL}/.well-known/{document}/t/{}{behind}", self.tenant);
        answered(self.app.http().get(self.local(&url))).await
    }

    /// A request to the token endpoint with the client's id and secret in the header.
    async fn grant(&self, id: &str, secret: &str, form: &str) -> Answered {
        let url = self.local(&format!("{}/oauth/token", self.issuer));
        let request = self.app.http().post(url).basic_auth(id, Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        answered(request.body(form.to_owned())).await
    }

    /// A request below the tenant's `/ssf`, with any body.
    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answered {
        let url = self.local(&format!("{}/ssf{path}", self.issuer));
        let request = self.app.http().request(method, url).bearer_auth(&self.token);
        let answer = answered(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{answer:?}");
        answer
    }

    async fn post(&self, path: &str, body: Value) -> Answered {
        self.send(Method::POST, path, body.to_string()).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.send(Method::GET, path, "").await
    }

    async fn create(&self, body: Value) -> Value {
        self.post("/stream", body).await.expect(201).body
    }

    /// A stream of these types, pushed to the receiver or polled.
    async fn stream(&self, to: Option<&SetReceiver>, events: &[String]) -> Value {
        let delivery = match to {
            Some(to) => json!({
                "method": PUSH, "endpoint_url": to.url(), "authorization_header": "Bearer in"
            }),
            None => json!({ "method": POLL }),
        };
        self.create(json!({ "delivery": delivery, "events_requested": events })).await
    }

    /// Asks for what a stream has now.
    async fn poll(&self, stream: &Value, request: Value) -> Map<String, Value> {
        let url = stream["delivery"]["endpoint_url"].as_str().unwrap();
        let path = url.strip_prefix(&format!("{}/ssf", self.issuer)).unwrap();
        let answer = self.post(path, request).await.expect(200);
        assert!(answer.body["moreAvailable"].is_boolean(), "{answer:?}");
        answer.body["sets"].as_object().unwrap().clone()
    }

    /// The claims of a Set, checked as a receiver does it.
    async fn verified(&self, stream: &Value, compact: &str) -> Value {
        check_set(compact);
        let keys = answered(self.app.http().get(self.local(&format!("{}/jwks.json", self.issuer))));
        let keys = keys.await.expect(200).body;
        let now = Clock::system().now_seconds();
        let audience = stream["aud"].as_str().unwrap();
        verify(compact, &keys, &self.issuer, audience, now).unwrap()
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answered { status, headers, body: serde_json::from_str(&text).unwrap_or_default() }
}

async fn receiver(app: &TestApp, tenant: &TestTenant, scopes: &[Scope]) -> IssuedReceiver {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let new = NewReceiver {
        name: format!("receiver-{number}"),
        scopes: scopes.to_vec(),
        inactivity_timeout: None,
    };
    app.operator().create_receiver(tenant.name(), new).await.unwrap()
}

fn id(stream: &Value) -> &str {
    stream["stream_id"].as_str().unwrap()
}

/// The header of a token.
fn header(compact: &str) -> Value {
    let part = compact.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The one event of a Set: its type and what it says.
fn event(claims: &Value) -> (&str, &Value) {
    let events = claims["events"].as_object().unwrap();
    assert_eq!(events.len(), 1, "{claims}");
    let (uri, payload) = events.iter().next().unwrap();
    (uri, payload)
}

fn session_revoked() -> String {
    format!("{CAEP}session-revoked")
}

async fn person(tenant: &TestTenant, name: &str) -> crate::support::Resource {
    tenant.create("Users", json!({ "userName": name, "externalId": format!("x-{name}") })).await
}
