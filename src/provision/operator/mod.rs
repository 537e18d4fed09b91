//! What an operator does: tenants, connections, tokens, applications, streams.
//!
//! The command line and the admin API are two faces of these use cases.

mod acting;
mod administrators;
mod applications;
mod audit;
mod brake;
mod chain;
mod clients;
mod connections;
mod connectors;
mod event_settings;
mod keys;
mod letters;
mod limits;
mod offboarding;
mod people;
mod protection;
mod receipts;
mod receivers;
mod recheck;
mod records;
mod restoring;
mod revocation_issuer;
mod roles;
mod schemas;
mod speaking;
mod stream_choice;
mod streams;
mod tenants;
mod tokens;
mod webhooks;

use std::{borrow::Cow, sync::Arc};

use tokio::sync::Notify;

use super::Provisioner;
use crate::{
    clock::Clock,
    store::{
        AuditEntry, KeyError, SecretKey, Store, StoreError, TenantRow, TenantState, TenantStore,
    },
    tenant::{KeyTimes, receiver_url::ReceiverRules},
};

pub use administrators::{
    AdminCaller, Administrator, AdministratorRecord, Asked, NewAdministrator, SignInLink, SignedIn,
    WhoRecord,
};
pub use applications::ApplicationChange;
pub use audit::{AuditQuery, AuditRecord};
pub use brake::{BrakeDecision, BrakeRecord, HeldRecord};
pub use chain::VerifiedRecord;
pub use clients::{ClientRecord, IssuedClient, NewClient};
pub use connections::ConnectionChange;
pub use connectors::{ConnectorRecord, KillsRecord, NewConnector, RehearsedEvent};
pub use letters::{DeadLetterRecord, Letters, Moved, Replay, ReplayStart};
pub use offboarding::{
    LeaverRecord, NewOffboarding, OffboardingRecord, TenantOutcome, names_of_csv,
};
pub use people::{NameKind, RevokedSessions, Said};
pub use protection::ProtectedRecord;
pub use receipts::{Rearmed, ReceiptPage, ReceiptQuery, ReceiptRecord, TargetRecord};
pub use records::{
    ApplicationRecord, ConnectionRecord, EventRecord, IssuedReceiver, IssuedToken, KeyRecord,
    NewReceiver, NewStream, NewTenant, NewToken, NoticeRecord, ReceiverRecord, StreamRecord,
    TenantRecord, TokenRecord,
};
pub use restoring::{DeletedQuery, DeletedRecord, RestoredRecord};
pub use revocation_issuer::{NewRevocationIssuer, RevocationIssuerRecord};
pub use roles::{NewRoleRule, RoleRuleRecord};
pub use speaking::{Rehearsal, Speaking};
pub use stream_choice::{ChosenStream, StreamChoice};
pub use webhooks::{KeyedWebhook, NewWebhook, WebhookFormat, WebhookRecord};

/// Why an operator's command was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// There is no such thing.
    #[error("{0} was not found")]
    NotFound(String),
    /// There is one of that name.
    #[error("{0} exists already")]
    Exists(String),
    /// Something that is there stands in the way.
    #[error("{0}")]
    InUse(String),
    /// Who asks may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// The command makes no sense as it stands.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// A key could not be made or sealed.
    #[error("a key could not be made")]
    Key(#[from] KeyError),
}

impl OperatorError {
    /// The HTTP status, as a number.
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 400,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Exists(_) | Self::InUse(_) => 409,
            Self::Store(StoreError::Unavailable(_)) => 503,
            Self::Store(_) | Self::Key(_) => 500,
        }
    }
}

/// The operator's use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Operator {
    provisioner: Provisioner,
    store: Store,
    clock: Clock,
    secret: Arc<SecretKey>,
    key_times: KeyTimes,
    public_url: Arc<str>,
    receiver_rules: Arc<ReceiverRules>,
    speaking: Arc<dyn Speaking>,
    /// Told when an offboarding was asked for.
    asked: Arc<Notify>,
}

impl Operator {
    /// The use cases over the store of `provisioner`, which changes resources; what is
    /// secret is sealed with `secret`, and events go only where `receiver_rules` allow.
    /// `speaking` knows the receivers.
    pub fn new(
        provisioner: Provisioner,
        secret: Arc<SecretKey>,
        receiver_rules: Arc<ReceiverRules>,
        speaking: Arc<dyn Speaking>,
    ) -> Self {
        Self {
            store: provisioner.store.clone(),
            clock: provisioner.clock.clone(),
            public_url: Arc::clone(&provisioner.public_url),
            provisioner,
            secret,
            key_times: KeyTimes::default(),
            receiver_rules,
            speaking,
            asked: Arc::default(),
        }
    }

    /// The audit entry of something that `actor` does.
    fn entry(&self, actor: &str, action: impl Into<Cow<'static, str>>) -> AuditEntry {
        let id = self.clock.new_id();
        AuditEntry::new(id, actor.to_owned(), action)
    }

    async fn tenant_row(&self, name: &str) -> Result<TenantRow, OperatorError> {
        let row = self.store.tenant_named(name).await?;
        row.filter(|row| row.state != TenantState::Deleting)
            .ok_or_else(|| OperatorError::NotFound(format!("tenant `{name}`")))
    }

    async fn tenant_store(&self, name: &str) -> Result<TenantStore, OperatorError> {
        Ok(self.store.tenant(self.tenant_row(name).await?.id))
    }
}
