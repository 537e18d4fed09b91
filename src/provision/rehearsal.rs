//! Changes that are answered as if they were made, and are not: dry runs, and connections
//! in shadow mode.
//!
//! The change is made in a transaction that is undone, so that it is judged exactly as a
//! real one. What a connection in shadow mode would have changed goes into the record.

use std::sync::Arc;

use uuid::{Builder, Uuid};

use super::{Access, ProvisionError, Provisioner};
use crate::{
    scim::ScimError,
    store::{AuditEntry, AuditRow, StoreError, TenantTx, Work},
};

/// Entries that one rehearsed change puts into the record, at most.
const MOST_TOLD: u32 = 1_000;
/// So long before its end a request has begun, at most, in milliseconds.
const LONGEST_MS: u64 = 60_000;

/// Whether changes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They are.
    #[default]
    Real,
    /// They are answered as if, and nothing is kept.
    DryRun,
    /// As in a dry run; the record tells what would have changed.
    Shadow,
}

impl Mode {
    /// Refuses what can only be done for real.
    ///
    /// # Errors
    ///
    /// `NotImplemented`.
    pub fn refuse_unless_real(self, what: &'static str) -> Result<(), ScimError> {
        match self {
            Self::Real => Ok(()),
            Self::DryRun | Self::Shadow => Err(ScimError::NotImplemented(what)),
        }
    }
}

impl Provisioner {
    /// Does `work`, whose changes go by the name `txn`, in a transaction that is kept, or
    /// undone in a rehearsal.
    pub(super) async fn carry_out<T, W>(
        &self,
        access: &Access,
        txn: &str,
        work: W,
    ) -> Result<T, ProvisionError>
    where
        T: Send + 'static,
        W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, ProvisionError> + Send + Sync + 'static,
    {
        let store = self.store.tenant(access.caller.tenant);
        if access.mode == Mode::Real {
            return store.write(work).await;
        }
        // Ids are in the order of time, and the request has just begun.
        let began = u64::try_from(self.clock.now_us().div_euclid(1_000)).unwrap_or_default();
        let began = began.saturating_sub(LONGEST_MS);
        let first = Builder::from_unix_timestamp_millis(began, &[0; 10]).into_uuid();
        let work = Arc::new((work, txn.to_owned()));
        let (value, told) = store
            .rehearse(move |tx| {
                let work = Arc::clone(&work);
                Box::pin(async move {
                    let (work, txn) = &*work;
                    let value = work(tx).await?;
                    Ok::<_, ProvisionError>((value, tx.entries_of(txn, first, MOST_TOLD).await?))
                })
            })
            .await?;
        if access.mode == Mode::Shadow {
            self.tell_shadow(access, told).await?;
        }
        Ok(value)
    }

    /// Puts into the record what would have been changed.
    async fn tell_shadow(&self, access: &Access, told: Vec<AuditRow>) -> Result<(), StoreError> {
        if told.is_empty() {
            return Ok(());
        }
        let entry = |row: AuditRow| {
            let id: Uuid = self.clock.new_id();
            let action = format!("shadow.{}", row.action);
            let (attributes, changes, connection) = (row.attributes, row.changes, row.connection);
            let entry = AuditEntry {
                attributes,
                changes,
                connection,
                ..AuditEntry::new(id, row.actor, action)
            };
            (entry, row.resource)
        };
        let entries: Arc<Vec<_>> = Arc::new(told.into_iter().map(entry).collect());
        let at_us = self.now_us();
        self.store
            .tenant(access.caller.tenant)
            .write(move |tx| {
                let entries = Arc::clone(&entries);
                Box::pin(async move {
                    for (entry, resource) in entries.iter() {
                        match resource {
                            Some(resource) => tx.audit_of(entry, *resource, at_us).await?,
                            None => tx.audit(entry, at_us).await?,
                        }
                    }
                    Ok(())
                })
            })
            .await
    }
}
