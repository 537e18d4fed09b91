//! `/tenants/{tenant}/tokens` and `/operator-tokens`.

use std::time::Duration;

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{self, List, Token, list},
};
use crate::{
    provision::operator::{self, Operator},
    tenant::{AllowedNetworks, Scope},
};

/// 365 days.
const TENANT_TOKEN_SECONDS: u64 = 31_536_000;

/// One day.
const OVERLAP_SECONDS: u64 = 86_400;

/// 90 days.
const OPERATOR_TOKEN_SECONDS: u64 = 7_776_000;

pub(super) struct Tokens;

/// A token to be made for a connection.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewToken {
    /// The connection that will use it.
    connection: String,
    /// Id of the user it speaks for: it reaches `/Me` and discovery alone.
    user: Option<String>,
    /// What it may do: `scim.read`, `scim.write` (everything over SCIM), `scim.users`,
    /// `scim.groups` (read and change users or groups alone), `ssf.poll`, `fence.read`, `access.read`,
    /// `sessions.revoke`. Default: the first two.
    scopes: Option<Vec<String>>,
    /// Networks from which alone it is good, such as `203.0.113.0/24`, at most 50. Default:
    /// anywhere.
    #[oai(default)]
    networks: Vec<String>,
    /// How long it works, in seconds, at most ten years. Default: 365 days.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    expires_in: Option<u64>,
    /// What it is for, to tell it from others.
    #[oai(default)]
    label: String,
}

/// An operator token to be made.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewOperatorToken {
    /// How long it works, in seconds, at most ten years. Default: 90 days.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    expires_in: Option<u64>,
    /// Who has it, to tell it from others.
    #[oai(default)]
    label: String,
}

#[derive(ApiResponse)]
enum Issued {
    /// The token was made; its secret is shown this once.
    #[oai(status = 201)]
    Token(Json<view::SecretToken>),
}

#[derive(ApiResponse)]
enum Revoked {
    /// The token no longer works.
    #[oai(status = 204)]
    Token,
}

/// The scopes of these names, for a connection.
pub(super) fn scopes(names: Option<Vec<String>>) -> Result<Vec<Scope>, Failure> {
    let Some(names) = names else { return Ok(vec![Scope::Read, Scope::Write]) };
    let offered = &Scope::OF_CONNECTIONS;
    let known = |name: &String| Scope::parse(name).filter(|scope| offered.contains(scope));
    let scopes = names.iter().map(known).collect::<Option<Vec<_>>>();
    scopes.filter(|scopes| !scopes.is_empty()).ok_or_else(|| {
        Failure::bad_request(format!("`scopes`: expected some of {}", Scope::list(offered)))
    })
}

#[OpenApi]
impl Tokens {
    /// Makes a token for a connection.
    #[oai(path = "/tenants/:tenant/tokens", method = "post", operation_id = "tokens.issue")]
    async fn issue(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewToken>,
        operator: Data<&Operator>,
    ) -> Result<Issued, Failure> {
        let NewToken { connection, user, scopes: names, networks, expires_in, label } = body.0;
        let expires_in = Duration::from_secs(expires_in.unwrap_or(TENANT_TOKEN_SECONDS));
        let scopes = scopes(names)?;
        let networks = AllowedNetworks::parse(networks.iter().map(String::as_str));
        let networks = networks.map_err(Failure::bad_request)?;
        let new = operator::NewToken { connection, user, scopes, networks, expires_in, label };
        let issued = operator.issue_token(&tenant, new).await?;
        Ok(Issued::Token(Json(view::new_token(&issued)?)))
    }

    /// Lists the tokens of a tenant; not the secrets.
    #[oai(path = "/tenants/:tenant/tokens", method = "get", operation_id = "tokens.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Token>>, Failure> {
        Ok(Json(list(&operator.tokens(&tenant).await?)?))
    }

    /// Makes a token useless, at once.
    #[oai(path = "/tenants/:tenant/tokens/:id", method = "delete", operation_id = "tokens.revoke")]
    async fn revoke(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Revoked, Failure> {
        operator.revoke_token(&tenant, uuid(&id)?).await?;
        Ok(Revoked::Token)
    }

    /// Makes a token in place of another, which works for a while yet: the same but for its
    /// secret, its id and its end.
    #[oai(
        path = "/tenants/:tenant/tokens/:id/rotate",
        method = "post",
        operation_id = "tokens.rotate"
    )]
    async fn rotate(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        /// For how many seconds both work, at most 30 days. Default: one day.
        #[oai(validator(minimum(value = "0"), maximum(value = "2592000")))]
        overlap: Query<Option<u64>>,
        operator: Data<&Operator>,
    ) -> Result<Issued, Failure> {
        let overlap = Duration::from_secs(overlap.unwrap_or(OVERLAP_SECONDS));
        let issued = operator.rotate_token(&tenant, uuid(&id)?, overlap).await?;
        Ok(Issued::Token(Json(view::new_token(&issued)?)))
    }

    /// Makes an operator token.
    #[oai(path = "/operator-tokens", method = "post", operation_id = "operator_tokens.issue")]
    async fn issue_operator(
        &self,
        _token: OperatorToken,
        body: Json<NewOperatorToken>,
        operator: Data<&Operator>,
    ) -> Result<Issued, Failure> {
        let seconds = body.expires_in.unwrap_or(OPERATOR_TOKEN_SECONDS);
        let expires_in = Duration::from_secs(seconds);
        let issued = operator.issue_operator_token(&body.label, expires_in).await?;
        Ok(Issued::Token(Json(view::new_token(&issued)?)))
    }
}
