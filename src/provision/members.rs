//! Changes of a group's members, as what they come to.
//!
//! The changes of one request are folded into who comes and who goes, so that
//! the work grows with what the request names and not with what the group holds.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::ProvisionError;
use crate::{
    scim::{
        ScimError,
        dialect::Leniency,
        filter::{CheckedFilter, eval_element},
        patch::MemberChange,
        resource::{Member, ResourceId},
        schema::ResourceType,
    },
    store::{MemberRow, MemberState, StoredMember, View},
};

/// Members of a group that a filter in a path may look at.
const FILTERED_MEMBERS: usize = 100_000;
/// Members read from the database at a time.
const PAGE: u32 = 5_000;
/// Unknown ids that an error names.
const NAMED: usize = 10;

/// What a request does to a group's members.
#[derive(Debug, Clone, Default)]
pub(super) struct Delta {
    changes: Vec<MemberChange>,
}

/// What is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    /// Who comes.
    pub(super) add: Vec<MemberRow>,
    /// Who goes.
    pub(super) remove: Vec<ResourceId>,
    /// Ids that were skipped since nobody has them, as names of what was ignored.
    pub(super) unknown: Vec<String>,
}

impl Resolved {
    /// Whether the group stays as it is.
    pub(super) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// Who shall be a member when the request is done; the rest stays as it is.
#[derive(Default)]
struct Wanted {
    /// Everybody who is not named goes.
    only_named: bool,
    /// In, with a name, or out.
    named: BTreeMap<ResourceId, Option<Member>>,
    /// What cannot be an id.
    unknown: Vec<String>,
    /// The members as they are stored, once a filter has asked for them.
    stored: Option<Vec<StoredMember>>,
    /// Members that filters have looked at, over the whole request.
    looked_at: usize,
}

impl Delta {
    /// Adds `members`.
    pub(super) fn adding(members: Vec<Member>) -> Self {
        Self { changes: vec![MemberChange::Add(members)] }
    }

    /// Makes `members` all that there are.
    pub(super) fn replacing(members: Vec<Member>) -> Self {
        Self { changes: vec![MemberChange::Replace(members)] }
    }

    /// What a PATCH does.
    pub(super) fn new(changes: Vec<MemberChange>) -> Self {
        Self { changes }
    }

    /// Finds out what has to be written. The group must be locked, or new.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if somebody who is to become a member is unknown, or, where
    /// unknown ones are skipped, if nobody is known.
    pub(super) async fn resolve(
        &self,
        view: &View,
        group: ResourceId,
        leniency: &Leniency,
    ) -> Result<Resolved, ProvisionError> {
        if self.changes.is_empty() {
            return Ok(Resolved::default());
        }
        let wanted = self.wanted(view, group).await?;
        let ids: Vec<ResourceId> = wanted.named.keys().copied().collect();
        let states = view.member_states(group, &ids).await?;
        let mut resolved = Resolved { unknown: wanted.unknown.clone(), ..Resolved::default() };
        for (id, member) in &wanted.named {
            resolved.decide(*id, member.as_ref(), states.get(id).copied());
        }
        if wanted.only_named {
            let stored = all_members(view, group, usize::MAX).await?;
            let gone = stored.iter().map(|member| member.id);
            resolved.remove.extend(gone.filter(|id| !wanted.named.contains_key(id)));
        }
        let known =
            wanted.named.iter().any(|(id, member)| member.is_some() && states.contains_key(id));
        let may_skip = leniency.skip_unknown_members && known;
        if !may_skip && !resolved.unknown.is_empty() {
            return Err(unknown_members(&resolved.unknown).into());
        }
        Ok(resolved)
    }

