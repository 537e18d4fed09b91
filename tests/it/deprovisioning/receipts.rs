//! Receipts: how far the end of somebody's sessions has come at each receiver.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use muster::{
    clock::Clock,
    delivery::alarm::Alarm,
    provision::operator::NewToken,
    store::{Location, Store},
    tenant::Scope,
};
use tokio::time::Instant;

use super::*;
use crate::support::{Reply as Answer, StandIn};

const INVALID: &str = r#"{"err":"invalid_request","description":"no"}"#;

/// A receiver that answers with the status that it is told, and what tells it.
async fn receiver(status: u16) -> (SetReceiver, Arc<AtomicU16>) {
    let told = Arc::new(AtomicU16::new(status));
    let answer = Arc::clone(&told);
    let receiver = SetReceiver::answering(move |_| match answer.load(Ordering::SeqCst) {
        400 => (400, INVALID),
        status => (status, ""),
    });
    (receiver.await, told)
}

impl Admin {
    async fn receipt(&self, tenant: &TestTenant, txn: &str) -> Value {
        self.send(Method::GET, tenant, &format!("/deprovisionings/{txn}")).await.expect(200)
    }

    /// Waits until the receipt satisfies `enough`.
    async fn receipt_when(
        &self,
        tenant: &TestTenant,
        txn: &str,
        enough: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let receipt = self.receipt(tenant, txn).await;
            if enough(&receipt) {
                return receipt;
            }
            assert!(Instant::now() < end, "{receipt}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn rearm(&self, tenant: &TestTenant, txn: &str) -> Value {
        self.send(Method::POST, tenant, &format!("/deprovisionings/{txn}")).await.expect(202)
    }

    async fn list(&self, tenant: &TestTenant, query: &str) -> Value {
        self.send(Method::GET, tenant, &format!("/deprovisionings{query}")).await.expect(200)
    }

    /// The transactions that a list has.
    async fn listed(&self, tenant: &TestTenant, query: &str) -> Vec<String> {
        let list = self.list(tenant, query).await;
        let items = list["items"].as_array().unwrap();
        items.iter().map(|item| item["txn"].as_str().unwrap().to_owned()).collect()
    }
}

/// The name of the transaction of the tenant's last event.
async fn last_txn(app: &TestApp, tenant: &TestTenant) -> String {
    let events = app.operator().events(Some(tenant.name()), 0, 1000).await.unwrap();
    events.last().unwrap().txn.clone()
}

fn target<'r>(receipt: &'r Value, stream: &StreamRecord) -> &'r Value {
    let id = stream.id.to_string();
    let targets = receipt["targets"].as_array().unwrap();
    targets.iter().find(|target| target["id"] == id.as_str()).unwrap()
}

/// Another replica's view of the service's database.
pub(super) async fn replica(app: &TestApp) -> Store {
    let url = app.database_url();
    let location = match url.strip_prefix("sqlite:") {
        Some(path) => Location::Sqlite(path.into()),
        None => Location::Postgres(url.to_owned()),
    };
    Store::open(&location, 2).await.unwrap()
}

