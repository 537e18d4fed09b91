//! A tenant's own schemas and resource types, and values that must be unique.
//!
//! `tenant.schema_version` counts the changes of what a tenant has. A write tells
//! the version it was judged by; on PostgreSQL `muster_judged` refuses it if that
//! is not the version any more. It reads the version after it has waited for a
//! change that is under way, which a statement's own snapshot could not.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const FENCED: [&str; 3] = ["custom_schema", "custom_resource_type", "unique_value"];

/// Gives the resource's version back if the schemas still have theirs. Who changes
/// schemas takes the same lock for itself.
const JUDGED: &str = "create function muster_judged(
        of_tenant bigint, judged_by bigint, resource_version bigint)
    returns bigint language plpgsql volatile as $$
    declare current_version bigint;
    begin
        perform pg_advisory_xact_lock_shared(7643, hashint8(of_tenant));
        select schema_version into current_version from tenant where id = of_tenant;
        if current_version is distinct from judged_by then
            raise exception using errcode = 'MU001', message = 'the schemas have changed';
        end if;
        return resource_version;
    end $$";

/// Ends the transaction with the path whose value is taken, if there is one.
const REFUSED: &str = "create function muster_refused(taken text)
    returns boolean language plpgsql volatile as $$
    begin
        if taken is not null then
            raise exception using errcode = 'MU002', message = taken;
        end if;
        return false;
    end $$";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "alter table tenant add column schema_version bigint not null default 0",
                // Codes of resource types are never given again.
                "alter table tenant add column next_type_code {small} not null default 100",
                "create table custom_schema (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    urn_key {key} not null,
                    definition text not null,
                    primary key (tenant_id, urn_key))",
                // code 1 and 2: the extensions of users and of groups.
                "create table custom_resource_type (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    code {small} not null,
                    definition text not null,
                    primary key (tenant_id, code))",
                "create table unique_value (
                    tenant_id bigint not null,
                    resource_type {small} not null,
                    path {key} not null,
                    value_key {key} not null,
                    resource_id {uuid} not null,
                    primary key (tenant_id, resource_type, path, value_key))
                    {in_key_order}",
                "create index unique_value_resource on unique_value (tenant_id, resource_id)",
            ],
        )
        .await?;
        if manager.get_connection().get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for table in FENCED {
            sql::fence(manager, table, "tenant_id").await?;
        }
        sql::run(manager, &[JUDGED, REFUSED]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_connection().get_database_backend() == DbBackend::Postgres {
            let functions = [
                "drop function muster_refused(text)",
                "drop function muster_judged(bigint, bigint, bigint)",
            ];
            sql::run(manager, &functions).await?;
        }
        sql::run(
            manager,
            &[
                "drop table unique_value",
                "drop table custom_resource_type",
                "drop table custom_schema",
                "alter table tenant drop column next_type_code",
                "alter table tenant drop column schema_version",
            ],
        )
        .await
    }
}
