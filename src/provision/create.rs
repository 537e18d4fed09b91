//! Creating a resource (RFC 7644 §3.3).

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Access, Answered, ProvisionError, Provisioner, Terms, members::Delta, record::subject,
};
use crate::{
    event,
    scim::{
        json,
        resource::{Incoming, ResourceId, Version, validate},
    },
    store::{Change, MemberRow, ResourceKeys, RowChange, StoredResource},
    tenant::Scope,
};

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
        let leniency = access.leniency();
        let body = json::parse_object(body)?;
        let incoming = validate(&access.resource_type, body, None, leniency)?;
        let stored = StoredResource {
            id: ResourceId::new(self.clock.new_id()),
            version: Version(1),
            created_us: self.now_us(),
            modified_us: 0,
            document: incoming.document.to_json(&access.resource_type),
        };
        let stored = StoredResource { modified_us: stored.created_us, ..stored };
        let change = self.creation(access, &stored, &incoming);
        let members = incoming.members.unwrap_or_default();
        let unknown = match members.is_empty() {
            true => {
                let tenant = self.store.tenant(access.caller.tenant);
                let applied = tenant.apply(change).await;
                applied.map_err(|error| access.change_error(error))?;
                Vec::new()
            }
            false => self.create_with(access, change, members).await?,
        };
        let tenant = self.store.tenant(access.caller.tenant);
        let derived = match access.resource_type.is_group() {
            true => {
                let view = tenant.view().await?;
                self.derived(access, &view, stored.id, &terms.projection).await?
            }
            false => Default::default(),
        };
        let mut answer = self.answer(access, &stored, &derived, terms)?;
        answer.ignored = incoming.ignored;
        answer.ignored.extend(unknown);
        Ok(answer)
    }

    /// Creates a group with members; gives what was overlooked.
    async fn create_with(
        &self,
        access: &Access,
        change: Change,
        members: Vec<crate::scim::resource::Member>,
    ) -> Result<Vec<String>, ProvisionError> {
        let leniency = access.leniency();
        let acting = access.clone();
        let (change, delta) = (Arc::new(change), Arc::new(Delta::adding(members)));
        self.store
            .tenant(access.caller.tenant)
            .write(move |tx| {
                let (change, delta) = (Arc::clone(&change), Arc::clone(&delta));
                let access = acting.clone();
                Box::pin(async move {
                    let resolved = delta.resolve(tx, change.id, leniency).await?;
                    let add_members: Vec<MemberRow> = resolved.add;
                    let change = Change { add_members, ..Change::clone(&change) };
                    let applied = tx.apply(&change).await;
                    applied.map_err(|error| access.change_error(error))?;
                    Ok(resolved.unknown)
                })
            })
            .await
    }

    fn creation(&self, access: &Access, stored: &StoredResource, incoming: &Incoming) -> Change {
        let mut attributes: Vec<String> = incoming.document.attributes().keys().cloned().collect();
        if incoming.members.as_ref().is_some_and(|members| !members.is_empty()) {
            attributes.push("members".to_owned());
        }
        let after = subject(&access.resource_type, stored.id, &incoming.document);
        let happened = event::Change::Created {
            attributes: attributes.clone(),
            version: stored.version.etag(),
        };
        Change {
            resource_type: access.resource_type.code,
            id: stored.id,
            version: stored.version,
            at_us: stored.created_us,
            row: RowChange::Insert {
                document: stored.document.clone(),
                keys: ResourceKeys::of(
                    &access.resource_type,
                    &incoming.document,
                    access.caller.unique_group_names(),
                ),
            },
            add_members: Vec::new(),
            remove_members: Vec::new(),
            txn: self.txn(),
            events: self.events(stored.id, &happened, None, Some(&after), stored.created_us),
            audit: self.audit(access, "create", attributes),
        }
    }
}
