//! `PingOne` and `PingFederate`.
//!
//! Ping changes users by PUT alone, and may send two addresses that are both
//! primary. An administrator writes the look-up, with capital operators and short
//! names: `email Co "x"`. The word in front of the token is a setting, too. Groups
//! are found by reading all of them.

use super::{Leniency, generic};

/// What of it is forgiven.
pub(super) const LENIENCY: Leniency = Leniency {
    string_booleans: false,
    scalar_for_complex: false,
    null_reference: false,
    unquoted_literals: false,
    value_path_comparison: false,
    create_on_no_match: false,
    dotted_keys: false,
    ..generic::LENIENCY
};
