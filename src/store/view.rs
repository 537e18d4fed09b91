//! A tenant's view of the database: the only way to run a statement.
//!
//! A [`View`] is made with its tenant and cannot change it. Reading is done on a
//! view; a [`TenantTx`] is a view that may write, inside one transaction.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, QueryResult, Value,
};

use super::{StoreError, postgres::Session, settle::Settled, statement::Sql};
use crate::tenant::TenantId;

/// Where statements go.
#[derive(Debug)]
pub(super) enum Handle {
    /// SQLite's readers.
    Readers(DatabaseConnection),
    /// A PostgreSQL session that works for the tenant.
    Session(Session),
    /// A transaction.
    Transaction(DatabaseTransaction),
    /// The transaction that a batch of SQLite's writer shares.
    Batch(Arc<DatabaseTransaction>),
}

/// What one tenant can see.
#[derive(Debug)]
pub struct View {
    pub(super) tenant: TenantId,
    pub(super) backend: DbBackend,
    pub(super) handle: Handle,
    /// Whether a statement failed because another transaction crossed this one.
    crossed: AtomicBool,
}

impl View {
    pub(super) fn new(tenant: TenantId, backend: DbBackend, handle: Handle) -> Self {
        Self { tenant, backend, handle, crossed: AtomicBool::new(false) }
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The tenant, as the value that every statement's predicate starts from.
    pub(super) fn owner(&self) -> Value {
        self.tenant.get().into()
    }

    /// Whether rows that are read to be written must be locked.
    pub(super) fn locks_rows(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    pub(super) async fn one(&self, sql: Sql) -> Result<Option<QueryResult>, StoreError> {
        let statement = sql.build(self.backend);
        let row = match &self.handle {
            Handle::Readers(connection) => connection.query_one_raw(statement).await,
            Handle::Session(session) => {
                session.spoil();
                session.connection().query_one_raw(statement).await
            }
            Handle::Transaction(transaction) => transaction.query_one_raw(statement).await,
            Handle::Batch(transaction) => transaction.query_one_raw(statement).await,
        };
        self.checked(row)
    }

    pub(super) async fn all(&self, sql: Sql) -> Result<Vec<QueryResult>, StoreError> {
        let statement = sql.build(self.backend);
        let rows = match &self.handle {
            Handle::Readers(connection) => connection.query_all_raw(statement).await,
            Handle::Session(session) => {
                session.spoil();
                session.connection().query_all_raw(statement).await
            }
            Handle::Transaction(transaction) => transaction.query_all_raw(statement).await,
            Handle::Batch(transaction) => transaction.query_all_raw(statement).await,
        };
        self.checked(rows)
    }

    pub(super) async fn run(&self, sql: Sql) -> Result<u64, StoreError> {
        let statement = sql.build(self.backend);
        let outcome = match &self.handle {
            Handle::Readers(connection) => connection.execute_raw(statement).await,
            Handle::Session(session) => {
                session.spoil();
                session.connection().execute_raw(statement).await
            }
            Handle::Transaction(transaction) => transaction.execute_raw(statement).await,
            Handle::Batch(transaction) => transaction.execute_raw(statement).await,
        };
        self.checked(outcome).map(|outcome| outcome.rows_affected())
    }

    fn checked<T>(&self, outcome: Result<T, sea_orm::DbErr>) -> Result<T, StoreError> {
        let outcome = outcome.map_err(StoreError::from);
        let usable = match &outcome {
            Ok(_) => true,
            Err(error) => {
                self.crossed.fetch_or(error.is_transient(), Ordering::Relaxed);
                error.leaves_connection_usable()
            }
        };
        match &self.handle {
            Handle::Session(session) if usable => session.restore(),
            _ => {}
        }
        outcome
    }
}

/// What others wait for that a transaction brings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct News {
    /// Something is on its way to a stream.
    pub(super) delivers: bool,
    /// Somebody's sessions ended.
    pub(super) revokes: bool,
}

/// A tenant's view inside one transaction.
#[derive(Debug)]
pub struct TenantTx {
    pub(super) view: View,
    /// Whether something was put on its way to a stream.
    pub(super) delivers: AtomicBool,
    /// Whether somebody's sessions were ended.
    pub(super) revokes: AtomicBool,
    /// Whether a part could neither be kept nor undone, so that nothing may be kept.
    in_doubt: AtomicBool,
}

impl TenantTx {
    pub(super) fn new(view: View) -> Self {
        Self {
            view,
            delivers: AtomicBool::new(false),
            revokes: AtomicBool::new(false),
            in_doubt: AtomicBool::new(false),
        }
    }

    pub(super) fn was_crossed(&self) -> bool {
        self.view.crossed.load(Ordering::Relaxed)
    }

    pub(super) fn news(&self) -> News {
        News {
            delivers: self.delivers.load(Ordering::Relaxed),
            revokes: self.revokes.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::Relaxed)
    }

    /// Takes over how a part of this transaction ended.
    pub(super) fn absorb<T, E>(&self, part: Settled<T, E>) -> Result<T, E> {
        self.delivers.fetch_or(part.news.delivers, Ordering::Relaxed);
        self.revokes.fetch_or(part.news.revokes, Ordering::Relaxed);
        self.view.crossed.fetch_or(part.crossed, Ordering::Relaxed);
        self.in_doubt.fetch_or(part.in_doubt, Ordering::Relaxed);
        part.outcome
    }
}

impl Deref for TenantTx {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}
