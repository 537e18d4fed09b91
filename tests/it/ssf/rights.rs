//! Who may do what: scopes, other receivers' streams, other tenants.

use super::*;

/// Every request that names a stream.
fn requests(stream: &str) -> Vec<(Method, String, Value)> {
    let query = |path: &str| format!("{path}?stream_id={stream}");
    let subject = json!({ "format": "email", "email": "a@example.com" });
    let of = |body: Value| {
        let mut body = body;
        body["stream_id"] = stream.into();
        body
    };
    vec![
        (Method::GET, query("/stream"), Value::Null),
        (Method::PATCH, "/stream".to_owned(), of(json!({ "description": "x" }))),
        (Method::PUT, "/stream".to_owned(), of(json!({ "description": "x" }))),
        (Method::GET, query("/status"), Value::Null),
        (Method::POST, "/status".to_owned(), of(json!({ "status": "disabled" }))),
        (Method::POST, "/subjects:add".to_owned(), of(json!({ "subject": subject }))),
        (Method::POST, "/subjects:remove".to_owned(), of(json!({ "subject": subject }))),
        (Method::POST, "/verify".to_owned(), of(json!({}))),
        (Method::POST, format!("/poll/{stream}"), json!({ "returnImmediately": true })),
        (Method::DELETE, query("/stream"), Value::Null),
    ]
}

async fn ask(client: &Client, (method, path, body): (Method, String, Value)) -> Answered {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, &path, body).await
}

on_both_databases! {
    async fn a_receiver_has_its_own_streams_alone(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (one, two) = (Client::of(&app, &acme).await, Client::of(&app, &acme).await);
        let foreign = Client::of(&app, &globex).await;
        let stream = one.create(json!({ "description": "mine" })).await;
        let of_operator = {
            let new = muster::provision::operator::NewStream {
                events: vec![muster::event::EventUri::SessionRevoked],
                ..crate::events::stream_of_all(None)
            };
            app.operator().create_stream(acme.name(), new).await.unwrap().id.to_string()
        };

        assert_eq!(two.get("/stream").await.expect(200).body, json!([]));
        for request in requests(id(&stream)) {
            ask(&two, request.clone()).await.expect(404);
            ask(&foreign, request.clone()).await.expect(404);
            // The tenant of the URL and that of the token must agree.
            let crossed = Client { token: foreign.token.clone(), ..one.with_token("") };
            ask(&crossed, request).await.expect(401);
        }
        for request in requests(&of_operator) {
            ask(&one, request).await.expect(404);
        }
        assert_eq!(one.get("/stream").await.expect(200).body, json!([stream]), "as it was");
        for request in requests(id(&stream)) {
            let answer = ask(&one, request).await;
            assert!((200..300).contains(&answer.status), "{answer:?}");
        }
    }

    async fn a_token_does_what_its_scopes_say(app: TestApp) {
        let acme = app.new_tenant().await;
        let issued = receiver(&app, &acme, &Scope::OF_RECEIVERS).await;
        let client = Client::of(&app, &acme).await;
        let (id_, secret) = (&issued.record.client_id, issued.client_secret.expose_secret());
        let mut with = Vec::new();
        for scope in ["ssf.manage", "ssf.read", "ssf.poll"] {
            let form = format!("grant_type=client_credentials&scope={scope}");
            let answer = client.grant(id_, secret, &form).await.expect(200);
            with.push(client.with_token(answer.text("access_token")));
        }
        let [manage, read, poll] = &with[..] else { unreachable!() };
        let stream = manage.create(json!({})).await;

        for request in requests(id(&stream)) {
            let is_read = request.0 == Method::GET;
            let is_poll = request.1.starts_with("/poll");
            for (client, may) in [(read, is_read || is_poll), (poll, is_poll)] {
                let answer = ask(client, request.clone()).await;
                if may {
                    assert!((200..300).contains(&answer.status), "{request:?} {answer:?}");
                } else {
                    let challenge = answer.expect(403).headers["www-authenticate"].to_str().unwrap().to_owned();
                    assert!(challenge.contains("insufficient_scope"), "{challenge}");
                }
            }
            let answer = ask(manage, request).await;
            assert!((200..300).contains(&answer.status), "{answer:?}");
        }
        let scim = client.with_token(acme.token());
        scim.get("/stream").await.expect(403);
        acme.with_token(&manage.token).request(Method::GET, "/Users").await.expect(401);
        let url = client.local(&format!("{}/ssf/stream?access_token={}", client.issuer, manage.token));
        answered(app.http().get(url)).await.expect(401);
    }

    async fn other_methods_are_named(app: TestApp) {
        let client = Client::of(&app, &app.new_tenant().await).await;
        for (path, allowed) in [
            ("/stream", "GET, POST, PATCH, PUT, DELETE"),
            ("/status", "GET, POST"),
            ("/subjects:add", "POST"),
            ("/subjects:remove", "POST"),
            ("/verify", "POST"),
            ("/poll/x", "POST"),
        ] {
            let answer = client.send(Method::OPTIONS, path, "").await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED.as_u16(), "{path}");
            assert_eq!(answer.headers["allow"], allowed, "{path}");
        }
    }
}
