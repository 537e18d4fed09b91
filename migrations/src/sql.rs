//! One text of SQL for both databases.
//!
//! The schema needs what a builder cannot say on both sides (byte-ordered text,
//! tables stored in key order, partial indexes), so the steps are SQL, and only
//! the names of types differ.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Runs `statements`, with the words in braces replaced by what the database calls them.
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let postgres = connection.get_database_backend() == DbBackend::Postgres;
    for statement in statements {
        connection.execute_unprepared(&translate(statement, postgres)).await?;
    }
    Ok(())
}

fn translate(statement: &str, postgres: bool) -> String {
    let words = [
        ("{uuid}", "uuid", "blob"),
        ("{bytes}", "bytea", "blob"),
        // Keys are folded in Rust and compared as bytes, the same on both.
        ("{key}", "text collate \"C\"", "text"),
        ("{flag}", "boolean", "integer"),
        ("{small}", "smallint", "integer"),
        (
            "{serial}",
            "bigint generated always as identity primary key",
            "integer primary key autoincrement",
        ),
        // Narrow tables are stored in key order where the database can.
        ("{in_key_order}", "", "without rowid"),
    ];
    words.iter().fold(statement.to_string(), |text, (word, in_postgres, in_sqlite)| {
        text.replace(word, if postgres { in_postgres } else { in_sqlite })
    })
}

/// Fences a table on PostgreSQL: a session sees the rows of its own tenant, the
/// operator's sessions (tenant 0) see all. Every new table with tenants' rows needs it.
pub(crate) async fn fence(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
) -> Result<(), DbErr> {
    if manager.get_connection().get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    // The sub-selects make the setting a constant of the query, read once.
    let policy = format!(
        "create policy tenant_only on {table} using (
            {column} = (select current_setting('app.tenant')::bigint)
            or (select current_setting('app.tenant')::bigint) = 0)"
    );
    let enable = format!("alter table {table} enable row level security");
    let force = format!("alter table {table} force row level security");
    run(manager, &[&policy, &enable, &force]).await
}
