//! Changes of a group's members, as what they come to.
//!
//! The changes of one request are folded into who comes and who goes, so that
//! the work grows with what the request names and not with what the group holds.
//! Only a filter on something else than `value` looks through the group, and a
//! list that replaces the members reads who is there, some thousands at a time.
//!
//! A member is known by its `value`, or else by the end of its `$ref`; it may be of
//! any type of the tenant, and the server fills in `$ref` and `type`. Where a
//! client's `$ref` or `type` says something else, it is overlooked, and refused
//! where the RFCs are taken to the letter (RFC 7643 §4.2 leaves it open). A group
//! may be in groups that are in it, but not name itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;

use super::{Access, ProvisionError};
use crate::{
    scim::{
        ScimError,
        filter::{CheckedFilter, eval_element},
        notice::{Notice, NoticeKind},
        patch::MemberChange,
        resource::{MAX_KEY_BYTES, Member, ResourceId},
        schema::Registry,
        text::fold,
    },
    store::{MemberChanges, MemberRow, MemberState, OpaqueRow, StoredMember, View},
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
    /// Who comes and who goes.
    pub(super) changes: MemberChanges,
    /// What was overlooked: members that nobody has, names that were not kept.
    pub(super) ignored: Vec<Notice>,
}

/// Who shall be a member when the request is done; the rest stays as it is.
#[derive(Default)]
struct Wanted<'d> {
    /// Everybody who is not named goes.
    only_named: bool,
    /// In, as the client named it, or out.
    named: BTreeMap<ResourceId, Option<&'d Member>>,
    /// The same for values that cannot be ids, by their keys.
    others: BTreeMap<String, Option<&'d Member>>,
    /// The members as they are stored, once a filter has asked for them.
    stored: Option<Vec<Known>>,
    /// Members that filters have looked at, over the whole request.
    looked_at: usize,
}

/// A member that is there, as a filter sees it.
struct Known {
    place: Place,
    kind: Option<String>,
    value: String,
    display: Option<String>,
}

/// How a member is named.
enum Place {
    Id(ResourceId),
    Key(String),
}

/// What the database knows of those who are named.
struct Found {
    states: HashMap<ResourceId, MemberState>,
    /// Keys of values that the group holds although they name no resource.
    opaque: HashSet<String>,
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
    /// `InvalidValue` if the group is to become its own member, or somebody who is
    /// unknown; where unknown ones are skipped, if nobody is known.
    pub(super) async fn resolve(
        &self,
        view: &View,
        group: ResourceId,
        access: &Access,
    ) -> Result<Resolved, ProvisionError> {
        if self.changes.is_empty() {
            return Ok(Resolved::default());
        }
        let wanted = self.wanted(view, group, access).await?;
        if wanted.named.get(&group).is_some_and(Option::is_some) {
            let detail = "a group cannot be a member of itself";
            return Err(ScimError::InvalidValue(detail.to_owned()).into());
        }
        let found = wanted.find(view, group).await?;
        let mut outcome = Outcome::new(access);
        for (id, member) in &wanted.named {
            match (found.states.get(id), member) {
                (Some(state), member) => outcome.decide(*id, *member, *state)?,
                (None, member) => outcome.decide_other(id.to_string(), *member, &found)?,
            }
        }
        for (key, member) in &wanted.others {
            outcome.decide_other(key.clone(), *member, &found)?;
        }
        if wanted.only_named {
            outcome.changes.remove.clear();
            outcome.changes.remove_opaque.clear();
            outcome.remove_unnamed(view, group, &wanted).await?;
        }
        Ok(outcome.finish()?)
    }

    async fn wanted(
        &self,
        view: &View,
        group: ResourceId,
        access: &Access,
    ) -> Result<Wanted<'_>, ProvisionError> {
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
                    wanted.exclude_where(view, group, (filter, &access.caller.registry)).await?;
                }
            }
        }
        Ok(wanted)
    }
}

impl<'d> Wanted<'d> {
    fn include(&mut self, members: &'d [Member]) {
        for member in members {
            self.put(&member.value, Some(member));
        }
    }

    /// To remove who is no member is no error (RFC 7644 §3.5.2.2).
    fn exclude(&mut self, values: &[String]) {
        for value in values {
            self.put(value, None);
        }
    }

