//! Poll delivery over HTTP.

use std::time::{Duration, Instant};

use muster::{provision::operator::NewToken, tenant::Scope};
use secrecy::ExposeSecret;
use serde_json::Map;

use super::*;

/// A receiver that polls one stream.
pub(super) struct Poller {
    app: TestApp,
    url: String,
    token: String,
}

/// What a poll got: the Sets by id.
pub(super) type Sets = Map<String, Value>;

impl Poller {
    pub(super) async fn open(app: &TestApp, tenant: &TestTenant) -> Self {
        let new = NewStream { subject_format: SubjectFormat::Opaque, ..stream_of_all(None) };
        let stream = open(app, tenant, new).await;
        assert!(stream.endpoint_url.ends_with(&format!("/ssf/poll/{}", stream.id)));
        Self {
            app: app.clone(),
            url: format!("{}/t/{}/ssf/poll/{}", app.address(), tenant.name(), stream.id),
            token: token(app, tenant, Scope::Poll).await,
        }
    }

    async fn send(&self, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let request = self.app.http().post(&self.url).bearer_auth(&self.token).body(body);
        let response = request.header("content-type", "application/json").send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    pub(super) async fn poll(&self, body: Value) -> (Sets, bool) {
        let (status, body) = self.send(body.to_string()).await;
        assert_eq!(status, 200, "{body}");
        let more = body["moreAvailable"].as_bool().unwrap();
        (body["sets"].as_object().unwrap().clone(), more)
    }

    /// What is there now.
    async fn now(&self) -> (Sets, bool) {
        self.poll(json!({ "returnImmediately": true })).await
    }
}

async fn token(app: &TestApp, tenant: &TestTenant, scope: Scope) -> String {
    let token = NewToken {
        connection: "directory".to_owned(),
        user: None,
        scopes: vec![scope],
        networks: Default::default(),
        expires_in: Duration::from_secs(600),
        label: "receiver".to_owned(),
    };
    let issued = app.operator().issue_token(tenant.name(), token).await.unwrap();
    issued.token.expose_secret().to_owned()
}

pub(super) fn claims(set: &Value) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    crate::support::check_set(set.as_str().unwrap());
    let part = set.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn ids(sets: &Sets) -> Vec<&String> {
    sets.keys().collect()
}

on_both_databases! {
    async fn what_is_acknowledged_or_refused_does_not_come_again(app: TestApp) {
        let acme = app.new_tenant().await;
        let poller = Poller::open(&app, &acme).await;
        assert_eq!(poller.now().await, (Sets::new(), false), "nothing yet");
        user(&acme, "one").await;
        user(&acme, "two").await;

        let (none, _) = poller.poll(json!({ "maxEvents": 0, "returnImmediately": true })).await;
        assert!(none.is_empty(), "{none:?}");
        let (first, more) =
            poller.poll(json!({ "maxEvents": 1, "returnImmediately": true })).await;
        assert_eq!((first.len(), more), (1, true));
        let (rest, _) = poller.now().await;
        for (jti, set) in first.iter().chain(&rest) {
            assert_eq!(claims(set)["jti"], **jti, "a Set goes by its id");
        }
        assert!(ids(&first).iter().all(|id| !rest.contains_key(*id)), "not again so soon");

        let mut left: Vec<String> = first.keys().chain(rest.keys()).cloned().collect();
        let mut got = left.len();
        while !left.is_empty() {
            // One half is taken, the other refused.
            let (taken, refused) = left.split_at(left.len() / 2);
            let errors: Map<String, Value> =
                refused.iter().map(|id| (id.clone(), json!({ "err": "invalid_request", "description": "no" }))).collect();
            let ask = json!({ "ack": taken, "setErrs": errors, "returnImmediately": true });
            let (next, _) = poller.poll(ask).await;
            left = next.keys().cloned().collect();
            got += left.len();
        }
        assert_eq!(got, 4, "each once");
        let streams = app.operator().streams(acme.name()).await.unwrap();
        assert_eq!(streams[0].pending, 0);
    }

    async fn a_waiting_poll_is_woken_by_a_change(app: TestApp) {
        let acme = app.new_tenant().await;
        let poller = Poller::open(&app, &acme).await;
        let change = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let changed = Instant::now();
            user(&acme, "barbara").await;
            changed
        };

        let ((sets, _), changed) = tokio::join!(poller.poll(json!({})), change);

        let waited = changed.elapsed();
        assert!(!sets.is_empty());
        assert!(waited < Duration::from_secs(1), "woken after {waited:?}");
    }

