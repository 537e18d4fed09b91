//! The record as a chain: nobody changes, removes or adds an entry afterwards unseen.
//!
//! A moment after an entry was committed it gets a place and a hash, which holds the hash
//! of the entry before it. About once a minute the end of a chain that grew is signed with
//! a key that is not in the database. Who keeps a checkpoint elsewhere can tell that even
//! the whole database was exchanged.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{Operator, OperatorError};
use crate::{
    store::{AuditRow, ChainEnd, ChainedRow, Hash, StoreError, TenantTx, View},
    telemetry::causes,
    tenant::TenantId,
};

/// Entries that are put into a chain, or checked, at a time.
const STEP: u32 = 500;
/// How often it is looked for entries that are in no chain yet.
const ROUND: Duration = Duration::from_secs(2);
/// How long a chain that grows goes unsigned.
const UNSIGNED_US: i64 = 60_000_000;
/// Faults that are told, at most.
const MOST_FAULTS: usize = 20;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Checkpoint {
    tenant: String,
    place: i64,
    hash: String,
    iat: i64,
}

/// What came of checking a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedRecord {
    /// Whether nothing is wrong.
    pub intact: bool,
    /// Entries that were checked.
    pub entries: i64,
    /// Checkpoints that were checked.
    pub checkpoints: usize,
    /// What is wrong: the first twenty faults.
    pub faults: Vec<String>,
}

/// What is found while a record is checked.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn note(&mut self, fault: String) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(fault);
        }
    }
}

impl Operator {
    /// Puts entries into their chains a moment after they were committed, until
    /// `shutdown`.
    pub async fn chain_records(self, shutdown: CancellationToken) {
        let work = async {
            loop {
                if let Err(error) = self.chain_all().await {
                    error!(error = causes(&error), "the record's chain waits");
                }
                tokio::time::sleep(ROUND).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => (),
            () = work => (),
        }
    }

    async fn chain_all(&self) -> Result<(), OperatorError> {
        for tenant in self.store.tenants_with_loose_entries().await? {
            while self.chain_some(tenant, false).await? {}
        }
        Ok(())
    }

    /// Puts some entries of a tenant into its chain; whether there may be more.
    async fn chain_some(&self, tenant: TenantId, sign: bool) -> Result<bool, OperatorError> {
        let (this, now_us) = (self.clone(), self.clock.now_us());
        self.store
            .tenant(tenant)
            .write(move |tx| {
                let this = this.clone();
                Box::pin(async move { this.chain_in(tx, sign, now_us).await })
            })
            .await
    }

    async fn chain_in(
        &self,
        tx: &TenantTx,
        sign: bool,
        now_us: i64,
    ) -> Result<bool, OperatorError> {
        let before = tx.chain_end_for_update().await?;
        let mut end = before;
        let loose = tx.loose_entries(STEP).await?;
        let mut links = Vec::with_capacity(loose.len());
        for row in &loose {
            end.place = end.place.saturating_add(1);
            end.hash = link(&end.hash, end.place, row);
            links.push((row.id, end.place, end.hash));
        }
        let is_more = u32::try_from(loose.len()) == Ok(STEP);
        let is_due = before.signed_us.saturating_add(UNSIGNED_US) <= now_us;
        if 0 < end.place && (sign || is_due) && !is_more {
            end.signed_us = now_us;
            let checkpoint = Checkpoint {
                tenant: tx.tenant_name().await?,
                place: end.place,
                hash: hex(&end.hash),
                iat: now_us.div_euclid(1_000_000),
            };
            tx.insert_checkpoint(end.place, &self.secret.sign_checkpoint(&checkpoint)?).await?;
        }
        if end != before {
            match links.is_empty() {
                true => tx.set_chain_end(&end).await?,
                false => tx.chain(&links, &end).await?,
            }
        }
        Ok(is_more)
    }

    /// Signs where a tenant's record ends now: the signature (a JWT) is to be kept
    /// elsewhere. None if nothing was ever recorded.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn checkpoint(&self, tenant: &str) -> Result<Option<String>, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        while self.chain_some(row.id, true).await? {}
        Ok(self.store.tenant(row.id).view().await?.last_checkpoint().await?)
    }

