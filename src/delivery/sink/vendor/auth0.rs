//! An Auth0 tenant, over its Management API v2.
//!
//! `DELETE /api/v2/users/{id}/sessions` and `DELETE
//! /api/v2/users/{id}/refresh-tokens` are both answered by 202 and done later:
//! <https://auth0.com/docs/api/management/v2/users/delete-sessions-for-user>,
//! <https://auth0.com/docs/api/management/v2/users/delete-refresh-tokens-for-user>.
//! Auth0 offers the first to some plans only. With `disable`, `PATCH
//! /api/v2/users/{id}` sets `blocked`.
//!
//! It ends cookies of Auth0 and refresh tokens. An access token that is checked
//! offline lives until it expires (24 hours, if not configured otherwise). An
//! unknown user is `"errorCode": "inexistent_user"`.
//!
//! Settings: `client_id` of a machine-to-machine application, and `audience` of
//! the Management API if the endpoint is a custom domain. Secret: `client_secret`
//! with `client_id`, otherwise `token`. Scopes: `delete:sessions`,
//! `delete:refresh_tokens`, and `update:users` for `disable`.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{
    api::{Api, Login, text},
    check_endpoint,
    tokens::Tokens,
};
use crate::delivery::{
    Commanded,
    sink::{
        command::{Command, Connector, Order, Stop},
        http::{Draft, Http, segment},
        settings::{Target, read},
    },
};

/// Tenants of Auth0.
#[derive(Default)]
pub(super) struct Auth0 {
    tokens: Tokens,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    client_id: Option<String>,
    audience: Option<String>,
}

#[async_trait]
impl Connector for Auth0 {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        target.secrets.check(
            match read::<Settings>(target.settings)?.client_id {
                Some(_) => &["client_secret"],
                None => &["token"],
            },
            &[],
        )
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let is_unknown =
            |answer: &_| text(answer, "errorCode").as_deref() == Some("inexistent_user");
        let api = Api::new(http, order, login(&self.tokens, order)?, is_unknown);
        let user = format!("{}/api/v2/users/{}", order.base(), segment(order.user()?)?);
        match order.command {
            Command::Revoke => {
                api.ask(Draft::delete(format!("{user}/sessions"))).await?;
                api.ask(Draft::delete(format!("{user}/refresh-tokens"))).await?;
                Ok(Commanded::Accepted)
            }
            Command::Disable | Command::Enable => {
                let blocked = order.command == Command::Disable;
                api.ask(Draft::patch(user).json(&json!({ "blocked": blocked }))).await?;
                Ok(Commanded::Confirmed { sessions: None })
            }
        }
    }
}

fn login<'a>(tokens: &'a Tokens, order: &Order<'_>) -> Result<Login<'a>, Stop> {
    let settings: Settings = order.settings()?;
    let Some(client_id) = settings.client_id else {
        return Ok(Login::bearer(order.require("token")?));
    };
    let base = order.base();
    Ok(Login::Fetched(
        tokens,
        Draft::post(format!("{base}/oauth/token")).json(&json!({
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": order.require("client_secret")?,
            "audience": settings.audience.unwrap_or_else(|| format!("{base}/api/v2/")),
        })),
    ))
}
