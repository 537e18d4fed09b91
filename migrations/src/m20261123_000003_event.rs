//! Events, and the streams they go to.
//!
//! An outbox row is an event; it is written in the transaction of its change.
//! A delivery row is an event on its way to one stream, written there too, so
//! that no reader of the outbox can miss one that commits late.

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
                "create table outbox (
                    seq {serial},
                    tenant_id bigint not null,
                    event_id {uuid} not null,
                    txn text not null,
                    subject_key {uuid} not null,
                    event_uri text not null,
                    event_bit bigint not null,
                    payload text not null,
                    subject text not null,
                    occurred_us bigint not null)",
                "create index outbox_tenant on outbox (tenant_id, seq)",
                // event_mask: one bit for each type of event the stream carries.
                "create table stream (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    id {uuid} not null,
                    description text not null,
                    audience text not null,
                    endpoint_url text,
                    authorization_sealed {bytes},
                    subject_format text not null,
                    event_mask bigint not null,
                    status {small} not null,
                    reason text,
                    created_us bigint not null,
                    primary key (tenant_id, id))",
                "create table delivery (
                    tenant_id bigint not null,
                    stream_id {uuid} not null,
                    seq bigint not null,
                    subject_key {uuid} not null,
                    txn text not null,
                    state {small} not null,
                    attempt integer not null,
                    due_us bigint not null,
                    leased_until_us bigint not null,
                    finished_us bigint,
                    last_status integer,
                    same_status integer not null default 0,
                    last_error text,
                    primary key (tenant_id, seq, stream_id),
                    constraint delivery_stream foreign key (tenant_id, stream_id)
                        references stream (tenant_id, id) on delete cascade)",
                // state 0 is unfinished; finished rows stay for the record and
                // must not slow the search for work.
                "create index delivery_due on delivery (due_us) where state = 0",
                "create index delivery_open on delivery (tenant_id, stream_id, seq) where state = 0",
                "create index delivery_subject
                    on delivery (tenant_id, stream_id, subject_key, seq) where state = 0",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["delivery", "stream", "outbox"];
        let drops = tables.map(|table| format!("drop table {table}"));
        sql::run(manager, &drops.each_ref().map(String::as_str)).await
    }
}
