//! `/tenants/{tenant}/clients`.

use std::time::Duration;

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::Any};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    tokens::scopes,
    view::{List, list, view},
};
use crate::{
    provision::operator::{self, Operator},
    tenant::AllowedNetworks,
};

/// 365 days.
const CLIENT_SECONDS: u64 = 31_536_000;

pub(super) struct Clients;

/// A client to be made for a connection: with a secret, or with keys that are here or at a URL.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewClient {
    /// The connection that will use it.
    connection: String,
    /// What its tokens may do, as for tokens. Default: `scim.read` and `scim.write`.
    scopes: Option<Vec<String>>,
    /// Networks from which alone its tokens are good, at most 50. Default: anywhere.
    #[oai(default)]
    networks: Vec<String>,
    /// How long it works, in seconds, at most ten years. Default: 365 days.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    expires_in: Option<u64>,
    /// What it is for, to tell it from others.
    #[oai(default)]
    label: String,
    /// Its public keys, a JSON Web Key Set: it signs its own assertions (`private_key_jwt`).
    jwks: Option<Any<Value>>,
    /// Where they are.
    jwks_uri: Option<String>,
    /// `iss` of assertions that an issuer signs for it, whose the keys are then: workload identity
    /// federation.
    issuer: Option<String>,
    /// `sub` of such assertions.
    subject: Option<String>,
    /// `aud` of such assertions. Default: `api://AzureADTokenExchange`.
    audience: Option<String>,
}

/// A client of a connection.
#[derive(Debug, Object)]
struct Client {
    /// Its OAuth `client_id`.
    client_id: String,
    /// Its connection.
    connection: String,
    /// What it is for.
    label: String,
    /// `secret`, `keys` or `federated`.
    method: String,
    /// What its tokens may do.
    scopes: Vec<String>,
    /// From where alone its tokens are good; anywhere if there are none.
    networks: Vec<String>,
    /// Where its keys or its issuer's are, if they are fetched.
    jwks_uri: Option<String>,
    /// `iss` of assertions that an issuer signs for it.
    issuer: Option<String>,
    /// `sub` of such assertions.
    subject: Option<String>,
    /// `aud` of such assertions.
    audience: Option<String>,
    /// Where it gets tokens, which work for an hour.
    token_url: String,
    /// When it was made (RFC 3339).
    created_at: String,
    /// When it ends (RFC 3339).
    expires_at: String,
    /// When it was revoked (RFC 3339).
    revoked_at: Option<String>,
}

/// A client that was just made.
#[derive(Debug, Object)]
struct SecretClient {
    /// The client.
    client: Client,
    /// Its secret, shown this once; none if it has keys.
    client_secret: Option<String>,
}

#[derive(ApiResponse)]
enum Made {
    /// The client was made.
    #[oai(status = 201)]
    Client(Json<SecretClient>),
}

#[derive(ApiResponse)]
enum Revoked {
    /// The client and its tokens no longer work.
    #[oai(status = 204)]
    Client,
}

#[OpenApi]
impl Clients {
    /// Makes an OAuth client for a connection, whose directory gets tokens by itself: by client
    /// credentials with a secret or a signed assertion.
    #[oai(path = "/tenants/:tenant/clients", method = "post", operation_id = "clients.create")]
    async fn create(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewClient>,
        operator: Data<&Operator>,
    ) -> Result<Made, Failure> {
        let body = body.0;
        let networks = AllowedNetworks::parse(body.networks.iter().map(String::as_str));
        let new = operator::NewClient {
            connection: body.connection,
            scopes: scopes(body.scopes)?,
            networks: networks.map_err(Failure::bad_request)?,
            label: body.label,
            expires_in: Duration::from_secs(body.expires_in.unwrap_or(CLIENT_SECONDS)),
            jwks: body.jwks.map(|jwks| jwks.0),
            jwks_uri: body.jwks_uri,
            issuer: body.issuer,
            subject: body.subject,
            audience: body.audience,
        };
        let made = operator.create_client(&tenant, new, &token.actor()).await?;
        let client_secret = made.secret.map(|secret| secret.expose_secret().to_owned());
        Ok(Made::Client(Json(SecretClient { client: view(&made.record)?, client_secret })))
    }

    /// Lists the OAuth clients of a tenant's connections; not the secrets.
    #[oai(path = "/tenants/:tenant/clients", method = "get", operation_id = "clients.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Client>>, Failure> {
        Ok(Json(list(&operator.clients(&tenant).await?)?))
    }

    /// Makes a client and every token that it has got useless, at once.
    #[oai(
        path = "/tenants/:tenant/clients/:id",
        method = "delete",
        operation_id = "clients.revoke"
    )]
    async fn revoke(
        &self,
        token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Revoked, Failure> {
        operator.revoke_client(&tenant, uuid(&id)?, &token.actor()).await?;
        Ok(Revoked::Client)
    }
}
