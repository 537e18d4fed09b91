//! What became of those who had to go, and who else may say so.
//!
//! `delivery.alarm_us` is when a revocation that its receiver has not confirmed
//! becomes an alarm, `alarmed_us` when it did. `revocation_issuer` is who may end
//! a tenant's sessions with tokens of its own, `revocation_jti` which of its
//! tokens were used.

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
                "alter table delivery add column alarm_us bigint",
                "alter table delivery add column alarmed_us bigint",
                "create index delivery_alarm on delivery (alarm_us)
                    where state <> 1 and alarm_us is not null and alarmed_us is null",
                "create index delivery_alarmed on delivery (tenant_id, alarmed_us)
                    where state <> 1 and alarmed_us is not null",
                // event_bit 1 ends sessions; with 2 and 4, what somebody may do.
                "create index outbox_revoked on outbox (tenant_id, xid, seq) where event_bit = 1",
                "create index outbox_access on outbox (tenant_id, subject_key, seq)
                    where (event_bit & 7) <> 0",
                "create table revocation_issuer (
                    tenant_id bigint not null primary key
                        references tenant(id) on delete cascade,
                    issuer text not null,
                    subject text,
                    jwks text,
                    jwks_uri text,
                    created_us bigint not null)",
                "create table revocation_jti (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    jti_hash {bytes} not null,
                    expires_us bigint not null,
                    primary key (tenant_id, jti_hash)) {in_key_order}",
                "create index revocation_jti_expires on revocation_jti (tenant_id, expires_us)",
            ],
        )
        .await?;
        sql::fence(manager, "revocation_issuer", "tenant_id").await?;
        sql::fence(manager, "revocation_jti", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "drop table revocation_jti",
                "drop table revocation_issuer",
                "drop index outbox_access",
                "drop index outbox_revoked",
                "drop index delivery_alarmed",
                "drop index delivery_alarm",
                "alter table delivery drop column alarmed_us",
                "alter table delivery drop column alarm_us",
            ],
        )
        .await
    }
}
