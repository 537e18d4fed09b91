//! The record of who changed what: names of attributes, never their values.

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
            &["create table audit_entry (
                    tenant_id bigint not null,
                    id {uuid} not null,
                    at_us bigint not null,
                    actor text not null,
                    action text not null,
                    txn text not null,
                    resource_type {small},
                    resource_id {uuid},
                    attributes text not null,
                    primary key (tenant_id, id))"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, &["drop table audit_entry"]).await
    }
}
