//! Resources as clients see them: stored text, and what the server adds to it.

use serde_json::{Map, Value, json};

use super::{Access, Answered, ProvisionError, Provisioner, Terms};
use crate::{
    scim::{
        ScimError,
        resource::{Facts, Projection, ResourceId, render, represent},
        schema::ResourceType,
    },
    store::{StoreError, StoredMember, StoredResource, View},
};

/// Members read from the database at a time.
const MEMBER_PAGE: u32 = 5_000;
/// Members that one answer may hold.
pub(super) const ANSWERED_MEMBERS: u64 = 500_000;
/// Groups up to this size show names of members that the client did not name:
/// they cost a look at each member.
const NAMED_MEMBERS: u32 = 1_000;

/// The attribute that the server derives for a type: its name and its value.
#[derive(Debug, Clone, Default)]
pub(super) struct Derived {
    value: Option<(&'static str, String)>,
    elements: u64,
}

impl Derived {
    fn new(name: &'static str, array: String, elements: u64) -> Self {
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

    /// `groups` of a user.
    pub(super) fn groups(&self, access: &Access, groups: &[(ResourceId, String)]) -> Derived {
        if groups.is_empty() {
            return Derived::default();
        }
        let base = self.base(&access.caller.tenant_name);
        let elements = u64::try_from(groups.len()).unwrap_or(u64::MAX);
        let groups = groups.iter().map(|(id, name)| {
            json!({
                "value": id.to_string(),
                "$ref": format!("{base}/Groups/{id}"),
                "display": name,
                "type": "direct",
            })
        });
        Derived::new("groups", Value::from_iter(groups).to_string(), elements)
    }

    /// `members` of a group, all of them.
    ///
    /// # Errors
    ///
    /// `TooMany` if there are more than `most`.
    pub(super) async fn members(
        &self,
        access: &Access,
        view: &View,
        group: ResourceId,
        most: u64,
    ) -> Result<Derived, ProvisionError> {
        let (mut after, mut elements) = (None, 0);
        let mut text = String::from("[");
        let base = self.base(&access.caller.tenant_name);
        let mut page = view.members(group, None, NAMED_MEMBERS + 1, true).await?;
        if page.len() > usize::try_from(NAMED_MEMBERS).unwrap_or(usize::MAX) {
            page = view.members(group, None, MEMBER_PAGE, false).await?;
        }
        while let Some(last) = page.last() {
            after = Some(last.id).or(after);
            for member in &page {
                if 1 < text.len() {
                    text.push(',');
                }
                push_member(&mut text, &base, member);
                elements += 1;
            }
            if most < elements {
                return Err(too_many_members().into());
            }
            if page.len() <= usize::try_from(NAMED_MEMBERS).unwrap_or(usize::MAX) {
                break;
            }
            page = view.members(group, after, MEMBER_PAGE, false).await?;
        }
        text.push(']');
        Ok(Derived::new("members", text, elements))
    }

    /// What the server derives for a resource, if the projection wants it.
    pub(super) async fn derived(
        &self,
        access: &Access,
        view: &View,
        id: ResourceId,
        projection: &Projection,
    ) -> Result<Derived, ProvisionError> {
        if access.resource_type.is_group() && projection.wants("members") {
            return self.members(access, view, id, ANSWERED_MEMBERS).await;
        }
        if access.resource_type.is_user() && projection.wants("groups") {
            let groups = view.groups_of(&[id]).await?;
            return Ok(self.groups(access, groups.get(&id).map_or(&[], Vec::as_slice)));
        }
        Ok(Derived::default())
    }

    /// The text of a resource.
    pub(super) fn text(
        &self,
        access: &Access,
        stored: &StoredResource,
        derived: &Derived,
        projection: &Projection,
    ) -> Result<String, ProvisionError> {
        if projection.is_default() && !access.resource_type.hides_parts() {
            let location = self.location(access, stored.id);
            let facts = facts(&access.resource_type, stored, &location);
            return Ok(render(&stored.document, &facts, derived.as_extra()));
        }
        let mut full = self.full(access, stored, derived)?;
        projection.apply(&access.resource_type, &mut full);
        Ok(Value::Object(full).to_string())
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
        let body = self.text(access, stored, derived, &terms.projection)?;
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

fn too_many_members() -> ScimError {
    ScimError::TooMany(format!(
        "the answer would hold more than {ANSWERED_MEMBERS} members; ask with \
         `excludedAttributes=members`, or for fewer groups"
    ))
}

fn push_member(text: &mut String, base: &str, member: &StoredMember) {
    let (endpoint, name) = match member.resource_type {
        ResourceType::GROUP => ("Groups", "Group"),
        _ => ("Users", "User"),
    };
    let id = member.id;
    text.push_str(&format!(r#"{{"value":"{id}","$ref":"{base}/{endpoint}/{id}","type":"{name}""#));
    if let Some(display) = &member.display {
        text.push_str(r#","display":"#);
        text.push_str(&Value::from(display.as_str()).to_string());
    }
    text.push('}');
}
