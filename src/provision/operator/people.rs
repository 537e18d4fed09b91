//! What an operator does to a person, beside the directory.

use serde::Serialize;

use super::{Operator, OperatorError};
use crate::{
    provision::{Revocation, RevocationError, Revoker, Statement},
    scim::resource::ResourceId,
    store::PersonName,
};

/// Longest reason that is kept, in characters.
const LONGEST_REASON: usize = 200;
/// The reason if none is given.
const REASON: &str = "An administrator ended the sessions.";

/// The reason of a statement about a credential if none is given.
const COMPROMISED: &str = "An administrator reported it.";

/// Types of credentials (CAEP 1.0 §3.3.1).
const CREDENTIAL_TYPES: [&str; 10] = [
    "password",
    "pin",
    "x509",
    "fido2-platform",
    "fido2-roaming",
    "fido-u2f",
    "verifiable-credential",
    "phone-voice",
    "phone-sms",
    "app",
];

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

    pub(super) fn person(self, name: &str) -> Option<PersonName> {
        match self {
            Self::Id => ResourceId::parse(name).map(PersonName::Id),
            Self::UserName => Some(PersonName::UserName(name.to_owned())),
            Self::ExternalId => Some(PersonName::ExternalId(name.to_owned())),
            Self::Email => Some(PersonName::Email(name.to_owned())),
        }
    }
}

/// What receivers are told of a person.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    /// The transaction.
    pub txn: String,
    /// Ids of the users it is about.
    pub users: Vec<String>,
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
        let said = self.say(tenant, (kind, name), Statement::SessionsEnd, (reason, actor)).await?;
        Ok(RevokedSessions {
            receipt: self.receipt_url(tenant, &said.txn),
            txn: said.txn,
            users: said.users,
        })
    }

    /// Tells receivers that somebody else has a credential of a user's, of a type
    /// that CAEP 1.0 §3.3.1 names. `because` is why, and who says so.
    ///
    /// # Errors
    ///
    /// As [`Operator::revoke_sessions`]; [`OperatorError::Invalid`] too if there is
    /// no such type of credential.
    pub async fn report_credential(
        &self,
        tenant: &str,
        person: (NameKind, &str),
        credential: &str,
        because: (Option<&str>, &str),
    ) -> Result<Said, OperatorError> {
        if !CREDENTIAL_TYPES.contains(&credential) {
            let types = CREDENTIAL_TYPES.join(", ");
            return Err(OperatorError::Invalid(format!(
                "the type of a credential is one of {types}"
            )));
        }
        let statement = Statement::CredentialCompromise(credential.to_owned());
        self.say(tenant, person, statement, because).await
    }

    /// Tells receivers that a user must change a credential.
    ///
    /// # Errors
    ///
    /// As [`Operator::revoke_sessions`].
    pub async fn require_credential_change(
        &self,
        tenant: &str,
        person: (NameKind, &str),
        actor: &str,
    ) -> Result<Said, OperatorError> {
        self.say(tenant, person, Statement::CredentialChangeRequired, (None, actor)).await
    }

    async fn say(
        &self,
        tenant: &str,
        (kind, name): (NameKind, &str),
        statement: Statement,
        (reason, actor): (Option<&str>, &str),
    ) -> Result<Said, OperatorError> {
        let row = self.tenant_row(tenant).await?;
        let unknown = || OperatorError::NotFound(format!("user `{name}`"));
        let default = match statement {
            Statement::SessionsEnd => REASON,
            Statement::CredentialCompromise(_) | Statement::CredentialChangeRequired => COMPROMISED,
        };
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty()).unwrap_or(default);
        if LONGEST_REASON < reason.chars().count() {
            let rule = format!("`reason` has at most {LONGEST_REASON} characters");
            return Err(OperatorError::Invalid(rule));
        }
        let revocation = Revocation {
            person: kind.person(name).ok_or_else(unknown)?,
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            once: None,
        };
        let revoker = Revoker::new(self.store.clone(), self.clock.clone());
        let said = revoker.say(row.id, revocation, statement).await;
        let said = said.map_err(|error| match error {
            RevocationError::Unknown => unknown(),
            RevocationError::TooMany | RevocationError::Used => {
                OperatorError::InUse(error.to_string())
            }
            RevocationError::Store(error) => error.into(),
        })?;
        let users = said.users.iter().map(ToString::to_string).collect();
        Ok(Said { txn: said.txn, users })
    }

    pub(super) fn receipt_url(&self, tenant: &str, txn: &str) -> String {
        format!("{}/admin/v1/tenants/{tenant}/deprovisionings/{txn}", self.public_url)
    }
}
