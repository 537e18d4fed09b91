//! Poll requests and answers.

use serde_json::json;
use uuid::Uuid;

use crate::{
    delivery::{
        ReceiverError,
        issue::IssuedSet,
        poll::{PollAnswer, PollError, PollRequest},
        seats::Seats,
    },
    tenant::StreamId,
};

#[test]
fn an_empty_request_asks_for_all_and_waits() {
    let request = PollRequest::parse(b"{}").unwrap();

    assert_eq!(
        request,
        PollRequest {
            max_events: 1000,
            return_immediately: false,
            acknowledged: Vec::new(),
            refused: Vec::new(),
        }
    );
}

#[test]
fn every_member_is_read() {
    let body = json!({
        "maxEvents": 5, "returnImmediately": true, "ack": ["a", "b"], "unknown": 1,
        "setErrs": { "c": { "err": "invalid_audience", "description": "not mine" } },
    });

    let request = PollRequest::parse(body.to_string().as_bytes()).unwrap();

    assert_eq!(
        request,
        PollRequest {
            max_events: 5,
            return_immediately: true,
            acknowledged: vec!["a".to_owned(), "b".to_owned()],
            refused: vec![("c".to_owned(), ReceiverError::InvalidAudience)],
        }
    );
}

#[test]
fn a_count_is_capped() {
    for (wanted, expected) in [("0", 0), ("1000", 1000), ("1001", 1000), ("99999999999", 1000)] {
        let body = format!(r#"{{"maxEvents":{wanted}}}"#);
        assert_eq!(PollRequest::parse(body.as_bytes()).unwrap().max_events, expected);
    }
}

#[track_caller]
fn check_invalid(body: &str) {
    let answer = PollRequest::parse(body.as_bytes());
    assert!(matches!(answer, Err(PollError::Invalid(_))), "{body}");
}

#[test]
fn wrong_types_are_refused() {
    let many = json!({ "ack": vec!["x"; 10_001] }).to_string();
    for body in [
        "",
        "[]",
        "not json",
        r#"{"maxEvents":-1}"#,
        r#"{"maxEvents":1.5}"#,
        r#"{"maxEvents":"1"}"#,
        r#"{"maxEvents":null}"#,
        r#"{"returnImmediately":"true"}"#,
        r#"{"ack":"x"}"#,
        r#"{"ack":[1]}"#,
        r#"{"setErrs":[]}"#,
        r#"{"setErrs":{"a":"x"}}"#,
        r#"{"setErrs":{"a":{"description":"x"}}}"#,
        &many,
    ] {
        check_invalid(body);
    }
}

#[test]
fn an_answer_has_sets_by_id() {
    let set = IssuedSet { jti: "j1".to_owned(), seq: 1, compact: "a.b.c".to_owned() };
    let answer = PollAnswer { sets: vec![set], more_available: true };

    assert_eq!(answer.to_json(), json!({ "sets": { "j1": "a.b.c" }, "moreAvailable": true }));
    assert_eq!(PollAnswer::default().to_json(), json!({ "sets": {}, "moreAvailable": false }));
}

#[tokio::test]
async fn a_new_poll_takes_the_seat_of_the_old_one_and_of_no_other_stream() {
    let seats = Seats::default();
    let (one, two) = (StreamId(Uuid::from_u128(1)), StreamId(Uuid::from_u128(2)));
    let old = seats.take(one);
    let other = seats.take(two);

    let new = seats.take(one);
    old.taken().await;
    // The old poll goes, which must not free the seat of the new one.
    drop(old);
    let newest = seats.take(one);

    new.taken().await;
    for seat in [&other, &newest] {
        let taken = futures_util::FutureExt::now_or_never(seat.taken());
        assert!(taken.is_none());
    }
}
