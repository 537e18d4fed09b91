//! The SCIM base of a tenant: `/t/{tenant}/scim/v2`.
//!
//! [`Base`] authenticates first, then brings the path and query into the form
//! that the routes know, then lets the handlers work, and gives every error a
//! SCIM body.

mod asynchronous;
mod bulk;
mod caller;
mod describe;
mod discovery;
mod endpoints;
mod parameters;
mod places;
mod resources;
mod unsupported;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::CatchPanic,
};
use poem_openapi::{LicenseObject, OpenApiService};

use serde_json::{Value, json};

use super::{
    auth::Authenticator,
    error::{Refusal, scim_response},
    gate::{self, Gate},
    openapi,
    payload::{BodyLimit, SCIM_JSON},
};
use crate::{
    provision::{Asynchronous, ConnectionLog, Mode, Provisioner},
    scim::{
        ScimError,
        dialect::{Dialect, recognise},
        schema::Registry,
    },
    tenant::{Caller, MediaType},
};
use places::Place;

type Apis = (
    endpoints::UsersApi,
    endpoints::GroupsApi,
    endpoints::CustomApi,
    endpoints::BaseApi,
    endpoints::MeApi,
    bulk::BulkApi,
    asynchronous::AsyncApi,
    discovery::DiscoveryApi,
    unsupported::UnsupportedApi,
);

