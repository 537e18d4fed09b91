//! JumpCloud.
//!
//! JumpCloud puts whole users, or patches one attribute an operation; a PUT may
//! have `null` for `emails`, and declares the enterprise schema without using it.
//! Members go by a list in the `value` of a `remove`, as with Entra. Booleans are
//! booleans, and filters have quotes.

use super::{Leniency, generic};

/// What of it is forgiven.
pub(super) const LENIENCY: Leniency = Leniency {
    string_booleans: false,
    unquoted_literals: false,
    value_path_comparison: false,
    create_on_no_match: false,
    bare_token: false,
    ..generic::LENIENCY
};
