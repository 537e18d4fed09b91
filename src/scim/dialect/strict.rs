//! The RFCs to the letter, for conformance checks and for clients that want
//! their mistakes told.

use super::Leniency;

/// Nothing is forgiven.
pub(super) const LENIENCY: Leniency = Leniency {
    string_booleans: false,
    numbers_as_strings: false,
    single_for_array: false,
    scalar_for_complex: false,
    null_reference: false,
    empty_string_clears: false,
    loose_schemas: false,
    free_values: false,
    ignore_unknown: false,
    aliases: false,
    unquoted_literals: false,
    value_path_comparison: false,
    create_on_no_match: false,
    remove_listed: false,
    dotted_keys: false,
    loose_patch: false,
    first_primary: false,
    skip_unknown_members: false,
    keep_active_on_put: false,
    unique_group_names: false,
    bare_token: false,
    loose_user_names: false,
    loose_paths: false,
};
