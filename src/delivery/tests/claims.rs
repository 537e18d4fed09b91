//! From claims to Sets, and the order in which claims are served.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    delivery::{
        circuit::{FAILURES, Health, Turn},
        issue::set_claims,
        queue::{IN_DOUBT, IN_FLIGHT_PER_STREAM, Queue},
    },
    event::{EventUri, Subject, SubjectFormat, jti},
    store::{Claim, DeliveryMethod, Stream, StreamStatus},
    tenant::{StreamId, TenantId},
};

const OCCURRED_US: i64 = 1_790_000_003_900_000;

fn stream(number: u128) -> Arc<Stream> {
    Arc::new(Stream {
        tenant: TenantId::new(7),
        tenant_name: "acme".to_owned(),
        id: StreamId(Uuid::from_u128(number)),
        audience: "https://app.example".to_owned(),
        method: DeliveryMethod::Push { endpoint_url: format!("https://app{number}.example/in") },
        subject_format: SubjectFormat::IssSub,
        subject_issuer: None,
        events: vec![EventUri::SessionRevoked],
        status: StreamStatus::Enabled,
        settings: Arc::new(json!({})),
        receiver: None,
        filters: false,
        changed_us: 0,
    })
}

fn claim(stream: &Arc<Stream>, subject: u128, seq: i64, uri: EventUri) -> Claim {
    Claim {
        stream: Arc::clone(stream),
        seq,
        event_id: Uuid::from_u128(1000),
        txn: "tx_1".to_owned(),
        subject_key: Uuid::from_u128(subject),
        uri,
        payload: json!({ "event_timestamp": 1_790_000_003 }),
        subject: Subject {
            endpoint: "/Users".to_owned(),
            external_id: Some("E-1".to_owned()),
            ..Subject::stream("u1".to_owned())
        },
        occurred_us: OCCURRED_US,
        attempt: 0,
        last_status: None,
        same_status: 0,
        is_again: false,
    }
}

fn claims_of(claim: &Claim, now_us: i64) -> Value {
    set_claims(claim, "https://roll.example", now_us)
}

#[test]
fn a_retry_has_the_same_claims() {
    let claim = claim(&stream(1), 1, 1, EventUri::SessionRevoked);
    let first = claims_of(&claim, OCCURRED_US + 5);

    let retry = claims_of(&Claim { attempt: 9, ..claim.clone() }, OCCURRED_US + 3_600_000_000);

    assert_eq!(retry, first);
    assert_eq!(first["iss"], "https://roll.example/t/acme");
    assert_eq!(first["aud"], "https://app.example");
    assert_eq!(first["iat"], 1_790_000_003);
    assert_eq!(first["jti"], jti(claim.event_id, claim.stream.id.0).as_str());
    assert_eq!(first["sub_id"]["iss"], first["iss"], "our issuer stands in for the partner's");
}

#[test]
fn a_set_is_never_issued_in_the_future() {
    let claim = claim(&stream(1), 1, 1, EventUri::SessionRevoked);

    let claims = claims_of(&claim, OCCURRED_US - 2_000_000);

    assert_eq!(claims["iat"], 1_790_000_001);
}

#[test]
fn a_person_without_external_id_is_named_all_the_same() {
    let mut claim = claim(&stream(1), 1, 1, EventUri::SessionRevoked);
    claim.subject.external_id = None;

    let claims = claims_of(&claim, OCCURRED_US);

    assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": "u1" }));
}

/// The time of the queue's tests, in microseconds.
const NOW_US: i64 = 0;
/// What may be under way to a host of which nothing is known.
const UNKNOWN: usize = 4;
/// What a stream to such a host may not have in addition.
const DOUBT: usize = 28;

/// What is started, as (stream, subject, sequence numbers), until nothing may.
fn started(queue: &mut Queue) -> Vec<(u128, u128, Vec<i64>)> {
    started_at(queue, NOW_US)
}

fn started_at(queue: &mut Queue, now_us: i64) -> Vec<(u128, u128, Vec<i64>)> {
    let mut started = Vec::new();
    while let Some(group) = queue.start(now_us) {
        let first = &group.claims[0];
        started.push((
            group.stream.id.0.as_u128(),
            first.subject_key.as_u128(),
            group.claims.iter().map(|claim| claim.seq).collect(),
        ));
    }
    started
}

/// Subjects of a stream, each with one event.
fn crowd(stream: &Arc<Stream>, count: u128) -> Vec<Claim> {
    (0..count).map(|it| claim(stream, it, 1, EventUri::ProvDelete)).collect()
}

#[test]
fn a_subject_is_one_group_in_order_and_revocations_go_first() {
    let (one, two) = (stream(1), stream(2));
    let mut queue = Queue::default();
    queue.add(
        vec![
            claim(&one, 10, 1, EventUri::ProvPatchNotice),
            claim(&two, 11, 4, EventUri::SessionRevoked),
            claim(&two, 11, 3, EventUri::AccountDisabled),
            claim(&one, 11, 2, EventUri::ProvPatchNotice),
        ],
        0,
    );

    assert_eq!(queue.waiting(NOW_US), 4);
    let expected = [(2, 11, vec![3, 4]), (1, 10, vec![1]), (1, 11, vec![2])];
    assert_eq!(started(&mut queue), expected);
    assert_eq!(queue.waiting(NOW_US), 0);
}

