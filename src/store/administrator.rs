//! Administrators of tenants, and what they sign in with.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{AuditEntry, NewCredential, Store, StoreError, TenantTx, View, statement::Sql};
use crate::{
    scim::resource::ResourceId,
    tenant::{Role, TenantId, TokenHash},
};

/// Somebody who administers a tenant.
#[derive(Debug, Clone)]
pub struct AdministratorRow {
    /// Their id.
    pub id: Uuid,
    /// What they are called; nobody else of the tenant is.
    pub name: String,
    /// What they are there for.
    pub role: Role,
    /// The group whose members alone they may act on.
    pub group: Option<ResourceId>,
    /// Whether they administer the tenants below theirs too.
    pub with_children: bool,
    /// When they were added, in microseconds since 1970.
    pub created_us: i64,
}

/// Whose operator's or administrator's token it is.
#[derive(Debug, Clone)]
pub struct AdminCredential {
    /// The credential's id.
    pub id: Uuid,
    /// The administrator and the tenant that they are of; none if it is an operator's.
    pub administrator: Option<(AdministratorRow, TenantId, String)>,
}

const COLUMNS: &str = "a.id, a.name, a.role, a.group_id, a.with_children, a.created_us";

fn read(row: &QueryResult, first: usize) -> Result<AdministratorRow, StoreError> {
    let role: i16 = row.try_get_by_index(first + 2)?;
    let role = Role::ALL.into_iter().find(|known| code(*known) == role);
    let group: Option<Uuid> = row.try_get_by_index(first + 3)?;
    Ok(AdministratorRow {
        id: row.try_get_by_index(first)?,
        name: row.try_get_by_index(first + 1)?,
        role: role.ok_or_else(|| StoreError::Damaged("an administrator's role".to_owned()))?,
        group: group.map(ResourceId::new),
        with_children: row.try_get_by_index(first + 4)?,
        created_us: row.try_get_by_index(first + 5)?,
    })
}

fn code(role: Role) -> i16 {
    match role {
        Role::Owner => 0,
        Role::Admin => 1,
        Role::HelpDesk => 2,
        Role::Auditor => 3,
    }
}

impl View {
    /// The tenant's administrators, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn administrators(&self) -> Result<Vec<AdministratorRow>, StoreError> {
        let select = format!("select {COLUMNS} from administrator a where a.tenant_id = ?");
        let sql = Sql::new(&select).bind(self.owner()).push(" order by a.name");
        self.all(sql).await?.iter().map(|row| read(row, 0)).collect()
    }
}

impl TenantTx {
    /// The tenant's administrators, by name; nobody else changes them meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn administrators_for_update(&self) -> Result<Vec<AdministratorRow>, StoreError> {
        if self.locks_rows() {
            let sql = Sql::new("select id from tenant where id = ?").bind(self.owner());
            self.one(sql.push(" for no key update")).await?;
        }
        self.administrators().await
    }

    /// Adds an administrator.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_administrator(&self, row: &AdministratorRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into administrator (tenant_id, id, name, role, group_id, with_children,
                created_us) values ",
        )
        .rows([vec![
            self.owner(),
            row.id.into(),
            row.name.clone().into(),
            code(row.role).into(),
            row.group.map(ResourceId::get).into(),
            row.with_children.into(),
            row.created_us.into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    /// Removes an administrator, whose tokens end with it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_administrator(&self, id: Uuid) -> Result<(), StoreError> {
        let sql = Sql::new("delete from administrator where tenant_id = ?").bind(self.owner());
        self.run(sql.push(" and id = ?").bind(id)).await.map(|_| ())
    }

    /// Keeps the link that an administrator signs in with, in place of one before;
    /// whether the tenant has the administrator.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn set_sign_in_link(
        &self,
        id: Uuid,
        hash: &TokenHash,
        until_us: i64,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("update administrator set link_hash = ?")
            .bind(hash.as_bytes().to_vec())
            .push(", link_until_us = ?")
            .bind(until_us)
            .push(" where tenant_id = ?")
            .bind(self.owner())
            .push(" and id = ?")
            .bind(id);
        Ok(0 < self.run(sql).await?)
    }
}

