use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use aws_lc_rs::rsa::{KeyPair, KeySize};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
};

use super::{
    application::{self, Application, Browser, Ended, Trust},
    people::{COLLEAGUE, DELETED, LEAVER, NEXT, Person},
};
use crate::{
    clock::Clock,
    event::{EventUri, SetClaims, SigningKey},
};

const ISSUER: &str = "https://muster.example/t/partner";
const AUDIENCE: &str = "https://app.example";
const NOW: i64 = 1_790_000_000;

static KEY: LazyLock<SigningKey> = LazyLock::new(key);

fn key() -> SigningKey {
    SigningKey::new("partner-a".to_owned(), KeyPair::generate(KeySize::Rsa2048).unwrap()).unwrap()
}

fn email(address: &str) -> Value {
    json!({ "format": "email", "email": address })
}

/// A Set that ends the leaver's sessions.
fn set(jti: &str) -> String {
    signed(&KEY, jti, &email(&LEAVER.user_name()), |_| ())
}

/// A Set that ends somebody's sessions, unless `change` makes it another.
fn signed(
    key: &SigningKey,
    jti: &str,
    sub_id: &Value,
    change: impl FnOnce(&mut SetClaims<'_>),
) -> String {
    let payload = json!({ "event_timestamp": NOW });
    let mut claims = SetClaims {
        issuer: ISSUER,
        audience: AUDIENCE,
        jti,
        issued_at: NOW,
        txn: "1",
        sub_id,
        uri: EventUri::SessionRevoked,
        payload: &payload,
    };
    change(&mut claims);
    key.sign(&claims.to_json()).unwrap()
}

/// The application as it is reached, and three people in it.
struct Running {
    application: Arc<Application>,
    browser: Browser,
    url: String,
    http: Client,
    leaver: [String; 2],
    colleague: String,
    ended: UnboundedReceiver<Ended>,
    _tasks: JoinSet<()>,
}

impl Running {
    async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut tasks = JoinSet::new();
        let keys = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let jwks_url = format!("http://{}/jwks.json", keys.local_addr().unwrap());
        tasks.spawn(serve_keys(keys));

        let http = Client::builder().no_proxy().build().unwrap();
        let trust = Trust { jwks_url, issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
        let clock = Clock::stopped_at(NOW * 1_000_000);
        let (sender, ended) = unbounded_channel();
        let application = Arc::new(Application::new(trust, http.clone(), clock, sender));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tasks.spawn(application::serve(listener, Arc::clone(&application)));
        Self {
            leaver: ["laptop", "phone"].map(|device| application.log_in(&LEAVER, device)),
            colleague: application.log_in(&COLLEAGUE, "laptop"),
            browser: Browser::new(http.clone(), &url),
            application,
            url,
            http,
            ended,
            _tasks: tasks,
        }
    }

    /// Pushes a Set; gives the status and, of a refusal, the error code.
    async fn push(&self, set: String) -> (u16, Option<String>) {
        self.post(set, "application/secevent+jwt").await
    }

    async fn post(&self, body: String, of_type: &str) -> (u16, Option<String>) {
        let request = self.http.post(format!("{}/ssf", self.url)).header("content-type", of_type);
        let response = request.body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap_or_default();
        assert_eq!(body.is_object(), status == 400, "a refusal says why: {body}");
        (status, body["err"].as_str().map(str::to_owned))
    }

    /// Statuses for the leaver's laptop and phone, and for the colleague.
    async fn statuses(&self) -> [u16; 3] {
        let [laptop, phone] = &self.leaver;
        [
            self.browser.open(laptop).await.unwrap(),
            self.browser.open(phone).await.unwrap(),
            self.browser.open(&self.colleague).await.unwrap(),
        ]
    }
}

/// Answers every request with the key set that holds [`KEY`].
async fn serve_keys(listener: TcpListener) {
    let jwks = json!({ "keys": [KEY.public_jwk()] }).to_string();
    let head =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n", jwks.len());
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        assert!(0 < socket.read(&mut [0; 4096]).await.unwrap());
        socket.write_all(format!("{head}\r\n{jwks}").as_bytes()).await.unwrap();
    }
}

