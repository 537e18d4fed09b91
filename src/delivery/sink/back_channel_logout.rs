//! OpenID Connect Back-Channel Logout 1.0: a relying party ends its sessions.
//!
//! It ends what the relying party keeps itself. Refresh tokens with offline
//! access should live on by §2.7, so this alone does not end all access.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    command::{Connector, Order, Stop},
    http::{Draft, Http},
    settings::{Target, read},
};
use crate::delivery::Commanded;

/// A relying party.
pub(super) struct BackChannelLogout;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Whom the relying party is to us: `aud` of the token.
    client_id: String,
    /// Whom it takes for the issuer of its people, if that is not us.
    issuer: Option<String>,
}

/// What the token is (§2.4).
const TOKEN_TYPE: &str = "logout+jwt";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// In seconds; §2.4 recommends no more.
const LIFETIME: i64 = 120;

#[async_trait]
impl Connector for BackChannelLogout {
    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        let settings: Settings = read(target.settings)?;
        if settings.client_id.is_empty() {
            return Err("`settings.client_id`: expected a name".to_owned());
        }
        target.secrets.check(&[], &[])
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let token = order.sign(TOKEN_TYPE, &claims(order)?).await?;
        let draft = Draft::post(order.parcel.endpoint_url).form(&[("logout_token", &token)]);
        http.call(draft).await?.done()?;
        Ok(Commanded::Confirmed { sessions: None })
    }
}

/// The claims of §2.4: `sub` without `sid` means every session of the user.
fn claims(order: &Order<'_>) -> Result<Value, Stop> {
    let settings: Settings = order.settings()?;
    let parcel = order.parcel;
    let issued_at = parcel.now_us.div_euclid(1_000_000);
    Ok(json!({
        "iss": settings.issuer.as_deref().unwrap_or(parcel.issuer),
        "aud": settings.client_id,
        "sub": order.user()?,
        "iat": issued_at,
        "exp": issued_at + LIFETIME,
        // A relying party may refuse a token that it has seen: each attempt has its own.
        "jti": format!("{}-{}", parcel.jti, parcel.now_us),
        "events": { EVENT: {} },
    }))
}
