//! A request as it was accepted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    scim::{
        ScimError,
        bulk::{BulkRequest, Method, Operation},
        json,
        resource::{Precondition, Preconditions},
    },
    tenant::Caller,
};

/// What a client asked for, as it can be kept.
#[derive(Clone, Serialize, Deserialize)]
pub enum AsyncRequest {
    /// An operation on one resource.
    Single {
        /// Its method.
        method: String,
        /// The endpoint of the resource's type, such as `/Users`.
        endpoint: String,
        /// The resource; none for a POST.
        id: Option<String>,
        /// `If-Match`.
        if_match: Option<String>,
        /// `If-None-Match`.
        if_none_match: Option<String>,
        /// The body; none for a DELETE.
        body: Option<String>,
    },
    /// A bulk request: its body.
    Bulk(String),
}

/// Without the body, which may hold a password.
impl fmt::Debug for AsyncRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_bulk() { "Bulk" } else { "Single" };
        f.debug_struct(name).finish_non_exhaustive()
    }
}

impl AsyncRequest {
    pub(super) fn is_bulk(&self) -> bool {
        matches!(self, Self::Bulk(_))
    }

    /// The request as the bulk request that it is, or comes to.
    pub(super) fn read(&self, caller: &Caller) -> Result<BulkRequest, ScimError> {
        let leniency = caller.dialect.leniency();
        let (method, endpoint, id) = match self {
            Self::Bulk(body) => {
                let body = json::parse_object(body.as_bytes())?;
                return BulkRequest::parse(body, &caller.registry, leniency);
            }
            Self::Single { method, endpoint, id, .. } => (method, endpoint, id),
        };
        let unknown = || ScimError::InvalidValue(format!("`{endpoint}` is no endpoint"));
        let resource_type = caller.registry.by_endpoint(endpoint).cloned().ok_or_else(unknown)?;
        let method = Method::parse(method).ok_or_else(unknown)?;
        let operation = Operation::new(
            method,
            (resource_type, id.clone()),
            None,
            self.preconditions()?,
            self.data()?,
        );
        Ok(BulkRequest { fail_on_errors: None, operations: vec![Ok(operation)] })
    }

    fn preconditions(&self) -> Result<Preconditions, ScimError> {
        let Self::Single { if_match, if_none_match, .. } = self else {
            return Ok(Preconditions::default());
        };
        let read = |header: &Option<String>| header.as_deref().map(Precondition::parse).transpose();
        Ok(Preconditions { if_match: read(if_match)?, if_none_match: read(if_none_match)? })
    }

    fn data(&self) -> Result<serde_json::Map<String, serde_json::Value>, ScimError> {
        match self {
            Self::Single { body: Some(body), .. } => json::parse_object(body.as_bytes()),
            Self::Single { .. } | Self::Bulk(_) => Ok(serde_json::Map::new()),
        }
    }
}
