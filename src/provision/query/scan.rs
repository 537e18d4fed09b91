//! Queries that no index answers: every row that is left is looked at.
//!
//! Of each match only its key and id stay in memory; the documents of the page
//! are read again once it is known which they are.

use std::{
    collections::HashMap,
    ops::Range,
    time::{Duration, Instant},
};

use super::{Found, Target, read_error};
use crate::{
    provision::{Access, ProvisionError, Provisioner, represent::Derived},
    scim::{
        ScimError,
        filter::{self, CheckedFilter},
        path::AttributeRef,
        query::{Page, Place, Position, SortKey},
        resource::ResourceId,
    },
    store::{Listed, Selection, StoredResource, View},
};

/// Rows that are evaluated at a time.
const CHUNK: u64 = 500;

/// What is scanned.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    pub(super) view: &'a View,
    pub(super) targets: &'a [Target],
    pub(super) selections: &'a [Selection],
}

/// What a scan has used up.
struct Spent {
    rows: u64,
    since: Instant,
}

/// A match: which target it is of, and where it stands.
type Match = (Position, usize);

impl Provisioner {
    /// Looks at every row of the selections; gives the page and the number of matches.
    pub(super) async fn scan(
        &self,
        scan: Scan<'_>,
        descending: bool,
        page: &Page,
    ) -> Result<Found, ProvisionError> {
        let mut spent = Spent { rows: 0, since: Instant::now() };
        let mut matches = Vec::new();
        for part in 0..scan.targets.len() {
            self.scan_type(scan, part, &mut spent, &mut matches).await?;
        }
        matches.sort_unstable_by(|left, right| match descending {
            false => left.cmp(right),
            true => right.cmp(left),
        });
        let total = u64::try_from(matches.len()).unwrap_or(u64::MAX);
        let (range, previous, next) = choose(&matches, descending, page);
        let chosen = matches.get(range).unwrap_or_default().iter().cloned();
        let rows = chosen.map(|(position, part)| Listed { part, position, resource: None });
        Ok(Found { total, rows: rows.collect(), previous, next })
    }

    async fn scan_type(
        &self,
        scan: Scan<'_>,
        part: usize,
        spent: &mut Spent,
        matches: &mut Vec<Match>,
    ) -> Result<(), ProvisionError> {
        let (Some(target), Some(selection)) = (scan.targets.get(part), scan.selections.get(part))
        else {
            return Ok(());
        };
        let filter = target.filter.as_ref().filter(|_| !selection.is_exact());
        let limits = self.limits;
        let mut after = None;
        loop {
            // One row more than the limit tells that there is one.
            let chunk = CHUNK.min(limits.scan_rows.saturating_sub(spent.rows).saturating_add(1));
            let rows = scan.view.after(selection, after, chunk).await.map_err(read_error)?;
            let count = u64::try_from(rows.len()).unwrap_or(chunk);
            spent.rows += count;
            if limits.scan_rows < spent.rows {
                return Err(too_many(target, filter, limits.scan_rows).into());
            }
            after = rows.last().map(|row| row.id).or(after);
            let derived = self.derived_for(target, filter, scan.view, &rows, spent).await?;
            for row in &rows {
                let position = self.position(target, filter, row, derived.get(&row.id))?;
                matches.extend(position.map(|position| (position, part)));
            }
            if count < chunk {
                return Ok(());
            }
            if limits.scan_time <= spent.since.elapsed() {
                return Err(too_slow(target, filter, limits.scan_time).into());
            }
        }
    }

    /// Where a row stands, if it matches.
    fn position(
        &self,
        target: &Target,
        filter: Option<&CheckedFilter>,
        row: &StoredResource,
        derived: Option<&Derived>,
    ) -> Result<Option<Position>, ProvisionError> {
        if filter.is_none() && target.sort_by.is_none() {
            return Ok(Some(Position { key: None, id: row.id }));
        }
        let none = Derived::default();
        let full = self.full(&target.access, row, derived.unwrap_or(&none))?;
        if filter.is_some_and(|filter| !filter::eval(filter, &full)) {
            return Ok(None);
        }
        let key = target.sort_by.as_ref().and_then(|by| SortKey::of(by, &full));
        Ok(Some(Position { key, id: row.id }))
    }

