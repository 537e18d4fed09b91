//! One line and one measurement a request, without what names people.
//!
//! The line has the shape of the path, never its ids or its query.

use std::time::Instant;

use metrics::histogram;
use poem::{Request, Response, http::Method};
use tracing::{Instrument, info, info_span};

use crate::telemetry::HTTP_REQUEST;

/// The shapes of paths that are told apart; a client cannot make more.
///
/// Each shape and each method is a label of a measurement, which stays for as
/// long as the process runs. Of two that fit, the first holds.
const SHAPES: [&str; 20] = [
    "/t/{tenant}/scim/v2",
    "/t/{tenant}/scim/v2/Users",
    "/t/{tenant}/scim/v2/Users/.search",
    "/t/{tenant}/scim/v2/Users/{id}",
    "/t/{tenant}/scim/v2/Groups",
    "/t/{tenant}/scim/v2/Groups/.search",
    "/t/{tenant}/scim/v2/Groups/{id}",
    "/t/{tenant}/scim/v2/Schemas",
    "/t/{tenant}/scim/v2/Schemas/{id}",
    "/t/{tenant}/scim/v2/ResourceTypes",
    "/t/{tenant}/scim/v2/ResourceTypes/{id}",
    "/t/{tenant}/scim/v2/ServiceProviderConfig",
    "/t/{tenant}/scim/v2/Bulk",
    "/t/{tenant}/scim/v2/async/{id}",
    "/t/{tenant}/scim/v2/Me",
    "/t/{tenant}/scim/v2/.search",
    "/t/{tenant}/ssf/poll/{id}",
    "/t/{tenant}/jwks.json",
    "/t/{tenant}/fence",
    "/t/{tenant}/global-token-revocation",
];
/// Everything of the operator's API.
const ADMIN: &str = "/admin";
/// What is none of the known ones.
const OTHER: &str = "other";

/// What is told of a request before it is answered.
pub(super) struct Told {
    method: &'static str,
    route: &'static str,
    tenant: String,
    started: Instant,
}

impl Told {
    pub(super) fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let (method, route) = (known_method(request.method()), shape(path));
        Self { method, route, tenant: tenant(path), started: Instant::now() }
    }

    /// Runs `answer` in the request's span, and tells how it went.
    pub(super) async fn tell(self, answer: impl Future<Output = Response>) -> Response {
        let span = info_span!(
            "request",
            http.method = self.method,
            http.route = self.route,
            tenant.name = self.tenant
        );
        let response = answer.instrument(span).await;
        let (status, took) = (response.status().as_u16(), self.started.elapsed());
        info!(
            http.method = self.method,
            http.route = self.route,
            tenant.name = self.tenant,
            http.status = status,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        let labels = [
            ("method", self.method.to_owned()),
            ("route", self.route.to_owned()),
            ("status", status.to_string()),
        ];
        histogram!(HTTP_REQUEST, &labels).record(took.as_secs_f64());
        response
    }
}

fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

fn shape(path: &str) -> &'static str {
    if ["/admin/v1/", "/admin/openapi.json"].iter().any(|known| path.starts_with(known)) {
        return ADMIN;
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    SHAPES.into_iter().find(|shape| fits(shape, path)).unwrap_or(OTHER)
}

/// Whether each segment of `path` is the shape's, or stands where it has a name.
fn fits(shape: &str, path: &str) -> bool {
    let (mut shape, mut path) = (shape.split('/'), path.split('/'));
    loop {
        match (shape.next(), path.next()) {
            (None, None) => return true,
            (Some(named), Some(given)) if named.starts_with('{') && !given.is_empty() => (),
            (Some(known), Some(given)) if known.eq_ignore_ascii_case(given) => (),
            _ => return false,
        }
    }
}

/// The tenant's name in a path, if what stands there looks like one.
fn tenant(path: &str) -> String {
    let Some(rest) = path.strip_prefix("/t/") else { return String::new() };
    let name = rest.split('/').next().unwrap_or_default();
    (if crate::tenant::is_name(name) { name } else { "?" }).to_owned()
}

#[cfg(test)]
mod tests {
    use poem::http::Method;

    use super::{known_method, shape, tenant};

    #[test]
    fn the_shape_of_a_path_is_one_of_a_table() {
        for (path, route, name) in [
            ("/t/acme/scim/v2", "/t/{tenant}/scim/v2", "acme"),
            ("/t/acme/scim/v2/", "/t/{tenant}/scim/v2", "acme"),
            ("/t/acme/scim/v2/users", "/t/{tenant}/scim/v2/Users", "acme"),
            ("/t/acme/scim/v2/Users/bjensen", "/t/{tenant}/scim/v2/Users/{id}", "acme"),
            ("/t/acme/scim/v2/Groups/.search", "/t/{tenant}/scim/v2/Groups/.search", "acme"),
            ("/t/acme/ssf/poll/x", "/t/{tenant}/ssf/poll/{id}", "acme"),
            ("/t/%0aevil/scim/v2/Me", "/t/{tenant}/scim/v2/Me", "?"),
            ("/t/acme/scim/v2/Users/Users/Users", "other", "acme"),
            ("/t/acme/v2/scim", "other", "acme"),
            ("/t/acme/scim/v2/Users//", "other", "acme"),
            ("/t/acme", "other", "acme"),
            ("/admin/v1/tenants/acme", "/admin", ""),
            ("/administrator", "other", ""),
            ("/", "other", ""),
        ] {
            assert_eq!((shape(path), &*tenant(path)), (route, name), "{path}");
        }
    }

    #[test]
    fn an_invented_method_is_not_told() {
        for (method, told) in [("PATCH", "PATCH"), ("patch", "other"), ("X1", "other")] {
            assert_eq!(known_method(&Method::from_bytes(method.as_bytes()).unwrap()), told);
        }
    }
}
