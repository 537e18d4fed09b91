//! Offboardings: people who leave, called by name, in every tenant that has them.
//!
//! They are the operator's, of no tenant. `offboarding.state` is 0 waiting, 1 done,
//! 2 cancelled; `offboarding_person.outcome` is none until it was tried.

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
                "create table offboarding (
                    id {uuid} not null primary key,
                    idempotency_key text,
                    request text not null,
                    actor text not null,
                    state {small} not null,
                    created_us bigint not null,
                    due_us bigint not null,
                    finished_us bigint,
                    lease_until_us bigint not null)",
                "create unique index offboarding_key on offboarding (idempotency_key)",
                "create index offboarding_due on offboarding (due_us) where state = 0",
                "create table offboarding_person (
                    offboarding_id {uuid} not null references offboarding(id) on delete cascade,
                    place integer not null,
                    name text not null,
                    outcome text,
                    primary key (offboarding_id, place)) {in_key_order}",
            ],
        )
        .await?;
        for table in ["offboarding", "offboarding_person"] {
            sql::fence(manager, table, "cast(0 as bigint)").await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, &["drop table offboarding_person", "drop table offboarding"]).await
    }
}
