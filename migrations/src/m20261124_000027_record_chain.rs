//! The record in a chain: every entry gets a place and a hash that holds the hash of the
//! entry before it, a moment after it was committed.
//!
//! `audit_entry.connection_id` is whose token it was. `audit_entry.changes` are values before and after, JSON text; their digest stays when
//! they are forgotten, so that the chain holds. `audit_chain` is where each tenant's chain
//! ends, `audit_checkpoint` what was signed of it.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "alter table audit_entry add column connection_id {uuid}",
                "alter table audit_entry add column changes text",
                "alter table audit_entry add column changes_digest {bytes}",
                "alter table audit_entry add column place bigint",
                "alter table audit_entry add column hash {bytes}",
                "create index audit_entry_unsealed on audit_entry (tenant_id, id)
                    where place is null",
                "create unique index audit_entry_place on audit_entry (tenant_id, place)
                    where place is not null",
                "create table audit_chain (
                    tenant_id bigint not null primary key references tenant(id) on delete cascade,
                    place bigint not null,
                    hash {bytes} not null,
                    signed_us bigint not null)",
                "create table audit_checkpoint (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    place bigint not null,
                    signature text not null,
                    primary key (tenant_id, place))",
            ],
        )
        .await?;
        for table in ["audit_chain", "audit_checkpoint"] {
            sql::fence(manager, table, "tenant_id").await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "drop table audit_checkpoint",
                "drop table audit_chain",
                "drop index audit_entry_place",
                "drop index audit_entry_unsealed",
                "alter table audit_entry drop column hash",
                "alter table audit_entry drop column place",
                "alter table audit_entry drop column changes_digest",
                "alter table audit_entry drop column changes",
                "alter table audit_entry drop column connection_id",
            ],
        )
        .await
    }
}
