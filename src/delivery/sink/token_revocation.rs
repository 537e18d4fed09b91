//! Global Token Revocation (draft-parecki-oauth-global-token-revocation): the
//! application's authorization server ends all tokens of a user.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{
    command::{Connector, Order, Stop},
    http::{Draft, Http},
    settings::{Target, read},
};
use crate::delivery::Commanded;

/// The endpoint of an application.
pub(super) struct TokenRevocation;

/// How we prove who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Auth {
    /// With the secret `token`.
    #[default]
    Bearer,
    /// With a token that the tenant's key signs.
    PrivateKeyJwt,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    auth: Auth,
    /// `sub` of our token, if it is not our issuer.
    client_id: Option<String>,
}

/// What our token is (its header `typ`).
const TOKEN_TYPE: &str = "global-token-revocation+jwt";
/// For so long, in seconds; it is made for each request.
const TOKEN_LIFETIME: i64 = 300;

#[async_trait]
impl Connector for TokenRevocation {
    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        match read::<Settings>(target.settings)?.auth {
            Auth::Bearer => target.secrets.check(&["token"], &[]),
            Auth::PrivateKeyJwt => target.secrets.check(&[], &[]),
        }
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let parcel = order.parcel;
        let claim = parcel.claim;
        let stream = &claim.stream;
        let subject = stream.naming(parcel.issuer).sub_id(claim.uri, &claim.subject);
        let draft = Draft::post(parcel.endpoint_url).json(&json!({ "sub_id": subject }));
        let draft = draft.bearer(&credential(order).await?);
        http.call(draft).await?.done()?;
        // A success says that the revocation has begun, and nothing says that it ended.
        Ok(Commanded::Accepted)
    }
}

async fn credential(order: &Order<'_>) -> Result<String, Stop> {
    let settings: Settings = order.settings()?;
    if settings.auth == Auth::Bearer {
        return Ok(order.require("token")?.to_owned());
    }
    let parcel = order.parcel;
    let (endpoint, _) = parcel.endpoint_url.split_once('?').unwrap_or((parcel.endpoint_url, ""));
    let issued_at = parcel.now_us.div_euclid(1_000_000);
    let claims = json!({
        "iss": parcel.issuer,
        "sub": settings.client_id.as_deref().unwrap_or(parcel.issuer),
        "aud": endpoint,
        // A verifier may refuse a token that it has seen: each attempt has its own.
        "jti": format!("{}-{}", parcel.jti, parcel.now_us),
        "iat": issued_at,
        "nbf": issued_at - TOKEN_LIFETIME,
        "exp": issued_at + TOKEN_LIFETIME,
    });
    order.sign(TOKEN_TYPE, &claims).await
}
