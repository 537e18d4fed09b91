//! The brake of a tenant: what is set for it, and what somebody decides.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Operator, OperatorError,
    records::{date_time, optional_date_time},
};
use crate::{
    scim::resource::{Document, ResourceId},
    store::{BrakeRow, BrakeState, HeldPerson, StoreError, View},
    tenant::{BrakeSettings, Settings},
};

/// People of a list, at most.
const PEOPLE: u32 = 1_000;
/// The longest release.
const LONGEST_RELEASE: Duration = Duration::from_hours(7 * 24);

/// A tenant's brake.
#[derive(Debug, Clone, Serialize)]
pub struct BrakeRecord {
    /// So many people may be deprovisioned in a window.
    pub people: Option<u32>,
    /// So many of a hundred active people may.
    pub percent: Option<u32>,
    /// The length of the window, in seconds.
    pub window_s: u32,
    /// `off`, `watching`, `held`, `rejected` or `released`.
    pub state: &'static str,
    /// Since when, in microseconds since 1970.
    #[serde(serialize_with = "optional_date_time")]
    pub since: Option<i64>,
    /// When a release ends, in microseconds since 1970.
    #[serde(serialize_with = "optional_date_time")]
    pub until: Option<i64>,
    /// How many were deprovisioned in the window; counted up to the limit.
    pub deprovisioned: i64,
    /// How many may be now; none if all may, or if the people were not counted yet.
    pub limit: Option<i64>,
    /// How many people are held.
    pub held: i64,
}

/// Somebody whom the brake holds.
#[derive(Debug, Clone, Serialize)]
pub struct HeldRecord {
    /// The user's id.
    pub id: String,
    /// The user's name, while the user is there.
    pub user_name: Option<String>,
    /// What was asked: `patch`, `replace`, `change` or `delete`.
    pub action: String,
    /// Whose token asked last.
    pub actor: String,
    /// When it was asked first, in microseconds since 1970.
    #[serde(serialize_with = "date_time")]
    pub first_asked_at: i64,
    /// When it was asked last.
    #[serde(serialize_with = "date_time")]
    pub last_asked_at: i64,
}

/// What somebody decides about those who are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrakeDecision {
    /// Everybody may go for so long; one window, unless it is said.
    Release(Option<Duration>),
    /// Nobody goes until there is another decision.
    Reject,
    /// The brake begins anew: it watches, and counts from now on.
    Reset,
}

impl BrakeDecision {
    fn action(self) -> &'static str {
        match self {
            Self::Release(_) => "brake.release",
            Self::Reject => "brake.reject",
            Self::Reset => "brake.reset",
        }
    }
}

impl Operator {
    /// A tenant's brake.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant.
    pub async fn brake(&self, tenant: &str) -> Result<BrakeRecord, OperatorError> {
        let view = self.tenant_store(tenant).await?.view().await?;
        let brake = view.brake().await?;
        Ok(record(&view, brake, self.clock.now_us()).await?)
    }

    /// Changes what is set for a tenant's brake, by name; `null` is the default again.
    /// `actor` goes into the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if a setting is unknown or cannot be.
    pub async fn change_brake(
        &self,
        tenant: &str,
        change: Map<String, Value>,
        actor: &str,
    ) -> Result<BrakeRecord, OperatorError> {
        let change = move |brake: BrakeRow| {
            let settings = brake.settings.merged(&change)?;
            Ok(BrakeRow { settings, people: None, ..brake })
        };
        self.write_brake(tenant, ("brake.set", actor), false, change).await
    }

    /// Decides what becomes of those whom a tenant's brake holds. `actor` goes into
    /// the audit trail.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if a release would be too long;
    /// [`OperatorError::InUse`] if there is no brake, or nothing held to be rejected.
    pub async fn decide_brake(
        &self,
        tenant: &str,
        decision: BrakeDecision,
        actor: &str,
    ) -> Result<BrakeRecord, OperatorError> {
        let now_us = self.clock.now_us();
        let forgets = decision == BrakeDecision::Reset;
        let change = move |brake: BrakeRow| decided(brake, decision, now_us);
        self.write_brake(tenant, (decision.action(), actor), forgets, change).await
    }

    /// The people whom a tenant's brake holds, by id, at most a thousand behind `after`.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if there is no such tenant;
    /// [`OperatorError::Invalid`] if `after` is no id.
    pub async fn held_people(
        &self,
        tenant: &str,
        after: Option<&str>,
    ) -> Result<Vec<HeldRecord>, OperatorError> {
        let wrong = || OperatorError::Invalid("`after`: expected the id of a user".to_owned());
        let after = after.map(|id| ResourceId::parse(id).ok_or_else(wrong)).transpose()?;
        let view = self.tenant_store(tenant).await?.view().await?;
        let held = view.held_people(after, PEOPLE).await?;
        Ok(held.into_iter().map(held_record).collect::<Result<_, _>>()?)
    }

