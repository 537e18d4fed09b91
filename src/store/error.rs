//! What can go wrong in the store.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A key that two rows of a tenant cannot share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueKey {
    /// `userName` of a user, or `displayName` of a group that must be unique.
    Resource,
    /// A tenant's name.
    TenantName,
    /// A connection's name.
    ConnectionName,
    /// An application's name.
    ApplicationName,
    /// A receiver's name.
    ReceiverName,
    /// The key of an offboarding.
    OffboardingKey,
    /// Issuer and subject of an OAuth client.
    ClientSubject,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The value of a key is taken.
    #[error("a row with the same key exists")]
    Duplicate(UniqueKey),
    /// Another resource of the type has the value of a unique attribute.
    #[error("the value of `{0}` is taken")]
    Taken(String),
    /// The tenant's schemas changed after the work was judged by them.
    #[error("the tenant's schemas have just changed")]
    SchemaChanged,
    /// A member that was to be added is being deleted, or transactions crossed:
    /// the work was undone and may be tried again.
    #[error("the transaction was undone because another one crossed it")]
    Conflict(#[source] DbErr),
    /// A statement took longer than it may.
    #[error("the statement took too long")]
    Timeout(#[source] DbErr),
    /// The database cannot be reached, or has no connection left.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// The work panicked; it was undone.
    #[error("the work inside a transaction panicked")]
    Panicked,
    /// Stored data cannot be read as what it should be.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// Anything else the database said.
    #[error("the database refused a statement")]
    Database(#[source] DbErr),
}

impl StoreError {
    /// No connection became free, or the writer is gone.
    pub(super) fn unavailable(reason: &str) -> Self {
        Self::Unavailable(DbErr::Custom(reason.to_owned()))
    }

    /// Others wrote the same again and again.
    pub(crate) fn crossed() -> Self {
        Self::Conflict(DbErr::Custom("others changed the same meanwhile".to_owned()))
    }

    /// Whether doing the same again may succeed.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// Whether the connection that said it can be used again.
    pub(super) fn leaves_connection_usable(&self) -> bool {
        matches!(self, Self::Duplicate(_) | Self::Taken(_) | Self::SchemaChanged | Self::Damaged(_))
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(constraint)) = error.sql_err() {
            return match unique_key(&constraint) {
                Some(key) => Self::Duplicate(key),
                None => Self::Database(error),
            };
        }
        match sql_state(&error).as_deref() {
            // Foreign key, serialization failure, deadlock.
            Some("23503" | "40001" | "40P01") => Self::Conflict(error),
            // Raised by the functions of the schema, with the path as the message.
            Some("MU001") => Self::SchemaChanged,
            Some("MU002") => Self::Taken(said(&error)),
            // SQLite has no such functions: the version of a resource that was
            // judged by old schemas is null there.
            Some("1299") if said(&error).contains("resource.version") => Self::SchemaChanged,
            // Statement cancelled.
            Some("57014") => Self::Timeout(error),
            // Lock not available; read only, as after a failover; idle for too
            // long; shutting down, starting up; too many connections. SQLite:
            // busy, locked, full.
            Some(
                "55P03" | "25006" | "25P03" | "57P01" | "57P02" | "57P03" | "53300" | "5" | "6"
                | "13",
            ) => Self::Unavailable(error),
            Some(class) if class.starts_with("08") => Self::Unavailable(error),
            Some(_) => Self::Database(error),
            None if lost_connection(&error) => Self::Unavailable(error),
            None => Self::Database(error),
        }
    }
}

/// Which key a violated constraint holds. PostgreSQL names the constraint,
/// SQLite its columns.
fn unique_key(constraint: &str) -> Option<UniqueKey> {
    let keys = [
        ("resource_unique_key", "resource.unique_key", UniqueKey::Resource),
        ("tenant_name", "tenant.name", UniqueKey::TenantName),
        ("connection_name", "connection.name", UniqueKey::ConnectionName),
        ("application_name", "application.name", UniqueKey::ApplicationName),
        ("receiver_name", "receiver.name", UniqueKey::ReceiverName),
        ("offboarding_key", "offboarding.idempotency_key", UniqueKey::OffboardingKey),
        ("oauth_client_subject", "oauth_client.subject", UniqueKey::ClientSubject),
    ];
    keys.into_iter()
        .find(|(name, column, _)| constraint.contains(name) || constraint.contains(column))
        .map(|(_, _, key)| key)
}

fn sql_state(error: &DbErr) -> Option<String> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            let code = error.as_database_error()?.code()?;
            // SQLite's codes are short numbers; 787 is its foreign key.
            Some(if code == "787" { "23503".to_owned() } else { code.into_owned() })
        }
        _ => None,
    }
}

/// The database's own words.
fn said(error: &DbErr) -> String {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            let error = error.as_database_error();
            error.map(|error| error.message().to_owned()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn lost_connection(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            matches!(
                **error,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            )
        }
        _ => false,
    }
}
