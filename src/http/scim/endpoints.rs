//! The endpoints of resources: users, groups, a tenant's own types, and the base.
//!
//! poem-openapi documents the arguments of functions and nothing else. The
//! parameters that operations share are therefore tokens, written once in
//! `with_parameters`, and an endpoint is made by `resources`.

use poem::{Request, web::Data};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    caller::BearerCaller,
    describe::{Group, GroupList, PatchOp, Resource, ResourceList, SearchRequest, User, UserList},
    resources::{
        CreatedResponse, DeletedResponse, ListedResponse, Listing, ResourceResponse, Shape,
        preconditions,
    },
};
use crate::{
    http::{error::ScimFailure, payload::ScimJson},
    provision::Provisioner,
};

/// Hands `$made` the arguments that shape an answer and those that choose what
/// is listed, each with the value that they come to.
macro_rules! with_parameters {
    ($made:ident! { $($rest:tt)* }) => {
        $made! {
            shape: {
                /// Attributes to answer, separated by commas.
                attributes: Query<Option<String>>,
                /// Attributes not to answer, separated by commas.
                #[oai(name = "excludedAttributes")]
                excluded: Query<Option<String>>,
            } => Shape { attributes: attributes.0, excluded: excluded.0 },
            listing: {
                /// Which resources, RFC 7644 §3.4.2.2.
                filter: Query<Option<String>>,
                /// Number of the first resource of the page; the first of all is 1.
                #[oai(name = "startIndex")]
                start_index: Query<Option<String>>,
                /// Most resources of the page; 0 asks for the number alone.
                count: Query<Option<String>>,
                /// Attribute to sort by, RFC 7644 §3.4.2.3; else the order is that of creation.
                #[oai(name = "sortBy")]
                sort_by: Query<Option<String>>,
                /// `ascending` or `descending`.
                #[oai(name = "sortOrder")]
                sort_order: Query<Option<String>>,
                /// Where a walk goes on, RFC 9865; empty to begin one.
                cursor: Query<Option<String>>,
                /// Attributes to answer, separated by commas.
                attributes: Query<Option<String>>,
                /// Attributes not to answer, separated by commas.
                #[oai(name = "excludedAttributes")]
                excluded: Query<Option<String>>,
            } => Listing {
                filter: filter.0,
                start_index: start_index.0,
                count: count.0,
                sort_by: sort_by.0,
                sort_order: sort_order.0,
                cursor: cursor.0,
                shape: Shape { attributes: attributes.0, excluded: excluded.0 },
            },
            $($rest)*
        }
    };
}

