//! Push delivery to a receiver on a real socket.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use muster::event::receive;

use super::*;
use crate::support::{Delivery, PUBLIC_URL, SetReceiver};

const INVALID: &str = r#"{"err":"invalid_request","description":"no"}"#;

fn names(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(Delivery::event).collect()
}

/// What came about `subject`, in order.
fn about(deliveries: &[Delivery], subject: &Resource) -> Vec<String> {
    let names_it = |delivery: &&Delivery| {
        let claims = delivery.claims();
        let sub_id = &claims["sub_id"];
        sub_id["id"] == subject.id() || sub_id["uri"] == subject.path()
    };
    deliveries.iter().filter(names_it).map(Delivery::event).collect()
}

/// A stream that names every subject by its id.
fn by_id(receiver: &SetReceiver) -> NewStream {
    NewStream { subject_format: SubjectFormat::Opaque, ..stream_of_all(Some(receiver.url())) }
}

fn seconds_now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

async fn key_set(app: &TestApp, tenant: &TestTenant) -> Value {
    let url = format!("{}/t/{}/jwks.json", app.address(), tenant.name());
    app.http().get(url).send().await.unwrap().json().await.unwrap()
}

on_both_databases! {
    async fn a_push_is_a_signed_set_in_the_request_of_the_rfc(app: TestApp) {
        // R486, R488, R499, R509, R513, R514
        let acme = app.new_tenant().await;
        let receiver = SetReceiver::start().await;
        let credential = "Bearer  Two Spaces=";
        let new = NewStream {
            authorization: secret(credential),
            audience: Some("https://receiver.example".to_owned()),
            ..stream_of_all(Some(receiver.url()))
        };
        open(&app, &acme, new).await;
        let user = user(&acme, "barbara").await;
        acme.patch(&user, replace("active", false)).await.expect(200);

        let deliveries = receiver.wait_for(6).await;

        let keys = key_set(&app, &acme).await;
        let issuer = format!("{PUBLIC_URL}/t/{}", acme.name());
        for delivery in &deliveries {
            assert_eq!(delivery.method, Method::POST);
            assert_eq!(delivery.headers["content-type"], "application/secevent+jwt");
            assert_eq!(delivery.headers["accept"], "application/json");
            let credentials: Vec<_> = delivery.headers.get_all("authorization").iter().collect();
            assert_eq!(credentials, [credential]);
            assert_eq!(delivery.header()["typ"], "secevent+jwt");
            let audience = "https://receiver.example";
            let claims =
                receive::verify(&delivery.set, &keys, &issuer, audience, seconds_now()).unwrap();
            assert_eq!(claims["aud"], audience);
            assert!(claims.get("sub").is_none() && claims.get("exp").is_none(), "{claims}");
            assert_eq!(claims["events"].as_object().map(serde_json::Map::len), Some(1));
        }
        let order = [CREATE, ACTIVATE, DISABLED, REVOKED, DEACTIVATE, PATCH];
        assert_eq!(names(&deliveries), order);
        let ids: BTreeSet<String> = deliveries.iter().map(Delivery::jti).collect();
        assert_eq!(ids.len(), deliveries.len(), "each Set has an id of its own");
        let txn = |number: usize| deliveries[number].claims()["txn"].clone();
        assert!(txn(2).is_string());
        assert!((3..6).all(|number| txn(number) == txn(2)), "one change, one txn");
        assert_ne!(txn(0), txn(2));
        let revoked = deliveries[3].claims();
        let expected = json!({ "format": "iss_sub", "iss": issuer, "sub": "x-barbara" });
        assert_eq!(revoked["sub_id"], expected);
        let scim = &deliveries[5].claims()["sub_id"];
        assert_eq!((&scim["format"], &scim["uri"]), (&json!("scim"), &json!(user.path())));
    }

    async fn without_a_credential_none_is_sent(app: TestApp) {
        let acme = app.new_tenant().await;
        let receiver = SetReceiver::start().await;
        let stream = open(&app, &acme, stream_of_all(Some(receiver.url()))).await;
        user(&acme, "barbara").await;

        let deliveries = receiver.wait_for(2).await;

        assert!(deliveries.iter().all(|it| !it.headers.contains_key("authorization")));
        assert!(deliveries.iter().all(|it| it.claims()["aud"] == stream.audience));
    }

    async fn a_failed_event_is_the_same_again_and_holds_up_its_subject_alone(app: TestApp) {
        let acme = app.new_tenant().await;
        let held = user(&acme, "held").await;
        let free = user(&acme, "free").await;
        let id = held.id().to_owned();
        let failures = AtomicU32::new(0);
        let receiver = SetReceiver::answering(move |delivery| {
            let is_held = delivery.claims()["sub_id"]["id"] == *id;
            match is_held && failures.fetch_add(1, Ordering::SeqCst) == 0 {
                true => (503, ""),
                false => (202, ""),
            }
        })
        .await;
        open(&app, &acme, by_id(&receiver)).await;
        acme.patch(&held, replace("active", false)).await.expect(200);
        acme.patch(&held, replace("title", "gone")).await.expect(200);
        receiver.wait_for(1).await;
        acme.patch(&free, replace("active", false)).await.expect(200);

        let deliveries = receiver.wait_for(5 + 1 + 4).await;

        let again: Vec<&Delivery> =
            deliveries.iter().filter(|it| it.event() == DISABLED && it.claims()["sub_id"]["id"] == held.id()).collect();
        assert_eq!(again.iter().map(|it| it.status).collect::<Vec<_>>(), [503, 202]);
        assert_eq!(again[0].set, again[1].set, "a retry is the same token");
        let order = [DISABLED, DISABLED, REVOKED, DEACTIVATE, PATCH, PATCH];
        assert_eq!(about(&deliveries, &held), order);
        assert_eq!(about(&deliveries, &free), [DISABLED, REVOKED, DEACTIVATE, PATCH]);
        let place = |subject: &Resource, event: &str| {
            deliveries.iter().position(|it| {
                it.status == 202
                    && it.event() == event
                    && it.claims()["sub_id"]["id"] == subject.id()
            })
        };
        assert!(place(&free, REVOKED) < place(&held, DISABLED), "others do not wait");
    }

    async fn a_refused_event_is_given_up_and_the_next_follows(app: TestApp) {
        let acme = app.new_tenant().await;
        let leaver = user(&acme, "barbara").await;
        let receiver = SetReceiver::answering(|delivery| match delivery.event().as_str() {
            DISABLED => (400, INVALID),
            _ => (202, ""),
        })
        .await;
        let stream = open(&app, &acme, by_id(&receiver)).await;

        acme.patch(&leaver, replace("active", false)).await.expect(200);

        let deliveries = receiver.wait_for(4).await;
        assert_eq!(names(&deliveries), [DISABLED, REVOKED, DEACTIVATE, PATCH]);
        // The first retry would come after a second.
        tokio::time::sleep(Duration::from_millis(1600)).await;
        assert_eq!(receiver.deliveries().len(), 4, "what is given up is not tried again");
        let streams = app.operator().streams(acme.name()).await.unwrap();
        let stream = streams.iter().find(|it| it.id == stream.id).unwrap();
        assert_eq!((stream.status, stream.pending), ("enabled", 0));
    }

    async fn a_paused_stream_holds_and_a_resumed_one_delivers(app: TestApp) {
        let acme = app.new_tenant().await;
        let receiver = SetReceiver::start().await;
        let stream = open(&app, &acme, stream_of_all(Some(receiver.url()))).await;
        let paused = app.operator().pause_stream(acme.name(), stream.id).await.unwrap();
        assert_eq!(paused.status, "paused");

        user(&acme, "barbara").await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(names(&receiver.deliveries()), ["stream-updated"], "it is told, and no more");
        let held = app.operator().streams(acme.name()).await.unwrap();
        assert_eq!(held[0].pending, 2);

        app.operator().resume_stream(acme.name(), stream.id).await.unwrap();
        let mut names = names(&receiver.wait_for(4).await);
        names.retain(|name| name != "stream-updated");
        assert_eq!(names, [CREATE, ACTIVATE]);
    }

    async fn a_stream_gets_what_it_asked_for_and_of_its_tenant(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let all = SetReceiver::start().await;
        let revocations = SetReceiver::start().await;
        let others = SetReceiver::start().await;
        open(&app, &acme, stream_of_all(Some(all.url()))).await;
        let only = NewStream {
            events: vec![EventUri::SessionRevoked],
            ..stream_of_all(Some(revocations.url()))
        };
        let only = open(&app, &acme, only).await;
        open(&app, &globex, stream_of_all(Some(others.url()))).await;

        let (here, there) = (user(&acme, "same").await, user(&globex, "same").await);
        acme.patch(&here, replace("active", false)).await.expect(200);
        globex.patch(&there, replace("title", "x")).await.expect(200);

        let to_all = all.wait_for(6).await;
        let to_others = others.wait_for(3).await;
        let to_one = revocations.wait_for(1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(names(&revocations.deliveries()), [REVOKED]);
        assert_eq!(names(&others.deliveries()), [CREATE, ACTIVATE, PATCH]);
        assert_eq!(to_one[0].claims()["aud"], only.audience);
        for (deliveries, tenant) in [(&to_all, &acme), (&to_others, &globex), (&to_one, &acme)] {
            let issuer = format!("{PUBLIC_URL}/t/{}", tenant.name());
            assert!(deliveries.iter().all(|it| it.claims()["iss"] == issuer));
        }
        let keys = key_set(&app, &globex).await;
        let (foreign, issuer) = (&to_all[0], format!("{PUBLIC_URL}/t/{}", acme.name()));
        let audience = foreign.claims()["aud"].as_str().unwrap().to_owned();
        let verdict = receive::verify(&foreign.set, &keys, &issuer, &audience, seconds_now());
        assert_eq!(verdict, Err(receive::RefusedSet::Key), "each tenant has its own key");
    }
}
