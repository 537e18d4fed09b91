//! The user that a credential speaks for, if it speaks for one.
//!
//! There is no foreign key: the id of a deleted user is never given again, so
//! what is left of its credentials opens nothing.

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
        sql::run(manager, &["alter table credential add column subject_id {uuid}"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Without its user a token would be one of the whole tenant.
        let forget = "delete from credential where subject_id is not null";
        sql::run(manager, &[forget, "alter table credential drop column subject_id"]).await
    }
}
