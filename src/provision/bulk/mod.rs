//! Bulk requests (RFC 7644 §3.7).
//!
//! Operations are done some dozens to a transaction, each under a savepoint of
//! its own: a commit costs more than a write, and what fails undoes nothing but
//! itself. All changes of a request carry one transaction name. A job that is cut
//! off leaves whole operations behind. Between two transactions it is asked
//! again whether the credential is still valid.

mod job;
mod kept;
mod unit;

use std::sync::Arc;

use bytes::Bytes;
use tracing::error;

pub(super) use self::{
    job::{Job, Kept, Progress},
    kept::LEASE_US,
};
use super::{Access, Mode, ProvisionError, Provisioner, record::Stamp};
use crate::{
    scim::{
        ScimError,
        bulk::{BulkRequest, Done},
        json,
        notice::Notice,
    },
    store::{StoreError, TenantTx},
    telemetry::causes,
    tenant::{Caller, Scope},
};

/// Operations of one transaction, more or less: those of a circle stay together.
/// SQLite's other writers wait as long as one takes.
const TOGETHER: usize = 50;

/// What is done in one transaction.
#[derive(Debug)]
enum Step {
    /// So many operations, more or less.
    Work(usize),
    /// The next operations end like this, and are not tried.
    Skip(Done),
    /// All the others do.
    End(Done),
}

/// The answer to a bulk request.
#[derive(Debug, Clone)]
pub struct BulkAnswer {
    /// The message.
    pub body: String,
    /// What was overlooked, by operation.
    pub ignored: Vec<Notice>,
}

impl Provisioner {
    /// Does the operations of a bulk request, as far as they go.
    ///
    /// # Errors
    ///
    /// What is wrong with the message as a whole, before anything is done. What is
    /// wrong with one operation stands in its result.
    pub async fn bulk(
        &self,
        caller: &Arc<Caller>,
        body: &Bytes,
    ) -> Result<BulkAnswer, ProvisionError> {
        authorise(caller)?;
        let body = json::parse_object(body)?;
        let request = BulkRequest::parse(body, &caller.registry, caller.dialect.leniency())?;
        let job = Arc::new(Job::new(self, Arc::clone(caller), request));
        let mut progress = Progress::default();
        while !job.is_over(&progress) {
            progress = self.advance(&job, progress).await;
        }
        self.log.tell(caller, &progress.notices());
        Ok(job.answer(&progress))
    }

    /// Does the next operations. If they cannot be done together, each is done
    /// alone, so that one which the store cannot do harms no other.
    async fn advance(&self, job: &Arc<Job>, progress: Progress) -> Progress {
        if 0 < progress.units {
            match self.still_valid(&job.caller).await {
                Ok(None) => {}
                Ok(Some(refusal)) => return job.end(progress, &refusal),
                Err(error) => return job.end(progress, &failed(&error)),
            }
        }
        let before = Arc::new(progress);
        let failure = match self.transact(job, &before, Step::Work(TOGETHER)).await {
            Ok(progress) => return progress,
            Err(failure) => failure,
        };
        match self.transact(job, &before, Step::Work(1)).await {
            Ok(progress) => progress,
            Err(ProvisionError::Store(StoreError::Unavailable(_))) => {
                job.end(Progress::clone(&before), &failed(&failure))
            }
            Err(failure) => job.skip(Progress::clone(&before), &failed(&failure)),
        }
    }

    /// Takes a step in one transaction.
    async fn transact(
        &self,
        job: &Arc<Job>,
        before: &Arc<Progress>,
        step: Step,
    ) -> Result<Progress, ProvisionError> {
        let (this, job, before) = (self.clone(), Arc::clone(job), Arc::clone(before));
        let step = Arc::new(step);
        let tenant = self.store.tenant(job.caller.tenant);
        tenant
            .write(move |tx| {
                let (this, job, before) = (this.clone(), Arc::clone(&job), Arc::clone(&before));
                let step = Arc::clone(&step);
                Box::pin(async move {
                    let stamp = Stamp { txn: job.txn.clone(), ..this.stamp() };
                    let progress = this.step_in(tx, &job, &before, &step, &stamp).await?;
                    if let Some(kept) = job.kept {
                        this.keep_in(tx, &job, kept, (&before, &progress), &stamp).await?;
                    }
                    Ok(progress)
                })
            })
            .await
    }

    async fn step_in(
        &self,
        tx: &TenantTx,
        job: &Job,
        before: &Progress,
        step: &Step,
        stamp: &Stamp,
    ) -> Result<Progress, ProvisionError> {
        let mut progress = before.clone();
        match step {
            Step::Work(most) => {
                let most = before.done.len() + most;
                while progress.done.len() < most && !job.is_over(&progress) {
                    self.unit_in(tx, job, &mut progress, stamp).await?;
                }
                Ok(progress)
            }
            Step::Skip(done) => Ok(job.skip(progress, done)),
            Step::End(done) => Ok(job.end(progress, done)),
        }
    }

    /// Why the caller may go on no longer, if so.
    async fn still_valid(&self, caller: &Caller) -> Result<Option<Done>, ProvisionError> {
        let now = self.store.caller_of(caller.credential, self.clock.now_us()).await?;
        Ok(match now {
            None => Some(Done::failed(401, None, "the token has expired or was revoked")),
            Some(now) => authorise(&now).err().map(|error| Done::from(&error)),
        })
    }
}

/// Refuses a caller who may change nothing; each operation is looked at by itself.
pub(super) fn authorise(caller: &Caller) -> Result<(), ScimError> {
    match caller.may_somewhere(Scope::Write) {
        true => Ok(()),
        false => Err(ScimError::LacksScope { scope: Scope::Write.as_str() }),
    }
}

/// The result of an operation that the store could not do.
fn failed(error: &ProvisionError) -> Done {
    match error {
        ProvisionError::Scim(error) => error.into(),
        ProvisionError::Store(StoreError::SchemaChanged) => {
            Done::failed(503, None, "the tenant's schemas have just changed; try again")
        }
        ProvisionError::Store(error) => {
            error!(error = causes(error), "the store failed in a bulk request");
            match error {
                StoreError::Unavailable(_) | StoreError::Conflict(_) | StoreError::Timeout(_) => {
                    let detail = "the service cannot use its database just now; try again later";
                    Done::failed(503, None, detail)
                }
                _ => Done::failed(500, None, "the service failed; this was logged"),
            }
        }
        ProvisionError::Cursor => {
            error!(error = causes(error), "a library failed in a bulk request");
            Done::failed(500, None, "the service failed; this was logged")
        }
    }
}

impl Job {
    /// The caller's access to the resources that an operation is about.
    fn access(&self, operation: &crate::scim::bulk::Operation) -> Access {
        let resource_type = Arc::clone(&operation.resource_type);
        Access { caller: Arc::clone(&self.caller), resource_type, mode: Mode::Real }
    }
}
