//! Paths below the base: what stands where, and which methods it has.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::scim::schema::Registry;

/// Endpoints that every tenant has beside those of its resource types: the
/// methods of the endpoint itself, and of what is below it.
const FIXED: [(&str, &str, Option<&str>); 7] = [
    ("ServiceProviderConfig", "GET, HEAD", None),
    ("ResourceTypes", "GET, HEAD", Some("GET, HEAD")),
    ("Schemas", "GET, HEAD", Some("GET, HEAD")),
    ("Bulk", "POST", None),
    ("Me", "DELETE, GET, HEAD, PATCH, PUT", None),
    (".search", "POST", None),
    ("async", "GET, HEAD", Some("GET, HEAD")),
];

/// Endpoints for the tokens of single users: themselves, and discovery.
const PERSONAL: [&str; 4] = ["Me", "ServiceProviderConfig", "ResourceTypes", "Schemas"];

/// Something that stands at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The path as the routes know it.
    pub(super) path: String,
    /// The methods it has, as `Allow` lists them.
    pub(super) methods: &'static str,
    /// Whether a token of a single user reaches it.
    pub(super) is_personal: bool,
}

impl Place {
    /// What stands at `path`, which is relative to the base, for a tenant with
    /// these resource types.
    ///
    /// Percent-encoded letters of an endpoint's name are those letters (RFC 3986
    /// §6.2.2.2). If `loose`, its letter case does not count, nor does a slash too
    /// many in front or at the end.
    pub(super) fn find(path: &str, registry: &Registry, loose: bool) -> Option<Self> {
        let path = match loose {
            true => path.trim_start_matches('/').trim_end_matches('/'),
            false => path.strip_prefix('/').unwrap_or(path),
        };
        if path.is_empty() {
            return Some(Self { path: "/".to_owned(), methods: "GET, HEAD", is_personal: false });
        }
        let (first, below) = match path.split_once('/') {
            Some((first, below)) => (first, Some(below)),
            None => (path, None),
        };
        let first = percent_decode_str(first).decode_utf8().ok()?;
        let (name, methods) = endpoint(&first, below, registry, loose)?;
        let path = match below {
            Some(below) => format!("/{name}/{below}"),
            None => format!("/{name}"),
        };
        let is_personal = PERSONAL.contains(&&*name);
        Some(Self { path, methods, is_personal })
    }
}

/// The endpoint called `asked`, by its own name, and the methods of what is meant.
fn endpoint<'a>(
    asked: &str,
    below: Option<&str>,
    registry: &'a Registry,
    loose: bool,
) -> Option<(Cow<'a, str>, &'static str)> {
    let is = |name: &str| asked == name || (loose && asked.eq_ignore_ascii_case(name));
    // Some clients call the configuration by the name of its schema's topic.
    let is_alias = loose && asked.eq_ignore_ascii_case("serviceConfiguration");
    let fixed =
        FIXED.iter().find(|(name, ..)| is(name) || (is_alias && *name == "ServiceProviderConfig"));
    if let Some((name, methods, methods_below)) = fixed {
        let methods = match below {
            None => Some(*methods),
            Some(below) if below.is_empty() || below.contains('/') => None,
            Some(_) => *methods_below,
        };
        return Some((Cow::Borrowed(name), methods?));
    }
    let mut names =
        registry.resource_types().iter().filter_map(|kind| kind.endpoint.strip_prefix('/'));
    let name = names.find(|name| is(name))?;
    let methods = match below {
        None => "GET, HEAD, POST",
        Some(".search") => "POST",
        Some(below) if below.is_empty() || below.contains('/') => return None,
        Some(_) => "DELETE, GET, HEAD, PATCH, PUT",
    };
    Some((Cow::Borrowed(name), methods))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, loose: bool, expected: Option<(&str, &str)>) {
        let found = Place::find(path, &Registry::builtin(), loose);
        let found = found.as_ref().map(|place| (place.path.as_str(), place.methods));
        assert_eq!(found, expected, "{path} {loose}");
    }

    #[test]
    fn a_lenient_path_is_spelt_as_the_rfc_does() {
        // R168
        let single = "DELETE, GET, HEAD, PATCH, PUT";
        for (path, canonical, methods) in [
            ("", "/", "GET, HEAD"),
            ("/", "/", "GET, HEAD"),
            ("/Users/", "/Users", "GET, HEAD, POST"),
            ("//Users", "/Users", "GET, HEAD, POST"),
            ("/users/a%2Fb", "/Users/a%2Fb", single),
            ("/%55sers/x", "/Users/x", single),
            ("/groups/.search", "/Groups/.search", "POST"),
            ("/schemas/User", "/Schemas/User", "GET, HEAD"),
            ("/serviceConfiguration", "/ServiceProviderConfig", "GET, HEAD"),
            ("/me", "/Me", single),
        ] {
            check(path, true, Some((canonical, methods)));
        }
    }

    #[test]
    fn a_strict_path_is_exact() {
        // R168
        check("/Users", false, Some(("/Users", "GET, HEAD, POST")));
        check("/%55sers", false, Some(("/Users", "GET, HEAD, POST")));
        for path in ["/users", "/Users/", "//Users", "/serviceConfiguration"] {
            check(path, false, None);
        }
    }

    #[test]
    fn elsewhere_is_nothing() {
        // R169
        for path in [
            "/Elsewhere",
            "/Users/a/b",
            "/Users;x",
            "/Users%2Fa",
            "/..",
            "/../Users",
            "/Me/x",
            "/Bulk/x",
            "/Schemas/a/b",
            "/%ff",
            "/Users%00",
            "/ServiceProviderConfig/x",
        ] {
            check(path, true, None);
            check(path, false, None);
        }
    }
}
