//! Tenants.

use std::sync::Arc;

use sea_orm::QueryResult;
use serde_json::Value;

use super::{
    KeyState, NewSigningKey, SealedKey, Store, StoreError, TenantStore, TenantTx, View,
    signing_key::insert_signing_key, statement::Sql,
};
use crate::{
    event::EventSettings,
    tenant::{Settings, TenantId, TenantLimits},
};

/// Whether a tenant is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantState {
    /// It is.
    Active,
    /// Its credentials are refused until it is resumed.
    Suspended,
    /// It is being deleted: refused for good.
    Deleting,
}

impl TenantState {
    /// Name for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
        }
    }

    fn code(self) -> i16 {
        match self {
            Self::Active => 0,
            Self::Suspended => 1,
            Self::Deleting => 2,
        }
    }

    fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Active,
            1 => Self::Suspended,
            _ => Self::Deleting,
        }
    }
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct TenantRow {
    /// Its number.
    pub id: TenantId,
    /// Its name, as in URLs.
    pub name: String,
    /// Whether it is served.
    pub state: TenantState,
    /// `iss` of its people's subject identifiers, if it is not our own.
    pub subject_issuer: Option<String>,
    /// Name of the tenant that it belongs to.
    pub parent: Option<String>,
    /// What is set for its events.
    pub events: EventSettings,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
}

impl TenantRow {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self {
            id: TenantId::new(row.try_get_by_index(0)?),
            name: row.try_get_by_index(1)?,
            state: TenantState::from_code(row.try_get_by_index(2)?),
            subject_issuer: row.try_get_by_index(3)?,
            created_us: row.try_get_by_index(4)?,
            events: tenant_settings(row, 5)?,
            parent: row.try_get_by_index(6)?,
        })
    }
}

/// A tenant to be kept.
#[derive(Debug, Clone)]
pub struct NewTenantRow {
    /// Its name.
    pub name: String,
    /// `iss` of its people's subject identifiers, if it is not our own.
    pub subject_issuer: Option<String>,
    /// The tenant that it belongs to.
    pub parent: Option<TenantId>,
    /// When it is made, in microseconds since 1970.
    pub created_us: i64,
    /// The public half of its signing key.
    pub public_jwk: Value,
}

impl TenantTx {
    async fn insert_tenant_row(&self, new: &NewTenantRow) -> Result<TenantRow, StoreError> {
        let sql = Sql::new(
            "insert into tenant (name, state, subject_issuer, parent_id,
                created_us) values ",
        )
        .rows([vec![
            new.name.clone().into(),
            TenantState::Active.code().into(),
            new.subject_issuer.clone().into(),
            new.parent.map(TenantId::get).into(),
            new.created_us.into(),
        ]])
        .push(" returning id");
        self.one(sql).await?;
        let row =
            self.one(Sql::new(TENANT).push(" where name = ?").bind(new.name.as_str())).await?;
        let row = row.ok_or_else(|| StoreError::Damaged("a new tenant is not there".to_owned()))?;
        TenantRow::read(&row)
    }
}

const TENANT: &str = "select id, name, state, subject_issuer, created_us, event_settings,
    (select p.name from tenant p where p.id = tenant.parent_id) as parent from tenant";

/// Tables of a tenant's rows, in the order in which they can go.
const TABLES: [&str; 17] = [
    "delivery",
    "stream_subject",
    "stream",
    "application_group",
    "application",
    "receiver",
    "outbox",
    "audit_entry",
    "membership",
    "attribute_value",
    "unique_value",
    "resource",
    "deleted_user",
    "protected_user",
    "credential",
    "connection_notice",
    "connection",
];

/// Rows that a deletion takes in one statement, so that nobody waits for it.
const DELETE_ROWS: u32 = 5_000;

impl Store {
    /// Makes a tenant with its signing key, which `seal` gives for its number.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if the name is taken; what `seal` gives.
    pub async fn insert_tenant<E>(
        &self,
        new: NewTenantRow,
        seal: impl Fn(TenantId) -> Result<SealedKey, E> + Send + Sync + 'static,
    ) -> Result<TenantRow, E>
    where
        E: From<StoreError> + Send + 'static,
    {
        let (new, seal) = (Arc::new(new), Arc::new(seal));
        self.operator()
            .write(move |tx| {
                let (new, seal) = (Arc::clone(&new), Arc::clone(&seal));
                Box::pin(async move {
                    let row = tx.insert_tenant_row(&new).await?;
                    let key = (*seal)(row.id)?;
                    let key = NewSigningKey {
                        key,
                        public_jwk: new.public_jwk.clone(),
                        created_us: new.created_us,
                    };
                    let sql = insert_signing_key(row.id, &key, KeyState::Active, None);
                    View::run(tx, sql).await?;
                    Ok(row)
                })
            })
            .await
    }