#[test]
fn a_stream_gets_more_places_as_its_receiver_answers_but_not_all() {
    let (slow, other) = (stream(1), stream(2));
    let mut queue = Queue::default();
    queue.add(crowd(&slow, 60), 0);
    queue.add(crowd(&other, 1), 0);

    let first = started(&mut queue);
    assert_eq!(first.len(), UNKNOWN + 1);
    assert_eq!(first.last().map(|it| it.0), Some(2));

    let mut under_way = UNKNOWN;
    for _ in 0..30 {
        assert_eq!(queue.finished(slow.id, Health::Up, NOW_US), Turn::None);
        under_way = (under_way - 1 + started(&mut queue).len()).min(60);
        assert!(under_way <= IN_FLIGHT_PER_STREAM, "{under_way}");
    }
    assert_eq!(under_way, IN_FLIGHT_PER_STREAM);
    queue.remove(slow.id);
    assert_eq!(queue.waiting(NOW_US), 0);
}

#[test]
fn what_is_held_is_counted_by_stream() {
    let (slow, other) = (stream(1), stream(2));
    let mut queue = Queue::default();
    queue.add(crowd(&slow, 40), 0);
    queue.add(crowd(&other, 1), 0);
    let of = |queue: &Queue| [slow.id, other.id].map(|id| queue.held(NOW_US).get(&id).copied());

    assert_eq!(of(&queue), [Some(40 + DOUBT), Some(1 + DOUBT)]);
    started(&mut queue);
    assert_eq!(of(&queue), [Some(40 + DOUBT), Some(1 + DOUBT)], "in flight or waiting");
    queue.finished(slow.id, Health::Up, NOW_US);
    queue.finished(other.id, Health::Up, NOW_US);
    assert_eq!(of(&queue), [Some(39), None]);
}

#[test]
fn receivers_that_hang_leave_room_for_those_that_answer() {
    let healthy = stream(1_000);
    let mut queue = Queue::default();
    queue.add(crowd(&healthy, 1), 0);
    started(&mut queue);
    queue.finished(healthy.id, Health::Up, NOW_US);
    for number in 0..200 {
        queue.add(crowd(&stream(number), 10), 0);
    }

    assert_eq!(started(&mut queue).len(), IN_DOUBT);
    queue.add(crowd(&healthy, 10), 0);
    assert_eq!(started(&mut queue).len(), UNKNOWN + 1, "it has its own room");
    assert_eq!(queue.drain().len(), 2_000 - IN_DOUBT + 10 - UNKNOWN - 1);
}

#[test]
fn a_host_that_fails_is_left_alone_and_probed_and_comes_back_step_by_step() {
    const SECOND: i64 = 1_000_000;
    let (dead, other) = (stream(1), stream(2));
    let mut queue = Queue::default();
    queue.add(crowd(&dead, 60), 0);
    let mut failures = 0;
    let mut under_way = started(&mut queue).len();
    while failures < FAILURES - 1 {
        assert_eq!(queue.finished(dead.id, Health::Down, NOW_US), Turn::None);
        failures += 1;
        under_way = under_way - 1 + started(&mut queue).len();
    }
    assert_eq!(under_way, 1, "each failure halves what may be under way");
    let opened = queue.finished(dead.id, Health::Down, NOW_US);
    assert_eq!(opened, Turn::Opened(vec![dead.id]));

    queue.add(crowd(&other, 1), 0);
    assert_eq!(started(&mut queue).len(), 1, "other hosts go on");
    assert_eq!(queue.held(NOW_US)[&dead.id], usize::MAX);
    let mut now_us = NOW_US;
    for wait in [30, 60, 120, 240, 300, 300] {
        now_us += wait * SECOND - 1;
        assert_eq!(started_at(&mut queue, now_us).len(), 0, "before {wait} s");
        now_us += 1;
        assert_eq!(started_at(&mut queue, now_us).len(), 1, "after {wait} s");
        assert_ne!(queue.held(now_us)[&dead.id], usize::MAX);
        assert_eq!(queue.finished(dead.id, Health::Down, now_us), Turn::Opened(vec![dead.id]));
    }

    now_us += 300 * SECOND;
    assert_eq!(started_at(&mut queue, now_us).len(), 1);
    let closed = queue.finished(dead.id, Health::Up, now_us);
    assert_eq!(closed, Turn::Closed(vec![(dead.tenant, dead.id)]));
    assert_eq!(started_at(&mut queue, now_us).len(), 2);
    queue.finished(dead.id, Health::Up, now_us);
    assert_eq!(started_at(&mut queue, now_us).len(), 2, "one more for each success");
}

#[test]
fn streams_to_one_host_share_its_fate() {
    let one = stream(1);
    let mut same = (*stream(1)).clone();
    same.id = StreamId(Uuid::from_u128(9));
    let same = Arc::new(same);
    let mut queue = Queue::default();
    queue.add(crowd(&one, 60), 0);
    queue.add(crowd(&same, 1), 0);
    let mut turn = Turn::None;
    while turn == Turn::None {
        started(&mut queue);
        turn = queue.finished(one.id, Health::Down, NOW_US);
    }

    let Turn::Opened(streams) = turn else { panic!("{turn:?}") };
    assert_eq!(streams.len(), 2);
    assert_eq!(queue.held(NOW_US)[&same.id], usize::MAX);
}
