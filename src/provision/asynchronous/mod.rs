//! Requests that are answered before they are done (RFC 9967 §2.5.1).
//!
//! What is accepted is kept, sealed, before it is answered, so that nothing which
//! was answered is lost. [`Asynchronous::run`] does it as a bulk request is done;
//! a single request is a bulk request of one operation. Each transaction writes
//! the changes, their events, the event that tells of the end, and the result
//! together, so that a crash makes nothing happen twice.
//!
//! From its acceptance on a request ends in an event, also if its client waited
//! for the answer and got it.

mod request;
mod worker;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::Notify;
use uuid::Uuid;

pub use request::AsyncRequest;

use super::{
    Access, Answered, ProvisionError, Provisioner, Terms,
    bulk::{Job, Kept, Progress, authorise},
};
use crate::{
    scim::{ScimError, bulk::Done, resource::ResourceId},
    store::{KeyError, NewAsyncRequest, SecretKey, StoreError},
    tenant::{Caller, Scope, TenantId},
};

/// Requests of one tenant that may wait.
const WAITING: i64 = 100;
/// How often a client that waits looks whether its request is done, at least.
const LOOK: Duration = Duration::from_millis(200);

/// Accepts requests to be done later. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Asynchronous {
    provisioner: Provisioner,
    secret: Arc<SecretKey>,
    accepted: Arc<Notify>,
    finished: Arc<Notify>,
}

/// How a request ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finished {
    /// The results as a bulk answer.
    pub body: String,
    /// What was not taken as it stands, as a header tells it.
    pub notice: Option<String>,
    /// What became of it, if it was a single request.
    pub only: Option<Done>,
}

/// A request as it is kept, and how far it has come.
struct Opened {
    job: Job,
    progress: Progress,
}

impl Asynchronous {
    /// Keeps requests for `provisioner`, sealed with `secret`.
    pub fn new(provisioner: Provisioner, secret: Arc<SecretKey>) -> Self {
        Self { provisioner, secret, accepted: Arc::default(), finished: Arc::default() }
    }

    /// Where the result of a request will be.
    pub fn location(&self, caller: &Caller, id: Uuid) -> String {
        format!("{}/async/{id}", self.provisioner.base(&caller.tenant_name))
    }

    /// Accepts a request; gives its id, which is also its name in events.
    ///
    /// # Errors
    ///
    /// `LacksScope`; what is wrong with the message as a whole; `TooManyWaiting`.
    pub async fn accept(
        &self,
        caller: &Arc<Caller>,
        request: &AsyncRequest,
    ) -> Result<Uuid, ProvisionError> {
        authorise(caller)?;
        request.read(caller)?;
        let id = self.provisioner.clock.new_id();
        let text = serde_json::to_vec(request).map_err(|error| damaged(&error.to_string()))?;
        let sealed = self.secret.seal(&place(caller.tenant, id), &text);
        let new = Arc::new(NewAsyncRequest {
            id,
            connection: caller.connection,
            credential: caller.credential,
            sealed: sealed.map_err(|error| unusable(&error))?,
        });
        self.provisioner
            .store
            .tenant(caller.tenant)
            .write(move |tx| {
                let new = Arc::clone(&new);
                Box::pin(async move {
                    if WAITING <= tx.waiting_async_requests().await? {
                        return Err(ScimError::TooManyWaiting { limit: WAITING }.into());
                    }
                    tx.insert_async_request(&new).await.map_err(ProvisionError::from)
                })
            })
            .await?;
        self.accepted.notify_waiters();
        Ok(id)
    }

    /// How a request of the caller's connection ended; none if it is not done yet.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such request; that of another connection or tenant
    /// looks the same, and so does one whose result is no longer kept.
    pub async fn result(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<Finished>, ProvisionError> {
        if !caller.may_somewhere(Scope::Read) && !caller.may(Scope::Write) {
            return Err(ScimError::LacksScope { scope: Scope::Read.as_str() }.into());
        }
        let shown: String = id.chars().filter(|char| !char.is_control()).take(64).collect();
        let not_found =
            || ScimError::NotFound { resource_type: "The request".to_owned(), id: shown };
        let Some(known) = ResourceId::parse(id) else { return Err(not_found().into()) };
        let tenant = self.provisioner.store.tenant(caller.tenant);
        match tenant.async_results(known.get(), caller.connection).await? {
            None => Err(not_found().into()),
            Some(None) => Ok(None),
            Some(Some(text)) => Ok(Some(read(&text)?)),
        }
    }

    /// As [`Asynchronous::result`], once it is there, or none after `most`.
    ///
    /// # Errors
    ///
    /// As [`Asynchronous::result`].
    pub async fn wait(
        &self,
        caller: &Caller,
        id: Uuid,
        most: Duration,
    ) -> Result<Option<Finished>, ProvisionError> {
        let (mut waited, id) = (Duration::ZERO, id.to_string());
        loop {
            let told = self.finished.notified();
            let found = self.result(caller, &id).await?;
            if found.is_some() || most <= waited {
                return Ok(found);
            }
            let pause = LOOK.min(most - waited);
            waited += pause;
            // What another process has finished is not told here.
            drop(tokio::time::timeout(pause, told).await);
        }
    }

    /// The answer that a single request would have had, if the resource is still there.
    ///
    /// # Errors
    ///
    /// `NotFound` if it is not.
    pub async fn answer(
        &self,
        access: &Access,
        id: &str,
        terms: &Terms,
    ) -> Result<Answered, ProvisionError> {
        self.provisioner.shown(access, id, terms).await
    }

    /// The job of a request that is kept.
    fn open(
        &self,
        caller: Arc<Caller>,
        (tenant, id): (TenantId, Uuid),
        sealed: &[u8],
        results: &str,
    ) -> Result<Opened, ProvisionError> {
        let opened = self.secret.open(&place(tenant, id), sealed);
        let opened = opened.map_err(|error| unusable(&error))?;
        let request: AsyncRequest = serde_json::from_slice(opened.expose_secret())
            .map_err(|error| damaged(&error.to_string()))?;
        let kept = Kept { id, is_bulk: request.is_bulk() };
        let asked = request.read(&caller)?;
        let done = match results {
            "" => BTreeMap::new(),
            text => read(text)?,
        };
        let (job, progress) = Job::new(&self.provisioner, caller, asked).resumed(kept, done);
        Ok(Opened { job, progress })
    }
}

/// Reads what was kept of results.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, ProvisionError> {
    serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))
}

/// Where a request lies; a row copied to another tenant does not open.
fn place(tenant: TenantId, id: Uuid) -> String {
    format!("{tenant}/{id}/async")
}

fn damaged(what: &str) -> ProvisionError {
    StoreError::Damaged(format!("an asynchronous request: {what}")).into()
}

fn unusable(error: &KeyError) -> ProvisionError {
    damaged(&error.to_string())
}
