//! The end of a transaction, or of a part of one: kept or undone.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sea_orm::{DatabaseTransaction, DbBackend, TransactionTrait};

use super::{
    StoreError, TenantTx, View, Work,
    view::{Handle, News},
};
use crate::tenant::TenantId;

/// How a transaction or savepoint ended.
pub(super) struct Settled<T, E> {
    pub(super) outcome: Result<T, E>,
    /// What others wait for, if it was committed.
    pub(super) news: News,
    /// Undone because another transaction crossed it.
    pub(super) crossed: bool,
    /// The connection did not even take the end of the transaction.
    pub(super) in_doubt: bool,
}

/// Does the work, and keeps or undoes it.
pub(super) async fn settle<T, E, W>(tx: TenantTx, work: &W) -> Settled<T, E>
where
    E: From<StoreError>,
    W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, E>,
{
    let outcome = work(&tx).await;
    end(tx, outcome).await
}

/// Keeps or undoes what was done in a transaction or savepoint.
async fn end<T, E: From<StoreError>>(tx: TenantTx, outcome: Result<T, E>) -> Settled<T, E> {
    let (news, crossed) = (tx.news(), tx.was_crossed());
    let outcome = match tx.is_in_doubt() {
        true => outcome.and(Err(StoreError::unavailable("a part could not be undone").into())),
        false => outcome,
    };
    let Handle::Transaction(transaction) = tx.view.handle else {
        return Settled { outcome, news: News::default(), crossed, in_doubt: false };
    };
    match outcome {
        Ok(value) => match transaction.commit().await.map_err(StoreError::from) {
            Ok(()) => Settled { outcome: Ok(value), news, crossed: false, in_doubt: false },
            Err(error) => Settled {
                crossed: error.is_transient(),
                in_doubt: !error.is_transient(),
                outcome: Err(error.into()),
                news: News::default(),
            },
        },
        Err(error) => {
            let in_doubt = transaction.rollback().await.is_err();
            Settled { outcome: Err(error), news: News::default(), crossed, in_doubt }
        }
    }
}

/// Does a job of a batch under a savepoint; also tells whether it is in doubt.
pub(super) async fn run_job<T, E, W>(
    batch: &DatabaseTransaction,
    tenant: TenantId,
    work: &W,
) -> (Result<(T, News), E>, bool)
where
    E: From<StoreError>,
    W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, E> + Sync,
{
    let tx = match savepoint(batch, tenant).await {
        Ok(tx) => tx,
        Err(error) => return (Err(error.into()), true),
    };
    // One caller's panic must not take the writer with it.
    match AssertUnwindSafe(settle(tx, work)).catch_unwind().await {
        Ok(settled) => (settled.outcome.map(|value| (value, settled.news)), settled.in_doubt),
        Err(_) => (Err(StoreError::Panicked.into()), true),
    }
}

async fn savepoint(batch: &DatabaseTransaction, tenant: TenantId) -> Result<TenantTx, StoreError> {
    let savepoint = batch.begin().await?;
    Ok(TenantTx::new(View::new(tenant, DbBackend::Sqlite, Handle::Transaction(savepoint))))
}

impl TenantTx {
    /// Does `work` as a part of this transaction: all of it is kept, or nothing,
    /// and the transaction goes on either way.
    ///
    /// # Errors
    ///
    /// What `work` gives, after which nothing of it is kept, or a [`StoreError`].
    pub async fn nested<T, E, W>(&self, work: W) -> Result<T, E>
    where
        E: From<StoreError>,
        W: AsyncFnOnce(&TenantTx) -> Result<T, E>,
    {
        let savepoint = match &self.view.handle {
            Handle::Transaction(transaction) => transaction.begin().await,
            Handle::Batch(transaction) => transaction.begin().await,
            Handle::Readers(_) | Handle::Session(_) => {
                return Err(StoreError::unavailable("there is no transaction to nest in").into());
            }
        };
        let handle = Handle::Transaction(savepoint.map_err(StoreError::from)?);
        let part = TenantTx::new(View::new(self.view.tenant, self.view.backend, handle));
        let outcome = work(&part).await;
        self.absorb(end(part, outcome).await)
    }
}
