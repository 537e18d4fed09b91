//! What became of operations, as the answer tells it (RFC 7644 §3.7.3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Operation, Refused};
use crate::scim::{ScimError, ScimType, message, urn};

/// What became of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The HTTP status that the same single request would have had.
    pub status: u16,
    /// The resource's URI, unless it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The resource's version, as an entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The error, if it failed: its keyword and what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<(Option<String>, String)>,
}

impl Done {
    /// An operation that failed.
    pub fn failed(status: u16, scim_type: Option<ScimType>, detail: &str) -> Self {
        let keyword = scim_type.map(|scim_type| scim_type.as_str().to_owned());
        let error = Some((keyword, detail.to_owned()));
        Self { status, location: None, version: None, error }
    }

    /// The same, about a resource.
    pub fn at(self, location: Option<String>) -> Self {
        Self { location, ..self }
    }

    /// Whether the operation failed.
    pub fn is_error(&self) -> bool {
        self.error.is_some()
    }
}

impl From<&ScimError> for Done {
    fn from(error: &ScimError) -> Self {
        Self::failed(error.status(), error.scim_type(), &error.to_string())
    }
}

/// The result of an operation in an answer, or in the event that tells of it.
pub fn result(operation: &Result<Operation, Refused>, done: &Done) -> Map<String, Value> {
    let (method, bulk_id) = match operation {
        Ok(operation) => (Some(operation.method.as_str().to_owned()), &operation.bulk_id),
        Err(refused) => (refused.method.clone(), &refused.bulk_id),
    };
    let response = done
        .error
        .as_ref()
        .map(|(scim_type, detail)| message::error_value(done.status, scim_type.as_deref(), detail));
    let members = [
        ("location", done.location.clone().map(Value::from)),
        ("method", method.map(Value::from)),
        ("bulkId", bulk_id.clone().map(Value::from)),
        ("version", done.version.clone().map(Value::from)),
        ("response", response),
        ("status", Some(done.status.to_string().into())),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    given.collect()
}

/// The body of the answer, from the results in the order of the request.
pub fn bulk_response(results: Vec<Map<String, Value>>) -> String {
    let mut body = Map::new();
    body.insert("schemas".to_owned(), Value::from_iter([urn::BULK_RESPONSE]));
    body.insert("Operations".to_owned(), Value::from_iter(results));
    Value::Object(body).to_string()
}