    /// Every tenant, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        let sql = Sql::new(TENANT).push(" order by name");
        self.operator().view().await?.all(sql).await?.iter().map(TenantRow::read).collect()
    }

    /// The tenant of that name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenant_named(&self, name: &str) -> Result<Option<TenantRow>, StoreError> {
        let sql = Sql::new(TENANT).push(" where name = ?").bind(name);
        self.operator().view().await?.one(sql).await?.as_ref().map(TenantRow::read).transpose()
    }

    /// Whether tenants belong to this one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn has_children(&self, tenant: TenantId) -> Result<bool, StoreError> {
        let sql = Sql::new("select 1 from tenant where parent_id = ?").bind(tenant.get());
        Ok(self.operator().view().await?.one(sql.push(" limit 1")).await?.is_some())
    }

    /// Changes whether a tenant is served.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn set_tenant_state(
        &self,
        tenant: TenantId,
        state: TenantState,
    ) -> Result<(), StoreError> {
        self.run_as_operator(
            Sql::new("update tenant set state = ?")
                .bind(state.code())
                // A deletion is not taken back.
                .push(" where state <> 2 and id = ?")
                .bind(tenant.get()),
        )
        .await
        .map(|_| ())
    }

    /// What is set for a tenant, if there is such a tenant.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn tenant_settings<S: TenantSettings>(
        &self,
        tenant: TenantId,
    ) -> Result<Option<S>, StoreError> {
        let row = self.operator().view().await?.one(settings_of::<S>(tenant)).await?;
        row.map(|row| tenant_settings(&row, 0)).transpose()
    }

    /// Lets `change` make other settings of those of a tenant, if there is such a
    /// tenant. No other change of them comes between.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails; what `change` gives.
    pub async fn change_tenant_settings<S, E>(
        &self,
        tenant: TenantId,
        change: impl Fn(&S) -> Result<S, E> + Send + Sync + 'static,
    ) -> Result<Option<S>, E>
    where
        S: TenantSettings,
        E: From<StoreError> + Send + 'static,
    {
        let change = Arc::new(change);
        self.operator()
            .write(move |tx| {
                let change = Arc::clone(&change);
                Box::pin(async move {
                    let lock = if tx.locks_rows() { " for no key update" } else { "" };
                    let row = tx.one(settings_of::<S>(tenant).push(lock)).await?;
                    let Some(row) = row else { return Ok(None) };
                    let changed = (*change)(&tenant_settings(&row, 0)?)?;
                    let sql = Sql::new(&format!("update tenant set {} = ?", S::COLUMN))
                        .bind(changed.to_json())
                        .push(" where id = ?")
                        .bind(tenant.get());
                    View::run(tx, sql).await?;
                    Ok(Some(changed))
                })
            })
            .await
    }

    /// Deletes a bounded part of what a tenant has; gives how many rows went.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_some_of(&self, tenant: TenantId) -> Result<u64, StoreError> {
        for table in TABLES {
            let gone = self.run_as_operator(delete_rows(table, tenant)).await?;
            if 0 < gone {
                return Ok(gone);
            }
        }
        Ok(0)
    }

    /// Deletes a tenant that has nothing left.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn delete_tenant_row(&self, tenant: TenantId) -> Result<(), StoreError> {
        let sql = Sql::new("delete from tenant where id = ?").bind(tenant.get());
        self.run_as_operator(sql).await.map(|_| ())
    }

    pub(super) async fn run_as_operator(&self, sql: Sql) -> Result<u64, StoreError> {
        self.operator().run(sql).await
    }
}

/// Settings with a column of their own in the tenant's row.
pub trait TenantSettings: Settings + Send + Sync + 'static {
    /// The column.
    const COLUMN: &'static str;
}

impl TenantSettings for EventSettings {
    const COLUMN: &'static str = "event_settings";
}

impl TenantSettings for TenantLimits {
    const COLUMN: &'static str = "limits";
}

fn settings_of<S: TenantSettings>(tenant: TenantId) -> Sql {
    let select = format!("select {} from tenant where id = ?", S::COLUMN);
    Sql::new(&select).bind(tenant.get())
}

/// What is set for a tenant, from its column.
pub(super) fn tenant_settings<S: Settings>(
    row: &QueryResult,
    column: usize,
) -> Result<S, StoreError> {
    let text: String = row.try_get_by_index(column)?;
    S::from_json(&text).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A delete of at most [`DELETE_ROWS`] rows, chosen by key.
fn delete_rows(table: &str, tenant: TenantId) -> Sql {
    let key = match table {
        "delivery" => "stream_id, seq",
        "outbox" => "seq",
        "application_group" => "application_id, group_id",
        "membership" => "group_id, member_id",
        "attribute_value" => "path, value_key, resource_id, element",
        "unique_value" => "resource_type, path, value_key",
        "credential" => "token_hash",
        "deleted_user" | "protected_user" => "resource_id",
        "connection_notice" => "connection_id, kind, detail",
        "stream_subject" => "stream_id, subject",
        _ => "id",
    };
    Sql::new(&format!("delete from {table} where tenant_id = ?"))
        .bind(tenant.get())
        .push(&format!(" and ({key}) in (select {key} from {table} where tenant_id = ?"))
        .bind(tenant.get())
        .push(" limit ?)")
        .bind(i64::from(DELETE_ROWS))
}

impl TenantStore {
    /// Runs one statement in a transaction of its own.
    pub(super) async fn run(&self, sql: Sql) -> Result<u64, StoreError> {
        self.write(move |tx| {
            let sql = sql.clone();
            Box::pin(async move { View::run(tx, sql).await })
        })
        .await
    }
}