on_both_databases! {
    async fn a_receipt_tells_how_far_it_is_at_each_receiver(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let admin = Admin::new(&app).await;
        let (good, _) = receiver(202).await;
        let (bad, told) = receiver(503).await;
        let (refusing, _) = receiver(400).await;
        let good = (stream(&app, &acme, Some(good.url())).await, good);
        let failing = stream(&app, &acme, Some(bad.url())).await;
        let dead = stream(&app, &acme, Some(refusing.url())).await;
        let polled = stream(&app, &acme, None).await;
        let user = user(&acme, "barbara").await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        let txn = last_txn(&app, &acme).await;

        let receipt = admin
            .receipt_when(&acme, &txn, |receipt| {
                target(receipt, &good.0)["state"] == "confirmed"
                    && target(receipt, &failing)["state"] == "failed"
                    && target(receipt, &dead)["state"] == "dead"
            })
            .await;

        assert_eq!(receipt["txn"], txn);
        assert_eq!((&receipt["user"], &receipt["users"]), (&json!(user.id()), &json!(1)));
        assert_eq!((&receipt["state"], &receipt["confirmed_at"]), (&json!("dead"), &Value::Null));
        let confirmed = target(&receipt, &good.0);
        assert_eq!((&confirmed["kind"], &confirmed["attempts"]), (&json!("ssf_push"), &json!(1)));
        let mut events: Vec<&str> =
            confirmed["events"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        events.sort_unstable();
        assert_eq!(events, ["account-disabled", "session-revoked"]);
        assert!(confirmed["ms"].as_i64().is_some_and(|ms| (0..20_000).contains(&ms)), "{confirmed}");
        assert!(confirmed["confirmed_at"].is_string(), "{confirmed}");
        assert_eq!((&confirmed["residual_ttl_s"], &confirmed["last_error"]), (&Value::Null, &Value::Null));
        assert_eq!(target(&receipt, &failing)["last_error"], "the receiver answered 503");
        let given_up = target(&receipt, &dead);
        assert_eq!(given_up["last_error"], "invalid_request: no");
        let poll = target(&receipt, &polled);
        assert_eq!((&poll["kind"], &poll["state"]), (&json!("ssf_poll"), &json!("pending")));
        assert_eq!(poll["ms"], Value::Null);

        let poller = poller(&app, &acme, &polled).await;
        let sets = poller.poll(json!({ "returnImmediately": true })).await;
        assert_eq!(target(&admin.receipt(&acme, &txn).await, &polled)["state"], "sent");
        let acknowledged: Vec<&String> = sets.keys().collect();
        poller.poll(json!({ "returnImmediately": true, "ack": acknowledged })).await;
        assert_eq!(target(&admin.receipt(&acme, &txn).await, &polled)["state"], "confirmed");

        told.store(202, Ordering::SeqCst);
        app.operator().delete_stream(acme.name(), dead.id).await.unwrap();
        assert!(admin.rearm(&acme, &txn).await["rearmed"].as_u64() >= Some(1));
        let receipt = admin.receipt_when(&acme, &txn, |it| it["state"] == "confirmed").await;
        assert!(receipt["confirmed_at"].is_string(), "{receipt}");
        assert_eq!(good.1.deliveries().len(), 2, "who has it is not told again");

        for tenant in [&globex, &acme] {
            let txn = if tenant.name() == acme.name() { "tx_unknown" } else { &txn };
            for method in [Method::GET, Method::POST] {
                let reply = admin.send(method, tenant, &format!("/deprovisionings/{txn}")).await;
                reply.expect(404);
            }
        }
    }

    async fn receipts_are_listed_in_pages_by_user_and_state(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let admin = Admin::new(&app).await;
        let (one, two) = (user(&acme, "one").await, user(&acme, "two").await);
        let mut txns = Vec::new();
        for round in 0..5 {
            txns.push(admin.revoke(&acme, if round == 2 { &two } else { &one }).await);
        }
        txns.reverse();

        assert_eq!(admin.listed(&acme, "").await, txns);
        assert_eq!(admin.listed(&acme, "?state=untold").await, txns, "nobody was there");
        assert!(admin.listed(&acme, "?state=open").await.is_empty());
        assert_eq!(admin.listed(&acme, &format!("?user={}", two.id())).await, txns[2..3]);
        assert!(admin.listed(&acme, "?user=no-id").await.is_empty());
        assert!(admin.listed(&globex, "").await.is_empty());
        assert!(admin.listed(&globex, &format!("?user={}", two.id())).await.is_empty());
        let (mut paged, mut query) = (Vec::new(), "?limit=2".to_owned());
        loop {
            let page = admin.list(&acme, &query).await;
            let items = page["items"].as_array().unwrap();
            paged.extend(items.iter().map(|it| it["txn"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?limit=2&cursor={next}");
        }
        assert_eq!(paged, txns);
        let of_one = format!("?limit=2&user={}", one.id());
        let next = admin.list(&acme, &of_one).await["next"].as_str().unwrap().to_owned();
        assert_eq!(admin.listed(&acme, &format!("{of_one}&cursor={next}")).await, txns[3..]);

        for query in ["?state=gone", "?cursor=x", "?cursor=1.-1", "?limit=0", "?limit=201"] {
            admin.send(Method::GET, &acme, &format!("/deprovisionings{query}")).await.expect(400);
        }
        let (push, _) = receiver(202).await;
        stream(&app, &acme, Some(push.url())).await;
        let told = admin.revoke(&acme, &one).await;
        admin.receipt_when(&acme, &told, |it| it["state"] == "confirmed").await;
        assert_eq!(admin.listed(&acme, "?state=confirmed").await, [told]);
    }

    async fn a_repeated_deactivation_tells_those_again_who_have_not_taken_it(app: TestApp) {
        // E6
        let acme = app.new_tenant().await;
        let admin = Admin::new(&app).await;
        let (good, _) = receiver(202).await;
        stream(&app, &acme, Some(good.url())).await;
        let (bad, told) = receiver(400).await;
        stream(&app, &acme, Some(bad.url())).await;
        let leaver = user(&acme, "barbara").await;
        acme.patch(&leaver, replace("active", false)).await.expect(200);
        let txn = last_txn(&app, &acme).await;
        admin.receipt_when(&acme, &txn, |it| it["state"] == "dead").await;
        bad.wait_for(2).await;
        let events = acme.events().await;
        told.store(202, Ordering::SeqCst);

        acme.patch(&leaver, replace("title", "none")).await.expect(200);
        let events = [events, vec!["prov:patch:notice".to_owned()]].concat();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(admin.receipt(&acme, &txn).await["state"], "dead", "nobody asked for it");
        acme.patch(&leaver, replace("active", "False")).await.expect(200);

        admin.receipt_when(&acme, &txn, |it| it["state"] == "confirmed").await;
        assert_eq!(acme.events().await, events, "no second event");
        let sets: Vec<_> = bad.deliveries().iter().map(|it| (it.jti(), it.status)).collect();
        assert_eq!(sets.len(), 4, "{sets:?}");
        assert_eq!((&sets[0].0, &sets[1].0), (&sets[2].0, &sets[3].0), "the same Sets");
        assert_eq!(good.deliveries().len(), 2, "who has it is not told again");
    }

    async fn what_is_not_true_any_more_is_not_told_again(app: TestApp) {
        let acme = app.new_tenant().await;
        let admin = Admin::new(&app).await;
        let (bad, told) = receiver(400).await;
        stream(&app, &acme, Some(bad.url())).await;
        let user = user(&acme, "barbara").await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        let txn = last_txn(&app, &acme).await;
        admin.receipt_when(&acme, &txn, |it| it["state"] == "dead").await;
        bad.wait_for(2).await;
        told.store(202, Ordering::SeqCst);
        acme.patch(&user, replace("active", true)).await.expect(200);

        assert_eq!(admin.rearm(&acme, &txn).await["rearmed"], 1);

        let deliveries = bad.wait_for(3).await;
        assert_eq!(deliveries[2].event(), "session-revoked", "the account is not disabled by it");
    }

    async fn what_is_replayed_stays_confirmed(app: TestApp) {
        let acme = app.new_tenant().await;
        let admin = Admin::new(&app).await;
        let (receiver, told) = receiver(202).await;
        let stream = stream(&app, &acme, Some(receiver.url())).await;
        let user = user(&acme, "barbara").await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        let txn = last_txn(&app, &acme).await;
        let receipt = admin.receipt_when(&acme, &txn, |it| it["state"] == "confirmed").await;
        told.store(503, Ordering::SeqCst);

        let replay = format!("/streams/{}/replay", stream.id);
        let body = json!({ "from_seq": 1 });
        admin.send_with(Method::POST, &acme, &replay, body).await.expect(202);
        let sent = receiver.wait_for(3).await;

        assert_eq!(sent[2].jti(), sent[0].jti());
        tokio::time::sleep(Duration::from_millis(200)).await;
        let replayed = admin.receipt(&acme, &txn).await;
        assert_eq!(replayed["confirmed_at"], receipt["confirmed_at"], "{replayed}");
        assert_eq!(target(&replayed, &stream)["state"], "confirmed", "{replayed}");
        assert_eq!(admin.rearm(&acme, &txn).await["rearmed"], 0);
        let later = Clock::stopped_at(Clock::system().now_us() + 3_600_000_000);
        let store = replica(&app).await;
        assert!(Alarm::new(store.clone(), later).look().await.unwrap().is_empty());
        told.store(202, Ordering::SeqCst);
    }

    async fn what_nobody_confirms_is_an_alarm_once(app: TestApp) {
        let acme = app.new_tenant().await;
        let admin = Admin::new(&app).await;
        let (bad, told) = receiver(503).await;
        let failing = stream(&app, &acme, Some(bad.url())).await;
        let (good, _) = receiver(202).await;
        stream(&app, &acme, Some(good.url())).await;
        let watcher = StandIn::script([Answer::status(204)]).await;
        let hook = json!({ "url": watcher.url(), "types": ["scim.user.revocation_overdue"] });
        admin.send_with(Method::POST, &acme, "/webhooks", hook).await.expect(201);
        let user = user(&acme, "barbara").await;
        let txn = admin.revoke(&acme, &user).await;
        good.wait_for(1).await;
        let now_us = Clock::system().now_us();
        let store = replica(&app).await;
        let minutes = |minutes: i64| {
            Alarm::new(store.clone(), Clock::stopped_at(now_us + minutes * 60_000_000))
        };
        admin.receipt_when(&acme, &txn, |it| it["state"] == "failed").await;

        assert!(minutes(4).look().await.unwrap().is_empty(), "not yet");
        let raised = minutes(6).look().await.unwrap();

        let raised: Vec<_> = raised.iter().map(|it| (it.stream.0, it.txn.clone())).collect();
        assert_eq!(raised, [(failing.id, txn.clone())]);
        assert!(minutes(7).look().await.unwrap().is_empty(), "once");
        let told_of = watcher.wait_for(1).await;
        let message = told_of[0].json();
        assert_eq!(message["type"], "scim.user.revocation_overdue", "{message}");
        assert_eq!(message["data"]["deprovisioning"], *txn, "{message}");
        assert_eq!(message["data"]["receivers"], json!([failing.id]), "{message}");
        assert_eq!(message["data"]["user"]["id"], user.id(), "{message}");
        assert_eq!(store.overdue().await.unwrap(), 1);
        assert_eq!(admin.listed(&acme, "?state=overdue").await, std::slice::from_ref(&txn));
        let receipt = admin.receipt(&acme, &txn).await;
        assert!(target(&receipt, &failing)["alarmed_at"].is_string(), "{receipt}");

        told.store(202, Ordering::SeqCst);
        admin.rearm(&acme, &txn).await;
        admin.receipt_when(&acme, &txn, |it| it["state"] == "confirmed").await;
        assert_eq!(store.overdue().await.unwrap(), 0);
        assert!(minutes(60).look().await.unwrap().is_empty());
        assert!(admin.listed(&acme, "?state=overdue").await.is_empty());
    }
}

/// A receiver that polls.
struct Poller {
    app: TestApp,
    url: String,
    token: String,
}

async fn poller(app: &TestApp, tenant: &TestTenant, stream: &StreamRecord) -> Poller {
    let token = NewToken {
        connection: "directory".to_owned(),
        user: None,
        scopes: vec![Scope::Poll],
        networks: Default::default(),
        expires_in: Duration::from_secs(600),
        label: "receiver".to_owned(),
    };
    let issued = app.operator().issue_token(tenant.name(), token).await.unwrap();
    Poller {
        app: app.clone(),
        url: format!("{}/t/{}/ssf/poll/{}", app.address(), tenant.name(), stream.id),
        token: issued.token.expose_secret().to_owned(),
    }
}

impl Poller {
    async fn poll(&self, body: Value) -> serde_json::Map<String, Value> {
        let request = self.app.http().post(&self.url).bearer_auth(&self.token).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["sets"].as_object().unwrap_or_else(|| panic!("{answer}")).clone()
    }
}
