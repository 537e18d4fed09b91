//! Signing keys come and go by themselves.
//!
//! A new key is in the key set long before it signs, and an old one long after,
//! so that a receiver which keeps the key set for a while never meets a Set that
//! it cannot verify. Every replica does this; what two do at once is done once.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    clock::Clock,
    store::{KeyError, SecretKey, Store, StoreError, Successor, make_signing_key},
    telemetry::causes,
    tenant::{KeyTimes, TenantId},
};

/// How late a key may change.
const LATENESS: Duration = Duration::from_secs(1);

/// Looks after every tenant's signing keys.
#[derive(Debug)]
pub struct Rotation {
    store: Store,
    secret: Arc<SecretKey>,
    clock: Clock,
    times: KeyTimes,
}

/// Why keys could not be looked after.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// A key could not be made.
    #[error("a key could not be made")]
    Key(#[from] KeyError),
}

impl Rotation {
    /// Changes keys at `times`; new ones are sealed with `secret`.
    pub fn new(store: Store, secret: Arc<SecretKey>, clock: Clock, times: KeyTimes) -> Self {
        Self { store, secret, clock, times }
    }

    /// Looks after the keys until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            if let Err(error) = self.round().await {
                error!(error = causes(&error), "could not look after the signing keys");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LATENESS) => (),
            }
        }
    }

    /// Does what is due now, for some tenants.
    ///
    /// # Errors
    ///
    /// [`RotationError`] if a part could not be done; it is due again next time.
    pub async fn round(&self) -> Result<(), RotationError> {
        let now_us = self.clock.now_us();
        for tenant in self.store.tenants_with_due_keys(now_us).await? {
            self.change(tenant, now_us).await?;
        }
        let Some(longest) = self.times.replaced_after else { return Ok(()) };
        let before_us = now_us.saturating_sub(micros(longest));
        for (tenant, name) in self.store.tenants_with_old_keys(before_us).await? {
            let key = make_signing_key(Arc::clone(&self.secret), &self.clock, tenant, &name);
            let use_at_us = now_us.saturating_add(micros(self.times.shown_before));
            let (key, store) = (key.await?, self.store.tenant(tenant));
            let kid = key.key.kid.clone();
            if store.publish_signing_key(key, use_at_us).await? {
                info!(tenant.id = %tenant, kid, "a signing key is shown and will be used");
            }
        }
        Ok(())
    }

    async fn change(&self, tenant: TenantId, now_us: i64) -> Result<(), StoreError> {
        let store = self.store.tenant(tenant);
        let keep_until_us = now_us.saturating_add(micros(self.times.kept_after));
        if store.replace_signing_key(Successor::Due, now_us, keep_until_us).await? {
            info!(tenant.id = %tenant, "another signing key is used");
        }
        let removed = store.remove_retired_keys(now_us).await?;
        if 0 < removed {
            info!(tenant.id = %tenant, removed, "signing keys are removed");
        }
        Ok(())
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
