//! The transmitter modules of the OpenID conformance suite, again in Rust: what each does and
//! demands, for push and for poll.

use super::*;

/// A stream of whichever delivery, and the receiver that it is pushed to.
async fn streams(client: &Client, events: &[String]) -> Vec<(Value, Option<SetReceiver>)> {
    let receiver = SetReceiver::start().await;
    let pushed = client.stream(Some(&receiver), events).await;
    let polled = client.stream(None, events).await;
    vec![(pushed, Some(receiver)), (polled, None)]
}

fn is_https(metadata: &Value, members: &[&str]) {
    for member in members {
        let url = metadata[*member].as_str().unwrap_or_else(|| panic!("no {member}"));
        assert!(url.starts_with("https://"), "{member}: {url}");
    }
}

/// Waits for the next Set with this type of event; others may come before it.
async fn next(
    client: &Client,
    stream: &Value,
    to: Option<&SetReceiver>,
    uri: &str,
) -> (String, Value) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let sets: Vec<String> = match to {
            Some(to) => to.deliveries().into_iter().map(|delivery| delivery.set).collect(),
            None => {
                let ask = json!({ "maxEvents": 10, "returnImmediately": true });
                let sets = client.poll(stream, ask).await;
                sets.values().map(|set| set.as_str().unwrap().to_owned()).collect()
            }
        };
        for set in sets {
            let claims = client.verified(stream, &set).await;
            if event(&claims).0 == uri {
                return (set, claims);
            }
        }
        assert!(Instant::now() < deadline, "no {uri}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the suite demands of a verification.
fn check_verification(stream: &Value, compact: &str, claims: &Value, state: Option<&str>) {
    assert_eq!(header(compact)["typ"], "secevent+jwt");
    assert_eq!(header(compact)["alg"], "RS256");
    assert!(claims.get("sub").is_none() && claims.get("exp").is_none(), "{claims}");
    assert_eq!(claims["iss"], stream["iss"]);
    assert_eq!(claims["aud"], stream["aud"]);
    assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": stream["stream_id"] }));
    let (uri, payload) = event(claims);
    assert_eq!(uri, format!("{SSF}verification"));
    assert_eq!(payload.get("state").and_then(Value::as_str), state);
}

async fn happy_path(client: &Client, stream: Value) {
    for member in ["stream_id", "iss", "aud", "events_delivered", "delivery"] {
        assert!(!stream[member].is_null(), "{member}: {stream}");
    }
    assert_eq!(stream["iss"], client.issuer.as_str());
    let query = format!("?stream_id={}", id(&stream));
    let read = client.get(&format!("/stream{query}")).await.expect(200).body;
    assert_eq!(read, stream);
    let all = client.get("/stream").await.expect(200).body;
    assert!(all.as_array().unwrap().contains(&stream), "{all}");

    let described = json!({ "stream_id": id(&stream), "description": "changed" });
    let path = "/stream";
    let patched = client.send(Method::PATCH, path, described.to_string()).await.expect(200).body;
    assert_eq!(patched["description"], "changed");
    assert_eq!(patched["delivery"], stream["delivery"], "what is absent stays");
    let mut whole = patched.clone();
    whole.as_object_mut().unwrap().remove("description");
    let put = client.send(Method::PUT, path, whole.to_string()).await.expect(200).body;
    assert!(put.get("description").is_none(), "what is absent goes: {put}");
    assert_eq!(put["delivery"], stream["delivery"]);

    let status = client.get(&format!("/status{query}")).await.expect(200).body;
    assert_eq!(status, json!({ "stream_id": id(&stream), "status": "enabled" }));
    for status in ["paused", "disabled", "enabled"] {
        let set = json!({ "stream_id": id(&stream), "status": status, "reason": "a test" });
        assert_eq!(client.post("/status", set.clone()).await.expect(200).body, set);
        assert_eq!(client.get(&format!("/status{query}")).await.expect(200).body, set);
    }
    client.send(Method::DELETE, &format!("/stream{query}"), "").await.expect(204);
    client.send(Method::DELETE, &format!("/stream{query}"), "").await.expect(404);
    client.get(&format!("/stream{query}")).await.expect(404);
}

on_both_databases! {
    async fn transmitter_metadata(app: TestApp) {
        // E27
        let client = Client::of(&app, &app.new_tenant().await).await;

        let metadata = client.well_known("ssf-configuration", "").await.expect(200).body;

        assert_eq!(metadata["issuer"], client.issuer.as_str());
        assert_eq!(metadata["spec_version"], "1_0");
        is_https(&metadata, &[
            "issuer", "jwks_uri", "configuration_endpoint", "status_endpoint",
            "add_subject_endpoint", "remove_subject_endpoint", "verification_endpoint",
        ]);
        assert_eq!(metadata["delivery_methods_supported"], json!([PUSH, POLL]));
        assert_eq!(metadata["default_subjects"], "ALL");
        assert_eq!(metadata["authorization_schemes"], json!([{ "spec_urn": "urn:ietf:rfc:6749" }]));
        let jwks = client.local(metadata["jwks_uri"].as_str().unwrap());
        let keys = answered(app.http().get(jwks)).await.expect(200).body;
        for key in keys["keys"].as_array().unwrap() {
            assert_eq!(key["kty"], "RSA");
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert!(key.get(private).is_none(), "{private}");
            }
        }
        let server = client.well_known("oauth-authorization-server", "").await.expect(200).body;
        is_https(&server, &["issuer", "token_endpoint"]);
        let resource = client.well_known("oauth-protected-resource", "/ssf").await.expect(200).body;
        assert_eq!(resource["authorization_servers"], json!([server["issuer"]]));
        for document in [&metadata, &server, &resource] {
            let members = document.as_object().unwrap();
            let empty = |value: &&Value| value.as_array().is_some_and(Vec::is_empty);
            assert_eq!(members.values().find(empty), None, "{document}");
        }
        let nobody = format!("{}/.well-known/ssf-configuration/t/nobody", app.address());
        answered(app.http().get(nobody)).await.expect(404);
    }

    async fn stream_control(app: TestApp) {
        // E27: openid-ssf-stream-control-happy-path, for both deliveries.
        let client = Client::of(&app, &app.new_tenant().await).await;
        assert_eq!(client.get("/stream").await.expect(200).body, json!([]));
        for (stream, _receiver) in streams(&client, &[session_revoked()]).await {
            assert!(stream["events_supported"].as_array().unwrap().contains(&json!(session_revoked())));
            happy_path(&client, stream).await;
        }
        let polled = client.create(json!({})).await;
        assert_eq!(polled["delivery"]["method"], POLL, "what says nothing is polled");
        assert_eq!(client.get("/stream").await.expect(200).body, json!([polled]), "an array of one");
    }

    async fn errors_of_stream_control(app: TestApp) {
        // E27: the modules openid-ssf-stream-control-error-*.
        let client = Client::of(&app, &app.new_tenant().await).await;
        let stranger = client.with_token("invalid");
        let broken = ";{ broken";
        let unknown = "0198f3c2-6b1e-7a40-9d3e-2f6f0f4c8a11";
        let of_unknown = json!({ "stream_id": unknown, "description": "x" }).to_string();
        let query = format!("/stream?stream_id={unknown}");

        client.send(Method::POST, "/stream", broken).await.expect(400);
        client.send(Method::PATCH, "/stream", broken).await.expect(400);
        client.send(Method::PUT, "/stream", broken).await.expect(400);
        client.get(&query).await.expect(404);
        client.send(Method::PATCH, "/stream", of_unknown.clone()).await.expect(404);
        client.send(Method::PUT, "/stream", of_unknown.clone()).await.expect(404);
        client.send(Method::DELETE, &query, "").await.expect(404);
        client.get(&format!("/status?stream_id={unknown}")).await.expect(404);
        for (method, path, body) in [
            (Method::POST, "/stream", "{}"),
            (Method::GET, query.as_str(), ""),
            (Method::PATCH, "/stream", of_unknown.as_str()),
            (Method::PUT, "/stream", of_unknown.as_str()),
            (Method::DELETE, query.as_str(), ""),
        ] {
            let refused = stranger.send(method, path, body.to_owned()).await.expect(401);
            let challenge = refused.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer") && challenge.contains("invalid_token"));
        }
        let same = json!({ "delivery": { "method": POLL }, "description": "twice" });
        let (first, second) = (client.create(same.clone()).await, client.create(same).await);
        assert_ne!(id(&first), id(&second));
    }

    async fn subject_control(app: TestApp) {
        // E27: openid-ssf-stream-subject-control.
        let client = Client::of(&app, &app.new_tenant().await).await;
        for (stream, _receiver) in streams(&client, &[session_revoked()]).await {
            let subject = json!({ "format": "email", "email": "nobody@example.com" });
            let body = json!({ "stream_id": id(&stream), "subject": subject });
            let added = client.post("/subjects:add", body.clone()).await.expect(200);
            assert_eq!(added.body, Value::Null, "empty");
            client.post("/subjects:remove", body.clone()).await.expect(204);
            client.post("/subjects:remove", body.clone()).await.expect(204);
            client.post("/subjects:add", body).await.expect(200);
        }
    }

    async fn verification_by_push(app: TestApp) {
        // E27: openid-ssf-transmitter-stream-verification-push, with and without state.
        // E12
        let client = Client::of(&app, &app.new_tenant().await).await;
        for state in [Some("n4Xq"), None] {
            let receiver = SetReceiver::start().await;
            let stream = client.stream(Some(&receiver), &[session_revoked()]).await;
            assert!(stream["delivery"].get("authorization_header").is_none(), "{stream}");
            let mut body = json!({ "stream_id": id(&stream) });
            if let Some(state) = state {
                body["state"] = state.into();
            }

            let asked = Instant::now();
            client.post("/verify", body).await.expect(204);

            let delivery = receiver.wait_for(1).await.remove(0);
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
            assert_eq!(delivery.headers["authorization"], "Bearer in");
            assert_eq!(delivery.headers["content-type"], "application/secevent+jwt");
            let claims = client.verified(&stream, &delivery.set).await;
            check_verification(&stream, &delivery.set, &claims, state);
        }
    }

    async fn verification_by_push_without_authorization(app: TestApp) {
        // E27: …-verification-error-push-no-auth.
        let client = Client::of(&app, &app.new_tenant().await).await;
        let receiver = SetReceiver::start().await;
        let delivery = json!({ "method": PUSH, "endpoint_url": receiver.url() });
        let stream = client.create(json!({ "delivery": delivery })).await;

        client.post("/verify", json!({ "stream_id": id(&stream) })).await.expect(204);

        let delivery = receiver.wait_for(1).await.remove(0);
        assert!(delivery.headers.get("authorization").is_none());
    }

    async fn verification_by_poll(app: TestApp) {
        // E27: …-verification-poll-only, -poll-and-ack, -ack-only.
        // E12
        let acme = app.new_tenant().await;
        let client = Client::of(&app, &acme).await;
        let stream = client.stream(None, &[session_revoked()]).await;
        assert!(stream["delivery"]["endpoint_url"].as_str().unwrap().starts_with("https://"));
        // What waits already does not come before what is about the stream.
        for name in ["one", "two", "three"] {
            let user = person(&acme, name).await;
            acme.patch(&user, replace("active", false)).await.expect(200);
        }
        let body = json!({ "stream_id": id(&stream), "state": "VGhpcw==" });
        client.post("/verify", body).await.expect(204);

        let first = client.poll(&stream, json!({ "maxEvents": 1, "returnImmediately": true })).await;
        let (jti, set) = first.iter().next().expect("the verification is first");
        let claims = client.verified(&stream, set.as_str().unwrap()).await;
        assert_eq!(claims["jti"], jti.as_str());
        check_verification(&stream, set.as_str().unwrap(), &claims, Some("VGhpcw=="));

        let ask = json!({ "ack": [jti], "maxEvents": 10, "returnImmediately": true });
        let rest = client.poll(&stream, ask).await;
        assert_eq!(rest.len(), 3, "the three revocations");
        assert!(!rest.contains_key(jti));
        let ids: Vec<&String> = rest.keys().chain([jti]).collect();
        let acked = json!({ "maxEvents": 0, "ack": ids, "returnImmediately": true });
        assert_eq!(client.poll(&stream, acked.clone()).await, Map::new());
        assert_eq!(client.poll(&stream, acked).await, Map::new(), "acknowledged again");
        let unknown = json!({ "maxEvents": 0, "ack": ["nothing"], "returnImmediately": true });
        assert_eq!(client.poll(&stream, unknown).await, Map::new());
    }

    async fn caep_interop(app: TestApp) {
        // E27: openid-ssf-transmitter-stream-caep-interop, for both deliveries.
        let acme = app.new_tenant().await;
        let client = Client::of(&app, &acme).await;
        let requested = ["session-revoked", "credential-change", "device-compliance-change"]
            .map(|name| format!("{CAEP}{name}"));
        for (turn, (stream, receiver)) in streams(&client, &requested).await.into_iter().enumerate() {
            let delivered: Vec<&str> =
                stream["events_delivered"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(stream["events_requested"], json!(requested));
            assert!(!delivered.contains(&requested[2].as_str()), "it is never sent: {delivered:?}");
            let user = person(&acme, &format!("interop-{turn}")).await;
            acme.patch(&user, replace("password", "t1me-to-Change")).await.expect(200);
            acme.patch(&user, replace("active", false)).await.expect(200);
            client.post("/verify", json!({ "stream_id": id(&stream), "state": "s" })).await.expect(204);
            let mut seen = Vec::new();
            let deadline = Instant::now() + Duration::from_secs(20);
            let wanted = delivered.len() + 1;
            let mut acknowledged: Vec<String> = Vec::new();
            while seen.len() < wanted {
                assert!(Instant::now() < deadline, "only {seen:?} of {delivered:?}");
                let sets: Vec<String> = match &receiver {
                    Some(receiver) => {
                        receiver.deliveries().into_iter().map(|delivery| delivery.set).collect()
                    }
                    None => {
                        let ask = json!({ "ack": acknowledged, "returnImmediately": true });
                        let sets = client.poll(&stream, ask).await;
                        acknowledged = sets.keys().cloned().collect();
                        sets.values().map(|set| set.as_str().unwrap().to_owned()).collect()
                    }
                };
                for set in sets {
                    let claims = client.verified(&stream, &set).await;
                    let (uri, payload) = event(&claims);
                    assert!(uri.starts_with(CAEP) || uri.starts_with(SSF), "not asked for: {uri}");
                    if uri.starts_with(CAEP) {
                        assert!(payload["event_timestamp"].is_i64());
                        assert!(["admin", "user", "policy", "system"]
                            .contains(&payload["initiating_entity"].as_str().unwrap()));
                        assert!(!payload["reason_admin"]["en"].as_str().unwrap().is_empty());
                        let format = claims["sub_id"]["format"].as_str().unwrap();
                        assert!(["iss_sub", "email"].contains(&format), "{claims}");
                    }
                    if !seen.contains(&uri.to_owned()) {
                        seen.push(uri.to_owned());
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(delivered.iter().all(|uri| seen.iter().any(|it| it == uri)), "{seen:?}");
            let query = format!("/stream?stream_id={}", id(&stream));
            client.send(Method::DELETE, &query, "").await.expect(204);
        }
    }

    async fn a_verification_asked_for_too_soon_waits(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        for (stream, receiver) in streams(&client, &[session_revoked()]).await {
            assert_eq!(stream["min_verification_interval"], 60);
            let body = json!({ "stream_id": id(&stream) });
            client.post("/verify", body.clone()).await.expect(204);
            let refused = client.post("/verify", body).await.expect(429);
            let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            next(&client, &stream, receiver.as_ref(), &format!("{SSF}verification")).await;
        }
    }
}
