//! The brake: how many people a tenant's directories may deprovision in a time.
//!
//! `brake` has a row for each tenant that has one: 0 watches, 1 holds, 2 has
//! rejected, 3 was released. `deprovisioned` is who went lately, `held_person` who
//! shall go and is held.

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
                "create table brake (
                    tenant_id bigint not null primary key
                        references tenant(id) on delete cascade,
                    settings text not null,
                    state {small} not null,
                    since_us bigint not null,
                    until_us bigint,
                    counts_from_us bigint not null,
                    people bigint,
                    people_us bigint)",
                "create table deprovisioned (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    resource_id {uuid} not null,
                    at_us bigint not null,
                    primary key (tenant_id, resource_id)) {in_key_order}",
                "create index deprovisioned_at on deprovisioned (tenant_id, at_us)",
                "create table held_person (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    resource_id {uuid} not null,
                    action text not null,
                    actor text not null,
                    first_us bigint not null,
                    last_us bigint not null,
                    primary key (tenant_id, resource_id)) {in_key_order}",
            ],
        )
        .await?;
        for table in ["brake", "deprovisioned", "held_person"] {
            sql::fence(manager, table, "tenant_id").await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &["drop table held_person", "drop table deprovisioned", "drop table brake"],
        )
        .await
    }
}
