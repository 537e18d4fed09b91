//! Members: values that name no resource, and the groups in a group.
//!
//! A connection may be set to keep member values that it does not know. They have
//! a table of their own, so that a row of `membership` always names a resource.

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
                // value_key: the value, folded; value: as the client wrote it.
                "create table opaque_member (
                    tenant_id bigint not null,
                    group_id {uuid} not null,
                    value_key {key} not null,
                    value text not null,
                    display text,
                    primary key (tenant_id, group_id, value_key))
                    {in_key_order}",
                "create index opaque_member_of
                    on opaque_member (tenant_id, value_key, group_id)",
                // The groups in a group: next to nothing where nobody nests them, and
                // whoever looks for them does not pass by all the other members.
                "create index membership_nested on membership (tenant_id, group_id, member_id)
                    where member_type = 2",
            ],
        )
        .await?;
        sql::fence(manager, "opaque_member", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, &["drop index membership_nested", "drop table opaque_member"]).await
    }
}
