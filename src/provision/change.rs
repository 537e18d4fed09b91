//! What PUT and PATCH share: read, change, write, if there is something to write.

use std::sync::Arc;

use super::{
    Access, Answered, Mode, ProvisionError, Provisioner, Terms,
    gating::{Outlook, Shift},
    members::Delta,
    record::{Stamp, Told, subject},
    values::values,
};
use crate::{
    event::{self, Subject},
    scim::{
        ScimError,
        notice::{Notice, NoticeKind},
        resource::{Document, ResourceId, Version, changes},
    },
    store::{
        AuditEntry, Change, Hearer, MemberChanges, ResourceKeys, RowChange, StoreError,
        StoredResource, TenantTx, View,
    },
    tenant::PatchResponse,
};

/// A PATCH of a group with more members than this is answered without a body
/// (RFC 7644 §3.5.2 allows both), unless the request names attributes.
const SHOWN_MEMBERS: u32 = 1_000;

/// What a request makes of a resource.
#[derive(Debug, Clone)]
pub(super) struct Modification {
    /// Its document afterwards.
    pub(super) document: Document,
    /// What happens to its members.
    pub(super) members: Delta,
    /// What was overlooked.
    pub(super) ignored: Vec<Notice>,
}

/// What a PUT or PATCH makes of a resource; the same resource gives the same.
pub(super) trait Modify: Send + Sync + 'static {
    /// What the audit trail calls it.
    const ACTION: &'static str;

    /// Whether the request says who may log in.
    fn names_active(&self) -> bool;

    /// The resource as the request wants it.
    fn modify(
        &self,
        access: &Access,
        stored: &StoredResource,
        before: &Document,
    ) -> Result<Modification, ScimError>;
}

/// A resource as a request left it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// The resource.
    pub(super) stored: StoredResource,
    /// What was overlooked.
    pub(super) ignored: Vec<Notice>,
}

impl Provisioner {
    /// Reads a resource, lets `work` change it, and writes what differs.
    pub(super) async fn modify<W: Modify>(
        &self,
        access: &Access,
        id: ResourceId,
        terms: &Terms,
        work: W,
    ) -> Result<Answered, ProvisionError> {
        let (this, acting) = (self.clone(), access.clone());
        let shared = Arc::new((work, self.stamp(), terms.clone()));
        let txn = shared.1.txn.clone();
        let written = self
            .carry_out(access, &txn, move |tx| {
                let (this, access, shared) = (this.clone(), acting.clone(), Arc::clone(&shared));
                Box::pin(async move {
                    let (work, stamp, terms) = &*shared;
                    let written = this.modify_in(tx, &access, id, work, stamp).await?;
                    // What a rehearsal made of it can be seen here alone.
                    let rehearsed = match access.mode {
                        Mode::Real => None,
                        Mode::DryRun | Mode::Shadow => {
                            Some(this.show(&access, tx, &written.stored, (terms, W::ACTION)).await?)
                        }
                    };
                    Ok((written, rehearsed))
                })
            })
            .await;
        let (written, rehearsed) = self.or_hold(access, id, W::ACTION, written).await?;
        let mut answer = match rehearsed {
            Some(answer) => answer,
            None => {
                let view = self.store.tenant(access.caller.tenant).view_to_answer().await?;
                self.show(access, &view, &written.stored, (terms, W::ACTION)).await?
            }
        };
        self.log.tell(&access.caller, &written.ignored);
        answer.ignored = written.ignored;
        Ok(answer)
    }

    /// As [`Provisioner::modify`], in a transaction.
    pub(super) async fn modify_in<W: Modify>(
        &self,
        tx: &TenantTx,
        access: &Access,
        id: ResourceId,
        work: &W,
        stamp: &Stamp,
    ) -> Result<Written, ProvisionError> {
        let hearers = self.hearers(tx, access).await?;
        let stored = tx.resource_for_update(access.resource_type.code, id).await?;
        let stored = stored.ok_or_else(|| access.not_found(&id.to_string()))?;
        let before = Document::from_json(&stored.document)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut modification = work.modify(access, &stored, &before)?;
        let members = modification.members.resolve(tx, id, access).await?;
        modification.ignored.extend(members.ignored);
        let still_inactive = !before.active() && !modification.document.active();
        if access.resource_type.is_user() && work.names_active() && still_inactive {
            // It has been told before, and is said again: who has not taken it must.
            tx.rearm_person(id, stamp.at_us).await?;
        }
        let ignored = modification.ignored;
        let documents = (&before, &modification.document);
        let password = has_password(access, &ignored);
        if before == modification.document && members.changes.is_empty() {
            if password {
                self.tell_of_password(tx, access, (&stored, &before), W::ACTION, stamp).await?;
            }
            return Ok(Written { stored, ignored });
        }
        let after = StoredResource {
            version: Version(stored.version.0 + 1),
            modified_us: stamp.at_us.max(stored.modified_us),
            document: modification.document.to_json(&access.resource_type),
            ..stored
        };
        let shift = Shift::of_group(id, documents, &members.changes);
        let outlook = Outlook::before(tx, hearers, shift).await?;
        let mut change = self.change::<W>(access, &after, documents, members.changes, &stamp.txn);
        let changed = change.audit.attributes.clone();
        let subjects = subjects(access, id, documents);
        if subjects.0.active && !subjects.1.active {
            self.brake(tx, access, id, stamp.at_us).await?;
        }
        let version = after.version.etag();
        let told = Told {
            happened: Some(match W::ACTION {
                "patch" => event::Change::Patched { attributes: changed.clone(), version },
                _ => event::Change::Replaced { attributes: changed.clone(), version },
            }),
            documents,
            subjects: (&subjects.0, &subjects.1),
            changed: &changed,
            password,
            at_us: change.at_us,
        };
        change.events = self.events_of_update(tx, access, &after, &told).await?;
        tx.apply(&change).await.map_err(|error| access.change_error(error))?;
        if let Some(outlook) = outlook {
            outlook.tell(tx, &self.clock, stamp).await?;
        }
        Ok(Written { stored: after, ignored })
    }

