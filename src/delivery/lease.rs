//! Leases on claims, kept up while their worker lives.
//!
//! A lease has to outlast an attempt, and has to end soon after its worker died,
//! because a leaver stays logged in until then. So it is short, and renewed.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tracing::warn;

use crate::{
    clock::Clock,
    store::{Claim, LeaseKey, Store},
    telemetry::causes,
};

/// After this long, what a dead worker held is sent by another one.
pub(super) const LEASE: Duration = Duration::from_secs(12);
/// Leaves room for two renewals that fail.
const RENEWAL: Duration = Duration::from_secs(3);
/// Left of a lease, this is too little to begin an attempt.
const LAST_START: Duration = Duration::from_secs(2);

/// What a worker holds.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: Mutex<HashSet<LeaseKey>>,
    /// When the leases that were renewed last run out, in microseconds since 1970.
    renewed_until_us: AtomicI64,
}

impl Leases {
    /// Keeps up the leases of `claims` from now on.
    pub(super) fn take(&self, claims: &[Claim]) {
        self.held().extend(claims.iter().map(Claim::lease));
    }

    /// Lets the leases of `claims` go.
    pub(super) fn leave(&self, claims: &[Claim]) {
        let mut held = self.held();
        for claim in claims {
            held.remove(&claim.lease());
        }
    }

    /// Whether an attempt may begin under a lease that was taken until `until_us`.
    pub(super) fn may_begin(&self, now_us: i64, until_us: i64) -> bool {
        let until_us = until_us.max(self.renewed_until_us.load(Ordering::Acquire));
        now_us.saturating_add(micros(LAST_START)) < until_us
    }

    /// Renews what is held, again and again.
    pub(super) async fn keep_up(&self, store: &Store, clock: &Clock) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            let held: Vec<LeaseKey> = self.held().iter().copied().collect();
            if held.is_empty() {
                continue;
            }
            let until_us = clock.now_us().saturating_add(micros(LEASE));
            match store.renew(held, until_us).await {
                Ok(()) => self.renewed_until_us.store(until_us, Ordering::Release),
                Err(error) => warn!(error = causes(&error), "could not renew leases"),
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashSet<LeaseKey>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
