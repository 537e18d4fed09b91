//! A realm of Keycloak, over its Admin REST API
//! (<https://www.keycloak.org/docs-api/latest/rest-api/index.html>).
//!
//! `POST …/users/{id}/logout` removes the user's sessions, tells the clients, and
//! refuses every token that was issued before. It leaves offline sessions, so
//! `GET …/users/{id}/consents` says which clients have offline tokens, and
//! `DELETE …/users/{id}/consents/{client}` revokes those with the consent. With
//! `disable`, `PUT …/users/{id}` sets `enabled` and nothing else: attributes that
//! are absent stay.
//!
//! It ends cookies and refresh tokens. An access token that is checked offline
//! lives until it expires (five minutes, if not configured otherwise).
//!
//! A user id is Keycloak's own id. If people are known by `userName` or `email`,
//! `GET …/users?exact=true` finds it first. An unknown user is `{"error": "User not
//! found"}`; an unknown realm is a 404 too, and is not taken for it.
//!
//! Settings: `realm`; `client_id` for a service account, which lives in `realm` or
//! in `auth_realm`. Secret: `client_secret` with `client_id`, otherwise `token`.
//! The account needs the role `manage-users`.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api::{Api, Login, text, texts},
    check_endpoint, check_segment,
    tokens::Tokens,
};
use crate::delivery::{
    Commanded,
    sink::{
        command::{Command, Connector, Order, Stop},
        http::{Draft, Http, escape, segment},
        settings::{Target, UserIdSource, read},
    },
};

/// Realms.
#[derive(Default)]
pub(super) struct Keycloak {
    tokens: Tokens,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    realm: String,
    auth_realm: Option<String>,
    client_id: Option<String>,
}

#[async_trait]
impl Connector for Keycloak {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        let settings: Settings = read(target.settings)?;
        check_segment("realm", &settings.realm)?;
        if let Some(realm) = &settings.auth_realm {
            check_segment("auth_realm", realm)?;
        }
        target.secrets.check(
            match settings.client_id {
                Some(_) => &["client_secret"],
                None => &["token"],
            },
            &[],
        )
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let settings: Settings = order.settings()?;
        let is_unknown = |answer: &_| text(answer, "error").as_deref() == Some("User not found");
        let api = Api::new(http, order, login(&self.tokens, order, &settings)?, is_unknown);
        let users = format!("{}/admin/realms/{}/users", order.base(), segment(&settings.realm)?);
        let user = format!("{users}/{}", segment(&id(&api, order, &users).await?)?);
        match order.command {
            Command::Revoke => {
                api.ask(Draft::post(format!("{user}/logout"))).await?;
                end_offline_sessions(&api, &user).await?;
            }
            Command::Disable | Command::Enable => {
                let enabled = order.command == Command::Enable;
                api.ask(Draft::put(user).json(&json!({ "enabled": enabled }))).await?;
            }
        }
        Ok(Commanded::Confirmed { sessions: None })
    }
}

fn login<'a>(
    tokens: &'a Tokens,
    order: &Order<'_>,
    settings: &Settings,
) -> Result<Login<'a>, Stop> {
    let Some(client_id) = &settings.client_id else {
        return Ok(Login::bearer(order.require("token")?));
    };
    let realm = segment(settings.auth_realm.as_ref().unwrap_or(&settings.realm))?;
    let url = format!("{}/realms/{realm}/protocol/openid-connect/token", order.base());
    Ok(Login::Fetched(
        tokens,
        Draft::post(url).form(&[
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", order.require("client_secret")?),
        ]),
    ))
}

/// Keycloak's id of the user.
async fn id(api: &Api<'_>, order: &Order<'_>, users: &str) -> Result<String, Stop> {
    let user = order.user()?;
    let by = match order.user_id_source() {
        UserIdSource::UserName => "username",
        UserIdSource::Email => "email",
        UserIdSource::ExternalId | UserIdSource::Id => return Ok(user.to_owned()),
    };
    let url = format!("{users}?{by}={}&exact=true&briefRepresentation=true", escape(user));
    let found = api.ask(Draft::get(url).listing()).await?.json()?;
    match texts(&found, "id").as_deref() {
        Some([id]) => Ok(id.clone()),
        Some([]) => Err(Stop::Gone),
        // A realm may let several people have one e-mail address.
        Some(_) => Err(Stop::never(format!("several users have this {by}"))),
        None => Err(Stop::unclear("the answer is no list of users")),
    }
}

async fn end_offline_sessions(api: &Api<'_>, user: &str) -> Result<(), Stop> {
    let consents = api.ask(Draft::get(format!("{user}/consents")).listing()).await?.json()?;
    let consents = consents.as_array().ok_or_else(|| Stop::unclear("the answer is no list"))?;
    for consent in consents {
        let grants = consent.get("additionalGrants").and_then(Value::as_array);
        let is_offline =
            |it: &Value| it.get("key").and_then(Value::as_str) == Some("Offline Token");
        if grants.is_some_and(|grants| grants.iter().any(is_offline)) {
            let client = consent.get("clientId").and_then(Value::as_str);
            let client = client.ok_or_else(|| Stop::unclear("a consent has no client"))?;
            let answer = api.send(Draft::delete(format!("{user}/consents/{}", segment(client)?)));
            let answer = answer.await?;
            // It was revoked since the list was made.
            if answer.status != 404 {
                answer.done()?;
            }
        }
    }
    Ok(())
}