    async fn write_brake(
        &self,
        tenant: &str,
        (action, actor): (&'static str, &str),
        forgets: bool,
        change: impl Fn(BrakeRow) -> Result<BrakeRow, OperatorError> + Send + Sync + 'static,
    ) -> Result<BrakeRecord, OperatorError> {
        let store = self.tenant_store(tenant).await?;
        let now_us = self.clock.now_us();
        let shared = Arc::new((change, self.entry(actor, action)));
        store
            .write(move |tx| {
                let shared = Arc::clone(&shared);
                Box::pin(async move {
                    let (change, entry) = &*shared;
                    let brake = tx.brake_for_update().await?.unwrap_or_else(|| new_brake(now_us));
                    let brake = change(brake)?;
                    if forgets {
                        tx.forget_held().await?;
                    }
                    tx.set_brake(&brake).await?;
                    tx.audit(entry, now_us).await?;
                    Ok::<_, OperatorError>(record(tx, Some(brake), now_us).await?)
                })
            })
            .await
    }
}

fn new_brake(now_us: i64) -> BrakeRow {
    BrakeRow {
        settings: BrakeSettings::default(),
        state: BrakeState::Watching,
        since_us: now_us,
        until_us: None,
        counts_from_us: 0,
        people: None,
    }
}

fn decided(
    brake: BrakeRow,
    decision: BrakeDecision,
    now_us: i64,
) -> Result<BrakeRow, OperatorError> {
    let state = brake.state_at(now_us);
    if is_off(&brake) && state == BrakeState::Watching {
        return Err(OperatorError::InUse("the tenant has no brake to decide about".to_owned()));
    }
    let new = |state, until_us: Option<i64>, counts_from_us| BrakeRow {
        state,
        since_us: now_us,
        until_us,
        counts_from_us,
        people: None,
        ..brake.clone()
    };
    match decision {
        BrakeDecision::Release(given) => {
            let time = given.unwrap_or(Duration::from_secs(u64::from(brake.settings.window_s)));
            if time.is_zero() || LONGEST_RELEASE < time {
                let rule = "a release lasts for more than nothing and at most seven days";
                return Err(OperatorError::Invalid(rule.to_owned()));
            }
            let time_us = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
            let until_us = now_us.saturating_add(time_us);
            Ok(new(BrakeState::Released, Some(until_us), until_us))
        }
        BrakeDecision::Reject if state == BrakeState::Held => {
            Ok(new(BrakeState::Rejected, None, brake.counts_from_us))
        }
        BrakeDecision::Reject => {
            Err(OperatorError::InUse(format!("the brake is {}, not held", state.as_str())))
        }
        BrakeDecision::Reset => Ok(new(BrakeState::Watching, None, now_us)),
    }
}

fn is_off(brake: &BrakeRow) -> bool {
    brake.settings.people.is_none() && brake.settings.percent.is_none()
}

async fn record(
    view: &View,
    brake: Option<BrakeRow>,
    now_us: i64,
) -> Result<BrakeRecord, StoreError> {
    let is_new = brake.is_none();
    let brake = brake.unwrap_or_else(|| new_brake(now_us));
    let state = brake.state_at(now_us);
    let people = brake.people.map(|(people, _)| people);
    let limit = match (brake.settings.percent, people) {
        (Some(_), None) => None,
        (_, people) => brake.settings.limit(people.unwrap_or_default()),
    };
    let from_us = brake.window_from_us(now_us);
    let most = limit.unwrap_or(i64::from(PEOPLE));
    let off = is_off(&brake) && state == BrakeState::Watching;
    Ok(BrakeRecord {
        people: brake.settings.people,
        percent: brake.settings.percent,
        window_s: brake.settings.window_s,
        state: if off { "off" } else { state.as_str() },
        since: (!is_new).then_some(brake.since_us),
        until: brake.until_us.filter(|_| state == BrakeState::Released),
        deprovisioned: view.deprovisioned_since(from_us, most).await?,
        limit,
        held: view.count_held().await?,
    })
}

fn held_record(held: HeldPerson) -> Result<HeldRecord, StoreError> {
    let document = held.document.as_deref().map(Document::from_json).transpose();
    let document = document.map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(HeldRecord {
        id: held.id.to_string(),
        user_name: document.and_then(|it| it.user_name().map(str::to_owned)),
        action: held.action,
        actor: held.actor,
        first_asked_at: held.first_us,
        last_asked_at: held.last_us,
    })
}
