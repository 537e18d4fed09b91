//! Receivers of the Shared Signals Framework: OAuth clients that manage their
//! own streams.
//!
//! A receiver's secret is kept only as its SHA-256; its access tokens are rows of
//! `credential`, so that they end at once. A stream with a receiver is that
//! receiver's alone; one without was made by the operator.
//!
//! `stream_subject` has the subjects that a receiver does not want to hear of
//! (SSF 1.0 §8.1.3.3), as canonical JSON; `stream.filters` spares every other
//! stream the look-up.

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
                "create table receiver (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    id {uuid} not null,
                    name {key} not null,
                    secret_hash {bytes} not null,
                    scopes text not null,
                    inactivity_s bigint,
                    created_us bigint not null,
                    revoked_us bigint,
                    primary key (tenant_id, id))",
                // The name of one that was revoked is free again.
                "create unique index receiver_name on receiver (tenant_id, name)
                    where revoked_us is null",
                "alter table credential add column receiver_id {uuid}",
                "create index credential_receiver on credential (tenant_id, receiver_id, created_us)
                    where receiver_id is not null",
                "alter table stream add column receiver_id {uuid}",
                "alter table stream add column events_requested text",
                "alter table stream add column filters {flag} not null default false",
                // When its configuration changed last, so that nothing old is remembered of it.
                "alter table stream add column changed_us bigint not null default 0",
                // When its receiver last polled it or managed it, roughly.
                "alter table stream add column active_us bigint not null default 0",
                "alter table stream add column verify_asked_us bigint not null default 0",
                "alter table stream add column verify_made_us bigint not null default 0",
                "create index stream_receiver on stream (tenant_id, receiver_id)
                    where receiver_id is not null",
                "create index stream_verify on stream (verify_made_us) where status = 0",
                "create table stream_subject (
                    tenant_id bigint not null,
                    stream_id {uuid} not null,
                    subject {key} not null,
                    is_complex {flag} not null,
                    effective_us bigint not null,
                    primary key (tenant_id, stream_id, subject),
                    constraint stream_subject_stream foreign key (tenant_id, stream_id)
                        references stream (tenant_id, id) on delete cascade)",
                "create index stream_subject_complex on stream_subject (tenant_id, stream_id)
                    where is_complex",
            ],
        )
        .await?;
        sql::fence(manager, "receiver", "tenant_id").await?;
        sql::fence(manager, "stream_subject", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "drop table stream_subject",
                "drop index stream_verify",
                "drop index stream_receiver",
                // Nobody could manage or poll them any more.
                "delete from stream where receiver_id is not null",
                "alter table stream drop column verify_made_us",
                "alter table stream drop column verify_asked_us",
                "alter table stream drop column active_us",
                "alter table stream drop column changed_us",
                "alter table stream drop column filters",
                "alter table stream drop column events_requested",
                "alter table stream drop column receiver_id",
                "drop index credential_receiver",
                "delete from credential where receiver_id is not null",
                "alter table credential drop column receiver_id",
                "drop table receiver",
            ],
        )
        .await
    }
}
