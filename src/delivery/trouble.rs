//! Streams at which every attempt fails: who looks after them is warned, and in
//! the end the stream is paused. It is never disabled, so nothing is lost.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::{counter, gauge};
use tracing::{error, warn};

use super::measure;
use crate::{
    clock::Clock,
    store::{ChangedBy, Claim, FailingStream, StatusChange, Store, StoreError, StreamStatus},
    telemetry::causes,
    tenant::StreamId,
};

/// After so long a warning is given; after the last one the stream is paused.
const WARNINGS: [(Duration, &str); 4] = [
    (Duration::from_mins(15), "15m"),
    (Duration::from_hours(1), "1h"),
    (Duration::from_hours(6), "6h"),
    (Duration::from_hours(24), "24h"),
];
const PAUSED: &str = "every attempt failed for 24 hours";
/// How often streams are looked after.
const ROUND: Duration = Duration::from_mins(1);

/// The streams that fail, and how many warnings there were of each.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    failing: Mutex<HashMap<StreamId, usize>>,
}

impl Trouble {
    /// Notes a failed attempt.
    pub(super) async fn failed(&self, store: &Store, claim: &Claim, now_us: i64) {
        let stream = claim.stream.id;
        if self.failing().contains_key(&stream) {
            return;
        }
        self.failing().insert(stream, 0);
        if let Err(error) = store.began_failing(claim.stream.tenant, stream, now_us).await {
            self.failing().remove(&stream);
            warn!(error = causes(&error), "could not note that a stream fails");
        }
    }

    /// Notes that something arrived.
    pub(super) async fn arrived(&self, store: &Store, claim: &Claim) {
        let stream = claim.stream.id;
        let Some(warnings) = self.failing().remove(&stream) else { return };
        if let Err(error) = store.recovered(claim.stream.tenant, stream).await {
            self.failing().insert(stream, warnings);
            warn!(error = causes(&error), "could not note that a stream recovered");
        }
    }

    /// Looks after the streams, again and again.
    pub(super) async fn watch(&self, store: &Store, clock: &Clock) {
        loop {
            if let Err(error) = self.look(store, clock).await {
                error!(error = causes(&error), "could not look after streams that fail");
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    /// Warns of what fails, and pauses what has failed for too long. Another
    /// process may have seen it fail or recover, so the database is asked.
    pub(super) async fn look(&self, store: &Store, clock: &Clock) -> Result<(), StoreError> {
        let failing = store.failing_streams().await?;
        gauge!("muster_failing_streams")
            .set(f64::from(u32::try_from(failing.len()).unwrap_or(u32::MAX)));
        let known = {
            let counted = |it: &FailingStream, known: &HashMap<_, _>| {
                (it.stream, known.get(&it.stream).copied().unwrap_or(0))
            };
            let mut known = self.failing();
            *known = failing.iter().map(|it| counted(it, &known)).collect();
            known.clone()
        };
        for stream in failing {
            let given = known.get(&stream.stream).copied().unwrap_or(0);
            self.warn_of(store, clock, stream, given).await?;
        }
        Ok(())
    }

    async fn warn_of(
        &self,
        store: &Store,
        clock: &Clock,
        failing: FailingStream,
        given: usize,
    ) -> Result<(), StoreError> {
        let now_us = clock.now_us();
        let age = measure::age(failing.since_us, now_us);
        let due = WARNINGS.iter().filter(|(after, _)| *after <= age).count();
        let Some((_, name)) = WARNINGS.get(due.wrapping_sub(1)).filter(|_| given < due) else {
            return Ok(());
        };
        counter!("muster_stream_warnings_total", "after" => *name).increment(1);
        warn!(tenant.id = %failing.tenant, stream.id = %failing.stream, after = name,
            "nothing arrives at a stream");
        self.failing().insert(failing.stream, due);
        if due == WARNINGS.len() {
            let change = StatusChange {
                status: StreamStatus::Paused,
                reason: Some(PAUSED.to_owned()),
                by: ChangedBy::Us,
                at_us: now_us,
                notice: clock.new_id(),
            };
            store.tenant(failing.tenant).change_stream_status(failing.stream, change).await?;
            self.failing().remove(&failing.stream);
            measure::count("paused");
            error!(tenant.id = %failing.tenant, stream.id = %failing.stream, reason = PAUSED,
                "stream paused");
        }
        Ok(())
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<StreamId, usize>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
