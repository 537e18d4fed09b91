//! The application's HTTP: a page for those who are logged in, and a receiver
//! of Sets (RFC 8935).

use std::{convert::Infallible, future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Application, NotAccepted};

/// Longer than clients keep an unused connection, so that they close it first.
const IDLE: Duration = Duration::from_mins(2);
/// For one request.
const DEADLINE: Duration = Duration::from_secs(10);
const PAUSE_ON_ACCEPT_ERROR: Duration = Duration::from_millis(100);
/// A Set is far smaller.
const MAX_BODY: usize = 64 * 1024;

/// Serves `application` for as long as it is polled.
pub(in crate::demo) async fn serve(listener: TcpListener, application: Arc<Application>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                connections.spawn(connection(socket, Arc::clone(&application)));
            }
            Err(_) => sleep(PAUSE_ON_ACCEPT_ERROR).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(socket: TcpStream, application: Arc<Application>) {
    let service = service_fn(async |request| {
        let answer = timeout(DEADLINE, answer(&application, request)).await;
        Ok::<_, Infallible>(answer.unwrap_or_else(|_| empty(StatusCode::REQUEST_TIMEOUT)))
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE);
    // A connection that breaks is its client's concern.
    let _ = socket.set_nodelay(true);
    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
}

async fn answer(application: &Application, request: Request<Incoming>) -> Response<String> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/app") => page(application, request.headers()),
        (&Method::POST, "/ssf") => receive(application, request).await,
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn page(application: &Application, headers: &HeaderMap) -> Response<String> {
    match session(headers).and_then(|secret| application.who(secret)) {
        Some(person) => with_body(StatusCode::OK, format!("Hello, {}.\n", person.name())),
        None => empty(StatusCode::UNAUTHORIZED),
    }
}

/// The session's secret in the cookie.
fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("session="))
}

/// Takes a pushed Set (RFC 8935 §2.1).
async fn receive(application: &Application, request: Request<Incoming>) -> Response<String> {
    let of_type = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    if of_type != Some("application/secevent+jwt") {
        return refused("invalid_request", "the body has to be application/secevent+jwt");
    }
    let Some(set) = read(request.into_body()).await else {
        return refused("invalid_request", "the body is no token, or too long");
    };
    match application.receive(&set).await {
        Ok(()) => empty(StatusCode::ACCEPTED),
        Err(NotAccepted::Refused(why)) => refused(why.code(), &why.to_string()),
        Err(NotAccepted::NoKeys) => empty(StatusCode::SERVICE_UNAVAILABLE),
    }
}

async fn read(mut body: Incoming) -> Option<String> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        bytes.extend_from_slice(frame.ok()?.data_ref().map_or(&[][..], |data| data));
        if MAX_BODY < bytes.len() {
            return None;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Says what is wrong with a Set (RFC 8935 §2.3).
fn refused(code: &str, description: &str) -> Response<String> {
    let body = json!({ "err": code, "description": description }).to_string();
    let mut response = with_body(StatusCode::BAD_REQUEST, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LANGUAGE, header::HeaderValue::from_static("en"));
    response
}

fn empty(status: StatusCode) -> Response<String> {
    with_body(status, String::new())
}

fn with_body(status: StatusCode, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