    /// What is asked of the rows that is not in documents: members or groups.
    async fn derived_for(
        &self,
        target: &Target,
        filter: Option<&CheckedFilter>,
        view: &View,
        rows: &[StoredResource],
        spent: &mut Spent,
    ) -> Result<HashMap<ResourceId, Derived>, ProvisionError> {
        let ids: Vec<ResourceId> = rows.iter().map(|row| row.id).collect();
        let kind = &target.access.resource_type;
        match needs_derived(target, filter) {
            true if kind.shows_groups() => self.groups_of(&target.access, view, &ids).await,
            true if kind.is_group() => self.looked_at(&target.access, view, &ids, spent).await,
            // Other types may have attributes of these names in their documents.
            true | false => Ok(HashMap::new()),
        }
    }

    /// The members of groups that are judged: they count as rows.
    async fn looked_at(
        &self,
        access: &Access,
        view: &View,
        groups: &[ResourceId],
        spent: &mut Spent,
    ) -> Result<HashMap<ResourceId, Derived>, ProvisionError> {
        let limit = self.limits.scan_rows;
        for group in groups {
            let room = limit.saturating_sub(spent.rows);
            if view.has_more_members(*group, u32::try_from(room).unwrap_or(u32::MAX)).await? {
                return Err(ScimError::TooMany(format!(
                    "the query would look at more than {limit} members; ask for `members.value eq`"
                ))
                .into());
            }
        }
        let room = limit.saturating_sub(spent.rows);
        let members = self.members_of(access, view, groups, room).await?;
        spent.rows += members.values().map(Derived::elements).sum::<u64>();
        Ok(members)
    }
}

/// Which of the sorted matches are the page, and what comes before and behind it.
fn choose(
    matches: &[Match],
    descending: bool,
    page: &Page,
) -> (Range<usize>, Option<Place>, Option<Place>) {
    let cursor = match page {
        Page::Index(page) => {
            let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
            let start = number(page.start_index.saturating_sub(1)).min(matches.len());
            let end = start.saturating_add(number(page.count)).min(matches.len());
            return (start..end, None, None);
        }
        Page::Cursor(cursor) => cursor,
    };
    let count = usize::try_from(cursor.count).unwrap_or(usize::MAX);
    if count == 0 {
        return (0..0, None, None);
    }
    let comes_before = |left: &Position, right: &Position| match descending {
        false => left < right,
        true => right < left,
    };
    let (start, end) = match &cursor.place {
        Place::After(from) => {
            let behind = |from| matches.partition_point(|(at, _)| !comes_before(from, at));
            let start = from.as_ref().map_or(0, behind);
            (start, start.saturating_add(count).min(matches.len()))
        }
        Place::Before(from) => {
            let before = |from| matches.partition_point(|(at, _)| comes_before(at, from));
            let end = from.as_ref().map_or(matches.len(), before);
            (end.saturating_sub(count), end)
        }
    };
    let rows = matches.get(start..end).unwrap_or_default();
    let position = |row: Option<&Match>| row.map(|(position, _)| position.clone());
    let previous = (0 < start).then(|| Place::Before(position(rows.first())));
    let next = (end < matches.len()).then(|| Place::After(position(rows.last())));
    (start..end, previous, next)
}

/// Whether members or groups must be loaded to judge or sort a row.
fn needs_derived(target: &Target, filter: Option<&CheckedFilter>) -> bool {
    let is_derived = |attribute: &AttributeRef| {
        attribute.extension.is_none()
            && matches!(attribute.attribute.name.as_str(), "members" | "groups")
    };
    let mut needs = target.sort_by.as_ref().is_some_and(is_derived);
    if let Some(filter) = filter {
        filter.attributes(&mut |attribute| needs |= is_derived(attribute));
    }
    needs
}

fn too_many(target: &Target, filter: Option<&CheckedFilter>, limit: u64) -> ScimError {
    not_indexed(target, filter, &format!("would look at more than {limit} resources"))
}

fn too_slow(target: &Target, filter: Option<&CheckedFilter>, limit: Duration) -> ScimError {
    not_indexed(target, filter, &format!("took longer than {} ms", limit.as_millis()))
}

fn not_indexed(target: &Target, filter: Option<&CheckedFilter>, what: &str) -> ScimError {
    let sorted = target.sort_by.as_ref();
    let Some(filter) = filter else {
        let by = sorted.map_or_else(|| "it".to_owned(), ToString::to_string);
        return ScimError::TooMany(format!(
            "the order by {by} has no index to give it and {what}; sort by an indexed attribute \
             such as `userName`, `displayName` or `meta.lastModified`, or filter on one"
        ));
    };
    let mut names = Vec::new();
    filter.attributes(&mut |attribute| names.push(attribute.to_string()));
    names.dedup();
    ScimError::TooMany(format!(
        "the filter on {} has no index to answer it and {what}; add a term on an indexed \
         attribute such as `userName`, `externalId` or `emails.value`",
        names.join(", ")
    ))
}
