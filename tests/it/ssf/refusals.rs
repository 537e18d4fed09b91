//! Requests that make no sense, field by field.

use super::*;

#[track_caller]
fn check(answer: &Answered, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    assert_eq!(answer.text("err"), "invalid_request", "{what}");
    assert!(!answer.text("description").is_empty(), "{what}");
}

on_both_databases! {
    async fn a_field_of_another_type_is_refused(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        let long = "x".repeat(2_000);
        let many: Vec<String> = (0..101).map(|number| format!("urn:example:{number}")).collect();
        let configurations = [
            json!([]),
            json!("text"),
            json!({ "delivery": "urn:ietf:rfc:8936" }),
            json!({ "delivery": {} }),
            json!({ "delivery": { "method": 1 } }),
            json!({ "delivery": { "method": "urn:ietf:rfc:8937" } }),
            json!({ "delivery": { "method": PUSH } }),
            json!({ "delivery": { "method": PUSH, "endpoint_url": 1 } }),
            json!({ "delivery": { "method": PUSH, "endpoint_url": "nowhere" } }),
            json!({ "delivery": { "method": PUSH, "endpoint_url": "http://10.0.0.1/in" } }),
            json!({ "delivery": { "method": PUSH, "endpoint_url": "https://169.254.169.254/in" } }),
            json!({ "delivery": { "method": PUSH, "endpoint_url": "https://a.example/", "authorization_header": 1 } }),
            json!({ "delivery": { "method": PUSH, "endpoint_url": "https://a.example/", "authorization_header": "a\nb" } }),
            json!({ "delivery": { "method": POLL, "authorization_header": "Bearer x" } }),
            json!({ "events_requested": "urn:example" }),
            json!({ "events_requested": [1] }),
            json!({ "events_requested": [long] }),
            json!({ "events_requested": many }),
            json!({ "description": 1 }),
            json!({ "description": long }),
        ];
        let stream = client.create(json!({ "events_requested": [session_revoked()] })).await;
        for body in configurations {
            check(&client.post("/stream", body.clone()).await, &format!("create {body}"));
            let Value::Object(mut members) = body else { continue };
            members.insert("stream_id".to_owned(), stream["stream_id"].clone());
            let body = Value::Object(members).to_string();
            for method in [Method::PATCH, Method::PUT] {
                check(&client.send(method.clone(), "/stream", body.clone()).await, &format!("{method} {body}"));
            }
        }
        let read = client.get(&format!("/stream?stream_id={}", id(&stream))).await.expect(200);
        assert_eq!(read.body, stream, "nothing was changed");
    }

    async fn what_is_the_transmitters_cannot_be_changed(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        let stream = client.create(json!({ "events_requested": [session_revoked()] })).await;
        for change in [
            json!({ "iss": "https://other.example" }),
            json!({ "aud": "https://other.example" }),
            json!({ "events_supported": [] }),
            json!({ "events_delivered": ["urn:example"] }),
            json!({ "min_verification_interval": 1 }),
            json!({ "inactivity_timeout": 1 }),
            json!({ "delivery": { "method": POLL, "endpoint_url": "https://other.example" } }),
        ] {
            let mut body = stream.clone();
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            for method in [Method::PATCH, Method::PUT] {
                let answer = client.send(method.clone(), "/stream", body.to_string()).await;
                check(&answer, &format!("{method} {change}"));
            }
        }
        client.send(Method::PUT, "/stream", stream.to_string()).await.expect(200);
        let unknown = json!({ "stream_id": id(&stream), "unknown": 1, "events_requested": ["urn:x", session_revoked()] });
        let answer = client.send(Method::PATCH, "/stream", unknown.to_string()).await.expect(200);
        assert_eq!(answer.body["events_delivered"], json!([session_revoked()]), "what is unknown is ignored");
    }

    async fn requests_without_sense_are_refused(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        let stream = client.create(json!({})).await;
        let with = |mut body: Value| {
            body["stream_id"] = stream["stream_id"].clone();
            body
        };
        let subject = |subject: Value| with(json!({ "subject": subject }));
        let email = json!({ "format": "email", "email": "a@example.com" });
        for (path, body) in [
            ("/stream", json!({ "description": 1 })),
            ("/status", with(json!({}))),
            ("/status", with(json!({ "status": "stopped" }))),
            ("/status", with(json!({ "status": 1 }))),
            ("/status", with(json!({ "status": "paused", "reason": 1 }))),
            ("/status", json!({ "status": "paused" })),
            ("/status", json!({ "stream_id": 1, "status": "paused" })),
            ("/verify", json!({})),
            ("/verify", with(json!({ "state": 1 }))),
            ("/verify", with(json!({ "state": "x".repeat(1_001) }))),
            ("/subjects:add", with(json!({}))),
            ("/subjects:add", json!({ "subject": email })),
            ("/subjects:add", with(json!({ "subject": email, "verified": "yes" }))),
            ("/subjects:add", subject(json!("a@example.com"))),
            ("/subjects:add", subject(json!({ "email": "a@example.com" }))),
            ("/subjects:add", subject(json!({ "format": "email" }))),
            ("/subjects:add", subject(json!({ "format": "email", "email": 1 }))),
            ("/subjects:add", subject(json!({ "format": "iss_sub", "iss": "https://a.example" }))),
            ("/subjects:add", subject(json!({ "format": "unheard-of", "id": "1" }))),
            ("/subjects:add", subject(json!({ "format": "complex" }))),
            ("/subjects:add", subject(json!({ "format": "complex", "user": "a" }))),
            ("/subjects:add", subject(json!({ "format": "aliases", "identifiers": [] }))),
            ("/subjects:remove", subject(json!({ "format": "opaque", "id": "x".repeat(2_000) }))),
            ("/poll/x", json!({ "maxEvents": -1 })),
        ] {
            check(&client.post(path, body.clone()).await, &format!("{path} {body}"));
        }
        for path in ["/stream", "/status", "/verify", "/subjects:add", "/subjects:remove"] {
            for body in ["", "null", "[]", "{", "{\"a\":", "\u{0}"] {
                check(&client.send(Method::POST, path, body).await, &format!("{path} {body:?}"));
            }
            let huge = format!("{{\"description\":\"{}\"}}", "x".repeat(100_000));
            client.send(Method::POST, path, huge).await.expect(413);
        }
        check(&client.get("/status").await, "no stream_id");
        check(&client.send(Method::DELETE, "/stream", "").await, "no stream_id");
        client.get("/stream?stream_id=not-an-id").await.expect(404);
        client.get("/stream?stream_id=").await.expect(404);
    }

    async fn a_receiver_has_a_bounded_number_of_streams(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        for _ in 0..50 {
            client.create(json!({})).await;
        }
        let refused = client.post("/stream", json!({})).await.expect(403);
        assert!(refused.text("description").contains("50"), "{refused:?}");
        let all = client.get("/stream").await.expect(200).body;
        let first = &all.as_array().unwrap()[0];
        client.send(Method::DELETE, &format!("/stream?stream_id={}", id(first)), "").await.expect(204);
        client.create(json!({})).await;
    }
}
