//! Applications: what a tenant's people use, and the groups that let them in.
//!
//! A receiver belongs to one by `stream.application_id`, which the store keeps
//! true itself: a column that was added later has no foreign key on SQLite.

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
                "create table application (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    id {uuid} not null,
                    name {key} not null,
                    revoke_on_privilege_loss {flag} not null,
                    created_us bigint not null,
                    primary key (tenant_id, id))",
                "create unique index application_name on application (tenant_id, name)",
                // The reference to the group stops a group from becoming a gate
                // while it is being deleted.
                "create table application_group (
                    tenant_id bigint not null,
                    application_id {uuid} not null,
                    group_id {uuid} not null,
                    primary key (tenant_id, application_id, group_id),
                    constraint application_group_application
                        foreign key (tenant_id, application_id)
                        references application (tenant_id, id) on delete cascade,
                    constraint application_group_group foreign key (tenant_id, group_id)
                        references resource (tenant_id, id))
                    {in_key_order}",
                "create index application_group_of
                    on application_group (tenant_id, group_id, application_id)",
            ],
        )
        .await?;
        sql::fence(manager, "application", "tenant_id").await?;
        sql::fence(manager, "application_group", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, &["drop table application_group", "drop table application"]).await
    }
}
