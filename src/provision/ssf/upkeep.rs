//! What is done with streams that nobody uses.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::Transmitter;
use crate::{
    store::{ChangedBy, Quiet, StatusChange, StoreError, StreamStatus},
    telemetry::causes,
};

/// How often streams are looked at.
const LOOK: Duration = Duration::from_secs(60);
/// Streams looked at in one go.
const BATCH: u32 = 200;
/// A push stream with nothing to send is verified this often, in microseconds, so
/// that a broken one is noticed before it is needed.
const KEEP_ALIVE_US: i64 = 6 * 3_600 * 1_000_000;
/// What the receiver of a paused stream is told.
const INACTIVE: &str = "the stream was not polled for longer than its inactivity_timeout";

impl Transmitter {
    /// Looks after streams until `shutdown`.
    pub async fn look_after_streams(self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            if let Err(error) = self.look_once().await {
                error!(error = causes(&error), "could not look after streams");
            }
        }
    }

    /// Verifies push streams that are idle, and pauses polled ones that are forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn look_once(&self) -> Result<(), StoreError> {
        let now_us = self.clock.now_us();
        let since_us = now_us.saturating_sub(KEEP_ALIVE_US);
        for Quiet { tenant, stream } in self.store.idle_streams(since_us, BATCH).await? {
            // Without `state`: nobody asked (SSF 1.0 §8.1.4.2).
            let event = self.verification(stream, json!({}));
            self.store.tenant(tenant).keep_alive(event, since_us).await?;
        }
        for Quiet { tenant, stream } in self.store.forgotten_streams(now_us, BATCH).await? {
            error!(tenant.id = %tenant, stream.id = %stream,
                "a polled stream is paused: its receiver gave no sign for too long");
            let change = StatusChange {
                status: StreamStatus::Paused,
                reason: Some(INACTIVE.to_owned()),
                by: ChangedBy::Us,
                at_us: now_us,
                notice: self.clock.new_id(),
            };
            self.store.tenant(tenant).change_stream_status(stream, change).await?;
        }
        Ok(())
    }
}
