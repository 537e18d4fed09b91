//! SuperTokens core, over its Core Driver Interface.
//!
//! `POST /appid-{app}/{tenant}/recipe/session/remove` removes the sessions of a
//! user and of the accounts linked to them, and lists those it removed:
//! <https://supertokens.com/docs/references/cdi/session-recipe/deletesession>.
//! `revokeAcrossAllTenants` is true unless it is sent as false, which we do: a
//! tenant of ours is one of theirs.
//!
//! It ends refresh tokens, and sessions that are checked in the database. An
//! access token that is checked offline lives until it expires (an hour, if not
//! configured otherwise). A user without sessions gets an empty list and no 404,
//! so a 404 is never taken for an answer about the user. It can lock nobody out.
//!
//! Settings: `app_id` and `tenant_id` (both `public` if absent), `cdi_version`.
//! Secret: `api_key`, unless the core has none.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api::{Api, Login},
    check_endpoint, check_segment,
};
use crate::delivery::{
    Commanded,
    sink::{
        command::{Connector, Order, Stop},
        http::{Draft, Http, segment},
        settings::{Target, read},
    },
};

/// A core.
pub(super) struct SuperTokens;

/// The first interface that knows linked accounts in every core of today.
const CDI_VERSION: &str = "5.0";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "public")]
    app_id: String,
    #[serde(default = "public")]
    tenant_id: String,
    cdi_version: Option<String>,
}

fn public() -> String {
    "public".to_owned()
}

#[async_trait]
impl Connector for SuperTokens {
    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        let settings: Settings = read(target.settings)?;
        check_segment("app_id", &settings.app_id)?;
        check_segment("tenant_id", &settings.tenant_id)?;
        target.secrets.check(&[], &["api_key"])
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let settings: Settings = order.settings()?;
        let (app, tenant) = (segment(&settings.app_id)?, segment(&settings.tenant_id)?);
        let login = match order.secret("api_key") {
            Some(key) => Login::Header("api-key", key.to_owned()),
            None => Login::Nothing,
        };
        let url = format!("{}/appid-{app}/{tenant}/recipe/session/remove", order.base());
        let draft = Draft::post(url)
            .header("rid", "session")
            .header("cdi-version", settings.cdi_version.as_deref().unwrap_or(CDI_VERSION))
            .json(&json!({
                "userId": order.user()?,
                "revokeAcrossAllTenants": false,
                "revokeSessionsForLinkedAccounts": true,
            }))
            .listing();
        let answer = Api::new(http, order, login, |_| false).ask(draft).await?.json()?;
        if answer.get("status").and_then(Value::as_str) != Some("OK") {
            return Err(Stop::unclear("the core does not say that it is done"));
        }
        let revoked = answer.get("sessionHandlesRevoked").and_then(Value::as_array);
        Ok(Commanded::Confirmed { sessions: revoked.and_then(|it| u32::try_from(it.len()).ok()) })
    }
}