impl Store {
    /// Takes the link with that hash, once, for a token; whose it was, with their
    /// tenant. `entry` tells for whom which entry of the tenant's record is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn redeem_sign_in_link(
        &self,
        hash: TokenHash,
        new: NewCredential,
        entry: impl Fn(&AdministratorRow, &str) -> AuditEntry + Clone + Send + Sync + 'static,
    ) -> Result<Option<(AdministratorRow, TenantId, String)>, StoreError> {
        self.operator()
            .write(move |tx| {
                let (new, entry) = (new.clone(), entry.clone());
                Box::pin(async move {
                    let select = format!(
                        "select {COLUMNS}, t.id, t.name from administrator a
                         join tenant t on t.id = a.tenant_id
                         where t.state = 0 and a.link_hash = ?"
                    );
                    let sql = Sql::new(&select).bind(hash.as_bytes().to_vec());
                    let Some(row) = tx.one(sql).await? else { return Ok(None) };
                    let (found, tenant) = (read(&row, 0)?, row.try_get_by_index::<i64>(6)?);
                    let name: String = row.try_get_by_index(7)?;
                    let take = Sql::new("update administrator set link_hash = null")
                        .push(", link_until_us = null where link_hash = ?")
                        .bind(hash.as_bytes().to_vec())
                        .push(" and link_until_us > ?")
                        .bind(new.created_us);
                    if View::run(tx, take).await? == 0 {
                        return Ok(None);
                    }
                    let tenant = TenantId::new(tenant);
                    View::run(tx, session(&new, found.id)).await?;
                    tx.audit_in(tenant, &entry(&found, &name), new.created_us).await?;
                    Ok(Some((found, tenant, name)))
                })
            })
            .await
    }

    /// Whose operator's or administrator's token it is, if it is valid at `now_us`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn admin_credential(
        &self,
        hash: &TokenHash,
        now_us: i64,
    ) -> Result<Option<AdminCredential>, StoreError> {
        let select = format!(
            "select d.id, d.administrator_id, t.id, t.name, {COLUMNS} from credential d
             left join administrator a on a.id = d.administrator_id
             left join tenant t on t.id = a.tenant_id
             where d.token_hash = ?"
        );
        let sql = Sql::new(&select)
            .bind(hash.as_bytes().to_vec())
            .push(" and d.expires_us > ?")
            .bind(now_us)
            .push(" and d.revoked_us is null and d.tenant_id is null")
            .push(" and (d.administrator_id is null or t.state = 0)");
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        let administrator = match row.try_get_by_index::<Option<Uuid>>(1)? {
            Some(_) => {
                let tenant = TenantId::new(row.try_get_by_index(2)?);
                Some((read(&row, 4)?, tenant, row.try_get_by_index(3)?))
            }
            None => None,
        };
        Ok(Some(AdminCredential { id: row.try_get_by_index(0)?, administrator }))
    }

    /// Names of a tenant and of all tenants below it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn family(&self, tenant: TenantId) -> Result<Vec<String>, StoreError> {
        let sql = Sql::new("with recursive family (id, name) as (select id, name from tenant")
            .push(" where id = ?")
            .bind(tenant.get())
            .push(
                " union all select t.id, t.name from tenant t join family f on t.parent_id = f.id)
                 select name from family",
            );
        let rows = self.operator().view().await?.all(sql).await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
    }

    /// Ends an operator's or administrator's token.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn revoke_admin_credential(&self, id: Uuid, at_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new("update credential set revoked_us = coalesce(revoked_us, ?)")
            .bind(at_us)
            .push(" where tenant_id is null and id = ?")
            .bind(id);
        self.run_as_operator(sql).await.map(|_| ())
    }
}

/// The token of somebody who signed in.
fn session(new: &NewCredential, administrator: Uuid) -> Sql {
    Sql::new(
        "insert into credential (token_hash, id, scopes, label, created_us, expires_us,
            administrator_id) values ",
    )
    .rows([vec![
        new.hash.as_bytes().to_vec().into(),
        new.id.into(),
        String::new().into(),
        new.label.clone().into(),
        new.created_us.into(),
        new.expires_us.into(),
        administrator.into(),
    ]])
}
