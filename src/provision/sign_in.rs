//! May this person sign in, and with which roles? What a platform's login asks at each
//! sign-in, and an administrator at any time.
//!
//! Roles come from the tenant's rules and from what the directory itself says of the
//! person; each says why. Whatever is not sure is no.

use serde::Serialize;
use serde_json::Value;
use tracing::warn;

use crate::{
    event::{EventSettings, is_suspended},
    scim::{
        dialect::Dialect,
        filter,
        resource::{Document, ResourceId},
        schema::{Registry, ResourceType},
    },
    store::{GroupLink, PersonName, RoleRule, RoleSource, Store, StoreError, StoredResource, View},
    tenant::TenantId,
};

/// Steps from a person to groups that are taken to find the groups they are in.
const STEPS: u64 = 100_000;

/// Something a person has, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// Its name.
    pub value: String,
    /// Where it comes from, in words for people.
    pub why: Vec<String>,
}

/// A person as the login knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignInUser {
    /// The user's id.
    pub id: String,
    /// The `userName`.
    pub user_name: Option<String>,
    /// The directory's own key.
    pub external_id: Option<String>,
}

/// Whether a person may sign in, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignInAnswer {
    /// Whether they may.
    pub allowed: bool,
    /// Why not: `unknown`, `ambiguous` (several have the name), `inactive`, `suspended`,
    /// or `too_many_groups` (it takes too long to tell).
    pub reason: Option<&'static str>,
    /// Who it is, if it is one.
    pub user: Option<SignInUser>,
    /// Their roles, by name; none if they may not sign in.
    pub roles: Vec<Granted>,
    /// Their entitlements, by name; none if they may not sign in.
    pub entitlements: Vec<Granted>,
}

impl SignInAnswer {
    fn refused(reason: &'static str, user: Option<SignInUser>) -> Self {
        let (roles, entitlements) = (Vec::new(), Vec::new());
        Self { allowed: false, reason: Some(reason), user, roles, entitlements }
    }
}

/// Answers logins. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SignIn {
    store: Store,
}

impl SignIn {
    /// Answers about the people in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Whether a person of a tenant may sign in, and with which roles.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be told: then nobody is let in.
    pub async fn check(
        &self,
        tenant: TenantId,
        person: &PersonName,
    ) -> Result<SignInAnswer, StoreError> {
        let settings: Option<EventSettings> = self.store.tenant_settings(tenant).await?;
        let view = self.store.tenant(tenant).view().await?;
        let users = view.users_named(person, 2).await?;
        let id = match users.as_slice() {
            [] => return Ok(SignInAnswer::refused("unknown", None)),
            [id] => *id,
            _ => return Ok(SignInAnswer::refused("ambiguous", None)),
        };
        let found = view.resource_with_groups(ResourceType::USER, id, STEPS).await?;
        let Some((stored, groups)) = found else {
            return Ok(SignInAnswer::refused("unknown", None));
        };
        let document = Document::from_json(&stored.document)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let user = Some(named(&stored, &document));
        if !document.active() {
            return Ok(SignInAnswer::refused("inactive", user));
        }
        if is_suspended(document.attributes(), &settings.unwrap_or_default()) {
            return Ok(SignInAnswer::refused("suspended", user));
        }
        let Some(groups) = groups else {
            return Ok(SignInAnswer::refused("too_many_groups", user));
        };
        let rules = view.role_rules().await?;
        let mut roles = given(&document, "roles");
        let registry = registry(&view, &rules).await?;
        for rule in &rules {
            if let Some(why) = reason(rule, &document, &groups, registry.as_ref()) {
                add(&mut roles, &rule.role, why);
            }
        }
        roles.sort_by(|one, other| one.value.cmp(&other.value));
        let mut entitlements = given(&document, "entitlements");
        entitlements.sort_by(|one, other| one.value.cmp(&other.value));
        Ok(SignInAnswer { allowed: true, reason: None, user, roles, entitlements })
    }
}

fn named(stored: &StoredResource, document: &Document) -> SignInUser {
    SignInUser {
        id: stored.id.to_string(),
        user_name: document.user_name().map(str::to_owned),
        external_id: document.external_id().map(str::to_owned),
    }
}

/// The schemas that filters are read with, if there are filters.
async fn registry(view: &View, rules: &[RoleRule]) -> Result<Option<Registry>, StoreError> {
    if rules.iter().all(|rule| matches!(rule.source, RoleSource::Group(_))) {
        return Ok(None);
    }
    let registry = view.definitions().await?.registry();
    registry.map(Some).map_err(|error| StoreError::Damaged(format!("a tenant's schema: {error}")))
}

/// Why a rule gives a person its role, if it does.
fn reason(
    rule: &RoleRule,
    document: &Document,
    groups: &[GroupLink],
    registry: Option<&Registry>,
) -> Option<String> {
    let role = &rule.role;
    match &rule.source {
        RoleSource::Group(id) => {
            let group = groups.iter().find(|group| group.id == *id)?;
            let how = if group.direct { "member of" } else { "in a group in" };
            Some(format!("{how} {}, which maps to {role}", group.name))
        }
        RoleSource::Filter(text) => {
            let leniency = Dialect::Strict.leniency();
            let parsed = filter::parse(text, leniency);
            let kind = registry?.user();
            match parsed.and_then(|filter| filter::check(&filter, &kind, leniency)) {
                Ok(filter) => filter::eval(&filter, document.attributes())
                    .then(|| format!("matches {text}, which maps to {role}")),
                Err(error) => {
                    // An attribute went with its schema.
                    warn!(rule.id = %rule.id, %error, "a rule for a role gives it to nobody");
                    None
                }
            }
        }
    }
}

/// What the directory says of the person.
fn given(document: &Document, attribute: &str) -> Vec<Granted> {
    let values = document.attributes().get(attribute).and_then(Value::as_array);
    let values = values.into_iter().flatten().filter_map(|it| it.get("value")?.as_str());
    let mut granted = Vec::new();
    for value in values {
        add(&mut granted, value, format!("the directory says so (`{attribute}`)"));
    }
    granted
}

fn add(granted: &mut Vec<Granted>, value: &str, why: String) {
    match granted.iter_mut().find(|it| it.value == value) {
        Some(known) if known.why.contains(&why) => (),
        Some(known) => known.why.push(why),
        None => granted.push(Granted { value: value.to_owned(), why: vec![why] }),
    }
}

/// The name in a request, of the kinds that a login knows people by.
///
/// # Errors
///
/// What was expected.
pub fn person_named(kind: &str, name: &str) -> Result<PersonName, String> {
    match kind {
        "user_name" => Ok(PersonName::UserName(name.to_owned())),
        "external_id" => Ok(PersonName::ExternalId(name.to_owned())),
        "email" => Ok(PersonName::Email(name.to_owned())),
        "id" => {
            ResourceId::parse(name).map(PersonName::Id).ok_or("`id`: expected a user's id".into())
        }
        _ => Err("expected one of `user_name`, `external_id`, `email`, `id`".to_owned()),
    }
}
