//! The fence: whose tokens are not to be taken any more, for services that check
//! tokens by themselves.
//!
//! It is read from the events that ended sessions; nothing is written for it. A
//! reader says where it stands, and waits until there is more.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::Value;
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    clock::Clock,
    event::fence,
    store::{FenceFilter, FencePlace, FenceRow, FenceRows, Store, StoreError},
    tenant::EventCaller,
};

/// Entries of one answer.
const PAGE: u32 = 1_000;
/// How often a waiting read looks without being told: other replicas write too.
const LOOK: Duration = Duration::from_secs(1);
/// Reads that wait at a time; further ones are answered at once.
const WAITING: usize = 1_000;

/// A person whose older tokens are not to be taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FenceEntry {
    /// Every name of the person, in the format `aliases` (RFC 9493 §3.2.8).
    pub sub_id: Value,
    /// The user's id.
    pub user: String,
    /// A token that was issued in this second or before is not to be taken; whole
    /// seconds since 1970.
    pub not_before: i64,
    /// The application at which alone it holds, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<Uuid>,
}

/// What a reader of the fence asks.
#[derive(Debug, Clone)]
pub struct FenceRequest {
    /// Where it stands, by an answer before; without it, it is told all that holds.
    pub since: Option<String>,
    /// How long it waits if there is nothing new.
    pub wait: Duration,
    /// An application whose own entries it wants too.
    pub application: Option<Uuid>,
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FenceAnswer {
    /// The entries; of one person, the latest counts.
    pub fences: Vec<FenceEntry>,
    /// Where it stands now.
    pub cursor: String,
    /// Whether there are more already.
    pub more: bool,
}

/// Why it is told nothing.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// The place it says is none of ours.
    #[error("`since` is no cursor of this service; leave it out to begin again")]
    Cursor,
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

/// Tells readers of the fence. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fence {
    store: Store,
    clock: Clock,
    public_url: Arc<str>,
    holds_us: i64,
    shutdown: CancellationToken,
    waiting: Arc<Semaphore>,
}

impl Fence {
    /// A fence whose entries hold for that many hours: as long as tokens live.
    /// Reads that wait end with `shutdown`.
    pub fn new(
        store: Store,
        clock: Clock,
        public_url: &str,
        hours: u32,
        shutdown: CancellationToken,
    ) -> Self {
        let holds_us = i64::from(hours).saturating_mul(3_600_000_000);
        let waiting = Arc::new(Semaphore::new(WAITING));
        Self { store, clock, public_url: public_url.into(), holds_us, shutdown, waiting }
    }

    /// Tells what is new since the reader's place, as soon as there is something
    /// or its patience is over.
    ///
    /// # Errors
    ///
    /// [`FenceError::Cursor`] if there is no such place.
    pub async fn read(
        &self,
        caller: &EventCaller,
        request: &FenceRequest,
    ) -> Result<FenceAnswer, FenceError> {
        let place = request.since.as_deref().map(decode).transpose()?;
        // Without a place all is new.
        let seat = place.as_ref().and_then(|_| self.waiting.try_acquire().ok());
        let wait = if seat.is_some() { request.wait } else { Duration::ZERO };
        let end = Instant::now() + wait;
        let mut revoked = self.store.revoked();
        loop {
            // From here on what is committed wakes us.
            revoked.borrow_and_update();
            let found = self.find(caller, request, place.as_ref()).await?;
            if !found.rows.is_empty() || end <= Instant::now() {
                return Ok(self.answer(caller, found));
            }
            tokio::select! {
                _ = revoked.changed() => (),
                () = tokio::time::sleep_until(end.min(Instant::now() + LOOK)) => (),
                () = self.shutdown.cancelled() => return Ok(self.answer(caller, found)),
            }
        }
    }

    async fn find(
        &self,
        caller: &EventCaller,
        request: &FenceRequest,
        place: Option<&FencePlace>,
    ) -> Result<FenceRows, FenceError> {
        let filter = FenceFilter {
            application: request.application,
            since_us: self.clock.now_us().saturating_sub(self.holds_us),
            limit: PAGE,
        };
        let found = self.store.tenant(caller.tenant).fences(place, filter).await?;
        found.ok_or(FenceError::Cursor)
    }

    fn answer(&self, caller: &EventCaller, found: FenceRows) -> FenceAnswer {
        let own = || format!("{}/t/{}", self.public_url, caller.tenant_name);
        let issuer = found.subject_issuer.unwrap_or_else(own);
        let entry = |row: FenceRow| FenceEntry {
            sub_id: fence::every_name(&row.subject, &issuer),
            not_before: fence::not_before(row.occurred_us),
            application: row.application,
            user: row.subject.id,
        };
        FenceAnswer {
            fences: found.rows.into_iter().map(entry).collect(),
            cursor: URL_SAFE_NO_PAD.encode(found.place.to_text()),
            more: found.more,
        }
    }
}

fn decode(cursor: &str) -> Result<FencePlace, FenceError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| FenceError::Cursor)?;
    let text = str::from_utf8(&bytes).map_err(|_| FenceError::Cursor)?;
    FencePlace::parse(text).ok_or(FenceError::Cursor)
}
