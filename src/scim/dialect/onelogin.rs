//! OneLogin.
//!
//! The body of a user comes from a template that an administrator edits: text
//! for `active`, `null` for what is not there, `emails` as an object, URNs of a
//! draft of SCIM 2 for core and extension, spaces at the ends of names. Users are
//! changed by PUT and members of groups by PATCH. Filters have quotes. It wants
//! answers as `application/json`, which the connection's `media_type` sets.

use super::{Leniency, generic};

/// What of it is forgiven.
pub(super) const LENIENCY: Leniency = Leniency {
    unquoted_literals: false,
    value_path_comparison: false,
    create_on_no_match: false,
    dotted_keys: false,
    bare_token: false,
    ..generic::LENIENCY
};
