//! Queries across resource types, and queries in a body (RFC 7644 §3.4.2.1, §3.4.3).

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query};

use super::{
    caller::BearerCaller,
    describe::{GroupList, ResourceList, SearchRequest, UserList},
    resources::{ListedResponse, Listing, Shape},
};
use crate::{
    http::{error::ScimFailure, payload::ScimJson},
    provision::Provisioner,
};

/// The endpoints `/` and `/.search`.
pub(super) struct SearchApi;

#[expect(
    clippy::too_many_arguments,
    reason = "poem-openapi documents each argument as a parameter"
)]
#[OpenApi]
impl SearchApi {
    /// Query resources of every type.
    ///
    /// Users first, then groups; what a type lacks counts as having no value.
    /// RFC 7644 §3.4.2.1.
    #[oai(path = "/", method = "get", operation_id = "resources.query")]
    async fn query(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        /// Which resources, RFC 7644 §3.4.2.2.
        filter: Query<Option<String>>,
        /// Number of the first resource of the page; the first of all is 1.
        #[oai(name = "startIndex")]
        start_index: Query<Option<String>>,
        /// Most resources of the page; 0 asks for the number alone.
        count: Query<Option<String>>,
        /// Not supported: answered with 501.
        #[oai(name = "sortBy")]
        sort_by: Query<Option<String>>,
        /// Not supported: answered with 501.
        cursor: Query<Option<String>>,
        /// Attributes to answer, separated by commas.
        attributes: Query<Option<String>>,
        /// Attributes not to answer, separated by commas.
        #[oai(name = "excludedAttributes")]
        excluded: Query<Option<String>>,
    ) -> Result<ListedResponse<ResourceList>, ScimFailure> {
        let listing = Listing {
            filter: filter.0,
            start_index: start_index.0,
            count: count.0,
            sort_by: sort_by.0,
            cursor: cursor.0,
            shape: Shape { attributes: attributes.0, excluded: excluded.0 },
        };
        listing.answer_all(provisioner, &caller.0).await
    }

    /// Search resources of every type.
    ///
    /// As a query, with its parameters in the body; those of the URL mean
    /// nothing. RFC 7644 §3.4.3.
    #[oai(path = "/.search", method = "post", operation_id = "resources.search")]
    async fn search(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        body: ScimJson<SearchRequest>,
    ) -> Result<ListedResponse<ResourceList>, ScimFailure> {
        Listing::read(&body.0)?.answer_all(provisioner, &caller.0).await
    }

    /// Search users.
    ///
    /// RFC 7644 §3.4.3.
    #[oai(path = "/Users/.search", method = "post", operation_id = "users.search")]
    async fn search_users(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        body: ScimJson<SearchRequest>,
    ) -> Result<ListedResponse<UserList>, ScimFailure> {
        let access = caller.on_users();
        Listing::read(&body.0)?.answer(provisioner, &access).await
    }

    /// Search groups.
    ///
    /// RFC 7644 §3.4.3.
    #[oai(path = "/Groups/.search", method = "post", operation_id = "groups.search")]
    async fn search_groups(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        body: ScimJson<SearchRequest>,
    ) -> Result<ListedResponse<GroupList>, ScimFailure> {
        let access = caller.on_groups();
        Listing::read(&body.0)?.answer(provisioner, &access).await
    }
}
