//! A tenant that asks for too much waits or is refused, and the others do not notice.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::support::{TestApp, TestTenant};

/// How long settings are believed.
const BELIEVED: Duration = Duration::from_millis(1_100);

async fn limit(app: &TestApp, tenant: &TestTenant, change: Value) {
    let change = change.as_object().unwrap().clone();
    app.operator().change_limits(tenant.name(), change).await.unwrap();
    sleep(BELIEVED).await;
}

on_both_databases! {
    async fn who_asks_too_often_is_told_when_to_ask_again(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        limit(&app, &acme, json!({ "requests_per_minute": 30 })).await;
        for _ in 0..30 {
            acme.list("Users", "userName pr").await.expect(200);
        }

        let refused = acme.request(Method::POST, "/Users").json(json!({ "userName": "a" })).await;

        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=3).contains(&wait), "a thirtieth of a minute: {wait}");
        assert!(refused["detail"].as_str().unwrap().contains("30 requests a minute"), "{refused:?}");
        refused.expect_error(429, None);
        for _ in 0..40 {
            globex.list("Users", "userName pr").await.expect(200);
        }
        sleep(Duration::from_secs(wait)).await;
        acme.list("Users", "userName pr").await.expect(200);
        limit(&app, &acme, json!({ "requests_per_minute": null })).await;
        for _ in 0..40 {
            acme.list("Users", "userName pr").await.expect(200);
        }
    }

    async fn who_is_one_too_many_at_a_time_waits(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        limit(&app, &acme, json!({ "concurrent_requests": 1 })).await;
        let body = r#"{"userName":"slow"}"#;
        let (path, token, length) = (acme.base(), acme.token(), body.len());
        let path = path.split_once("//").and_then(|(_, rest)| rest.split_once('/')).unwrap().1;
        let address = app.address().split_once("//").unwrap().1;
        let mut slow = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /{path}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n"
        );
        slow.write_all(head.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(300)).await;

        let mut waiting = Box::pin(acme.list("Users", "userName pr").send());

        let early = timeout(Duration::from_millis(500), &mut waiting).await;
        assert!(early.is_err(), "it has to wait for the one before");
        timeout(Duration::from_secs(5), globex.list("Users", "userName pr").send()).await.unwrap();
        slow.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        assert_eq!(waiting.await.expect(200)["totalResults"], 1);
    }

    async fn a_crowd_is_served_one_after_the_other(app: TestApp) {
        let acme = app.new_tenant().await;
        let few = json!({ "concurrent_requests": 3, "concurrent_requests_shared": 1 });
        limit(&app, &acme, few).await;
        app.new_tenant().await.list("Users", "userName pr").await.expect(200);
        let mut crowd = JoinSet::new();
        for nth in 0..50 {
            let user = json!({ "userName": format!("user{nth}") });
            let request = acme.request(Method::POST, "/Users").json(user);
            crowd.spawn(async move { request.await.status });
        }

        let statuses = crowd.join_all().await;

        assert_eq!(statuses, [201; 50]);
    }

    async fn what_cannot_be_set_is_refused(app: TestApp) {
        let acme = app.new_tenant().await;
        for (change, named) in [
            (json!({ "requests_per_minute": 0 }), "requests_per_minute"),
            (json!({ "requests_per_minute": 1_000_001 }), "requests_per_minute"),
            (json!({ "concurrent_requests": 0 }), "concurrent_requests"),
            (json!({ "concurrent_requests": 1_001 }), "concurrent_requests"),
            (json!({ "concurrent_requests_shared": 0 }), "concurrent_requests_shared"),
            (json!({ "colour": 1 }), "colour"),
        ] {
            let change = change.as_object().unwrap().clone();
            let refused = app.operator().change_limits(acme.name(), change).await.unwrap_err();
            assert_eq!(refused.status(), 400);
            assert!(refused.to_string().contains(named), "{refused}");
        }
        let limits = app.operator().limits(acme.name()).await.unwrap();
        assert_eq!((limits.requests_per_minute, limits.concurrent_requests), (None, 64));
        assert_eq!(app.operator().limits("nobody").await.unwrap_err().status(), 404);
    }
}
