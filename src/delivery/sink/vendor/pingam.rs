//! A realm of PingAM (ForgeRock AM) or of PingOne Advanced Identity Cloud.
//!
//! `POST …/sessions/?_action=logoutByUser` ends the sessions of a user, kept on the
//! server or in the client's cookie, and answers `{"result": true}`:
//! <https://docs.pingidentity.com/pingam/8/am-sessions/managing-sessions-REST.html>.
//! Then `GET …/users/{user}/oauth2/applications?_queryFilter=true` lists the clients
//! that hold tokens of the user, and `DELETE` on each deletes them:
//! <https://docs.pingidentity.com/pingam/8.1/am-oauth2/rest-api-oauth2-applications-endpoint.html>.
//!
//! It ends cookies and refresh tokens. What is checked offline lives until it
//! expires (an hour, if not configured otherwise); sessions in cookies need AM's
//! denylist. A user without sessions is no error, so a 404 of the first call is
//! never taken for an answer about the user.
//!
//! Settings: `realm`, such as `/alpha`, the top level if absent; `oauth2` is false
//! if the realm gives no OAuth tokens. Secret: `sso_token`, sent in the header of
//! AM's usual cookie name, or `token`, a bearer token with `fr:am:*`.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api::{Api, Login, not_about_the_user, texts},
    check_endpoint, check_segment,
};
use crate::delivery::{
    Commanded,
    outgoing::Answer,
    sink::{
        command::{Connector, Order, Stop},
        http::{Draft, Http, segment},
        settings::{Target, read},
    },
};

/// A realm.
pub(super) struct PingAm;

const VERSION: &str = "accept-api-version";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    realm: String,
    #[serde(default = "yes")]
    oauth2: bool,
}

fn yes() -> bool {
    true
}

impl Settings {
    /// The realms from the top level down.
    fn realms(&self) -> impl Iterator<Item = &str> {
        self.realm.split('/').filter(|name| !name.is_empty())
    }
}

#[async_trait]
impl Connector for PingAm {
    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        let settings: Settings = read(target.settings)?;
        settings.realms().try_for_each(|realm| check_segment("realm", realm))?;
        match target.secrets.get("token") {
            Some(_) => target.secrets.check(&["token"], &[]),
            None => target.secrets.check(&["sso_token"], &[]),
        }
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let settings: Settings = order.settings()?;
        let login = match order.secret("token") {
            Some(token) => Login::bearer(token),
            None => Login::Header("iplanetdirectorypro", order.require("sso_token")?.to_owned()),
        };
        let api = Api::new(http, order, login, is_not_found);
        let mut realm = format!("{}/json/realms/root", order.base());
        for name in settings.realms() {
            realm = format!("{realm}/realms/{}", segment(name)?);
        }
        let user = order.user()?;
        let applications = format!("{realm}/users/{}/oauth2/applications", segment(user)?);
        end_sessions(&api, &realm, user).await?;
        if settings.oauth2 {
            delete_tokens(&api, &applications).await?;
        }
        Ok(Commanded::Confirmed { sessions: None })
    }
}

async fn end_sessions(api: &Api<'_>, realm: &str, user: &str) -> Result<(), Stop> {
    let draft = Draft::post(format!("{realm}/sessions/?_action=logoutByUser"))
        .header(VERSION, "resource=5.1, protocol=1.0")
        .json(&json!({ "username": user }));
    let answer = api.ask_if_there(draft).await?.ok_or_else(not_about_the_user)?.json()?;
    match answer.get("result").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        _ => Err(Stop::unclear("AM does not say that it is done")),
    }
}

async fn delete_tokens(api: &Api<'_>, applications: &str) -> Result<(), Stop> {
    let list = Draft::get(format!("{applications}?_queryFilter=true"));
    // Whom the realm does not know holds no tokens.
    let Some(list) = api.ask_if_there(list.header(VERSION, "resource=1.1").listing()).await? else {
        return Ok(());
    };
    let clients = list.json()?.get("result").and_then(|it| texts(it, "_id"));
    for client in clients.ok_or_else(|| Stop::unclear("the answer is no list"))? {
        let draft = Draft::delete(format!("{applications}/{}", segment(&client)?));
        api.ask_if_there(draft.header(VERSION, "resource=1.1")).await?;
    }
    Ok(())
}

fn is_not_found(answer: &Answer) -> bool {
    let body = serde_json::from_slice::<Value>(&answer.body);
    body.is_ok_and(|body| body.get("code").and_then(Value::as_u64) == Some(404))
}
