//! Worker and poller over a real database and a real receiver.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    clock::Clock,
    delivery::{
        OutgoingClient,
        issue::Issuer,
        keys::KeyRing,
        poll::{PollAnswer, PollRequest, Poller},
        push::Pusher,
        worker::DeliveryWorker,
    },
    event::{Cause, Change, Initiator, Subject, SubjectFormat, events, receive::verify},
    scim::resource::{ResourceId, Version},
    store::{
        self, AuditEntry, Location, MigrateCommand, NewStreamRow, NewTenantRow, OutboxEvent,
        RowChange, SecretKey, Store, StoreError, generate,
    },
    tenant::{AllowedNetworks, EventCaller, StreamId, TenantId, receiver_url::ReceiverRules},
};

pub(super) const AUDIENCE: &str = "https://app.example/events";
pub(super) const ISSUER: &str = "https://roll.example/t/acme";
pub(super) const DISABLED: [&str; 4] =
    ["account-disabled", "session-revoked", "prov:deactivate", "prov:patch:notice"];

/// A database with one tenant and its signing key.
pub(super) struct House {
    _folder: TempDir,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) tenant: TenantId,
    pub(super) secret: Arc<SecretKey>,
    pub(super) jwks: Value,
}

impl House {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("muster.db"));
        store::migrate(&location, MigrateCommand::Up).await.unwrap();
        let store = Store::open(&location, 4).await.unwrap();
        // It stands still, so nothing that failed becomes due again on its own.
        let clock = Clock::stopped_at(1_790_000_000_000_000);
        let secret = Arc::new(SecretKey::new(&[7; 32]).unwrap());
        let signing_key = generate("acme-1".to_owned()).unwrap();
        let jwk = signing_key.public_jwk();
        let row = NewTenantRow {
            parent: None,
            name: "acme".to_owned(),
            subject_issuer: None,
            created_us: clock.now_us(),
            public_jwk: jwk.clone(),
        };
        let sealing = Arc::clone(&secret);
        let tenant = store
            .insert_tenant::<StoreError>(row, move |id| {
                Ok(sealing.seal_signing_key(id, &signing_key).unwrap())
            })
            .await
            .unwrap()
            .id;
        let jwks = json!({ "keys": [jwk] });
        Self { _folder: folder, store, clock, tenant, secret, jwks }
    }

    pub(super) async fn stream(&self, endpoint_url: Option<String>) -> StreamId {
        let id = StreamId(self.clock.new_id());
        let credential = SecretString::from("Bearer receiver");
        let sealed = self.secret.seal_authorization(self.tenant, id, &credential).unwrap();
        let new = NewStreamRow {
            id,
            description: String::new(),
            sink: None,
            application: None,
            settings: serde_json::json!({}),
            audience: AUDIENCE.to_owned(),
            endpoint_url,
            authorization: Some(sealed),
            subject_format: SubjectFormat::Scim,
            events: crate::event::EventUri::ALL.to_vec(),
            created_us: self.clock.now_us(),
        };
        self.store.tenant(self.tenant).insert_stream(&new).await.unwrap();
        id
    }

    /// A user becomes inactive.
    pub(super) async fn disable(&self, user: ResourceId, txn: &str) {
        let after =
            Subject { endpoint: "/Users".to_owned(), ..Subject::stream(user.get().to_string()) };
        let before = Subject { active: true, ..after.clone() };
        let at_us = self.clock.now_us();
        let attributes = vec!["active".to_owned()];
        let change = Change::Patched { attributes, version: "W/\"2\"".to_owned() };
        let cause = Cause { occurred_at: at_us / 1_000_000, initiator: Initiator::Admin };
        let drafts = events(&change, Some(&before), Some(&after), &cause);
        let events = drafts.into_iter().map(|draft| OutboxEvent {
            id: self.clock.new_id(),
            audience: store::Audience::All,
            uri: draft.uri,
            payload: draft.payload.to_string(),
            subject_key: user,
            subject: serde_json::to_string(&draft.subject).unwrap(),
        });
        let change = store::Change {
            resource_type: 1,
            id: user,
            version: Version(2),
            at_us,
            row: RowChange::Touch,
            members: Default::default(),
            txn: txn.to_owned(),
            events: events.collect(),
            audit: AuditEntry::new(self.clock.new_id(), "token:test".to_owned(), "users.patch"),
        };
        self.store.tenant(self.tenant).apply(change).await.unwrap();
    }

    pub(super) fn keys(&self) -> KeyRing {
        KeyRing::new(self.store.clone(), Arc::clone(&self.secret))
    }

    pub(super) fn issuer(&self) -> Issuer {
        Issuer::new(self.keys(), "https://roll.example/")
    }

    pub(super) fn worker(&self) -> DeliveryWorker {
        let pusher = Pusher::new(OutgoingClient::new(ReceiverRules::trial()).unwrap());
        let (store, clock) = (self.store.clone(), self.clock.clone());
        DeliveryWorker::new(store, self.keys(), self.issuer(), pusher, clock)
    }

    pub(super) async fn poll(&self, stream: StreamId, body: Value) -> PollAnswer {
        let shutdown = CancellationToken::new();
        let poller = Poller::new(self.store.clone(), self.issuer(), self.clock.clone(), shutdown);
        let request = PollRequest::parse(body.to_string().as_bytes()).unwrap();
        let caller = EventCaller {
            tenant: self.tenant,
            tenant_name: "acme".into(),
            credential: Uuid::nil(),
            receiver: None,
            scopes: Arc::default(),
            expires_us: i64::MAX,
            networks: AllowedNetworks::default(),
        };
        poller.poll(&caller, stream, &request).await.unwrap()
    }

    /// The claims of a Set, checked as a receiver does.
    pub(super) fn verified(&self, compact: &str) -> Value {
        verify(compact, &self.jwks, ISSUER, AUDIENCE, self.clock.now_seconds()).unwrap()
    }
}

