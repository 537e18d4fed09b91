//! Receivers of every kind, and events that are not for every receiver.
//!
//! `stream.kind` is `ssf` or the name of a sink; what it needs beside its
//! address is in `settings` (JSON, without secrets) and sealed in
//! `authorization_sealed`. An event with an application is for the streams of
//! that application alone, one with a stream for that stream alone.
//!
//! `outbox.xid` is the writing transaction on PostgreSQL, where an event with a
//! lower `seq` may commit later; readers that page go by it. SQLite has one
//! writer, so `seq` says it all.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let xid = match manager.get_connection().get_database_backend() {
            DbBackend::Postgres => {
                "alter table outbox add column xid xid8 not null default pg_current_xact_id()"
            }
            _ => "alter table outbox add column xid integer not null default 0",
        };
        sql::run(
            manager,
            &[
                "alter table stream add column kind text not null default 'ssf'",
                "alter table stream add column settings text not null default '{}'",
                "alter table stream add column application_id {uuid}",
                "alter table outbox add column application_id {uuid}",
                "alter table outbox add column stream_id {uuid}",
                xid,
                "create index outbox_order on outbox (tenant_id, xid, seq)",
                "create index outbox_txn on outbox (tenant_id, txn)",
                // What a receiver said beyond its status, as JSON.
                "alter table delivery add column detail text",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "alter table delivery drop column detail",
                "drop index outbox_txn",
                "drop index outbox_order",
                "alter table outbox drop column xid",
                "alter table outbox drop column stream_id",
                "alter table outbox drop column application_id",
                // Only SSF streams were known before.
                "delete from stream where kind <> 'ssf'",
                "alter table stream drop column application_id",
                "alter table stream drop column settings",
                "alter table stream drop column kind",
            ],
        )
        .await
    }
}
