//! Any directory that has no dialect of its own.
//!
//! HR systems, `Rippling`, `CyberArk`, identity brokers and home-grown clients share most of the
//! deviations of the large directories, and add some: `null` for whole
//! collections, `emails` as an object, URNs of SCIM 1, `"true"` for booleans,
//! elements without `type`, whole groups in a PATCH with `id` and `schemas`
//! among them, and a list in `value` of what a `remove` should remove. Each
//! deviation has one clear meaning, so all of them are accepted.

use super::Leniency;

/// Everything whose meaning is clear.
pub(super) const LENIENCY: Leniency = Leniency {
    string_booleans: true,
    numbers_as_strings: true,
    single_for_array: true,
    scalar_for_complex: true,
    null_reference: true,
    empty_string_clears: true,
    loose_schemas: true,
    free_values: true,
    ignore_unknown: true,
    aliases: true,
    unquoted_literals: true,
    value_path_comparison: true,
    create_on_no_match: true,
    remove_listed: true,
    dotted_keys: true,
    loose_patch: true,
    first_primary: true,
    skip_unknown_members: true,
    keep_active_on_put: true,
    unique_group_names: true,
    bare_token: true,
    loose_user_names: true,
    loose_paths: true,
};
