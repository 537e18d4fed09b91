//! Zitadel, over its session service v2.
//!
//! `POST /v2/sessions/search` lists the sessions of a user, and `DELETE
//! /v2/sessions/{id}` ends one with its token, until there are none:
//! <https://zitadel.com/docs/apis/resources/session_service_v2>. With `disable`,
//! `POST /v2/users/{id}/deactivate` and `…/reactivate`, which answer with an error
//! of code 9 if the user is in that state already:
//! <https://zitadel.com/docs/apis/resources/user_service_v2/user-service-deactivate-user>.
//!
//! It ends cookies. What Zitadel documents leaves open whether refresh tokens end
//! with a session; it gives no new token to a deactivated user, so `disable`
//! should be set, and `residual_ttl_s` then be the lifetime of access tokens
//! (twelve hours, if not configured otherwise). Without it, access may last as long
//! as a refresh token: 90 days.
//!
//! Secret: `token`, of a service user with the permissions `session.read`,
//! `session.delete`, and `user.write` for `disable`.

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
        http::{Draft, Http, segment},
        settings::{Target, read},
    },
};

/// An instance, or an organization of it.
pub(super) struct Zitadel;

/// Sessions in one answer.
const PAGE: u32 = 20;
/// gRPC: there is no such thing.
const NOT_FOUND: u64 = 5;
/// gRPC: the user is in that state already.
const FAILED_PRECONDITION: u64 = 9;

#[async_trait]
impl Connector for Zitadel {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        read::<NoSettings>(target.settings)?;
        target.secrets.check(&["token"], &[])
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let login = Login::bearer(order.require("token")?);
        let api = Api::new(http, order, login, |answer| code(answer) == Some(NOT_FOUND));
        match order.command {
            Command::Revoke => {
                let sessions = end_sessions(&api, order).await?;
                Ok(Commanded::Confirmed { sessions: Some(sessions) })
            }
            Command::Disable => set_state(&api, order, "deactivate").await,
            Command::Enable => set_state(&api, order, "reactivate").await,
        }
    }
}

async fn end_sessions(api: &Api<'_>, order: &Order<'_>) -> Result<u32, Stop> {
    let sessions = format!("{}/v2/sessions", order.base());
    let search = Draft::post(format!("{sessions}/search")).json(&json!({
        "query": { "limit": PAGE },
        "queries": [{ "userIdQuery": { "id": order.user()? } }],
    }));
    let ids = |page: &Value| match page.get("sessions") {
        Some(sessions) => texts(sessions, "id"),
        // An empty list is left out.
        None => page.get("details").map(|_| Vec::new()),
    };
    let end = |id: &str| Ok(Draft::delete(format!("{sessions}/{}", segment(id)?)).json(&json!({})));
    api.end_all(&search, ids, end).await
}

async fn set_state(api: &Api<'_>, order: &Order<'_>, verb: &str) -> Result<Commanded, Stop> {
    let url = format!("{}/v2/users/{}/{verb}", order.base(), segment(order.user()?)?);
    let answer = api.send(Draft::post(url).json(&json!({}))).await?;
    if answer.status != 400 || code(&answer) != Some(FAILED_PRECONDITION) {
        api.settle(answer)?;
    }
    Ok(Commanded::Confirmed { sessions: None })
}

/// The code of an error.
fn code(answer: &Answer) -> Option<u64> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    body.get("code")?.as_u64()
}
