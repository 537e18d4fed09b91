//! Keycloak, with the plug-ins that make it a client.
//!
//! They send the whole user and the whole group each time, addresses without
//! type, `"active": "true"` as text in a PATCH, a relative `$ref` in members, and
//! `remove` of all members with a `null` beside it. They look nobody up.

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
