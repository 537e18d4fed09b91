//! Everything that is kept: SQLite or PostgreSQL behind one interface.
//!
//! [`Store`] hands out a [`TenantStore`], which hands out [`View`]s to read and
//! runs work inside a [`TenantTx`] to write. The tenant is fixed when the value
//! is made, and no other value can run a statement. What crosses tenants (token
//! look-up, claims of deliveries, the operator's commands) goes through
//! [`Store::operator`], and only through it.
//!
//! This is the only module that names sea-orm. Statements are written by hand,
//! one text for both databases.

mod address;
mod administrator;
mod application;
mod async_request;
mod audit;
mod audit_chain;
mod brake;
mod change;
mod claim;
mod connection;
mod credential;
mod custom_schema;
mod deleted_user;
mod delivery;
mod error;
mod fence;
mod filter_sql;
mod gating;
mod keys;
mod list;
mod member_change;
mod membership;
mod migrate;
mod nesting;
mod notice;
mod oauth_client;
mod offboarding;
mod order;
mod outbox;
mod person;
mod postgres;
mod protected_user;
mod receipt;
mod receiver;
mod receiver_stream;
mod resource;
mod retention;
mod revocation_issuer;
mod role_rule;
mod secret_key;
mod settle;
mod signing_key;
mod sqlite;
mod statement;
mod stream;
mod stream_status;
mod stream_subject;
mod tenants;
mod user_names;
mod view;

use std::{
    fmt,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use moka::future::Cache;

use sea_orm::{DbBackend, TransactionTrait};
use tokio::sync::{Notify, oneshot, watch};

use self::{
    settle::{run_job, settle},
    view::{Handle, News},
};
use crate::{scim::schema::Registry, tenant::TenantId};

pub use administrator::{AdminCredential, AdministratorRow};
pub use application::ApplicationRow;
pub use async_request::{AsyncClaim, AsyncProgress, NewAsyncRequest};
pub use audit::{AuditEntry, AuditFilter, AuditRow};
pub use audit_chain::{ChainEnd, ChainedRow, Hash};
pub use brake::{BrakeRow, BrakeState, HeldPerson};
pub use change::{Audience, Change, OutboxEvent, RowChange};
pub use connection::ConnectionRow;
pub use credential::{CredentialRow, NewCredential};
pub use custom_schema::{Definitions, Reindex};
pub use deleted_user::{DeletedFilter, DeletedUser, Remains};
pub use delivery::{
    Claim, DeadLetter, EventSpan, FailingStream, Finish, LeaseKey, LetterFilter, Overdue,
    PER_STREAM, Said,
};
pub use error::{StoreError, UniqueKey};
pub use fence::{FenceFilter, FencePlace, FenceRow, FenceRows};
pub use gating::Hearer;
pub use keys::ResourceKeys;
pub use list::{Listed, Selection, Start};
pub use member_change::{MemberChanges, MemberRow, OpaqueRow};
pub use membership::{MemberState, OpaqueMember, StoredMember};
pub use migrate::{MigrateCommand, MigrationState, migrate};
pub use nesting::GroupLink;
pub use notice::NoticeRow;
pub use oauth_client::{ClientName, ClientProof, KeyPlace, OauthClientRow};
pub use offboarding::{OffboardingPerson, OffboardingRow, OffboardingState};
pub use outbox::OutboxRow;
pub use person::PersonName;
pub use protected_user::ProtectedUser;
pub use receipt::{ReceiptCursor, ReceiptFilter, RevocationRow, TargetRow};
pub use receiver::{NewAccessToken, NewReceiverRow, ReceiverRow};
pub use receiver_stream::{
    NewReceiverStream, Quiet, ReceiverStream, SealedHeader, StreamConfiguration, Verified,
};
pub use resource::StoredResource;
pub use retention::{Ages, HoldLimit};
pub use revocation_issuer::{OneUse, RevocationIssuerRow};
pub use role_rule::{RoleRule, RoleSource};
pub use secret_key::{KeyError, SecretKey, generate, kid, make_signing_key};
pub use signing_key::{KeyState, NewSigningKey, SealedKey, SigningKeyRow, Successor};
pub use stream::{DeliveryMethod, NewStreamRow, Stream, StreamNaming, StreamRow, StreamStatus};
pub use stream_status::{ChangedBy, OperationalEvent, StatusChange};
pub use tenants::{NewTenantRow, TenantRow, TenantSettings, TenantState};
pub use view::{TenantTx, View};

/// Times that work which crossed another transaction is done again.
const ATTEMPTS: u32 = 5;

/// Which database, and where.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file; made if it is not there.
    Sqlite(PathBuf),
    /// A URL, which may hold a password.
    Postgres(String),
}