    /// The receivers that hear what the change of a group does to its people; to be
    /// asked for before anything else is read.
    pub(super) async fn hearers(
        &self,
        tx: &TenantTx,
        access: &Access,
    ) -> Result<Vec<Hearer>, StoreError> {
        match access.resource_type.is_group() {
            true => tx.hearers().await,
            false => Ok(Vec::new()),
        }
    }

    /// Nothing that is kept differs, but somebody who had the old password may
    /// still be there.
    async fn tell_of_password(
        &self,
        tx: &TenantTx,
        access: &Access,
        (stored, document): (&StoredResource, &Document),
        action: &'static str,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let (subject, _) = subjects(access, stored.id, (document, document));
        let told = Told {
            happened: None,
            documents: (document, document),
            subjects: (&subject, &subject),
            changed: &[],
            password: true,
            at_us: stamp.at_us,
        };
        let change = Change {
            resource_type: access.resource_type.code,
            id: stored.id,
            version: stored.version,
            at_us: stamp.at_us,
            row: RowChange::Stay,
            members: MemberChanges::default(),
            txn: stamp.txn.clone(),
            events: self.events_of_update(tx, access, stored, &told).await?,
            audit: self.audit(access, action, vec!["password".to_owned()]),
        };
        tx.apply(&change).await
    }

    /// The change without its events.
    fn change<W: Modify>(
        &self,
        access: &Access,
        stored: &StoredResource,
        (before, after): (&Document, &Document),
        members: MemberChanges,
        txn: &str,
    ) -> Change {
        let unique_names = access.caller.unique_group_names();
        let mut attributes = changes(&access.resource_type, before, after);
        let row = match attributes.is_empty() {
            true => RowChange::Touch,
            false => RowChange::Update {
                document: stored.document.clone(),
                keys: ResourceKeys::of(&access.resource_type, after, unique_names),
                same_unique: access.resource_type.is_user()
                    && before.user_name() == after.user_name(),
            },
        };
        if !members.is_empty() {
            attributes.push("members".to_owned());
        }
        let salt = self.clock.random();
        let (kind, documents) = (&access.resource_type, (Some(before), Some(after)));
        let changes = values(kind, &attributes, documents, (&members, salt));
        Change {
            resource_type: access.resource_type.code,
            id: stored.id,
            version: stored.version,
            at_us: stored.modified_us,
            row,
            members,
            txn: txn.to_owned(),
            events: Vec::new(),
            audit: AuditEntry { changes, ..self.audit(access, W::ACTION, attributes) },
        }
    }

    /// The answer to a change.
    async fn show(
        &self,
        access: &Access,
        view: &View,
        stored: &StoredResource,
        (terms, action): (&Terms, &'static str),
    ) -> Result<Answered, ProvisionError> {
        let unasked = action == "patch" && !terms.projected;
        let never = access.caller.settings.patch_response == PatchResponse::None;
        let group = access.resource_type.is_group();
        if unasked && (never || group && view.has_more_members(stored.id, SHOWN_MEMBERS).await?) {
            return Ok(Answered {
                version: stored.version,
                location: self.location(access, stored.id),
                body: None,
                ignored: Vec::new(),
            });
        }
        let projection = &terms.projection;
        let derived = self.derived(access, view, stored.id, projection).await?;
        self.answer(access, stored, &derived, terms)
    }
}

/// The resource as events name it, before and after.
fn subjects(
    access: &Access,
    id: ResourceId,
    (before, after): (&Document, &Document),
) -> (Subject, Subject) {
    let of = |document| subject(&access.resource_type, id, document, &access.caller.events);
    (of(before), of(after))
}

/// Whether the request gave a password, which is noted and not kept.
fn has_password(access: &Access, ignored: &[Notice]) -> bool {
    let is_password =
        |notice: &Notice| notice.kind == NoticeKind::NotKept && notice.detail == "password";
    access.resource_type.is_user() && ignored.iter().any(is_password)
}
