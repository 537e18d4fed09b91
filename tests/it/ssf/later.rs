//! What happens hours and days later: a transmitter beside the service, on the same database, with
//! a clock of its own.

use std::sync::Arc;

use muster::{
    clock::Clock,
    provision::ssf::{Managed, Transmitter},
    store::{Location, SecretKey, Store},
    tenant::{ReceiverId, receiver_url::ReceiverRules},
};

use super::*;
use crate::support::no_issuer_keys;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The database of the service.
async fn store(app: &TestApp) -> Store {
    let location = match app.database_url().strip_prefix("sqlite:") {
        Some(path) => Location::Sqlite(path.into()),
        None => Location::Postgres(app.database_url().to_owned()),
    };
    Store::open(&location, 2).await.unwrap()
}

/// A transmitter for which it is so many seconds later than it is.
async fn at(app: &TestApp, seconds: i64) -> Transmitter {
    let store = store(app).await;
    let clock = Clock::stopped_at(Clock::system().now_us() + seconds * 1_000_000);
    let secret = Arc::new(SecretKey::new(&[7; 32]).unwrap());
    let places = (Arc::new(ReceiverRules::default()), no_issuer_keys());
    Transmitter::new(store, clock, secret, PUBLIC_URL, places)
}

async fn managed(app: &TestApp, client: &Client, receiver: &IssuedReceiver) -> Managed {
    let tenant = store(app).await.tenant_named(&client.tenant).await.unwrap().unwrap();
    Managed {
        tenant: tenant.id,
        tenant_name: client.tenant.as_str().into(),
        receiver: ReceiverId(receiver.record.id),
    }
}

/// Lets somebody leave, and gives the names by which the stream was told.
async fn told(
    client: &Client,
    tenant: &TestTenant,
    stream: &Value,
    user: &crate::support::Resource,
) -> Vec<Value> {
    tenant.patch(user, replace("active", false)).await.expect(200);
    tenant.patch(user, replace("active", true)).await.expect(200);
    let sets = client.poll(stream, json!({ "returnImmediately": true })).await;
    let ids: Vec<&String> = sets.keys().collect();
    client.poll(stream, json!({ "maxEvents": 0, "ack": ids })).await;
    let mut subjects = Vec::new();
    for set in sets.values() {
        subjects.push(client.verified(stream, set.as_str().unwrap()).await["sub_id"].clone());
    }
    subjects
}

