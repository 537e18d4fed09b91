//! Queries (RFC 7644 §3.4.2, RFC 9865).
//!
//! A query goes over one type of resource, or over all of them at the root, in
//! one order. What indexes can choose and sort, the database pages
//! (`indexed`); the rest is evaluated here on the rows that are left, under a
//! limit on rows and time (`scan`).

mod indexed;
mod scan;

use std::{collections::HashMap, slice, sync::Arc};

use serde_json::json;

use super::{
    Access, Mode, ProvisionError, Provisioner,
    derive::ANSWERED_MEMBERS,
    represent::{Derived, FRAME_BYTES},
};
use crate::{
    scim::{
        ScimError,
        filter::{self, CheckedFilter},
        message::{LIST_END, ListHead},
        path::AttributeRef,
        query::{Cursor, IndexPage, Page, Place, SearchRequest, Sort, walk_count},
        resource::{Projection, ResourceId},
        schema::ResourceType,
    },
    store::{Listed, Selection, StoreError, View},
    tenant::{Caller, Scope},
};

/// What is asked of one type of resource.
struct Target {
    access: Access,
    filter: Option<CheckedFilter>,
    sort_by: Option<AttributeRef>,
    projection: Projection,
}

/// The resources of a page, and what comes before and behind it.
#[derive(Default)]
struct Found {
    total: u64,
    rows: Vec<Listed>,
    previous: Option<Place>,
    next: Option<Place>,
}

impl Provisioner {
    /// How far queries may go.
    pub fn limits(&self) -> super::Limits {
        self.limits
    }

    /// Answers a query over a type of resource with a list, as JSON text.
    ///
    /// # Errors
    ///
    /// A [`ScimError`] that says which part of the request is wrong; `TooMany` if
    /// it would look at more rows than the limit.
    pub async fn query(
        &self,
        access: &Access,
        request: &SearchRequest,
    ) -> Result<String, ProvisionError> {
        let types = slice::from_ref(&access.resource_type);
        self.list(&access.caller, types, &access.resource_type.endpoint, request).await
    }

    /// Answers a query over every type of resource that the caller may read, in one
    /// order (RFC 7644 §3.4.2.1).
    ///
    /// # Errors
    ///
    /// As [`Provisioner::query`]; an attribute is unknown if no type has it.
    pub async fn query_all(
        &self,
        caller: &Arc<Caller>,
        request: &SearchRequest,
    ) -> Result<String, ProvisionError> {
        let may_read = |kind: &&Arc<ResourceType>| {
            let resource_type = Arc::clone(kind);
            let access = Access { caller: Arc::clone(caller), resource_type, mode: Mode::Real };
            access.authorise(Scope::Read).is_ok()
        };
        let types = caller.registry.resource_types();
        let types: Vec<_> = types.iter().filter(may_read).cloned().collect();
        if types.is_empty() {
            return Err(ScimError::LacksScope { scope: Scope::Read.as_str() }.into());
        }
        self.list(caller, &types, "/", request).await
    }

    async fn list(
        &self,
        caller: &Arc<Caller>,
        types: &[Arc<ResourceType>],
        endpoint: &str,
        request: &SearchRequest,
    ) -> Result<String, ProvisionError> {
        let (targets, descending) = targets(caller, types, request)?;
        let query = identity(caller, endpoint, request);
        let page = self.page(caller, &query, request)?;
        let tenant = self.store.tenant(caller.tenant);
        let mut view = tenant.view().await?;
        let select = |target: &Target| {
            let kind = &target.access.resource_type;
            view.select(kind, target.filter.as_ref(), target.sort_by.as_ref())
        };
        let selections: Vec<Selection> = targets.iter().map(select).collect();
        let indexed = selections.iter().all(|part| part.is_exact() && part.is_ordered());
        let mut found = match indexed {
            true => indexed::find(&view, &selections, descending, &page).await?,
            false => {
                // Scans wait for each other, and keep no connection from the rest meanwhile.
                drop(view);
                let _turn = self.scans.acquire().await;
                view = tenant.view().await?;
                let scan = scan::Scan { view: &view, targets: &targets, selections: &selections };
                self.scan(scan, descending, &page).await?
            }
        };
        view.read_listed(&mut found.rows).await.map_err(read_error)?;
        let head = self.head(&query, &page, &found)?;
        self.list_text(&view, &targets, &head, &found.rows).await
    }

    /// Which page is asked for. Without a cursor pages go by position, as they did
    /// before there were cursors (RFC 9865 §2.4).
    fn page(
        &self,
        caller: &Caller,
        query: &str,
        request: &SearchRequest,
    ) -> Result<Page, ScimError> {
        let (max, count) = (self.limits.max_results, request.count.as_deref());
        let set = caller.settings.default_results.map(u64::from);
        let default = set.unwrap_or(self.limits.default_results);
        let start_index = request.start_index.as_deref();
        let Some(cursor) = request.cursor.as_deref() else {
            let strict = !caller.dialect.leniency().ignore_unknown;
            return IndexPage::parse(start_index, count, max, default, strict).map(Page::Index);
        };
        if start_index.is_some() {
            let detail = "`cursor` and `startIndex` exclude each other";
            return Err(ScimError::InvalidValue(detail.to_owned()));
        }
        let begun = match cursor {
            "" => None,
            cursor => Some(self.cursors.open(query, self.clock.now_us(), cursor)?),
        };
        let count = walk_count(count, begun.as_ref().map(|cursor| cursor.count), max, default)?;
        let place = begun.map_or(Place::After(None), |cursor| cursor.place);
        Ok(Page::Cursor(Cursor { place, count }))
    }

