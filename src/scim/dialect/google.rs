//! Google Workspace.
//!
//! Google sends users, not groups: a look-up by a quoted `userName`, then a POST
//! that declares a URN of SCIM 1 beside that of users. How it changes a user is
//! in no public record, so what bodies are forgiven stays as wide as for a
//! directory that nobody knows; filters and paths are those of the RFCs.

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
