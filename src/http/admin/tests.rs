//! What the border promises whatever the use cases do. That each operation does
//! its work on a database is tested over HTTP with the whole service.

use poem::{
    Body, Request,
    http::{Method, header},
};
use serde_json::{Value, json};

use super::{authenticate::Accepted, *};
use crate::provision::operator::{AdminCaller, Asked, OperatorError};

/// Accepts the token `good` and answers every request that gets through.
struct Fixed;

impl Accepted for Fixed {
    async fn accepts(&self, token: &str) -> Result<Option<AdminCaller>, OperatorError> {
        let caller = AdminCaller { credential: uuid::Uuid::nil(), administrator: None };
        Ok((token == "good").then_some(caller))
    }

    async fn permits(&self, _caller: &AdminCaller, _asked: Asked<'_>) -> Result<(), OperatorError> {
        Ok(())
    }

    async fn notes(
        &self,
        _caller: &AdminCaller,
        _asked: Asked<'_>,
        _action: String,
    ) -> Result<(), OperatorError> {
        Ok(())
    }
}

fn document() -> Value {
    serde_json::from_str(&spec()).unwrap()
}

/// Every operation as method and path, with something in place of parameters.
fn operations() -> Vec<(Method, String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let path = path.replace("{tenant}", "acme").replace("{id}", "no-id");
        methods.as_object().unwrap().iter().map(move |(method, operation)| {
            let method = method.to_ascii_uppercase().parse().unwrap();
            let id = operation["operationId"].as_str().unwrap().to_owned();
            (method, format!("/v1{path}"), id)
        })
    });
    operations.collect()
}

struct Sent {
    status: u16,
    headers: poem::http::HeaderMap,
    body: Value,
}

async fn send(method: Method, path: &str, authorization: Option<&str>, body: &str) -> Sent {
    let mut request = Request::builder().method(method).uri(path.parse().unwrap());
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    if !body.is_empty() {
        request = request.content_type("application/json");
    }
    let answer = protected(Fixed, service()).get_response(request.body(body.to_owned())).await;
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    let bytes = answer.into_body().into_vec().await.unwrap();
    Sent { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

#[track_caller]
fn check_problem(sent: &Sent, status: u16, detail: &str) {
    assert_eq!(sent.status, status, "{}", sent.body);
    assert_eq!(sent.body["status"], status);
    let told = sent.body["detail"].as_str().unwrap();
    assert!(told.contains(detail), "no {detail:?} in {told:?}");
    assert_eq!(sent.headers[header::CACHE_CONTROL], "no-store");
}

/// The one operation that takes no token: it is how one gets a token.
const SIGN_IN: &str = "sessions.sign_in";

#[tokio::test]
async fn no_operation_works_without_a_token() {
    let operations = operations();
    assert!(operations.len() > 15, "{operations:?}");
    for (method, path, id) in operations {
        if id == SIGN_IN {
            continue;
        }
        let sent = send(method.clone(), &path, None, "{}").await;
        check_problem(&sent, 401, "a token is needed");
        assert_eq!(sent.headers[header::WWW_AUTHENTICATE], "Bearer realm=\"muster-admin\"");

        let sent = send(method, &path, Some("Bearer bad"), "{}").await;
        check_problem(&sent, 401, "unknown");
        let challenge = sent.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.ends_with("error=\"invalid_token\""), "{challenge}");
    }
}

#[tokio::test]
async fn the_token_is_checked_before_the_body_is_read() {
    let unread = Body::from_bytes_stream(futures_util::stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<bytes::Bytes, std::io::Error>>> {
            panic!("the body was read")
        },
    ));
    let request = Request::builder().method(Method::POST).uri("/v1/tenants".parse().unwrap());
    let request = request.content_type("application/json").body(unread);

    let answer = protected(Fixed, service()).get_response(request).await;

    assert_eq!(answer.status().as_u16(), 401);
}

#[tokio::test]
async fn what_poem_refuses_has_the_same_form() {
    let good = Some("bearer good");
    check_problem(&send(Method::GET, "/v1/nothing", good, "").await, 404, "not found");
    check_problem(&send(Method::GET, "/nothing", None, "").await, 404, "not found");
    let sent = send(Method::PUT, "/v1/tenants", good, "{}").await;
    check_problem(&sent, 405, "method");
    assert_eq!(sent.headers[header::ALLOW], "GET, HEAD, POST");
    let sent = send(Method::GET, "/v1/tenants/acme/suspend", good, "").await;
    check_problem(&sent, 405, "method");
    assert_eq!(sent.headers[header::ALLOW], "POST");
    check_problem(&send(Method::POST, "/v1/tenants", good, "").await, 415, "Content-Type");
    check_problem(&send(Method::POST, "/v1/tenants", good, "{").await, 400, "EOF");
    let unknown = json!({ "name": "a", "nmae": "b" }).to_string();
    check_problem(&send(Method::POST, "/v1/tenants", good, &unknown).await, 400, "nmae");
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(2_100_000));
    check_problem(&send(Method::POST, "/v1/tenants", good, &large).await, 413, "too large");
    check_problem(&send(Method::GET, "/v1/events?limit=0", good, "").await, 400, "limit");
}

#[tokio::test]
async fn the_document_is_public_stable_and_names_every_operation_once() {
    let sent = send(Method::GET, "/openapi.json", None, "").await;
    assert_eq!((sent.status, sent.body), (200, document()));
    assert_eq!(spec(), spec());

    let mut ids: Vec<String> = operations().into_iter().map(|(_, _, id)| id).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operation id is used twice");
    assert!(ids.contains(&"tenants.create".to_owned()), "{ids:?}");

    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = &operation["security"];
            let needs = match operation["operationId"] == SIGN_IN {
                true => Value::Null,
                false => json!([{ "operator_token": [] }]),
            };
            assert_eq!(security, &needs, "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} has no text");
        }
    }
}
