//! Requests that were accepted to be done later (RFC 9967 §2.5.1).
//!
//! The request lies sealed, since it may hold passwords, and goes when it is done.
//! `results` grows with what is done, in the same transaction, so that nothing is
//! done twice.

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
                "create table async_request (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    id {uuid} not null,
                    connection_id {uuid} not null,
                    credential_id {uuid} not null,
                    state {small} not null,
                    sealed {bytes} not null,
                    results text not null,
                    done integer not null,
                    attempt integer not null,
                    leased_until_us bigint not null,
                    finished_us bigint,
                    primary key (tenant_id, id))",
                // state 0 waits or is being done, 1 is done and may be read.
                "create index async_request_waiting
                    on async_request (leased_until_us, id) where state = 0",
                "create index async_request_tenant on async_request (tenant_id) where state = 0",
                "create index async_request_finished
                    on async_request (finished_us) where state = 1",
            ],
        )
        .await?;
        sql::fence(manager, "async_request", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, &["drop table async_request"]).await
    }
}