/// Makes the API of an endpoint: of collection, search and single resource.
///
/// `$access` is how its handlers get at the resources.
macro_rules! resources {
    (
        shape: { $($shape:tt)* } => $shaped:expr,
        listing: { $($listing:tt)* } => $listed:expr,
        $(#[$doc:meta])*
        $api:ident of $one:ident in $list:ident,
        at: $collection:literal $search:literal $resource:literal,
        ids: $create:literal $query:literal $find:literal
            $read:literal $replace:literal $patch:literal $delete:literal,
        |$caller:ident $(, $endpoint:ident)?| $access:expr
    ) => {
        $(#[$doc])*
        pub(super) struct $api;

        #[expect(
            clippy::too_many_arguments,
            reason = "poem-openapi documents each argument as a parameter"
        )]
        #[OpenApi]
        impl $api {
            /// Create a resource.
            ///
            /// RFC 7644 §3.3.
            #[oai(path = $collection, method = "post", operation_id = $create)]
            async fn create(
                &self,
                Data(provisioner): Data<&Provisioner>,
                $caller: BearerCaller,
                request: &Request,
                $($endpoint: Path<String>,)?
                $($shape)*
                body: ScimJson<$one>,
            ) -> Result<CreatedResponse<$one>, ScimFailure> {
                let access = $access;
                let terms = $shaped.terms(&access, request)?;
                let created = provisioner.create(&access, &body.0, &terms);
                Ok(CreatedResponse::new(created.await?))
            }

            /// Query resources of one type.
            ///
            /// Without `sortBy` in the order of creation, on every page. RFC 7644
            /// §3.4.2, RFC 9865.
            #[oai(path = $collection, method = "get", operation_id = $query)]
            async fn query(
                &self,
                Data(provisioner): Data<&Provisioner>,
                $caller: BearerCaller,
                $($endpoint: Path<String>,)?
                $($listing)*
            ) -> Result<ListedResponse<$list>, ScimFailure> {
                let access = $access;
                $listed.answer(provisioner, &access).await
            }

            /// Search resources of one type.
            ///
            /// As a query, with its parameters in the body; those of the URL mean
            /// nothing. RFC 7644 §3.4.3.
            #[oai(path = $search, method = "post", operation_id = $find)]
            async fn search(
                &self,
                Data(provisioner): Data<&Provisioner>,
                $caller: BearerCaller,
                $($endpoint: Path<String>,)?
                body: ScimJson<SearchRequest>,
            ) -> Result<ListedResponse<$list>, ScimFailure> {
                let access = $access;
                Listing::read(&body.0)?.answer(provisioner, &access).await
            }

            /// Read a resource.
            ///
            /// With `If-None-Match`, only if it has another version. RFC 7644 §3.4.1.
            #[oai(path = $resource, method = "get", operation_id = $read)]
            async fn read(
                &self,
                Data(provisioner): Data<&Provisioner>,
                $caller: BearerCaller,
                request: &Request,
                $($endpoint: Path<String>,)?
                id: Path<String>,
                $($shape)*
            ) -> Result<ResourceResponse<$one>, ScimFailure> {
                let access = $access;
                let terms = $shaped.terms(&access, request)?;
                let read = provisioner.read(&access, &id.0, &terms);
                Ok(ResourceResponse::read(read.await?))
            }

            /// Replace a resource.
            ///
            /// What the body leaves out is cleared, except what the server owns. With
            /// `If-Match`, only if the version still matches. RFC 7644 §3.5.1, §3.14.
            #[oai(path = $resource, method = "put", operation_id = $replace)]
            async fn replace(
                &self,
                Data(provisioner): Data<&Provisioner>,
                $caller: BearerCaller,
                request: &Request,
                $($endpoint: Path<String>,)?
                id: Path<String>,
                $($shape)*
                body: ScimJson<$one>,
            ) -> Result<ResourceResponse<$one>, ScimFailure> {
                let access = $access;
                let terms = $shaped.terms(&access, request)?;
                let replaced = provisioner.replace(&access, &id.0, &body.0, &terms);
                Ok(ResourceResponse::changed(replaced.await?))
            }

            /// Patch a resource.
            ///
            /// All operations are applied, in order, or none. With `If-Match`, only if
            /// the version still matches. RFC 7644 §3.5.2, §3.14.
            #[oai(path = $resource, method = "patch", operation_id = $patch)]
            async fn patch(
                &self,
                Data(provisioner): Data<&Provisioner>,
                $caller: BearerCaller,
                request: &Request,
                $($endpoint: Path<String>,)?
                id: Path<String>,
                $($shape)*
                body: ScimJson<PatchOp>,
            ) -> Result<ResourceResponse<$one>, ScimFailure> {
                let access = $access;
                let terms = $shaped.terms(&access, request)?;
                let patched = provisioner.patch(&access, &id.0, &body.0, &terms);
                Ok(ResourceResponse::changed(patched.await?))
            }

            /// Delete a resource.
            ///
            /// With `If-Match`, only if the version still matches. RFC 7644 §3.6, §3.14.
            #[oai(path = $resource, method = "delete", operation_id = $delete)]
            async fn delete(
                &self,
                Data(provisioner): Data<&Provisioner>,
                $caller: BearerCaller,
                request: &Request,
                $($endpoint: Path<String>,)?
                id: Path<String>,
            ) -> Result<DeletedResponse, ScimFailure> {
                let access = $access;
                provisioner.delete(&access, &id.0, preconditions(request)?).await?;
                Ok(DeletedResponse::Gone)
            }
        }
    };
}

with_parameters! { resources! {
    /// The endpoint of users.
    UsersApi of User in UserList,
    at: "/Users" "/Users/.search" "/Users/:id",
    ids: "users.create" "users.query" "users.search"
        "users.read" "users.replace" "users.patch" "users.delete",
    |caller| caller.on_users()
} }

with_parameters! { resources! {
    /// The endpoint of groups.
    GroupsApi of Group in GroupList,
    at: "/Groups" "/Groups/.search" "/Groups/:id",
    ids: "groups.create" "groups.query" "groups.search"
        "groups.read" "groups.replace" "groups.patch" "groups.delete",
    |caller| caller.on_groups()
} }

