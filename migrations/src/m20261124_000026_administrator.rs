//! Who administers a tenant without being an operator, and the tenants that belong to
//! another one.
//!
//! `administrator.role` is 0 owner, 1 admin, 2 help desk, 3 auditor. A link for signing in
//! is kept as its SHA-256, one at a time. A credential with an `administrator_id` is
//! what they got for a link.

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
                "alter table tenant add column parent_id bigint references tenant(id)",
                "create index tenant_parent on tenant (parent_id) where parent_id is not null",
                "create table administrator (
                    id {uuid} not null primary key,
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    name text not null,
                    role {small} not null,
                    group_id {uuid},
                    with_children {flag} not null,
                    created_us bigint not null,
                    link_hash {bytes},
                    link_until_us bigint)",
                "create unique index administrator_name on administrator (tenant_id, name)",
                "create unique index administrator_link on administrator (link_hash)",
                "alter table credential add column administrator_id {uuid}
                    references administrator(id) on delete cascade",
                "create index credential_administrator on credential (administrator_id)
                    where administrator_id is not null",
            ],
        )
        .await?;
        sql::fence(manager, "administrator", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "drop index credential_administrator",
                "delete from credential where administrator_id is not null",
                "alter table credential drop column administrator_id",
                "drop table administrator",
                "drop index tenant_parent",
                "alter table tenant drop column parent_id",
            ],
        )
        .await
    }
}
