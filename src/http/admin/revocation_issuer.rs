//! `/tenants/{tenant}/revocation-issuer`.

use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::Any};
use serde_json::Value;

use super::{authenticate::OperatorToken, problem::Failure, view::view};
use crate::provision::operator::{NewRevocationIssuer, Operator};

pub(super) struct RevocationIssuers;

/// The identity provider that may end a tenant's sessions.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewIssuer {
    /// The `iss` of its tokens, such as `https://acme.okta.com`.
    issuer: String,
    /// The `sub` that its tokens must have; any without it.
    subject: Option<String>,
    /// Its public keys, a JSON Web Key Set (RFC 7517); or …
    jwks: Option<Any<Value>>,
    /// … where they are.
    jwks_uri: Option<String>,
}

/// The identity provider that may end a tenant's sessions.
#[derive(Debug, Object)]
struct Issuer {
    /// The `iss` of its tokens.
    issuer: String,
    /// The `sub` that its tokens must have.
    subject: Option<String>,
    /// Names of the keys that are kept here.
    keys: Vec<String>,
    /// Where its keys are, if they are fetched.
    jwks_uri: Option<String>,
    /// Where it calls, and the `aud` of its tokens.
    endpoint: String,
    /// When it was set (RFC 3339).
    created_at: String,
}

#[derive(ApiResponse)]
enum Deleted {
    /// Nobody may end the tenant's sessions by tokens of their own any more.
    #[oai(status = 204)]
    Issuer,
}

#[OpenApi]
impl RevocationIssuers {
    /// Sets the identity provider that may end the tenant's sessions (Global Token Revocation,
    /// Okta Universal Logout), in place of the one before.
    #[oai(
        path = "/tenants/:tenant/revocation-issuer",
        method = "put",
        operation_id = "revocation_issuer.set"
    )]
    async fn set(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewIssuer>,
        operator: Data<&Operator>,
    ) -> Result<Json<Issuer>, Failure> {
        let NewIssuer { issuer, subject, jwks, jwks_uri } = body.0;
        let jwks = jwks.map(|jwks| jwks.0);
        let new = NewRevocationIssuer { issuer, subject, jwks, jwks_uri };
        Ok(Json(view(&operator.set_revocation_issuer(&tenant, new).await?)?))
    }

    /// Shows the identity provider that may end the tenant's sessions.
    #[oai(
        path = "/tenants/:tenant/revocation-issuer",
        method = "get",
        operation_id = "revocation_issuer.read"
    )]
    async fn read(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Issuer>, Failure> {
        Ok(Json(view(&operator.revocation_issuer(&tenant).await?)?))
    }

    /// Lets nobody end the tenant's sessions by tokens of their own any more.
    #[oai(
        path = "/tenants/:tenant/revocation-issuer",
        method = "delete",
        operation_id = "revocation_issuer.delete"
    )]
    async fn delete(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Deleted, Failure> {
        operator.delete_revocation_issuer(&tenant).await?;
        Ok(Deleted::Issuer)
    }
}
