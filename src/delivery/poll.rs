//! Poll delivery: the receiver fetches its Sets (RFC 8936).

use std::{collections::HashMap, pin::pin, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{
    ReceiverError,
    issue::{IssueError, IssuedSet, Issuer},
    measure,
    seats::{Seat, Seats},
};
use crate::{
    clock::Clock,
    store::{Claim, DeliveryMethod, Finish, Said, Store, StoreError},
    telemetry::causes,
    tenant::{EventCaller, StreamId, TenantId},
};

/// Sets in one answer, whatever the receiver asks for.
const MAX_SETS: usize = 1000;
/// Bytes of Sets in one answer, past which no further one is begun.
const MAX_BYTES: usize = 1024 * 1024;
/// Ids that one request may acknowledge or refuse.
const MAX_IDS: usize = 10_000;
/// How long a poll waits for events.
const HOLD: Duration = Duration::from_secs(30);
/// How often it looks without being woken: other processes append events too.
const LOOK: Duration = Duration::from_secs(1);
/// A Set that is not acknowledged is offered again after this, in microseconds.
const VISIBILITY_US: i64 = 60_000_000;
/// A Set that was fetched so often and never acknowledged is given up.
const MAX_FETCHES: i32 = 50;

/// What a receiver asks for (RFC 8936 §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollRequest {
    /// How many Sets it wants at most; 0 to acknowledge only.
    pub max_events: usize,
    /// Whether it wants an answer even if there is nothing.
    pub return_immediately: bool,
    /// Ids of Sets that it has.
    pub acknowledged: Vec<String>,
    /// Ids of Sets that it refuses, with the error code.
    pub refused: Vec<(String, ReceiverError)>,
}

/// What it gets (RFC 8936 §2.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollAnswer {
    /// The Sets.
    pub sets: Vec<IssuedSet>,
    /// Whether there are more to fetch.
    pub more_available: bool,
}

