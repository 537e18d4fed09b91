//! Deleted users, kept for a while so that they can come back, and people whom no
//! directory may take away.
//!
//! `groups` is the ids of the groups that a user was in, with spaces between.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 2] = ["deleted_user", "protected_user"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "create table deleted_user (
                    tenant_id bigint not null,
                    resource_id {uuid} not null,
                    deleted_us bigint not null,
                    created_us bigint not null,
                    version bigint not null,
                    actor text not null,
                    unique_key {key},
                    document text not null,
                    groups text not null,
                    primary key (tenant_id, resource_id))",
                "create index deleted_user_at on deleted_user (tenant_id, deleted_us, resource_id)",
                "create index deleted_user_name on deleted_user (tenant_id, unique_key)",
                "create table protected_user (
                    tenant_id bigint not null,
                    resource_id {uuid} not null,
                    reason text not null,
                    actor text not null,
                    since_us bigint not null,
                    primary key (tenant_id, resource_id)) {in_key_order}",
            ],
        )
        .await?;
        for table in TABLES {
            sql::fence(manager, table, "tenant_id").await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drops = TABLES.map(|table| format!("drop table {table}"));
        sql::run(manager, &drops.each_ref().map(String::as_str)).await
    }
}
