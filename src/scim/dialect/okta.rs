//! Okta.
//!
//! Okta reads a user, merges its own attributes in and sends the whole by PUT,
//! with `id`, `meta` and an empty `groups`; every create has a placeholder
//! `password`. Deactivation is a PATCH without path. A rename of a group repeats
//! the group's `id` in the value, and is sent again with each change of
//! members, whose ids may belong to users that are long deleted. Profile
//! mappings may give numbers where the schema says string, and empty strings
//! where an attribute has no value. The token may come without `Bearer`. Booleans
//! are booleans, values in filters are quoted, and no path holds a filter but that
//! of members.

use super::{Leniency, generic};

/// What of it is forgiven.
pub(super) const LENIENCY: Leniency = Leniency {
    string_booleans: false,
    single_for_array: false,
    scalar_for_complex: false,
    null_reference: false,
    unquoted_literals: false,
    value_path_comparison: false,
    create_on_no_match: false,
    dotted_keys: false,
    ..generic::LENIENCY
};
