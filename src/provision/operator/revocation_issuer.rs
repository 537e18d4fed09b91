//! Who may end a tenant's sessions by Global Token Revocation.

use serde::Serialize;
use serde_json::Value;

use super::{Operator, OperatorError, records::date_time};
use crate::{provision::REVOCATION_PATH, store::RevocationIssuerRow};

/// Most keys of a key set that is kept.
const MOST_KEYS: usize = 16;
/// Members of a key that must not be shown to anybody (RFC 7518 §6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
/// Longest text of a name, in bytes.
const LONGEST: usize = 512;

/// An issuer to be set.
#[derive(Debug, Clone, Default)]
pub struct NewRevocationIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `sub` that its tokens must have, if any.
    pub subject: Option<String>,
    /// Its key set (RFC 7517), or …
    pub jwks: Option<Value>,
    /// … where that is.
    pub jwks_uri: Option<String>,
}

/// The issuer that may end a tenant's sessions.
#[derive(Debug, Clone, Serialize)]
pub struct RevocationIssuerRecord {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `sub` that its tokens must have, if any.
    pub subject: Option<String>,
    /// Names of the keys that are kept here.
    pub keys: Vec<String>,
    /// Where its keys are, if they are fetched.
    pub jwks_uri: Option<String>,
    /// Where it calls, and what its tokens have as `aud`.
    pub endpoint: String,
    /// When it was set, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

impl Operator {
    /// Sets who may end the tenant's sessions, in place of whoever might.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if the issuer or its keys cannot be used.
    pub async fn set_revocation_issuer(
        &self,
        tenant: &str,
        new: NewRevocationIssuer,
    ) -> Result<RevocationIssuerRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        self.check_issuer(&new).map_err(OperatorError::Invalid)?;
        let row = RevocationIssuerRow {
            issuer: new.issuer,
            subject: new.subject,
            jwks: new.jwks,
            jwks_uri: new.jwks_uri,
            created_us: self.clock.now_us(),
        };
        store.set_revocation_issuer(&row).await?;
        Ok(self.issuer_record(tenant, row))
    }

    /// Who may end the tenant's sessions.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant, or nobody may.
    pub async fn revocation_issuer(
        &self,
        tenant: &str,
    ) -> Result<RevocationIssuerRecord, OperatorError> {
        let row = self.tenant_store(tenant).await?.revocation_issuer().await?;
        row.map(|row| self.issuer_record(tenant, row)).ok_or_else(nobody)
    }

    /// Lets nobody end the tenant's sessions by tokens of their own any more.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant, or nobody may.
    pub async fn delete_revocation_issuer(&self, tenant: &str) -> Result<(), OperatorError> {
        match self.tenant_store(tenant).await?.delete_revocation_issuer().await? {
            true => Ok(()),
            false => Err(nobody()),
        }
    }

    fn check_issuer(&self, new: &NewRevocationIssuer) -> Result<(), String> {
        let fits = |text: &str| !text.trim().is_empty() && text.len() <= LONGEST;
        if !fits(&new.issuer) || new.subject.as_deref().is_some_and(|text| !fits(text)) {
            return Err(format!("`issuer` and `subject` have 1 to {LONGEST} bytes"));
        }
        match (&new.jwks, &new.jwks_uri) {
            (Some(jwks), None) => check_keys(jwks),
            (None, Some(url)) => match self.receiver_rules.check(url) {
                Ok(_) => Ok(()),
                Err(rule) => Err(format!("`jwks_uri` is refused: {rule}")),
            },
            (None, None) | (Some(_), Some(_)) => {
                Err("expected one of `jwks` and `jwks_uri`".to_owned())
            }
        }
    }

    fn issuer_record(&self, tenant: &str, row: RevocationIssuerRow) -> RevocationIssuerRecord {
        let keys = row.jwks.as_ref().map(keys_of).unwrap_or_default();
        let name = |key: &Value| key.get("kid").and_then(Value::as_str).map(str::to_owned);
        RevocationIssuerRecord {
            keys: keys.iter().filter_map(name).collect(),
            issuer: row.issuer,
            subject: row.subject,
            jwks_uri: row.jwks_uri,
            endpoint: format!("{}/t/{tenant}{REVOCATION_PATH}", self.public_url),
            created_at: row.created_us,
        }
    }
}

fn nobody() -> OperatorError {
    OperatorError::NotFound("a revocation issuer".to_owned())
}

fn keys_of(jwks: &Value) -> &[Value] {
    jwks.get("keys").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Checks public keys that somebody gave (RFC 7517).
pub(super) fn check_keys(jwks: &Value) -> Result<(), String> {
    let keys = keys_of(jwks);
    if !(1..=MOST_KEYS).contains(&keys.len()) {
        return Err(format!("`jwks`: expected an object with `keys`, 1 to {MOST_KEYS} of them"));
    }
    for key in keys {
        if PRIVATE.iter().any(|name| key.get(name).is_some()) {
            return Err("`jwks` has a private or secret key; expected public ones".to_owned());
        }
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let usable = match text("kty") {
            Some("RSA") => text("n").is_some() && text("e").is_some(),
            Some("EC") => {
                text("crv") == Some("P-256") && text("x").is_some() && text("y").is_some()
            }
            _ => false,
        };
        if !usable || text("kid").is_none() {
            let rule = "`jwks`: each key has `kid` and is RSA, or EC on P-256";
            return Err(rule.to_owned());
        }
    }
    Ok(())
}
