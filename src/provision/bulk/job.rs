//! A bulk request that is being worked through.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use uuid::Uuid;

use super::{BulkAnswer, Provisioner};
use crate::{
    scim::{
        bulk::{BulkRequest, Done, Method, Operation, Refused, bulk_response, plan, result},
        notice::Notice,
        resource::ResourceId,
    },
    tenant::Caller,
};

/// Notices that an answer, and the log, can get.
const NOTED: usize = 100;

/// What is to be done, and how; it does not change while it is done.
#[derive(Debug)]
pub(in crate::provision) struct Job {
    /// For whom.
    pub(in crate::provision) caller: Arc<Caller>,
    /// The name of all its changes.
    pub(super) txn: String,
    operations: Vec<Result<Operation, Refused>>,
    fail_on_errors: Option<u64>,
    units: Vec<Vec<usize>>,
    /// The id that the resource of each POST gets, by its place.
    ids: HashMap<usize, ResourceId>,
    /// The place of each POST by its `bulkId`.
    made: HashMap<String, usize>,
    /// How it is kept, if it was accepted to be done later.
    pub(super) kept: Option<Kept>,
}

/// What it means for a job to be asynchronous (RFC 9967 §2.5.1).
#[derive(Debug, Clone, Copy)]
pub(in crate::provision) struct Kept {
    /// The id of the request that is kept.
    pub(in crate::provision) id: Uuid,
    /// Whether it is a bulk request, whose operations have each a name of their own.
    pub(in crate::provision) is_bulk: bool,
}

/// How far a job has come.
#[derive(Debug, Clone, Default)]
pub(in crate::provision) struct Progress {
    /// Units that are done.
    pub(super) units: usize,
    /// What became of each operation that was tried, by its place.
    pub(in crate::provision) done: BTreeMap<usize, Done>,
    errors: u64,
    /// What was overlooked, and in which operation.
    ignored: Vec<(usize, Notice)>,
}

impl Progress {
    /// Records what became of an operation.
    pub(super) fn record(&mut self, place: usize, done: Done) {
        self.errors += u64::from(done.is_error());
        self.done.insert(place, done);
    }

    /// Notes what was overlooked in an operation.
    pub(super) fn note(&mut self, place: usize, ignored: Vec<Notice>) {
        let room = NOTED.saturating_sub(self.ignored.len());
        self.ignored.extend(ignored.into_iter().take(room).map(|notice| (place, notice)));
    }

    /// What was overlooked in all of the operations.
    pub(in crate::provision) fn notices(&self) -> Vec<Notice> {
        self.ignored.iter().map(|(_, notice)| notice.clone()).collect()
    }
}

impl Job {
    /// A job of `caller`. The ids of all new resources are chosen here, so that
    /// operations can refer to each other.
    pub(in crate::provision) fn new(
        provisioner: &Provisioner,
        caller: Arc<Caller>,
        request: BulkRequest,
    ) -> Self {
        let BulkRequest { fail_on_errors, operations } = request;
        let (mut ids, mut made) = (HashMap::new(), HashMap::new());
        for (place, operation) in operations.iter().enumerate() {
            let Ok(Operation { method: Method::Post, bulk_id, .. }) = operation else { continue };
            ids.insert(place, provisioner.new_resource_id());
            made.extend(bulk_id.clone().map(|name| (name, place)));
        }
        let (txn, units) = (provisioner.stamp().txn, plan(&operations));
        Self { caller, txn, operations, fail_on_errors, units, ids, made, kept: None }
    }

    /// The job under the name of the request that is kept, and how far it has come.
    /// What was made has its id; what has none yet is referred to by nothing that is
    /// done.
    pub(in crate::provision) fn resumed(
        mut self,
        kept: Kept,
        done: BTreeMap<usize, Done>,
    ) -> (Self, Progress) {
        let is_done = |unit: &&Vec<usize>| unit.iter().all(|place| done.contains_key(place));
        let units = self.units.iter().take_while(is_done).count();
        for (place, id) in &mut self.ids {
            let location = done.get(place).and_then(|done| done.location.as_deref());
            let made = location.and_then(|it| ResourceId::parse(it.rsplit('/').next()?));
            *id = made.unwrap_or(*id);
        }
        self.txn = kept.id.to_string();
        self.kept = Some(kept);
        let mut progress = Progress { units, ..Progress::default() };
        for (place, done) in done {
            progress.record(place, done);
        }
        (self, progress)
    }

    /// Whether nothing more is to be tried.
    pub(in crate::provision) fn is_over(&self, progress: &Progress) -> bool {
        self.units.len() <= progress.units
            || self.fail_on_errors.is_some_and(|most| most <= progress.errors)
    }

    /// The operations that come next, by their places.
    pub(super) fn next(&self, progress: &Progress) -> &[usize] {
        self.units.get(progress.units).map_or(&[], Vec::as_slice)
    }

    /// The operation at a place.
    pub(super) fn operation(&self, place: usize) -> Option<&Result<Operation, Refused>> {
        self.operations.get(place)
    }

    /// The POST that a name stands for: its place, and the id of its resource.
    pub(super) fn made(&self, name: &str) -> Option<(usize, ResourceId)> {
        let place = *self.made.get(name)?;
        Some((place, self.id(place)?))
    }

    /// The id that the resource of a POST gets.
    pub(super) fn id(&self, place: usize) -> Option<ResourceId> {
        self.ids.get(&place).copied()
    }

    /// The job after its next operations all ended in the same way.
    pub(super) fn skip(&self, mut progress: Progress, done: &Done) -> Progress {
        for place in self.next(&progress) {
            progress.record(*place, done.clone());
        }
        progress.units += 1;
        progress
    }

    /// The job after all the rest of it ended in the same way.
    pub(super) fn end(&self, mut progress: Progress, done: &Done) -> Progress {
        while !self.is_over(&progress) {
            progress = self.skip(progress, done);
        }
        progress
    }

    /// The answer, in the order of the request.
    pub(super) fn answer(&self, progress: &Progress) -> BulkAnswer {
        let results = progress
            .done
            .iter()
            .filter_map(|(place, done)| Some(result(self.operation(*place)?, done)));
        let ignored = progress.ignored.iter().map(|(place, notice)| {
            Notice::new(notice.kind, &format!("Operations[{place}].{}", notice.detail))
        });
        BulkAnswer { ignored: ignored.collect(), body: bulk_response(results.collect()) }
    }
}
