//! Networks from which alone a credential is good; anywhere without any.

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
        sql::run(manager, &["alter table credential add column networks text"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Without its networks a token would be good anywhere.
        let forget = "delete from credential where networks is not null";
        sql::run(manager, &[forget, "alter table credential drop column networks"]).await
    }
}
