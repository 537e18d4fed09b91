//! What the server derives: the members of a group, the groups of a user.
//!
//! `groups` is what the groups say: it shows each group once, `direct` where the
//! user is among its own members, else `indirect`. A change of membership gives
//! the group a new version and not the user: its attributes stay as they are, and
//! to put somebody into a group of a million would else write a million rows.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Access, ProvisionError, Provisioner, represent::Derived};
use crate::{
    scim::{
        ScimError,
        resource::{Projection, ResourceId},
        schema::Registry,
    },
    store::{GroupLink, OpaqueMember, StoredMember, StoredResource, View},
};

/// Members read from the database at a time.
const MEMBER_PAGE: u32 = 5_000;
/// Members that one answer may hold.
pub(super) const ANSWERED_MEMBERS: u64 = 500_000;
/// Steps from members to groups that one answer may take; past it the request is
/// refused, since a shorter list would be a wrong one.
const ANSWERED_GROUPS: u64 = 100_000;
/// Groups up to this size show names of members that the client did not name:
/// they cost a look at each member.
const NAMED_MEMBERS: u32 = 1_000;

impl Provisioner {
    /// What the server derives for a resource, if the projection wants it.
    pub(super) async fn derived(
        &self,
        access: &Access,
        view: &View,
        id: ResourceId,
        projection: &Projection,
    ) -> Result<Derived, ProvisionError> {
        let mut derived = HashMap::new();
        if access.resource_type.is_group() && projection.wants("members") {
            derived = self.members_of(access, view, &[id], ANSWERED_MEMBERS).await?;
        }
        if access.resource_type.shows_groups() && projection.wants("groups") {
            derived = self.groups_of(access, view, &[id]).await?;
        }
        Ok(derived.remove(&id).unwrap_or_default())
    }

    /// A user with its `groups`, in one query.
    pub(super) async fn with_groups(
        &self,
        access: &Access,
        view: &View,
        id: ResourceId,
    ) -> Result<Option<(StoredResource, Derived)>, ProvisionError> {
        let code = access.resource_type.code;
        let found = view.resource_with_groups(code, id, ANSWERED_GROUPS).await?;
        let Some((stored, groups)) = found else { return Ok(None) };
        let groups = groups.ok_or_else(too_many_groups)?;
        Ok(Some((stored, self.groups(access, &groups))))
    }

    /// `groups` of each of these users, in one query.
    ///
    /// # Errors
    ///
    /// `TooMany` if that takes more than [`ANSWERED_GROUPS`] steps.
    pub(super) async fn groups_of(
        &self,
        access: &Access,
        view: &View,
        users: &[ResourceId],
    ) -> Result<HashMap<ResourceId, Derived>, ProvisionError> {
        let groups = view.groups_of(users, ANSWERED_GROUPS).await?.ok_or_else(too_many_groups)?;
        Ok(groups.iter().map(|(id, groups)| (*id, self.groups(access, groups))).collect())
    }

    fn groups(&self, access: &Access, groups: &[GroupLink]) -> Derived {
        if groups.is_empty() {
            return Derived::default();
        }
        let base = self.base(&access.caller.tenant_name);
        let elements = u64::try_from(groups.len()).unwrap_or(u64::MAX);
        let groups = groups.iter().map(|group| {
            json!({
                "value": group.id.to_string(),
                "$ref": format!("{base}/Groups/{}", group.id),
                "display": group.name,
                "type": if group.direct { "direct" } else { "indirect" },
            })
        });
        Derived::new("groups", Value::from_iter(groups).to_string(), elements)
    }

    /// `members` of each of these groups, all of them.
    ///
    /// # Errors
    ///
    /// `TooMany` if there are more than `most` in all.
    pub(super) async fn members_of(
        &self,
        access: &Access,
        view: &View,
        groups: &[ResourceId],
        most: u64,
    ) -> Result<HashMap<ResourceId, Derived>, ProvisionError> {
        let opaque = view.opaque_members(groups, most.saturating_add(1)).await?;
        let mut room = most;
        let mut members = HashMap::with_capacity(groups.len());
        for group in groups {
            let opaque = opaque.get(group).map_or(&[][..], Vec::as_slice);
            let derived = self.members(access, view, (*group, opaque), room).await?;
            room = room.saturating_sub(derived.elements());
            members.insert(*group, derived);
        }
        Ok(members)
    }

    async fn members(
        &self,
        access: &Access,
        view: &View,
        (group, opaque): (ResourceId, &[OpaqueMember]),
        most: u64,
    ) -> Result<Derived, ProvisionError> {
        let base = self.base(&access.caller.tenant_name);
        let mut list = List::default();
        let mut page = view.members(group, None, NAMED_MEMBERS + 1, true).await?;
        let is_large = usize::try_from(NAMED_MEMBERS).unwrap_or(usize::MAX) < page.len();
        if is_large {
            page = view.members(group, None, MEMBER_PAGE, false).await?;
        }
        while let Some(after) = page.last().map(|last| last.id) {
            for member in &page {
                list.push(&base, &access.caller.registry, member);
            }
            if most < list.elements {
                return Err(too_many_members(most).into());
            }
            page = match is_large {
                true => view.members(group, Some(after), MEMBER_PAGE, false).await?,
                false => Vec::new(),
            };
        }
        opaque.iter().for_each(|member| list.push_opaque(member));
        if most < list.elements {
            return Err(too_many_members(most).into());
        }
        Ok(Derived::new("members", format!("[{}]", list.text), list.elements))
    }
}

/// `members` as JSON text, without its brackets.
#[derive(Default)]
struct List {
    text: String,
    elements: u64,
}

impl List {
    fn push(&mut self, base: &str, registry: &Registry, member: &StoredMember) {
        self.open(&member.id.to_string());
        if let Some(kind) = registry.by_code(member.resource_type) {
            let (endpoint, id) = (&kind.endpoint, member.id);
            self.part("$ref", &format!("{base}{endpoint}/{id}"));
            self.part("type", &kind.name);
        }
        self.close(member.display.as_deref());
    }

    /// It names no resource, so it has no address and no type.
    fn push_opaque(&mut self, member: &OpaqueMember) {
        self.open(&member.value);
        self.close(member.display.as_deref());
    }

    fn open(&mut self, value: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(r#"{"value":"#);
        self.text.push_str(&Value::from(value).to_string());
    }

    fn part(&mut self, name: &str, value: &str) {
        self.text.push_str(",\"");
        self.text.push_str(name);
        self.text.push_str("\":");
        self.text.push_str(&Value::from(value).to_string());
    }

    fn close(&mut self, display: Option<&str>) {
        if let Some(display) = display {
            self.part("display", display);
        }
        self.text.push('}');
        self.elements += 1;
    }
}

fn too_many_members(most: u64) -> ScimError {
    ScimError::TooMany(format!(
        "the answer would hold more than {most} members; ask with `excludedAttributes=members`, \
         or for fewer groups"
    ))
}

fn too_many_groups() -> ScimError {
    ScimError::TooMany(format!(
        "to find the groups takes more than {ANSWERED_GROUPS} steps from members to groups; ask \
         with `excludedAttributes=groups`, or for fewer users"
    ))
}
