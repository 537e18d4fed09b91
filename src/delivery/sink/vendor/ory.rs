//! Ory Kratos and Ory Hydra, or a project of the Ory Network, over their admin
//! APIs.
//!
//! Kratos: `DELETE /admin/identities/{id}/sessions` deletes and invalidates the
//! sessions of an identity (<https://www.ory.sh/docs/kratos/reference/api>). With
//! `disable`, `PATCH /admin/identities/{id}` sets `state` by JSON Patch.
//!
//! Hydra: `DELETE /admin/oauth2/auth/sessions/login?subject=` ends the remembered
//! login and no token; `DELETE /admin/oauth2/auth/sessions/consent?subject=&all=true`
//! ends the consents with their access and refresh tokens
//! (<https://www.ory.sh/docs/hydra/reference/api>). The login goes first, so that
//! nothing new is granted in between.
//!
//! Nothing outlives it but access tokens in the form of JWTs, if Hydra is
//! configured so. An unknown identity is an object with `error`; that alone is no
//! reason not to go on to Hydra.
//!
//! Settings: `apis`, of `kratos` and `hydra`, both if absent; `hydra_url` if Hydra
//! is not at the endpoint. Hydra's subject has to be the id of the identity.
//! Secret: `token`, unless the APIs are reached from inside only.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api::{Api, Login},
    check_endpoint,
};
use crate::delivery::{
    Commanded,
    outgoing::Answer,
    sink::{
        command::{Command, Connector, Order, Stop},
        http::{Draft, Http, escape, segment},
        settings::{Target, read},
    },
};

/// Kratos, Hydra, or both.
pub(super) struct Ory;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Kratos,
    Hydra,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "both")]
    apis: Vec<Part>,
    hydra_url: Option<String>,
}

fn both() -> Vec<Part> {
    vec![Part::Kratos, Part::Hydra]
}

#[async_trait]
impl Connector for Ory {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        let settings: Settings = read(target.settings)?;
        if settings.apis.is_empty() {
            return Err("`settings.apis`: expected `kratos`, `hydra`, or both".to_owned());
        }
        if settings.hydra_url.is_some_and(|url| url.contains(['?', '#'])) {
            return Err("`settings.hydra_url`: expected neither query nor fragment".to_owned());
        }
        target.secrets.check(&[], &["token"])
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let settings: Settings = order.settings()?;
        let login = order.secret("token").map_or(Login::Nothing, Login::bearer);
        let api = Api::new(http, order, login, is_unknown);
        let identity = format!("{}/admin/identities/{}", order.base(), segment(order.user()?)?);
        match order.command {
            Command::Revoke => revoke(&api, order, &settings, &identity).await,
            Command::Disable | Command::Enable if !settings.apis.contains(&Part::Kratos) => {
                Err(Stop::never("`settings.disable`: `settings.apis` has no `kratos`"))
            }
            Command::Disable => set_state(&api, identity, "inactive").await,
            Command::Enable => set_state(&api, identity, "active").await,
        }
    }
}

async fn revoke(
    api: &Api<'_>,
    order: &Order<'_>,
    settings: &Settings,
    identity: &str,
) -> Result<Commanded, Stop> {
    if settings.apis.contains(&Part::Kratos) {
        api.ask_if_there(Draft::delete(format!("{identity}/sessions"))).await?;
    }
    if settings.apis.contains(&Part::Hydra) {
        let base =
            settings.hydra_url.as_deref().map_or(order.base(), |it| it.trim_end_matches('/'));
        let sessions = format!("{base}/admin/oauth2/auth/sessions");
        let subject = escape(order.user()?);
        let login = format!("{sessions}/login?subject={subject}");
        let consent = format!("{sessions}/consent?subject={subject}&all=true");
        api.ask_if_there(Draft::delete(login)).await?;
        api.ask_if_there(Draft::delete(consent)).await?;
    }
    Ok(Commanded::Confirmed { sessions: None })
}

async fn set_state(api: &Api<'_>, identity: String, state: &str) -> Result<Commanded, Stop> {
    let patch = json!([{ "op": "replace", "path": "/state", "value": state }]);
    api.ask(Draft::patch(identity).json(&patch)).await?;
    Ok(Commanded::Confirmed { sessions: None })
}

fn is_unknown(answer: &Answer) -> bool {
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body.get("error").is_some())
}
