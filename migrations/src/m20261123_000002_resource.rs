//! Resources: one row per user or group, one per indexed value, one per member.
//!
//! `document` holds the client's attributes as they were validated, as text that
//! is copied into answers unread. What the server owns (id, version, times) has
//! columns of its own, and so has what directories look up most. Members are
//! never in a document: to add one to a million costs one row.

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
                // unique_key: folded userName of a user; folded displayName of a
                // group where the connection wants those unique, else null. No
                // reference to the tenant: each insert would lock its one row.
                "create table resource (
                    tenant_id bigint not null,
                    id {uuid} not null,
                    resource_type {small} not null,
                    version bigint not null,
                    created_us bigint not null,
                    modified_us bigint not null,
                    unique_key {key},
                    external_id {key},
                    display_key {key},
                    active {flag},
                    document text not null,
                    primary key (tenant_id, id))",
                "create unique index resource_unique_key
                    on resource (tenant_id, resource_type, unique_key)",
                // Lists and pages are in the order of ids, which are in the order of creation.
                "create index resource_list on resource (tenant_id, resource_type, id)",
                "create index resource_external_id
                    on resource (tenant_id, resource_type, external_id, id)
                    where external_id is not null",
                "create index resource_display_key
                    on resource (tenant_id, resource_type, display_key, id)",
                "create index resource_modified
                    on resource (tenant_id, resource_type, modified_us, id)",
                "create index resource_active
                    on resource (tenant_id, resource_type, active, id)",
                // element ties the sub-attributes of one element together.
                "create table attribute_value (
                    tenant_id bigint not null,
                    resource_type {small} not null,
                    path {key} not null,
                    value_key {key} not null,
                    resource_id {uuid} not null,
                    element {small} not null,
                    primary key (tenant_id, resource_type, path, value_key, resource_id, element))
                    {in_key_order}",
                "create index attribute_value_resource
                    on attribute_value (tenant_id, resource_id)",
                // The reference to the member stops a member from being added
                // while it is being deleted.
                "create table membership (
                    tenant_id bigint not null,
                    group_id {uuid} not null,
                    member_id {uuid} not null,
                    member_type {small} not null,
                    display text,
                    primary key (tenant_id, group_id, member_id),
                    constraint membership_member foreign key (tenant_id, member_id)
                        references resource (tenant_id, id))
                    {in_key_order}",
                "create index membership_of on membership (tenant_id, member_id, group_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["membership", "attribute_value", "resource"];
        let drops = tables.map(|table| format!("drop table {table}"));
        sql::run(manager, &drops.each_ref().map(String::as_str)).await
    }
}
