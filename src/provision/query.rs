//! Queries (RFC 7644 §3.4.2).
//!
//! What indexes can answer, the database counts and pages. What they cannot is
//! evaluated here on the rows that are left, under a limit on rows and time.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Access, ProvisionError, Provisioner, derive::ANSWERED_MEMBERS, represent::Derived};
use crate::{
    scim::{
        ScimError,
        filter::{self, CheckedFilter},
        message,
        query::IndexPage,
        resource::{Projection, ResourceId},
    },
    store::{Selection, StoreError, StoredResource, View},
    tenant::{Caller, Scope},
};

/// Rows that are evaluated at a time.
const CHUNK: u64 = 500;

/// What a query over several types asks, before it is known what each type has.
#[derive(Debug, Clone)]
pub struct Search {
    /// Which resources; all if there is none.
    pub filter: Option<String>,
    /// Which of them, counted through all types.
    pub page: IndexPage,
    /// Which attributes, and which not, separated by commas.
    pub attributes: (Option<String>, Option<String>),
}

/// What a query asks.
#[derive(Debug, Clone)]
pub struct Query {
    /// Which resources; all if there is none.
    pub filter: Option<CheckedFilter>,
    /// Which of them.
    pub page: IndexPage,
    /// Which attributes.
    pub projection: Projection,
}

impl Provisioner {
    /// How far queries may go.
    pub fn limits(&self) -> super::Limits {
        self.limits
    }

    /// Reads and checks a filter.
    ///
    /// # Errors
    ///
    /// `InvalidFilter`, saying where.
    pub fn filter(&self, access: &Access, text: &str) -> Result<CheckedFilter, ScimError> {
        let leniency = access.leniency();
        filter::check(&filter::parse(text, leniency)?, &access.resource_type, leniency)
    }

    /// Answers a query with a list, as JSON text.
    ///
    /// # Errors
    ///
    /// `TooMany` if it would look at more rows than the limit.
    pub async fn query(&self, access: &Access, query: &Query) -> Result<String, ProvisionError> {
        access.authorise(Scope::Read)?;
        let view = self.store.tenant(access.caller.tenant).view().await?;
        let (total, resources) =
            self.find(access, &view, query.filter.as_ref(), query.page).await?;
        let texts = self.texts(access, &view, &resources, &query.projection).await?;
        Ok(message::list_response(total, query.page.start_index, &texts))
    }

    /// Answers a query over every type of resource: type after type, each in the
    /// order of creation (RFC 7644 §3.4.2.1).
    ///
    /// # Errors
    ///
    /// `InvalidFilter` if no type has an attribute of the filter; `TooMany` if it
    /// would look at more rows than the limit.
    pub async fn query_all(
        &self,
        caller: &Arc<Caller>,
        search: &Search,
    ) -> Result<String, ProvisionError> {
        let (leniency, types) = (caller.dialect.leniency(), caller.registry.resource_types());
        let filter =
            search.filter.as_deref().map(|text| filter::parse(text, leniency)).transpose()?;
        let view = self.store.tenant(caller.tenant).view().await?;
        let (attributes, excluded) =
            (search.attributes.0.as_deref(), search.attributes.1.as_deref());
        let (mut total, mut texts) = (0, Vec::new());
        let mut page = search.page;
        for resource_type in types {
            let access =
                Access { caller: Arc::clone(caller), resource_type: Arc::clone(resource_type) };
            access.authorise(Scope::Read)?;
            let projection = Projection::parse(attributes, excluded, resource_type, leniency)?;
            let filter = filter
                .as_ref()
                .map(|filter| filter::check_across(filter, resource_type, types, leniency))
                .transpose()?;
            let (found, resources) = self.find(&access, &view, filter.as_ref(), page).await?;
            total += found;
            page.start_index = page.start_index.saturating_sub(found).max(1);
            page.count -= u64::try_from(resources.len()).unwrap_or(page.count).min(page.count);
            texts.extend(self.texts(&access, &view, &resources, &projection).await?);
        }
        Ok(message::list_response(total, search.page.start_index, &texts))
    }

    /// How many resources of a type match, and those of the page.
    async fn find(
        &self,
        access: &Access,
        view: &View,
        filter: Option<&CheckedFilter>,
        page: IndexPage,
    ) -> Result<(u64, Vec<StoredResource>), ProvisionError> {
        let selection = view.select(&access.resource_type, filter);
        match filter {
            Some(filter) if !selection.is_exact() => {
                self.scan(access, view, &selection, filter, page).await
            }
            _ => page_of(view, &selection, page).await,
        }
    }

    async fn texts(
        &self,
        access: &Access,
        view: &View,
        resources: &[StoredResource],
        projection: &Projection,
    ) -> Result<Vec<String>, ProvisionError> {
        let mut derived = HashMap::new();
        if access.resource_type.shows_groups() && projection.wants("groups") {
            derived = self.groups_of(access, view, &ids(resources)).await?;
        }
        if access.resource_type.is_group() && projection.wants("members") {
            derived = self.members_of(access, view, &ids(resources), ANSWERED_MEMBERS).await?;
        }
        let none = Derived::default();
        resources
            .iter()
            .map(|stored| {
                let derived = derived.get(&stored.id).unwrap_or(&none);
                self.text(access, stored, derived, projection)
            })
            .collect()
    }

