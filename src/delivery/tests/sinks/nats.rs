//! NATS JetStream against a real server.

use async_nats::jetstream::{self, stream};
use serde_json::{Value, json};

use super::{Case, ISSUER};
use crate::{
    delivery::{Outcome, OutgoingError, Refusal, Remedy, sink::Sinks},
    event::{EventUri, SinkKind, Subject},
};

#[path = "../../../../tests/it/support/nats.rs"]
mod server;

use server::NatsServer;

fn case(settings: Value, secrets: Value) -> Case {
    Case::new(SinkKind::Nats, "", settings, secrets)
}

/// A stream of everything that is published here.
async fn stream(server: &NatsServer) -> stream::Stream {
    let client = async_nats::connect(server.url()).await.unwrap();
    let config = stream::Config {
        name: "events".to_owned(),
        subjects: vec!["muster.>".to_owned()],
        ..Default::default()
    };
    jetstream::new(client).get_or_create_stream(config).await.unwrap()
}

async fn count(stream: &mut stream::Stream) -> u64 {
    stream.info().await.unwrap().state.messages
}

fn again(outcome: &Outcome) -> bool {
    let by_server = |it: &Refusal| it.remedy == Remedy::Retry(None);
    matches!(outcome, Outcome::Refused(refusal) if by_server(refusal))
}

#[tokio::test]
async fn an_event_is_a_cloud_event_that_the_server_keeps_once() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let mut stream = stream(&server).await;
    let (case, sinks) = (case(json!({}), json!({})), Sinks::default());

    for _ in 0..2 {
        let outcome = case.tell_with(&sinks, &server.url(), EventUri::SessionRevoked).await;
        assert_eq!(outcome, Outcome::Taken);
    }

    assert_eq!(count(&mut stream).await, 1, "copies have the same id");
    let message = stream.get_raw_message(1).await.unwrap();
    assert_eq!(message.subject.as_str(), "muster.acme.scim.user.sessions_revoked");
    let event: Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(message.headers.get("Nats-Msg-Id").unwrap().as_str(), event["id"]);
    let content_type = message.headers.get("Content-Type").unwrap().as_str();
    assert_eq!(content_type, "application/cloudevents+json");
    assert_eq!((&event["specversion"], &event["source"]), (&json!("1.0"), &json!(ISSUER)));
    assert_eq!(event["type"], "example.roll.scim.user.sessions_revoked.v1");
    assert_eq!(event["subject"], "Users/7b0d5c0e");
    assert!(event["data"].is_object(), "{event}");
}

#[tokio::test]
async fn what_no_stream_acknowledges_is_not_delivered() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let (case, sinks) = (case(json!({}), json!({})), Sinks::default());

    let outcome = case.tell_with(&sinks, &server.url(), EventUri::SessionRevoked).await;
    assert!(again(&outcome), "{outcome:?}");

    let mut stream = stream(&server).await;
    let outcome = case.tell_with(&sinks, &server.url(), EventUri::SessionRevoked).await;
    assert_eq!(outcome, Outcome::Taken);
    assert_eq!(count(&mut stream).await, 1);
}

#[tokio::test]
async fn a_server_that_comes_back_gets_the_event() {
    let Some(mut server) = NatsServer::start(&[]) else { return };
    stream(&server).await;
    let (case, sinks) = (case(json!({}), json!({})), Sinks::default());
    let tell = async |url: String| case.tell_with(&sinks, &url, EventUri::SessionRevoked).await;
    assert_eq!(tell(server.url()).await, Outcome::Taken);

    server.kill();
    let down = tell(server.url()).await;
    assert!(matches!(down, Outcome::Failed(_)), "{down:?}");
    server.restart();
    let back = tell(server.url()).await;

    assert_eq!(back, Outcome::Taken);
    assert_eq!(count(&mut stream(&server).await).await, 1, "it was there before the kill");
}

#[tokio::test]
async fn credentials_are_shown_to_the_server() {
    for (arguments, right, wrong) in [
        (vec!["--auth", "s3cr3t"], json!({ "token": "s3cr3t" }), json!({ "token": "no" })),
        (
            vec!["--user", "muster", "--pass", "s3cr3t"],
            json!({ "user": "muster", "password": "s3cr3t" }),
            json!({}),
        ),
    ] {
        let Some(server) = NatsServer::start(&arguments) else { return };
        let tell = async |secrets| {
            case(json!({}), secrets).tell_at(&server.url(), EventUri::SessionRevoked).await
        };
        let refused = tell(wrong).await;
        let by_credentials = |it: &Refusal| it.remedy == Remedy::Credentials;
        assert!(
            matches!(&refused, Outcome::Refused(refusal) if by_credentials(refusal)),
            "{refused:?}"
        );
        let outcome = tell(right).await;
        assert!(again(&outcome), "it is let in, and there is no stream: {outcome:?}");
    }
}

#[tokio::test]
async fn an_unprotected_server_is_no_answer_to_tls() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let url = server.url().replace("nats://", "tls://");

    let outcome = case(json!({}), json!({})).tell_at(&url, EventUri::SessionRevoked).await;

    assert_eq!(outcome, Outcome::Failed(OutgoingError::Connect));
}

#[tokio::test]
async fn what_was_not_asked_for_is_skipped() {
    let mut case = case(json!({ "types": ["scim.user.created"] }), json!({}));
    case.subject = Subject { endpoint: "/Users".to_owned(), ..Subject::stream("x".to_owned()) };

    let outcome = case.tell_at("nats://127.0.0.1:9", EventUri::SessionRevoked).await;

    assert_eq!(outcome, Outcome::Skipped);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    for (settings, secrets, complaint) in [
        (json!({}), json!({}), ""),
        (json!({ "subject_prefix": "a.b-c_d" }), json!({ "token": "t" }), ""),
        (json!({}), json!({ "user": "u", "password": "p" }), ""),
        (json!({ "subject_prefix": "" }), json!({}), "`settings.subject_prefix`"),
        (json!({ "subject_prefix": "a..b" }), json!({}), "`settings.subject_prefix`"),
        (json!({ "subject_prefix": "$JS.API" }), json!({}), "`settings.subject_prefix`"),
        (json!({ "subject_prefix": "a.*" }), json!({}), "`settings.subject_prefix`"),
        (json!({ "subject_prefix": "_INBOX.x" }), json!({}), "`settings.subject_prefix`"),
        (json!({ "prefix": "a" }), json!({}), "unknown field"),
        (json!({ "types": ["scim.user.renamed"] }), json!({}), "`scim.user.renamed`"),
        (json!({}), json!({ "user": "u" }), "`secrets`: expected"),
        (json!({}), json!({ "token": "t", "user": "u", "password": "p" }), "`secrets`: expected"),
        (json!({}), json!({ "seed": "s" }), "`secrets.seed`"),
    ] {
        check(settings, secrets, complaint);
    }
}

#[track_caller]
fn check(settings: Value, secrets: Value, complaint: &str) {
    let shown = settings.to_string();
    match case(settings, secrets).check() {
        Ok(()) => assert_eq!(complaint, "", "{shown}"),
        Err(said) => assert!(!complaint.is_empty() && said.contains(complaint), "{shown}: {said}"),
    }
}