on_both_databases! {
    async fn a_removed_subject_is_left_out_after_a_day(app: TestApp) {
        let acme = app.new_tenant().await;
        let (client, receiver) = Client::with_receiver(&app, &acme).await;
        let stream = client.stream(None, &[session_revoked()]).await;
        let email = |address: &str| json!({ "format": "email", "email": address });
        let user = |name: &str| {
            let emails = json!([{ "value": format!("{name}@Example.com"), "primary": true }]);
            let externals = format!("x-{name}");
            acme.create("Users", json!({ "userName": name, "externalId": externals, "emails": emails }))
        };
        let (one, two) = (user("one").await, user("two").await);
        let subject = |subject: &Value| json!({ "stream_id": id(&stream), "subject": subject });
        let by = managed(&app, &client, &receiver).await;
        let yesterday = at(&app, -DAY - HOUR).await;
        let remove = async |named: &Value| {
            let body = subject(named).to_string();
            yesterday.remove_subject(by.clone(), body.as_bytes()).await.unwrap();
        };

        client.post("/subjects:remove", subject(&email("one@example.com"))).await.expect(204);
        assert_eq!(told(&client, &acme, &stream, &one).await.len(), 1, "within the grace period");
        client.post("/subjects:add", subject(&email("one@example.com"))).await.expect(200);

        // By whatever name the receiver knows the person.
        for named in [
            email("one@EXAMPLE.COM"),
            json!({ "format": "iss_sub", "iss": client.issuer, "sub": "x-one" }),
            json!({ "format": "opaque", "id": one.id() }),
            json!({ "format": "scim", "uri": one.path() }),
            json!({ "format": "complex", "user": email("one@example.com"), "device": { "format": "opaque", "id": "d" } }),
        ] {
            remove(&named).await;
            assert_eq!(told(&client, &acme, &stream, &one).await, [Value::Null; 0], "{named}");
            assert_eq!(told(&client, &acme, &stream, &two).await.len(), 1, "somebody else: {named}");
            client.post("/subjects:add", subject(&named)).await.expect(200);
            assert_eq!(told(&client, &acme, &stream, &one).await.len(), 1, "added again: {named}");
        }
        // What names nobody that an event is about leaves nobody out.
        remove(&json!({ "format": "complex", "device": { "format": "opaque", "id": "d" } })).await;
        assert_eq!(told(&client, &acme, &stream, &one).await.len(), 1);
        let tenant = json!({ "format": "complex", "tenant": { "format": "opaque", "id": acme.name() } });
        remove(&tenant).await;
        assert_eq!(told(&client, &acme, &stream, &one).await, [Value::Null; 0]);
        client.post("/verify", json!({ "stream_id": id(&stream) })).await.expect(204);
        let sets = client.poll(&stream, json!({ "returnImmediately": true })).await;
        assert_eq!(sets.len(), 1, "a stream itself cannot be removed");
        client.post("/subjects:add", subject(&tenant)).await.expect(200);
        assert_eq!(told(&client, &acme, &stream, &one).await.len(), 1);
    }

    async fn an_idle_push_stream_is_verified_every_six_hours(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        let receiver = SetReceiver::start().await;
        let stream = client.stream(Some(&receiver), &[session_revoked()]).await;
        client.stream(None, &[session_revoked()]).await;

        at(&app, 5 * HOUR).await.look_once().await.unwrap();
        assert!(receiver.deliveries().is_empty());
        let later = at(&app, 7 * HOUR).await;
        later.look_once().await.unwrap();
        let came = receiver.wait_for(1).await;
        later.look_once().await.unwrap();
        at(&app, 12 * HOUR).await.look_once().await.unwrap();

        let claims = client.verified(&stream, &came[0].set).await;
        assert_eq!(event(&claims), (format!("{SSF}verification").as_str(), &json!({})));
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(receiver.deliveries().len(), 1);
    }

    async fn a_forgotten_stream_is_paused_and_says_so(app: TestApp) {
        let acme = app.new_tenant().await;
        let seven_days = Duration::from_secs(7 * 24 * 3_600);
        let new = |timeout| NewReceiver {
            name: "patient".to_owned(),
            scopes: vec![Scope::SsfRead, Scope::SsfManage],
            inactivity_timeout: Some(timeout),
        };
        app.operator().create_receiver(acme.name(), new(seven_days / 2)).await.unwrap_err();
        let issued = app.operator().create_receiver(acme.name(), new(seven_days)).await.unwrap();
        let client = Client::of(&app, &acme).await.token_of(&issued).await;
        let stream = client.stream(None, &[session_revoked()]).await;
        assert_eq!(stream["inactivity_timeout"], 604_800);
        let status = format!("/status?stream_id={}", id(&stream));

        at(&app, 6 * DAY).await.look_once().await.unwrap();
        assert_eq!(client.get(&status).await.expect(200).text("status"), "enabled");
        at(&app, 8 * DAY).await.look_once().await.unwrap();

        assert_eq!(client.get(&status).await.expect(200).text("status"), "paused");
        let sets = client.poll(&stream, json!({ "returnImmediately": true })).await;
        let claims = client.verified(&stream, sets.values().next().unwrap().as_str().unwrap()).await;
        let (uri, payload) = event(&claims);
        assert_eq!(uri, format!("{SSF}stream-updated"));
        assert_eq!(payload["status"], "paused");
        assert!(!payload["reason"].as_str().unwrap().is_empty());
    }
}
