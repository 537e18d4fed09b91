//! The numbers of delivery: how many, and how fast access was gone.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::{
    event::EventUri,
    telemetry::{DEPROVISIONING_CONFIRMED, DEPROVISIONING_FIRST_ATTEMPT},
};

/// Counts what came of a delivery.
pub(super) fn count(outcome: &'static str) {
    counter!("muster_deliveries_total", "outcome" => outcome).increment(1);
}

/// Notes that a receiver has an event; for revocations, how long that took from
/// the commit of the change.
pub(super) fn confirmed(uri: EventUri, occurred_us: i64, now_us: i64) {
    if uri == EventUri::SessionRevoked {
        let seconds = age(occurred_us, now_us).as_secs_f64();
        histogram!(DEPROVISIONING_CONFIRMED).record(seconds);
    }
}

/// Notes that a revocation is sent for the first time, and how long it waited from
/// the commit of the change.
pub(super) fn first_attempt(uri: EventUri, occurred_us: i64, now_us: i64) {
    if uri == EventUri::SessionRevoked {
        let seconds = age(occurred_us, now_us).as_secs_f64();
        histogram!(DEPROVISIONING_FIRST_ATTEMPT).record(seconds);
    }
}

/// Counts a revocation that was not confirmed in time.
pub(super) fn alarm() {
    counter!("muster_deprovisioning_alarms_total").increment(1);
}

/// Notes how many revocations are overdue now.
pub(super) fn overdue(count: i64) {
    gauge!("muster_deprovisionings_overdue").set(u32::try_from(count).unwrap_or(u32::MAX));
}

/// The time since an event happened.
pub(super) fn age(occurred_us: i64, now_us: i64) -> Duration {
    let micros = now_us.saturating_sub(occurred_us);
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
