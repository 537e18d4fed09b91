//! What an operator sets for one connection, and the connection's log.
//!
//! `settings` is JSON text with what differs from the defaults. The log has one
//! row for each kind of thing that was told, with how often and when: it grows
//! with what there is to tell, not with the requests.

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
                "alter table connection add column settings text not null default '{}'",
                "create table connection_notice (
                    tenant_id bigint not null,
                    connection_id {uuid} not null,
                    kind {key} not null,
                    detail {key} not null,
                    count bigint not null,
                    first_us bigint not null,
                    last_us bigint not null,
                    primary key (tenant_id, connection_id, kind, detail),
                    constraint connection_notice_connection
                        foreign key (tenant_id, connection_id)
                        references connection (tenant_id, id) on delete cascade)
                    {in_key_order}",
            ],
        )
        .await?;
        sql::fence(manager, "connection_notice", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &["drop table connection_notice", "alter table connection drop column settings"],
        )
        .await
    }
}
