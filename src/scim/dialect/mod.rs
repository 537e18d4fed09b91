//! Dialects: how a directory deviates from the RFCs, and what of it is read.
//!
//! A connection has one [`Dialect`]. A dialect is a [`Leniency`], a list of
//! deviations that are read as what the directory means; everything behind the
//! boundary is strictly typed. [`Dialect::Strict`] has none. One file a
//! directory says which and why.

mod authentik;
mod entra;
mod generic;
mod google;
mod jumpcloud;
mod keycloak;
mod okta;
mod onelogin;
mod ping;
mod recognise;
mod sailpoint;
mod strict;
#[cfg(test)]
mod tests;

pub use recognise::recognise;

/// A directory, as a connection names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// Microsoft Entra ID.
    Entra,
    /// Okta.
    Okta,
    /// Google Workspace.
    Google,
    /// OneLogin.
    OneLogin,
    /// JumpCloud.
    JumpCloud,
    /// `PingOne` and `PingFederate`.
    Ping,
    /// SailPoint.
    SailPoint,
    /// Keycloak's plug-ins.
    Keycloak,
    /// authentik.
    Authentik,
    /// Any other directory: tolerant wherever the meaning is clear.
    #[default]
    Generic,
    /// The RFCs to the letter.
    Strict,
}

/// Deviations from the RFCs that are accepted, each off in `strict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leniency {
    /// `"True"` and `"false"` for booleans, in bodies and filters.
    pub string_booleans: bool,
    /// Numbers where the schema says string, kept as their decimal text.
    pub numbers_as_strings: bool,
    /// An object or scalar where an array is expected, and a one-element array
    /// where a single value is.
    pub single_for_array: bool,
    /// A bare string for a complex value is its `value`: `"manager": "271"`.
    pub scalar_for_complex: bool,
    /// `"$ref": null` in a member, as libraries write that print every field.
    pub null_reference: bool,
    /// `""` on an optional attribute unassigns it.
    pub empty_string_clears: bool,
    /// `schemas` missing, surplus or of an old form: derived from the endpoint.
    pub loose_schemas: bool,
    /// References that are no URI and certificates that are no certificate are
    /// kept as they came: nothing here follows or trusts them.
    pub free_values: bool,
    /// Unknown attributes in bodies and unknown PATCH paths are ignored.
    pub ignore_unknown: bool,
    /// Unprefixed extension attributes (`department`, `manager`) and `email`
    /// for `emails.value`; legacy spellings of extension URNs; core attributes
    /// nested below the core URN.
    pub aliases: bool,
    /// `userName eq jdoe`: a bare word is a string.
    pub unquoted_literals: bool,
    /// `emails[type eq "work"].value eq "x"` as a filter.
    pub value_path_comparison: bool,
    /// PATCH: `add` or `replace` at a value filter that matches nothing makes
    /// an element from the filter's equality terms.
    pub create_on_no_match: bool,
    /// PATCH: `remove` with a `value` removes only what is listed.
    pub remove_listed: bool,
    /// PATCH: keys of a value without path may be paths (`name.givenName`).
    pub dotted_keys: bool,
    /// PATCH: read-only keys (`id`, `schemas`, `meta`, `groups`) of a value
    /// without path are ignored; `schemas`, unknown members and an empty
    /// `Operations` of the message are overlooked.
    pub loose_patch: bool,
    /// More than one `primary`: the first stays (the newest in a PATCH).
    pub first_primary: bool,
    /// Members that do not exist are skipped, unless all are unknown.
    pub skip_unknown_members: bool,
    /// `active` absent from a PUT stays as it was.
    pub keep_active_on_put: bool,
    /// A group's `displayName` is unique within the tenant.
    pub unique_group_names: bool,
    /// `Authorization: <token>` without the word `Bearer`.
    pub bare_token: bool,
    /// A `userName` that RFC 8265 refuses, such as one with a space, is kept if
    /// people can tell it from others.
    pub loose_user_names: bool,
    /// Endpoint names in any case, a trailing slash, `/Schemas/User`.
    pub loose_paths: bool,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 11] = [
        Self::Entra,
        Self::Okta,
        Self::Google,
        Self::OneLogin,
        Self::JumpCloud,
        Self::Ping,
        Self::SailPoint,
        Self::Keycloak,
        Self::Authentik,
        Self::Generic,
        Self::Strict,
    ];

    /// Name as settings and the admin API spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Okta => "okta",
            Self::Google => "google",
            Self::OneLogin => "onelogin",
            Self::JumpCloud => "jumpcloud",
            Self::Ping => "ping",
            Self::SailPoint => "sailpoint",
            Self::Keycloak => "keycloak",
            Self::Authentik => "authentik",
            Self::Generic => "generic",
            Self::Strict => "strict",
        }
    }

    /// Whether it is that of one directory.
    pub fn is_directory(self) -> bool {
        !matches!(self, Self::Generic | Self::Strict)
    }

    /// The names of all dialects, separated by commas.
    pub fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == name)
    }

    /// What this directory's requests are forgiven.
    pub fn leniency(self) -> &'static Leniency {
        match self {
            Self::Entra => &entra::LENIENCY,
            Self::Okta => &okta::LENIENCY,
            Self::Google => &google::LENIENCY,
            Self::OneLogin => &onelogin::LENIENCY,
            Self::JumpCloud => &jumpcloud::LENIENCY,
            Self::Ping => &ping::LENIENCY,
            Self::SailPoint => &sailpoint::LENIENCY,
            Self::Keycloak => &keycloak::LENIENCY,
            Self::Authentik => &authentik::LENIENCY,
            Self::Generic => &generic::LENIENCY,
            Self::Strict => &strict::LENIENCY,
        }
    }
}
