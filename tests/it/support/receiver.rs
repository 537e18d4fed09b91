//! A receiver of pushed events (RFC 8935) that accepts and remembers everything.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::{Request, http::StatusCode, listener::TcpAcceptor};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

/// The claims of an event that arrived.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Set(pub(crate) Value);

impl Set {
    pub(crate) fn jti(&self) -> &str {
        self.0["jti"].as_str().expect("a set has a jti")
    }

    /// The event's type.
    pub(crate) fn uri(&self) -> &str {
        self.0["events"].as_object().and_then(|events| events.keys().next()).expect("an event")
    }

    /// The id of the resource, if the stream names subjects so.
    pub(crate) fn subject(&self) -> &str {
        self.0["sub_id"]["id"].as_str().expect("a subject with an id")
    }
}

/// Listens as long as it lives.
pub(crate) struct Receiver {
    url: String,
    sets: Arc<Mutex<Vec<Set>>>,
    _server: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::start_slow(Duration::ZERO).await
    }

    /// Remembers at once and answers after `delay`.
    pub(crate) async fn start_slow(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let sets: Arc<Mutex<Vec<Set>>> = Arc::default();
        let kept = Arc::clone(&sets);
        let endpoint = poem::endpoint::make(move |mut request: Request| {
            let kept = Arc::clone(&kept);
            async move {
                let compact = request.take_body().into_string().await?;
                kept.lock().unwrap().push(claims(&compact));
                tokio::time::sleep(delay).await;
                Ok::<_, poem::Error>(StatusCode::ACCEPTED)
            }
        });
        let mut server = JoinSet::new();
        server.spawn(async move {
            let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
            poem::Server::new_with_acceptor(acceptor).run(endpoint).await.unwrap();
        });
        Self { url, sets, _server: server }
    }

    /// Where events are to be pushed.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What has arrived, in order.
    pub(crate) fn sets(&self) -> Vec<Set> {
        self.sets.lock().unwrap().clone()
    }

    /// Waits until `done` says so of what has arrived, at most as long as `patience`.
    pub(crate) async fn wait_until(
        &self,
        patience: Duration,
        done: impl Fn(&[Set]) -> bool,
    ) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            if done(&self.sets.lock().unwrap()) {
                return true;
            }
            if deadline < Instant::now() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn claims(compact: &str) -> Set {
    super::check_set(compact);
    let payload = compact.split('.').nth(1).expect("a compact set has three parts");
    Set(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap())
}
