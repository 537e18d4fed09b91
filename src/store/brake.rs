//! The brake of a tenant: who was deprovisioned lately, and who is held.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{StoreError, TenantStore, TenantTx, View, statement::Sql};
use crate::{
    scim::{resource::ResourceId, schema::ResourceType},
    tenant::{BrakeSettings, Settings, TenantId},
};

/// What the brake does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrakeState {
    /// It counts who goes.
    Watching,
    /// It holds everybody until somebody decides.
    Held,
    /// Somebody decided that nobody goes.
    Rejected,
    /// Somebody decided that everybody may go for a time.
    Released,
}

impl BrakeState {
    /// Name for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watching => "watching",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Released => "released",
        }
    }

    fn code(self) -> i16 {
        match self {
            Self::Watching => 0,
            Self::Held => 1,
            Self::Rejected => 2,
            Self::Released => 3,
        }
    }

    fn from_code(code: i16) -> Result<Self, StoreError> {
        [Self::Watching, Self::Held, Self::Rejected, Self::Released]
            .into_iter()
            .find(|state| state.code() == code)
            .ok_or_else(|| StoreError::Damaged(format!("state {code} of a brake")))
    }
}

/// A tenant's brake. Times are microseconds since 1970.
#[derive(Debug, Clone)]
pub struct BrakeRow {
    /// What is set for it.
    pub settings: BrakeSettings,
    /// What it does.
    pub state: BrakeState,
    /// Since when.
    pub since_us: i64,
    /// Until when, if it was released.
    pub until_us: Option<i64>,
    /// Who went before is not counted any more.
    pub counts_from_us: i64,
    /// How many people were active, and when that was counted.
    pub people: Option<(i64, i64)>,
}

impl BrakeRow {
    /// What it does at `now_us`: a release ends by itself.
    pub fn state_at(&self, now_us: i64) -> BrakeState {
        match (self.state, self.until_us) {
            (BrakeState::Released, Some(until_us)) if until_us <= now_us => BrakeState::Watching,
            (state, _) => state,
        }
    }

    /// The length of its window.
    pub fn window_us(&self) -> i64 {
        i64::from(self.settings.window_s).saturating_mul(1_000_000)
    }

    /// From when on those who went are counted at `now_us`.
    pub fn window_from_us(&self, now_us: i64) -> i64 {
        now_us.saturating_sub(self.window_us()).max(self.counts_from_us)
    }
}

/// Somebody whom a directory wants deprovisioned and the brake holds.
#[derive(Debug, Clone)]
pub struct HeldPerson {
    /// Who.
    pub id: ResourceId,
    /// The stored document, while the person is there.
    pub document: Option<String>,
    /// What was asked: `patch`, `replace`, `change` or `delete`.
    pub action: String,
    /// Who asked last.
    pub actor: String,
    /// When it was asked first, in microseconds since 1970.
    pub first_us: i64,
    /// When it was asked last.
    pub last_us: i64,
}

impl View {
    /// The tenant's brake, if it ever had one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn brake(&self) -> Result<Option<BrakeRow>, StoreError> {
        let sql = Sql::new(
            "select settings, state, since_us, until_us, counts_from_us, people, people_us
             from brake where tenant_id = ?",
        );
        let row = self.one(sql.bind(self.owner())).await?;
        row.as_ref().map(read).transpose()
    }

    /// How many people went at or after a time, counted up to `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn deprovisioned_since(&self, from_us: i64, most: i64) -> Result<i64, StoreError> {
        let sql = Sql::new("select count(*) from (select 1 from deprovisioned where tenant_id = ?")
            .bind(self.owner())
            .push(" and at_us >= ? limit ?) d")
            .bind(from_us)
            .bind(most);
        self.count_of(sql).await
    }

    /// How many of the tenant's users are active.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn active_people(&self) -> Result<i64, StoreError> {
        let sql = Sql::new("select count(*) from resource where tenant_id = ?")
            .bind(self.owner())
            .push(" and resource_type = ? and active")
            .bind(ResourceType::USER);
        self.count_of(sql).await
    }

    /// How many people are held.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn count_held(&self) -> Result<i64, StoreError> {
        let sql = Sql::new("select count(*) from held_person where tenant_id = ?");
        self.count_of(sql.bind(self.owner())).await
    }

    /// People who are held, by id, after `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn held_people(
        &self,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<HeldPerson>, StoreError> {
        let sql = Sql::new(
            "select h.resource_id, r.document, h.action, h.actor, h.first_us, h.last_us
             from held_person h
             left join resource r on r.tenant_id = h.tenant_id and r.id = h.resource_id
             where h.tenant_id = ?",
        )
        .bind(self.owner())
        .push(" and h.resource_id > ? order by h.resource_id limit ?")
        .bind(after.map_or(Uuid::nil(), ResourceId::get))
        .bind(i64::from(limit));
        let rows = self.all(sql).await?;
        rows.iter()
            .map(|row| {
                Ok(HeldPerson {
                    id: ResourceId::new(row.try_get_by_index(0)?),
                    document: row.try_get_by_index(1)?,
                    action: row.try_get_by_index(2)?,
                    actor: row.try_get_by_index(3)?,
                    first_us: row.try_get_by_index(4)?,
                    last_us: row.try_get_by_index(5)?,
                })
            })
            .collect()
    }

    async fn count_of(&self, sql: Sql) -> Result<i64, StoreError> {
        Ok(self.one(sql).await?.map_or(Ok(0), |row| row.try_get_by_index(0))?)
    }
}

