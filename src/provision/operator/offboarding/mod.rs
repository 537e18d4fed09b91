//! Offboardings: people who leave, called by name, in every tenant that has them.
//!
//! An offboarding is kept before it is answered, and done by whichever process comes
//! first ([`Operator::offboard_when_due`]): one person at a time, each in a
//! transaction of their own, so that a process that dies loses nothing and repeats
//! one person at most, who is inactive then. The brake does not hold them: who is
//! named is meant.

mod names;
mod when;
mod work;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    NameKind, Operator, OperatorError,
    records::{date_time, optional_date_time},
};
use crate::{
    provision::Departure,
    store::{OffboardingPerson, OffboardingRow, OffboardingState, StoreError},
};

pub use names::names_of_csv;

/// Offboardings of a list, at most.
const PAGE: u32 = 100;
/// Bytes of an idempotency key, at most.
const LONGEST_KEY: usize = 255;
/// Names times tenants that one offboarding looks up, at most.
const LOOK_UPS: usize = 100_000;

/// Who shall leave, and when.
#[derive(Debug, Clone)]
pub struct NewOffboarding {
    /// What they are called.
    pub people: Vec<String>,
    /// What kind of names these are.
    pub by: NameKind,
    /// Tenants in which they are looked for; all if there are none.
    pub tenants: Vec<String>,
    /// What becomes of their accounts.
    pub departure: Departure,
    /// When: with an offset, or as the clocks of the time zone show it. At once if it
    /// is not said.
    pub at: Option<String>,
    /// An IANA time zone, such as `Europe/Lisbon`.
    pub time_zone: Option<String>,
}

impl NewOffboarding {
    /// Keeps it to these tenants: those that are named must be among them.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if one is not; [`OperatorError::Forbidden`] if there are
    /// none.
    pub fn stay_within(&mut self, own: Vec<String>) -> Result<(), OperatorError> {
        if let Some(other) = self.tenants.iter().find(|name| !own.contains(name)) {
            return Err(OperatorError::NotFound(format!("tenant `{other}`")));
        }
        if own.is_empty() {
            let rule = "this administrator lets nobody leave";
            return Err(OperatorError::Forbidden(rule.to_owned()));
        }
        if self.tenants.is_empty() {
            self.tenants = own;
        }
        Ok(())
    }

    fn due_us(&self, now_us: i64) -> Result<i64, OperatorError> {
        match &self.at {
            Some(at) => when::due_us(at, self.time_zone.as_deref(), now_us),
            None => Ok(now_us),
        }
    }
}

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    by: String,
    tenants: Vec<String>,
    action: String,
    at: Option<String>,
    time_zone: Option<String>,
}

/// What became of somebody in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantOutcome {
    /// The tenant.
    pub tenant: String,
    /// The user's id, if one was found.
    pub user: Option<String>,
    /// `found` (in a preview), `deactivated`, `deleted`, `already_inactive`, `refused`
    /// or `ambiguous`.
    pub outcome: String,
    /// Why it was refused, or what is ambiguous.
    pub detail: Option<String>,
    /// The transaction, by which its receipt is found.
    pub txn: Option<String>,
    /// Where its receipt is.
    pub receipt: Option<String>,
}

/// Somebody who leaves.
#[derive(Debug, Clone, Serialize)]
pub struct LeaverRecord {
    /// What they were called.
    pub name: String,
    /// `waiting`, `done` or `not_found`.
    pub state: &'static str,
    /// What became of them in each tenant that has them.
    pub tenants: Vec<TenantOutcome>,
}

/// An offboarding.
#[derive(Debug, Clone, Serialize)]
pub struct OffboardingRecord {
    /// Its id; none if it is a preview.
    pub id: Option<Uuid>,
    /// `preview`, `scheduled`, `running`, `done` or `cancelled`.
    pub state: &'static str,
    /// `deactivate` or `delete`.
    pub action: String,
    /// What kind of names the people have.
    pub by: String,
    /// Who asked.
    pub actor: String,
    /// When it was asked for, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub created_at: i64,
    /// When it is due.
    #[serde(serialize_with = "date_time")]
    pub due_at: i64,
    /// When it was done or cancelled.
    #[serde(serialize_with = "optional_date_time")]
    pub finished_at: Option<i64>,
    /// The people; not in lists of offboardings.
    pub people: Vec<LeaverRecord>,
}

