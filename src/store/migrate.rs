//! The schema's steps, run under a lock so that two starting servers do not cross.

use std::time::Duration;

use muster_migrations::Migrator;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use sea_orm_migration::{MigrationStatus, MigrationTrait, MigratorTrait};

use super::{Location, StoreError, postgres, sqlite, user_names::UserNameKeys};

/// The steps of the schema, and behind them those that need to know what the
/// stored data means.
struct Steps;

#[async_trait::async_trait]
impl MigratorTrait for Steps {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut steps = Migrator::migrations();
        steps.push(Box::new(UserNameKeys));
        steps
    }
}

/// What to do with the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrateCommand {
    /// Run the steps that are missing.
    Up,
    /// Undo the last steps.
    Down {
        /// How many.
        steps: u32,
    },
    /// Only tell.
    Status,
}

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationState {
    /// Its name.
    pub name: String,
    /// Whether it has been run.
    pub applied: bool,
}

/// Times that a step is tried on SQLite, and the pause between them.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// Number of the PostgreSQL advisory lock that migrations hold.
const LOCK: i64 = 781_203;

/// Does `command` and tells the state of each step afterwards.
///
/// # Errors
///
/// [`StoreError`] with what the database said.
pub async fn migrate(
    location: &Location,
    command: MigrateCommand,
) -> Result<Vec<MigrationState>, StoreError> {
    let connection = match location {
        Location::Sqlite(path) => sqlite::connect_alone(path).await?,
        Location::Postgres(url) => postgres::connect_as_owner(url).await?,
    };
    let outcome = run(&connection, command).await;
    connection.close().await?;
    outcome
}

/// Runs the steps that are missing. SQLite has no lock to wait for, so of two
/// processes that start at once one may find its step done by the other, and
/// looks again.
async fn up(connection: &DatabaseConnection) -> Result<(), StoreError> {
    let mut attempts = 1;
    while let Err(error) = Steps::up(connection, None).await {
        if connection.get_database_backend() == DbBackend::Postgres || ATTEMPTS <= attempts {
            return Err(error.into());
        }
        attempts += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn run(
    connection: &DatabaseConnection,
    command: MigrateCommand,
) -> Result<Vec<MigrationState>, StoreError> {
    // The connection is one session, so the lock is held until it is closed.
    if connection.get_database_backend() == DbBackend::Postgres {
        let lock = format!("select pg_advisory_lock({LOCK})");
        connection.execute_unprepared(&lock).await?;
    }
    match command {
        MigrateCommand::Up => up(connection).await?,
        MigrateCommand::Down { steps } => Steps::down(connection, Some(steps)).await?,
        MigrateCommand::Status => {}
    }
    let steps = Steps::get_migration_with_status(connection).await?;
    Ok(steps
        .iter()
        .map(|step| MigrationState {
            name: step.name().to_owned(),
            applied: step.status() == MigrationStatus::Applied,
        })
        .collect())
}
