//! Tenants, the connections their directories come through, and credentials.
//!
//! A credential is kept only as the SHA-256 of its token; one without a tenant
//! is an operator's. A signing key is sealed with a key from the settings.

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
                "create table tenant (
                    id {serial},
                    name {key} not null constraint tenant_name unique,
                    state {small} not null,
                    subject_issuer text,
                    created_us bigint not null)",
                "create table connection (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    id {uuid} not null,
                    name {key} not null,
                    dialect text not null,
                    created_us bigint not null,
                    primary key (tenant_id, id),
                    constraint connection_name unique (tenant_id, name))",
                "create table credential (
                    token_hash {bytes} not null primary key,
                    id {uuid} not null constraint credential_id unique,
                    tenant_id bigint references tenant(id) on delete cascade,
                    connection_id {uuid},
                    scopes text not null,
                    label text not null,
                    created_us bigint not null,
                    expires_us bigint not null,
                    last_used_us bigint,
                    revoked_us bigint)",
                "create index credential_tenant on credential (tenant_id, created_us)",
                "create table signing_key (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    kid text not null,
                    state {small} not null,
                    sealed {bytes} not null,
                    public_jwk text not null,
                    created_us bigint not null,
                    primary key (tenant_id, kid))",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["signing_key", "credential", "connection", "tenant"];
        let drops = tables.map(|table| format!("drop table {table}"));
        sql::run(manager, &drops.each_ref().map(String::as_str)).await
    }
}