impl Operator {
    /// Keeps an offboarding, which is done when it is due. `actor` goes into the audit
    /// trail. What was asked under the same `key` before is not done again.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Invalid`] if it cannot be as asked; [`OperatorError::NotFound`] if
    /// there is no such tenant; [`OperatorError::InUse`] if something else was asked
    /// under the key.
    pub async fn start_offboarding(
        &self,
        new: &NewOffboarding,
        key: Option<&str>,
        actor: &str,
    ) -> Result<OffboardingRecord, OperatorError> {
        let (names, request) = self.checked_offboarding(new).await?;
        let key = key.map(|key| checked_key(key, actor)).transpose()?;
        if let Some(known) = self.asked_before(key.as_deref(), &request, &names).await? {
            return Ok(known);
        }
        let now_us = self.clock.now_us();
        let due_us = new.due_us(now_us)?;
        let row = OffboardingRow {
            id: self.clock.new_id(),
            idempotency_key: key.clone(),
            request: serde_json::to_string(&request).unwrap_or_default(),
            actor: actor.to_owned(),
            state: OffboardingState::Waiting,
            created_us: now_us,
            due_us,
            finished_us: None,
        };
        match self.store.insert_offboarding(&row, &names).await {
            // Somebody was faster with the same key.
            Err(StoreError::Duplicate(_)) => {
                let known = self.asked_before(key.as_deref(), &request, &names).await?;
                return known.ok_or_else(|| OperatorError::Exists("the key".to_owned()));
            }
            other => other?,
        }
        self.asked.notify_one();
        self.offboarding(row.id).await
    }

    /// Who would leave if the offboarding were done now; nothing is kept.
    ///
    /// # Errors
    ///
    /// As [`Operator::start_offboarding`].
    pub async fn preview_offboarding(
        &self,
        new: &NewOffboarding,
        actor: &str,
    ) -> Result<OffboardingRecord, OperatorError> {
        let (names, request) = self.checked_offboarding(new).await?;
        let now_us = self.clock.now_us();
        let due_us = new.due_us(now_us)?;
        let tenants = self.offboarding_tenants(&request).await?;
        let mut people = Vec::with_capacity(names.len());
        for name in names {
            let mut outcomes = Vec::new();
            for tenant in &tenants {
                outcomes.extend(self.leaver_in(tenant, new.by, &name).await?.outcome("found"));
            }
            people.push(leaver(name, Some(outcomes)));
        }
        Ok(OffboardingRecord {
            id: None,
            state: "preview",
            action: request.action,
            by: request.by,
            actor: actor.to_owned(),
            created_at: now_us,
            due_at: due_us,
            finished_at: None,
            people,
        })
    }

    /// An offboarding and what became of its people.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such offboarding.
    pub async fn offboarding(&self, id: Uuid) -> Result<OffboardingRecord, OperatorError> {
        let row = self.store.offboarding(id).await?.ok_or_else(|| unknown(id))?;
        let people = self.store.offboarding_people(id).await?;
        Ok(record(row, people, self.clock.now_us())?)
    }

    /// As [`Operator::offboarding`], of those that `actor` asked for, if one is given.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such offboarding.
    pub async fn offboarding_of(
        &self,
        id: Uuid,
        actor: Option<&str>,
    ) -> Result<OffboardingRecord, OperatorError> {
        let record = self.offboarding(id).await?;
        match actor.is_none_or(|actor| record.actor == actor) {
            true => Ok(record),
            false => Err(unknown(id)),
        }
    }

    /// Offboardings, the last one first, at most a hundred behind `after`, of those that
    /// `actor` asked for, if one is given; without their people.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Store`] if the database fails.
    pub async fn offboardings(
        &self,
        after: Option<Uuid>,
        actor: Option<&str>,
    ) -> Result<Vec<OffboardingRecord>, OperatorError> {
        let now_us = self.clock.now_us();
        let rows = self.store.offboardings(after, actor, PAGE).await?;
        Ok(rows.into_iter().map(|row| record(row, Vec::new(), now_us)).collect::<Result<_, _>>()?)
    }

    /// Calls off an offboarding that is not due yet.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such offboarding;
    /// [`OperatorError::InUse`] if it has begun or is over.
    pub async fn cancel_offboarding(&self, id: Uuid) -> Result<OffboardingRecord, OperatorError> {
        let now_us = self.clock.now_us();
        let state = OffboardingState::Cancelled;
        let cancelled = self.store.end_offboarding(id, state, now_us).await?;
        let record = self.offboarding(id).await?;
        match cancelled {
            true => Ok(record),
            false => Err(OperatorError::InUse(format!(
                "the offboarding is {}, and only a scheduled one is cancelled",
                record.state
            ))),
        }
    }

