//! What the endpoints of users and groups share: unpack, call one use case, pack.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use poem::{Request, http::header};
use poem_openapi::{ApiResponse, types::Type};

use crate::{
    http::{error::ScimFailure, payload::ScimJson},
    provision::{Access, Answered, Provisioner, Terms},
    scim::{
        ScimError, json, notice,
        query::SearchRequest,
        resource::{Precondition, Preconditions, Projection},
    },
    tenant::Caller,
};

/// Longest `Muster-Notice`, in bytes.
pub(super) const NOTICE_BYTES: usize = 512;

/// An answer with one resource.
#[derive(Debug, ApiResponse)]
pub(super) enum ResourceResponse<T: Type> {
    /// The resource.
    #[oai(status = 200)]
    Ok(
        ScimJson<T>,
        #[oai(header = "ETag")] String,
        #[oai(header = "Location")] String,
        /// What was not taken as it stands: `unknown: shoe; notKept: password`.
        #[oai(header = "Muster-Notice")]
        Option<String>,
    ),
    /// The resource was changed and is too large to be shown unasked.
    #[oai(status = 204)]
    Changed(
        #[oai(header = "ETag")] String,
        #[oai(header = "Location")] String,
        #[oai(header = "Muster-Notice")] Option<String>,
    ),
    /// The client has this version.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String),
}

/// An answer with a new resource.
#[derive(Debug, ApiResponse)]
pub(super) enum CreatedResponse<T: Type> {
    /// The resource was created.
    #[oai(status = 201)]
    Created(
        ScimJson<T>,
        #[oai(header = "ETag")] String,
        #[oai(header = "Location")] String,
        /// What was not taken as it stands: `unknown: shoe; notKept: password`.
        #[oai(header = "Muster-Notice")]
        Option<String>,
    ),
}

/// An answer to a query.
#[derive(Debug, ApiResponse)]
pub(super) enum ListedResponse<T: Type> {
    /// The list.
    #[oai(status = 200)]
    Ok(ScimJson<T>),
}

/// An answer to a deletion.
#[derive(Debug, ApiResponse)]
pub(super) enum DeletedResponse {
    /// The resource is gone.
    #[oai(status = 204)]
    Gone,
}

impl<T: Type> ResourceResponse<T> {
    /// The answer to a read.
    pub(super) fn read(answered: Answered) -> Self {
        let etag = answered.version.etag();
        match answered.body {
            Some(body) => Self::Ok(ScimJson::new(body), etag, answered.location, None),
            None => Self::NotModified(etag),
        }
    }

    /// The answer to a change.
    pub(super) fn changed(answered: Answered) -> Self {
        let (etag, notice) =
            (answered.version.etag(), notice::header(&answered.ignored, NOTICE_BYTES));
        match answered.body {
            Some(body) => Self::Ok(ScimJson::new(body), etag, answered.location, notice),
            None => Self::Changed(etag, answered.location, notice),
        }
    }
}

impl<T: Type> CreatedResponse<T> {
    pub(super) fn new(answered: Answered) -> Self {
        let (etag, notice) =
            (answered.version.etag(), notice::header(&answered.ignored, NOTICE_BYTES));
        let body = ScimJson::new(answered.body.unwrap_or_default());
        Self::Created(body, etag, answered.location, notice)
    }
}

/// The parameters that shape an answer.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) attributes: Option<String>,
    pub(super) excluded: Option<String>,
}

impl Shape {
    /// The parameters in a query whose names are spelt as the RFC does.
    pub(super) fn of(query: &str) -> Self {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        Self { attributes: value("attributes"), excluded: value("excludedAttributes") }
    }

    fn projection(&self, access: &Access) -> Result<Projection, ScimError> {
        Projection::parse(
            self.attributes.as_deref(),
            self.excluded.as_deref(),
            &access.resource_type,
            access.caller.dialect.leniency(),
        )
    }

    /// The terms of a request for one resource.
    pub(super) fn terms(&self, access: &Access, request: &Request) -> Result<Terms, ScimError> {
        Ok(Terms {
            projection: self.projection(access)?,
            projected: self.attributes.is_some() || self.excluded.is_some(),
            preconditions: preconditions(request)?,
        })
    }
}

/// The versions that a request expects, or knows.
pub(super) fn preconditions(request: &Request) -> Result<Preconditions, ScimError> {
    Ok(Preconditions {
        if_match: precondition(request, &header::IF_MATCH)?,
        if_none_match: precondition(request, &header::IF_NONE_MATCH)?,
    })
}

/// Several lines of a header are one list (RFC 9110 §5.3).
fn precondition(
    request: &Request,
    name: &header::HeaderName,
) -> Result<Option<Precondition>, ScimError> {
    let lines = request.headers().get_all(name).iter().map(|line| line.to_str());
    let lines = lines
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| ScimError::InvalidValue(format!("`{name}` is not a list of entity tags")))?;
    match lines.is_empty() {
        true => Ok(None),
        false => Precondition::parse(&lines.join(",")).map(Some),
    }
}

/// The parameters of a query.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) filter: Option<String>,
    pub(super) start_index: Option<String>,
    pub(super) count: Option<String>,
    pub(super) sort_by: Option<String>,
    pub(super) sort_order: Option<String>,
    pub(super) cursor: Option<String>,
    pub(super) shape: Shape,
}

impl From<SearchRequest> for Listing {
    fn from(search: SearchRequest) -> Self {
        Self {
            filter: search.filter,
            start_index: search.start_index,
            count: search.count,
            sort_by: search.sort_by,
            sort_order: search.sort_order,
            cursor: search.cursor,
            shape: Shape { attributes: search.attributes, excluded: search.excluded },
        }
    }
}

impl From<Listing> for SearchRequest {
    fn from(listing: Listing) -> Self {
        Self {
            filter: listing.filter,
            start_index: listing.start_index,
            count: listing.count,
            sort_by: listing.sort_by,
            sort_order: listing.sort_order,
            cursor: listing.cursor,
            attributes: listing.shape.attributes,
            excluded: listing.shape.excluded,
        }
    }
}

impl Listing {
    /// The query that a body asks.
    pub(super) fn read(body: &[u8]) -> Result<Self, ScimError> {
        Ok(SearchRequest::parse(json::parse_object(body)?)?.into())
    }

    /// Answers the query over every type of resource.
    pub(super) async fn answer_all<T: Type>(
        self,
        provisioner: &Provisioner,
        caller: &Arc<Caller>,
    ) -> Result<ListedResponse<T>, ScimFailure> {
        let text = provisioner.query_all(caller, &self.into()).await?;
        Ok(ListedResponse::Ok(ScimJson::new(text)))
    }

    /// Answers the query.
    pub(super) async fn answer<T: Type>(
        self,
        provisioner: &Provisioner,
        access: &Access,
    ) -> Result<ListedResponse<T>, ScimFailure> {
        let text = provisioner.query(access, &self.into()).await?;
        Ok(ListedResponse::Ok(ScimJson::new(text)))
    }
}
