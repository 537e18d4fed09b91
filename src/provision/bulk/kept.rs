//! Jobs that were accepted to be done later: each transaction also writes how far
//! the job has come and tells of what it has finished (RFC 9967 §2.5.1).

use std::sync::Arc;

use super::{BulkAnswer, Job, Kept, Progress, Step, TOGETHER, failed};
use crate::{
    event::{EventUri, Subject},
    provision::{Finished, ProvisionError, Provisioner, record::Stamp},
    scim::{
        bulk::{Done, result},
        notice,
        resource::ResourceId,
    },
    store::{AsyncProgress, Audience, OutboxEvent, StoreError, TenantTx},
};

/// Longest notice that is kept with a result, in bytes.
const NOTICE_BYTES: usize = 512;
/// How long a job is left alone after it last went on, in microseconds.
pub(in crate::provision) const LEASE_US: i64 = 10_000_000;

/// How a job ended.
fn finished(job: &Job, kept: Kept, progress: &Progress) -> Finished {
    let BulkAnswer { body, ignored } = job.answer(progress);
    if kept.is_bulk {
        return Finished { body, notice: notice::header(&ignored, NOTICE_BYTES), only: None };
    }
    let notice = notice::header(&progress.notices(), NOTICE_BYTES);
    Finished { body, notice, only: progress.done.values().next().cloned() }
}

impl Provisioner {
    /// Takes the next step of a job that is kept.
    ///
    /// # Errors
    ///
    /// `Store` if the store cannot be used just now: nothing was done, and the same
    /// may be tried again.
    pub(in crate::provision) async fn advance_kept(
        &self,
        job: &Arc<Job>,
        progress: Progress,
    ) -> Result<Progress, ProvisionError> {
        let before = Arc::new(progress);
        if let Some(refusal) = self.still_valid(&job.caller).await? {
            return self.transact(job, &before, Step::End(refusal)).await;
        }
        if let Ok(progress) = self.transact(job, &before, Step::Work(TOGETHER)).await {
            return Ok(progress);
        }
        match self.transact(job, &before, Step::Work(1)).await {
            Ok(progress) => Ok(progress),
            Err(
                error @ ProvisionError::Store(
                    StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::Timeout(_),
                ),
            ) => Err(error),
            Err(error) => self.transact(job, &before, Step::Skip(failed(&error))).await,
        }
    }

    /// Ends a job that cannot be done.
    ///
    /// # Errors
    ///
    /// `Store` if not even that can be written.
    pub(in crate::provision) async fn give_up(
        &self,
        job: &Arc<Job>,
        progress: Progress,
    ) -> Result<Progress, ProvisionError> {
        let done = Done::failed(500, None, "the service failed; this was logged");
        self.transact(job, &Arc::new(progress), Step::End(done)).await
    }

    /// Writes how far a job has come, and an event for each operation that has ended.
    pub(super) async fn keep_in(
        &self,
        tx: &TenantTx,
        job: &Job,
        kept: Kept,
        (before, now): (&Progress, &Progress),
        stamp: &Stamp,
    ) -> Result<(), ProvisionError> {
        let ended = now.done.iter().filter(|(place, _)| !before.done.contains_key(*place));
        for (place, done) in ended {
            let Some(event) = self.completion(job, *place, done) else { continue };
            // RFC 9967 §2.5.1.2: counted from zero, in the order of the request (reading 10).
            let txn = match kept.is_bulk {
                true => format!("{}:{place}", job.txn),
                false => job.txn.clone(),
            };
            tx.append(&txn, stamp.at_us, &[event]).await?;
        }
        let is_over = job.is_over(now);
        let results = match is_over {
            true => serde_json::to_string(&finished(job, kept, now)),
            false => serde_json::to_string(&now.done),
        };
        let results = results.map_err(|error| StoreError::Damaged(error.to_string()))?;
        let progress = AsyncProgress {
            id: kept.id,
            done_before: before.done.len(),
            done: now.done.len(),
            results,
            leased_until_us: self.clock.now_us().saturating_add(LEASE_US),
            finished_us: is_over.then_some(stamp.at_us),
        };
        Ok(tx.advance_async_request(&progress).await?)
    }

    /// The event that tells how an operation ended (RFC 9967 §2.5.1.3).
    fn completion(&self, job: &Job, place: usize, done: &Done) -> Option<OutboxEvent> {
        let operation = job.operation(place)?;
        let location = done.location.as_deref();
        let id = location.and_then(|it| ResourceId::parse(it.rsplit('/').next()?));
        let endpoint = match operation {
            Ok(operation) => operation.resource_type.endpoint.clone(),
            Err(_) => "/Bulk".to_owned(),
        };
        let subject = Subject {
            endpoint,
            id: id.map(|id| id.to_string()).unwrap_or_default(),
            external_id: None,
            user_name: None,
            email: None,
            active: false,
        };
        Some(OutboxEvent {
            id: self.clock.new_id(),
            audience: Audience::All,
            uri: EventUri::AsyncResponse,
            payload: serde_json::Value::Object(result(operation, done)).to_string(),
            subject_key: id.unwrap_or_else(|| self.new_resource_id()),
            subject: serde_json::to_string(&subject).unwrap_or_default(),
        })
    }
}
