//! Signing keys: shown, used, kept, removed, and no receiver notices.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use muster::{
    event::{EventUri, GroupClaim, SubjectFormat, receive},
    provision::operator::NewStream,
};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{PUBLIC_URL, SetReceiver, TestApp, TestTenant, replace};

const AUDIENCE: &str = "https://receiver.example";
const PATIENCE: Duration = Duration::from_secs(30);

fn stream(receiver: &SetReceiver) -> NewStream {
    NewStream {
        description: String::new(),
        push_url: Some(receiver.url().to_owned()),
        authorization: None,
        events: vec![EventUri::SessionRevoked, EventUri::ProvCreateNotice],
        subject_format: SubjectFormat::Scim,
        audience: Some(AUDIENCE.to_owned()),
        application: None,
        group_claim: GroupClaim::Name,
        subjects: Default::default(),
    }
}

async fn key_set(app: &TestApp, tenant: &str) -> Value {
    let url = format!("{}/t/{tenant}/jwks.json", app.address());
    app.http().get(url).send().await.unwrap().json().await.unwrap()
}

fn kids(key_set: &Value) -> BTreeSet<String> {
    let keys = key_set["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The tenant's keys in `state`.
async fn in_state(app: &TestApp, tenant: &TestTenant, state: &str) -> Vec<String> {
    let keys = app.operator().keys(tenant.name()).await.unwrap();
    keys.into_iter().filter(|key| key.state == state).map(|key| key.kid).collect()
}

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn seconds_now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// The operator's API: status and body of an answer.
async fn admin(app: &TestApp, method: Method, path: &str, body: Value) -> (u16, Value) {
    let token = app.operator().issue_operator_token("keys", Duration::from_mins(5)).await.unwrap();
    let url = format!("{}/admin/v1{path}", app.address());
    let request = app.http().request(method, url).bearer_auth(token.token.expose_secret());
    let request = if body.is_null() { request } else { request.json(&body) };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

on_both_databases! {
    settings { "signing_key_lead_s": 4, "signing_key_kept_s": 5 };

    async fn a_receiver_that_keeps_the_key_set_never_fails(app: TestApp) {
        // E14
        let acme = app.new_tenant().await;
        // It asks for the key set every two seconds, where others do every fifteen
        // minutes; a key is shown for four before it signs, where others are for a day.
        let cached = Arc::new(Mutex::new(key_set(&app, acme.name()).await));
        let mut asking = JoinSet::new();
        let (asked, kept, name) = (app.clone(), Arc::clone(&cached), acme.name().to_owned());
        asking.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(2)).await;
                *kept.lock().unwrap() = key_set(&asked, &name).await;
            }
        });
        let issuer = format!("{PUBLIC_URL}/t/{}", acme.name());
        let receiver = SetReceiver::answering(move |delivery| {
            let keys = cached.lock().unwrap().clone();
            match receive::verify(&delivery.set, &keys, &issuer, AUDIENCE, seconds_now()) {
                Ok(_) => (202, ""),
                Err(_) => (400, r#"{"err":"invalid_key","description":"no"}"#),
            }
        })
        .await;
        app.operator().create_stream(acme.name(), stream(&receiver)).await.unwrap();

        let stop = Arc::new(AtomicBool::new(false));
        let mut load = JoinSet::new();
        for client in 0..3 {
            let (acme, stop) = (acme.clone(), Arc::clone(&stop));
            load.spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::Acquire) {
                    let name = format!("u{client}-{number}");
                    let user = acme.create("Users", json!({ "userName": name })).await;
                    acme.patch(&user, replace("active", false)).await.expect(200);
                    number += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                number
            });
        }
        let first = in_state(&app, &acme, "active").await;
        for _ in 0..2 {
            let before = in_state(&app, &acme, "active").await;
            app.operator().rotate_key(acme.name(), false).await.unwrap();
            until("another key", async || in_state(&app, &acme, "active").await != before).await;
        }
        until("the removal", async || !kids(&key_set(&app, acme.name()).await).contains(&first[0]))
            .await;
        stop.store(true, Ordering::Release);
        let users: usize = load.join_all().await.into_iter().sum();

        let deliveries = receiver.wait_for(2 * users).await;
        let refused = deliveries.iter().filter(|delivery| delivery.status != 202).count();
        assert_eq!((refused, deliveries.len()), (0, 2 * users));
        let used: BTreeSet<String> =
            deliveries.iter().map(|it| it.header()["kid"].as_str().unwrap().to_owned()).collect();
        assert_eq!(used.len(), 3, "{used:?}");
    }
}

