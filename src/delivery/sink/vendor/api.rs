//! What every maker's API is spoken to with.

use std::{collections::HashSet, time::Duration};

use secrecy::ExposeSecret;
use serde_json::Value;

use super::tokens::Tokens;
use crate::delivery::{
    Remedy,
    outgoing::Answer,
    sink::{
        command::{Order, Stop},
        http::{Draft, Http},
    },
};

/// Pages of a list that one attempt ends. What is left is ended by the next.
const MAX_PAGES: u32 = 10;
/// A new attempt goes on where this one had enough.
const SOON: Duration = Duration::from_secs(1);
/// How we prove who we are.
pub(super) enum Login<'a> {
    /// Not at all: the target is reached from inside only.
    Nothing,
    /// A header with a secret.
    Header(&'static str, String),
    /// A token that this request gets (RFC 6749 §4.4).
    Fetched(&'a Tokens, Draft),
}

impl Login<'_> {
    /// A bearer token that was configured.
    pub(super) fn bearer(token: &str) -> Self {
        Self::Header("authorization", format!("Bearer {token}"))
    }
}

/// Whether a 404 is about the user. Otherwise it may be about our settings, and
/// to take it for a user who is gone would confirm what did not happen.
type IsUnknown = fn(&Answer) -> bool;

/// A target's API.
pub(super) struct Api<'a> {
    http: &'a Http<'a>,
    order: &'a Order<'a>,
    login: Login<'a>,
    is_unknown: IsUnknown,
}

impl<'a> Api<'a> {
    pub(super) fn new(
        http: &'a Http<'a>,
        order: &'a Order<'a>,
        login: Login<'a>,
        is_unknown: IsUnknown,
    ) -> Self {
        Self { http, order, login, is_unknown }
    }

    /// Makes a request; only a success is `Ok`.
    pub(super) async fn ask(&self, draft: Draft) -> Result<Answer, Stop> {
        let answer = self.send(draft).await?;
        self.settle(answer)
    }

    /// The answer, if it is a success.
    pub(super) fn settle(&self, answer: Answer) -> Result<Answer, Stop> {
        if answer.status == 404 && !(self.is_unknown)(&answer) {
            return Err(not_about_the_user());
        }
        answer.done()
    }

    /// Makes a request about something that may be gone already.
    pub(super) async fn ask_if_there(&self, draft: Draft) -> Result<Option<Answer>, Stop> {
        match self.ask(draft).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Stop::Gone) => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    /// Makes a request; whatever is answered is `Ok`.
    pub(super) async fn send(&self, draft: Draft) -> Result<Answer, Stop> {
        let (tokens, request) = match &self.login {
            Login::Nothing => return Ok(self.http.call(draft).await?),
            Login::Header(name, value) => {
                return Ok(self.http.call(draft.secret_header(name, value)).await?);
            }
            Login::Fetched(tokens, request) => (tokens, request),
        };
        let parcel = self.order.parcel;
        let (stream, now_us) = (parcel.claim.stream.id, parcel.now_us);
        let token = match tokens.get(stream, now_us).await {
            Some(token) => token,
            None => tokens.fetch(self.http, request, stream, now_us).await?,
        };
        let answer = self.http.call(draft.clone().bearer(token.expose_secret())).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        // It may have been withdrawn before its time: another one, once.
        let token = tokens.fetch(self.http, request, stream, now_us).await?;
        Ok(self.http.call(draft.bearer(token.expose_secret())).await?)
    }

    /// Ends everything that a list shows, page by page until it is empty, and
    /// says how many that were. `ids` gives nothing for an answer that is no list.
    pub(super) async fn end_all(
        &self,
        list: &Draft,
        ids: impl Fn(&Value) -> Option<Vec<String>>,
        end: impl Fn(&str) -> Result<Draft, Stop>,
    ) -> Result<u32, Stop> {
        let mut ended = HashSet::new();
        for _ in 0..MAX_PAGES {
            // Whoever is unknown has an empty list.
            let page = self.ask_if_there(list.clone().listing()).await?;
            let page = page.ok_or_else(not_about_the_user)?.json()?;
            let ids = ids(&page).ok_or_else(|| Stop::unclear("the answer is no list"))?;
            if ids.is_empty() {
                return Ok(u32::try_from(ended.len()).unwrap_or(u32::MAX));
            }
            let before = ended.len();
            for id in ids {
                if !ended.contains(&id) {
                    self.ask_if_there(end(&id)?).await?;
                    ended.insert(id);
                }
            }
            if ended.len() == before {
                let reason = "the target still lists what was ended";
                return Err(Stop::because(None, Remedy::Retry(Some(SOON)), reason));
            }
        }
        let reason = "there are more sessions than are ended in one attempt";
        Err(Stop::because(None, Remedy::Retry(Some(SOON)), reason))
    }
}

/// A 404 that does not say that the user is unknown.
pub(super) fn not_about_the_user() -> Stop {
    let reason = "the target answered 404, and not that it does not know the user; \
        `endpoint_url` or a setting may be wrong";
    Stop::because(Some(404), Remedy::Retry(None), reason)
}

/// The texts named `name` of the objects in a list.
pub(super) fn texts(list: &Value, name: &str) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|it| Some(it.get(name)?.as_str()?.to_owned())).collect()
}

/// The text named `name` in an answer that is an object.
pub(super) fn text(answer: &Answer, name: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(body.get(name)?.as_str()?.to_owned())
}
