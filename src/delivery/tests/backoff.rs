//! The retry table.

use std::time::Duration;

use crate::delivery::{
    Outcome, OutgoingError, ReceiverError,
    backoff::{Family, HORIZON, Next, Tried, decide},
};

const NEW: Duration = Duration::from_secs(1);
/// In the middle: waits are as the schedule says.
const CALM: f64 = 0.5;

fn answered(status: u16) -> Outcome {
    Outcome::Answered { status, error: None, description: None, retry_after: None }
}

fn refused(error: ReceiverError) -> Outcome {
    Outcome::Answered { status: 400, error: Some(error), description: None, retry_after: None }
}

fn throttled(seconds: u64) -> Outcome {
    Outcome::Answered {
        status: 429,
        error: None,
        description: None,
        retry_after: Some(Duration::from_secs(seconds)),
    }
}

/// Attempt number `attempt` at an ordinary event; all before it ended alike.
fn tried(attempt: u32, age: Duration) -> Tried {
    Tried { family: Family::Set, attempt, same: attempt, age, is_revocation: false }
}

/// What is decided, in short.
#[track_caller]
fn check_tried(outcome: &Outcome, tried: Tried, expected: &str) {
    let next = match decide(tried, outcome, CALM) {
        Next::Done => "done".to_owned(),
        Next::Retry(wait) => format!("{} s", wait.as_secs_f64().round()),
        Next::Dead(_) => "dead".to_owned(),
        Next::Pause(_) => "pause".to_owned(),
    };
    assert_eq!(next, expected, "{tried:?}: {outcome:?}");
}

#[track_caller]
fn check(outcome: &Outcome, attempt: u32, age: Duration, expected: &str) {
    check_tried(outcome, tried(attempt, age), expected);
}

#[test]
fn the_first_answer_decides() {
    for (status, expected) in [
        (202, "done"),
        (200, "done"),
        (204, "done"),
        (409, "done"),
        (301, "1 s"),
        (307, "1 s"),
        (400, "1 s"),
        (401, "15 s"),
        (403, "1 s"),
        (404, "1 s"),
        (405, "1 s"),
        (408, "1 s"),
        (410, "pause"),
        (413, "dead"),
        (425, "1 s"),
        (429, "60 s"),
        (500, "1 s"),
        (503, "1 s"),
    ] {
        check(&answered(status), 1, NEW, expected);
    }
}

#[test]
fn an_error_code_decides() {
    for (error, first, later) in [
        (ReceiverError::InvalidRequest, "dead", "dead"),
        (ReceiverError::InvalidKey, "60 s", "pause"),
        (ReceiverError::InvalidIssuer, "pause", "pause"),
        (ReceiverError::InvalidAudience, "pause", "pause"),
        (ReceiverError::AuthenticationFailed, "15 s", "pause"),
        (ReceiverError::AccessDenied, "1 s", "dead"),
        (ReceiverError::InvalidState, "dead", "dead"),
        (ReceiverError::Other, "1 s", "dead"),
    ] {
        check(&refused(error), 1, NEW, first);
        check(&refused(error), 14, Duration::from_hours(30), later);
    }
}

#[test]
fn without_an_answer_it_is_tried_again() {
    for error in [OutgoingError::Connect, OutgoingError::Timeout, OutgoingError::Broken] {
        check(&Outcome::Failed(error), 1, NEW, "1 s");
        check(&Outcome::Failed(error), 3, NEW, "5 s");
    }
    check(&Outcome::NotReady, 1, NEW, "1 s");
    check(&Outcome::Failed(OutgoingError::Refused("only https")), 1, NEW, "pause");
}

#[test]
fn a_receivers_wish_is_honoured_up_to_an_hour() {
    check(&throttled(90), 1, NEW, "90 s");
    check(&throttled(0), 1, NEW, "1 s");
    check(&throttled(86_400), 1, NEW, "3600 s");
}

#[test]
fn refusals_end_after_their_number_of_attempts() {
    check(&answered(400), 3, NEW, "5 s");
    check(&answered(400), 4, NEW, "dead");
    check(&answered(401), 10, NEW, "15 s");
    check(&answered(401), 11, NEW, "pause");
}

