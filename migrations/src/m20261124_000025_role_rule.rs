//! Which roles of the platform a tenant's people have: those of a group, or those whom a
//! filter matches.

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
        let table = "create table role_rule (
            tenant_id bigint not null references tenant(id) on delete cascade,
            id {uuid} not null,
            role text not null,
            group_id {uuid},
            filter text,
            created_us bigint not null,
            primary key (tenant_id, id)) {in_key_order}";
        sql::run(manager, &[table]).await?;
        sql::fence(manager, "role_rule", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, &["drop table role_rule"]).await
    }
}
