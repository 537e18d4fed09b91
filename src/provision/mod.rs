//! The use cases, one file a verb.
//!
//! Each takes a [`Caller`] and what the caller asked, and gives back what to
//! answer. A change, its events and its audit entry commit in one transaction,
//! or none does.

mod asynchronous;
mod brake;
mod bulk;
mod change;
mod create;
mod delete;
mod derive;
mod fence;
mod gating;
mod global_revocation;
mod issuer_keys;
mod members;
mod notices;
mod offboard;
pub mod operator;
mod patch;
mod query;
mod read;
mod receipt;
mod record;
mod rehearsal;
mod replace;
mod represent;
mod restore;
mod revocation;
mod sign_in;
pub mod ssf;
mod values;

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::{
    clock::Clock,
    scim::{
        ScimError,
        dialect::Leniency,
        notice::Notice,
        query::CursorKey,
        resource::{Preconditions, Projection, ResourceId, Version},
        schema::ResourceType,
    },
    store::{Store, StoreError, UniqueKey},
    tenant::{Caller, Scope},
};

pub use asynchronous::{AsyncRequest, Asynchronous, Finished};
pub use bulk::BulkAnswer;
pub use fence::{Fence, FenceAnswer, FenceEntry, FenceError, FenceRequest};
pub use global_revocation::{GlobalRevocation, GlobalRevocationError, Proof, REVOCATION_PATH};
pub use issuer_keys::{IssuerKeys, KeySource, UnbelievedToken};
pub use notices::ConnectionLog;
pub use offboard::Departure;
pub use receipt::ReceiptState;
pub use rehearsal::Mode;
pub use revocation::{Revocation, RevocationError, Revoked, Revoker, Statement};
pub use sign_in::{Granted, SignIn, SignInAnswer, SignInUser, person_named};

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// What was asked cannot be done.
    #[error(transparent)]
    Scim(#[from] ScimError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// A library refused what it should do.
    #[error("could not seal a cursor")]
    Cursor,
}

impl From<StoreError> for ProvisionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A single resource to be answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its version.
    pub version: Version,
    /// Its absolute URI.
    pub location: String,
    /// Its representation; none if the answer has no body.
    pub body: Option<String>,
    /// What was overlooked.
    pub ignored: Vec<Notice>,
}

/// Queries without an index that run at a time.
const SCANS: usize = 2;

/// How far queries may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most resources of one answer.
    pub max_results: u64,
    /// Resources of an answer if the request does not say.
    pub default_results: u64,
    /// Rows that may be looked at for one query.
    pub scan_rows: u64,
    /// Time that looking at them may take.
    pub scan_time: Duration,
}

/// Whom a use case acts for, and on which type of resource. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access {
    /// Whose credential it is.
    pub caller: Arc<Caller>,
    /// The type.
    pub resource_type: Arc<ResourceType>,
    /// Whether changes are made.
    pub mode: Mode,
}

impl Access {
    /// Deviations that the caller's directory is forgiven.
    fn leniency(&self) -> &'static Leniency {
        self.caller.dialect.leniency()
    }

    /// Refuses a caller whose credential does not carry `scope`, nor every right on
    /// this type.
    fn authorise(&self, scope: Scope) -> Result<(), ScimError> {
        let whole = match (self.resource_type.is_user(), self.resource_type.is_group()) {
            (true, _) => Scope::Users,
            (_, true) => Scope::Groups,
            _ => scope,
        };
        match self.caller.may(scope) || self.caller.may(whole) {
            true => Ok(()),
            false => Err(ScimError::LacksScope { scope: scope.as_str() }),
        }
    }

    /// The id of a request, unless no resource can have it.
    fn id(&self, id: &str) -> Result<ResourceId, ScimError> {
        ResourceId::parse(id).ok_or_else(|| self.not_found(id))
    }

    /// The answer to an id that the tenant does not have.
    ///
    /// The id is shortened, since it is the client's text.
    fn not_found(&self, id: &str) -> ScimError {
        let id = id.chars().filter(|char| !char.is_control()).take(64).collect();
        ScimError::NotFound { resource_type: self.resource_type.name.clone(), id }
    }

    /// What `error` means for a change of a resource.
    fn change_error(&self, error: StoreError) -> ProvisionError {
        match error {
            StoreError::Duplicate(UniqueKey::Resource) => {
                let path = if self.resource_type.is_user() { "userName" } else { "displayName" };
                ScimError::Uniqueness { path: path.to_owned() }.into()
            }
            StoreError::Taken(path) => ScimError::Uniqueness { path }.into(),
            other => other.into(),
        }
    }
}

/// What a request says about the resource it wants back and the one it expects.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Which attributes to answer.
    pub projection: Projection,
    /// Whether `attributes` or `excludedAttributes` was given.
    pub projected: bool,
    /// Which version it expects.
    pub preconditions: Preconditions,
}

/// The use cases on resources. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Provisioner {
    store: Store,
    clock: Clock,
    public_url: Arc<str>,
    limits: Limits,
    scans: Arc<Semaphore>,
    cursors: Arc<CursorKey>,
    log: ConnectionLog,
}

impl Provisioner {
    /// The use cases over `store`; answers carry URIs below `public_url`, and
    /// cursors sealed with `cursors`.
    pub fn new(
        store: Store,
        clock: Clock,
        public_url: &str,
        limits: Limits,
        cursors: Arc<CursorKey>,
    ) -> Self {
        Self {
            log: ConnectionLog::new(clock.clone()),
            store,
            clock,
            public_url: public_url.into(),
            limits,
            scans: Arc::new(Semaphore::new(SCANS)),
            cursors,
        }
    }

    /// What the connections' logs are told; whoever serves runs it.
    pub fn log(&self) -> &ConnectionLog {
        &self.log
    }

    /// The SCIM base of a tenant, without a slash at its end.
    pub fn base(&self, tenant_name: &str) -> String {
        format!("{}/t/{tenant_name}/scim/v2", self.public_url)
    }

    /// Microseconds since 1970, in whole milliseconds: as answers show them, so
    /// that a filter on what was shown finds it.
    fn now_us(&self) -> i64 {
        let now = self.clock.now_us();
        now - now.rem_euclid(1000)
    }
}
