//! Orders that lists can be sorted in: each needs an index that ends with the id.
//!
//! The index of externalId had only rows with one; a list sorted by it also goes
//! through those without.

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
                "drop index resource_external_id",
                "create index resource_external_id
                    on resource (tenant_id, resource_type, external_id, id)",
                "create index resource_created
                    on resource (tenant_id, resource_type, created_us, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "drop index resource_created",
                "drop index resource_external_id",
                "create index resource_external_id
                    on resource (tenant_id, resource_type, external_id, id)
                    where external_id is not null",
            ],
        )
        .await
    }
}
