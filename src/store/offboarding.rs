//! Offboardings: what was asked, when it is due, and what became of each person.

use std::sync::Arc;

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{Store, StoreError, TenantStore, View, statement::Sql};

/// Where an offboarding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffboardingState {
    /// It waits for its time, or is being done.
    Waiting,
    /// Everybody was tried.
    Done,
    /// It was called off before its time.
    Cancelled,
}

impl OffboardingState {
    const ALL: [Self; 3] = [Self::Waiting, Self::Done, Self::Cancelled];

    fn code(self) -> i16 {
        match self {
            Self::Waiting => 0,
            Self::Done => 1,
            Self::Cancelled => 2,
        }
    }

    fn from_code(code: i16) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|state| state.code() == code)
            .ok_or_else(|| StoreError::Damaged(format!("state {code} of an offboarding")))
    }
}

/// An offboarding.
#[derive(Debug, Clone)]
pub struct OffboardingRow {
    /// Its id.
    pub id: Uuid,
    /// The key under which a repeated request finds it.
    pub idempotency_key: Option<String>,
    /// What was asked, JSON text.
    pub request: String,
    /// Who asked.
    pub actor: String,
    /// Where it stands.
    pub state: OffboardingState,
    /// When it was asked for, in microseconds since 1970.
    pub created_us: i64,
    /// When it is due.
    pub due_us: i64,
    /// When it was done or cancelled.
    pub finished_us: Option<i64>,
}

/// Somebody of an offboarding.
#[derive(Debug, Clone)]
pub struct OffboardingPerson {
    /// Place in the list that was given.
    pub place: i32,
    /// What they were called there.
    pub name: String,
    /// What became of them, JSON text; none until it was tried.
    pub outcome: Option<String>,
}

const SELECT: &str = "select id, idempotency_key, request, actor, state, created_us, due_us, \
                      finished_us from offboarding";

impl Store {
    /// Keeps an offboarding of the people of those names.
    ///
    /// # Errors
    ///
    /// [`StoreError::Duplicate`] if its key is taken.
    pub async fn insert_offboarding(
        &self,
        row: &OffboardingRow,
        names: &[String],
    ) -> Result<(), StoreError> {
        let shared = Arc::new((row.clone(), names.to_vec()));
        self.operator()
            .write(move |tx| {
                let shared = Arc::clone(&shared);
                Box::pin(async move {
                    let (row, names) = &*shared;
                    View::run(tx, insertion(row)).await?;
                    let people = (0_i32..).zip(names).map(|(place, name)| {
                        vec![row.id.into(), place.into(), name.clone().into()]
                    });
                    let insert =
                        "insert into offboarding_person (offboarding_id, place, name) values ";
                    View::run(tx, Sql::new(insert).rows(people)).await.map(|_| ())
                })
            })
            .await
    }

