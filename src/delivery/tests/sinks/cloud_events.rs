//! CloudEvents over HTTP.

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn endpoint(settings: Value) -> Case {
    Case::new(SinkKind::CloudEvents, "/events", settings, json!({ "current": SECRET }))
}

fn allowed(origin: &str, rate: &str) -> Reply {
    Reply::status(200).with("webhook-allowed-origin", origin).with("webhook-allowed-rate", rate)
}

#[tokio::test]
async fn an_event_in_structured_mode_follows_a_handshake() {
    let (heard, outcome) =
        endpoint(json!({})).revoke([allowed("roll.example", "*"), Reply::status(200)]).await;

    let [question, event] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(question.line(), "OPTIONS /events");
    assert_eq!(question.header("webhook-request-origin"), "roll.example");
    assert_eq!(question.body, "");
    assert_eq!(event.line(), "POST /events");
    assert_eq!(event.header("content-type"), "application/cloudevents+json");
    assert_eq!(event.header("origin"), "roll.example");
    let signatures = event.header("webhook-signature");
    assert!(signatures.starts_with("v1,"), "{signatures}");
    let expected = json!({
        "specversion": "1.0",
        "id": event.header("webhook-id"),
        "source": ISSUER,
        "type": "example.roll.scim.user.sessions_revoked.v1",
        "time": "2026-09-21T14:13:20.000Z",
        "subject": "Users/7b0d5c0e",
        "datacontenttype": "application/json",
        "data": {
            "txn": "tx-1",
            "tenant": "acme",
            "user": { "id": "7b0d5c0e", "externalId": "00u7k2mZ", "userName": "barbara" },
            "sessions_revoked_before": "2026-09-21T14:13:20.000Z",
        },
    });
    assert_eq!(event.json(), expected);
    assert_eq!(outcome.status(), Some(200));
}

#[tokio::test]
async fn in_binary_mode_the_context_is_in_headers() {
    let settings = json!({ "mode": "binary", "handshake": false });
    let (heard, _) = endpoint(settings).revoke([Reply::status(200)]).await;

    let [event] = heard.as_slice() else { panic!("{heard:?}") };
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-source", ISSUER),
        ("ce-type", "example.roll.scim.user.sessions_revoked.v1"),
        ("ce-time", "2026-09-21T14:13:20.000Z"),
        ("ce-subject", "Users/7b0d5c0e"),
        ("ce-id", event.header("webhook-id")),
    ] {
        assert_eq!(event.header(name), value, "{name}");
    }
    assert_eq!(event.json()["user"]["id"], "7b0d5c0e");
}

#[tokio::test]
async fn an_endpoint_that_does_not_allow_it_gets_nothing() {
    for reply in [Reply::status(200), Reply::status(405), allowed("elsewhere.example", "*")] {
        let (heard, outcome) = endpoint(json!({})).revoke([reply]).await;

        assert_eq!(heard.len(), 1, "the question alone");
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert_eq!(refusal.remedy, Remedy::Retry(None));
    }
}

#[tokio::test]
async fn deliveries_keep_the_distance_that_the_endpoint_asks_for() {
    // 300 a minute: a fifth of a second between two.
    let stand_in = StandIn::answering(|heard| match heard.method.as_str() {
        "OPTIONS" => allowed("*", "300"),
        _ => Reply::status(200),
    })
    .await;
    let case = endpoint(json!({}));
    let sinks = Sinks::default();
    let begin = tokio::time::Instant::now();

    for _ in 0..3 {
        let outcome = case.tell_with(&sinks, stand_in.url(), EventUri::SessionRevoked).await;
        assert_eq!(outcome.status(), Some(200));
    }

    assert!(Duration::from_millis(400) <= begin.elapsed());
    let lines: Vec<String> = stand_in.heard().iter().map(Heard::line).collect();
    let post = "POST /events";
    assert_eq!(lines, ["OPTIONS /events", post, post, post], "it is asked once");
}

#[tokio::test]
async fn a_long_wait_is_an_attempt_for_later() {
    let stand_in = StandIn::answering(|heard| match heard.method.as_str() {
        "OPTIONS" => allowed("*", "1"),
        _ => Reply::status(200),
    })
    .await;
    let case = endpoint(json!({}));
    let sinks = Sinks::default();
    case.tell_with(&sinks, stand_in.url(), EventUri::SessionRevoked).await;

    let outcome = case.tell_with(&sinks, stand_in.url(), EventUri::SessionRevoked).await;

    let Outcome::Answered { status: 429, retry_after: Some(wait), .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(Duration::from_secs(50) < wait && wait <= Duration::from_secs(60), "{wait:?}");
    assert_eq!(stand_in.heard().len(), 2);
}