    async fn wanted(&self, view: &View, group: ResourceId) -> Result<Wanted, ProvisionError> {
        let mut wanted = Wanted::default();
        for change in &self.changes {
            match change {
                MemberChange::Add(members) => wanted.include(members),
                MemberChange::Remove(values) => wanted.exclude(values),
                MemberChange::Replace(members) => {
                    let looked_at = wanted.looked_at;
                    wanted = Wanted { only_named: true, looked_at, ..Wanted::default() };
                    wanted.include(members);
                }
                MemberChange::RemoveWhere(filter) => {
                    wanted.exclude_where(view, group, filter).await?
                }
            }
        }
        Ok(wanted)
    }
}

impl Wanted {
    fn include(&mut self, members: &[Member]) {
        for member in members {
            match ResourceId::parse(&member.value) {
                Some(id) => drop(self.named.insert(id, Some(member.clone()))),
                None => self.unknown.push(member.value.clone()),
            }
        }
    }

    /// To remove who is no member is no error (RFC 7644 §3.5.2.2).
    fn exclude(&mut self, values: &[String]) {
        for id in values.iter().filter_map(|value| ResourceId::parse(value)) {
            self.named.insert(id, None);
        }
    }

    /// Only here the group has to be looked through.
    async fn exclude_where(
        &mut self,
        view: &View,
        group: ResourceId,
        filter: &CheckedFilter,
    ) -> Result<(), ProvisionError> {
        if self.stored.is_none() {
            self.stored = Some(match self.only_named {
                true => Vec::new(),
                false => all_members(view, group, FILTERED_MEMBERS).await?,
            });
        }
        let stored = self.stored.as_deref().unwrap_or_default();
        self.looked_at += stored.len() + self.named.len();
        if FILTERED_MEMBERS < self.looked_at {
            return Err(too_many(FILTERED_MEMBERS).into());
        }
        let added: HashSet<ResourceId> =
            self.named.iter().filter(|(_, member)| member.is_some()).map(|(id, _)| *id).collect();
        let states = view.member_states(group, &added.iter().copied().collect::<Vec<_>>()).await?;
        for member in stored {
            if matches(filter, member.id, member.resource_type, member.display.as_deref()) {
                self.named.entry(member.id).or_insert(None);
            }
        }
        for (id, member) in &mut self.named {
            let kind = states.get(id).map_or(ResourceType::USER, |state| state.resource_type);
            let display = member.as_ref().and_then(|member| member.display.as_deref());
            if member.is_some() && matches(filter, *id, kind, display) {
                *member = None;
            }
        }
        Ok(())
    }
}

impl Resolved {
    fn decide(&mut self, id: ResourceId, member: Option<&Member>, state: Option<MemberState>) {
        match (member, state) {
            (Some(_), None) => self.unknown.push(id.to_string()),
            (Some(member), Some(state)) if !state.is_member => {
                self.add.push(MemberRow::new(id, state, member.display.clone()));
            }
            (None, Some(state)) if state.is_member => self.remove.push(id),
            _ => {}
        }
    }
}

fn matches(filter: &CheckedFilter, id: ResourceId, kind: i16, display: Option<&str>) -> bool {
    let kind = if kind == ResourceType::GROUP { "Group" } else { "User" };
    eval_element(filter, &json!({ "value": id.to_string(), "type": kind, "display": display }))
}

async fn all_members(
    view: &View,
    group: ResourceId,
    most: usize,
) -> Result<Vec<StoredMember>, ProvisionError> {
    let mut members: Vec<StoredMember> = Vec::new();
    loop {
        let after = members.last().map(|member| member.id);
        let page = view.members(group, after, PAGE, false).await?;
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        members.extend(page);
        if most < members.len() {
            return Err(too_many(most).into());
        }
        if last {
            return Ok(members);
        }
    }
}

fn too_many(most: usize) -> ScimError {
    ScimError::TooMany(format!(
        "filters on `members` look at no more than {most} members in one request; name them by \
         `value`"
    ))
}

fn unknown_members(unknown: &[String]) -> ScimError {
    let named: Vec<String> = unknown
        .iter()
        .take(NAMED)
        .map(|id| id.chars().filter(|char| !char.is_control()).take(64).collect())
        .collect();
    let more = match unknown.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    ScimError::InvalidValue(format!(
        "`members` must name users or groups of this tenant; unknown: {}{more}",
        named.join(", ")
    ))
}
