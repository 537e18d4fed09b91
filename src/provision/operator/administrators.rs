//! Administrators: who runs a tenant without being an operator, and what they may do.
//!
//! Everybody is an administrator of one tenant, and if it is said, of those below it;
//! nobody has rights in tenants that do not belong together.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Operator, OperatorError,
    records::{date_time, optional_date_time},
};
use crate::{
    scim::{resource::ResourceId, schema::ResourceType},
    store::{AdminCredential, AdministratorRow, NewCredential, StoreError, TenantTx},
    tenant::{AllowedNetworks, Right, Role, TenantId, Token, TokenHash, TokenKind},
};

/// Administrators of a tenant, at most.
const MOST: usize = 1_000;
/// Longest name, in bytes.
const LONGEST: usize = 128;
/// How long somebody who signed in stays so.
const SESSION: Duration = Duration::from_hours(8);
/// How long a link can wait, at most.
const LONGEST_LINK: Duration = Duration::from_hours(7 * 24);
/// Steps from a person to groups that are taken to find the group of an administrator.
const STEPS: u64 = 10_000;

/// Who asks for something of the administration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminCaller {
    /// The credential's id.
    pub credential: Uuid,
    /// Which administrator; none if it is an operator, who may do everything.
    pub administrator: Option<Arc<Administrator>>,
}

/// An administrator who is calling.
#[derive(Debug, PartialEq, Eq)]
pub struct Administrator {
    /// What they are called.
    pub name: String,
    /// What they are there for.
    pub role: Role,
    /// The tenant they are of.
    pub tenant: String,
    /// The group whose members alone they may act on.
    pub group: Option<ResourceId>,
    /// Every tenant that they administer.
    pub tenants: Vec<String>,
}

impl AdminCaller {
    /// Who it is, as the record names them.
    pub fn actor(&self) -> String {
        match &self.administrator {
            None => format!("operator:{}", self.credential),
            Some(it) => actor(&it.tenant, &it.name),
        }
    }

    /// The tenants in all of which the caller has `right`; none said means every tenant.
    pub fn tenants(&self, right: Right) -> Option<Vec<String>> {
        let administrator = self.administrator.as_ref()?;
        match administrator.role.may(right) && administrator.group.is_none() {
            true => Some(administrator.tenants.clone()),
            false => Some(Vec::new()),
        }
    }
}

fn actor(tenant: &str, name: &str) -> String {
    format!("admin:{tenant}/{name}")
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What it takes.
    pub right: Right,
    /// The tenant it is about.
    pub tenant: Option<&'a str>,
    /// The user it is about.
    pub user: Option<&'a str>,
}

/// An administrator to be added.
#[derive(Debug, Clone)]
pub struct NewAdministrator {
    /// What they are called.
    pub name: String,
    /// What they are there for.
    pub role: Role,
    /// Id of the group whose members alone they may act on.
    pub group: Option<String>,
    /// Whether they administer the tenants below theirs too.
    pub with_children: bool,
}

/// An administrator.
#[derive(Debug, Clone, Serialize)]
pub struct AdministratorRecord {
    /// Their id.
    pub id: Uuid,
    /// What they are called.
    pub name: String,
    /// What they are there for.
    pub role: Role,
    /// Id of the group whose members alone they may act on.
    pub group: Option<String>,
    /// Whether they administer the tenants below theirs too.
    pub with_children: bool,
    /// When they were added, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
}

impl From<AdministratorRow> for AdministratorRecord {
    fn from(row: AdministratorRow) -> Self {
        let AdministratorRow { id, name, role, group, with_children, created_us } = row;
        let group = group.map(|group| group.to_string());
        Self { id, name, role, group, with_children, created_at: created_us }
    }
}

/// A link that somebody signs in with, once; it can be read here and nowhere else.
#[derive(Debug, Clone)]
pub struct SignInLink {
    /// The link's secret part.
    pub code: SecretString,
    /// When it ends, in microseconds since 1970.
    pub expires_us: i64,
}

/// Somebody who has signed in; the token can be read here and nowhere else.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The token.
    pub token: SecretString,
    /// Who it is.
    pub who: WhoRecord,
}