/// Without the URL, which may hold a password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.debug_tuple("Postgres").finish_non_exhaustive(),
        }
    }
}

#[derive(Debug, Clone)]
enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Sessions),
}

/// The open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Backend,
    appended: Arc<Notify>,
    signing_keys: Arc<AtomicU64>,
    revoked: watch::Sender<u64>,
    registries: Cache<(TenantId, i64), Arc<Registry>>,
}

/// Work to be done in a transaction; may be called again if the transaction was
/// crossed by another one.
pub type Work<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

impl Store {
    /// Opens a database whose schema is up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] or [`StoreError::Database`] with what the
    /// database said.
    pub async fn open(location: &Location, connections: u32) -> Result<Self, StoreError> {
        let backend = match location {
            Location::Sqlite(path) => Backend::Sqlite(sqlite::Sqlite::open(path).await?),
            Location::Postgres(url) => {
                Backend::Postgres(postgres::Sessions::open(url, connections).await?)
            }
        };
        let registries = Cache::new(custom_schema::REMEMBERED);
        Ok(Self {
            backend,
            appended: Arc::default(),
            revoked: watch::Sender::default(),
            signing_keys: Arc::default(),
            registries,
        })
    }

    /// Makes ready for many requests at once.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database refuses a connection.
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        match &self.backend {
            // Its readers are there.
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(sessions) => sessions.connect_all().await,
        }
    }

    /// The store as `tenant` sees it.
    pub fn tenant(&self, tenant: TenantId) -> TenantStore {
        TenantStore { store: self.clone(), tenant }
    }

    /// The store across tenants: for token look-up, claims of deliveries and the
    /// operator's commands, and nothing else.
    pub(crate) fn operator(&self) -> TenantStore {
        self.tenant(TenantId::new(0))
    }

    /// Told after each commit that put an event on its way to a stream.
    pub fn appended(&self) -> Arc<Notify> {
        Arc::clone(&self.appended)
    }

    /// Changes with each commit of this process that ended somebody's sessions.
    pub fn revoked(&self) -> watch::Receiver<u64> {
        self.revoked.subscribe()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let view = self.operator().view().await?;
        view.one(statement::Sql::new("select 1 as one")).await?;
        match &self.backend {
            // The writer may be stuck while readers are not.
            Backend::Sqlite(_) => self.operator().write(|_| Box::pin(async { Ok(()) })).await,
            Backend::Postgres(_) => Ok(()),
        }
    }
}

/// The store of one tenant.
#[derive(Debug, Clone)]
pub struct TenantStore {
    store: Store,
    tenant: TenantId,
}

impl TenantStore {
    /// A view to read from.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if no connection is free.
    pub async fn view(&self) -> Result<View, StoreError> {
        self.view_within(postgres::CHECKOUT).await
    }

    /// A view to read the answer to a change from, once the change is made; waits
    /// longer for a connection.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if no connection is free.
    pub async fn view_to_answer(&self) -> Result<View, StoreError> {
        self.view_within(postgres::CHECKOUT_TO_ANSWER).await
    }

    async fn view_within(&self, wait: Duration) -> Result<View, StoreError> {
        let (backend, handle) = match &self.store.backend {
            Backend::Sqlite(sqlite) => (DbBackend::Sqlite, Handle::Readers(sqlite.readers.clone())),
            Backend::Postgres(sessions) => {
                let session = sessions.checkout(self.tenant.get(), wait).await?;
                (DbBackend::Postgres, Handle::Session(session))
            }
        };
        Ok(View::new(self.tenant, backend, handle))
    }

    /// Does `work` in one transaction: all of it is kept, or nothing.
    ///
    /// The answer comes after the commit. Work that crossed another transaction
    /// is undone and done again, a bounded number of times.
    ///
    /// # Errors
    ///
    /// What `work` gives, after which nothing of it is kept, or a [`StoreError`].
    pub async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, E> + Send + Sync + 'static,
    {
        match &self.store.backend {
            Backend::Sqlite(sqlite) => self.write_queued(sqlite, work).await,
            Backend::Postgres(sessions) => self.write_in_session(sessions, work).await,
        }
    }

