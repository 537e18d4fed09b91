//! SailPoint: `IdentityNow`.
//!
//! SailPoint reads schemas below `/schemas`, in small letters and by short names,
//! and everybody page by page. It keeps to the RFCs in what it writes: a `replace`
//! of a complex attribute merges, which is what they ask for.

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
    bare_token: false,
    ..generic::LENIENCY
};