/// Who is calling.
#[derive(Debug, Clone, Serialize)]
pub struct WhoRecord {
    /// As the record names them.
    pub actor: String,
    /// `operator`, or the administrator's role.
    pub role: &'static str,
    /// The tenants that they administer; none said if it is every one.
    pub tenants: Option<Vec<String>>,
    /// Id of the group whose members alone they may act on.
    pub group: Option<String>,
    /// When their token ends, if it was just made.
    #[serde(serialize_with = "optional_date_time")]
    pub expires_at: Option<i64>,
}

impl From<&AdminCaller> for WhoRecord {
    fn from(caller: &AdminCaller) -> Self {
        let administrator = caller.administrator.as_ref();
        Self {
            actor: caller.actor(),
            role: administrator.map_or("operator", |it| it.role.as_str()),
            tenants: administrator.map(|it| it.tenants.clone()),
            group: administrator.and_then(|it| Some(it.group?.to_string())),
            expires_at: None,
        }
    }
}

impl Operator {
    /// Whose valid token `token` is: an operator's or an administrator's.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Store`] if it cannot be told.
    pub async fn authenticate(&self, token: &str) -> Result<Option<AdminCaller>, OperatorError> {
        let hash = TokenHash::of(token);
        let found = self.store.admin_credential(&hash, self.clock.now_us()).await?;
        let Some(AdminCredential { id, administrator }) = found else { return Ok(None) };
        let administrator = match administrator {
            Some((row, tenant, name)) => Some(self.administrator(row, tenant, name).await?),
            None => None,
        };
        Ok(Some(AdminCaller { credential: id, administrator }))
    }

    async fn administrator(
        &self,
        row: AdministratorRow,
        tenant: TenantId,
        tenant_name: String,
    ) -> Result<Arc<Administrator>, OperatorError> {
        let tenants = match row.with_children {
            true => self.store.family(tenant).await?,
            false => vec![tenant_name.clone()],
        };
        let AdministratorRow { name, role, group, .. } = row;
        Ok(Arc::new(Administrator { name, role, tenant: tenant_name, group, tenants }))
    }

    /// Lets `caller` do what is asked, or not. A tenant that the caller does not
    /// administer is one that does not exist.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant is not the caller's;
    /// [`OperatorError::Forbidden`] if the caller lacks the right.
    pub async fn permit(
        &self,
        caller: &AdminCaller,
        asked: Asked<'_>,
    ) -> Result<(), OperatorError> {
        let Some(administrator) = &caller.administrator else { return Ok(()) };
        if let Some(tenant) = asked.tenant
            && !administrator.tenants.iter().any(|name| name == tenant)
        {
            return Err(OperatorError::NotFound(format!("tenant `{tenant}`")));
        }
        if !administrator.role.may(asked.right) {
            let role = administrator.role.as_str();
            return Err(OperatorError::Forbidden(format!("the role {role} does not allow this")));
        }
        let Some(group) = administrator.group else { return Ok(()) };
        if asked.right == Right::SignedIn {
            return Ok(());
        }
        let refused = "this administrator may act on the members of a group alone";
        let (Some(tenant), Some(user)) = (asked.tenant, asked.user) else {
            return Err(OperatorError::Forbidden(refused.to_owned()));
        };
        match self.is_member(tenant, user, group).await? {
            true => Ok(()),
            false => Err(OperatorError::Forbidden(refused.to_owned())),
        }
    }

