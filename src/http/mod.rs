//! HTTP: what arrives is unpacked here, handed to a use case, and packed.
//!
//! [`Public`] is the one endpoint behind the accept loop. It tells the parts
//! apart by path, since a tenant's name stands in front of everything of the
//! tenant: the SCIM base, the events, and beside them the operator's API.

pub mod admin;
mod auth;
mod client_address;
mod error;
mod events;
mod gate;
mod log;
mod openapi;
pub mod ops;
mod payload;
mod scim;
pub mod serve;
pub mod tls;

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route,
    endpoint::{DynEndpoint, ToDynEndpoint},
    http::{HeaderValue, StatusCode, Version, header},
};
use tokio::time::timeout;

use self::{auth::Authenticator, error::Refusal, events::Events, log::Told};
use crate::{
    clock::Clock,
    delivery::poll::Poller,
    provision::{
        Asynchronous, Fence, GlobalRevocation, Provisioner, operator::Operator, ssf::Transmitter,
    },
    store::Store,
};

pub(crate) use scim::spec as scim_spec;

/// How long a request may take, long polls apart.
const DEADLINE: Duration = Duration::from_secs(60);

/// The use cases that the public listener serves.
#[derive(Debug)]
pub struct Served {
    /// For token look-up and keys.
    pub store: Store,
    /// For the expiry of tokens.
    pub clock: Clock,
    /// SCIM.
    pub provisioner: Provisioner,
    /// SCIM requests that are answered before they are done.
    pub asynchronous: Asynchronous,
    /// The operator's API.
    pub operator: Operator,
    /// What receivers of events do with their streams.
    pub transmitter: Transmitter,
    /// Polling of events.
    pub poller: Poller,
    /// Whose tokens are not to be taken.
    pub fence: Fence,
    /// Ending sessions for identity providers.
    pub revocation: GlobalRevocation,
    /// Proxies that are believed when they say where a request comes from.
    pub proxies: Arc<[IpNet]>,
    /// Largest body of a request, in bytes.
    pub max_body_bytes: usize,
}

/// Everything on the public port.
pub struct Public {
    scim: scim::Base,
    events: Events,
    admin: Box<dyn DynEndpoint<Output = Response>>,
}

impl Public {
    /// The endpoint over `served`.
    pub fn new(served: Served) -> Self {
        let authenticator = Authenticator::new(served.store.clone(), served.clock, served.proxies);
        let admin = Route::new().nest("/admin", admin::route(served.operator));
        Self {
            scim: scim::Base::new(
                served.provisioner,
                served.asynchronous,
                authenticator.clone(),
                served.max_body_bytes,
            ),
            events: Events::new(
                served.store,
                authenticator,
                served.transmitter,
                served.poller,
                (served.fence, served.revocation),
            ),
            admin: Box::new(ToDynEndpoint(admin.map_to_response())),
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        if path == "/admin" || path.starts_with("/admin/") {
            return match self.admin.call(request).await {
                Ok(response) => response,
                Err(error) => error.into_response(),
            };
        }
        if let Some(document) = path.strip_prefix("/.well-known/") {
            return self.events.well_known(&request, document).await.unwrap_or_else(nowhere);
        }
        let Some((tenant, rest)) = tenant_of(&path) else { return nowhere() };
        match scim_path(rest) {
            Some(path) => self.scim.answer(request, tenant, path).await,
            _ => self.events.answer(request, tenant, rest).await.unwrap_or_else(nowhere),
        }
    }
}

impl Endpoint for Public {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let told = Told::of(&request);
        let is_http1 = request.version() < Version::HTTP_2;
        let answer = async {
            let answered = timeout(DEADLINE, self.answer(request)).await;
            let mut response = answered.unwrap_or_else(|_| late());
            if is_http1 && response.status() == StatusCode::PAYLOAD_TOO_LARGE {
                // The rest of the body is not read: who sends the next request on this
                // connection would lose it (RFC 9112 §9.6).
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            response
        };
        Ok(told.tell(answer).await)
    }
}

/// The tenant's name and what follows it, of a path below `/t/`.
fn tenant_of(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/t/")?;
    let end = rest.find('/').unwrap_or(rest.len());
    rest.split_at_checked(end)
}

/// The path below a tenant's SCIM base.
///
/// Without a version in it the newest is meant, which is the only one (RFC 7644
/// §3.13).
fn scim_path(path: &str) -> Option<&str> {
    let below = path.strip_prefix("/scim")?;
    let is_end = |path: &str| path.is_empty() || path.starts_with('/');
    let versioned = below.strip_prefix("/v2").filter(|below| is_end(below));
    versioned.or_else(|| is_end(below).then_some(below))
}

/// The answer to a request that missed its deadline.
fn late() -> Response {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the request took too long; try again later")
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("5"))
        .into_response()
}

fn nowhere() -> Response {
    Refusal::nowhere().into_response()
}
