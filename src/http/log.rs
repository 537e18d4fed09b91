//! One line and one measurement a request, without what names people.
//!
//! The line has the shape of the path, never its ids or its query.

use std::time::Instant;

use metrics::histogram;
use poem::{Request, Response, http::Method};
use tracing::{Instrument, info, info_span};

use crate::telemetry::HTTP_REQUEST;

/// What is told of a request before it is answered.
pub(super) struct Told {
    method: Method,
    route: String,
    tenant: String,
    started: Instant,
}

impl Told {
    pub(super) fn of(request: &Request) -> Self {
        let (route, tenant) = shape(request.uri().path());
        Self { method: request.method().clone(), route, tenant, started: Instant::now() }
    }

    /// Runs `answer` in the request's span, and tells how it went.
    pub(super) async fn tell(self, answer: impl Future<Output = Response>) -> Response {
        let span = info_span!(
            "request",
            http.method = %self.method,
            http.route = self.route,
            tenant.name = self.tenant
        );
        let response = answer.instrument(span).await;
        let (status, took) = (response.status().as_u16(), self.started.elapsed());
        info!(
            http.method = %self.method,
            http.route = self.route,
            tenant.name = self.tenant,
            http.status = status,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        let labels = [
            ("method", self.method.to_string()),
            ("route", self.route),
            ("status", status.to_string()),
        ];
        histogram!(HTTP_REQUEST, &labels).record(took.as_secs_f64());
        response
    }
}

/// The shape of a path, and the tenant's name if it looks like one.
fn shape(path: &str) -> (String, String) {
    let mut segments = path.split('/').skip(1);
    let (Some("t"), Some(tenant)) = (segments.next(), segments.next()) else {
        let known =
            ["/admin/v1/", "/admin/openapi.json"].iter().any(|known| path.starts_with(known));
        return ((if known { "/admin" } else { "other" }).to_owned(), String::new());
    };
    let tenant = if crate::tenant::is_name(tenant) { tenant } else { "?" };
    let mut route = String::from("/t/{tenant}");
    for segment in segments.take(5) {
        const KNOWN: [&str; 13] = [
            "scim",
            "v2",
            "Users",
            "Groups",
            "Schemas",
            "ResourceTypes",
            "ServiceProviderConfig",
            "Bulk",
            "Me",
            ".search",
            "ssf",
            "poll",
            "jwks.json",
        ];
        let known = KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(segment));
        route.push('/');
        route.push_str(known.unwrap_or("{id}"));
    }
    (route, tenant.to_owned())
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn the_shape_of_a_path_holds_no_id() {
        for (path, route, tenant) in [
            ("/t/acme/scim/v2/Users/bjensen", "/t/{tenant}/scim/v2/Users/{id}", "acme"),
            ("/t/acme/ssf/poll/x", "/t/{tenant}/ssf/poll/{id}", "acme"),
            ("/t/%0aevil/scim", "/t/{tenant}/scim", "?"),
            ("/admin/v1/tenants/acme", "/admin", ""),
            ("/", "other", ""),
        ] {
            assert_eq!(shape(path), (route.to_owned(), tenant.to_owned()), "{path}");
        }
    }
}