    fn head(&self, query: &str, page: &Page, found: &Found) -> Result<ListHead, ProvisionError> {
        let (total, items) = (found.total, found.rows.len());
        let head = ListHead { total, items, ..ListHead::default() };
        let count = match page {
            Page::Index(page) => {
                return Ok(ListHead { start_index: Some(page.start_index), ..head });
            }
            Page::Cursor(cursor) => cursor.count,
        };
        let now_us = self.clock.now_us();
        let seal = |place: &Option<Place>| {
            let Some(place) = place.clone() else { return Ok(None) };
            let sealed = self.cursors.seal(query, now_us, &Cursor { place, count });
            sealed.map(Some).ok_or(ProvisionError::Cursor)
        };
        Ok(ListHead {
            previous_cursor: seal(&found.previous)?,
            next_cursor: seal(&found.next)?,
            ..head
        })
    }

    /// The answer, in one buffer: stored text is copied into it, unread.
    async fn list_text(
        &self,
        view: &View,
        targets: &[Target],
        head: &ListHead,
        rows: &[Listed],
    ) -> Result<String, ProvisionError> {
        let mut derived = HashMap::new();
        for (part, target) in targets.iter().enumerate() {
            let of_part = rows.iter().filter(|row| row.part == part);
            let ids: Vec<ResourceId> = of_part.map(|row| row.position.id).collect();
            derived.extend(self.derived_of(target, view, &ids).await?);
        }
        let resources = || rows.iter().filter_map(|row| row.resource.as_ref());
        let size: usize = resources().map(|stored| stored.document.len() + FRAME_BYTES).sum();
        let mut text = String::with_capacity(size + FRAME_BYTES);
        head.begin(&mut text);
        let none = Derived::default();
        for (row, stored) in rows.iter().zip(resources()) {
            let Some(target) = targets.get(row.part) else { continue };
            if !text.ends_with('[') {
                text.push(',');
            }
            let derived = derived.get(&stored.id).unwrap_or(&none);
            let wanted = (&target.access, &target.projection);
            self.push_text(&mut text, wanted, stored, derived)?;
        }
        text.push_str(LIST_END);
        Ok(text)
    }

    /// What the server derives for the resources of a page.
    async fn derived_of(
        &self,
        target: &Target,
        view: &View,
        ids: &[ResourceId],
    ) -> Result<HashMap<ResourceId, Derived>, ProvisionError> {
        let Target { access, projection, .. } = target;
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        if access.resource_type.shows_groups() && projection.wants("groups") {
            return self.groups_of(access, view, ids).await;
        }
        if access.resource_type.is_group() && projection.wants("members") {
            return self.members_of(access, view, ids, ANSWERED_MEMBERS).await;
        }
        Ok(HashMap::new())
    }
}

/// What is asked of each type, and whether the list descends.
fn targets(
    caller: &Arc<Caller>,
    types: &[Arc<ResourceType>],
    request: &SearchRequest,
) -> Result<(Vec<Target>, bool), ScimError> {
    let leniency = caller.dialect.leniency();
    let (sort_by, sort_order) = (request.sort_by.as_deref(), request.sort_order.as_deref());
    let (attributes, excluded) = (request.attributes.as_deref(), request.excluded.as_deref());
    let filter = request.filter.as_deref();
    let filter = filter.map(|text| filter::parse(text, leniency)).transpose()?;
    let sort = Sort::parse(sort_by, sort_order, types, leniency)?;
    let target = |(kind, sort_by): (&Arc<ResourceType>, Option<AttributeRef>)| {
        let resource_type = Arc::clone(kind);
        let access = Access { caller: Arc::clone(caller), resource_type, mode: Mode::Real };
        access.authorise(Scope::Read)?;
        let check = |filter| filter::check_across(filter, kind, types, leniency);
        let filter = filter.as_ref().map(check).transpose()?;
        let projection = Projection::parse(attributes, excluded, kind, leniency)?;
        Ok(Target { access, filter, sort_by, projection })
    };
    let targets = types.iter().zip(sort.by).map(target).collect::<Result<_, ScimError>>()?;
    Ok((targets, sort.descending))
}

/// What a cursor is bound to. The same query in a URL and in a body is one; the
/// number of resources is in the cursor, so that another one has its own error.
fn identity(caller: &Caller, endpoint: &str, request: &SearchRequest) -> String {
    let SearchRequest { filter, sort_by, sort_order, attributes, excluded, .. } = request;
    let tenant = caller.tenant.get();
    json!([tenant, endpoint, filter, sort_by, sort_order, attributes, excluded]).to_string()
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