pub(super) fn user(number: u128) -> ResourceId {
    ResourceId::new(Uuid::from_u128(number))
}

/// The last words of the URI of a Set's event.
pub(super) fn event(claims: &Value) -> String {
    let uri = claims["events"].as_object().unwrap().keys().next().unwrap();
    let name = uri.rsplit('/').next().unwrap();
    name.strip_prefix("urn:ietf:params:scim:event:").unwrap_or(name).to_owned()
}

/// Takes one push, answers it and gives the request.
pub(super) async fn take_push(listener: &TcpListener, status: u16) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let request = read_request(&mut connection).await;
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    connection.write_all(answer.as_bytes()).await.unwrap();
    request
}

pub(super) async fn read_request(connection: &mut TcpStream) -> String {
    let mut request = String::new();
    loop {
        let mut buffer = [0; 4096];
        let read = connection.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "the request broke off");
        request.push_str(str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        if length.parse() == Ok(body.len()) {
            return request;
        }
    }
}

pub(super) async fn receiver() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn the_events_of_a_change_arrive_in_order_with_the_credential() {
    let house = House::new().await;
    let (listener, url) = receiver().await;
    house.stream(Some(url)).await;
    let shutdown = CancellationToken::new();

    let receive = async {
        // The worker sleeps; the commit wakes it.
        house.disable(user(1), "tx_1").await;
        let mut names = Vec::new();
        for _ in DISABLED {
            let request = take_push(&listener, 202).await;
            assert!(request.contains("\r\nauthorization: Bearer receiver\r\n"));
            let claims = house.verified(request.rsplit_once("\r\n").unwrap().1);
            assert_eq!(claims["txn"], "tx_1");
            names.push(event(&claims));
        }
        shutdown.cancel();
        names
    };
    let ((), names) = tokio::join!(house.worker().run(shutdown.clone()), receive);

    assert_eq!(names, DISABLED);
    let later = house.clock.now_us() + 3_600_000_000;
    assert!(house.store.claim_pushes(later, 1, 10, &HashMap::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_holds_up_its_subject_and_nobody_else() {
    let house = House::new().await;
    let (listener, url) = receiver().await;
    house.stream(Some(url)).await;
    house.disable(user(1), "tx_1").await;
    house.disable(user(2), "tx_2").await;
    let shutdown = CancellationToken::new();

    let receive = async {
        let mut taken = Vec::new();
        for status in [503, 202, 202, 202, 202] {
            // The first push fails, whosever it is; the other subject's four follow.
            let request = take_push(&listener, status).await;
            let claims = house.verified(request.rsplit_once("\r\n").unwrap().1);
            taken.push((claims["txn"].clone(), event(&claims)));
        }
        shutdown.cancel();
        taken
    };
    let ((), taken) = tokio::join!(house.worker().run(shutdown.clone()), receive);

    let failed = taken[0].0.clone();
    assert_eq!(taken[0].1, DISABLED[0]);
    let others: Vec<&str> =
        taken[1..].iter().filter(|it| it.0 != failed).map(|it| it.1.as_str()).collect();
    assert_eq!(others, DISABLED);
    let later = house.clock.now_us() + 3_600_000_000;
    let left = house.store.claim_pushes(later, 1, 10, &HashMap::new()).await.unwrap();
    let attempts: Vec<i32> = left.iter().map(|claim| claim.attempt).collect();
    assert_eq!(attempts, [1, 0, 0, 0], "one was tried, the rest was given back");
}

#[tokio::test]
async fn the_backlog_of_a_stalled_stream_does_not_delay_another_ones_revocation() {
    let house = House::new().await;
    let (silent, silent_url) = receiver().await;
    house.stream(Some(silent_url)).await;
    for number in 0..140 {
        house.disable(user(number), "tx_1").await;
    }
    let (listener, url) = receiver().await;
    house.stream(Some(url)).await;
    let shutdown = CancellationToken::new();

    let receive = async {
        // The stalled receiver takes connections and never answers.
        let stalled = silent.accept().await.unwrap();
        house.disable(user(1000), "tx_2").await;
        // Less than the 15 s after which a stalled push is given up.
        let push = tokio::time::timeout(Duration::from_secs(12), take_push(&listener, 202)).await;
        shutdown.cancel();
        drop((stalled, silent));
        push.unwrap()
    };
    let worker = house.worker();
    let run = worker.run(shutdown.clone());
    let request = tokio::select! {
        request = receive => request,
        () = run => panic!("the worker ended first"),
    };

    let claims = house.verified(request.rsplit_once("\r\n").unwrap().1);
    assert_eq!((claims["txn"].as_str(), event(&claims).as_str()), (Some("tx_2"), DISABLED[0]));
}

#[tokio::test]
async fn a_set_that_is_fetched_fifty_times_is_given_up() {
    let house = House::new().await;
    let stream = house.stream(None).await;
    house.disable(user(1), "tx_1").await;
    for fetched in 0..50 {
        let answer = house.poll(stream, json!({ "returnImmediately": true })).await;
        assert_eq!(answer.sets.len(), 4, "after {fetched}");
        house.clock.advance(Duration::from_secs(61));
    }

    let answer = house.poll(stream, json!({ "returnImmediately": true })).await;

    assert!(answer.sets.is_empty());
    assert_eq!(house.store.tenant(house.tenant).streams().await.unwrap()[0].pending, 0);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_pauses_the_stream_and_keeps_its_events() {
    let house = House::new().await;
    let (listener, url) = receiver().await;
    let stream = house.stream(Some(url)).await;
    house.disable(user(1), "tx_1").await;
    let shutdown = CancellationToken::new();

    let receive = async {
        take_push(&listener, 410).await;
        while house.store.stream(house.tenant, stream).await.unwrap().unwrap().status
            == store::StreamStatus::Enabled
        {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    tokio::join!(house.worker().run(shutdown.clone()), receive);

    let streams = house.store.tenant(house.tenant).streams().await.unwrap();
    // The notice that it is paused waits too, for the resumption.
    assert_eq!(streams[0].pending, 5);
}

#[tokio::test]
async fn a_poll_gives_one_change_of_a_subject_and_the_next_after_it_is_acknowledged() {
    let house = House::new().await;
    let stream = house.stream(None).await;
    house.disable(user(1), "tx_1").await;
    house.disable(user(1), "tx_2").await;

    let first = house.poll(stream, json!({ "returnImmediately": true })).await;
    let again = house.poll(stream, json!({ "returnImmediately": true })).await;
    let ids: Vec<&str> = first.sets.iter().map(|set| set.jti.as_str()).collect();
    let nothing = house.poll(stream, json!({ "ack": ids, "maxEvents": 0 })).await;
    let second = house.poll(stream, json!({ "returnImmediately": true })).await;

    let txns = |answer: &PollAnswer| -> Vec<Value> {
        answer.sets.iter().map(|set| house.verified(&set.compact)["txn"].clone()).collect()
    };
    assert_eq!(txns(&first), ["tx_1"; 4]);
    assert!(again.sets.is_empty() && nothing.sets.is_empty());
    assert_eq!(txns(&second), ["tx_2"; 4]);
}

#[tokio::test]
async fn a_waiting_poll_is_woken_by_the_commit() {
    let house = House::new().await;
    let stream = house.stream(None).await;

    let poll = tokio::time::timeout(Duration::from_secs(10), house.poll(stream, json!({})));
    let (answer, ()) = tokio::join!(poll, house.disable(user(1), "tx_1"));

    assert_eq!(answer.unwrap().sets.len(), 4);
}

#[tokio::test]
async fn a_lease_is_renewed_unless_it_was_given_back_or_its_event_is_delivered() {
    let house = House::new().await;
    house.stream(Some("http://127.0.0.1:1/in".to_owned())).await;
    for (number, txn) in [(1, "tx_1"), (2, "tx_2"), (3, "tx_3")] {
        house.disable(user(number), txn).await;
    }
    let now_us = house.clock.now_us();
    let claims = house.store.claim_pushes(now_us, 1_000, 100, &HashMap::new()).await.unwrap();
    let of = |number: u128| -> Vec<store::Claim> {
        let its = claims.iter().filter(|claim| claim.subject_key == user(number).get());
        its.cloned().collect()
    };
    for claim in of(1) {
        let delivered = store::Finish::Delivered;
        house.store.finish(&claim, delivered, store::Said::default(), now_us).await.unwrap();
    }
    house.store.release(&of(2)).await.unwrap();

    let leases = claims.iter().map(store::Claim::lease).collect();
    house.store.renew(leases, now_us + 10_000).await.unwrap();

    let subjects = async |after_us: i64| -> BTreeSet<u128> {
        let claims =
            house.store.claim_pushes(now_us + after_us, 1, 100, &HashMap::new()).await.unwrap();
        claims.iter().map(|claim| claim.subject_key.as_u128()).collect()
    };
    assert_eq!(subjects(5_000).await, BTreeSet::from([2]));
    assert_eq!(subjects(11_000).await, BTreeSet::from([2, 3]));
}
