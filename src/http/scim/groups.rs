//! `/Groups`.

use poem::{Request, web::Data};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    caller::BearerCaller,
    describe::{Group, GroupList, PatchOp},
    resources::{
        CreatedResponse, DeletedResponse, ListedResponse, Listing, ResourceResponse, Shape,
        preconditions,
    },
};
use crate::{
    http::{error::ScimFailure, payload::ScimJson},
    provision::Provisioner,
};

/// The endpoint of groups.
pub(super) struct GroupsApi;

#[expect(
    clippy::too_many_arguments,
    reason = "poem-openapi documents each argument as a parameter"
)]
#[OpenApi]
impl GroupsApi {
    /// Create a group.
    ///
    /// RFC 7644 §3.3.
    #[oai(path = "/Groups", method = "post", operation_id = "groups.create")]
    async fn create(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
        /// Attributes to answer, separated by commas.
        attributes: Query<Option<String>>,
        /// Attributes not to answer, separated by commas.
        #[oai(name = "excludedAttributes")]
        excluded: Query<Option<String>>,
        body: ScimJson<Group>,
    ) -> Result<CreatedResponse<Group>, ScimFailure> {
        let access = caller.on_groups();
        let shape = Shape { attributes: attributes.0, excluded: excluded.0 };
        let terms = shape.terms(&access, request)?;
        let created = provisioner.create(&access, &body.0, &terms);
        Ok(CreatedResponse::new(created.await?))
    }

    /// Query groups.
    ///
    /// RFC 7644 §3.4.2. The order is that of creation, on every page.
    #[oai(path = "/Groups", method = "get", operation_id = "groups.query")]
    async fn query(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        /// Which groups, RFC 7644 §3.4.2.2.
        filter: Query<Option<String>>,
        /// Number of the first group of the page; the first of all is 1.
        #[oai(name = "startIndex")]
        start_index: Query<Option<String>>,
        /// Most groups of the page; 0 asks for the number alone.
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
    ) -> Result<ListedResponse<GroupList>, ScimFailure> {
        let access = caller.on_groups();
        let listing = Listing {
            filter: filter.0,
            start_index: start_index.0,
            count: count.0,
            sort_by: sort_by.0,
            cursor: cursor.0,
            shape: Shape { attributes: attributes.0, excluded: excluded.0 },
        };
        listing.answer(provisioner, &access).await
    }

    /// Read a group.
    ///
    /// With `If-None-Match`, only if it has another version. RFC 7644 §3.4.1.
    #[oai(path = "/Groups/:id", method = "get", operation_id = "groups.read")]
    async fn read(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
        id: Path<String>,
        /// Attributes to answer, separated by commas.
        attributes: Query<Option<String>>,
        /// Attributes not to answer, separated by commas.
        #[oai(name = "excludedAttributes")]
        excluded: Query<Option<String>>,
    ) -> Result<ResourceResponse<Group>, ScimFailure> {
        let access = caller.on_groups();
        let shape = Shape { attributes: attributes.0, excluded: excluded.0 };
        let terms = shape.terms(&access, request)?;
        let read = provisioner.read(&access, &id.0, &terms);
        Ok(ResourceResponse::read(read.await?))
    }

    /// Replace a group.
    ///
    /// What the body leaves out is cleared, except what the server owns. With
    /// `If-Match`, only if the version still matches. RFC 7644 §3.5.1, §3.14.
    #[oai(path = "/Groups/:id", method = "put", operation_id = "groups.replace")]
    async fn replace(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
        id: Path<String>,
        /// Attributes to answer, separated by commas.
        attributes: Query<Option<String>>,
        /// Attributes not to answer, separated by commas.
        #[oai(name = "excludedAttributes")]
        excluded: Query<Option<String>>,
        body: ScimJson<Group>,
    ) -> Result<ResourceResponse<Group>, ScimFailure> {
        let access = caller.on_groups();
        let shape = Shape { attributes: attributes.0, excluded: excluded.0 };
        let terms = shape.terms(&access, request)?;
        let replaced = provisioner.replace(&access, &id.0, &body.0, &terms);
        Ok(ResourceResponse::changed(replaced.await?))
    }

    /// Patch a group.
    ///
    /// All operations are applied, in order, or none. With `If-Match`, only if
    /// the version still matches. RFC 7644 §3.5.2, §3.14.
    #[oai(path = "/Groups/:id", method = "patch", operation_id = "groups.patch")]
    async fn patch(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
        id: Path<String>,
        /// Attributes to answer, separated by commas.
        attributes: Query<Option<String>>,
        /// Attributes not to answer, separated by commas.
        #[oai(name = "excludedAttributes")]
        excluded: Query<Option<String>>,
        body: ScimJson<PatchOp>,
    ) -> Result<ResourceResponse<Group>, ScimFailure> {
        let access = caller.on_groups();
        let shape = Shape { attributes: attributes.0, excluded: excluded.0 };
        let terms = shape.terms(&access, request)?;
        let patched = provisioner.patch(&access, &id.0, &body.0, &terms);
        Ok(ResourceResponse::changed(patched.await?))
    }

    /// Delete a group.
    ///
    /// With `If-Match`, only if the version still matches. RFC 7644 §3.6, §3.14.
    #[oai(path = "/Groups/:id", method = "delete", operation_id = "groups.delete")]
    async fn delete(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        request: &Request,
        id: Path<String>,
    ) -> Result<DeletedResponse, ScimFailure> {
        let access = caller.on_groups();
        let expected = preconditions(request)?;
        provisioner.delete(&access, &id.0, expected).await?;
        Ok(DeletedResponse::Gone)
    }
}