    /// Puts into the record of the tenant that is asked about what `caller` did, or was
    /// refused.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn note(
        &self,
        caller: &AdminCaller,
        asked: Asked<'_>,
        action: String,
    ) -> Result<(), OperatorError> {
        let Some(tenant) = asked.tenant else { return Ok(()) };
        let store = self.tenant_store(tenant).await?;
        let user = asked.user.and_then(ResourceId::parse);
        let shared = Arc::new(self.entry(&caller.actor(), action));
        let at_us = self.clock.now_us();
        store
            .write(move |tx| {
                let entry = Arc::clone(&shared);
                Box::pin(async move {
                    let noted = match user {
                        Some(user) => tx.audit_of(&entry, (ResourceType::USER, user), at_us).await,
                        None => tx.audit(&entry, at_us).await,
                    };
                    Ok::<_, OperatorError>(noted?)
                })
            })
            .await
    }

    async fn is_member(
        &self,
        tenant: &str,
        user: &str,
        group: ResourceId,
    ) -> Result<bool, OperatorError> {
        let Some(id) = ResourceId::parse(user) else { return Ok(false) };
        let view = self.tenant_store(tenant).await?.view().await?;
        let found = view.resource_with_groups(ResourceType::USER, id, STEPS).await?;
        let groups = found.and_then(|(_, groups)| groups).unwrap_or_default();
        Ok(groups.iter().any(|link| link.id == group))
    }

    /// The administrators of a tenant, by name.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn administrators(
        &self,
        tenant: &str,
    ) -> Result<Vec<AdministratorRecord>, OperatorError> {
        let rows = self.tenant_store(tenant).await?.view().await?.administrators().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Adds an administrator to a tenant. `actor` goes into the record.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or group;
    /// [`OperatorError::Exists`] if the tenant has one of that name;
    /// [`OperatorError::Invalid`] if the name is none, or an owner shall own a group.
    pub async fn add_administrator(
        &self,
        tenant: &str,
        new: NewAdministrator,
        actor: &str,
    ) -> Result<AdministratorRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let row = checked(new, self.clock.new_id(), self.clock.now_us())?;
        let shared = Arc::new((row, self.entry(actor, "administrator.add")));
        store
            .write(move |tx| {
                let shared = Arc::clone(&shared);
                Box::pin(async move {
                    let (row, entry) = &*shared;
                    check_place(tx, row).await?;
                    tx.insert_administrator(row).await?;
                    tx.audit(entry, row.created_us).await?;
                    Ok::<_, OperatorError>(row.clone().into())
                })
            })
            .await
    }

    /// Removes an administrator; their tokens end at once. `caller` tells who wants it,
    /// `actor` goes into the record.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or administrator;
    /// [`OperatorError::InUse`] if it is the tenant's last owner and not an operator
    /// who asks.
    pub async fn remove_administrator(
        &self,
        tenant: &str,
        id: Uuid,
        (actor, is_operator): (&str, bool),
    ) -> Result<(), OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let at_us = self.clock.now_us();
        let entry = Arc::new(self.entry(actor, "administrator.remove"));
        store
            .write(move |tx| {
                let entry = Arc::clone(&entry);
                Box::pin(async move {
                    let all = tx.administrators_for_update().await?;
                    let this = all.iter().find(|row| row.id == id).ok_or_else(|| unknown(id))?;
                    let is_last = this.role == Role::Owner
                        && all.iter().filter(|row| row.role == Role::Owner).count() == 1;
                    if is_last && !is_operator {
                        let rule = "the last owner of a tenant is removed by an operator alone";
                        return Err(OperatorError::InUse(rule.to_owned()));
                    }
                    tx.delete_administrator(id).await?;
                    Ok(tx.audit(&entry, at_us).await?)
                })
            })
            .await
    }

    /// Makes a link with which an administrator signs in, once; a link before it is
    /// worth nothing any more. `actor` goes into the record.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant or administrator;
    /// [`OperatorError::Invalid`] if it shall wait for too long.
    pub async fn sign_in_link(
        &self,
        tenant: &str,
        id: Uuid,
        expires_in: Duration,
        actor: &str,
    ) -> Result<SignInLink, OperatorError> {
        if expires_in.is_zero() || LONGEST_LINK < expires_in {
            let rule = "a link is good for more than nothing and at most 7 days";
            return Err(OperatorError::Invalid(rule.to_owned()));
        }
        let store = self.tenant_store(tenant).await?;
        let code = Token::new(TokenKind::SignInLink, self.clock.random());
        let (hash, at_us) = (code.hash(), self.clock.now_us());
        let expires_us = ends(at_us, expires_in);
        let entry = Arc::new(self.entry(actor, "administrator.link"));
        store
            .write(move |tx| {
                let entry = Arc::clone(&entry);
                Box::pin(async move {
                    if !tx.set_sign_in_link(id, &hash, expires_us).await? {
                        return Err(unknown(id));
                    }
                    Ok(tx.audit(&entry, at_us).await?)
                })
            })
            .await?;
        Ok(SignInLink { code: code.into_secret(), expires_us })
    }

    /// Takes a link for a token, once; none if the link is worth nothing.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Store`] if the database fails.
    pub async fn sign_in(&self, code: &str) -> Result<Option<SignedIn>, OperatorError> {
        let token = Token::new(TokenKind::Administrator, self.clock.random());
        let created_us = self.clock.now_us();
        let new = NewCredential {
            id: self.clock.new_id(),
            hash: token.hash(),
            connection: None,
            subject: None,
            scopes: Vec::new(),
            networks: AllowedNetworks::default(),
            label: String::new(),
            created_us,
            expires_us: ends(created_us, SESSION),
        };
        let (credential, expires_us) = (new.id, new.expires_us);
        let this = self.clone();
        let entry = move |row: &AdministratorRow, tenant: &str| {
            this.entry(&actor(tenant, &row.name), "administrator.sign in")
        };
        let taken = self.store.redeem_sign_in_link(TokenHash::of(code), new, entry).await?;
        let Some((row, tenant, name)) = taken else { return Ok(None) };
        let administrator = Some(self.administrator(row, tenant, name).await?);
        let who = WhoRecord::from(&AdminCaller { credential, administrator });
        let who = WhoRecord { expires_at: Some(expires_us), ..who };
        Ok(Some(SignedIn { token: token.into_secret(), who }))
    }

    /// Ends the token that `caller` came with.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Store`] if the database fails.
    pub async fn sign_out(&self, caller: &AdminCaller) -> Result<(), OperatorError> {
        Ok(self.store.revoke_admin_credential(caller.credential, self.clock.now_us()).await?)
    }
}

