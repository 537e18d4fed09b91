//! The brake: a directory that deprovisions more people than usual waits for
//! somebody to decide.
//!
//! Whoever goes is counted in the transaction of the change. Who would be one too
//! many stays as they are; that, and what follows, is written after the change was
//! taken back, so the directory can be told to try again.

use metrics::counter;
use serde_json::json;
use tracing::error;

use super::{Access, Mode, ProvisionError, Provisioner, record::subject};
use crate::{
    event::EventUri,
    scim::{
        ScimError,
        resource::{Document, ResourceId},
        schema::ResourceType,
    },
    store::{Audience, BrakeRow, BrakeState, HeldPerson, OutboxEvent, StoreError, TenantTx, View},
};

/// What a directory is told when somebody has decided that nobody goes.
const REJECTED: &str = "an administrator has rejected this and the other deprovisionings of late; \
                        they have to be allowed there before they are asked for again";

/// What is told to whoever wants to take a protected person away.
const PROTECTED: &str = "this person is protected: they stay as they are until an administrator \
                         ends the protection";

impl Provisioner {
    /// Refuses to let an active person go if they are protected or the tenant's brake
    /// holds, and counts them if not.
    ///
    /// # Errors
    ///
    /// [`ScimError::Held`]; [`ScimError::Forbidden`] if they are protected, or an
    /// administrator said no.
    pub(super) async fn brake(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        at_us: i64,
    ) -> Result<(), ProvisionError> {
        if !access.resource_type.is_user() {
            return Ok(());
        }
        if tx.is_protected(id).await? {
            return Err(ScimError::Forbidden(PROTECTED.to_owned()).into());
        }
        if access.caller.operator.is_some() {
            // Who is named is meant.
            return Ok(tx.forget_held_person(id).await?);
        }
        let Some(brake) = tx.brake().await? else { return Ok(()) };
        match brake.state_at(at_us) {
            BrakeState::Held => return Err(ScimError::Held.into()),
            BrakeState::Rejected => return Err(ScimError::Forbidden(REJECTED.to_owned()).into()),
            BrakeState::Released | BrakeState::Watching => (),
        }
        if brake.state_at(at_us) == BrakeState::Watching
            && let Some(limit) = limit(tx, &brake, at_us).await?
            && limit <= tx.deprovisioned_since(brake.window_from_us(at_us), limit).await?
        {
            return Err(ScimError::Held.into());
        }
        Ok(tx.note_deprovisioned(id, at_us).await?)
    }

    /// The outcome of a change that was taken back if the brake holds; then this is
    /// noted.
    pub(super) async fn or_hold<T>(
        &self,
        access: &Access,
        id: ResourceId,
        action: &'static str,
        outcome: Result<T, ProvisionError>,
    ) -> Result<T, ProvisionError> {
        let held = matches!(outcome, Err(ProvisionError::Scim(ScimError::Held)));
        if held && access.mode == Mode::Real {
            let (this, access) = (self.clone(), access.clone());
            let at_us = self.now_us();
            self.store
                .tenant(access.caller.tenant)
                .write(move |tx| {
                    let (this, access) = (this.clone(), access.clone());
                    Box::pin(async move { this.hold_in(tx, &access, id, (action, at_us)).await })
                })
                .await?;
        }
        outcome
    }

    /// Notes that somebody is held. The first one makes the brake hold everybody,
    /// and is told of.
    pub(super) async fn hold_in(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        (action, at_us): (&'static str, i64),
    ) -> Result<(), StoreError> {
        // Somebody may have decided meanwhile.
        let Some(mut brake) = tx.brake_for_update().await? else { return Ok(()) };
        let state = brake.state_at(at_us);
        if !matches!(state, BrakeState::Watching | BrakeState::Held) {
            return Ok(());
        }
        let audit = self.audit(access, "brake.hold", Vec::new());
        tx.hold_person(&HeldPerson {
            id,
            document: None,
            action: action.to_owned(),
            actor: audit.actor.clone(),
            first_us: at_us,
            last_us: at_us,
        })
        .await?;
        if state == BrakeState::Held {
            return Ok(());
        }
        let limit = limit(tx, &brake, at_us).await?.unwrap_or_default();
        let gone = tx.deprovisioned_since(brake.window_from_us(at_us), limit).await?;
        brake = BrakeRow { state: BrakeState::Held, since_us: at_us, until_us: None, ..brake };
        tx.set_brake(&brake).await?;
        tx.audit(&audit, at_us).await?;
        let payload = json!({
            "deprovisioned": gone,
            "limit": limit,
            "window_s": brake.settings.window_s,
            "actor": audit.actor,
        });
        if let Some(stored) = tx.resource(ResourceType::USER, id).await? {
            let document = Document::from_json(&stored.document)
                .map_err(|error| StoreError::Damaged(error.to_string()))?;
            let named = subject(&access.resource_type, id, &document, &access.caller.events);
            let event = OutboxEvent {
                id: self.clock.new_id(),
                audience: Audience::All,
                uri: EventUri::DeprovisioningHeld,
                payload: payload.to_string(),
                subject_key: id,
                // A snapshot of plain strings always has a JSON form.
                subject: serde_json::to_string(&named).unwrap_or_default(),
            };
            tx.append(&format!("tx_{}", audit.id), at_us, &[event]).await?;
        }
        counter!("muster_brake_holds_total").increment(1);
        error!(
            tenant.name = &*access.caller.tenant_name,
            connection.id = %access.caller.connection,
            deprovisioned = gone,
            limit,
            "the brake holds: more people are to be deprovisioned than the tenant allows"
        );
        Ok(())
    }
}

/// How many may go in a window, if not all may. All people are counted once a
/// window.
async fn limit(tx: &TenantTx, brake: &BrakeRow, at_us: i64) -> Result<Option<i64>, StoreError> {
    if brake.settings.percent.is_none() {
        return Ok(brake.settings.limit(0));
    }
    let fresh = |(_, counted_us): &(i64, i64)| brake.window_from_us(at_us) <= *counted_us;
    let people = match brake.people.filter(fresh) {
        Some((people, _)) => people,
        None => {
            let people = View::active_people(tx).await?;
            tx.note_people(people, at_us).await?;
            people
        }
    };
    Ok(brake.settings.limit(people))
}
