//! Paused and disabled streams, changed deliveries, and polls that wait.

use super::*;

const LONG: Duration = Duration::from_millis(300);

async fn set(client: &Client, stream: &Value, status: &str) {
    let body = json!({ "stream_id": id(stream), "status": status });
    client.post("/status", body).await.expect(200);
}

async fn now(client: &Client, stream: &Value) -> Vec<Value> {
    let sets = client.poll(stream, json!({ "returnImmediately": true })).await;
    let mut claims = Vec::new();
    for set in sets.values() {
        claims.push(client.verified(stream, set.as_str().unwrap()).await);
    }
    claims
}

async fn leave(tenant: &TestTenant, name: &str) {
    let user = person(tenant, name).await;
    tenant.patch(&user, replace("active", false)).await.expect(200);
}

on_both_databases! {
    async fn a_disabled_stream_holds_nothing_and_a_paused_one_everything(app: TestApp) {
        // E16
        let acme = app.new_tenant().await;
        let client = Client::of(&app, &acme).await;
        let receiver = SetReceiver::start().await;
        let pushed = client.stream(Some(&receiver), &[session_revoked()]).await;
        let polled = client.stream(None, &[session_revoked()]).await;

        for stream in [&pushed, &polled] {
            set(&client, stream, "paused").await;
        }
        leave(&acme, "paused").await;
        assert!(now(&client, &polled).await.is_empty());
        for stream in [&pushed, &polled] {
            set(&client, stream, "enabled").await;
        }
        assert_eq!(receiver.wait_for(1).await.len(), 1, "what was held comes");
        let held = now(&client, &polled).await;
        assert_eq!(held.len(), 1);
        assert_eq!(held[0]["sub_id"]["sub"], "x-paused");

        for stream in [&pushed, &polled] {
            set(&client, stream, "disabled").await;
        }
        leave(&acme, "disabled").await;
        client.post("/verify", json!({ "stream_id": id(&polled) })).await.expect(204);
        assert!(now(&client, &polled).await.is_empty());
        for stream in [&pushed, &polled] {
            set(&client, stream, "enabled").await;
        }
        tokio::time::sleep(LONG).await;
        assert!(now(&client, &polled).await.is_empty(), "it starts empty");
        assert_eq!(receiver.deliveries().len(), 1, "it starts empty");
        leave(&acme, "enabled").await;
        assert_eq!(receiver.wait_for(2).await.len(), 2);
        let claims = now(&client, &polled).await;
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0]["sub_id"]["sub"], "x-enabled");
    }

    async fn a_receiver_is_told_when_we_pause_and_resume(app: TestApp) {
        let acme = app.new_tenant().await;
        let client = Client::of(&app, &acme).await;
        let receiver = SetReceiver::start().await;
        let pushed = client.stream(Some(&receiver), &[session_revoked()]).await;
        let polled = client.stream(None, &[session_revoked()]).await;
        let updated = |claims: &Value, stream: &Value, status: &str| {
            let (uri, payload) = event(claims);
            assert_eq!(uri, format!("{SSF}stream-updated"));
            assert_eq!(payload["status"], status);
            assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": stream["stream_id"] }));
        };

        for stream in [&pushed, &polled] {
            let id = id(stream).parse().unwrap();
            app.operator().pause_stream(acme.name(), id).await.unwrap();
        }
        let told = receiver.wait_for(1).await;
        updated(&told[0].claims(), &pushed, "paused");
        leave(&acme, "held").await;
        let told = now(&client, &polled).await;
        assert_eq!(told.len(), 1, "the notice, and nothing that is held");
        updated(&told[0], &polled, "paused");
        let acknowledge = json!({ "ack": [told[0]["jti"]], "returnImmediately": true });
        assert!(client.poll(&polled, acknowledge).await.is_empty());
        tokio::time::sleep(LONG).await;
        assert_eq!(receiver.deliveries().len(), 1);
        let status = client.get(&format!("/status?stream_id={}", id(&polled))).await.expect(200);
        assert_eq!(status.text("status"), "paused");
        assert!(!status.text("reason").is_empty());

        for stream in [&pushed, &polled] {
            let id = id(stream).parse().unwrap();
            app.operator().resume_stream(acme.name(), id).await.unwrap();
        }
        let came = receiver.wait_for(3).await;
        let names: Vec<String> = came.iter().skip(1).map(|it| it.event()).collect();
        assert!(names.contains(&"stream-updated".to_owned()), "{names:?}");
        assert!(names.contains(&"session-revoked".to_owned()), "{names:?}");
        let told = now(&client, &polled).await;
        assert_eq!(told.len(), 2);
        updated(&told[0], &polled, "enabled");
    }

    async fn a_paused_stream_verifies_when_it_is_resumed(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        let stream = client.stream(None, &[session_revoked()]).await;
        set(&client, &stream, "paused").await;
        client.post("/verify", json!({ "stream_id": id(&stream), "state": "s" })).await.expect(204);
        assert!(now(&client, &stream).await.is_empty());
        set(&client, &stream, "enabled").await;
        let claims = now(&client, &stream).await;
        assert_eq!(event(&claims[0]).1["state"], "s");
    }

    async fn a_header_stays_with_its_address(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        let (first, second) = (SetReceiver::start().await, SetReceiver::start().await);
        let stream = client.stream(Some(&first), &[session_revoked()]).await;
        client.send(Method::PUT, "/stream", stream.to_string()).await.expect(200);
        client.post("/verify", json!({ "stream_id": id(&stream) })).await.expect(204);
        let came = first.wait_for(1).await;
        assert_eq!(came[0].headers["authorization"], "Bearer in", "written back as it was read");

        let moved = json!({
            "stream_id": id(&stream), "delivery": { "method": PUSH, "endpoint_url": second.url() }
        });
        client.send(Method::PATCH, "/stream", moved.to_string()).await.expect(200);
        let pause = || app.operator().pause_stream(&client.tenant, id(&stream).parse().unwrap());
        pause().await.unwrap();
        let came = second.wait_for(1).await;
        assert!(came[0].headers.get("authorization").is_none(), "never to another address");
    }

    async fn a_long_poll_is_woken_at_once(app: TestApp) {
        // E18
        let acme = app.new_tenant().await;
        let client = Client::of(&app, &acme).await;
        let stream = client.stream(None, &[session_revoked()]).await;
        let user = person(&acme, "leaver").await;
        let mut waits = Vec::new();
        for active in [false, true, false, true, false] {
            let poll = async {
                let sets = client.poll(&stream, json!({})).await;
                (Instant::now(), sets)
            };
            let change = async {
                tokio::time::sleep(LONG).await;
                acme.patch(&user, replace("active", active)).await.expect(200);
                Instant::now()
            };
            if active {
                change.await;
                continue;
            }
            let ((woken, sets), changed) = tokio::join!(poll, change);
            waits.push(woken.saturating_duration_since(changed));
            let acknowledged: Vec<&String> = sets.keys().collect();
            assert_eq!(acknowledged.len(), 1);
            client.poll(&stream, json!({ "maxEvents": 0, "ack": acknowledged })).await;
        }
        // The machine may be busy; that it looks once a second alone would not be this fast.
        let shortest = waits.iter().min().unwrap();
        assert!(*shortest < Duration::from_millis(100), "{waits:?}");
    }

    async fn a_second_poll_sends_the_first_home(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        let stream = client.stream(None, &[session_revoked()]).await;
        let first = async {
            let asked = Instant::now();
            assert!(client.poll(&stream, json!({})).await.is_empty());
            asked.elapsed()
        };
        let second = async {
            tokio::time::sleep(LONG).await;
            client.poll(&stream, json!({ "returnImmediately": true })).await
        };
        let (waited, _) = tokio::join!(first, second);
        assert!(waited < Duration::from_secs(5), "{waited:?}");
    }
}
