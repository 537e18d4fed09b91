//! `/tenants/{tenant}/keys`.

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};

use super::{
    authenticate::OperatorToken,
    problem::Failure,
    view::{List, SigningKey, list},
};
use crate::provision::operator::Operator;

pub(super) struct Keys;

/// How a signing key is replaced.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct Rotate {
    /// Whether the new key signs from now on. Receivers that keep the key set refuse events
    /// until they ask for it again. Default: false.
    #[oai(default)]
    now: bool,
}

#[OpenApi]
impl Keys {
    /// Lists the signing keys of a tenant, oldest first; the key set shows all of them.
    #[oai(path = "/tenants/:tenant/keys", method = "get", operation_id = "keys.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<SigningKey>>, Failure> {
        Ok(Json(list(&operator.keys(&tenant).await?)?))
    }

    /// Makes a new signing key, which signs when every receiver must have seen it.
    #[oai(path = "/tenants/:tenant/keys", method = "post", operation_id = "keys.rotate")]
    async fn rotate(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<Rotate>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<SigningKey>>, Failure> {
        Ok(Json(list(&operator.rotate_key(&tenant, body.0.now).await?)?))
    }

    /// Removes a signing key at once; another one signs what is not delivered yet.
    #[oai(path = "/tenants/:tenant/keys/:kid", method = "delete", operation_id = "keys.revoke")]
    async fn revoke(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        kid: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<SigningKey>>, Failure> {
        Ok(Json(list(&operator.revoke_key(&tenant, &kid).await?)?))
    }
}
