//! Doing offboardings when they are due.

use std::{pin::pin, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use uuid::Uuid;

use super::{Request, TenantOutcome, kept_request, outcome_text};
use crate::{
    provision::{
        Departure, ProvisionError,
        offboard::Departed,
        operator::{NameKind, Operator, OperatorError},
    },
    scim::{ScimError, resource::ResourceId},
    store::{OffboardingRow, OffboardingState, TenantRow, TenantState},
    telemetry::causes,
};

/// How long a process may be busy with one person; so long others wait when it dies.
const LEASE_US: i64 = 10_000_000;
/// How long to sleep at most: another process may take an offboarding and die.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait when the database fails.
const PAUSE: Duration = Duration::from_secs(5);
/// People of one name in one tenant that are counted.
const COUNTED: u32 = 100;

/// Who was found under a name in a tenant.
pub(super) struct Found {
    tenant: String,
    users: Vec<ResourceId>,
}

impl Found {
    /// The one user, if it is one.
    fn one(&self) -> Option<ResourceId> {
        match self.users.as_slice() {
            [user] => Some(*user),
            _ => None,
        }
    }

    /// What is said of it if the one user comes to `outcome`; nothing if there is nobody.
    pub(super) fn outcome(&self, outcome: &str) -> Option<TenantOutcome> {
        let one = self.one();
        if self.users.is_empty() {
            return None;
        }
        let count = self.users.len();
        let ambiguous = || {
            format!("{count} users have this name here; nobody was touched, each is named by id")
        };
        Some(TenantOutcome {
            tenant: self.tenant.clone(),
            user: one.map(|user| user.to_string()),
            outcome: if one.is_some() { outcome } else { "ambiguous" }.to_owned(),
            detail: one.is_none().then(ambiguous),
            txn: None,
            receipt: None,
        })
    }
}

impl Operator {
    /// Does offboardings when they are due, until `shutdown`.
    pub async fn offboard_when_due(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            // Listen before looking, so that what is asked in between wakes us.
            let mut asked = pin!(self.asked.notified());
            asked.as_mut().enable();
            let sleep = match self.offboard_due(None, &shutdown).await {
                Ok(true) => continue,
                Ok(false) => IDLE,
                Err(error) => {
                    error!(error = causes(&error), "an offboarding waits to be tried again");
                    PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = asked => (),
                () = tokio::time::sleep(sleep) => (),
            }
        }
    }

    /// Does an offboarding that is due; `only` that one, if it is given. Whether there
    /// was one that nobody else does. After `stop` it goes no further, and leaves the
    /// rest to others.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Store`] if the database fails; what is not done yet waits.
    pub async fn offboard_due(
        &self,
        only: Option<Uuid>,
        stop: &CancellationToken,
    ) -> Result<bool, OperatorError> {
        let now_us = self.clock.now_us();
        let claimed = self.store.claim_offboarding(only, now_us, now_us + LEASE_US).await?;
        let Some(row) = claimed else { return Ok(false) };
        let request = kept_request(&row)?;
        let tenants = self.offboarding_tenants(&request).await?;
        for person in self.store.offboarding_people(row.id).await? {
            if person.outcome.is_some() {
                continue;
            }
            if stop.is_cancelled() {
                self.store.release_offboarding(row.id).await?;
                return Ok(true);
            }
            let mut outcomes = Vec::new();
            for tenant in &tenants {
                outcomes.extend(self.leave(&row, &request, tenant, &person.name).await?);
            }
            let until_us = self.clock.now_us() + LEASE_US;
            let outcome = outcome_text(&outcomes);
            self.store.note_offboarded(row.id, (person.place, &outcome), until_us).await?;
        }
        let (state, at_us) = (OffboardingState::Done, self.clock.now_us());
        self.store.end_offboarding(row.id, state, at_us).await?;
        info!(offboarding.id = %row.id, actor = row.actor, "an offboarding is done");
        Ok(true)
    }

    /// The tenants in which an offboarding looks for its people; those that were deleted
    /// since have nobody.
    pub(super) async fn offboarding_tenants(
        &self,
        request: &Request,
    ) -> Result<Vec<TenantRow>, OperatorError> {
        let mut tenants = self.store.tenants().await?;
        tenants.retain(|tenant| {
            tenant.state != TenantState::Deleting
                && (request.tenants.is_empty() || request.tenants.contains(&tenant.name))
        });
        Ok(tenants)
    }

    /// Who has a name in a tenant.
    pub(super) async fn leaver_in(
        &self,
        tenant: &TenantRow,
        by: NameKind,
        name: &str,
    ) -> Result<Found, OperatorError> {
        let users = match by.person(name) {
            Some(person) => {
                let view = self.store.tenant(tenant.id).view().await?;
                view.users_named(&person, COUNTED).await?
            }
            // Text that is no id is nobody's.
            None => Vec::new(),
        };
        Ok(Found { tenant: tenant.name.clone(), users })
    }

    async fn leave(
        &self,
        row: &OffboardingRow,
        request: &Request,
        tenant: &TenantRow,
        name: &str,
    ) -> Result<Option<TenantOutcome>, OperatorError> {
        let by = NameKind::ALL.into_iter().find(|kind| kind.as_str() == request.by);
        let found = self.leaver_in(tenant, by.unwrap_or(NameKind::Id), name).await?;
        let Some(user) = found.one() else { return Ok(found.outcome("ambiguous")) };
        let (departure, gone) = match request.action.as_str() {
            "delete" => (Departure::Delete, "deleted"),
            _ => (Departure::Deactivate, "deactivated"),
        };
        let access = self.acting(tenant.clone(), &row.actor).await?;
        let departed = self.provisioner.offboard(&access, user, departure).await;
        let outcome = match &departed {
            Ok(Departed::Gone(_)) => gone,
            Ok(Departed::WasInactive) => "already_inactive",
            // Somebody deleted them just now.
            Err(ProvisionError::Scim(ScimError::NotFound { .. })) => return Ok(None),
            Err(ProvisionError::Scim(_)) => "refused",
            Err(_) => {
                departed?;
                return Ok(None);
            }
        };
        let told = found.outcome(outcome).map(|told| match departed {
            Ok(Departed::Gone(txn)) => TenantOutcome {
                receipt: Some(self.receipt_url(&tenant.name, &txn)),
                txn: Some(txn),
                ..told
            },
            Ok(Departed::WasInactive) => told,
            Err(refused) => TenantOutcome { detail: Some(refused.to_string()), ..told },
        });
        Ok(told)
    }
}
