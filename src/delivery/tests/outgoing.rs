//! Where the outgoing client connects: names that lie, and redirects.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{FutureExt, future::BoxFuture};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    delivery::{OutgoingClient, OutgoingError, resolver::Lookup},
    tenant::receiver_url::ReceiverRules,
};

/// A name server whose answers change: the last one stays.
#[derive(Clone)]
struct Rebinding {
    answers: Vec<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Rebinding {
    fn new(answers: &[&[&str]]) -> Self {
        let parse = |answer: &&[&str]| answer.iter().map(|it| it.parse().unwrap()).collect();
        Self { answers: answers.iter().map(parse).collect(), asked: Arc::default() }
    }
}

impl Lookup for Rebinding {
    fn lookup(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers[asked.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    }
}

/// Answers one request and closes.
async fn answer(listener: &TcpListener, answer: &str) {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut buffer = [0; 4096];
    assert_ne!(connection.read(&mut buffer).await.unwrap(), 0);
    connection.write_all(answer.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
}

const OK: &str = "HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn every_connection_goes_to_an_address_that_was_checked() {
    // E17, A90
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/in", listener.local_addr().unwrap().port());
    // Of two answers only the allowed one is used; then the name turns inwards.
    let lookup =
        Rebinding::new(&[&["10.0.0.1", "127.0.0.1"], &["10.0.0.1", "169.254.169.254", "::"]]);
    let client = OutgoingClient::resolving(ReceiverRules::trial(), lookup.clone()).unwrap();
    let post = || client.post(&url, HeaderMap::new(), String::new());

    let (first, ()) = tokio::join!(post(), answer(&listener, OK));
    let second = post().await;

    assert_eq!(first.unwrap().status, 202);
    assert_eq!(second.unwrap_err(), OutgoingError::NoAddress);
    assert_eq!(lookup.asked.load(Ordering::Relaxed), 2, "asked at each connection");
    assert!(listener.accept().now_or_never().is_none());
}

#[tokio::test]
async fn a_public_name_does_not_lead_to_this_machine() {
    // E17, A89
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let rules = || ReceiverRules::default().with_ports(&[port]);
    for address in
        ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "64:ff9b::7f00:1"]
    {
        let lookup = Rebinding::new(&[&[address]]);
        let client = OutgoingClient::resolving(rules(), lookup).unwrap();
        let url = format!("https://app.example:{port}/in");

        let answer = client.post(&url, HeaderMap::new(), String::new()).await;

        assert_eq!(answer.unwrap_err(), OutgoingError::NoAddress, "{address}");
    }
    assert!(listener.accept().now_or_never().is_none());
}

#[tokio::test]
async fn what_is_not_encrypted_goes_to_allowed_networks_alone() {
    // E17
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let networks = || vec!["127.0.0.0/8".parse().unwrap()];
    let rules = || ReceiverRules::default().with_networks(networks()).with_ports(&[port]);
    let url = format!("http://store.internal:{port}/revoke");
    // Allowed are public addresses too, but not without encryption.
    let lookup = Rebinding::new(&[&["93.184.216.34", "127.0.0.1"], &["93.184.216.34"]]);
    let client = OutgoingClient::resolving(rules(), lookup).unwrap();
    let post = || client.post(&url, HeaderMap::new(), String::new());

    let (first, ()) = tokio::join!(post(), answer(&listener, OK));
    let second = post().await;

    assert_eq!(first.unwrap().status, 202);
    assert_eq!(second.unwrap_err(), OutgoingError::NoAddress);
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    // E17, A91
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = OutgoingClient::new(ReceiverRules::trial()).unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    for status in ["301", "302", "303", "307", "308"] {
        let location = elsewhere.local_addr().unwrap();
        let redirect = format!(
            "HTTP/1.1 {status} X\r\nlocation: http://{location}/\r\nconnection: close\r\n\
             content-length: 0\r\n\r\n"
        );

        let (answered, ()) = tokio::join!(
            client.post(&url, HeaderMap::new(), String::new()),
            answer(&listener, &redirect)
        );

        assert_eq!(answered.unwrap().status.to_string(), status);
    }
    assert!(elsewhere.accept().now_or_never().is_none());
}

#[tokio::test]
async fn an_answer_of_nothing_but_headers_is_broken_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = OutgoingClient::new(ReceiverRules::trial()).unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let headers: String = (0..1_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let endless = format!("HTTP/1.1 202 Accepted\r\n{headers}\r\n");

    let (answered, ()) = tokio::join!(
        client.post(&url, HeaderMap::new(), String::new()),
        answer(&listener, &endless)
    );

    assert_eq!(answered.unwrap_err(), OutgoingError::Broken);
}
