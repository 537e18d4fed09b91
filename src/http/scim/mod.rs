//! The SCIM base of a tenant: `/t/{tenant}/scim/v2`.
//!
//! [`Base`] authenticates first, then brings the path and query into the form
//! that the routes know, then lets the handlers work, and gives every error a
//! SCIM body.

mod caller;
mod describe;
mod discovery;
mod groups;
mod parameters;
mod resources;
mod search;
mod unsupported;
mod users;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::CatchPanic,
};
use poem_openapi::{LicenseObject, OpenApiService};

use super::{
    auth::Authenticator,
    error::{Refusal, scim_response},
    payload::{BodyLimit, SCIM_JSON},
};
use crate::{
    provision::Provisioner,
    scim::ScimError,
    tenant::{Caller, MediaType},
};

type Apis = (
    users::UsersApi,
    groups::GroupsApi,
    search::SearchApi,
    discovery::DiscoveryApi,
    unsupported::UnsupportedApi,
);

/// The routes below the base; their handlers find the [`Provisioner`] in the request.
fn service() -> OpenApiService<Apis, ()> {
    let apis = (
        users::UsersApi,
        groups::GroupsApi,
        search::SearchApi,
        discovery::DiscoveryApi,
        unsupported::UnsupportedApi,
    );
    OpenApiService::new(apis, "Muster SCIM 2.0", env!("CARGO_PKG_VERSION"))
        .description("Users and groups of one tenant (RFC 7643, RFC 7644).")
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .server("/t/{tenant}/scim/v2")
}

/// The OpenAPI document of the base, the same for the same program.
pub(crate) fn spec() -> String {
    service().spec()
}

/// A tenant's SCIM base as an endpoint.
pub(super) struct Base {
    routes: Box<dyn poem::endpoint::DynEndpoint<Output = Response>>,
    authenticator: Authenticator,
    max_body_bytes: usize,
}

impl Base {
    pub(super) fn new(
        provisioner: Provisioner,
        authenticator: Authenticator,
        max_body_bytes: usize,
    ) -> Self {
        let panicked = |_| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; this was logged")
                .into_response()
        };
        let routes = Route::new()
            .nest("/", service().data(provisioner))
            .with(CatchPanic::new().with_handler(panicked))
            .catch_all_error(|error| async move { scim_response(error) })
            .map_to_response();
        Self {
            routes: Box::new(poem::endpoint::ToDynEndpoint(routes)),
            authenticator,
            max_body_bytes,
        }
    }

    /// Answers a request of `tenant` whose path below the base is `path`.
    pub(super) async fn answer(&self, mut request: Request, tenant: &str, path: &str) -> Response {
        let mut accept = Accept::of(&request);
        let admitted = match self.admit(&mut request, tenant, path).await {
            Ok(()) => Ok(request),
            Err(refusal) => Err(refusal.into_response()),
        };
        let method = admitted.as_ref().map(|request| request.method().clone()).ok();
        if let Some(caller) = admitted.as_ref().ok().and_then(Request::data::<Arc<Caller>>) {
            accept = accept.unless_set(caller.settings.media_type);
        }
        let response = match admitted {
            Ok(request) => match self.routes.call(request).await {
                Ok(response) => response,
                Err(error) => scim_response(error),
            },
            Err(response) => response,
        };
        finish(response, path, method, accept)
    }

    async fn admit(&self, request: &mut Request, tenant: &str, path: &str) -> Result<(), Refusal> {
        let caller = self.authenticate(request, tenant, path).await?;
        let leniency = caller.as_ref().map(|caller| caller.dialect.leniency());
        let loose = leniency.is_none_or(|leniency| leniency.loose_paths);
        if leniency.is_some_and(|leniency| !leniency.loose_paths)
            && matches!(Accept::of(request), Accept::NoJson)
        {
            return Err(Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "answers are application/scim+json or application/json",
            ));
        }
        let path = parameters::canonical_path(path, loose);
        let query = parameters::canonical_query(request.uri().query().unwrap_or_default())?;
        let uri = match query.is_empty() {
            true => path,
            false => format!("{path}?{query}"),
        };
        *request.uri_mut() = uri
            .parse::<Uri>()
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the path cannot be read"))?;
        if caller.is_some() {
            refuse_large(request, self.max_body_bytes)?;
        }
        request.extensions_mut().insert(BodyLimit(self.max_body_bytes));
        request.extensions_mut().insert(TenantName(tenant.into()));
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        Ok(())
    }

    /// The service provider's configuration may be read by anybody (RFC 7643 §5);
    /// it holds nothing of a tenant.
    async fn authenticate(
        &self,
        request: &Request,
        tenant: &str,
        path: &str,
    ) -> Result<Option<Arc<Caller>>, Refusal> {
        let public = path.trim_matches('/').eq_ignore_ascii_case("ServiceProviderConfig")
            && matches!(*request.method(), Method::GET | Method::HEAD)
            && !request.headers().contains_key(header::AUTHORIZATION);
        match public {
            true => Ok(None),
            false => self.authenticator.caller(request, tenant).await.map(Some),
        }
    }
}

/// The tenant's name as the URL has it; in the request's extensions.
#[derive(Debug, Clone)]
struct TenantName(Arc<str>);

/// A body that says it is too large is refused before it is sent.
fn refuse_large(request: &Request, limit: usize) -> Result<(), Refusal> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    match length {
        Some(length) if limit < length => Err(ScimError::TooLarge { limit }.into()),
        _ => Ok(()),
    }
}

/// Which of the two media types a client prefers (RFC 7644 §3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accept {
    Scim,
    Json,
    NoJson,
}

impl Accept {
    /// What the connection is set to comes first: its directory may not say what it wants.
    fn unless_set(self, media_type: MediaType) -> Self {
        match media_type {
            MediaType::Auto => self,
            MediaType::Scim => Self::Scim,
            MediaType::Json => Self::Json,
        }
    }

    fn of(request: &Request) -> Self {
        let mut accepted = request.headers().get_all(header::ACCEPT).iter().peekable();
        if accepted.peek().is_none() {
            return Self::Scim;
        }
        let (mut scim, mut json) = (false, false);
        for range in
            accepted.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','))
        {
            let essence = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            scim |=
                matches!(essence.as_str(), "application/scim+json" | "*/*" | "application/*" | "");
            json |= essence == "application/json";
        }
        match (scim, json) {
            (true, _) => Self::Scim,
            (false, true) => Self::Json,
            (false, false) => Self::NoJson,
        }
    }
}

/// What every answer gets: a media type, no caching, and `Allow` where it is due.
fn finish(mut response: Response, path: &str, method: Option<Method>, accept: Accept) -> Response {
    let status = response.status();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let is_scim = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == SCIM_JSON);
    if is_scim && accept == Accept::Json {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static(parameters::allowed_methods(path)));
    }
    if method == Some(Method::HEAD) {
        response.set_body(poem::Body::empty());
    }
    response
}
