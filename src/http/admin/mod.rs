//! The operator's API under `/admin/v1`: the use cases of the command line over HTTP.
//!
//! A request is answered in three steps, from the outside in: errors get one
//! JSON form ([`problem`]), the token is checked before anything of the body is read
//! ([`authenticate`]), and whether it allows what is asked ([`rights`]); then
//! poem-openapi routes and parses. The
//! comments on the handlers are the text of the OpenAPI document.

mod administrators;
mod allow;
mod applications;
mod audit;
mod authenticate;
mod brake;
mod clients;
mod connections;
mod connectors;
mod document;
mod events;
mod keys;
mod letters;
mod offboardings;
mod operations;
mod people;
mod problem;
mod receipts;
mod receivers;
mod restoring;
mod revocation_issuer;
mod rights;
mod roles;
mod schemas;
mod streams;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;
mod view;
mod webhooks;

use std::sync::Arc;

use poem::{
    Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Response, Route, endpoint::make_sync, get,
};
use poem_openapi::{LicenseObject, OpenApi, OpenApiService};

use crate::provision::operator::Operator;
use authenticate::Accepted;

/// Where the API lives.
const BASE: &str = "/admin/v1";

/// The API as poem-openapi sees it; its handlers find the [`Operator`] in the request.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    let tenancy = (
        tenants::Tenants,
        administrators::Administrators,
        connections::Connections,
        tokens::Tokens,
        clients::Clients,
        schemas::Schemas,
    );
    let people = (
        people::People,
        offboardings::Offboardings,
        roles::Roles,
        restoring::Restoring,
        brake::Brakes,
        audit::Audit,
        receipts::Receipts,
    );
    let receiving = (
        applications::Applications,
        receivers::Receivers,
        streams::Streams,
        webhooks::Webhooks,
        connectors::Connectors,
    );
    let sending =
        (keys::Keys, letters::Letters, events::Events, revocation_issuer::RevocationIssuers);
    OpenApiService::new((tenancy, people, receiving, sending), "Muster administration", "1.0")
        .description(
            "Tenants, connections, tokens, applications, event streams and events, for operators.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0"))
        .server(BASE)
}

/// The OpenAPI document; the same for the same program.
pub fn spec() -> String {
    document::complete(&service().spec())
}

/// The routes `/v1/…` and `/openapi.json`, to be nested under `/admin`.
pub fn route(operator: Operator) -> impl Endpoint<Output = Response> + 'static {
    protected(operator.clone(), service().data(operator))
}

/// `api` behind the token check, the document beside it, errors in one form.
fn protected<A, I>(accepted: A, api: I) -> impl Endpoint<Output = Response> + 'static
where
    A: Accepted + 'static,
    I: IntoEndpoint,
    I::Endpoint: 'static,
{
    let accepted = Arc::new(accepted);
    let document = spec();
    let operations = Arc::new(operations::Operations::of(&document));
    let judged = Arc::clone(&operations);
    let document = make_sync(move |_| {
        document.clone().with_content_type("application/json; charset=utf-8").into_response()
    });
    let api = api.into_endpoint().around(authenticate::body_limit);
    let api = api.around(move |api, request| allow::add(operations.clone(), api, request));
    let permitted = Arc::clone(&accepted);
    let api = api.around(move |api, request| {
        rights::check((judged.clone(), permitted.clone()), api, request)
    });
    let api = api.around(move |api, request| authenticate::check(accepted.clone(), api, request));
    Route::new()
        .at("/openapi.json", get(document))
        .nest("/v1", api)
        .catch_all_error(problem::answer)
        .map_to_response()
        .after(problem::no_store)
}
