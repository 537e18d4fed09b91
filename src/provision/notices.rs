//! The connections' logs: told by requests, written by one task.
//!
//! A request only adds to a sum in memory, of a bounded number of lines; a task
//! writes the sums now and then. So a flood of notices costs a few rows a second,
//! and what is told twice is one row.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    clock::Clock,
    scim::{
        dialect::Dialect,
        notice::{Notice, NoticeKind},
    },
    store::{NoticeRow, Store},
    tenant::{Caller, TenantId},
};

/// How often sums are written.
const PAUSE: Duration = Duration::from_millis(500);
/// Lines of one connection between two writes; what is more is not told apart.
const LINES: usize = 100;
/// Connections that are told of between two writes.
const CONNECTIONS: usize = 1_000;
/// What is told of when there are too many lines.
const MORE: &str = "(more)";

/// How often something was told, and when.
#[derive(Debug, Clone, Copy)]
struct Sum {
    count: i64,
    first_us: i64,
    last_us: i64,
}

type Lines = BTreeMap<Notice, Sum>;
type Sums = BTreeMap<(TenantId, Uuid), Lines>;

/// What the connections' logs are told. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConnectionLog {
    clock: Clock,
    sums: Arc<Mutex<Sums>>,
}

impl ConnectionLog {
    /// A log with nothing told.
    pub fn new(clock: Clock) -> Self {
        Self { clock, sums: Arc::default() }
    }

    /// Tells the log of the caller's connection.
    pub fn tell(&self, caller: &Caller, notices: &[Notice]) {
        if notices.is_empty() {
            return;
        }
        let now_us = self.clock.now_us();
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (caller.tenant, caller.connection);
        if CONNECTIONS <= sums.len() && !sums.contains_key(&key) {
            return;
        }
        let lines = sums.entry(key).or_default();
        for notice in notices {
            let more = || Notice::new(notice.kind, MORE);
            let full = LINES <= lines.len() && !lines.contains_key(notice);
            let notice = if full { more() } else { notice.clone() };
            let none = Sum { count: 0, first_us: now_us, last_us: now_us };
            let sum = lines.entry(notice).or_insert(none);
            sum.count += 1;
            sum.last_us = now_us;
        }
    }

    /// Tells that `calling` is not the directory that the connection is set to. What
    /// is set stays in force: a header is no proof of who is calling.
    pub fn tell_stranger(&self, caller: &Caller, calling: Dialect) {
        if !caller.dialect.is_directory() || calling == caller.dialect {
            return;
        }
        let told = format!("set to {}, {} is calling", caller.dialect.as_str(), calling.as_str());
        self.tell(caller, &[Notice::new(NoticeKind::Dialect, &told)]);
    }

    /// Writes what was told until `shutdown`, and what is left then.
    pub async fn run(self, store: Store, shutdown: CancellationToken) {
        loop {
            let stops = tokio::select! {
                () = shutdown.cancelled() => true,
                () = tokio::time::sleep(PAUSE) => false,
            };
            self.write(&store).await;
            if stops {
                return;
            }
        }
    }

    async fn write(&self, store: &Store) {
        let sums = std::mem::take(&mut *self.sums.lock().unwrap_or_else(PoisonError::into_inner));
        for ((tenant, connection), lines) in sums {
            for (notice, sum) in &lines {
                info!(
                    tenant.id = tenant.get(),
                    connection.id = %connection,
                    kind = notice.kind.as_str(),
                    detail = notice.detail,
                    count = sum.count,
                    "a request was not taken as it stands"
                );
            }
            let rows = lines.into_iter().map(|(notice, sum)| NoticeRow {
                kind: notice.kind.as_str().to_owned(),
                detail: notice.detail,
                count: sum.count,
                first_us: sum.first_us,
                last_us: sum.last_us,
            });
            let written = store.tenant(tenant).add_notices(connection, rows.collect()).await;
            if let Err(error) = written {
                // The connection may be gone with its tenant.
                warn!(
                    %error,
                    tenant.id = tenant.get(),
                    "the log of a connection could not be written"
                );
            }
        }
    }
}
