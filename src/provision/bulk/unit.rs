//! Operations that are done together: one, or those of a circle.

use super::{Job, Progress};
use crate::{
    provision::{
        Access, ProvisionError, Provisioner, change::Written, patch::Patching, record::Stamp,
        replace::Replacement,
    },
    scim::{
        ScimError,
        bulk::{Done, Method, Operation, bulk_id},
        notice::Notice,
        patch::PatchOp,
        resource::{Preconditions, ResourceId},
    },
    store::{StoreError, TenantTx},
    tenant::Scope,
};

/// What became of an operation that succeeded.
struct Success {
    place: usize,
    done: Done,
    ignored: Vec<Notice>,
}

/// Which operation stopped the others of its unit, and why.
struct Stopped {
    /// None if it was not an operation.
    place: Option<usize>,
    error: ProvisionError,
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self { place: None, error: error.into() }
    }
}

impl Provisioner {
    /// Does the next unit of a job, under a savepoint.
    ///
    /// # Errors
    ///
    /// `Store` if the store failed: then nothing of the transaction can be kept.
    pub(super) async fn unit_in(
        &self,
        tx: &TenantTx,
        job: &Job,
        progress: &mut Progress,
        stamp: &Stamp,
    ) -> Result<(), ProvisionError> {
        let places = job.next(progress).to_vec();
        progress.units += 1;
        if let Some((place, error)) = refusal(job, &places, progress) {
            self.fail(job, &places, place, &error, progress);
            return Ok(());
        }
        let part = tx.nested(async |tx| self.all_in(tx, job, &places, stamp).await).await;
        match part {
            Ok(successes) => {
                for Success { place, done, ignored } in successes {
                    progress.record(place, done);
                    progress.note(place, ignored);
                }
                Ok(())
            }
            Err(Stopped { place: Some(place), error: ProvisionError::Scim(error) }) => {
                if error == ScimError::Held {
                    self.hold_operation(tx, job, place, stamp).await?;
                }
                self.fail(job, &places, place, &error, progress);
                Ok(())
            }
            Err(stopped) => Err(stopped.error),
        }
    }

    /// Notes whom an operation would have deprovisioned.
    async fn hold_operation(
        &self,
        tx: &TenantTx,
        job: &Job,
        place: usize,
        stamp: &Stamp,
    ) -> Result<(), ProvisionError> {
        let Some(Ok(operation)) = job.operation(place) else { return Ok(()) };
        let access = job.access(operation);
        let id = existing(job, &access, operation)?;
        let action = match operation.method {
            Method::Delete => "delete",
            Method::Post | Method::Put | Method::Patch => "change",
        };
        Ok(self.hold_in(tx, &access, id, (action, stamp.at_us)).await?)
    }

    /// Records that `place` failed, and with it the others that refer to it.
    fn fail(
        &self,
        job: &Job,
        places: &[usize],
        failed: usize,
        error: &ScimError,
        progress: &mut Progress,
    ) {
        for &place in places {
            let done = match place == failed {
                true => Done::from(error),
                false => Done::from(&depends(job, failed)),
            };
            let location = match job.operation(place) {
                Some(Ok(operation)) => self.named_location(job, operation),
                _ => None,
            };
            progress.record(place, done.at(location));
        }
    }

    /// Where the resource of an operation that failed is, unless it was to be made.
    fn named_location(&self, job: &Job, operation: &Operation) -> Option<String> {
        let id = operation.id.as_deref()?;
        let known = match bulk_id(id) {
            Some(name) => job.made(name).map(|(_, id)| id),
            None => ResourceId::parse(id),
        };
        Some(self.location(&job.access(operation), known?))
    }

    /// Does every operation of a unit. In a circle resources are made without what
    /// is not there yet, and completed when all are there.
    async fn all_in(
        &self,
        tx: &TenantTx,
        job: &Job,
        places: &[usize],
        stamp: &Stamp,
    ) -> Result<Vec<Success>, Stopped> {
        let mut successes = Vec::with_capacity(places.len());
        let mut incomplete = Vec::new();
        for (nth, &place) in places.iter().enumerate() {
            let Some(Ok(operation)) = job.operation(place) else { continue };
            let later = places.get(nth..).unwrap_or_default();
            let missing = |name: &str| job.made(name).is_some_and(|it| later.contains(&it.0));
            let stopped = |error| Stopped { place: Some(place), error };
            let done = match operation.refers_to.iter().filter_map(|it| bulk_id(it)).any(missing) {
                true => {
                    incomplete.push((successes.len(), operation));
                    let leniency = job.caller.dialect.leniency();
                    let first = operation.without(leniency, &missing);
                    self.operation_in(tx, job, (place, &first), stamp).await
                }
                false => self.operation_in(tx, job, (place, operation), stamp).await,
            };
            let (done, ignored) = done.map_err(stopped)?;
            successes.push(Success { place, done, ignored });
        }
        for (nth, operation) in incomplete {
            let Some(success) = successes.get_mut(nth) else { continue };
            let stopped = |error| Stopped { place: Some(success.place), error };
            let this = (success.place, operation);
            let version = self.complete_in(tx, job, this, stamp).await.map_err(stopped)?;
            success.done.version = version;
        }
        Ok(successes)
    }

