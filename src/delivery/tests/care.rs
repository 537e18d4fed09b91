//! Receivers over days: down, hanging, paused, and what is kept of it all.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::worker::{
    AUDIENCE, DISABLED, House, ISSUER, event, read_request, receiver, take_push, user,
};
use crate::{
    delivery::{trouble::Trouble, upkeep::Upkeep},
    event::{EventUri, Subject, receive::verify},
    store::{
        self, Audience, ChangedBy, Claim, Finish, NewSigningKey, OutboxEvent, Said, StatusChange,
        StoreError, StreamStatus, Successor, generate,
    },
    tenant::StreamId,
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl House {
    /// An event of a type, about a user.
    async fn tell(&self, uri: EventUri, about: u128, txn: &'static str) {
        let subject = Subject {
            endpoint: "/Users".to_owned(),
            ..Subject::stream(user(about).get().to_string())
        };
        let outgoing = OutboxEvent {
            id: self.clock.new_id(),
            audience: Audience::All,
            uri,
            payload: "{}".to_owned(),
            subject_key: user(about),
            subject: serde_json::to_string(&subject).unwrap(),
        };
        let at_us = self.clock.now_us();
        let tenant = self.store.tenant(self.tenant);
        tenant
            .write::<(), StoreError, _>(move |tx| {
                let outgoing = outgoing.clone();
                Box::pin(async move { tx.append(txn, at_us, &[outgoing]).await })
            })
            .await
            .unwrap();
    }

    async fn set_status(&self, stream: StreamId, status: StreamStatus) {
        let change = StatusChange {
            status,
            reason: None,
            by: ChangedBy::Us,
            at_us: self.clock.now_us(),
            notice: self.clock.new_id(),
        };
        let store = self.store.tenant(self.tenant);
        assert!(store.change_stream_status(stream, change).await.unwrap());
    }

    /// Status, reason and what waits, of the only stream.
    async fn state(&self) -> (StreamStatus, Option<String>, i64) {
        let row = self.store.tenant(self.tenant).streams().await.unwrap().remove(0);
        (row.stream.status, row.reason, row.pending)
    }

    async fn claims(&self) -> Vec<Claim> {
        self.store.claim_pushes(self.clock.now_us(), 0, 500, &HashMap::new()).await.unwrap()
    }

    async fn finish(&self, about: u128, finish: Finish) {
        for claim in self.claims().await {
            if claim.subject_key == user(about).get() {
                let now_us = self.clock.now_us();
                self.store.finish(&claim, finish, Said::default(), now_us).await.unwrap();
            }
        }
    }

    /// Time goes by, and the worker looks at once.
    fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.store.appended().notify_waiters();
    }

    fn claims_of(&self, request: &str) -> Value {
        self.verified(request.rsplit_once("\r\n").unwrap().1)
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// An address at which nobody listens.
async fn nobody() -> (SocketAddr, String) {
    let (listener, url) = receiver().await;
    (listener.local_addr().unwrap(), url)
}

#[tokio::test]
async fn a_receiver_that_was_down_for_a_day_gets_all_in_order_and_revocations_first() {
    // E20
    let house = House::new().await;
    let (address, url) = nobody().await;
    house.stream(Some(url)).await;
    for number in 100..160 {
        house.tell(EventUri::ProvPatchNotice, number, "tx_notice").await;
    }
    for number in 0..30 {
        // Something that has to go before it waits too.
        house.tell(EventUri::ProvCreateNotice, number, "tx_create").await;
        house.disable(user(number), "tx_leave").await;
    }
    let shutdown = CancellationToken::new();

    let drive = async {
        until("an attempt failed", async || {
            !house.store.failing_streams().await.unwrap().is_empty()
        })
        .await;
        for _ in 0..144 {
            house.advance(10 * MINUTE);
            sleep(Duration::from_millis(15)).await;
        }
        let listener = TcpListener::bind(address).await.unwrap();
        let (mut came, mut seen) = (Vec::new(), HashSet::new());
        while came.len() < 60 + 30 * 5 {
            match timeout(Duration::from_millis(500), take_push(&listener, 202)).await {
                Ok(request) => {
                    let claims = house.claims_of(&request);
                    // A lease that ran out as the clock leapt makes a copy.
                    if seen.insert(claims["jti"].to_string()) {
                        came.push(claims);
                    }
                }
                // A host that was left alone is tried again when its time has come.
                Err(_) => house.advance(MINUTE),
            }
        }
        until("all is recorded", async || house.state().await.2 == 0).await;
        shutdown.cancel();
        came
    };
    let ((), came) = tokio::join!(house.worker().run(shutdown.clone()), drive);

    let is_leaver = |claims: &&Value| claims["txn"] != "tx_notice";
    let early = came.iter().take(100).filter(is_leaver).count();
    // Some others go in places that no leaver could take at that moment.
    assert!(90 <= early, "leavers come first: {early}");
    let mut by_subject: HashMap<String, Vec<String>> = HashMap::new();
    for claims in came.iter().filter(is_leaver) {
        let sub_id = &claims["sub_id"];
        let name = sub_id["uri"].as_str().or(sub_id["id"].as_str()).unwrap();
        let id = name.rsplit('/').next().unwrap();
        by_subject.entry(id.to_owned()).or_default().push(event(claims));
    }
    let mut expected = vec!["prov:create:notice".to_owned()];
    expected.extend(DISABLED.map(str::to_owned));
    assert_eq!(by_subject.len(), 30);
    for (subject, names) in by_subject {
        assert_eq!(names, expected, "{subject}");
    }
    assert!(house.store.failing_streams().await.unwrap().is_empty());
    assert_eq!(house.state().await.2, 0);
}

#[tokio::test]
async fn a_refused_key_is_followed_by_the_current_one() {
    // E13
    let house = House::new().await;
    let (listener, url) = receiver().await;
    house.stream(Some(url)).await;
    house.tell(EventUri::SessionRevoked, 1, "tx_1").await;
    let shutdown = CancellationToken::new();
    let next = generate("acme-2".to_owned()).unwrap();
    let jwks = serde_json::json!({ "keys": [next.public_jwk()] });

    let receive = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let first = read_request(&mut connection).await;
        // The key is replaced while the receiver refuses the old one.
        let key = house.secret.seal_signing_key(house.tenant, &next).unwrap();
        let (public_jwk, created_us) = (next.public_jwk(), house.clock.now_us());
        let successor = Successor::AtOnce(NewSigningKey { key, public_jwk, created_us });
        let tenant = house.store.tenant(house.tenant);
        tenant.replace_signing_key(successor, created_us, created_us).await.unwrap();
        let body = r#"{"err":"invalid_key"}"#;
        let answer = format!(
            "HTTP/1.1 400 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(answer.as_bytes()).await.unwrap();
        until("the refusal is recorded", async || {
            house.store.tenant(house.tenant).streams().await.unwrap()[0].last_error.is_some()
        })
        .await;
        house.advance(45 * Duration::from_secs(1));
        assert!(
            timeout(Duration::from_millis(300), listener.accept()).await.is_err(),
            "not before the key set that it holds is old"
        );
        house.advance(MINUTE);
        let second = take_push(&listener, 202).await;
        until("it is delivered", async || house.state().await.2 == 0).await;
        shutdown.cancel();
        [first, second]
    };
    let ((), pushes) = tokio::join!(house.worker().run(shutdown.clone()), receive);

    let sets = pushes.each_ref().map(|request| request.rsplit_once("\r\n").unwrap().1);
    let first = house.verified(sets[0]);
    let second = verify(sets[1], &jwks, ISSUER, AUDIENCE, house.clock.now_seconds()).unwrap();
    assert_eq!(first, second, "the same claims under another signature");
}

#[tokio::test]
async fn a_stream_at_which_nothing_arrives_for_a_day_is_paused_and_keeps_all() {
    let house = House::new().await;
    let (_, url) = nobody().await;
    let stream = house.stream(Some(url)).await;
    house.disable(user(1), "tx_1").await;
    let shutdown = CancellationToken::new();
    let failed = async {
        until("an attempt failed", async || {
            !house.store.failing_streams().await.unwrap().is_empty()
        })
        .await;
        shutdown.cancel();
    };
    tokio::join!(house.worker().run(shutdown.clone()), failed);
    let trouble = Trouble::default();

    for (after, status) in [
        (14 * MINUTE, StreamStatus::Enabled),
        (MINUTE, StreamStatus::Enabled),
        (6 * HOUR, StreamStatus::Enabled),
        (17 * HOUR, StreamStatus::Enabled),
        (HOUR, StreamStatus::Paused),
    ] {
        house.clock.advance(after);
        trouble.look(&house.store, &house.clock).await.unwrap();
        assert_eq!(house.state().await.0, status, "{after:?} later");
    }
    let (_, reason, _) = house.state().await;
    assert_eq!(reason.as_deref(), Some("every attempt failed for 24 hours"));

    house.set_status(stream, StreamStatus::Enabled).await;
    assert!(house.store.failing_streams().await.unwrap().is_empty(), "it has another day");
    let claims = house.claims().await;
    let revoked = claims.iter().filter(|claim| claim.uri == EventUri::SessionRevoked);
    assert_eq!(revoked.count(), 1, "and is tried at once");
}

#[tokio::test]
async fn receivers_that_hang_do_not_delay_one_that_answers() {
    let house = House::new().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        let (listener, url) = receiver().await;
        house.stream(Some(url)).await;
        silent.push(listener);
    }
    for number in 0..20 {
        house.tell(EventUri::SessionRevoked, number, "tx_1").await;
    }
    let (listener, url) = receiver().await;
    house.stream(Some(url)).await;
    let shutdown = CancellationToken::new();

    let receive = async {
        // The backlog of those that hang is under way by now.
        for listener in &silent {
            listener.accept().await.unwrap();
        }
        let mut slowest = Duration::ZERO;
        for number in 1_000..1_020 {
            let begin = Instant::now();
            house.tell(EventUri::SessionRevoked, number, "tx_2").await;
            take_push(&listener, 202).await;
            slowest = slowest.max(begin.elapsed());
        }
        shutdown.cancel();
        slowest
    };
    let worker = house.worker();
    let slowest = tokio::select! {
        slowest = receive => slowest,
        () = worker.run(shutdown.clone()) => panic!("the worker ended first"),
    };

    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}

#[tokio::test]
async fn a_paused_stream_drops_its_oldest_notices_and_nothing_else_and_says_so() {
    // E15
    let house = House::new().await;
    let stream = house.stream(Some("https://app.example/in".to_owned())).await;
    house.set_status(stream, StreamStatus::Paused).await;
    for number in 100..180 {
        house.tell(EventUri::ProvPatchNotice, number, "tx_notice").await;
    }
    for number in 0..10 {
        house.disable(user(number), "tx_leave").await;
    }
    let upkeep = |most| Upkeep::new(house.store.clone(), house.clock.clone(), 7).holding(most);
    let pending = async || house.state().await.2;
    // 80 notices, four events of each leaver, and that the stream was paused.
    assert_eq!(pending().await, 121);

    upkeep(121).sweep().await.unwrap();
    assert_eq!(pending().await, 121, "that many may be held");
    upkeep(100).sweep().await.unwrap();
    assert_eq!(pending().await, 100);
    upkeep(5).sweep().await.unwrap();
    assert_eq!(pending().await, 31, "what is no notice stays, however much it is");

    house.set_status(stream, StreamStatus::Enabled).await;
    let (_, reason, _) = house.state().await;
    assert_eq!(reason.as_deref(), Some("HELD_EVENTS_DROPPED"));
    let claims = house.claims().await;
    let mut uris: Vec<EventUri> = claims.iter().map(|claim| claim.uri).collect();
    uris.sort_unstable();
    uris.dedup();
    assert!(!uris.contains(&EventUri::ProvPatchNotice), "{uris:?}");
    for uri in [EventUri::SessionRevoked, EventUri::AccountDisabled, EventUri::StreamUpdated] {
        assert!(uris.contains(&uri), "{uri} in {uris:?}");
    }
    let told = claims.iter().any(|claim| claim.payload["reason"] == "HELD_EVENTS_DROPPED");
    assert!(told, "the receiver is told");
}

#[tokio::test]
async fn a_paused_stream_holds_notices_for_seven_days() {
    let house = House::new().await;
    let stream = house.stream(Some("https://app.example/in".to_owned())).await;
    house.set_status(stream, StreamStatus::Paused).await;
    house.disable(user(1), "tx_1").await;
    let upkeep = Upkeep::new(house.store.clone(), house.clock.clone(), 7);

    for (after, pending) in [(6 * DAY, 5), (DAY + MINUTE, 4), (90 * DAY, 4)] {
        house.clock.advance(after);
        upkeep.sweep().await.unwrap();
        assert_eq!(house.state().await.2, pending, "{after:?} later");
    }
}

#[tokio::test]
async fn what_is_over_is_forgotten_in_time_and_what_waits_is_not() {
    let house = House::new().await;
    let stream = house.stream(Some("https://app.example/in".to_owned())).await;
    for (number, txn) in [(1, "tx_1"), (2, "tx_2"), (3, "tx_3")] {
        house.disable(user(number), txn).await;
    }
    house.finish(1, Finish::Delivered).await;
    house.finish(2, Finish::Dead).await;
    let upkeep = Upkeep::new(house.store.clone(), house.clock.clone(), 7);
    let tenant = house.store.tenant(house.tenant);

    for (after, events, dead, pending) in [
        (6 * DAY, 12, 4, 4),
        (DAY + MINUTE, 8, 4, 4),
        (22 * DAY, 8, 4, 4),
        (DAY, 4, 0, 4),
        (300 * DAY, 4, 0, 4),
    ] {
        house.clock.advance(after);
        upkeep.sweep().await.unwrap();
        let kept = tenant.events(0, 100).await.unwrap().len();
        let filter = store::LetterFilter::default();
        let letters = tenant.dead_letters(stream, &filter, 0, 100).await.unwrap().len();
        let found = (kept, letters, house.state().await.2);
        assert_eq!(found, (events, dead, pending), "{after:?} later");
    }
}
