//! The schema's steps, run under a lock so that two starting servers do not cross.

use muster_migrations::Migrator;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use sea_orm_migration::{MigrationStatus, MigratorTrait};

use super::{Location, StoreError, postgres, sqlite};

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
        MigrateCommand::Up => Migrator::up(connection, None).await?,
        MigrateCommand::Down { steps } => Migrator::down(connection, Some(steps)).await?,
        MigrateCommand::Status => {}
    }
    let steps = Migrator::get_migration_with_status(connection).await?;
    Ok(steps
        .iter()
        .map(|step| MigrationState {
            name: step.name().to_owned(),
            applied: step.status() == MigrationStatus::Applied,
        })
        .collect())
}