    fn put(&mut self, value: &str, member: Option<&'d Member>) {
        match ResourceId::parse(value) {
            Some(id) => drop(self.named.insert(id, member)),
            None => drop(self.others.insert(fold(value).into_owned(), member)),
        }
    }

    /// Only here the group has to be looked through.
    async fn exclude_where(
        &mut self,
        view: &View,
        group: ResourceId,
        (filter, registry): (&CheckedFilter, &Registry),
    ) -> Result<(), ProvisionError> {
        if self.stored.is_none() {
            self.stored = Some(match self.only_named {
                true => Vec::new(),
                false => known_members(view, group, registry).await?,
            });
        }
        let stored = self.stored.as_deref().unwrap_or_default();
        self.looked_at += stored.len() + self.named.len() + self.others.len();
        if FILTERED_MEMBERS < self.looked_at {
            return Err(too_many().into());
        }
        for member in stored.iter().filter(|member| member.satisfies(filter)) {
            match &member.place {
                Place::Id(id) => drop(self.named.entry(*id).or_insert(None)),
                Place::Key(key) => drop(self.others.entry(key.clone()).or_insert(None)),
            }
        }
        let added: Vec<ResourceId> =
            self.named.iter().filter(|(_, member)| member.is_some()).map(|(id, _)| *id).collect();
        let states = view.member_states(group, &added).await?;
        for (id, wanted) in &mut self.named {
            let kind = states.get(id).and_then(|state| kind(registry, state.resource_type));
            if wanted.is_some_and(|member| satisfies(filter, member, kind)) {
                *wanted = None;
            }
        }
        for wanted in self.others.values_mut() {
            if wanted.is_some_and(|member| satisfies(filter, member, None)) {
                *wanted = None;
            }
        }
        Ok(())
    }

    async fn find(&self, view: &View, group: ResourceId) -> Result<Found, ProvisionError> {
        let ids: Vec<ResourceId> = self.named.keys().copied().collect();
        let states = view.member_states(group, &ids).await?;
        let strangers: Vec<String> =
            ids.iter().filter(|id| !states.contains_key(id)).map(ToString::to_string).collect();
        let mut keys: Vec<&str> = self.others.keys().map(String::as_str).collect();
        keys.extend(strangers.iter().map(String::as_str));
        Ok(Found { opaque: view.opaque_keys(group, &keys).await?, states })
    }
}

impl Known {
    fn satisfies(&self, filter: &CheckedFilter) -> bool {
        let element = json!({ "value": self.value, "type": self.kind, "display": self.display });
        eval_element(filter, &element)
    }
}

/// What comes of the members that are named.
struct Outcome<'a> {
    access: &'a Access,
    changes: MemberChanges,
    ignored: Vec<Notice>,
    /// Values that name nobody.
    unknown: Vec<String>,
    /// Whether somebody who was named is known.
    knows_some: bool,
}

impl<'a> Outcome<'a> {
    fn new(access: &'a Access) -> Self {
        let (changes, ignored, unknown) = Default::default();
        Self { access, changes, ignored, unknown, knows_some: false }
    }

    fn decide(
        &mut self,
        id: ResourceId,
        member: Option<&Member>,
        state: MemberState,
    ) -> Result<(), ScimError> {
        let Some(member) = member else {
            if state.is_member {
                self.changes.remove.push(id);
            }
            return Ok(());
        };
        self.knows_some = true;
        self.check_claims(member, state)?;
        if !state.is_member {
            let (resource_type, display) = (state.resource_type, member.display.clone());
            self.changes.add.push(MemberRow { id, resource_type, display });
        }
        Ok(())
    }

    /// A member that names no resource.
    fn decide_other(
        &mut self,
        key: String,
        member: Option<&Member>,
        found: &Found,
    ) -> Result<(), ScimError> {
        let is_member = found.opaque.contains(&key);
        match member {
            None if is_member => self.changes.remove_opaque.push(key),
            None => {}
            Some(_) if is_member => self.knows_some = true,
            Some(member) if self.access.caller.settings.opaque_members => {
                if MAX_KEY_BYTES < key.len() {
                    return Err(ScimError::InvalidValue(format!(
                        "`members.value` is longer than {MAX_KEY_BYTES} bytes, which is the limit"
                    )));
                }
                self.knows_some = true;
                let Member { value, display, .. } = member.clone();
                self.changes.add_opaque.push(OpaqueRow { key, value, display });
            }
            Some(member) => self.unknown.push(member.value.clone()),
        }
        Ok(())
    }

