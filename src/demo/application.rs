//! The sample application: it knows who is logged in, and believes signed events.
//!
//! It is reached over HTTP only and reaches the service over HTTP only. What it
//! was told when it was set up is in [`Trust`]; whoever can put a Set under a
//! key of that key set can end sessions here, and nobody else can.

mod server;
mod sessions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::Client;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::{people::Person, story::Fault};
use crate::{
    clock::Clock,
    event::{
        EventUri,
        receive::{RefusedSet, verify},
    },
};
pub(super) use server::serve;
pub(super) use sessions::Ended;
use sessions::Sessions;

/// Whose events the application believes.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// Where the tenant's public keys are.
    pub(super) jwks_url: String,
    /// The tenant's `iss`.
    pub(super) issuer: String,
    /// The application's own `aud`.
    pub(super) audience: String,
}

/// The application.
#[derive(Debug)]
pub(super) struct Application {
    trust: Trust,
    http: Client,
    clock: Clock,
    /// The key set, as it was fetched last.
    jwks: Mutex<Option<Arc<Value>>>,
    sessions: Mutex<Sessions>,
    ended: UnboundedSender<Ended>,
}

/// Why a Set was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotAccepted {
    /// It is not for us, or not genuine.
    Refused(RefusedSet),
    /// The key set cannot be had, so it cannot be told yet.
    NoKeys,
}

impl From<RefusedSet> for NotAccepted {
    fn from(refused: RefusedSet) -> Self {
        Self::Refused(refused)
    }
}

impl Application {
    /// An application where nobody is logged in. Sessions that an event ends
    /// are told to `ended`.
    pub(super) fn new(
        trust: Trust,
        http: Client,
        clock: Clock,
        ended: UnboundedSender<Ended>,
    ) -> Self {
        Self { trust, http, clock, jwks: Mutex::default(), sessions: Mutex::default(), ended }
    }

    /// Logs `person` in and gives the session's secret, as a cookie would hold it.
    pub(super) fn log_in(&self, person: &Person, device: &'static str) -> String {
        let secret = format!("{:032x}", u128::from_be_bytes(self.clock.random()));
        self.sessions().begin(secret.clone(), *person, device);
        secret
    }

    /// Whose session `secret` is, if it lives.
    fn who(&self, secret: &str) -> Option<Person> {
        self.sessions().who(secret)
    }

    /// Takes a Set and does what it says.
    async fn receive(&self, set: &str) -> Result<(), NotAccepted> {
        let claims = self.verified(set).await?;
        self.obey(&claims);
        Ok(())
    }

    /// Verifies a Set with the keys at hand. Only a key that is not among them
    /// makes the application ask for the key set again: keys are rotated.
    async fn verified(&self, set: &str) -> Result<Value, NotAccepted> {
        let known = locked(&self.jwks).clone();
        if let Some(jwks) = known {
            match self.check(set, &jwks) {
                Err(RefusedSet::Key) => (),
                checked => return Ok(checked?),
            }
        }
        let jwks = Arc::new(self.fetch_keys().await.map_err(|_| NotAccepted::NoKeys)?);
        *locked(&self.jwks) = Some(Arc::clone(&jwks));
        Ok(self.check(set, &jwks)?)
    }

    fn check(&self, set: &str, jwks: &Value) -> Result<Value, RefusedSet> {
        let now = self.clock.now_seconds();
        verify(set, jwks, &self.trust.issuer, &self.trust.audience, now)
    }

    async fn fetch_keys(&self) -> reqwest::Result<Value> {
        self.http.get(&self.trust.jwks_url).send().await?.error_for_status()?.json().await
    }

    /// Ends the sessions of whom a verified Set names, if it asks for that.
    fn obey(&self, claims: &Value) {
        let text = |pointer| claims.pointer(pointer).and_then(Value::as_str);
        let events = claims.get("events").and_then(Value::as_object);
        let ends = events.is_some_and(|it| it.contains_key(EventUri::SessionRevoked.as_str()));
        if !ends || text("/sub_id/format") != Some("email") {
            return;
        }
        let (Some(jti), Some(email)) = (text("/jti"), text("/sub_id/email")) else { return };
        if let Some(ended) = self.sessions().end(jti, email) {
            // Whether anybody looks on does not matter to the application.
            let _ = self.ended.send(ended);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        locked(&self.sessions)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A browser in front of the application.
#[derive(Debug)]
pub(super) struct Browser {
    http: Client,
    page: String,
}

impl Browser {
    pub(super) fn new(http: Client, application_url: &str) -> Self {
        Self { http, page: format!("{application_url}/app") }
    }

    /// Asks for the page with a session, and gives the status of the answer.
    pub(super) async fn open(&self, session: &str) -> Result<u16, Fault> {
        let cookie = format!("session={session}");
        let sent = self.http.get(&self.page).header(http::header::COOKIE, cookie).send().await;
        let response =
            sent.map_err(|error| Fault::error("an answer of the application", &error))?;
        Ok(response.status().as_u16())
    }
}
