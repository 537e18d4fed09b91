//! A receiver of pushed events on a real socket, which answers as a test tells it.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, Request, Response};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

/// Longer than any event of a test takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request that the receiver got.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The Set, in compact form.
    pub(crate) set: String,
    /// What it was answered.
    pub(crate) status: u16,
}

impl Delivery {
    /// The claims, whoever signed them.
    pub(crate) fn claims(&self) -> Value {
        part(&self.set, 1)
    }

    /// The header of the token.
    pub(crate) fn header(&self) -> Value {
        part(&self.set, 0)
    }

    pub(crate) fn jti(&self) -> String {
        self.claims()["jti"].as_str().unwrap().to_owned()
    }

    /// Its place in the order of the stream's events.
    pub(crate) fn stream_seq(&self) -> i64 {
        self.headers["x-stream-seq"].to_str().unwrap().parse().unwrap()
    }

    /// The event's short name, such as `session-revoked`.
    pub(crate) fn event(&self) -> String {
        let claims = self.claims();
        let events = claims["events"].as_object().unwrap();
        assert_eq!(events.len(), 1, "a Set has one event: {claims}");
        super::client::short_name(events.keys().next().unwrap()).to_owned()
    }
}

fn part(set: &str, number: usize) -> Value {
    let part = set.split('.').nth(number).expect("a compact token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Status and body for a Set that came.
type Answer = dyn Fn(&Delivery) -> (u16, &'static str) + Send + Sync;

/// A receiver, until it is dropped.
pub(crate) struct SetReceiver {
    url: String,
    state: Arc<State>,
    _server: JoinSet<()>,
}

struct State {
    answer: Box<Answer>,
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

impl SetReceiver {
    /// A receiver that takes everything.
    pub(crate) async fn start() -> Self {
        Self::answering(|_| (202, "")).await
    }

    /// A receiver that answers as `answer` says.
    pub(crate) async fn answering(
        answer: impl Fn(&Delivery) -> (u16, &'static str) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let state = Arc::new(State {
            answer: Box::new(answer),
            deliveries: Mutex::default(),
            arrived: Notify::new(),
        });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&state)));
        Self { url, state, _server: server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What came so far, in the order in which it came. Every Set has the shape of one.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        let deliveries = self.state.deliveries.lock().unwrap().clone();
        let is_set = |it: &&Delivery| {
            it.headers.get("content-type").is_some_and(|it| it == "application/secevent+jwt")
        };
        deliveries.iter().filter(is_set).for_each(|delivery| super::check_set(&delivery.set));
        deliveries
    }

    /// Waits until `count` requests came, and gives all that did.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Delivery> {
        self.wait_until(|deliveries| count <= deliveries.len()).await
    }

    /// Waits until what came satisfies `enough`.
    pub(crate) async fn wait_until(&self, enough: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        let wait = async {
            loop {
                let mut arrived = std::pin::pin!(self.state.arrived.notified());
                arrived.as_mut().enable();
                let deliveries = self.deliveries();
                if enough(&deliveries) {
                    return deliveries;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| {
            let came: Vec<_> = self.deliveries().iter().map(|it| (it.event(), it.status)).collect();
            panic!("more events were expected than {came:?}")
        })
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| take(request, Arc::clone(&state)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

async fn take(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<String>, Infallible> {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
    }
    let set = String::from_utf8(bytes).unwrap();
    let mut delivery = Delivery { method: head.method, headers: head.headers, set, status: 0 };
    let (status, body) = (state.answer)(&delivery);
    delivery.status = status;
    state.deliveries.lock().unwrap().push(delivery);
    state.arrived.notify_waiters();
    let response = Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(body.to_owned()).unwrap())
}
