//! Resources as clients see them: stored text, and what the server adds to it.

use serde_json::{Map, Value};

use super::{Access, Answered, ProvisionError, Provisioner, Terms};
use crate::{
    scim::{
        resource::{Facts, Projection, ResourceId, render, represent},
        schema::ResourceType,
    },
    store::{StoreError, StoredResource},
};

/// Bytes that the server adds to a stored document, about.
pub(super) const FRAME_BYTES: usize = 384;

/// The attribute that the server derives for a type: its name and its value.
#[derive(Debug, Clone, Default)]
pub(super) struct Derived {
    value: Option<(&'static str, String)>,
    elements: u64,
}

impl Derived {
    pub(super) fn new(name: &'static str, array: String, elements: u64) -> Self {
        Self { value: Some((name, array)), elements }
    }

    /// How many elements it has.
    pub(super) fn elements(&self) -> u64 {
        self.elements
    }

    fn as_extra(&self) -> Option<(&str, &str)> {
        self.value.as_ref().map(|(name, array)| (*name, array.as_str()))
    }
}

impl Provisioner {
    pub(super) fn location(&self, access: &Access, id: ResourceId) -> String {
        format!("{}{}/{id}", self.base(&access.caller.tenant_name), access.resource_type.endpoint)
    }

    /// Adds the text of a resource.
    pub(super) fn push_text(
        &self,
        text: &mut String,
        (access, projection): (&Access, &Projection),
        stored: &StoredResource,
        derived: &Derived,
    ) -> Result<(), ProvisionError> {
        if projection.is_default() && !access.resource_type.hides_parts() {
            let location = self.location(access, stored.id);
            let facts = facts(&access.resource_type, stored, &location);
            render(text, &stored.document, &facts, derived.as_extra());
            return Ok(());
        }
        let mut full = self.full(access, stored, derived)?;
        projection.apply(&access.resource_type, &mut full);
        text.push_str(&Value::Object(full).to_string());
        Ok(())
    }

    /// The whole representation as a value.
    pub(super) fn full(
        &self,
        access: &Access,
        stored: &StoredResource,
        derived: &Derived,
    ) -> Result<Map<String, Value>, ProvisionError> {
        let location = self.location(access, stored.id);
        let facts = facts(&access.resource_type, stored, &location);
        represent(&stored.document, &facts, derived.as_extra())
            .map_err(|error| StoreError::Damaged(error.to_string()).into())
    }

    /// The answer that shows a resource.
    pub(super) fn answer(
        &self,
        access: &Access,
        stored: &StoredResource,
        derived: &Derived,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        let mut body = String::with_capacity(stored.document.len() + FRAME_BYTES);
        self.push_text(&mut body, (access, &terms.projection), stored, derived)?;
        Ok(Answered {
            version: stored.version,
            location: self.location(access, stored.id),
            body: Some(body),
            ignored: Vec::new(),
        })
    }
}

fn facts<'a>(
    resource_type: &'a ResourceType,
    stored: &StoredResource,
    location: &'a str,
) -> Facts<'a> {
    Facts {
        id: stored.id,
        resource_type: &resource_type.name,
        location,
        version: stored.version,
        created_us: stored.created_us,
        modified_us: stored.modified_us,
    }
}
