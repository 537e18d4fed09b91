//! The keys and credentials that delivery needs, opened for a while.

use std::{hash::Hash, sync::Arc, time::Duration};

use moka::future::Cache;
use secrecy::SecretString;

use crate::{
    event::SigningKey,
    store::{KeyError, SecretKey, Store, Stream},
    tenant::{StreamId, TenantId},
};

/// Another process may have changed a credential; this late we notice.
const CREDENTIAL_AGE: Duration = Duration::from_mins(1);
/// Another process may have revoked a signing key; this late we notice. Changes
/// of this process are noticed at once.
const SIGNING_KEY_AGE: Duration = Duration::from_secs(10);
const CACHED_KEYS: u64 = 10_000;

/// What lies sealed in the database and is needed for every Set, opened for a
/// while.
#[derive(Debug, Clone)]
pub struct KeyRing {
    store: Store,
    secret: Arc<SecretKey>,
    /// By the number of changes to keys: a change makes every key out of date.
    signing: Cache<(TenantId, u64), Arc<SigningKey>>,
    /// By the configuration they belong to: a new one has a new credential.
    authorizations: Cache<(StreamId, i64), Option<Arc<SecretString>>>,
}

impl KeyRing {
    /// Opens what is in `store` with `secret`.
    pub fn new(store: Store, secret: Arc<SecretKey>) -> Self {
        Self {
            store,
            secret,
            signing: cache(SIGNING_KEY_AGE),
            authorizations: cache(CREDENTIAL_AGE),
        }
    }

    /// The key that signs the tenant's events.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the store does not give it or it does not open.
    pub async fn active(&self, tenant: TenantId) -> Result<Arc<SigningKey>, Arc<KeyError>> {
        // Read first: a change that comes while the key is read makes it out of date.
        let place = (tenant, self.store.signing_key_changes());
        // Who sends at the same time waits for the one that opens: that is work.
        self.signing.try_get_with(place, self.open(tenant)).await
    }

    async fn open(&self, tenant: TenantId) -> Result<Arc<SigningKey>, KeyError> {
        let sealed = self.store.signing_key(tenant).await.map_err(KeyError::Store)?;
        Ok(Arc::new(self.secret.open_signing_key(tenant, &sealed)?))
    }

    /// The `Authorization` value that the stream's receiver expects, if any.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the store does not give it or it does not open.
    pub async fn authorization(
        &self,
        stream: &Stream,
    ) -> Result<Option<Arc<SecretString>>, KeyError> {
        let (tenant, id) = (stream.tenant, stream.id);
        let place = (id, stream.changed_us);
        if let Some(known) = self.authorizations.get(&place).await {
            return Ok(known);
        }
        let sealed = self.store.stream_authorization(tenant, id).await;
        let authorization = match sealed.map_err(KeyError::Store)? {
            Some(sealed) => Some(self.secret.open_authorization(tenant, id, &sealed)?),
            None => None,
        };
        let authorization = authorization.map(Arc::new);
        self.authorizations.insert(place, authorization.clone()).await;
        Ok(authorization)
    }

    /// Forgets the tenant's key, so that the next Set is signed with the one
    /// that is active by then.
    pub async fn forget(&self, tenant: TenantId) {
        self.signing.invalidate(&(tenant, self.store.signing_key_changes())).await;
    }

    /// Forgets the receiver's credential, which may have been replaced.
    pub async fn forget_authorization(&self, stream: &Stream) {
        self.authorizations.invalidate(&(stream.id, stream.changed_us)).await;
    }
}

fn cache<K, V>(age: Duration) -> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(CACHED_KEYS).time_to_live(age).build()
}
