//! PostgreSQL's second fence between tenants: row-level security.
//!
//! A session says which tenant it works for (`app.tenant`); 0 is the operator's
//! own work, which crosses tenants. A session that never said so gets an error,
//! not another tenant's rows. Superusers and table owners are held back too: the
//! service works as the role `muster_app`, where it may make one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Each table with the column that says whose row it is.
const FENCED: [(&str, &str); 11] = [
    ("tenant", "id"),
    ("connection", "tenant_id"),
    ("credential", "tenant_id"),
    ("signing_key", "tenant_id"),
    ("resource", "tenant_id"),
    ("attribute_value", "tenant_id"),
    ("membership", "tenant_id"),
    ("outbox", "tenant_id"),
    ("stream", "tenant_id"),
    ("delivery", "tenant_id"),
    ("audit_entry", "tenant_id"),
];

/// Makes the role if this user may; a managed database may forbid it, and then
/// the policies, being forced, hold for the owner.
const MAKE_ROLE: &str = "do $$ begin
    if not exists (select from pg_roles where rolname = 'muster_app') then
        begin
            create role muster_app nologin;
        exception when insufficient_privilege or duplicate_object or unique_violation then null;
        end;
    end if;
    if exists (select from pg_roles where rolname = 'muster_app') then
        if not pg_has_role(current_user, 'muster_app', 'member') then
            execute format('grant muster_app to %I', current_user);
        end if;
        execute format('grant usage on schema %I to muster_app', current_schema());
        execute format('grant select, insert, update, delete on all tables in schema %I to muster_app', current_schema());
        execute format('grant usage, select on all sequences in schema %I to muster_app', current_schema());
        execute format('alter default privileges in schema %I grant select, insert, update, delete on tables to muster_app', current_schema());
    end if;
exception when insufficient_privilege then null;
end $$";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_connection().get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for (table, column) in FENCED {
            sql::fence(manager, table, column).await?;
        }
        sql::run(manager, &[MAKE_ROLE]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_connection().get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for (table, _) in FENCED {
            let policy = format!("drop policy tenant_only on {table}");
            let disable = format!("alter table {table} disable row level security");
            let release = format!("alter table {table} no force row level security");
            sql::run(manager, &[&policy, &disable, &release]).await?;
        }
        Ok(())
    }
}
