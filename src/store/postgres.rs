//! PostgreSQL: sessions that each work for one tenant at a time.
//!
//! Row-level security reads the tenant from the session. [`Sessions`] is the only
//! place that hands out connections, and it says the tenant on every check-out at
//! which the connection worked for another one. Each session is a pool of one
//! connection, so that what was said holds for what is asked next; a connection
//! that was lost and made anew has said nothing, and its first query fails
//! rather than finding nobody's rows.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::StoreError;

/// How long a request waits for a connection.
pub(super) const CHECKOUT: Duration = Duration::from_secs(5);
/// How long the answer to a change waits for one: the change is made, and its
/// client should not hear otherwise.
pub(super) const CHECKOUT_TO_ANSWER: Duration = Duration::from_secs(30);
/// The role that row-level security holds back even if the login is a superuser.
const ROLE: &str = "muster_app";
/// Limits that each session sets for itself: statement, lock, idle transaction.
const SESSION_LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "15s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "30s"),
];

#[derive(Debug, Clone)]
struct Idle {
    connection: DatabaseConnection,
    /// The tenant it last said it works for.
    tenant: i64,
}

/// All connections of the service to PostgreSQL.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    url: SecretString,
    parameters: Arc<[(&'static str, &'static str)]>,
    idle: Arc<Mutex<Vec<Idle>>>,
    permits: Arc<Semaphore>,
}

impl Sessions {
    /// Connects once, to learn which role to take, and fails with the database's
    /// own words if that cannot be done.
    pub(super) async fn open(url: &str, connections: u32) -> Result<Self, DbErr> {
        let first = connect(url, &[]).await?;
        let role = works_as_role(&first).await?.then_some(ROLE);
        first.close().await?;
        let permits = usize::try_from(connections).unwrap_or(1).max(1);
        let mut parameters = SESSION_LIMITS.to_vec();
        parameters.extend(role.map(|role| ("role", role)));
        Ok(Self {
            url: url.to_owned().into(),
            parameters: parameters.into(),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(permits)),
        })
    }

    /// Connects as often as may be at all, so that no request has to wait for that.
    pub(super) async fn connect_all(&self) -> Result<(), StoreError> {
        let mut all = Vec::new();
        for _ in 0..self.permits.available_permits() {
            all.push(self.checkout(0, CHECKOUT).await?);
        }
        Ok(())
    }

    /// A connection that waits, best one that worked for the tenant last.
    fn take_idle(&self, tenant: i64) -> Option<Idle> {
        let mut waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.iter().rposition(|idle| idle.tenant == tenant) {
            Some(position) => Some(waiting.remove(position)),
            None => waiting.pop(),
        }
    }

    /// A session that works for `tenant` until it is dropped; waits no longer than `wait`.
    pub(super) async fn checkout(
        &self,
        tenant: i64,
        wait: Duration,
    ) -> Result<Session, StoreError> {
        let permit = timeout(wait, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::unavailable("no connection became free in time"))?
            .map_err(|_| StoreError::unavailable("the connections are closed"))?;
        let idle = self.take_idle(tenant);
        let idle = match idle {
            Some(idle) => idle,
            None => Idle {
                connection: connect(self.url.expose_secret(), &self.parameters).await?,
                tenant: -1,
            },
        };
        if idle.tenant != tenant {
            say_tenant(&idle.connection, tenant).await?;
        }
        Ok(Session {
            idle: Idle { connection: idle.connection, tenant },
            spoilt: AtomicBool::new(false),
            home: Arc::clone(&self.idle),
            _permit: permit,
        })
    }
}

/// A connection that works for one tenant; goes back when dropped.
#[derive(Debug)]
pub(super) struct Session {
    idle: Idle,
    spoilt: AtomicBool,
    home: Arc<Mutex<Vec<Idle>>>,
    _permit: OwnedSemaphorePermit,
}

impl Session {
    /// The connection.
    pub(super) fn connection(&self) -> &DatabaseConnection {
        &self.idle.connection
    }

    /// Keeps the connection from being used again, after an error that leaves
    /// its state in doubt, or until what is begun has ended: a client that hangs
    /// up drops the request in the middle of a statement.
    pub(super) fn spoil(&self) {
        self.spoilt.store(true, Ordering::Relaxed);
    }

    /// Lets the connection be used again.
    pub(super) fn restore(&self) {
        self.spoilt.store(false, Ordering::Relaxed);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.spoilt.load(Ordering::Relaxed) {
            let idle = self.idle.clone();
            self.home.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
        }
    }
}

/// A connection as the schema's owner, for migrations.
pub(super) async fn connect_as_owner(url: &str) -> Result<DatabaseConnection, DbErr> {
    connect(url, &[]).await
}

/// A pool of one, with these settings of the server's for its sessions.
async fn connect(
    url: &str,
    parameters: &[(&'static str, &'static str)],
) -> Result<DatabaseConnection, DbErr> {
    let parameters = parameters.to_vec();
    let mut options = ConnectOptions::new(url);
    options
        .min_connections(1)
        .max_connections(1)
        .connect_timeout(CHECKOUT)
        .acquire_timeout(CHECKOUT)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |options| {
            options
                .application_name("muster")
                .statement_cache_capacity(512)
                .options(parameters.iter().copied())
        });
    Database::connect(options).await
}

/// Whether the role exists and this login may take it.
async fn works_as_role(connection: &DatabaseConnection) -> Result<bool, DbErr> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "select exists (select from pg_roles
            where rolname = $1 and pg_has_role(current_user, oid, 'member')) as may",
        [ROLE.into()],
    );
    match connection.query_one_raw(statement).await? {
        Some(row) => row.try_get("", "may"),
        None => Ok(false),
    }
}

async fn say_tenant(connection: &DatabaseConnection, tenant: i64) -> Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "select set_config('app.tenant', $1, false)",
        [tenant.to_string().into()],
    );
    connection.query_one_raw(statement).await.map(|_| ())
}
