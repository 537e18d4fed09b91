//! Creating a resource (RFC 7644 §3.3).

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    Access, Answered, Mode, ProvisionError, Provisioner, Terms,
    change::Written,
    gating::{Outlook, Shift},
    members::Delta,
    record::{Stamp, own_addresses, subject},
    represent::Derived,
    values::values,
};
use crate::{
    event,
    scim::{
        ScimError, json,
        notice::Notice,
        resource::{Document, Incoming, Member, ResourceId, Version, given, validate},
    },
    store::{
        AuditEntry, Change, MemberChanges, ResourceKeys, RowChange, StoreError, StoredResource,
        TenantTx,
    },
    tenant::Scope,
};

/// A new resource, checked as far as it can be without the database.
#[derive(Debug, Clone)]
pub(super) struct Creation {
    stored: StoredResource,
    /// The change without the members, which may not exist.
    change: Change,
    members: Vec<Member>,
    /// Addresses that the tenant gives out, which may have been another's.
    addresses: Vec<String>,
    ignored: Vec<Notice>,
}

/// What a resource has from its beginning, which may lie before the change if it was
/// deleted since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub(super) id: ResourceId,
    pub(super) version: Version,
    pub(super) created_us: i64,
    /// What the audit trail calls it.
    pub(super) action: &'static str,
}

impl Provisioner {
    /// Creates a resource from a body.
    ///
    /// # Errors
    ///
    /// `InvalidSyntax` or `InvalidValue` if the body is not such a resource;
    /// `Uniqueness` if its name is taken.
    pub async fn create(
        &self,
        access: &Access,
        body: &Bytes,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        access.authorise(Scope::Write)?;
        let body = json::parse_object(body)?;
        let id = self.new_resource_id();
        let projection = terms.projection.showing(&given(&access.resource_type, &body));
        let terms = &Terms { projection, ..terms.clone() };
        let creation = self.creation(access, id, body, &self.stamp())?;
        let (written, rehearsed) = self.create_alone(access, creation, terms).await?;
        let derived = match rehearsed {
            Some(derived) => derived,
            None if access.resource_type.is_group() => {
                let view = self.store.tenant(access.caller.tenant).view_to_answer().await?;
                self.derived(access, &view, id, &terms.projection).await?
            }
            None => Default::default(),
        };
        let mut answer = self.answer(access, &written.stored, &derived, terms)?;
        self.log.tell(&access.caller, &written.ignored);
        answer.ignored = written.ignored;
        Ok(answer)
    }

    /// An id that no resource has had.
    pub(super) fn new_resource_id(&self) -> ResourceId {
        ResourceId::new(self.clock.new_id())
    }

    /// Creates a resource as the only work of a transaction; in a rehearsal, also gives
    /// what was to be seen of it.
    async fn create_alone(
        &self,
        access: &Access,
        creation: Creation,
        terms: &Terms,
    ) -> Result<(Written, Option<Derived>), ProvisionError> {
        let is_plain = creation.members.is_empty() && creation.addresses.is_empty();
        if is_plain && access.mode == Mode::Real {
            let applied = self.store.tenant(access.caller.tenant).apply(creation.change).await;
            applied.map_err(|error| access.change_error(error))?;
            let Creation { stored, ignored, .. } = creation;
            return Ok((Written { stored, ignored }, None));
        }
        let (this, acting) = (self.clone(), access.clone());
        let shared = Arc::new((creation, terms.projection.clone()));
        let txn = shared.0.change.txn.clone();
        self.carry_out(access, &txn, move |tx| {
            let (this, access, shared) = (this.clone(), acting.clone(), Arc::clone(&shared));
            Box::pin(async move {
                let (creation, projection) = &*shared;
                let written = this.create_in(tx, &access, creation).await?;
                let derived = match access.mode {
                    Mode::Real => None,
                    Mode::DryRun | Mode::Shadow => {
                        Some(this.derived(&access, tx, written.stored.id, projection).await?)
                    }
                };
                Ok((written, derived))
            })
        })
        .await
    }

