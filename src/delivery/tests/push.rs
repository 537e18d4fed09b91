//! The pusher against a receiver on a real socket.

use std::time::Duration;

use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    delivery::{
        Outcome, OutgoingClient, OutgoingError, ReceiverError, issue::IssuedSet, push::Pusher,
    },
    tenant::receiver_url::ReceiverRules,
};

/// Takes one request, answers it with `answer`, and gives the request.
async fn receive(listener: TcpListener, answer: String) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"h.c.s") {
        let read = connection.read_buf(&mut request).await.unwrap();
        assert_ne!(read, 0, "the request broke off");
    }
    connection.write_all(answer.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    String::from_utf8(request).unwrap()
}

fn set() -> IssuedSet {
    IssuedSet { jti: "j1".to_owned(), seq: 41, compact: "h.c.s".to_owned() }
}

async fn exchange(authorization: Option<&str>, answer: &str) -> (Outcome, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in?a=b", listener.local_addr().unwrap());
    let pusher = Pusher::new(OutgoingClient::new(ReceiverRules::trial()).unwrap());
    let secret = authorization.map(SecretString::from);
    tokio::join!(pusher.push(&url, secret.as_ref(), set()), receive(listener, answer.to_owned()))
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn a_push_is_the_request_of_the_rfc() {
    let credential = "Bearer  Two Spaces=";

    let (outcome, request) = exchange(Some(credential), &answer("202 Accepted", "", "")).await;

    assert_eq!(outcome.status(), Some(202));
    assert!(request.starts_with("POST /in?a=b HTTP/1.1\r\n"));
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        "content-type: application/secevent+jwt",
        "accept: application/json",
        &format!("authorization: {credential}"),
        &format!("user-agent: muster/{version}"),
        "content-length: 5",
        "x-stream-seq: 41",
    ] {
        let times = request.matches(&format!("\r\n{line}\r\n")).count();
        assert_eq!(times, 1, "{line} in {request}");
    }
    assert!(request.ends_with("\r\n\r\nh.c.s"));
}

#[tokio::test]
async fn without_a_credential_there_is_no_header_for_it() {
    let (_, request) = exchange(None, &answer("202 Accepted", "", "")).await;

    let lower = request.to_lowercase();
    for name in ["authorization:", "cookie:", "referer:"] {
        assert!(!lower.contains(name), "{name} in {request}");
    }
}

#[tokio::test]
async fn a_refusal_is_read() {
    let body = r#"{"err":"invalid_audience","description":"not mine"}"#;
    let headers = "content-type: application/json\r\n";

    let (outcome, _) = exchange(None, &answer("400 Bad Request", headers, body)).await;

    assert_eq!(outcome.receiver_error(), Some(ReceiverError::InvalidAudience));
    assert_eq!(outcome.describe(), "invalid_audience: not mine");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let headers = "location: http://127.0.0.1:1/elsewhere\r\n";

    let (outcome, _) = exchange(None, &answer("307 Temporary Redirect", headers, "")).await;

    assert_eq!(outcome.status(), Some(307));
}

#[tokio::test]
async fn a_wish_to_wait_is_read_as_seconds_or_date() {
    let date = "date: Mon, 21 Sep 2026 14:13:20 GMT\r\nretry-after: Mon, 21 Sep 2026 14:15:00 GMT";
    for (headers, expected) in [
        ("retry-after: 7", Some(7)),
        (date, Some(100)),
        ("retry-after: soon", None),
        ("x-other: 1", None),
    ] {
        let (outcome, _) =
            exchange(None, &answer("429 Too Many Requests", &format!("{headers}\r\n"), "")).await;

        let Outcome::Answered { retry_after, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(retry_after, expected.map(Duration::from_secs), "{headers}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let answer = format!("HTTP/1.1 500 No\r\ncontent-length: 99999999\r\n\r\n{}", "x".repeat(9000));

    let (outcome, _) = exchange(None, &answer).await;

    assert_eq!(outcome.status(), Some(500));
}

#[tokio::test]
async fn nobody_there_is_an_outcome() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let pusher = Pusher::new(OutgoingClient::new(ReceiverRules::trial()).unwrap());

    let outcome = pusher.push(&url, None, set()).await;

    assert_eq!(outcome, Outcome::Failed(OutgoingError::Connect));
}

#[tokio::test]
async fn a_refused_address_is_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let pusher = Pusher::new(OutgoingClient::new(ReceiverRules::default()).unwrap());

    let outcome = pusher.push(&url, None, set()).await;

    assert!(matches!(outcome, Outcome::Failed(OutgoingError::Refused(_))));
    let accepted = futures_util::FutureExt::now_or_never(listener.accept());
    assert!(accepted.is_none());
}