    /// `type` and `$ref` must not say something else than what is there.
    fn check_claims(&mut self, member: &Member, state: MemberState) -> Result<(), ScimError> {
        let Some(kind) = self.access.caller.registry.by_code(state.resource_type) else {
            return Ok(());
        };
        let wrong = match member.false_claim(&kind.name, &kind.endpoint) {
            None => return Ok(()),
            Some(wrong) => wrong,
        };
        if !self.access.leniency().skip_unknown_members {
            return Err(ScimError::InvalidValue(format!(
                "`{wrong}` contradicts `members.value`: the member is a {}",
                kind.name
            )));
        }
        let notice = Notice::new(NoticeKind::Unknown, wrong);
        if !self.ignored.contains(&notice) {
            self.ignored.push(notice);
        }
        Ok(())
    }

    /// Those who are there and are not wanted, a page at a time.
    async fn remove_unnamed(
        &mut self,
        view: &View,
        group: ResourceId,
        wanted: &Wanted<'_>,
    ) -> Result<(), ProvisionError> {
        let stays = |id| matches!(wanted.named.get(&id), Some(Some(_)));
        if wanted.named.values().chain(wanted.others.values()).all(Option::is_none) {
            self.changes.clear = view.has_more_members(group, 0).await?;
            return Ok(());
        }
        let mut page = view.members(group, None, PAGE, false).await?;
        while let Some(last) = page.last().map(|member| member.id) {
            let gone = page.iter().map(|member| member.id).filter(|id| !stays(*id));
            self.changes.remove.extend(gone);
            page = view.members(group, Some(last), PAGE, false).await?;
        }
        let stays = |key: &str| match ResourceId::parse(key) {
            Some(id) => matches!(wanted.named.get(&id), Some(Some(_))),
            None => matches!(wanted.others.get(key), Some(Some(_))),
        };
        let opaque = view.opaque_members(&[group], u64::MAX).await?;
        let keys = opaque.into_values().flatten().map(|member| member.key);
        self.changes.remove_opaque.extend(keys.filter(|key| !stays(key)));
        Ok(())
    }

    fn finish(mut self) -> Result<Resolved, ScimError> {
        let may_skip = self.access.leniency().skip_unknown_members && self.knows_some;
        if !may_skip && !self.unknown.is_empty() {
            return Err(unknown_members(&self.unknown));
        }
        if !self.unknown.is_empty() {
            self.ignored.push(Notice::new(NoticeKind::Member, "members"));
        }
        Ok(Resolved { changes: self.changes, ignored: self.ignored })
    }
}

fn kind(registry: &Registry, code: i16) -> Option<&str> {
    registry.by_code(code).map(|kind| kind.name.as_str())
}

fn satisfies(filter: &CheckedFilter, member: &Member, kind: Option<&str>) -> bool {
    let element = json!({ "value": member.value, "type": kind, "display": member.display });
    eval_element(filter, &element)
}

/// All members of a group as a filter sees them, names included.
async fn known_members(
    view: &View,
    group: ResourceId,
    registry: &Registry,
) -> Result<Vec<Known>, ProvisionError> {
    let mut members: Vec<Known> = Vec::new();
    let limit = u64::try_from(FILTERED_MEMBERS).unwrap_or(u64::MAX);
    let opaque = view.opaque_members(&[group], limit.saturating_add(1)).await?;
    members.extend(opaque.into_values().flatten().map(|member| Known {
        place: Place::Key(member.key),
        kind: None,
        value: member.value,
        display: member.display,
    }));
    let known = |member: StoredMember| Known {
        place: Place::Id(member.id),
        kind: kind(registry, member.resource_type).map(str::to_owned),
        value: member.id.to_string(),
        display: member.display,
    };
    let mut page = view.members(group, None, PAGE, true).await?;
    while let Some(last) = page.last().map(|member| member.id) {
        members.extend(page.into_iter().map(known));
        if FILTERED_MEMBERS < members.len() {
            return Err(too_many().into());
        }
        page = view.members(group, Some(last), PAGE, true).await?;
    }
    Ok(members)
}

fn too_many() -> ScimError {
    ScimError::TooMany(format!(
        "filters on `members` look at no more than {FILTERED_MEMBERS} members in one request; name \
         them by `value`"
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
        "`members` must name resources of this tenant; unknown: {}{more}",
        named.join(", ")
    ))
}
