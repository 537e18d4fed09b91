//! authentik.
//!
//! After a conflict it looks the user up by a name without quotes. Older releases
//! leave `schemas` out; a group is patched with all it has, `id` and `schemas`
//! among it, and with `"path": null`. Members go by a list in the `value` of a
//! `remove`.

use super::{Leniency, generic};

/// What of it is forgiven.
pub(super) const LENIENCY: Leniency = Leniency {
    string_booleans: false,
    scalar_for_complex: false,
    value_path_comparison: false,
    create_on_no_match: false,
    dotted_keys: false,
    bare_token: false,
    ..generic::LENIENCY
};