    /// Evaluates the filter on every row of the selection; gives the number of
    /// matches and those of the page.
    async fn scan(
        &self,
        access: &Access,
        view: &View,
        selection: &Selection,
        filter: &CheckedFilter,
        page: IndexPage,
    ) -> Result<(u64, Vec<StoredResource>), ProvisionError> {
        // Scans wait for each other, so that they leave connections to the rest.
        let _turn = self.scans.acquire().await;
        let needs = needs_derived(filter);
        let (mut total, mut seen, started) = (0_u64, 0_u64, Instant::now());
        let (mut after, mut found) = (None, Vec::new());
        loop {
            // One row more than the limit tells that there is one.
            let chunk = CHUNK.min(self.limits.scan_rows.saturating_sub(seen).saturating_add(1));
            let rows = view.after(selection, after, chunk).await.map_err(read_error)?;
            let count = u64::try_from(rows.len()).unwrap_or(chunk);
            let last = count < chunk;
            if self.limits.scan_rows < seen + count {
                return Err(too_many(filter, self.limits.scan_rows).into());
            }
            seen += count;
            after = rows.last().map(|row| row.id).or(after);
            let kind = &access.resource_type;
            let derived = match needs {
                true if kind.shows_groups() => self.groups_of(access, view, &ids(&rows)).await?,
                true if kind.is_group() => {
                    self.looked_at(access, view, &ids(&rows), &mut seen).await?
                }
                // Other types may have attributes of these names in their documents.
                true | false => HashMap::new(),
            };
            for row in rows {
                let none = Derived::default();
                let derived = derived.get(&row.id).unwrap_or(&none);
                let full = self.full(access, &row, derived)?;
                if filter::eval(filter, &full) {
                    total += 1;
                    if page.start_index <= total && total - page.start_index < page.count {
                        found.push(row);
                    }
                }
            }
            if last {
                return Ok((total, found));
            }
            if self.limits.scan_time <= started.elapsed() {
                return Err(too_slow(filter, self.limits.scan_time).into());
            }
        }
    }

    /// The members of groups that a filter is evaluated on: they count as rows.
    async fn looked_at(
        &self,
        access: &Access,
        view: &View,
        groups: &[ResourceId],
        seen: &mut u64,
    ) -> Result<HashMap<ResourceId, Derived>, ProvisionError> {
        let limit = self.limits.scan_rows;
        for group in groups {
            let room = limit.saturating_sub(*seen);
            if view.has_more_members(*group, u32::try_from(room).unwrap_or(u32::MAX)).await? {
                return Err(ScimError::TooMany(format!(
                    "the filter would look at more than {limit} members; ask for `members.value eq`"
                ))
                .into());
            }
        }
        let members = self.members_of(access, view, groups, limit.saturating_sub(*seen)).await?;
        *seen += members.values().map(Derived::elements).sum::<u64>();
        Ok(members)
    }
}

fn ids(resources: &[StoredResource]) -> Vec<ResourceId> {
    resources.iter().map(|stored| stored.id).collect()
}

/// A page that the database can choose, and how many there are in all.
async fn page_of(
    view: &View,
    selection: &Selection,
    page: IndexPage,
) -> Result<(u64, Vec<StoredResource>), ProvisionError> {
    let offset = page.start_index.saturating_sub(1);
    if page.count == 0 {
        return Ok((view.count(selection).await.map_err(read_error)?, Vec::new()));
    }
    let rows = view.page(selection, offset, page.count).await.map_err(read_error)?;
    let found = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    // A page that is not full is the last one, and tells the number itself.
    let total = match found {
        0 if 0 < offset => view.count(selection).await.map_err(read_error)?,
        _ if found < page.count => offset + found,
        _ => view.count(selection).await.map_err(read_error)?,
    };
    Ok((total, rows))
}

/// Whether the filter asks for what is not in documents: members or groups.
fn needs_derived(filter: &CheckedFilter) -> bool {
    let mut needs = false;
    filter.attributes(&mut |attribute| {
        needs |= attribute.extension.is_none()
            && matches!(attribute.attribute.name.as_str(), "members" | "groups");
    });
    needs
}

fn too_many(filter: &CheckedFilter, limit: u64) -> ScimError {
    not_indexed(filter, &format!("would look at more than {limit} resources"))
}

fn too_slow(filter: &CheckedFilter, limit: Duration) -> ScimError {
    not_indexed(filter, &format!("took longer than {} ms", limit.as_millis()))
}

fn not_indexed(filter: &CheckedFilter, what: &str) -> ScimError {
    let mut names = Vec::new();
    filter.attributes(&mut |attribute| names.push(attribute.to_string()));
    names.dedup();
    ScimError::TooMany(format!(
        "the filter on {} has no index to answer it and {what}; add a term on an indexed \
         attribute such as `userName`, `externalId` or `emails.value`",
        names.join(", ")
    ))
}

/// What the database took too long for was asked too widely.
fn read_error(error: StoreError) -> ProvisionError {
    match error {
        StoreError::Timeout(_) => ScimError::TooMany(
            "the query takes too long; filter on an indexed attribute such as `userName`, \
             `externalId` or `emails.value`"
                .to_owned(),
        )
        .into(),
        other => other.into(),
    }
}
