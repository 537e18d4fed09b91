//! Signing keys come and go: shown, used, kept for those who verify late, removed.
//!
//! `signing_key.state` is 0 for the one that signs, 1 for one that is shown and
//! will, 2 for one that did. `due_us` is when the last two change: into the one
//! that signs, and into nothing.

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
                "alter table signing_key add column due_us bigint",
                // One signs and at most one waits, whichever replicas try at once.
                "create unique index signing_key_active on signing_key (tenant_id) where state = 0",
                "create unique index signing_key_next on signing_key (tenant_id) where state = 1",
                "create index signing_key_due on signing_key (due_us) where due_us is not null",
                "create index signing_key_age on signing_key (created_us) where state = 0",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "drop index signing_key_age",
                "drop index signing_key_due",
                "drop index signing_key_next",
                "drop index signing_key_active",
                // Before, a key that did not sign was still shown.
                "alter table signing_key drop column due_us",
            ],
        )
        .await
    }
}
