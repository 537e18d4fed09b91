//! Clients of a connection: what its directory gets short-lived tokens with (RFC 6749
//! §4.4). One has a secret, keys (RFC 7523), or an issuer that speaks for it.

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
                "create table oauth_client (
                    tenant_id bigint not null references tenant(id) on delete cascade,
                    id {uuid} not null primary key,
                    connection_id {uuid} not null,
                    label text not null,
                    scopes text not null,
                    networks text not null,
                    secret_hash {bytes},
                    jwks text,
                    jwks_uri text,
                    issuer text,
                    subject text,
                    audience text,
                    created_us bigint not null,
                    expires_us bigint not null,
                    revoked_us bigint)",
                "create index oauth_client_tenant on oauth_client (tenant_id, created_us)",
                "create unique index oauth_client_subject on oauth_client
                    (tenant_id, issuer, subject) where issuer is not null and revoked_us is null",
                "alter table credential add column client_id {uuid}",
                "create index credential_client on credential (tenant_id, client_id)
                    where client_id is not null",
            ],
        )
        .await?;
        sql::fence(manager, "oauth_client", "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(
            manager,
            &[
                "drop index credential_client",
                "delete from credential where client_id is not null",
                "alter table credential drop column client_id",
                "drop table oauth_client",
            ],
        )
        .await
    }
}