impl TenantTx {
    /// The tenant's brake, which nobody else changes until this transaction ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn brake_for_update(&self) -> Result<Option<BrakeRow>, StoreError> {
        if self.locks_rows() {
            let sql = Sql::new("select 1 from brake where tenant_id = ?").bind(self.owner());
            self.one(sql.push(" for update")).await?;
        }
        self.brake().await
    }

    /// Keeps the tenant's brake as it is now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn set_brake(&self, row: &BrakeRow) -> Result<(), StoreError> {
        let (people, people_us) = row.people.unzip();
        let sql = Sql::new(
            "insert into brake (tenant_id, settings, state, since_us, until_us, counts_from_us,
                people, people_us) values ",
        )
        .rows([vec![
            self.owner(),
            row.settings.to_json().into(),
            row.state.code().into(),
            row.since_us.into(),
            row.until_us.into(),
            row.counts_from_us.into(),
            people.into(),
            people_us.into(),
        ]])
        .push(
            " on conflict (tenant_id) do update set settings = excluded.settings,
                state = excluded.state, since_us = excluded.since_us,
                until_us = excluded.until_us, counts_from_us = excluded.counts_from_us,
                people = excluded.people, people_us = excluded.people_us",
        );
        self.run(sql).await.map(|_| ())
    }

    /// Notes how many people are active.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn note_people(&self, people: i64, at_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new("update brake set people = ?, people_us = ?").bind(people).bind(at_us);
        self.run(sql.push(" where tenant_id = ?").bind(self.owner())).await.map(|_| ())
    }

    /// Notes that somebody was deprovisioned, who is held no longer.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn note_deprovisioned(&self, id: ResourceId, at_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new("insert into deprovisioned (tenant_id, resource_id, at_us) values ")
            .rows([vec![self.owner(), id.get().into(), at_us.into()]])
            .push(" on conflict (tenant_id, resource_id) do update set at_us = excluded.at_us");
        self.run(sql).await?;
        self.forget_held_person(id).await
    }

    /// Notes that somebody is held no longer.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_held_person(&self, id: ResourceId) -> Result<(), StoreError> {
        let sql = Sql::new("delete from held_person where tenant_id = ?").bind(self.owner());
        self.run(sql.push(" and resource_id = ?").bind(id.get())).await.map(|_| ())
    }

    /// Notes whom the brake holds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn hold_person(&self, held: &HeldPerson) -> Result<(), StoreError> {
        let sql = Sql::new(
            "insert into held_person (tenant_id, resource_id, action, actor, first_us, last_us)
             values ",
        )
        .rows([vec![
            self.owner(),
            held.id.get().into(),
            held.action.clone().into(),
            held.actor.clone().into(),
            held.first_us.into(),
            held.last_us.into(),
        ]])
        .push(
            " on conflict (tenant_id, resource_id) do update set action = excluded.action,
                actor = excluded.actor, last_us = excluded.last_us",
        );
        self.run(sql).await.map(|_| ())
    }

    /// Forgets whom the brake held.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_held(&self) -> Result<(), StoreError> {
        let sql = Sql::new("delete from held_person where tenant_id = ?").bind(self.owner());
        self.run(sql).await.map(|_| ())
    }
}

impl TenantStore {
    /// Forgets who was deprovisioned before a time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_deprovisioned(&self, before_us: i64) -> Result<(), StoreError> {
        let old = |sql: &str, tenant: TenantId| {
            Sql::new(sql)
                .push(" from deprovisioned where tenant_id = ?")
                .bind(tenant.get())
                .push(" and at_us < ?")
                .bind(before_us)
        };
        let some = old("select 1", self.tenant).push(" limit 1");
        // The writer is for those who write.
        if self.view().await?.one(some).await?.is_none() {
            return Ok(());
        }
        self.run(old("delete", self.tenant)).await.map(|_| ())
    }
}

fn read(row: &QueryResult) -> Result<BrakeRow, StoreError> {
    let settings: String = row.try_get_by_index(0)?;
    let people: Option<i64> = row.try_get_by_index(5)?;
    Ok(BrakeRow {
        settings: BrakeSettings::from_json(&settings)
            .map_err(|error| StoreError::Damaged(error.to_string()))?,
        state: BrakeState::from_code(row.try_get_by_index(1)?)?,
        since_us: row.try_get_by_index(2)?,
        until_us: row.try_get_by_index(3)?,
        counts_from_us: row.try_get_by_index(4)?,
        people: people.zip(row.try_get_by_index(6)?),
    })
}
