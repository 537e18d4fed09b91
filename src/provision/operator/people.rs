//! What an operator does to a person, beside the directory.

use serde::Serialize;

use super::{Operator, OperatorError};
use crate::{
    provision::{Revocation, RevocationError, Revoker},
    scim::resource::ResourceId,
    store::PersonName,
};

/// Longest reason that is kept, in characters.
const LONGEST_REASON: usize = 200;
/// The reason if none is given.
const REASON: &str = "An administrator ended the sessions.";

/// What kind of name a person is meant by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// The user's id.
    Id,
    /// The `userName`.
    UserName,
    /// The `externalId`.
    ExternalId,
    /// An e-mail address.
    Email,
}

impl NameKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Id, Self::UserName, Self::ExternalId, Self::Email];

    /// The kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::UserName => "user-name",
            Self::ExternalId => "external-id",
            Self::Email => "email",
        }
    }

    fn person(self, name: &str) -> Option<PersonName> {
        match self {
            Self::Id => ResourceId::parse(name).map(PersonName::Id),
            Self::UserName => Some(PersonName::UserName(name.to_owned())),
            Self::ExternalId => Some(PersonName::ExternalId(name.to_owned())),
            Self::Email => Some(PersonName::Email(name.to_owned())),
        }
    }
}

/// Sessions that end from now on.
#[derive(Debug, Clone, Serialize)]
pub struct RevokedSessions {
    /// The transaction.
    pub txn: String,
    /// Ids of the users whose sessions end.
    pub users: Vec<String>,
    /// Where its receipt is.
    pub receipt: String,
}

impl Operator {
    /// Ends the sessions of a user, whose account stays as it is. `actor` goes
    /// into the audit trail, `reason` into the event.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or user;
    /// [`OperatorError::Invalid`] if the reason is too long;
    /// [`OperatorError::InUse`] if the name stands for too many people.
    pub async fn revoke_sessions(
        &self,
        tenant: &str,
        (kind, name): (NameKind, &str),
        reason: Option<&str>,
        actor: &str,
    ) -> Result<RevokedSessions, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        let unknown = || OperatorError::NotFound(format!("user `{name}`"));
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty()).unwrap_or(REASON);
        if LONGEST_REASON < reason.chars().count() {
            let rule = format!("`reason` has at most {LONGEST_REASON} characters");
            return Err(OperatorError::Invalid(rule));
        }
        let revocation = Revocation {
            person: kind.person(name).ok_or_else(unknown)?,
            actor: actor.to_owned(),
            reason: reason.to_owned(),
        };
        let revoker = Revoker::new(self.store.clone(), self.clock.clone());
        let revoked = revoker.revoke(row.id, revocation).await.map_err(|error| match error {
            RevocationError::Unknown => unknown(),
            RevocationError::TooMany => OperatorError::InUse(error.to_string()),
            RevocationError::Store(error) => error.into(),
        })?;
        Ok(RevokedSessions {
            receipt: self.receipt_url(tenant, &revoked.txn),
            txn: revoked.txn,
            users: revoked.users.iter().map(ToString::to_string).collect(),
        })
    }

    fn receipt_url(&self, tenant: &str, txn: &str) -> String {
        format!("{}/admin/v1/tenants/{tenant}/deprovisionings/{txn}", self.public_url)
    }
}
