//! Rules that give a tenant's people roles, and what they come to for one person.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::{Operator, OperatorError, acting::user_id, records::date_time};
use crate::{
    provision::{SignIn, SignInAnswer},
    scim::{dialect::Dialect, filter, resource::ResourceId, schema::ResourceType},
    store::{PersonName, RoleRule, RoleSource, StoreError, TenantTx},
};

/// Rules of a tenant.
const MOST: usize = 1_000;
/// Longest name of a role, in bytes.
const LONGEST: usize = 128;

/// A rule to be made.
#[derive(Debug, Clone, Default)]
pub struct NewRoleRule {
    /// The role.
    pub role: String,
    /// Id of a group whose members have it, and those of groups in it.
    pub group: Option<String>,
    /// A filter over users (RFC 7644 §3.4.2.2) who have it. One of the two is given.
    pub filter: Option<String>,
}

/// A rule that gives people a role.
#[derive(Debug, Clone, Serialize)]
pub struct RoleRuleRecord {
    /// Its id.
    pub id: Uuid,
    /// The role.
    pub role: String,
    /// Id of the group whose members have it.
    pub group: Option<String>,
    /// The filter over users who have it.
    pub filter: Option<String>,
    /// When it was made, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

impl From<RoleRule> for RoleRuleRecord {
    fn from(rule: RoleRule) -> Self {
        let (group, filter) = match rule.source {
            RoleSource::Group(group) => (Some(group.to_string()), None),
            RoleSource::Filter(filter) => (None, Some(filter)),
        };
        Self { id: rule.id, role: rule.role, group, filter, created_at: rule.created_us }
    }
}

impl Operator {
    /// A tenant's rules, oldest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn role_rules(&self, tenant: &str) -> Result<Vec<RoleRuleRecord>, OperatorError> {
        let rules = self.tenant_store(tenant).await?.view().await?.role_rules().await?;
        Ok(rules.into_iter().map(Into::into).collect())
    }

    /// Makes a rule. `actor` goes into the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or group;
    /// [`OperatorError::Invalid`] if the role has no name, or the filter does not fit
    /// the tenant's users; [`OperatorError::InUse`] if there are too many.
    pub async fn add_role_rule(
        &self,
        tenant: &str,
        new: &NewRoleRule,
        actor: &str,
    ) -> Result<RoleRuleRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let role = new.role.trim();
        if role.is_empty() || LONGEST < role.len() || role.chars().any(char::is_control) {
            let rule = format!("`role` has 1 to {LONGEST} bytes and no control characters");
            return Err(OperatorError::Invalid(rule));
        }
        let rule = RoleRule {
            id: self.clock.new_id(),
            role: role.to_owned(),
            source: source(new)?,
            created_us: self.clock.now_us(),
        };
        let shared = Arc::new((rule, self.entry(actor, "role rule.add")));
        store
            .write(move |tx| {
                let shared = Arc::clone(&shared);
                Box::pin(async move {
                    let (rule, entry) = &*shared;
                    check(tx, rule).await?;
                    tx.insert_role_rule(rule).await?;
                    tx.audit(entry, rule.created_us).await?;
                    Ok::<_, OperatorError>(rule.clone().into())
                })
            })
            .await
    }

    /// Deletes a rule. `actor` goes into the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or rule.
    pub async fn delete_role_rule(
        &self,
        tenant: &str,
        id: Uuid,
        actor: &str,
    ) -> Result<(), OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let at_us = self.clock.now_us();
        let entry = Arc::new(self.entry(actor, "role rule.delete"));
        store
            .write(move |tx| {
                let entry = Arc::clone(&entry);
                Box::pin(async move {
                    if !tx.delete_role_rule(id).await? {
                        return Err(OperatorError::NotFound(format!("role rule `{id}`")));
                    }
                    Ok(tx.audit(&entry, at_us).await?)
                })
            })
            .await
    }

    /// Whether a user of a tenant may sign in, with which roles, and why.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or user.
    pub async fn user_access(&self, tenant: &str, id: &str) -> Result<SignInAnswer, OperatorError> {
        let known = user_id(id)?;
        let row = self.tenant_row(tenant).await?;
        let sign_in = SignIn::new(self.store.clone());
        let answer = sign_in.check(row.id, &PersonName::Id(known)).await?;
        match answer.user {
            Some(_) => Ok(answer),
            None => Err(OperatorError::NotFound(format!("user `{known}`"))),
        }
    }
}

fn source(new: &NewRoleRule) -> Result<RoleSource, OperatorError> {
    match (&new.group, &new.filter) {
        (Some(group), None) => {
            let wrong = || OperatorError::Invalid("`group`: expected the id of one".to_owned());
            Ok(RoleSource::Group(ResourceId::parse(group).ok_or_else(wrong)?))
        }
        (None, Some(filter)) => Ok(RoleSource::Filter(filter.clone())),
        _ => Err(OperatorError::Invalid("a rule has a `group` or a `filter`".to_owned())),
    }
}

/// A rule that could never hold would do nothing, and nobody would notice.
async fn check(tx: &TenantTx, rule: &RoleRule) -> Result<(), OperatorError> {
    match &rule.source {
        RoleSource::Group(group) => {
            let found = tx.resource(ResourceType::GROUP, *group).await?;
            found.ok_or_else(|| OperatorError::NotFound(format!("group `{group}`")))?;
        }
        RoleSource::Filter(text) => {
            let definitions = tx.definitions().await?;
            let registry = definitions
                .registry()
                .map_err(|error| StoreError::Damaged(format!("a tenant's schema: {error}")))?;
            let leniency = Dialect::Strict.leniency();
            filter::parse(text, leniency)
                .and_then(|filter| filter::check(&filter, &registry.user(), leniency))
                .map_err(|error| OperatorError::Invalid(format!("`filter`: {error}")))?;
        }
    }
    match tx.role_rules().await?.len() < MOST {
        true => Ok(()),
        false => Err(OperatorError::InUse(format!("a tenant has at most {MOST} rules for roles"))),
    }
}
