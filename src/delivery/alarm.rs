//! The alarm: a revocation that a receiver has not confirmed after five minutes.
//!
//! It is written to the log once for each event and receiver, whichever replica
//! notices, counted, and told to who asks for the event `revocation-overdue`. Which
//! they are, the receipts in the state `overdue` say.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::error;

use super::measure;
use crate::{
    clock::Clock,
    store::{Overdue, Store, StoreError},
    telemetry::causes,
};

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(10);
/// Alarms raised in one look; more follow at once.
const TOGETHER: usize = 200;

/// Watches over revocations that nobody confirms.
#[derive(Debug)]
pub struct Alarm {
    store: Store,
    clock: Clock,
}

impl Alarm {
    /// An alarm for what is in `store`; call [`Alarm::run`].
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Watches until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(INTERVAL);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.look().await {
                error!(error = causes(&error), "could not look for overdue revocations");
            }
        }
    }

    /// Raises the alarms that are due, and notes how many revocations are overdue.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn look(&self) -> Result<Vec<Overdue>, StoreError> {
        let mut raised = Vec::new();
        let now_us = self.clock.now_us();
        while let Some(tenant) = self.store.overdue_tenant(now_us).await? {
            let ids = (0..TOGETHER).map(|_| self.clock.new_id()).collect();
            let overdue = self.store.tenant(tenant).raise_overdue(now_us, ids).await?;
            for Overdue { tenant, stream, seq, txn } in &overdue {
                measure::alarm();
                error!(tenant.id = %tenant, stream.id = %stream, seq, txn,
                    "a revocation is not confirmed after five minutes");
            }
            raised.extend(overdue);
        }
        measure::overdue(self.store.overdue().await?);
        Ok(raised)
    }
}
