//! PATCH (RFC 7644 §3.5.2).
//!
//! [`PatchOp::parse`] reads the message against the schema: paths are resolved,
//! values have their types, objects are taken apart into single steps. It needs
//! no resource, so a bad message is refused before one is looked up. [`apply()`]
//! takes the steps in order on a copy of the document and checks the result as
//! a whole, so a request changes everything it asks for or nothing.
//!
//! Where the RFC leaves a choice, the reading is:
//!
//! - `add` of `null` or `[]` changes nothing; `replace` with them unassigns.
//! - `remove` of what is not there succeeds.
//! - A user without `active` has no access: taking it away disables, and never
//!   enables ([`Document::active`]).
//! - A value filter that matches nothing is `noTarget` for `add` and `replace`,
//!   unless the dialect makes the element from the filter's `eq` terms.
//! - `replace` at `emails[…]` puts a new element in place of each match;
//!   `replace` of a single complex attribute leaves unnamed parts as they are.
//! - The element that became primary last is the primary one.
//! - `schemas` follows from the attributes; adding a URN the type has is
//!   accepted and does nothing by itself.

mod apply;
mod members;
mod parse;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::scim::{
    filter::CheckedFilter,
    notice::Notice,
    path::AttributeRef,
    resource::{Document, MAX_ELEMENTS, Member, Parts},
    schema::Schema,
};

pub use apply::apply;

/// Most operations in one request.
pub const MAX_OPERATIONS: usize = 1000;
/// Most elements that the operations of one request may list, those of `members` apart.
pub const MAX_LISTED: usize = 10 * MAX_ELEMENTS;

/// A PATCH request that was checked against a resource type.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchOp {
    steps: Vec<Step>,
    ignored: Vec<Notice>,
}

impl PatchOp {
    /// What was overlooked.
    pub fn ignored(&self) -> &[Notice] {
        &self.ignored
    }

    /// The attributes that it sets, members apart.
    pub fn set(&self) -> impl Iterator<Item = &AttributeRef> {
        self.steps.iter().filter_map(|step| match step {
            Step::Assign { at, value: Some(_) }
            | Step::Append { at, .. }
            | Step::Elements { at, .. } => Some(at),
            Step::Assign { value: None, .. }
            | Step::RemoveListed { .. }
            | Step::RemoveExtension(_)
            | Step::Members(_) => None,
        })
    }
}

/// What a PATCH made of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The document; equal to the one before if nothing changed.
    pub document: Document,
    /// What happens to the members of a group, in order.
    pub members: Vec<MemberChange>,
    /// What was overlooked.
    pub ignored: Vec<Notice>,
}

/// A change to the members of a group, which are not in its document.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberChange {
    /// These belong to it too; those who do already stay as they are.
    Add(Vec<Member>),
    /// These ids no longer belong to it; unknown ones never did.
    Remove(Vec<String>),
    /// These and no others belong to it.
    Replace(Vec<Member>),
    /// Members that satisfy the filter no longer belong to it.
    RemoveWhere(CheckedFilter),
}

/// The three operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Remove,
    Replace,
}

/// One step on the document.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// Sets or unassigns.
    Assign { at: AttributeRef, value: Option<Value> },
    /// Appends elements that are not there.
    Append { at: AttributeRef, elements: Vec<Value> },
    /// Removes the elements that are listed.
    RemoveListed { at: AttributeRef, listed: Vec<Value> },
    /// Changes the elements that match.
    Elements { at: AttributeRef, filter: CheckedFilter, change: Change, no_match: NoMatch },
    /// Removes an extension.
    RemoveExtension(Arc<Schema>),
    /// Changes members.
    Members(MemberChange),
}

/// What happens to an element that matches.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    /// It goes.
    Remove,
    /// It gets or loses parts.
    Set(Parts),
    /// Another stands in its place.
    Replace(Value),
}

/// What happens if no element matches.
#[derive(Debug, Clone, PartialEq)]
enum NoMatch {
    /// Nothing.
    Keep,
    /// The request fails.
    Fault,
    /// An element is made from the filter's terms.
    Create(Map<String, Value>),
}
