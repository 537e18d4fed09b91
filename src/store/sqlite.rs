//! SQLite: one writer that commits many requests together, readers beside it.
//!
//! SQLite lets one connection write at a time, and each durable commit waits for
//! the disk. So one task owns the writing connection: jobs arrive on a bounded
//! channel, each runs under a savepoint of one `BEGIN IMMEDIATE` transaction,
//! and each is answered after the commit. A batch is what has arrived while the
//! last one committed, so a lone request waits for nobody.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use tokio::{sync::mpsc, task::JoinSet};

use super::StoreError;
use crate::telemetry::causes;

/// Jobs that may wait for the writer; more wait in their own tasks.
const QUEUE: usize = 1024;
/// Jobs of one commit, so that the first does not wait for ever.
const BATCH: usize = 256;
/// Connections that read, each with a thread of its own.
const READERS: u32 = 4;
/// How long another process (the command line) may hold the write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before the file is opened again after it failed.
const REOPEN: Duration = Duration::from_millis(500);

/// What a job leaves to be done after the commit: to answer its caller.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// A request's work inside the batch's transaction.
pub(super) type Job =
    Box<dyn for<'t> FnOnce(&'t Arc<DatabaseTransaction>) -> BoxFuture<'t, Done> + Send>;

/// A job that ran.
pub(super) struct Done {
    /// To be called after the commit.
    pub(super) answer: Answer,
    /// What it did could neither be kept nor undone.
    pub(super) in_doubt: bool,
}

/// An open SQLite database.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    pub(super) readers: DatabaseConnection,
    jobs: mpsc::Sender<Job>,
    /// Ends the writer with the last handle.
    _writer: Arc<JoinSet<()>>,
}

impl Sqlite {
    /// Opens the file, makes it if it is not there, and starts the writer.
    pub(super) async fn open(path: &Path) -> Result<Self, DbErr> {
        let writer = connect(path, 1, false).await?;
        let readers = connect(path, READERS, true).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        tasks.spawn(write(path.to_owned(), writer, queue));
        Ok(Self { readers, jobs, _writer: Arc::new(tasks) })
    }

    /// Hands a job to the writer; waits while the queue is full.
    pub(super) async fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.send(job).await.map_err(|_| StoreError::unavailable("the writer has stopped"))
    }
}

/// A connection for work that owns the database alone, such as migrations.
pub(super) async fn connect_alone(path: &Path) -> Result<DatabaseConnection, DbErr> {
    connect(path, 1, false).await
}

async fn connect(
    path: &Path,
    connections: u32,
    readonly: bool,
) -> Result<DatabaseConnection, DbErr> {
    make_private(path)?;
    let file: PathBuf = path.to_owned();
    // The URL only chooses the driver: a file name may hold what a URL may not.
    let mut options = ConnectOptions::new("sqlite::memory:");
    options
        .min_connections(connections)
        .max_connections(connections)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .in_memory(false)
                .shared_cache(false)
                .filename(&file)
                .create_if_missing(!readonly)
                .read_only(readonly)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(BUSY_TIMEOUT)
                .foreign_keys(true)
                .statement_cache_capacity(256)
                .pragma("temp_store", "memory")
        });
    Database::connect(options).await
}

/// Makes the file, if it is not there, readable by its owner only.
fn make_private(path: &Path) -> Result<(), DbErr> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(DbErr::Custom(format!("the file {} cannot be made: {error}", path.display())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn write(path: PathBuf, connection: DatabaseConnection, mut queue: mpsc::Receiver<Job>) {
    let mut connection = connection;
    while let Some(first) = queue.recv().await {
        if write_batch(&connection, first, &mut queue).await == Batch::Broken {
            // After a failed commit (a full disk, say) the driver's idea of where
            // it stands is wrong for good; only a new connection is sound.
            connection = reconnect(&path).await;
        }
    }
}

/// Whether the connection is still sound after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    Done,
    Broken,
}

async fn reconnect(path: &Path) -> DatabaseConnection {
    loop {
        match connect(path, 1, false).await {
            Ok(connection) => return connection,
            Err(error) => {
                tracing::error!(error = causes(&error), "could not open the database again");
                tokio::time::sleep(REOPEN).await;
            }
        }
    }
}

async fn write_batch(
    connection: &DatabaseConnection,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
) -> Batch {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let transaction = match connection.begin_with_options(options).await {
        Ok(transaction) => Arc::new(transaction),
        Err(error) => {
            // The job never ran, so its caller hears that its channel closed.
            tracing::error!(error = causes(&error), "could not begin to write");
            return Batch::Broken;
        }
    };
    let (mut answers, mut sound) = (Vec::new(), true);
    let mut next = Some(first);
    while let Some(job) = next {
        let done = job(&transaction).await;
        answers.push(done.answer);
        sound = !done.in_doubt;
        next = if sound && answers.len() < BATCH { queue.try_recv().ok() } else { None };
    }
    // A job that could not be undone must not be committed with the others.
    let doubt = || DbErr::Custom("a job could be neither kept nor undone".to_owned());
    let outcome = match Arc::into_inner(transaction) {
        Some(transaction) if sound => transaction.commit().await,
        Some(transaction) => transaction.rollback().await.and_then(|()| Err(doubt())),
        // No job keeps the transaction; one that did must not have its work kept.
        None => Err(doubt()),
    };
    let failure = outcome.err().map(|error| causes(&error));
    for answer in answers {
        answer(match &failure {
            None => Ok(()),
            Some(reason) => Err(StoreError::unavailable(reason)),
        });
    }
    if failure.is_some() { Batch::Broken } else { Batch::Done }
}
