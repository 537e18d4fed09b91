//! Secrets stay secret: no log, no answer and no table repeats one that the service was told.

use std::time::Duration;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Database, Home, Process, SetReceiver};

/// What a receiver is told, and what it repeats.
const AUTHORIZATION: &str = "Bearer canary-authorization-7f3a";
const REPEATED: &str =
    r#"{"err":"authentication_failed","description":"not Bearer canary-authorization-7f3a"}"#;
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_repeated_on_sqlite() {
    search(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_repeated_on_postgres() {
    search(Database::Postgres).await;
}

async fn search(database: Database) {
    // E30
    let Some(home) = Home::new(database).await else { return };
    let mut scene = Scene::new(&home).await;
    let refusing = SetReceiver::answering(|_| (401, REPEATED)).await;
    scene.configure(refusing.url()).await;
    scene.work().await;
    refusing.wait_for(1).await;
    // The answers to what else was sent.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let answers = scene.every_answer().await;
    let Scene { process, secrets, .. } = scene;
    let log = process.log();
    process.kill();
    let stored = home.contents().await;
    for needed in ["delivery failed", "stream.id"] {
        assert!(log.contains(needed), "the log tells of {needed}");
    }
    assert!(answers.contains("bjensen") && answers.contains("supertokens"), "answers were got");
    assert!(finds(&stored, "bjensen"), "the database was read");

    for (name, secret) in &secrets {
        for (place, found) in
            [("log", log.as_bytes()), ("answers", answers.as_bytes()), ("database", &stored)]
        {
            for form in forms(secret) {
                assert!(!finds(found, &form), "the {place} of {database:?} has the {name}");
            }
        }
    }
    home.remove().await;
}

/// As it is, and as it might be written down.
fn forms(secret: &str) -> [String; 4] {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let (plain, url) = (STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret));
    [secret.to_owned(), hex, plain, url]
}

fn finds(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

/// The service, told many secrets.
struct Scene {
    process: Process,
    http: reqwest::Client,
    token: String,
    operator: String,
    /// What each secret is, and itself.
    secrets: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new(home: &Home) -> Self {
        let token = home.make_acme().await;
        let hour = Duration::from_secs(3600);
        let operator = home.operator().await.issue_operator_token("canary", hour).await.unwrap();
        let operator = operator.token.expose_secret().to_owned();
        let process = Process::start_with(home, &["--log", "debug"]).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let secrets = vec![("SCIM token", token.clone()), ("operator's token", operator.clone())];
        Self { process, http, token, operator, secrets }
    }

    /// A secret that is given to the service.
    fn secret(&mut self, name: &'static str) -> String {
        let secret = format!("canary-{}-{:016x}", self.secrets.len(), rand::random::<u64>());
        self.secrets.push((name, secret.clone()));
        secret
    }

    /// Keeps a secret that the service gave.
    fn keep(&mut self, name: &'static str, answer: &Value, member: &str) -> String {
        let secret = answer[member].as_str().unwrap_or_else(|| panic!("{name}: {answer}"));
        self.secrets.push((name, secret.to_owned()));
        secret.to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.process.address())
    }

    async fn admin(&self, path: &str, body: Value) -> Value {
        let url = self.url(&format!("/admin/v1/tenants/acme{path}"));
        let request = self.http.post(url).bearer_auth(&self.operator).json(&body);
        let (status, answer) = send(request).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    async fn scim(&self, method: Method, path: &str, body: String) -> (u16, Value) {
        let url = self.url(&format!("/t/acme/scim/v2{path}"));
        let request = self.http.request(method, url).bearer_auth(&self.token);
        let request = request.header("content-type", "application/scim+json").body(body);
        let (status, answer) = send(request).await;
        (status, serde_json::from_str(&answer).unwrap_or_default())
    }

    /// Receivers of every sort, with secrets; one refuses them, nobody is at the others.
    async fn configure(&mut self, push_url: &str) {
        self.secrets.push(("receiver's authorization", AUTHORIZATION.to_owned()));
        self.secrets.push(("receiver's credential", AUTHORIZATION.replace("Bearer ", "")));
        let stream = json!({ "push_url": push_url, "authorization": AUTHORIZATION });
        self.admin("/streams", stream).await;

        let key = format!("whsec_{}", STANDARD_NO_PAD.encode(rand::random::<[u8; 33]>()));
        self.secrets.push(("webhook's key", key.trim_start_matches("whsec_").to_owned()));
        let authorization = self.secret("webhook's authorization");
        let url = "http://127.0.0.1:9/hook";
        let webhook = json!({ "url": url, "key": key, "authorization": authorization });
        self.admin("/webhooks", webhook).await;
        let made = self.admin("/webhooks", json!({ "url": url })).await;
        let shown = self.keep("made webhook's key", &made, "secret");
        self.secrets.push(("made key", shown.trim_start_matches("whsec_").to_owned()));

        let name = "SuperTokens key";
        let secrets = json!({ "api_key": self.secret(name) });
        self.connector("supertokens", json!({}), secrets).await;
        let secrets = json!({ "token": self.secret("revocation token") });
        self.connector("global_token_revocation", json!({}), secrets).await;
        let user = self.secret("NATS password");
        let secrets = json!({ "user": "muster", "password": user });
        self.sink("nats", "nats://127.0.0.1:9", json!({}), secrets).await;

        let receiver = self.admin("/receivers", json!({ "name": "app" })).await;
        let client_secret = self.keep("receiver's client secret", &receiver, "client_secret");
        let client_id = receiver["client_id"].as_str().unwrap_or_else(|| panic!("{receiver}"));
        let form = format!(
            "grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}"
        );
        let request = self.http.post(self.url("/t/acme/oauth/token")).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let (status, answer) = send(request).await;
        assert_eq!(status, 200, "{answer}");
        let access =
            self.keep("access token", &serde_json::from_str(&answer).unwrap(), "access_token");
        let delivery = json!({
            "delivery": {
                "method": "urn:ietf:rfc:8935",
                "endpoint_url": "http://127.0.0.1:9/events",
                "authorization_header": self.secret("stream's authorization"),
            },
            "events_requested":
                ["https://schemas.openid.net/secevent/caep/event-type/session-revoked"],
        });
        let request = self.http.post(self.url("/t/acme/ssf/stream")).bearer_auth(&access);
        let (status, answer) = send(request.json(&delivery)).await;
        assert_eq!(status, 201, "{answer}");
        let issued = self.admin("/tokens", json!({ "connection": "directory" })).await;
        self.keep("second token", &issued, "token");
        self.admin("/keys", json!({ "now": true })).await;
    }

    async fn connector(&self, kind: &str, settings: Value, secrets: Value) {
        self.sink(kind, "http://127.0.0.1:9", settings, secrets).await;
    }

    async fn sink(&self, kind: &str, url: &str, settings: Value, secrets: Value) {
        let connector = json!({
            "kind": kind,
            "endpoint_url": url,
            "settings": settings,
            "secrets": secrets,
        });
        self.admin("/connectors", connector).await;
    }

    /// Passwords in every request that can carry one, right and wrong, and people who leave.
    async fn work(&mut self) {
        let mut user = json!({ "schemas": [USER], "userName": "bjensen", "externalId": "x-1" });
        user["password"] = self.secret("password of a POST").into();
        let (status, made) = self.scim(Method::POST, "/Users", user.to_string()).await;
        assert_eq!(status, 201, "{made}");
        let path = format!("/Users/{}", made["id"].as_str().unwrap());
        user["password"] = self.secret("password of a PUT").into();
        let (status, answer) = self.scim(Method::PUT, &path, user.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        let patch = |operation: Value| json!({ "schemas": [PATCH_OP], "Operations": [operation] });
        let password = self.secret("password of a PATCH");
        let change = patch(json!({ "op": "replace", "path": "password", "value": password }));
        let (status, answer) = self.scim(Method::PATCH, &path, change.to_string()).await;
        assert_eq!(status, 200, "{answer}");

        user["userName"] = "bulk".into();
        user["password"] = self.secret("password of a bulk request").into();
        let operation = json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": user });
        let bulk = json!({ "schemas": [BULK], "Operations": [operation] });
        let (status, answer) = self.scim(Method::POST, "/Bulk", bulk.to_string()).await;
        assert_eq!(status, 200, "{answer}");

        let taken = self.secret("password of a refused POST");
        let wrong = json!({ "schemas": [USER], "userName": "bjensen", "password": taken });
        assert_eq!(self.scim(Method::POST, "/Users", wrong.to_string()).await.0, 409);
        let object = self.secret("password of the wrong type");
        let wrong = json!({ "schemas": [USER], "userName": "c", "password": { "is": object } });
        assert_eq!(self.scim(Method::POST, "/Users", wrong.to_string()).await.0, 400);
        let broken = self.secret("password in broken JSON");
        let broken = format!(r#"{{"userName":"d","password":"{broken}"#);
        assert_eq!(self.scim(Method::POST, "/Users", broken).await.0, 400);
        let asked = self.secret("password in a filter");
        let filter = format!("/Users?filter=password%20eq%20%22{asked}%22");
        assert_eq!(self.scim(Method::GET, &filter, String::new()).await.0, 400);
        let misplaced = self.secret("token in a URL");
        let query = format!("/Users?access_token={misplaced}");
        self.scim(Method::GET, &query, String::new()).await;
        let guessed = self.secret("unknown token");
        let unknown = self.http.get(self.url("/t/acme/scim/v2/Users")).bearer_auth(guessed);
        assert_eq!(send(unknown).await.0, 401);

        let leave = patch(json!({ "op": "replace", "path": "active", "value": false }));
        let (status, answer) = self.scim(Method::PATCH, &path, leave.to_string()).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// What every GET answers.
    async fn every_answer(&self) -> String {
        let (_, document) = send(self.http.get(self.url("/admin/openapi.json"))).await;
        let document: Value = serde_json::from_str(&document).unwrap();
        let mut answers = String::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            if methods.get("get").is_some() {
                let url = self.url(&format!("/admin/v1{}", path.replace("{tenant}", "acme")));
                answers += &send(self.http.get(url).bearer_auth(&self.operator)).await.1;
            }
        }
        for path in [
            "/Users",
            "/Users?attributes=password",
            "/Groups",
            "/Schemas",
            "/ResourceTypes",
            "/ServiceProviderConfig",
        ] {
            answers += &self.scim(Method::GET, path, String::new()).await.1.to_string();
        }
        let access = self.secrets.iter().find(|(name, _)| *name == "access token").unwrap();
        for path in [
            "/t/acme/ssf/stream",
            "/t/acme/jwks.json",
            "/.well-known/ssf-configuration/t/acme",
            "/.well-known/oauth-authorization-server/t/acme",
        ] {
            answers += &send(self.http.get(self.url(path)).bearer_auth(&access.1)).await.1;
        }
        answers
    }
}

async fn send(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
