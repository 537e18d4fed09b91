//! Bulk: many operations in one request (RFC 7644 §3.7).
//!
//! A [`BulkRequest`] holds what each operation asks, or why it cannot be asked;
//! [`plan()`] says in which order to do them; a [`Done`] is what became of one.
//! Doing them is the business of `provision`.
//!
//! Rules where the RFC leaves a choice:
//!
//! | case | rule |
//! | --- | --- |
//! | `failOnErrors` | a whole number from 1 on; anything else is refused |
//! | `bulkId` of a POST missing, empty, too long, or given before | that operation fails |
//! | `bulkId:x` in a path | stands for the id of the new resource |
//! | `bulkId:x` that no POST has, or whose POST failed | the operation that refers fails |
//! | `bulkId:x` in text that is no reference | stays text |
//! | circle of references | its operations succeed or fail together |
//! | `status` in the answer | text, as §3.7 and §3.7.3 have it, and not an object |

mod answer;
mod plan;
mod read;
mod references;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::scim::{
    ScimError,
    dialect::Leniency,
    resource::{Preconditions, ResourceId},
    schema::ResourceType,
};

pub use answer::{Done, bulk_response, result};
pub use plan::plan;

/// Most operations of one request.
pub const MAX_OPERATIONS: usize = 1_000;
/// Longest `bulkId`, in bytes.
pub const MAX_BULK_ID: usize = 256;

/// The methods of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Creates a resource.
    Post,
    /// Replaces a resource.
    Put,
    /// Changes a resource.
    Patch,
    /// Deletes a resource.
    Delete,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The method as HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of that name; HTTP's methods are in capitals.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// A bulk request.
#[derive(Debug, Clone)]
pub struct BulkRequest {
    /// How many errors end the job.
    pub fail_on_errors: Option<u64>,
    /// The operations, in the order of the request.
    pub operations: Vec<Result<Operation, Refused>>,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// What to do.
    pub method: Method,
    /// The type of the resource.
    pub resource_type: Arc<ResourceType>,
    /// The resource as the path names it: an id, or `bulkId:` and a name. None for
    /// a POST.
    pub id: Option<String>,
    /// What the request calls the new resource.
    pub bulk_id: Option<String>,
    /// Which version it expects.
    pub preconditions: Preconditions,
    /// The body; empty for a DELETE.
    pub data: Map<String, Value>,
    /// What the body refers to: ids, and `bulkId:` with a name.
    pub refers_to: Vec<String>,
}

/// An operation that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its method, if it can be repeated.
    pub method: Option<String>,
    /// Its `bulkId`, if it can be repeated.
    pub bulk_id: Option<String>,
    /// What is wrong.
    pub error: ScimError,
}

/// The name in `bulkId:name`.
pub fn bulk_id(text: &str) -> Option<&str> {
    text.strip_prefix("bulkId:")
}

impl Operation {
    /// The names of other operations that this one needs, in its path and body.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.id.iter().chain(&self.refers_to).filter_map(|text| bulk_id(text))
    }

    /// The body with ids in place of names; `find` gives a new resource's id and
    /// location. Names that it does not know stay.
    pub fn resolved(
        &self,
        leniency: &Leniency,
        find: &dyn Fn(&str) -> Option<(ResourceId, String)>,
    ) -> Map<String, Value> {
        let mut data = self.data.clone();
        references::substitute(self, leniency, &mut data, find);
        data
    }

    /// The operation without the values that refer to one of `names`: what can be
    /// done before those are there.
    pub fn without(&self, leniency: &Leniency, names: &dyn Fn(&str) -> bool) -> Self {
        let mut left = self.clone();
        references::strip(self, leniency, &mut left.data, names);
        left
    }
}