fn unknown(id: Uuid) -> OperatorError {
    OperatorError::NotFound(format!("administrator `{id}`"))
}

fn ends(from_us: i64, after: Duration) -> i64 {
    from_us.saturating_add(i64::try_from(after.as_micros()).unwrap_or(i64::MAX))
}

fn checked(
    new: NewAdministrator,
    id: Uuid,
    created_us: i64,
) -> Result<AdministratorRow, OperatorError> {
    let name = new.name.trim();
    if name.is_empty() || LONGEST < name.len() || name.chars().any(char::is_control) {
        let rule = format!("`name` has 1 to {LONGEST} bytes and no control characters");
        return Err(OperatorError::Invalid(rule));
    }
    let wrong = || OperatorError::Invalid("`group`: expected the id of one".to_owned());
    let group = new.group.as_deref().map(|id| ResourceId::parse(id).ok_or_else(wrong));
    let group = group.transpose()?;
    if group.is_some() && (new.with_children || new.role == Role::Owner) {
        let rule = "who may act on the members of a group alone is no owner, and has no rights in \
                    other tenants";
        return Err(OperatorError::Invalid(rule.to_owned()));
    }
    let (role, with_children) = (new.role, new.with_children);
    Ok(AdministratorRow { id, name: name.to_owned(), role, group, with_children, created_us })
}

async fn check_place(tx: &TenantTx, row: &AdministratorRow) -> Result<(), OperatorError> {
    let all = tx.administrators_for_update().await?;
    if all.iter().any(|other| other.name == row.name) {
        return Err(OperatorError::Exists(format!("administrator `{}`", row.name)));
    }
    if MOST <= all.len() {
        let rule = format!("a tenant has at most {MOST} administrators");
        return Err(OperatorError::InUse(rule));
    }
    if let Some(group) = row.group {
        let found: Result<_, StoreError> = tx.resource(ResourceType::GROUP, group).await;
        found?.ok_or_else(|| OperatorError::NotFound(format!("group `{group}`")))?;
    }
    Ok(())
}