    // E19
    async fn an_answer_has_one_change_of_a_subject(app: TestApp) {
        let acme = app.new_tenant().await;
        let poller = Poller::open(&app, &acme).await;
        let (one, two) = (user(&acme, "one").await, user(&acme, "two").await);
        for user in [&one, &two] {
            acme.patch(user, replace("active", false)).await.expect(200);
            acme.patch(user, replace("title", "gone")).await.expect(200);
        }

        let mut order = std::collections::BTreeMap::<String, Vec<String>>::new();
        let mut acknowledged: Vec<String> = Vec::new();
        loop {
            let ask = json!({ "ack": acknowledged, "returnImmediately": true });
            let (sets, _) = poller.poll(ask).await;
            if sets.is_empty() {
                break;
            }
            let mut txns = std::collections::BTreeMap::<String, String>::new();
            for set in sets.values() {
                let claims = claims(set);
                let subject = claims["sub_id"]["id"].as_str().unwrap().to_owned();
                let txn = claims["txn"].as_str().unwrap().to_owned();
                let known = txns.entry(subject.clone()).or_insert_with(|| txn.clone());
                assert_eq!(*known, txn, "two changes of one subject in one answer");
            }
            for (subject, txn) in txns {
                order.entry(subject).or_default().push(txn);
            }
            acknowledged = sets.keys().cloned().collect();
        }

        let events = app.operator().events(Some(acme.name()), 0, 100).await.unwrap();
        for user in [&one, &two] {
            let mut expected: Vec<String> = events
                .iter()
                .filter(|event| event.resource == user.path())
                .map(|event| event.txn.clone())
                .collect();
            expected.dedup();
            assert_eq!(expected.len(), 3);
            assert_eq!(order[user.id()], expected, "changes come in their order");
        }
    }

    async fn a_wrong_request_is_refused(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let poller = Poller::open(&app, &acme).await;
        for body in [
            "", "[]", "7", "{", r#"{"maxEvents":"1"}"#, r#"{"maxEvents":-1}"#,
            r#"{"maxEvents":1.5}"#, r#"{"returnImmediately":"true"}"#, r#"{"ack":"x"}"#,
            r#"{"ack":[1]}"#, r#"{"setErrs":[]}"#, r#"{"setErrs":{"x":"no"}}"#,
            r#"{"setErrs":{"x":{"description":"no"}}}"#,
        ] {
            let (status, answer) = poller.send(body).await;
            assert_eq!((status, &answer["err"]), (400, &json!("invalid_request")), "{body}: {answer}");
        }

        let foreign = Poller::open(&app, &globex).await;
        let at_ours = |id: &str| format!("{}/t/{}/ssf/poll/{id}", app.address(), acme.name());
        let foreign_id = foreign.url.rsplit('/').next().unwrap();
        let unknown = "0198c2a0-0000-7000-8000-000000000001";
        let mut answers = Vec::new();
        for id in [foreign_id, unknown, "no-id"] {
            let poller = Poller { app: app.clone(), url: at_ours(id), token: poller.token.clone() };
            answers.push(poller.send(r#"{"returnImmediately":true}"#).await);
        }
        assert_eq!(answers[0].0, 404);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

        let with = |token: String| Poller { app: app.clone(), url: poller.url.clone(), token };
        let ask = r#"{"returnImmediately":true}"#;
        assert_eq!(with(acme.token().to_owned()).send(ask).await.0, 403, "without the scope");
        assert_eq!(with(foreign.token.clone()).send(ask).await.0, 401, "of another tenant");
        assert_eq!(with("x".to_owned()).send("not read").await.0, 401);
        let get = app.http().get(&poller.url).bearer_auth(&poller.token).send().await.unwrap();
        assert_eq!((get.status().as_u16(), &get.headers()["allow"]), (405, &"POST".parse().unwrap()));
    }
}