    /// Checks a tenant's record: that every entry is the one that was recorded, that
    /// none is missing, and that what was signed is still so; `against` is a checkpoint
    /// that was kept elsewhere.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if `against` is no checkpoint of this service.
    pub async fn verify_record(
        &self,
        tenant: &str,
        against: Option<&str>,
    ) -> Result<VerifiedRecord, OperatorError> {
        let id = self.tenant_row(tenant).await?.id;
        while self.chain_some(id, false).await? {}
        let view = self.store.tenant(id).view().await?;
        let mut faults = Faults::default();
        let mut signed = Vec::new();
        for (place, signature) in view.checkpoints().await? {
            match self.secret.open_checkpoint::<Checkpoint>(&signature) {
                Some(it) if it.tenant == tenant && it.place == place => signed.push(it),
                _ => {
                    faults.note(format!("the checkpoint at {place} is not signed by this service"))
                }
            }
        }
        if let Some(against) = against {
            let given = self.secret.open_checkpoint::<Checkpoint>(against.trim());
            let wrong = || {
                let rule = format!("this is no checkpoint of {tenant} that this service signed");
                OperatorError::Invalid(rule)
            };
            let given = given.filter(|it| it.tenant == tenant).ok_or_else(wrong)?;
            let place = signed.partition_point(|it| it.place < given.place);
            signed.insert(place, given);
        }
        let entries = check(&view, &signed, &mut faults).await?;
        let Faults(faults) = faults;
        let (intact, checkpoints) = (faults.is_empty(), signed.len());
        Ok(VerifiedRecord { intact, entries, checkpoints, faults })
    }
}

/// Goes through the whole chain; gives how many entries it has.
async fn check(view: &View, signed: &[Checkpoint], faults: &mut Faults) -> Result<i64, StoreError> {
    // What the end was before: entries that come meanwhile are none that are missing.
    let ends = view.chain_end().await?;
    let (mut end, mut entries) = (ChainEnd::default(), 0);
    let mut signed = signed.iter().peekable();
    loop {
        let page = view.chained_entries(end.place, STEP).await?;
        for ChainedRow { place, hash, row } in &page {
            if *place != end.place.saturating_add(1) {
                faults.note(format!("entries are missing between {} and {place}", end.place));
            }
            let expected = link(&end.hash, *place, row);
            if *hash != expected || !is_whole(row) {
                faults.note(format!("entry {place} ({}) is not what was recorded", row.id));
            }
            end.place = *place;
            // The hash that is kept, so that one fault is told once.
            end.hash = hash.as_slice().try_into().unwrap_or(expected);
            entries += 1;
            while let Some(it) = signed.next_if(|it| it.place <= end.place) {
                if it.place < end.place || it.hash != hex(&end.hash) {
                    faults.note(format!("the chain is not what was signed at {}", it.place));
                }
            }
        }
        if page.is_empty() {
            break;
        }
    }
    if end.place < ends.place {
        faults.note(format!("entries are missing behind {}", end.place));
    }
    if let Some(it) = signed.last() {
        faults.note(format!("entries are missing behind {}: {} was signed", end.place, it.place));
    }
    Ok(entries)
}

/// The hash of an entry at a place behind the one with the hash `before`.
fn link(before: &Hash, place: i64, row: &AuditRow) -> Hash {
    let resource = row.resource.map(|(code, id)| (code, id.to_string()));
    let content = (
        (hex(before), place, row.id, row.at_us),
        (&row.actor, row.connection, &row.action, &row.txn, resource, &row.attributes),
        row.changes_digest.as_deref().map(hex),
    );
    // Plain strings and numbers always have a JSON form.
    sha256(&serde_json::to_vec(&content).unwrap_or_default())
}

/// Whether the values of an entry are those that were recorded, if it still has them.
fn is_whole(row: &AuditRow) -> bool {
    match (&row.changes, &row.changes_digest) {
        (Some(changes), Some(recorded)) => sha256(changes.as_bytes()) == recorded.as_slice(),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