on_both_databases! {
    async fn a_revoked_key_is_gone_and_what_waits_is_signed_with_another(app: TestApp) {
        let acme = app.new_tenant().await;
        let closed = Arc::new(AtomicBool::new(true));
        let is_closed = Arc::clone(&closed);
        let receiver = SetReceiver::answering(move |_| match is_closed.load(Ordering::Acquire) {
            true => (503, ""),
            false => (202, ""),
        })
        .await;
        app.operator().create_stream(acme.name(), stream(&receiver)).await.unwrap();
        acme.create("Users", json!({ "userName": "bjensen" })).await;
        let waiting = receiver.wait_for(1).await;
        let old = waiting[0].header()["kid"].as_str().unwrap().to_owned();

        let path = format!("/tenants/{}/keys/{old}", acme.name());
        let (status, keys) = admin(&app, Method::DELETE, &path, Value::Null).await;
        assert_eq!(status, 200, "{keys}");
        let new = keys["items"][0]["kid"].as_str().unwrap().to_owned();
        assert_ne!(new, old);
        assert_eq!(kids(&key_set(&app, acme.name()).await), BTreeSet::from([new.clone()]));
        closed.store(false, Ordering::Release);

        let deliveries = receiver.wait_until(|all| all.iter().any(|it| it.status == 202)).await;
        let accepted = deliveries.last().unwrap();
        assert_eq!(accepted.header()["kid"], new);
        assert_eq!(accepted.claims(), waiting[0].claims(), "the same event, under the same jti");
        let (status, problem) = admin(&app, Method::DELETE, &path, Value::Null).await;
        assert_eq!(status, 404, "{problem}");
    }

    async fn keys_are_listed_and_changed_over_the_api(app: TestApp) {
        let acme = app.new_tenant().await;
        let path = format!("/tenants/{}/keys", acme.name());
        let (_, keys) = admin(&app, Method::GET, &path, Value::Null).await;
        assert_eq!(states(&keys), ["active"]);

        let (status, keys) = admin(&app, Method::POST, &path, json!({})).await;
        assert_eq!((status, states(&keys)), (200, vec!["active", "published"]));
        assert!(keys["items"][1]["used_from"].is_string(), "{keys}");
        let (status, problem) = admin(&app, Method::POST, &path, json!({})).await;
        assert_eq!(status, 409, "{problem}");
        // What is shown already is used first: receivers may know it.
        let shown = keys["items"][1]["kid"].clone();
        let (status, keys) = admin(&app, Method::POST, &path, json!({ "now": true })).await;
        assert_eq!((status, states(&keys)), (200, vec!["retired", "active"]));
        assert_eq!(keys["items"][1]["kid"], shown);
        assert!(keys["items"][0]["kept_until"].is_string(), "{keys}");
        let (_, keys) = admin(&app, Method::POST, &path, json!({ "now": true })).await;
        assert_eq!(states(&keys), ["retired", "retired", "active"]);

        let shown = key_set(&app, acme.name()).await;
        assert_eq!(kids(&shown).len(), 3);
        for key in shown["keys"].as_array().unwrap() {
            let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["kty", "n", "e", "alg", "use", "kid"]);
        }
        for (method, path) in
            [(Method::GET, "/tenants/nobody/keys"), (Method::DELETE, "/tenants/nobody/keys/x")]
        {
            assert_eq!(admin(&app, method, path, Value::Null).await.0, 404, "{path}");
        }
    }

    async fn another_tenants_key_is_not_found(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let theirs = in_state(&app, &globex, "active").await;
        let path = format!("/tenants/{}/keys/{}", acme.name(), theirs[0]);

        assert_eq!(admin(&app, Method::DELETE, &path, Value::Null).await.0, 404);
        assert_eq!(in_state(&app, &globex, "active").await, theirs);
    }
}

fn states(keys: &Value) -> Vec<&str> {
    keys["items"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect()
}