    /// Creates a resource in a transaction.
    pub(super) async fn create_in(
        &self,
        tx: &TenantTx,
        access: &Access,
        creation: &Creation,
    ) -> Result<Written, ProvisionError> {
        let Creation { stored, mut change, members, addresses, ignored } = creation.clone();
        let taken = tx.take_addresses(change.id, &addresses).await?;
        change.events.splice(0..0, self.recycled(access, &stored, &taken)?);
        if members.is_empty() {
            tx.apply(&change).await.map_err(|error| access.change_error(error))?;
            return Ok(Written { stored, ignored });
        }
        let hearers = self.hearers(tx, access).await?;
        let resolved = Delta::adding(members).resolve(tx, change.id, access).await?;
        let document = Document::from_json(&stored.document)
            .map_err(|error| StoreError::Damaged(error.to_string()))?;
        let shift = Shift::of_group(change.id, (&document, &document), &resolved.changes);
        let outlook = Outlook::before(tx, hearers, shift).await?;
        let change = Change { members: resolved.changes, ..change };
        tx.apply(&change).await.map_err(|error| access.change_error(error))?;
        if let Some(outlook) = outlook {
            let stamp = Stamp { txn: change.txn, at_us: change.at_us };
            outlook.tell(tx, &self.clock, &stamp).await?;
        }
        Ok(Written { stored, ignored: [ignored, resolved.ignored].concat() })
    }

    /// Checks the body of a resource that is to get `id`.
    pub(super) fn creation(
        &self,
        access: &Access,
        id: ResourceId,
        body: Map<String, Value>,
        stamp: &Stamp,
    ) -> Result<Creation, ScimError> {
        let birth = Birth { id, version: Version(1), created_us: stamp.at_us, action: "create" };
        self.creation_of(access, birth, body, stamp)
    }

    /// Checks the body of a resource that is to be there, perhaps again.
    pub(super) fn creation_of(
        &self,
        access: &Access,
        birth: Birth,
        body: Map<String, Value>,
        stamp: &Stamp,
    ) -> Result<Creation, ScimError> {
        let incoming = validate(&access.resource_type, body, None, access.leniency())?;
        let stored = StoredResource {
            id: birth.id,
            version: birth.version,
            created_us: birth.created_us,
            modified_us: stamp.at_us,
            document: incoming.document.to_json(&access.resource_type),
        };
        let change = self.first_change(access, &stored, &incoming, stamp, birth.action);
        let addresses =
            own_addresses(&access.resource_type, &incoming.document, &access.caller.events);
        let Incoming { members, ignored, .. } = incoming;
        let members = members.unwrap_or_default();
        Ok(Creation { stored, change, members, addresses, ignored })
    }

    fn first_change(
        &self,
        access: &Access,
        stored: &StoredResource,
        incoming: &Incoming,
        stamp: &Stamp,
        action: &'static str,
    ) -> Change {
        let mut attributes: Vec<String> = incoming.document.attributes().keys().cloned().collect();
        if incoming.members.as_ref().is_some_and(|members| !members.is_empty()) {
            attributes.push("members".to_owned());
        }
        let settings = &access.caller.events;
        let after = subject(&access.resource_type, stored.id, &incoming.document, settings);
        let happened = event::Change::Created {
            attributes: attributes.clone(),
            version: stored.version.etag(),
        };
        let documents = (None, Some(&incoming.document));
        let none = (&MemberChanges::default(), self.clock.random());
        let changes = values(&access.resource_type, &attributes, documents, none);
        Change {
            resource_type: access.resource_type.code,
            id: stored.id,
            version: stored.version,
            at_us: stamp.at_us,
            row: RowChange::Insert {
                document: stored.document.clone(),
                keys: ResourceKeys::of(
                    &access.resource_type,
                    &incoming.document,
                    access.caller.unique_group_names(),
                ),
                created_us: stored.created_us,
            },
            members: MemberChanges::default(),
            txn: stamp.txn.clone(),
            events: self.events_of_creation(access, stored, &happened, &after),
            audit: AuditEntry { changes, ..self.audit(access, action, attributes) },
        }
    }
}