/// Why a poll is not answered.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The body is not a poll request; 400 (RFC 8936 §2.5.1).
    #[error("{0}")]
    Invalid(&'static str),
    /// The tenant has no such stream, or it does not poll; 404.
    #[error("no such poll stream")]
    UnknownStream,
    /// The Sets cannot be signed.
    #[error("could not sign the events")]
    Issue(#[source] IssueError),
    /// The store failed.
    #[error("could not read the events")]
    Store(#[from] StoreError),
}

impl PollRequest {
    /// Reads a request's body. Members we do not know are ignored.
    ///
    /// # Errors
    ///
    /// [`PollError::Invalid`] if it is not JSON or a member has another type.
    pub fn parse(body: &[u8]) -> Result<Self, PollError> {
        let body: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_| PollError::Invalid("the body is not a JSON object"))?;
        Ok(Self {
            max_events: max_events(body.get("maxEvents"))?,
            return_immediately: match body.get("returnImmediately") {
                None => false,
                Some(Value::Bool(at_once)) => *at_once,
                Some(_) => return Err(PollError::Invalid("`returnImmediately` is no boolean")),
            },
            acknowledged: acknowledged(body.get("ack"))?,
            refused: refused(body.get("setErrs"))?,
        })
    }
}

fn max_events(value: Option<&Value>) -> Result<usize, PollError> {
    let Some(value) = value else { return Ok(MAX_SETS) };
    let wanted = value.as_u64().ok_or(PollError::Invalid("`maxEvents` is no count"))?;
    Ok(usize::try_from(wanted).unwrap_or(MAX_SETS).min(MAX_SETS))
}

fn acknowledged(value: Option<&Value>) -> Result<Vec<String>, PollError> {
    const WRONG: PollError = PollError::Invalid("`ack` is no list of strings");
    let Some(value) = value else { return Ok(Vec::new()) };
    let ids = value.as_array().ok_or(WRONG)?;
    if MAX_IDS < ids.len() {
        return Err(PollError::Invalid("`ack` has more than 10,000 ids"));
    }
    ids.iter().map(|id| id.as_str().map(str::to_owned).ok_or(WRONG)).collect()
}

fn refused(value: Option<&Value>) -> Result<Vec<(String, ReceiverError)>, PollError> {
    const WRONG: PollError = PollError::Invalid("`setErrs` is no object of errors with `err`");
    let Some(value) = value else { return Ok(Vec::new()) };
    let errors = value.as_object().ok_or(WRONG)?;
    if MAX_IDS < errors.len() {
        return Err(PollError::Invalid("`setErrs` has more than 10,000 ids"));
    }
    let entry = |(id, error): (&String, &Value)| {
        let code = error.get("err").and_then(Value::as_str).ok_or(WRONG)?;
        Ok((id.clone(), ReceiverError::parse(code)))
    };
    errors.iter().map(entry).collect()
}

impl PollAnswer {
    /// The last place in the order of the stream's events, if there are Sets.
    pub fn last_seq(&self) -> Option<i64> {
        self.sets.iter().map(|set| set.seq).max()
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        let sets: Map<String, Value> =
            self.sets.iter().map(|set| (set.jti.clone(), set.compact.as_str().into())).collect();
        json!({ "sets": sets, "moreAvailable": self.more_available })
    }
}

/// Answers poll requests.
#[derive(Debug, Clone)]
pub struct Poller {
    store: Store,
    issuer: Issuer,
    clock: Clock,
    shutdown: CancellationToken,
    seats: Seats,
}

impl Poller {
    /// A poller whose waiting polls end with `shutdown`.
    pub fn new(store: Store, issuer: Issuer, clock: Clock, shutdown: CancellationToken) -> Self {
        Self { store, issuer, clock, shutdown, seats: Seats::default() }
    }

    /// Takes what the receiver acknowledges, then gives it what is due.
    ///
    /// Acknowledging comes first, so that the next events of a subject can be in
    /// the same answer. An answer never has events of two changes of one
    /// subject, because its `sets` have no order (RFC 8936 §2.3).
    ///
    /// # Errors
    ///
    /// [`PollError::UnknownStream`] if the caller has no such stream, or it is
    /// not polled.
    pub async fn poll(
        &self,
        caller: &EventCaller,
        stream: StreamId,
        request: &PollRequest,
    ) -> Result<PollAnswer, PollError> {
        let tenant = caller.tenant;
        self.check(caller, stream).await?;
        self.take_back(tenant, stream, request).await?;
        if request.max_events == 0 {
            return Ok(PollAnswer::default());
        }
        let seat = self.seats.take(stream);
        let end = Instant::now() + HOLD;
        let wake_up = self.store.appended();
        loop {
            // Listen before looking, as in the worker.
            let mut appended = pin!(wake_up.notified());
            appended.as_mut().enable();

            let answer = self.due(tenant, stream, request.max_events).await?;
            if !answer.sets.is_empty() || request.return_immediately || end <= Instant::now() {
                return Ok(answer);
            }
            tokio::select! {
                () = appended => (),
                () = tokio::time::sleep_until(end.min(Instant::now() + LOOK)) => (),
                () = self.sent_home(&seat) => return Ok(PollAnswer::default()),
            }
            self.check(caller, stream).await?;
        }
    }

    async fn sent_home(&self, seat: &Seat) {
        tokio::select! {
            () = seat.taken() => (),
            () = self.shutdown.cancelled() => (),
        }
    }

    /// Whether the stream is the caller's and is polled. One that is paused or
    /// disabled has nothing to give, and is waited for all the same: an answer at once
    /// would be asked for again at once.
    async fn check(&self, caller: &EventCaller, stream: StreamId) -> Result<(), PollError> {
        match self.store.stream(caller.tenant, stream).await? {
            Some(stream)
                if matches!(stream.method, DeliveryMethod::Poll)
                    && stream.receiver == caller.receiver =>
            {
                Ok(())
            }
            _ => Err(PollError::UnknownStream),
        }
    }

    async fn take_back(
        &self,
        tenant: TenantId,
        stream: StreamId,
        request: &PollRequest,
    ) -> Result<(), PollError> {
        let taken = request.acknowledged.iter().map(|jti| (jti.clone(), None));
        let refused = request.refused.iter().map(|(jti, error)| (jti.clone(), Some(code(*error))));
        // The last one counts: what was taken is not refused.
        let verdicts: HashMap<_, _> = refused.chain(taken).collect();
        if verdicts.is_empty() {
            return Ok(());
        }
        let now_us = self.clock.now_us();
        for event in self.store.acknowledge(tenant, stream, &verdicts, now_us).await? {
            match event.verdict {
                None => {
                    measure::count("delivered");
                    measure::confirmed(event.uri, event.occurred_us, now_us);
                }
                Some(reason) => {
                    measure::count("dead");
                    error!(stream.id = %stream, seq = event.seq, reason,
                        "refused by the receiver; delivery given up");
                }
            }
        }
        Ok(())
    }

    /// Signs what is due, as far as it fits into an answer.
    async fn due(
        &self,
        tenant: TenantId,
        stream: StreamId,
        limit: usize,
    ) -> Result<PollAnswer, PollError> {
        let now_us = self.clock.now_us();
        let (claims, more_available) =
            self.store.claim_poll(tenant, stream, now_us, VISIBILITY_US, limit).await?;
        let mut answer = PollAnswer { sets: Vec::new(), more_available };
        let mut bytes = 0;
        let mut rest = claims.as_slice();
        while let [claim, later @ ..] = rest {
            if MAX_BYTES < bytes {
                answer.more_available = true;
                break;
            }
            match self.signed(claim, now_us).await {
                Ok(Some(set)) => {
                    bytes += set.compact.len();
                    answer.sets.push(set);
                }
                Ok(None) => (),
                Err(error) => {
                    self.store.release(&claims).await?;
                    return Err(error);
                }
            }
            rest = later;
            // Signing a thousand Sets would keep other tasks waiting.
            tokio::task::yield_now().await;
        }
        if !rest.is_empty() {
            self.store.release(rest).await?;
        }
        Ok(answer)
    }

    /// The Set of a claim, or nothing if it is given up.
    async fn signed(&self, claim: &Claim, now_us: i64) -> Result<Option<IssuedSet>, PollError> {
        if self.issuer.unwanted(&self.store, claim, now_us).await? {
            self.store.finish(claim, Finish::Delivered, Said::skipped(), now_us).await?;
            return Ok(None);
        }
        if claim.attempt < MAX_FETCHES {
            return match self.issuer.issue(claim, now_us).await {
                Ok(set) => Ok(Some(set)),
                Err(error) => {
                    error!(error = causes(&error), tenant.id = %claim.stream.tenant,
                        "could not sign an event");
                    Err(PollError::Issue(error))
                }
            };
        }
        let reason = "fetched 50 times and never acknowledged".to_owned();
        measure::count("dead");
        error!(stream.id = %claim.stream.id, seq = claim.seq, reason, "delivery given up");
        self.store
            .finish(claim, Finish::Dead, Said { error: Some(reason), ..Said::default() }, now_us)
            .await?;
        Ok(None)
    }
}

/// The code that is kept: of the standards' own, or that it was none.
fn code(error: ReceiverError) -> &'static str {
    match error {
        ReceiverError::Other => "unknown",
        known => known.code(),
    }
}
