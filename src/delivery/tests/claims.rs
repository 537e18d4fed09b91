//! From claims to Sets, and the order in which claims are served.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    delivery::{
        issue::set_claims,
        queue::{IN_FLIGHT, IN_FLIGHT_PER_STREAM, Queue},
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
        method: DeliveryMethod::Push { endpoint_url: "https://app.example/events".to_owned() },
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

/// What is started, as (stream, subject, sequence numbers), until nothing may.
fn started(queue: &mut Queue) -> Vec<(u128, u128, Vec<i64>)> {
    let mut started = Vec::new();
    while let Some(group) = queue.start() {
        let first = &group.claims[0];
        started.push((
            group.stream.id.0.as_u128(),
            first.subject_key.as_u128(),
            group.claims.iter().map(|claim| claim.seq).collect(),
        ));
    }
    started
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

    assert_eq!(queue.waiting(), 4);
    let expected = [(2, 11, vec![3, 4]), (1, 10, vec![1]), (1, 11, vec![2])];
    assert_eq!(started(&mut queue), expected);
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn one_stream_cannot_take_every_place() {
    let (slow, other) = (stream(1), stream(2));
    let mut queue = Queue::default();
    let crowd = (0..40).map(|it| claim(&slow, it, 1, EventUri::ProvDelete)).collect();
    queue.add(crowd, 0);
    queue.add(vec![claim(&other, 1, 1, EventUri::ProvDelete)], 0);

    let first = started(&mut queue);
    assert_eq!(first.len(), IN_FLIGHT_PER_STREAM + 1);
    assert_eq!(first.last().map(|it| it.0), Some(2));

    queue.finished(slow.id);
    assert_eq!(started(&mut queue).len(), 1);
    assert_eq!(queue.remove(slow.id).len(), 40 - IN_FLIGHT_PER_STREAM - 1);
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn what_is_held_is_counted_by_stream() {
    let (slow, other) = (stream(1), stream(2));
    let mut queue = Queue::default();
    queue.add((0..40).map(|it| claim(&slow, it, 1, EventUri::ProvDelete)).collect(), 0);
    queue.add(vec![claim(&other, 1, 1, EventUri::ProvDelete)], 0);
    let of = |queue: &Queue| [slow.id, other.id].map(|id| queue.held().get(&id).copied());

    assert_eq!(of(&queue), [Some(40), Some(1)]);
    started(&mut queue);
    assert_eq!(of(&queue), [Some(40), Some(1)], "in flight or waiting");
    queue.finished(slow.id);
    queue.finished(other.id);
    assert_eq!(of(&queue), [Some(39), None]);
}

#[test]
fn all_streams_together_have_a_limit() {
    let mut queue = Queue::default();
    for number in 0..40 {
        let stream = stream(number);
        queue.add((0..10).map(|it| claim(&stream, it, 1, EventUri::ProvDelete)).collect(), 0);
    }

    assert_eq!(started(&mut queue).len(), IN_FLIGHT);
    assert_eq!(queue.drain().len(), 400 - IN_FLIGHT);
}
