//! Muster's database schema, one file a step, for SQLite and PostgreSQL.
//!
//! Every key begins with `tenant_id`. A step that has been released is never
//! edited: a change of the schema is a new step, with a working way back.

use sea_orm_migration::prelude::*;

mod m20261123_000001_tenant;
mod m20261123_000002_resource;
mod m20261123_000003_event;
mod m20261123_000004_audit;
mod m20261123_000005_row_level_security;
mod m20261123_000006_order;
mod m20261123_000007_custom_schema;
mod m20261123_000008_async_request;
mod m20261123_000009_opaque_member;
mod m20261123_000010_connection_settings;
mod m20261123_000011_credential_subject;
mod m20261123_000012_receiver_kinds;
mod m20261123_000013_event_settings;
mod m20261123_000014_application;
mod m20261123_000015_receiver;
mod m20261123_000016_delivery_care;
mod m20261123_000017_deprovisioning;
mod m20261123_000018_key_states;
mod m20261124_000019_brake;
mod m20261124_000020_credential_networks;
mod m20261124_000021_audit_resource;
mod m20261124_000022_deleted_user;
mod m20261124_000023_offboarding;
mod m20261124_000024_tenant_limits;
mod m20261124_000025_role_rule;
mod m20261124_000026_administrator;
mod m20261124_000027_record_chain;
mod m20261124_000028_oauth_client;
mod sql;

/// The steps in order.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_tenant::Migration),
            Box::new(m20261123_000002_resource::Migration),
            Box::new(m20261123_000003_event::Migration),
            Box::new(m20261123_000004_audit::Migration),
            Box::new(m20261123_000005_row_level_security::Migration),
            Box::new(m20261123_000006_order::Migration),
            Box::new(m20261123_000007_custom_schema::Migration),
            Box::new(m20261123_000008_async_request::Migration),
            Box::new(m20261123_000009_opaque_member::Migration),
            Box::new(m20261123_000010_connection_settings::Migration),
            Box::new(m20261123_000011_credential_subject::Migration),
            Box::new(m20261123_000012_receiver_kinds::Migration),
            Box::new(m20261123_000013_event_settings::Migration),
            Box::new(m20261123_000014_application::Migration),
            Box::new(m20261123_000015_receiver::Migration),
            Box::new(m20261123_000017_deprovisioning::Migration),
            Box::new(m20261123_000018_key_states::Migration),
            Box::new(m20261123_000016_delivery_care::Migration),
            Box::new(m20261124_000019_brake::Migration),
            Box::new(m20261124_000020_credential_networks::Migration),
            Box::new(m20261124_000021_audit_resource::Migration),
            Box::new(m20261124_000022_deleted_user::Migration),
            Box::new(m20261124_000023_offboarding::Migration),
            Box::new(m20261124_000024_tenant_limits::Migration),
            Box::new(m20261124_000025_role_rule::Migration),
            Box::new(m20261124_000026_administrator::Migration),
            Box::new(m20261124_000027_record_chain::Migration),
            Box::new(m20261124_000028_oauth_client::Migration),
        ]
    }
}
