//! Okta.
//!
//! Okta reads a user, merges its own attributes in and sends the whole by PUT,
//! with `id`, `meta` and an empty `groups`; every create has a placeholder
//! `password`. Deactivation is a PATCH without path. A rename of a group repeats
//! the group's `id` in the value, and is sent again with each change of
//! members, whose ids may belong to users that are long deleted. Profile
//! mappings may give numbers where the schema says string, and empty strings
//! where an attribute has no value.

use super::{Leniency, generic};

/// All that a tolerant reading allows.
pub(super) const LENIENCY: Leniency = generic::LENIENCY;