with_parameters! { resources! {
    /// The endpoints of the types that a tenant has added.
    CustomApi of Resource in ResourceList,
    at: "/:endpoint" "/:endpoint/.search" "/:endpoint/:id",
    ids: "custom.create" "custom.query" "custom.search"
        "custom.read" "custom.replace" "custom.patch" "custom.delete",
    |caller, endpoint| caller.at(&endpoint.0)?
} }

/// Makes the API of the base itself.
macro_rules! base {
    (
        shape: $shape:tt => $shaped:expr,
        listing: { $($listing:tt)* } => $listed:expr,
    ) => {
        /// The endpoints `/` and `/.search`.
        pub(super) struct BaseApi;

        #[expect(
            clippy::too_many_arguments,
            reason = "poem-openapi documents each argument as a parameter"
        )]
        #[OpenApi]
        impl BaseApi {
            /// Query resources of every type.
            ///
            /// What a type lacks counts as having no value. RFC 7644 §3.4.2.1.
            #[oai(path = "/", method = "get", operation_id = "resources.query")]
            async fn query(
                &self,
                Data(provisioner): Data<&Provisioner>,
                caller: BearerCaller,
                $($listing)*
            ) -> Result<ListedResponse<ResourceList>, ScimFailure> {
                $listed.answer_all(provisioner, &caller.0).await
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
        }
    };
}

with_parameters! { base! {} }

/// Makes the API of the caller's own user.
macro_rules! myself {
    (
        shape: { $($shape:tt)* } => $shaped:expr,
        listing: $listing:tt => $listed:expr,
    ) => {
        /// The endpoint of the user that the token speaks for.
        pub(super) struct MeApi;

        #[expect(
            clippy::too_many_arguments,
            reason = "poem-openapi documents each argument as a parameter"
        )]
        #[OpenApi]
        impl MeApi {
            /// Read one's own user.
            ///
            /// As at its permanent URI, which `Location` tells. RFC 7644 §3.11.
            #[oai(path = "/Me", method = "get", operation_id = "me.read")]
            async fn read(
                &self,
                Data(provisioner): Data<&Provisioner>,
                caller: BearerCaller,
                request: &Request,
                $($shape)*
            ) -> Result<ResourceResponse<User>, ScimFailure> {
                let (access, id) = caller.myself()?;
                let terms = $shaped.terms(&access, request)?;
                Ok(ResourceResponse::read(provisioner.read(&access, &id, &terms).await?))
            }

            /// Replace one's own user.
            ///
            /// RFC 7644 §3.11, §3.5.1.
            #[oai(path = "/Me", method = "put", operation_id = "me.replace")]
            async fn replace(
                &self,
                Data(provisioner): Data<&Provisioner>,
                caller: BearerCaller,
                request: &Request,
                $($shape)*
                body: ScimJson<User>,
            ) -> Result<ResourceResponse<User>, ScimFailure> {
                let (access, id) = caller.myself()?;
                let terms = $shaped.terms(&access, request)?;
                let replaced = provisioner.replace(&access, &id, &body.0, &terms);
                Ok(ResourceResponse::changed(replaced.await?))
            }

            /// Patch one's own user.
            ///
            /// RFC 7644 §3.11, §3.5.2.
            #[oai(path = "/Me", method = "patch", operation_id = "me.patch")]
            async fn patch(
                &self,
                Data(provisioner): Data<&Provisioner>,
                caller: BearerCaller,
                request: &Request,
                $($shape)*
                body: ScimJson<PatchOp>,
            ) -> Result<ResourceResponse<User>, ScimFailure> {
                let (access, id) = caller.myself()?;
                let terms = $shaped.terms(&access, request)?;
                let patched = provisioner.patch(&access, &id, &body.0, &terms);
                Ok(ResourceResponse::changed(patched.await?))
            }

            /// Delete one's own user.
            ///
            /// The token ends with it. RFC 7644 §3.11, §3.6.
            #[oai(path = "/Me", method = "delete", operation_id = "me.delete")]
            async fn delete(
                &self,
                Data(provisioner): Data<&Provisioner>,
                caller: BearerCaller,
                request: &Request,
            ) -> Result<DeletedResponse, ScimFailure> {
                let (access, id) = caller.myself()?;
                provisioner.delete(&access, &id, preconditions(request)?).await?;
                Ok(DeletedResponse::Gone)
            }
        }
    };
}

with_parameters! { myself! {} }