/// Pushes a Set that must end nothing.
async fn check_spared(set: String, status: u16, code: Option<&str>) {
    let mut running = Running::start().await;

    let answer = running.push(set).await;

    assert_eq!(answer, (status, code.map(str::to_owned)));
    assert_eq!(running.statuses().await, [200, 200, 200]);
    assert!(running.ended.try_recv().is_err());
}

#[tokio::test]
async fn a_genuine_set_ends_the_sessions_of_that_person_and_no_others() {
    let mut running = Running::start().await;
    assert_eq!(running.statuses().await, [200, 200, 200]);

    let answer = running.push(set("1")).await;

    assert_eq!(answer, (202, None));
    assert_eq!(running.statuses().await, [401, 401, 200]);
    let ended = running.ended.try_recv().unwrap();
    assert_eq!((ended.person, ended.devices), (LEAVER.name(), vec!["laptop", "phone"]));
    assert!(running.ended.try_recv().is_err());
}

#[tokio::test]
async fn a_replayed_set_is_taken_and_ends_nothing() {
    let mut running = Running::start().await;
    running.push(set("1")).await;
    running.ended.try_recv().unwrap();
    let again = running.application.log_in(&LEAVER, "laptop");

    let answer = running.push(set("1")).await;

    assert_eq!(answer, (202, None));
    assert_eq!(running.browser.open(&again).await.unwrap(), 200);
    assert!(running.ended.try_recv().is_err());

    running.push(set("2")).await;
    assert_eq!(running.browser.open(&again).await.unwrap(), 401);
}

#[tokio::test]
async fn a_set_that_is_forged_or_not_for_us_ends_nothing() {
    let leaver = email(&LEAVER.user_name());
    check_spared(signed(&key(), "1", &leaver, |_| ()), 400, Some("invalid_key")).await;

    let of_another = signed(&KEY, "1", &email(&COLLEAGUE.user_name()), |_| ());
    let (_, signature) = of_another.rsplit_once('.').unwrap();
    let set = set("1");
    let (message, _) = set.rsplit_once('.').unwrap();
    check_spared(format!("{message}.{signature}"), 400, Some("invalid_key")).await;

    let elsewhere = |claims: &mut SetClaims<'_>| claims.audience = "https://other.example";
    let set = signed(&KEY, "1", &leaver, elsewhere);
    check_spared(set, 400, Some("invalid_audience")).await;
    let other = |claims: &mut SetClaims<'_>| claims.issuer = "https://muster.example/t/other";
    check_spared(signed(&KEY, "1", &leaver, other), 400, Some("invalid_issuer")).await;
    let early = |claims: &mut SetClaims<'_>| claims.issued_at = NOW + 1;
    check_spared(signed(&KEY, "1", &leaver, early), 400, Some("invalid_request")).await;
    check_spared("no token".to_owned(), 400, Some("invalid_request")).await;
}

#[tokio::test]
async fn a_genuine_set_about_something_else_ends_nothing() {
    let stranger = email("somebody@else.example");
    check_spared(signed(&KEY, "1", &stranger, |_| ()), 202, None).await;
    let opaque = json!({ "format": "opaque", "id": LEAVER.user_name() });
    check_spared(signed(&KEY, "1", &opaque, |_| ()), 202, None).await;
    let enabled = |claims: &mut SetClaims<'_>| claims.uri = EventUri::AccountEnabled;
    let set = signed(&KEY, "1", &email(&LEAVER.user_name()), enabled);
    check_spared(set, 202, None).await;
}

#[tokio::test]
async fn only_a_set_is_received_and_only_a_session_opens_the_page() {
    let running = Running::start().await;

    let answer = running.post(set("1"), "application/json").await;
    let long = running.push("a".repeat(64 * 1024 + 1)).await;

    let refused = Some("invalid_request".to_owned());
    assert_eq!((answer, long), ((400, refused.clone()), (400, refused)));
    assert_eq!(running.statuses().await, [200, 200, 200]);
    assert_eq!(running.browser.open("").await.unwrap(), 401);
    let elsewhere = running.http.get(&running.url).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404);
}

#[test]
fn the_directory_has_fifty_people_with_names_of_their_own() {
    let names: HashSet<String> = Person::all().iter().map(Person::user_name).collect();
    assert_eq!(names.len(), 50);
    for person in [LEAVER, DELETED, COLLEAGUE, NEXT] {
        assert!(names.contains(&person.user_name()), "{}", person.name());
    }
}
