//! What an operator sets for the events of a tenant, and addresses that were
//! given up.
//!
//! `event_settings` is JSON text with what differs from the defaults. An address
//! of a domain that the tenant gives out is noted when its owner loses it, so
//! that it can be told when somebody else gets it.

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
                "alter table tenant add column event_settings text not null default '{}'",
                "create table freed_address (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    address {key} not null,
                    resource_id {uuid} not null,
                    freed_us bigint not null,
                    primary key (tenant_id, address))
                    {in_key_order}",
                "create index freed_address_age on freed_address (tenant_id, freed_us)",
            ],
        )
        .await?;
        sql::fence(manager, "freed_address", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &["drop table freed_address", "alter table tenant drop column event_settings"],
        )
        .await
    }
}