    /// Does `work` in one transaction, of which nothing is kept.
    ///
    /// # Errors
    ///
    /// What `work` gives, or a [`StoreError`].
    pub async fn rehearse<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, E> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let undone = self.write(move |tx| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                match (*work)(tx).await {
                    Ok(value) => Err::<(), _>(Undone::Rehearsed(value)),
                    Err(error) => Err(Undone::Failed(error)),
                }
            })
        });
        match undone.await {
            Err(Undone::Rehearsed(value)) => Ok(value),
            Err(Undone::Failed(error)) => Err(error),
            Ok(()) => Err(StoreError::Damaged("a rehearsal was kept".to_owned()).into()),
        }
    }

    /// Makes one change that needs to read nothing first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if a unique attribute is taken.
    pub async fn apply(&self, change: Change) -> Result<(), StoreError> {
        match &self.store.backend {
            Backend::Sqlite(sqlite) => self.apply_queued(sqlite, change).await,
            // One statement is a transaction of its own.
            Backend::Postgres(_) => {
                let tx = TenantTx::new(self.view().await?);
                tx.apply(&change).await?;
                self.wake(tx.news());
                Ok(())
            }
        }
    }

    fn wake(&self, news: News) {
        if news.delivers {
            self.store.appended.notify_waiters();
        }
        if news.revokes {
            self.store.revoked.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Unique values are looked for first, and the row comes first in the one call
    /// that writes a change, so a key that is taken, or a schema that has changed,
    /// stops it before anything is written, and no savepoint is needed.
    async fn apply_queued(
        &self,
        sqlite: &sqlite::Sqlite,
        change: Change,
    ) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        let tenant = self.tenant;
        let job: sqlite::Job = Box::new(move |batch| {
            Box::pin(async move {
                let handle = Handle::Batch(Arc::clone(batch));
                let tx = TenantTx::new(View::new(tenant, DbBackend::Sqlite, handle));
                let outcome = tx.apply(&change).await;
                let in_doubt = !matches!(
                    outcome,
                    Ok(())
                        | Err(StoreError::Duplicate(_)
                            | StoreError::Taken(_)
                            | StoreError::SchemaChanged)
                );
                let news = tx.news();
                let answer: sqlite::Answer = Box::new(move |committed| {
                    drop(sender.send(outcome.and(committed).map(|()| news)));
                });
                sqlite::Done { answer, in_doubt }
            })
        });
        sqlite.submit(job).await?;
        self.wake(receiver.await.map_err(|_| never_began())??);
        Ok(())
    }

    async fn write_queued<T, E, W>(&self, sqlite: &sqlite::Sqlite, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, E> + Send + Sync + 'static,
    {
        let (sender, receiver) = oneshot::channel::<Result<(T, News), E>>();
        let tenant = self.tenant;
        let job: sqlite::Job = Box::new(move |batch| {
            Box::pin(async move {
                let (outcome, in_doubt) = run_job(batch, tenant, &work).await;
                let answer: sqlite::Answer = Box::new(move |committed| {
                    let answer = match committed {
                        Ok(()) => outcome,
                        Err(error) => outcome.and(Err(error.into())),
                    };
                    // A caller that went away needs no answer.
                    drop(sender.send(answer));
                });
                sqlite::Done { answer, in_doubt }
            })
        });
        sqlite.submit(job).await?;
        let (value, news) =
            receiver.await.map_err(|_| StoreError::unavailable("the writer could not begin"))??;
        self.wake(news);
        Ok(value)
    }

    async fn write_in_session<T, E, W>(
        &self,
        sessions: &postgres::Sessions,
        work: W,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, E> + Send + Sync + 'static,
    {
        for _ in 1..ATTEMPTS {
            let (outcome, crossed) = self.transact(sessions, &work).await?;
            if !crossed {
                return outcome;
            }
        }
        self.transact(sessions, &work).await?.0
    }

    /// One attempt; also tells whether another transaction undid it.
    async fn transact<T, E, W>(
        &self,
        sessions: &postgres::Sessions,
        work: &W,
    ) -> Result<(Result<T, E>, bool), StoreError>
    where
        E: From<StoreError>,
        W: for<'t> Fn(&'t TenantTx) -> Work<'t, T, E> + Sync,
    {
        let session = sessions.checkout(self.tenant.get(), postgres::CHECKOUT).await?;
        session.spoil();
        let transaction = session.connection().begin().await.map_err(StoreError::from)?;
        let view = View::new(self.tenant, DbBackend::Postgres, Handle::Transaction(transaction));
        let settled = settle(TenantTx::new(view), work).await;
        if !settled.in_doubt {
            session.restore();
        }
        self.wake(settled.news);
        Ok((settled.outcome, settled.crossed))
    }
}

/// The writer gave a job back without having run it.
fn never_began() -> StoreError {
    StoreError::unavailable("the writer could not begin")
}

/// Why nothing of a transaction is kept.
enum Undone<T, E> {
    /// It was not meant to be.
    Rehearsed(T),
    /// It failed.
    Failed(E),
}

impl<T, E: From<StoreError>> From<StoreError> for Undone<T, E> {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
