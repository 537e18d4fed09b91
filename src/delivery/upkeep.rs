//! What is kept of deliveries, and for how long.
//!
//! | what | how long |
//! | --- | --- |
//! | a delivery that was made | `delivered_days`, 7 unless set |
//! | a dead letter | 30 days |
//! | an event | as a delivery that was made, and as long as a stream holds it |
//! | a notice that a paused stream holds | 7 days, or until the stream holds 100,000 events |
//! | any other event that a paused stream holds | until the stream is resumed or deleted |
//! | who was deprovisioned, for the brake | 7 days |
//! | a deleted user, who can come back | 30 days |
//! | an offboarding that is over | 90 days |
//! | the record | for ever; values in it as long as whom they are about |
//!
//! The limits of paused streams are those that CAEP Interoperability Profile
//! 1.0 §2.3.5 asks a transmitter to publish. Notices say what was changed
//! (`prov:*`, `token-claims-change`); whatever takes access away is never dropped.

use std::time::Duration;

use metrics::counter;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{
    clock::Clock,
    store::{Ages, HoldLimit, Store, StoreError},
    telemetry::causes,
    tenant::LONGEST_WINDOW,
};

const DAY: Duration = Duration::from_hours(24);
/// How long a dead letter is kept.
pub const DEAD: Duration = Duration::from_hours(30 * 24);
/// How long a paused stream holds a notice.
pub const HELD: Duration = Duration::from_hours(7 * 24);
/// How many events a paused stream holds, if notices can make room.
pub const MOST_HELD: i64 = 100_000;
/// How long a deleted user is kept.
pub const DELETED: Duration = Duration::from_hours(30 * 24);
/// How long an offboarding is kept that is over.
pub const OFFBOARDED: Duration = Duration::from_hours(90 * 24);
/// How often it is done.
const ROUND: Duration = Duration::from_hours(1);
/// Between two steps: whoever changes something comes first.
const BREATH: Duration = Duration::from_millis(20);

/// Forgets what is not to be kept.
#[derive(Debug, Clone)]
pub struct Upkeep {
    store: Store,
    clock: Clock,
    delivered: Duration,
    most_held: i64,
}

impl Upkeep {
    /// Keeps deliveries that were made for so many days.
    pub fn new(store: Store, clock: Clock, delivered_days: u32) -> Self {
        Self { store, clock, delivered: DAY * delivered_days, most_held: MOST_HELD }
    }

    /// The same, with another limit of what a paused stream holds.
    #[cfg(test)]
    pub(super) fn holding(self, most_held: i64) -> Self {
        Self { most_held, ..self }
    }

    /// Works until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let work = async {
            loop {
                if let Err(error) = self.sweep().await {
                    error!(error = causes(&error), "could not forget what is old");
                }
                tokio::time::sleep(ROUND).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => (),
            () = work => (),
        }
    }

    /// Goes through everything once.
    pub(super) async fn sweep(&self) -> Result<(), StoreError> {
        let ages = Ages { delivered_us: self.ago(self.delivered), dead_us: self.ago(DEAD) };
        for tenant in self.store.tenant_ids().await? {
            let store = self.store.tenant(tenant);
            let mut seen = 0;
            while let Some(last) = store.forget_old(seen, ages).await? {
                seen = last;
                tokio::time::sleep(BREATH).await;
            }
            store.forget_deprovisioned(self.ago(LONGEST_WINDOW)).await?;
            store.forget_deleted(self.ago(DELETED)).await?;
        }
        self.store.forget_offboardings(self.ago(OFFBOARDED)).await?;
        let limit = HoldLimit { before_us: self.ago(HELD), count: self.most_held };
        for (tenant, stream) in self.store.paused_streams().await? {
            let store = self.store.tenant(tenant);
            let mut sum = 0;
            loop {
                let dropped = store.drop_held(stream, limit).await?;
                if dropped == 0 {
                    break;
                }
                sum += dropped;
                tokio::time::sleep(BREATH).await;
            }
            if 0 < sum {
                counter!("muster_held_events_dropped_total").increment(sum);
                warn!(tenant.id = %tenant, stream.id = %stream, dropped = sum,
                    "a paused stream dropped its oldest notices");
            }
        }
        Ok(())
    }

    fn ago(&self, age: Duration) -> i64 {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        self.clock.now_us().saturating_sub(age)
    }
}
