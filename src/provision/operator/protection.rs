//! People whom no directory may take away: those who run the platform for a tenant.

use std::sync::Arc;

use serde::Serialize;

use super::{
    Operator, OperatorError,
    acting::{user_id, user_name},
    records::date_time,
};
use crate::{
    scim::schema::ResourceType,
    store::{ProtectedUser, StoreError},
};

/// People of a tenant that can be protected.
const MOST: u32 = 1_000;
/// Longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// Somebody whom no directory may take away.
#[derive(Debug, Clone, Serialize)]
pub struct ProtectedRecord {
    /// The user's id.
    pub id: String,
    /// The user's name, while the user is there.
    pub user_name: Option<String>,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub actor: String,
    /// Since when, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub since: i64,
}

impl Operator {
    /// Everybody of a tenant who is protected, by id.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn protected_users(
        &self,
        tenant: &str,
    ) -> Result<Vec<ProtectedRecord>, OperatorError> {
        let view = self.tenant_store(tenant).await?.view().await?;
        let found = view.protected_users(MOST).await?;
        Ok(found.into_iter().map(record).collect::<Result<_, _>>()?)
    }

    /// Protects a user: whoever would deactivate or delete them is refused until the
    /// protection ends. `actor` goes into the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or user;
    /// [`OperatorError::Invalid`] if the reason is empty or too long;
    /// [`OperatorError::InUse`] if as many are protected as can be.
    pub async fn protect_user(
        &self,
        tenant: &str,
        id: &str,
        reason: &str,
        actor: &str,
    ) -> Result<ProtectedRecord, OperatorError> {
        let known = user_id(id)?;
        let store = self.tenant_store(tenant).await?;
        let reason = reason.trim();
        if reason.is_empty() || LONGEST_REASON < reason.chars().count() {
            let rule = format!("`reason` has 1 to {LONGEST_REASON} characters");
            return Err(OperatorError::Invalid(rule));
        }
        let since_us = self.clock.now_us();
        let user = ProtectedUser {
            id: known,
            document: None,
            reason: reason.to_owned(),
            actor: actor.to_owned(),
            since_us,
        };
        let shared = Arc::new((user, self.entry(actor, "protect")));
        store
            .write(move |tx| {
                let shared = Arc::clone(&shared);
                Box::pin(async move {
                    let (user, entry) = &*shared;
                    let stored = tx.resource_for_update(ResourceType::USER, user.id).await?;
                    let stored = stored
                        .ok_or_else(|| OperatorError::NotFound(format!("user `{}`", user.id)))?;
                    let others = tx.protected_users(MOST).await?;
                    let is_new = others.iter().all(|other| other.id != user.id);
                    if is_new && MOST <= u32::try_from(others.len()).unwrap_or(u32::MAX) {
                        let limit = format!("{MOST} people are protected, which is the limit");
                        return Err(OperatorError::InUse(limit));
                    }
                    tx.protect(user).await?;
                    tx.audit_of(entry, (ResourceType::USER, user.id), user.since_us).await?;
                    let user = ProtectedUser { document: Some(stored.document), ..user.clone() };
                    Ok(record(user)?)
                })
            })
            .await
    }

    /// Protects a user no longer. `actor` goes into the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant, or the user is not
    /// protected.
    pub async fn unprotect_user(
        &self,
        tenant: &str,
        id: &str,
        actor: &str,
    ) -> Result<(), OperatorError> {
        let known = user_id(id)?;
        let store = self.tenant_store(tenant).await?;
        let (at_us, entry) = (self.clock.now_us(), Arc::new(self.entry(actor, "unprotect")));
        store
            .write(move |tx| {
                let entry = Arc::clone(&entry);
                Box::pin(async move {
                    if !tx.unprotect(known).await? {
                        let what = format!("protection of user `{known}`");
                        return Err(OperatorError::NotFound(what));
                    }
                    Ok(tx.audit_of(&entry, (ResourceType::USER, known), at_us).await?)
                })
            })
            .await
    }
}

fn record(user: ProtectedUser) -> Result<ProtectedRecord, StoreError> {
    Ok(ProtectedRecord {
        id: user.id.to_string(),
        user_name: user.document.as_deref().map(user_name).transpose()?.flatten(),
        reason: user.reason,
        actor: user.actor,
        since: user.since_us,
    })
}
