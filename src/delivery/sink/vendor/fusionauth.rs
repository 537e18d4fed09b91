//! FusionAuth.
//!
//! `DELETE /api/jwt/refresh?userId=` revokes the user's refresh tokens, of all
//! applications or of one, and so also their single sign-on:
//! <https://fusionauth.io/docs/apis/jwt#revoke-refresh-tokens>. Webhooks of
//! FusionAuth tell applications. With `disable`, `DELETE /api/user/{id}` locks the
//! user and keeps the account, and `PUT /api/user/{id}?reactivate=true` undoes it:
//! <https://fusionauth.io/docs/apis/users#delete-a-user>.
//!
//! An access token is a JWT that lives until it expires (an hour, if not configured
//! otherwise). An unknown user is a 404 without a body.
//!
//! Settings: `tenant_id`, which an API key for all tenants needs; `application_id`
//! to end one application only. Secret: `api_key`.

use async_trait::async_trait;
use serde::Deserialize;

use super::{
    api::{Api, Login},
    check_endpoint,
};
use crate::delivery::{
    Commanded,
    sink::{
        command::{Command, Connector, Order, Stop},
        http::{Draft, Http, escape, segment},
        settings::{Target, read},
    },
};

/// An instance.
pub(super) struct FusionAuth;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    tenant_id: Option<String>,
    application_id: Option<String>,
}

#[async_trait]
impl Connector for FusionAuth {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        read::<Settings>(target.settings)?;
        target.secrets.check(&["api_key"], &[])
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let settings: Settings = order.settings()?;
        let login = Login::Header("authorization", order.require("api_key")?.to_owned());
        let api = Api::new(http, order, login, |answer| answer.body.is_empty());
        let (base, user) = (order.base(), order.user()?);
        let mut draft = match order.command {
            Command::Revoke => {
                let application = settings.application_id.as_deref();
                let application = application.map(|id| format!("&applicationId={}", escape(id)));
                let application = application.unwrap_or_default();
                let user = escape(user);
                Draft::delete(format!("{base}/api/jwt/refresh?userId={user}{application}"))
            }
            Command::Disable => Draft::delete(format!("{base}/api/user/{}", segment(user)?)),
            Command::Enable => {
                Draft::put(format!("{base}/api/user/{}?reactivate=true", segment(user)?))
            }
        };
        if let Some(tenant) = &settings.tenant_id {
            draft = draft.header("x-fusionauth-tenantid", tenant);
        }
        api.ask(draft).await?;
        Ok(Commanded::Confirmed { sessions: None })
    }
}