/// The routes below the base; their handlers find the [`Provisioner`] in the request.
fn service() -> OpenApiService<Apis, ()> {
    let apis = (
        endpoints::UsersApi,
        endpoints::GroupsApi,
        endpoints::CustomApi,
        endpoints::BaseApi,
        endpoints::MeApi,
        bulk::BulkApi,
        asynchronous::AsyncApi,
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
    let mut document = openapi::read(&service().spec());
    if let Some(server) = document.pointer_mut("/servers/0").and_then(Value::as_object_mut) {
        let tenant = json!({ "default": "acme", "description": "The tenant's name." });
        server.insert("variables".to_owned(), json!({ "tenant": tenant }));
    }
    openapi::write(&document)
}

/// A tenant's SCIM base as an endpoint.
pub(super) struct Base {
    routes: Box<dyn poem::endpoint::DynEndpoint<Output = Response>>,
    authenticator: Authenticator,
    gate: Gate,
    log: ConnectionLog,
    asynchronous: Asynchronous,
    max_body_bytes: usize,
}

impl Base {
    pub(super) fn new(
        provisioner: Provisioner,
        asynchronous: Asynchronous,
        authenticator: Authenticator,
        max_body_bytes: usize,
    ) -> Self {
        let log = provisioner.log().clone();
        let panicked = |_| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; this was logged")
                .into_response()
        };
        let routes = Route::new()
            .nest("/", service().data(provisioner).data(asynchronous.clone()))
            .with(CatchPanic::new().with_handler(panicked))
            .catch_all_error(|error| async move { scim_response(error) })
            .map_to_response();
        Self {
            routes: Box::new(poem::endpoint::ToDynEndpoint(routes)),
            authenticator,
            gate: Gate::new(),
            log,
            asynchronous,
            max_body_bytes,
        }
    }

    /// Answers a request of `tenant` whose path below the base is `path`.
    pub(super) async fn answer(&self, mut request: Request, tenant: &str, path: &str) -> Response {
        let mut accept = Accept::of(&request);
        let is_head = *request.method() == Method::HEAD;
        let response = match self.admit(&mut request, tenant, path).await {
            Ok((place, _inside)) => {
                if let Some(caller) = request.data::<Arc<Caller>>() {
                    accept = accept.unless_set(caller.settings.media_type);
                }
                let mode = request.data::<Mode>().copied().unwrap_or_default();
                // A rehearsal is over at once.
                let accepted = match mode {
                    Mode::Real => asynchronous::accept(&self.asynchronous, request, &place).await,
                    Mode::DryRun | Mode::Shadow => Err(request),
                };
                let mut response = match accepted {
                    Ok(response) => response,
                    Err(request) => {
                        let answered = self.routes.call(request).await;
                        allow(answered.unwrap_or_else(scim_response), place.methods)
                    }
                };
                if mode == Mode::DryRun {
                    let made = HeaderValue::from_static("nothing was changed");
                    response.headers_mut().insert("muster-dry-run", made);
                }
                response
            }
            Err(refusal) => refusal.into_response(),
        };
        let response = finish(response, accept);
        if is_head { without_body(response).await } else { response }
    }

    /// Makes the request one that the routes know: of a caller, to a place that
    /// is there.
    async fn admit(
        &self,
        request: &mut Request,
        tenant: &str,
        path: &str,
    ) -> Result<(Place, Option<gate::Place>), Refusal> {
        let caller = self.authenticate(request, tenant, path).await?;
        let inside = match &caller {
            Some(caller) => Some(self.gate.enter(caller).await?),
            None => None,
        };
        let leniency = caller.as_ref().map(|caller| caller.dialect.leniency());
        let loose = leniency.is_none_or(|leniency| leniency.loose_paths);
        let registry = match &caller {
            Some(caller) => Arc::clone(&caller.registry),
            None => Registry::shared(),
        };
        let Some(place) = Place::find(path, &registry, loose) else {
            return Err(nowhere(path));
        };
        if caller.as_ref().is_some_and(|caller| caller.subject.is_some()) && !place.is_personal {
            let detail = "a token that speaks for a user reaches `/Me` and discovery alone";
            return Err(ScimError::Forbidden(detail.to_owned()).into());
        }
        // RFC 9967 §2.5.1.1: an answer without a body needs no media type.
        let is_async = asynchronous::Prefer::read(request.headers()).is_some();
        if !loose && !is_async && matches!(Accept::of(request), Accept::NoJson) {
            return Err(Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "answers are application/scim+json or application/json",
            ));
        }
        let mode = mode(request, caller.as_deref())?;
        if place.path.starts_with("/Bulk") {
            mode.refuse_unless_real("`/Bulk` in a dry run or on a connection in shadow mode")?;
        }
        request.extensions_mut().insert(mode);
        let query = parameters::canonical_query(request.uri().query().unwrap_or_default())?;
        let uri = match query.is_empty() {
            true => place.path.clone(),
            false => format!("{}?{query}", place.path),
        };
        *request.uri_mut() = uri
            .parse::<Uri>()
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the path cannot be read"))?;
        if request.method() == Method::HEAD {
            request.set_method(Method::GET);
        }
        if caller.is_some() {
            refuse_large(request, self.max_body_bytes)?;
        }
        request.extensions_mut().insert(BodyLimit(self.max_body_bytes));
        request.extensions_mut().insert(TenantName(tenant.into()));
        if let Some(caller) = caller {
            if let Some(calling) = calling(request) {
                self.log.tell_stranger(&caller, calling);
            }
            request.extensions_mut().insert(caller);
        }
        Ok((place, inside))
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

/// Whether the changes of a request are made: not in a dry run, nor for a connection in
/// shadow mode.
fn mode(request: &Request, caller: Option<&Caller>) -> Result<Mode, Refusal> {
    if parameters::dry_run(request.uri().query().unwrap_or_default())? {
        return Ok(Mode::DryRun);
    }
    Ok(match caller.is_some_and(|caller| caller.settings.shadow) {
        true => Mode::Shadow,
        false => Mode::Real,
    })
}

/// The directory that the headers tell of.
fn calling(request: &Request) -> Option<Dialect> {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    recognise(agent, request.headers().contains_key("adscimversion"))
}

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

/// The answer to a path at which nothing stands; a version has an answer of its
/// own (RFC 7644 §3.13).
fn nowhere(path: &str) -> Refusal {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let number = first.strip_prefix(['v', 'V']).unwrap_or_default();
    match !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        true => ScimError::InvalidVersion.into(),
        false => Refusal::nowhere(),
    }
}

/// Tells which methods there are to who has used another.
fn allow(mut response: Response, methods: &'static str) -> Response {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    response
}

/// What every answer gets: the media type that was asked for, and no caching.
fn finish(mut response: Response, accept: Accept) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let is_scim = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == SCIM_JSON);
    if is_scim && accept == Accept::Json {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

/// The answer to HEAD: that to GET, with the length of its body in the body's
/// place (RFC 9110 §9.3.2).
async fn without_body(mut response: Response) -> Response {
    let body = response.take_body().into_bytes().await.unwrap_or_default();
    if !body.is_empty() {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    response
}
