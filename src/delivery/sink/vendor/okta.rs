//! An Okta org, over its management API.
//!
//! `DELETE /api/v1/users/{id}/sessions?oauthTokens=true` revokes the sessions of
//! the identity provider and the OpenID Connect and OAuth tokens:
//! <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/UserSessions/>.
//! With `disable`, `POST …/lifecycle/suspend` and `…/lifecycle/unsuspend`, each
//! refused unless the user is active or suspended, so the status is read first:
//! <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/UserLifecycle/>.
//!
//! It ends cookies of Okta and refresh tokens. Applications keep their own sessions,
//! and an access token that is checked offline lives until it expires (an hour, if
//! not configured otherwise). An unknown user is `"errorCode": "E0000007"`.
//!
//! People may be known by Okta's id or by their login. Secret: `api_token`, sent
//! with the scheme `SSWS`, or `token`, an OAuth token with `okta.users.manage` and,
//! for `disable`, `okta.users.read`.

use async_trait::async_trait;
use serde_json::Value;

use super::{
    NoSettings,
    api::{Api, Login, text},
    check_endpoint,
};
use crate::delivery::{
    Commanded,
    sink::{
        command::{Command, Connector, Order, Stop},
        http::{Draft, Http, segment},
        settings::{Target, read},
    },
};

/// An org.
pub(super) struct Okta;

#[async_trait]
impl Connector for Okta {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        read::<NoSettings>(target.settings)?;
        match target.secrets.get("token") {
            Some(_) => target.secrets.check(&["token"], &[]),
            None => target.secrets.check(&["api_token"], &[]),
        }
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let login = match order.secret("token") {
            Some(token) => Login::bearer(token),
            None => Login::Header("authorization", format!("SSWS {}", order.require("api_token")?)),
        };
        let is_unknown = |answer: &_| text(answer, "errorCode").as_deref() == Some("E0000007");
        let api = Api::new(http, order, login, is_unknown);
        let user = format!("{}/api/v1/users/{}", order.base(), segment(order.user()?)?);
        match order.command {
            Command::Revoke => {
                api.ask(Draft::delete(format!("{user}/sessions?oauthTokens=true"))).await?;
            }
            Command::Disable => {
                unless(&api, &user, &["SUSPENDED", "DEPROVISIONED"], "suspend").await?
            }
            Command::Enable => unless(&api, &user, &["ACTIVE"], "unsuspend").await?,
        }
        Ok(Commanded::Confirmed { sessions: None })
    }
}

/// Moves a user on, unless they have one of these statuses already.
async fn unless(api: &Api<'_>, user: &str, statuses: &[&str], verb: &str) -> Result<(), Stop> {
    let known = api.ask(Draft::get(user).listing()).await?.json()?;
    let status = known.get("status").and_then(Value::as_str);
    let status = status.ok_or_else(|| Stop::unclear("the user has no status"))?;
    if !statuses.contains(&status) {
        api.ask(Draft::post(format!("{user}/lifecycle/{verb}"))).await?;
    }
    Ok(())
}
