//! Which roles a tenant's people have.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{StoreError, TenantTx, View, statement::Sql};
use crate::scim::resource::ResourceId;

/// Whom a rule gives its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSource {
    /// The members of this group, and of the groups in it.
    Group(ResourceId),
    /// The users whom this filter matches (RFC 7644 §3.4.2.2).
    Filter(String),
}

/// A rule that gives people a role.
#[derive(Debug, Clone)]
pub struct RoleRule {
    /// Its id.
    pub id: Uuid,
    /// The role.
    pub role: String,
    /// Who has it.
    pub source: RoleSource,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

impl View {
    /// The tenant's rules, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn role_rules(&self) -> Result<Vec<RoleRule>, StoreError> {
        let sql = Sql::new(
            "select id, role, group_id, filter, created_us from role_rule where tenant_id = ?",
        )
        .bind(self.owner())
        .push(" order by id");
        self.all(sql).await?.iter().map(read).collect()
    }
}

impl TenantTx {
    /// Keeps a rule.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn insert_role_rule(&self, rule: &RoleRule) -> Result<(), StoreError> {
        let (group, filter) = match &rule.source {
            RoleSource::Group(group) => (Some(group.get()), None),
            RoleSource::Filter(filter) => (None, Some(filter.clone())),
        };
        let sql = Sql::new(
            "insert into role_rule (tenant_id, id, role, group_id, filter, created_us) values ",
        )
        .rows([vec![
            self.owner(),
            rule.id.into(),
            rule.role.clone().into(),
            group.into(),
            filter.into(),
            rule.created_us.into(),
        ]]);
        self.run(sql).await.map(|_| ())
    }

    /// Deletes a rule; whether the tenant had it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_role_rule(&self, id: Uuid) -> Result<bool, StoreError> {
        let sql = Sql::new("delete from role_rule where tenant_id = ?").bind(self.owner());
        Ok(0 < self.run(sql.push(" and id = ?").bind(id)).await?)
    }
}

fn read(row: &QueryResult) -> Result<RoleRule, StoreError> {
    let group: Option<Uuid> = row.try_get_by_index(2)?;
    let filter: Option<String> = row.try_get_by_index(3)?;
    let source = match (group, filter) {
        (Some(group), None) => RoleSource::Group(ResourceId::new(group)),
        (None, Some(filter)) => RoleSource::Filter(filter),
        _ => return Err(StoreError::Damaged("a rule for a role".to_owned())),
    };
    Ok(RoleRule {
        id: row.try_get_by_index(0)?,
        role: row.try_get_by_index(1)?,
        source,
        created_us: row.try_get_by_index(4)?,
    })
}
