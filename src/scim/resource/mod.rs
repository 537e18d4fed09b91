//! Resources as values: what a client gave, checked, and how it is shown.
//!
//! [`validate()`] turns a body into a [`Document`], which holds canonical names
//! in the order of the schema and only attributes that have a value (RFC 7643
//! §2.5). [`render()`] puts the server's attributes around a stored document
//! without reading it; a [`Projection`] takes away what was not asked for.

mod certificate;
mod document;
mod finish;
mod members;
mod precondition;
mod project;
mod recheck;
mod reference;
mod render;
#[cfg(test)]
pub(in crate::scim) mod tests;
mod validate;
mod value;

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use certificate::certificate_serial;
pub use document::{CorruptDocument, Document};
pub use members::Member;
pub use precondition::{Precondition, Preconditions};
pub use project::{MAX_NAMES, Projection};
pub use recheck::{check_stored, may_conflict};
pub use render::{Facts, render, represent};
pub(in crate::scim) use validate::check_secret;
pub use validate::{Incoming, changes, given, validate};

pub(in crate::scim) use finish::{
    check_count, check_immutable, check_user_name, finish, is_primary, is_same, unset_primary,
};
pub(in crate::scim) use members::read_members;
pub(in crate::scim) use value::{Parts, Reader, clip};

/// Longest string, in bytes.
pub const MAX_STRING_BYTES: usize = 64 * 1024;
/// Longest value of an attribute that is looked up by, in bytes of its key.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest text of all attributes of a resource together, in bytes; members apart.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
/// Most elements of a multi-valued attribute other than `members`.
pub const MAX_ELEMENTS: usize = 1000;

/// Id of a resource, RFC 7643 §3.1: given by the server, never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(Uuid);

impl ResourceId {
    /// The id of a UUID.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id written as `text`.
    ///
    /// Only the hyphenated form in lower case is one: ids are `caseExact`, so
    /// another spelling names nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        let mut buffer = Uuid::encode_buffer();
        (*uuid.hyphenated().encode_lower(&mut buffer) == *text).then_some(Self(uuid))
    }

    /// The UUID.
    pub fn get(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Version of a resource: 1 at its creation, one more with each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub i64);

impl Version {
    /// The entity tag, RFC 7644 §3.14: `W/"3"`.
    pub fn etag(self) -> String {
        format!("W/\"{}\"", self.0)
    }
}
