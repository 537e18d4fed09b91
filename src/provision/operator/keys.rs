//! Signing keys: which there are, and what takes their place.

use std::{sync::Arc, time::Duration};

use super::{KeyRecord, Operator, OperatorError};
use crate::{
    store::{Successor, make_signing_key},
    tenant::KeyTimes,
};

impl Operator {
    /// With other times for signing keys than the usual.
    #[must_use]
    pub fn with_key_times(self, key_times: KeyTimes) -> Self {
        Self { key_times, ..self }
    }

    /// The tenant's signing keys, oldest first; the key set shows all of them.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn keys(&self, tenant: &str) -> Result<Vec<KeyRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.signing_keys().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Makes a new signing key. The key set shows it from now on; it signs when
    /// every receiver must have seen it.
    ///
    /// With `at_once` it signs from now on, or the one that is shown already does:
    /// a receiver that keeps the key set refuses Sets until it asks for it again.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::InUse`] if a new key is shown already.
    pub async fn rotate_key(
        &self,
        tenant: &str,
        at_once: bool,
    ) -> Result<Vec<KeyRecord>, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        let store = self.store.tenant(row.id);
        let made = make_signing_key(Arc::clone(&self.secret), &self.clock, row.id, tenant);
        let (key, now_us) = (made.await?, self.clock.now_us());
        if at_once {
            let keep_until_us = now_us.saturating_add(micros(self.key_times.kept_after));
            store.replace_signing_key(Successor::AtOnce(key), now_us, keep_until_us).await?;
        } else {
            let use_at_us = now_us.saturating_add(micros(self.key_times.shown_before));
            if !store.publish_signing_key(key, use_at_us).await? {
                return Err(OperatorError::InUse(format!(
                    "tenant `{tenant}` has a new signing key already, which is shown and will be \
                     used; ask for it at once, or revoke it first"
                )));
            }
        }
        self.keys(tenant).await
    }

    /// Removes a signing key at once, also from the key set: receivers refuse what
    /// it signed as soon as they ask for the key set again. If it is the one that
    /// signs, another takes its place, and whatever is not delivered yet is signed
    /// with that one, under the same `jti`.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such key.
    pub async fn revoke_key(
        &self,
        tenant: &str,
        kid: &str,
    ) -> Result<Vec<KeyRecord>, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        let unknown = || OperatorError::NotFound(format!("signing key `{kid}`"));
        if !self.keys(tenant).await?.iter().any(|key| key.kid == kid) {
            return Err(unknown());
        }
        let spare = make_signing_key(Arc::clone(&self.secret), &self.clock, row.id, tenant).await?;
        let store = self.store.tenant(row.id);
        match store.revoke_signing_key(kid, spare, self.clock.now_us()).await? {
            true => self.keys(tenant).await,
            false => Err(unknown()),
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
