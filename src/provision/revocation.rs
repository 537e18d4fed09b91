//! Ending somebody's sessions without a change of the account.
//!
//! An operator asks for it, or an identity provider does. It is written as a
//! change is: the event and the audit entry commit together, and from then on
//! delivery owes it to every receiver.

use std::sync::Arc;

use super::record::{Stamp, subject};
use crate::{
    clock::Clock,
    event::{
        Cause, Draft, EventSettings, Initiator, Subject, credential_change_required,
        credential_compromise, session_revoked,
    },
    scim::{
        resource::{Document, ResourceId},
        schema::{Registry, ResourceType},
    },
    store::{
        Audience, AuditEntry, Change, MemberChanges, OneUse, OutboxEvent, PersonName, RowChange,
        Store, StoreError, StoredResource, TenantTx,
    },
    tenant::TenantId,
};

/// Most people that one name may stand for: an address that more share tells
/// nobody from the others.
const MOST_PEOPLE: u32 = 16;

/// Whose sessions end, and who says so.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// Whose. If the name stands for several people, those of all of them end.
    pub person: PersonName,
    /// Who asked, as the audit trail names them.
    pub actor: String,
    /// Why, for administrators; not empty.
    pub reason: String,
    /// The token that it was asked with, if that is good for one use.
    pub once: Option<OneUse>,
}

/// What is said of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Their sessions end.
    SessionsEnd,
    /// Somebody else has a credential of theirs, of this type (CAEP 1.0 §3.3.1).
    CredentialCompromise(String),
    /// They must change a credential before they go on.
    CredentialChangeRequired,
}

impl Statement {
    /// What the audit trail calls it.
    fn action(&self) -> &'static str {
        match self {
            Self::SessionsEnd => "revoke sessions",
            Self::CredentialCompromise(_) => "report a compromised credential",
            Self::CredentialChangeRequired => "require another credential",
        }
    }

    fn draft(&self, person: &Subject, cause: &Cause, reason: &str) -> Draft {
        match self {
            Self::SessionsEnd => session_revoked(person, cause, reason),
            Self::CredentialCompromise(kind) => credential_compromise(person, cause, kind, reason),
            Self::CredentialChangeRequired => credential_change_required(person),
        }
    }
}

/// Sessions that end from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The transaction, by which its receipt is found.
    pub txn: String,
    /// Whose sessions.
    pub users: Vec<ResourceId>,
}

/// Why nobody's sessions end.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// The tenant has no such user.
    #[error("no user has this name")]
    Unknown,
    /// The name tells too little.
    #[error("more than {MOST_PEOPLE} users have this name")]
    TooMany,
    /// The token that it was asked with was used before.
    #[error("the token was used before")]
    Used,
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

/// Ends sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Revoker {
    store: Store,
    clock: Clock,
}

impl Revoker {
    /// Ends sessions of the people in `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Ends the sessions of a person, whether the account is active or not.
    ///
    /// # Errors
    ///
    /// [`RevocationError::Unknown`] if there is no such user,
    /// [`RevocationError::TooMany`] if there are too many.
    pub async fn revoke(
        &self,
        tenant: TenantId,
        revocation: Revocation,
    ) -> Result<Revoked, RevocationError> {
        self.say(tenant, revocation, Statement::SessionsEnd).await
    }

    /// Says something of a person to every receiver.
    ///
    /// # Errors
    ///
    /// As [`Revoker::revoke`].
    pub async fn say(
        &self,
        tenant: TenantId,
        revocation: Revocation,
        statement: Statement,
    ) -> Result<Revoked, RevocationError> {
        let this = self.clone();
        let stamp = Stamp::new(&self.clock, self.clock.now_us());
        let shared = Arc::new((revocation, statement, stamp));
        self.store
            .tenant(tenant)
            .write(move |tx| {
                let (this, shared) = (this.clone(), Arc::clone(&shared));
                Box::pin(async move { this.say_in(tx, &shared.0, &shared.1, &shared.2).await })
            })
            .await
    }

    async fn say_in(
        &self,
        tx: &TenantTx,
        revocation: &Revocation,
        statement: &Statement,
        stamp: &Stamp,
    ) -> Result<Revoked, RevocationError> {
        if let Some(token) = &revocation.once
            && !tx.use_once(token, stamp.at_us).await?
        {
            return Err(RevocationError::Used);
        }
        let found = tx.users_named(&revocation.person, MOST_PEOPLE.saturating_add(1)).await?;
        if MOST_PEOPLE < u32::try_from(found.len()).unwrap_or(u32::MAX) {
            return Err(RevocationError::TooMany);
        }
        let mut users = Vec::new();
        for id in found {
            // Who is deleted meanwhile has no sessions left.
            let Some(user) = tx.resource_for_update(ResourceType::USER, id).await? else {
                continue;
            };
            if *statement == Statement::SessionsEnd {
                tx.rearm_person(id, stamp.at_us).await?;
            }
            tx.apply(&self.change(&user, revocation, statement, stamp)?).await?;
            users.push(id);
        }
        match users.is_empty() {
            true => Err(RevocationError::Unknown),
            false => Ok(Revoked { txn: stamp.txn.clone(), users }),
        }
    }

    fn change(
        &self,
        user: &StoredResource,
        revocation: &Revocation,
        statement: &Statement,
        stamp: &Stamp,
    ) -> Result<Change, StoreError> {
        let document = Document::from_json(&user.document)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        // Only names are told, so it does not matter who counts as suspended.
        let settings = EventSettings::default();
        let named = subject(&Registry::shared().user(), user.id, &document, &settings);
        let occurred_at = stamp.at_us.div_euclid(1_000_000);
        let cause = Cause { occurred_at, initiator: Initiator::Admin };
        let draft = statement.draft(&named, &cause, &revocation.reason);
        let event = OutboxEvent {
            id: self.clock.new_id(),
            audience: Audience::All,
            uri: draft.uri,
            payload: draft.payload.to_string(),
            subject_key: user.id,
            // A snapshot of plain strings always has a JSON form.
            subject: serde_json::to_string(&draft.subject).unwrap_or_default(),
        };
        Ok(Change {
            resource_type: ResourceType::USER,
            id: user.id,
            version: user.version,
            at_us: stamp.at_us,
            row: RowChange::Stay,
            members: MemberChanges::default(),
            txn: stamp.txn.clone(),
            events: vec![event],
            audit: AuditEntry::new(
                self.clock.new_id(),
                revocation.actor.clone(),
                statement.action(),
            ),
        })
    }
}
