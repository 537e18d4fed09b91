//! Deleted users, kept for a while so that they can come back.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{Change, StoreError, TenantStore, TenantTx, View, keys::cut, statement::Sql};
use crate::scim::{
    resource::{ResourceId, Version},
    text::user_name_key,
};

/// What is kept of a user who is deleted, beside what the change says.
#[derive(Debug, Clone)]
pub struct Remains {
    /// When the user was created, in microseconds since 1970.
    pub created_us: i64,
    /// The key of the `userName`.
    pub unique_key: Option<String>,
    /// The stored document.
    pub document: String,
    /// The groups that the user was in.
    pub groups: Vec<ResourceId>,
}

/// A deleted user.
#[derive(Debug, Clone)]
pub struct DeletedUser {
    /// The user's id.
    pub id: ResourceId,
    /// When the user was deleted, in microseconds since 1970.
    pub deleted_us: i64,
    /// When the user was created, in microseconds since 1970.
    pub created_us: i64,
    /// The last version.
    pub version: Version,
    /// Who deleted the user.
    pub actor: String,
    /// The stored document.
    pub document: String,
    /// The groups that the user was in.
    pub groups: Vec<ResourceId>,
}

/// Which deleted users are wanted.
#[derive(Debug, Clone, Default)]
pub struct DeletedFilter {
    /// Those of this `userName`.
    pub user_name: Option<String>,
    /// Those behind this one.
    pub after: Option<ResourceId>,
    /// How many at most.
    pub limit: u32,
}

const SELECT: &str = "select resource_id, deleted_us, created_us, version, actor, document, groups
     from deleted_user where tenant_id = ?";

impl View {
    /// Deleted users, the last one first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn deleted_users(
        &self,
        filter: &DeletedFilter,
    ) -> Result<Vec<DeletedUser>, StoreError> {
        let mut sql = Sql::new(SELECT).bind(self.owner());
        if let Some(name) = &filter.user_name {
            sql = sql.push(" and unique_key = ?").bind(cut(&user_name_key(name)).to_owned());
        }
        if let Some(after) = filter.after {
            sql = sql
                .push(
                    " and (deleted_us, resource_id) <
                    (select deleted_us, resource_id from deleted_user where tenant_id = ?",
                )
                .bind(self.owner())
                .push(" and resource_id = ?)")
                .bind(after.get());
        }
        let sql = sql
            .push(" order by deleted_us desc, resource_id desc limit ?")
            .bind(i64::from(filter.limit));
        self.all(sql).await?.iter().map(read).collect()
    }
}

impl TenantTx {
    /// Keeps what remains of a user whom `change` deletes.
    pub(super) fn keep_remains(&self, change: &Change, remains: &Remains) -> Sql {
        let groups: Vec<String> = remains.groups.iter().map(ToString::to_string).collect();
        Sql::new(
            "insert into deleted_user (tenant_id, resource_id, deleted_us, created_us, version,
                actor, unique_key, document, groups) values ",
        )
        .rows([vec![
            self.owner(),
            change.id.get().into(),
            change.at_us.into(),
            remains.created_us.into(),
            change.version.0.into(),
            change.audit.actor.clone().into(),
            remains.unique_key.clone().into(),
            remains.document.clone().into(),
            groups.join(" ").into(),
        ]])
    }

    /// Takes a deleted user out of those who are kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn take_deleted(&self, id: ResourceId) -> Result<Option<DeletedUser>, StoreError> {
        let sql = Sql::new("delete from deleted_user where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_id = ?")
            .bind(id.get())
            .push(
                " returning resource_id, deleted_us, created_us, version, actor, document, groups",
            );
        self.one(sql).await?.as_ref().map(read).transpose()
    }
}

impl TenantStore {
    /// Forgets who was deleted before a time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_deleted(&self, before_us: i64) -> Result<(), StoreError> {
        let old = |sql: &str| {
            Sql::new(sql)
                .push(" from deleted_user where tenant_id = ?")
                .bind(self.tenant.get())
                .push(" and deleted_us < ?")
                .bind(before_us)
        };
        // The writer is for those who write.
        if self.view().await?.one(old("select 1").push(" limit 1")).await?.is_none() {
            return Ok(());
        }
        // What the record still knows of them goes with them.
        let values = Sql::new("update audit_entry set changes = null where tenant_id = ?")
            .bind(self.tenant.get())
            .push(" and changes is not null and resource_id in (")
            .append(old("select resource_id"))
            .push(")");
        let forget = old("delete");
        self.write(move |tx| {
            let (values, forget) = (values.clone(), forget.clone());
            Box::pin(async move {
                View::run(tx, values).await?;
                View::run(tx, forget).await.map(|_| ())
            })
        })
        .await
    }
}

fn read(row: &QueryResult) -> Result<DeletedUser, StoreError> {
    let groups: String = row.try_get_by_index(6)?;
    let group = |id: &str| {
        ResourceId::parse(id).ok_or_else(|| StoreError::Damaged("groups of a deleted user".into()))
    };
    Ok(DeletedUser {
        id: ResourceId::new(row.try_get_by_index::<Uuid>(0)?),
        deleted_us: row.try_get_by_index(1)?,
        created_us: row.try_get_by_index(2)?,
        version: Version(row.try_get_by_index(3)?),
        actor: row.try_get_by_index(4)?,
        document: row.try_get_by_index(5)?,
        groups: groups.split_whitespace().map(group).collect::<Result<_, _>>()?,
    })
}
