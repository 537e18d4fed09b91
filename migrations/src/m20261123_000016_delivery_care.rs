//! What delivery needs over weeks: lanes, dead letters, trouble that lasts.
//!
//! `delivery.lane` says what goes first at a stream: 0 takes access away or is
//! about the stream itself, 1 is the rest, 2 is sent again because somebody
//! asked for it. The index of unfinished rows begins with it, so a revocation
//! is found at once behind any backlog.
//!
//! `stream.failing_since_us` is when attempts at the stream began to fail without
//! a success since; `stream.dropped` counts what a paused stream could not hold.

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
                "alter table delivery add column lane {small} not null default 1",
                "drop index delivery_open",
                "create index delivery_open on delivery (tenant_id, stream_id, lane, seq)
                    where state = 0",
                "create index delivery_dead on delivery (tenant_id, stream_id, seq)
                    where state = 2",
                // For the operator, who pages through the events of all tenants.
                "create index outbox_everywhere on outbox (xid, seq)",
                "alter table stream add column failing_since_us bigint",
                "alter table stream add column dropped bigint not null default 0",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "alter table stream drop column dropped",
                "alter table stream drop column failing_since_us",
                "drop index outbox_everywhere",
                "drop index delivery_dead",
                "drop index delivery_open",
                "create index delivery_open on delivery (tenant_id, stream_id, seq)
                    where state = 0",
                "alter table delivery drop column lane",
            ],
        )
        .await
    }
}
