//! authentik, over its API version 3
//! (<https://api.goauthentik.io/reference/core-authenticated-sessions-list/>).
//!
//! `GET /core/users/` finds the user. Then, each listed and deleted until there are
//! none: `/core/authenticated_sessions/`, `/oauth2/refresh_tokens/`, and
//! `/oauth2/access_tokens/`. authentik can also delete sessions in bulk, but with
//! another method in each version. With `disable`, `PATCH /core/users/{pk}/` sets
//! `is_active`, which alone ends no session.
//!
//! It ends cookies, refresh tokens, and access tokens that are checked at authentik.
//! One that is checked offline lives until it expires (an hour or less, if not
//! configured otherwise). An unknown user is an empty list.
//!
//! People may be known by `userName` or `email`; any other name has to be the
//! user's UUID. Secret: `token` of an account that may view and delete all of this.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{
    NoSettings,
    api::{Api, Login, texts},
    check_endpoint,
};
use crate::delivery::{
    Commanded,
    outgoing::Answer,
    sink::{
        command::{Command, Connector, Order, Stop},
        http::{Draft, Http, escape, segment},
        settings::{Target, UserIdSource, read},
    },
};

/// An instance.
pub(super) struct Authentik;

/// Sessions in one answer.
const SESSIONS: u32 = 20;
/// Tokens in one answer: each comes with its provider and user.
const TOKENS: u32 = 5;

struct User {
    pk: u64,
    name: String,
}

#[async_trait]
impl Connector for Authentik {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        read::<NoSettings>(target.settings)?;
        target.secrets.check(&["token"], &[])
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let api = Api::new(http, order, Login::bearer(order.require("token")?), is_not_found);
        let base = format!("{}/api/v3", order.base());
        let user = find(&api, order, &base).await?;
        if order.command != Command::Revoke {
            let draft = Draft::patch(format!("{base}/core/users/{}/", user.pk));
            let draft = draft.json(&json!({ "is_active": order.command == Command::Enable }));
            api.ask(draft).await?;
            return Ok(Commanded::Confirmed { sessions: None });
        }
        let name = escape(&user.name);
        let of_user = format!("user__username={name}&page_size={SESSIONS}");
        let sessions = format!("{base}/core/authenticated_sessions/");
        let sessions = end(&api, &sessions, &of_user, |list| texts(list, "uuid")).await?;
        for kind in ["refresh_tokens", "access_tokens"] {
            let of_user = format!("user={}&page_size={TOKENS}", user.pk);
            end(&api, &format!("{base}/oauth2/{kind}/"), &of_user, numbers).await?;
        }
        Ok(Commanded::Confirmed { sessions: Some(sessions) })
    }
}

async fn find(api: &Api<'_>, order: &Order<'_>, base: &str) -> Result<User, Stop> {
    let by = match order.user_id_source() {
        UserIdSource::UserName => "username",
        UserIdSource::Email => "email",
        UserIdSource::ExternalId | UserIdSource::Id => "uuid",
    };
    let name = escape(order.user()?);
    let url = format!("{base}/core/users/?{by}={name}&include_groups=false&page_size=2");
    let found = api.ask(Draft::get(url).listing()).await?.json()?;
    match found.get("results").and_then(Value::as_array).map(Vec::as_slice) {
        Some([user]) => {
            let pk = user.get("pk").and_then(Value::as_u64);
            let name = user.get("username").and_then(Value::as_str);
            let user = pk.zip(name).map(|(pk, name)| User { pk, name: name.to_owned() });
            user.ok_or_else(|| Stop::unclear("the user has no pk or no name"))
        }
        Some([]) => Err(Stop::Gone),
        Some(_) => Err(Stop::never(format!("several users have this {by}"))),
        None => Err(Stop::unclear("the answer is no list of users")),
    }
}

/// Deletes what is listed under `url`.
async fn end(
    api: &Api<'_>,
    url: &str,
    of_user: &str,
    ids: fn(&Value) -> Option<Vec<String>>,
) -> Result<u32, Stop> {
    let list = Draft::get(format!("{url}?{of_user}"));
    let delete = |id: &str| Ok(Draft::delete(format!("{url}{}/", segment(id)?)));
    api.end_all(&list, |page| ids(page.get("results")?), delete).await
}

fn numbers(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|it| Some(it.get("pk")?.as_u64()?.to_string())).collect()
}

fn is_not_found(answer: &Answer) -> bool {
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body.get("detail").is_some())
}