    async fn checked_offboarding(
        &self,
        new: &NewOffboarding,
    ) -> Result<(Vec<String>, Request), OperatorError> {
        let names = names::checked(&new.people)?;
        if new.at.is_none() && new.time_zone.is_some() {
            return Err(OperatorError::Invalid("`time_zone` says nothing without `at`".to_owned()));
        }
        let mut tenants = new.tenants.clone();
        tenants.sort();
        tenants.dedup();
        for tenant in &tenants {
            self.tenant_row(tenant).await?;
        }
        let count = match tenants.len() {
            0 => self.store.tenant_ids().await?.len(),
            count => count,
        };
        if LOOK_UPS < names.len().saturating_mul(count) {
            return Err(OperatorError::Invalid(format!(
                "{} people in {count} tenants are more than {LOOK_UPS} look-ups; name the tenants, \
                 or fewer people",
                names.len()
            )));
        }
        let action = match new.departure {
            Departure::Deactivate => "deactivate",
            Departure::Delete => "delete",
        };
        let request = Request {
            by: new.by.as_str().to_owned(),
            tenants,
            action: action.to_owned(),
            at: new.at.clone(),
            time_zone: new.time_zone.clone(),
        };
        Ok((names, request))
    }

    async fn asked_before(
        &self,
        key: Option<&str>,
        request: &Request,
        names: &[String],
    ) -> Result<Option<OffboardingRecord>, OperatorError> {
        let Some(key) = key else { return Ok(None) };
        let Some(row) = self.store.offboarding_keyed(key).await? else { return Ok(None) };
        let people = self.store.offboarding_people(row.id).await?;
        let same_people = people.iter().map(|person| &person.name).eq(names);
        if !same_people || kept_request(&row)? != *request {
            let other = "something else was asked for under this idempotency key";
            return Err(OperatorError::InUse(other.to_owned()));
        }
        Ok(Some(record(row, people, self.clock.now_us())?))
    }
}

/// Operators share their keys; every administrator has keys of their own.
fn checked_key(key: &str, actor: &str) -> Result<String, OperatorError> {
    match !key.is_empty() && key.len() <= LONGEST_KEY {
        true if actor.starts_with("admin:") => Ok(format!("{actor} {key}")),
        true => Ok(key.to_owned()),
        false => {
            Err(OperatorError::Invalid(format!("an idempotency key has 1 to {LONGEST_KEY} bytes")))
        }
    }
}

fn unknown(id: Uuid) -> OperatorError {
    OperatorError::NotFound(format!("offboarding `{id}`"))
}

fn kept_request(row: &OffboardingRow) -> Result<Request, StoreError> {
    serde_json::from_str(&row.request).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn record(
    row: OffboardingRow,
    people: Vec<OffboardingPerson>,
    now_us: i64,
) -> Result<OffboardingRecord, StoreError> {
    let request = kept_request(&row)?;
    let state = match row.state {
        OffboardingState::Waiting if now_us < row.due_us => "scheduled",
        OffboardingState::Waiting => "running",
        OffboardingState::Done => "done",
        OffboardingState::Cancelled => "cancelled",
    };
    let person = |person: OffboardingPerson| {
        let outcome = person.outcome.as_deref().map(serde_json::from_str).transpose();
        let outcome = outcome.map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok::<_, StoreError>(leaver(person.name, outcome))
    };
    Ok(OffboardingRecord {
        id: Some(row.id),
        state,
        action: request.action,
        by: request.by,
        actor: row.actor,
        created_at: row.created_us,
        due_at: row.due_us,
        finished_at: row.finished_us,
        people: people.into_iter().map(person).collect::<Result<_, _>>()?,
    })
}

fn leaver(name: String, tenants: Option<Vec<TenantOutcome>>) -> LeaverRecord {
    let state = match &tenants {
        None => "waiting",
        Some(tenants) if tenants.is_empty() => "not_found",
        Some(_) => "done",
    };
    LeaverRecord { name, state, tenants: tenants.unwrap_or_default() }
}

/// What is kept as JSON text of what became of somebody.
fn outcome_text(outcomes: &[TenantOutcome]) -> String {
    serde_json::to_value(outcomes).unwrap_or(Value::Null).to_string()
}