#[test]
fn failures_of_another_kind_do_not_count_as_refusals() {
    let day = Duration::from_hours(24);
    for (outcome, expected) in [
        (answered(400), "1 s"),
        (answered(401), "15 s"),
        (answered(403), "1 s"),
        (refused(ReceiverError::InvalidKey), "60 s"),
        (refused(ReceiverError::AccessDenied), "1 s"),
        (refused(ReceiverError::Other), "1 s"),
    ] {
        check_tried(&outcome, Tried { same: 1, ..tried(14, day) }, expected);
    }
}

#[test]
fn time_alone_never_ends_a_revocation_but_pauses_its_stream() {
    let week = Duration::from_hours(24 * 7);
    for outcome in [
        answered(503),
        answered(307),
        answered(403),
        throttled(9),
        refused(ReceiverError::AccessDenied),
        Outcome::Failed(OutgoingError::Connect),
        Outcome::NotReady,
    ] {
        let late = tried(60, week);
        check_tried(&outcome, late, "dead");
        check_tried(&outcome, Tried { is_revocation: true, ..late }, "pause");
    }
    let malformed = Tried { is_revocation: true, ..tried(1, NEW) };
    check_tried(&refused(ReceiverError::InvalidRequest), malformed, "dead");
}

#[test]
fn waits_lengthen_to_four_hours_and_end_after_three_days() {
    let mut waited = Duration::ZERO;
    let mut waits = Vec::new();
    let end = loop {
        let attempt = u32::try_from(waits.len()).unwrap() + 1;
        match decide(tried(attempt, waited), &answered(503), CALM) {
            Next::Retry(wait) => {
                waited += wait;
                waits.push(wait.as_secs_f64().round());
            }
            end => break end,
        }
    };

    assert!(matches!(end, Next::Dead(_)));
    assert_eq!(waits[..7], [1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0]);
    assert!(waits.is_sorted());
    assert_eq!(waits.last(), Some(&14_400.0));
    assert!(HORIZON <= waited && waited < HORIZON + Duration::from_hours(4));
}

#[test]
fn an_endpoint_that_is_missing_for_a_day_pauses_the_stream() {
    let day = Duration::from_hours(24);
    check(&answered(404), 25, day.saturating_sub(NEW), "14400 s");
    check(&answered(404), 25, day, "pause");
}

#[test]
fn an_old_event_is_not_given_up_at_its_first_failure() {
    check(&answered(503), 1, Duration::from_hours(24 * 7), "1 s");
    check(&answered(403), 1, Duration::from_hours(24 * 7), "1 s");
}

#[test]
fn jitter_moves_a_wait_by_a_fifth() {
    let wait = |jitter| match decide(tried(4, NEW), &answered(503), jitter) {
        Next::Retry(wait) => wait.as_secs_f64(),
        next => panic!("{next:?}"),
    };
    assert!((wait(0.0) - 8.0).abs() < 1e-6);
    assert!((wait(1.0) - 12.0).abs() < 1e-6);
}

#[test]
fn an_answer_is_read_and_its_words_are_kept_short_and_clean() {
    let body = |text: &str| format!(r#"{{"err":"invalid_key","description":"{text}"}}"#);
    let long = "x".repeat(4000);
    for (body, secret, expected) in [
        (body("unknown kid"), None, "invalid_key: unknown kid"),
        (body("Bearer s3cret is wrong"), Some("Bearer s3cret"), "invalid_key"),
        (body("token s3cret-token-1 is wrong"), Some("Bearer s3cret-token-1"), "invalid_key"),
        (body("s3cret\\u0000-token-1"), Some("Bearer s3cret-token-1"), "invalid_key"),
        (body("no Bearer here"), Some("Bearer s3cret-token-1"), "invalid_key: no Bearer here"),
        (body(&format!("{long} s3cret-token-1")), Some("Bearer s3cret-token-1"), "invalid_key"),
        (body("a\\u001b\\nb"), None, "invalid_key: ab"),
        (body(&long), None, &format!("invalid_key: {}", "x".repeat(187))),
        (r#"{"err":"made_up"}"#.to_owned(), None, "unknown error code"),
        ("<html>".to_owned(), None, "the receiver answered 400"),
    ] {
        let outcome = Outcome::of_answer(400, None, body.as_bytes(), secret);
        assert_eq!(outcome.describe(), expected);
    }
}