    async fn operation_in(
        &self,
        tx: &TenantTx,
        job: &Job,
        (place, operation): (usize, &Operation),
        stamp: &Stamp,
    ) -> Result<(Done, Vec<Notice>), ProvisionError> {
        let access = job.access(operation);
        access.authorise(Scope::Write)?;
        let preconditions = operation.preconditions.clone();
        let body = || self.body(job, operation);
        let written = match operation.method {
            Method::Post => {
                let creation = self.creation(&access, new_id(job, place)?, body(), stamp)?;
                self.create_in(tx, &access, &creation).await?
            }
            Method::Put => {
                let replacement = Replacement { body: body(), preconditions };
                let id = existing(job, &access, operation)?;
                self.modify_in(tx, &access, id, &replacement, stamp).await?
            }
            Method::Patch => {
                let leniency = access.leniency();
                let patch = PatchOp::parse(body(), &access.resource_type, leniency)?;
                let id = existing(job, &access, operation)?;
                self.modify_in(tx, &access, id, &Patching { patch, preconditions }, stamp).await?
            }
            Method::Delete => {
                let id = existing(job, &access, operation)?;
                self.delete_in(tx, &access, id, &preconditions, stamp).await?;
                let location = Some(self.location(&access, id));
                return Ok((
                    Done { status: 204, location, version: None, error: None },
                    Vec::new(),
                ));
            }
        };
        let Written { stored, ignored } = written;
        let done = Done {
            status: if operation.method == Method::Post { 201 } else { 200 },
            location: Some(self.location(&access, stored.id)),
            version: Some(stored.version.etag()),
            error: None,
        };
        Ok((done, ignored))
    }

    /// Gives a new resource what could not be there when it was made; its version
    /// afterwards.
    async fn complete_in(
        &self,
        tx: &TenantTx,
        job: &Job,
        (place, operation): (usize, &Operation),
        stamp: &Stamp,
    ) -> Result<Option<String>, ProvisionError> {
        let access = job.access(operation);
        let body = self.body(job, operation);
        let whole = Replacement { body, preconditions: Preconditions::default() };
        let id = new_id(job, place)?;
        let written = self.modify_in(tx, &access, id, &whole, stamp).await?;
        Ok(Some(written.stored.version.etag()))
    }

    /// The body of an operation, with ids in place of names.
    fn body(&self, job: &Job, operation: &Operation) -> serde_json::Map<String, serde_json::Value> {
        operation.resolved(job.caller.dialect.leniency(), &|name| {
            let (place, id) = job.made(name)?;
            let made = job.operation(place)?.as_ref().ok()?;
            Some((id, self.location(&job.access(made), id)))
        })
    }
}

/// Why a unit cannot be done, and which of its operations says so.
fn refusal(job: &Job, places: &[usize], progress: &Progress) -> Option<(usize, ScimError)> {
    places.iter().find_map(|&place| {
        let operation = match job.operation(place)? {
            Ok(operation) => operation,
            Err(refused) => return Some((place, refused.error.clone())),
        };
        operation.needs().find_map(|name| match job.made(name) {
            None => Some((place, unknown(name))),
            Some((needed, _)) if places.contains(&needed) => None,
            Some((needed, _)) => match progress.done.get(&needed) {
                Some(done) if !done.is_error() => None,
                _ => Some((place, depends(job, needed))),
            },
        })
    })
}

fn unknown(name: &str) -> ScimError {
    let name: String = name.chars().filter(|char| !char.is_control()).take(64).collect();
    ScimError::InvalidValue(format!("no POST of this request has the `bulkId` `{name}`"))
}

/// The error of an operation that refers to one that failed.
fn depends(job: &Job, failed: usize) -> ScimError {
    let name = match job.operation(failed) {
        Some(Ok(operation)) => operation.bulk_id.as_deref().unwrap_or_default(),
        _ => "",
    };
    let name: String = name.chars().filter(|char| !char.is_control()).take(64).collect();
    ScimError::InvalidValue(format!("the operation with the `bulkId` `{name}` failed"))
}

/// The id chosen for the resource of a POST.
fn new_id(job: &Job, place: usize) -> Result<ResourceId, ScimError> {
    job.id(place).ok_or_else(|| unknown(""))
}

/// The id of the resource that a path names.
fn existing(job: &Job, access: &Access, operation: &Operation) -> Result<ResourceId, ScimError> {
    let id = operation.id.as_deref().unwrap_or_default();
    match bulk_id(id) {
        Some(name) => job.made(name).map(|(_, id)| id).ok_or_else(|| unknown(name)),
        None => access.id(id),
    }
}