    /// The offboarding that was asked for under a key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn offboarding_keyed(&self, key: &str) -> Result<Option<OffboardingRow>, StoreError> {
        self.operator().view().await?.one(keyed(key)).await?.as_ref().map(read).transpose()
    }

    /// The offboarding of that id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn offboarding(&self, id: Uuid) -> Result<Option<OffboardingRow>, StoreError> {
        let sql = Sql::new(SELECT).push(" where id = ?").bind(id);
        self.operator().view().await?.one(sql).await?.as_ref().map(read).transpose()
    }

    /// Offboardings, the last one first, behind `before` if it is given.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn offboardings(
        &self,
        before: Option<Uuid>,
        actor: Option<&str>,
        limit: u32,
    ) -> Result<Vec<OffboardingRow>, StoreError> {
        let sql = Sql::new(SELECT);
        let sql = match before {
            Some(before) => sql.push(" where id < ?").bind(before),
            None => sql.push(" where true"),
        };
        let sql = match actor {
            Some(actor) => sql.push(" and actor = ?").bind(actor),
            None => sql,
        };
        let sql = sql.push(" order by id desc limit ?").bind(i64::from(limit));
        self.operator().view().await?.all(sql).await?.iter().map(read).collect()
    }

    /// The people of an offboarding, in the order that was given.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn offboarding_people(&self, id: Uuid) -> Result<Vec<OffboardingPerson>, StoreError> {
        let sql = Sql::new(
            "select place, name, outcome from offboarding_person where offboarding_id = ?
             order by place",
        );
        let rows = self.operator().view().await?.all(sql.bind(id)).await?;
        rows.iter()
            .map(|row| {
                Ok(OffboardingPerson {
                    place: row.try_get_by_index(0)?,
                    name: row.try_get_by_index(1)?,
                    outcome: row.try_get_by_index(2)?,
                })
            })
            .collect()
    }

    /// An offboarding that is due and that nobody does, which is the caller's until
    /// `until_us`; `only` that one, if it is given.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn claim_offboarding(
        &self,
        only: Option<Uuid>,
        now_us: i64,
        until_us: i64,
    ) -> Result<Option<OffboardingRow>, StoreError> {
        let mut sql = Sql::new("select id from offboarding where state = 0 and due_us <= ?")
            .bind(now_us)
            .push(" and lease_until_us <= ?")
            .bind(now_us);
        if let Some(only) = only {
            sql = sql.push(" and id = ?").bind(only);
        }
        let sql = sql.push(" order by due_us limit 1");
        // The writer is for those who write.
        let Some(row) = self.operator().view().await?.one(sql).await? else { return Ok(None) };
        let id: Uuid = row.try_get_by_index(0)?;
        let claim = Sql::new("update offboarding set lease_until_us = ?")
            .bind(until_us)
            .push(" where id = ?")
            .bind(id)
            .push(" and state = 0 and lease_until_us <= ?")
            .bind(now_us);
        match self.operator().run(claim).await? {
            0 => Ok(None),
            _ => self.offboarding(id).await,
        }
    }

    /// Notes what became of somebody, and keeps the offboarding until `until_us`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn note_offboarded(
        &self,
        id: Uuid,
        (place, outcome): (i32, &str),
        until_us: i64,
    ) -> Result<(), StoreError> {
        let note = Sql::new("update offboarding_person set outcome = ?")
            .bind(outcome)
            .push(" where offboarding_id = ?")
            .bind(id)
            .push(" and place = ?")
            .bind(place);
        let keep = Sql::new("update offboarding set lease_until_us = ?").bind(until_us);
        run_both(&self.operator(), note, keep.push(" where id = ?").bind(id)).await
    }

    /// Leaves an offboarding to whoever comes next.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn release_offboarding(&self, id: Uuid) -> Result<(), StoreError> {
        let sql = Sql::new("update offboarding set lease_until_us = 0 where id = ?").bind(id);
        self.operator().run(sql).await.map(|_| ())
    }

    /// Ends an offboarding that waits; whether it did.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn end_offboarding(
        &self,
        id: Uuid,
        state: OffboardingState,
        at_us: i64,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("update offboarding set state = ?")
            .bind(state.code())
            .push(", finished_us = ?")
            .bind(at_us)
            .push(" where state = 0 and id = ?")
            .bind(id);
        let sql = match state {
            // What has begun goes on.
            OffboardingState::Cancelled => sql.push(" and due_us > ?").bind(at_us),
            OffboardingState::Waiting | OffboardingState::Done => sql,
        };
        Ok(0 < self.operator().run(sql).await?)
    }

    /// Forgets offboardings that ended before a time.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database fails.
    pub async fn forget_offboardings(&self, before_us: i64) -> Result<(), StoreError> {
        let sql = Sql::new("delete from offboarding where finished_us < ?").bind(before_us);
        self.operator().run(sql).await.map(|_| ())
    }
}

async fn run_both(store: &TenantStore, first: Sql, second: Sql) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            let (first, second) = (first.clone(), second.clone());
            Box::pin(async move {
                View::run(tx, first).await?;
                View::run(tx, second).await.map(|_| ())
            })
        })
        .await
}

fn keyed(key: &str) -> Sql {
    Sql::new(SELECT).push(" where idempotency_key = ?").bind(key)
}

fn insertion(row: &OffboardingRow) -> Sql {
    Sql::new(
        "insert into offboarding (id, idempotency_key, request, actor, state, created_us, due_us,
            finished_us, lease_until_us) values ",
    )
    .rows([vec![
        row.id.into(),
        row.idempotency_key.clone().into(),
        row.request.clone().into(),
        row.actor.clone().into(),
        row.state.code().into(),
        row.created_us.into(),
        row.due_us.into(),
        row.finished_us.into(),
        0_i64.into(),
    ]])
}

fn read(row: &QueryResult) -> Result<OffboardingRow, StoreError> {
    Ok(OffboardingRow {
        id: row.try_get_by_index(0)?,
        idempotency_key: row.try_get_by_index(1)?,
        request: row.try_get_by_index(2)?,
        actor: row.try_get_by_index(3)?,
        state: OffboardingState::from_code(row.try_get_by_index(4)?)?,
        created_us: row.try_get_by_index(5)?,
        due_us: row.try_get_by_index(6)?,
        finished_us: row.try_get_by_index(7)?,
    })
}
