//! Changes of groups, as far as they concern the people in them.

use std::collections::HashSet;

use crate::{
    scim::{
        resource::{Document, ResourceId},
        schema::ResourceType,
    },
    store::{ApplicationRow, MemberChanges, StoreError, TenantTx},
};

/// Characters of a group's name in a reason.
const NAMED: usize = 128;

/// What of a change of groups concerns the people in them.
#[derive(Debug, Clone, Default)]
pub(in crate::provision) struct Shift {
    /// The group whose members, name or existence change.
    pub(super) group: Option<ResourceId>,
    /// Who leaves it, groups among them.
    leaving: Vec<ResourceId>,
    /// Everybody leaves.
    all_leave: bool,
    /// Who comes into it.
    coming: Vec<ResourceId>,
    /// Groups that come into it.
    coming_groups: Vec<ResourceId>,
    /// It has another name.
    pub(super) renamed: bool,
    /// An application as it will be, if its groups change and no group does.
    pub(super) regated: Option<ApplicationRow>,
    /// What is told to whom it takes something from.
    pub(super) why_left: String,
    /// What is told to whom it gives something.
    pub(super) why_came: String,
    /// What is told to everybody else whose claims it changes.
    pub(super) why_renamed: String,
}

impl Shift {
    /// The members or the name of a group change.
    pub(in crate::provision) fn of_group(
        group: ResourceId,
        (before, after): (&Document, &Document),
        members: &MemberChanges,
    ) -> Self {
        let (old, new) = (shown(before), shown(after));
        let (groups, people) =
            members.add.iter().partition::<Vec<_>, _>(|it| it.resource_type == ResourceType::GROUP);
        Self {
            group: Some(group),
            leaving: members.remove.clone(),
            all_leave: members.clear,
            coming: people.iter().map(|member| member.id).collect(),
            coming_groups: groups.iter().map(|member| member.id).collect(),
            renamed: before.display_name() != after.display_name(),
            regated: None,
            why_left: format!("Removed from group {new}"),
            why_came: format!("Added to group {new}"),
            why_renamed: format!("Group {old} was renamed to {new}"),
        }
    }

    /// A group is deleted.
    pub(in crate::provision) fn deletion(group: ResourceId, document: &Document) -> Self {
        let why_left = format!("Group {} was deleted", shown(document));
        Self { group: Some(group), all_leave: true, why_left, ..Self::default() }
    }

    /// An application gets other groups.
    pub(in crate::provision) fn of_gates(before: &ApplicationRow, after: &ApplicationRow) -> Self {
        Self {
            leaving: without(&before.groups, &after.groups),
            coming_groups: without(&after.groups, &before.groups),
            regated: Some(after.clone()),
            why_left: format!("The group gives no access to {} any more", after.name),
            why_came: format!("The group gives access to {}", after.name),
            ..Self::default()
        }
    }

    pub(super) fn concerns_nobody(&self) -> bool {
        let nobody_comes = self.coming.is_empty() && self.coming_groups.is_empty();
        nobody_comes && self.leaving.is_empty() && !self.all_leave && !self.renamed
    }

    /// The users who leave, sorted; one more than `most` if there are more.
    pub(super) async fn leaving(
        &self,
        tx: &TenantTx,
        most: usize,
    ) -> Result<Vec<ResourceId>, StoreError> {
        let (people, groups) = match self.group {
            Some(group) if self.all_leave => (Vec::new(), vec![group]),
            Some(group) => {
                let nested: HashSet<ResourceId> = tx.groups_in(group).await?.into_iter().collect();
                self.leaving.iter().copied().partition(|member| !nested.contains(member))
            }
            None => (Vec::new(), self.leaving.clone()),
        };
        everybody(tx, people, &groups, most).await
    }

    /// The users who come, sorted; one more than `most` if there are more.
    pub(super) async fn coming(
        &self,
        tx: &TenantTx,
        most: usize,
    ) -> Result<Vec<ResourceId>, StoreError> {
        everybody(tx, self.coming.clone(), &self.coming_groups, most).await
    }
}

async fn everybody(
    tx: &TenantTx,
    people: Vec<ResourceId>,
    groups: &[ResourceId],
    most: usize,
) -> Result<Vec<ResourceId>, StoreError> {
    let mut people = people;
    if !groups.is_empty() {
        people.extend(tx.people_under(groups, most + 1).await?);
    }
    people.sort();
    people.dedup();
    people.truncate(most + 1);
    Ok(people)
}

/// Those of `groups` that are not in `other`.
pub(super) fn without(groups: &[ResourceId], other: &[ResourceId]) -> Vec<ResourceId> {
    groups.iter().filter(|group| !other.contains(group)).copied().collect()
}

fn shown(group: &Document) -> String {
    let name = group.display_name().unwrap_or_default();
    name.chars().filter(|char| !char.is_control()).take(NAMED).collect()
}
