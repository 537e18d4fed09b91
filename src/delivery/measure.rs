//! The numbers of delivery: how many, and how fast access was gone.

use std::time::Duration;

use metrics::{counter, histogram};

use crate::event::EventUri;

/// Counts what came of a delivery.
pub(super) fn count(outcome: &'static str) {
    counter!("muster_deliveries_total", "outcome" => outcome).increment(1);
}

/// Notes that a receiver has an event; for revocations, how long that took from
/// the commit of the change.
pub(super) fn confirmed(uri: EventUri, occurred_us: i64, now_us: i64) {
    if uri == EventUri::SessionRevoked {
        let seconds = age(occurred_us, now_us).as_secs_f64();
        histogram!("muster_revocation_confirmed_seconds").record(seconds);
    }
}

/// The time since an event happened.
pub(super) fn age(occurred_us: i64, now_us: i64) -> Duration {
    let micros = now_us.saturating_sub(occurred_us);
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
