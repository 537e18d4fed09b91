//! Does what was accepted, some requests side by side.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Asynchronous, Finished, Opened, damaged};
use crate::{
    provision::{ProvisionError, bulk::LEASE_US},
    scim::bulk::{Done, bulk_response},
    store::{AsyncClaim, AsyncProgress},
    telemetry::causes,
};

/// Requests that are done at a time. Each holds a connection to the database, which
/// others wait for whose clients wait too.
const TOGETHER: usize = 2;
/// How long to sleep at most: another process accepts requests too, and may die.
const IDLE: Duration = Duration::from_secs(1);
/// How often a request may be begun again without going on.
const ATTEMPTS: i32 = 5;
/// How long results are kept, in microseconds: a day.
const KEPT_US: i64 = 24 * 3600 * 1_000_000;
/// How often old results are removed, in microseconds.
const CLEAN_US: i64 = 60 * 1_000_000;

impl Asynchronous {
    /// Works until `shutdown`. What has begun goes on to the end of its transaction.
    pub async fn run(self, shutdown: CancellationToken) {
        let store = &self.provisioner.store;
        if let Err(error) = store.release_own_async_requests().await {
            warn!(error = causes(&error), "could not end the leases of the last run");
        }
        // Tasks of their own, so that what waits for the database goes on while this
        // loop waits for it too.
        let mut running = JoinSet::new();
        let mut cleaned_us = 0;
        while !shutdown.is_cancelled() {
            // Listen before looking, so that what is accepted in between wakes us.
            let mut accepted = pin!(self.accepted.notified());
            accepted.as_mut().enable();
            while running.len() < TOGETHER
                && let Some(claim) = self.claim().await
            {
                running.spawn(self.clone().work(claim, shutdown.clone()));
            }
            self.clean(&mut cleaned_us).await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = accepted => (),
                () = tokio::time::sleep(IDLE) => (),
                Some(_) = running.join_next() => (),
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn claim(&self) -> Option<AsyncClaim> {
        let now_us = self.provisioner.clock.now_us();
        let until_us = now_us.saturating_add(LEASE_US);
        match self.provisioner.store.claim_async_request(now_us, until_us).await {
            Ok(claim) => claim,
            Err(error) => {
                error!(error = causes(&error), "could not look for asynchronous requests");
                None
            }
        }
    }

    /// Does a request, as far as it goes.
    async fn work(self, claim: AsyncClaim, shutdown: CancellationToken) {
        // One request's panic must not take the others with it.
        let done = AssertUnwindSafe(self.advance(&claim, &shutdown)).catch_unwind().await;
        let failure = match done {
            Ok(Ok(true)) => return self.finished.notify_waiters(),
            Ok(Ok(false)) => None,
            Ok(Err(failure)) => Some(causes(&failure)),
            Err(_) => Some("the work panicked".to_owned()),
        };
        match failure {
            Some(failure) => warn!(
                tenant.id = %claim.tenant, request.id = %claim.id, attempt = claim.attempt,
                error = failure, "an asynchronous request waits to be tried again"
            ),
            None => {
                let released =
                    self.provisioner.store.release_async_request(claim.tenant, claim.id).await;
                if let Err(error) = released {
                    warn!(error = causes(&error), "could not give a request back");
                }
            }
        }
    }

    /// Whether the request is done; it is not if the service stops before.
    async fn advance(
        &self,
        claim: &AsyncClaim,
        shutdown: &CancellationToken,
    ) -> Result<bool, ProvisionError> {
        let store = &self.provisioner.store;
        // A request of a credential that is gone went with its tenant.
        let Some(caller) = store.caller_once(claim.credential).await? else { return Ok(false) };
        let place = (claim.tenant, claim.id);
        let opened = self.open(Arc::new(caller), place, &claim.sealed, &claim.results);
        let Opened { job, mut progress } = match opened {
            Ok(opened) => opened,
            // Its endpoint is gone, say; it will not come back by waiting.
            Err(ProvisionError::Scim(error)) => return self.bury(claim, Done::from(&error)).await,
            Err(error) if claim.attempt < ATTEMPTS => return Err(error),
            Err(error) => {
                error!(error = causes(&error), request.id = %claim.id, "a request is given up");
                let done = Done::failed(500, None, "the service failed; this was logged");
                return self.bury(claim, done).await;
            }
        };
        let job = Arc::new(job);
        if ATTEMPTS <= claim.attempt {
            error!(tenant.id = %claim.tenant, request.id = %claim.id, "a request is given up");
            return self.provisioner.give_up(&job, progress).await.map(|_| true);
        }
        loop {
            progress = self.provisioner.advance_kept(&job, progress).await?;
            if job.is_over(&progress) {
                self.provisioner.log.tell(&job.caller, &progress.notices());
                return Ok(true);
            }
            if shutdown.is_cancelled() {
                return Ok(false);
            }
        }
    }

    /// Ends a request that can no longer be read; no event can say what it was.
    async fn bury(&self, claim: &AsyncClaim, done: Done) -> Result<bool, ProvisionError> {
        let body = bulk_response(Vec::new());
        let finished = Finished { body, notice: None, only: Some(done) };
        let now_us = self.provisioner.clock.now_us();
        let end = Arc::new(AsyncProgress {
            id: claim.id,
            done_before: claim.done,
            done: claim.done,
            results: serde_json::to_string(&finished)
                .map_err(|error| damaged(&error.to_string()))?,
            leased_until_us: now_us,
            finished_us: Some(now_us),
        });
        let tenant = self.provisioner.store.tenant(claim.tenant);
        let ended = tenant.write(move |tx| {
            let end = Arc::clone(&end);
            Box::pin(async move { tx.advance_async_request(&end).await })
        });
        ended.await.map(|()| true).map_err(ProvisionError::from)
    }

    async fn clean(&self, cleaned_us: &mut i64) {
        let now_us = self.provisioner.clock.now_us();
        if now_us < cleaned_us.saturating_add(CLEAN_US) {
            return;
        }
        *cleaned_us = now_us;
        let before_us = now_us.saturating_sub(KEPT_US);
        if let Err(error) = self.provisioner.store.forget_async_requests(before_us).await {
            warn!(error = causes(&error), "could not remove old results");
        }
    }
}
