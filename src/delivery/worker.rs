//! Push delivery of everything that is due.
//!
//! Subjects are served side by side, each in order: what one receiver does or
//! one subject needs holds up nobody else.

use std::{error::Error, panic::resume_unwind, pin::pin, sync::Arc, time::Duration};

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    Outcome, OutgoingError, ReceiverError,
    backoff::{Family, Next, Tried, decide},
    circuit::{Health, Turn},
    issue::Issuer,
    keys::KeyRing,
    lease::{LEASE, Leases},
    measure,
    push::Pusher,
    queue::{Group, Queue},
    second_sweep,
    sink::{Parcel, Sinks, http::Http},
    trouble::Trouble,
};
use crate::{
    clock::Clock,
    event::jti,
    store::{
        ChangedBy, Claim, DeliveryMethod, Finish, Said, StatusChange, Store, StoreError,
        StreamStatus,
    },
    telemetry::causes,
    tenant::StreamId,
};

/// Claims held in memory. More would wait here while other workers idle.
const CAPACITY: usize = 500;
/// How long to sleep at most: a wake-up may get lost, and other processes
/// append events too.
const IDLE: Duration = Duration::from_secs(1);

/// Sends due events to push receivers.
#[derive(Debug)]
pub struct DeliveryWorker {
    store: Store,
    keys: KeyRing,
    issuer: Issuer,
    pusher: Pusher,
    clock: Clock,
    leases: Leases,
    sinks: Sinks,
    trouble: Trouble,
}

/// Whether a subject's next claim may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Yes.
    Next,
    /// Not before this one was tried again.
    Stop,
    /// The stream is paused.
    Paused,
    /// This one was not tried, and none may follow.
    NotNow,
}

/// How a group ended.
struct End {
    stream: StreamId,
    flow: Flow,
    /// What its last attempt says of the receiver's host.
    health: Health,
}

impl DeliveryWorker {
    /// A worker that signs as `issuer` and sends with what `keys` hold; call
    /// [`DeliveryWorker::run`].
    pub fn new(store: Store, keys: KeyRing, issuer: Issuer, pusher: Pusher, clock: Clock) -> Self {
        let (leases, sinks, trouble) = (Leases::default(), Sinks::default(), Trouble::default());
        Self { store, keys, issuer, pusher, clock, leases, sinks, trouble }
    }

    /// Delivers until `shutdown`. An attempt that has begun is finished and
    /// recorded; the rest is given back.
    pub async fn run(self, shutdown: CancellationToken) {
        if let Err(error) = self.store.release_own().await {
            warn!(error = causes(&error), "could not end the leases of the last run");
        }
        let this = Arc::new(self);
        tokio::select! {
            () = this.serve(&shutdown) => (),
            () = this.leases.keep_up(&this.store, &this.clock) => (),
            () = this.trouble.watch(&this.store, &this.clock) => (),
        }
    }

    /// Deliveries are tasks of their own: one that waits for the database while it
    /// is not polled would keep a connection from those who look for work.
    async fn serve(self: &Arc<Self>, shutdown: &CancellationToken) {
        let wake_up = self.store.appended();
        let mut queue = Queue::default();
        let mut in_flight = JoinSet::new();
        while !shutdown.is_cancelled() {
            // Listen before looking: an event that is appended in between still
            // wakes us.
            let mut appended = pin!(wake_up.notified());
            appended.as_mut().enable();

            let pause = self.fill(&mut queue).await;
            while let Some(group) = queue.start(self.clock.now_us()) {
                in_flight.spawn(Arc::clone(self).deliver(group, shutdown.clone()));
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = appended => (),
                () = tokio::time::sleep(pause) => (),
                Some(end) = in_flight.join_next() => {
                    self.settle(&mut queue, &ended(end)).await;
                    while let Some(end) = in_flight.try_join_next() {
                        self.settle(&mut queue, &ended(end)).await;
                    }
                }
            }
        }
        self.give_back(&queue.drain()).await;
        while let Some(end) = in_flight.join_next().await {
            ended(end);
        }
    }

    /// Claims what there is room for, and says how long to sleep after it.
    async fn fill(&self, queue: &mut Queue) -> Duration {
        let now_us = self.clock.now_us();
        let room = CAPACITY.saturating_sub(queue.waiting(now_us));
        if room == 0 {
            return IDLE;
        }
        let held = queue.held(now_us);
        match self.store.claim_pushes(now_us, micros(LEASE), room, &held).await {
            Ok(claims) => {
                let full = room <= claims.len();
                self.leases.take(&claims);
                queue.add(claims, now_us.saturating_add(micros(LEASE)));
                if full { Duration::ZERO } else { self.until_due(now_us).await }
            }
            Err(error) => {
                error!(error = causes(&error), "could not claim deliveries");
                IDLE
            }
        }
    }

    async fn until_due(&self, now_us: i64) -> Duration {
        match self.store.next_due(now_us).await {
            // What is due and was not claimed waits for something in flight or
            // for a lease; looking again at once would not help.
            Ok(Some(due_us)) if now_us < due_us => {
                Duration::from_micros(due_us.abs_diff(now_us)).min(IDLE)
            }
            Ok(_) => IDLE,
            Err(error) => {
                error!(error = causes(&error), "could not look for the next delivery");
                IDLE
            }
        }
    }

    async fn settle(&self, queue: &mut Queue, end: &End) {
        let now_us = self.clock.now_us();
        match queue.finished(end.stream, end.health, now_us) {
            Turn::None => (),
            Turn::Opened(streams) => {
                measure::count("circuit_opened");
                warn!(stream.id = %end.stream, "a receiver's host does not answer and is left alone");
                for stream in streams {
                    self.give_back(&queue.remove(stream)).await;
                }
            }
            Turn::Closed(streams) => {
                info!(stream.id = %end.stream, "a receiver's host answers again");
                for (tenant, stream) in streams {
                    if let Err(error) = self.store.hasten(tenant, stream, now_us).await {
                        // Each goes when its own time has come.
                        warn!(error = causes(&error), "could not hasten what waits");
                    }
                }
            }
        }
        if end.flow == Flow::Paused {
            self.give_back(&queue.remove(end.stream)).await;
        }
    }

    async fn give_back(&self, claims: &[Claim]) {
        if claims.is_empty() {
            return;
        }
        self.leases.leave(claims);
        if let Err(error) = self.store.release(claims).await {
            // The leases will run out.
            warn!(error = causes(&error), "could not give claims back");
        }
    }

    /// Sends a group in order, as far as it goes, and gives the rest back.
    async fn deliver(self: Arc<Self>, group: Group, shutdown: CancellationToken) -> End {
        let (mut flow, mut health) = (Flow::Next, Health::Unknown);
        let mut rest = group.claims.as_slice();
        while let [claim, later @ ..] = rest {
            (flow, health) = match self.may_begin(&group) && !shutdown.is_cancelled() {
                true => self.attempt(claim).await,
                false => (Flow::NotNow, health),
            };
            match flow {
                Flow::Next => rest = later,
                Flow::Stop | Flow::Paused => {
                    rest = later;
                    break;
                }
                Flow::NotNow => break,
            }
        }
        self.give_back(rest).await;
        End { stream: group.stream.id, flow, health }
    }

    fn may_begin(&self, group: &Group) -> bool {
        self.leases.may_begin(self.clock.now_us(), group.leased_until_us)
    }

    /// Makes one attempt and records it.
    async fn attempt(&self, claim: &Claim) -> (Flow, Health) {
        if claim.attempt == 0 {
            measure::first_attempt(claim.uri, claim.occurred_us, self.clock.now_us());
        }
        let outcome = self.send(claim).await;
        let now_us = self.clock.now_us();
        let attempt = u32::try_from(claim.attempt).unwrap_or(0).saturating_add(1);
        let tried = Tried {
            family: family(&claim.stream.method),
            attempt,
            same: claim.in_a_row(outcome.status()),
            age: measure::age(claim.occurred_us, now_us),
            is_revocation: claim.uri.is_revocation(),
        };
        let next = decide(tried, &outcome, rand::random());
        report(claim, attempt, &outcome, &next);
        self.forget(claim, &outcome).await;
        let recorded = self.record(claim, &outcome, &next, now_us).await;
        self.leases.leave(std::slice::from_ref(claim));
        let flow = recorded.unwrap_or_else(|error| {
            // The lease will run out and the attempt is made again.
            warn!(error = causes(&error), "could not record an attempt");
            Flow::Stop
        });
        match next {
            Next::Done => self.trouble.arrived(&self.store, claim).await,
            Next::Retry(_) => self.trouble.failed(&self.store, claim, now_us).await,
            Next::Dead(_) | Next::Pause(_) => (),
        }
        (flow, outcome.health())
    }

    async fn send(&self, claim: &Claim) -> Outcome {
        let stream = claim.stream.id;
        let secret = match self.keys.authorization(&claim.stream).await {
            Ok(secret) => secret,
            Err(error) => return not_ready(claim, &error),
        };
        match &claim.stream.method {
            DeliveryMethod::Push { endpoint_url } => {
                match self.issuer.unwanted(&self.store, claim, self.clock.now_us()).await {
                    Ok(true) => return Outcome::Skipped,
                    Ok(false) => (),
                    Err(error) => return not_ready(claim, &error),
                }
                match self.issuer.issue(claim, self.clock.now_us()).await {
                    Ok(set) => self.pusher.push(endpoint_url, secret.as_deref(), set).await,
                    Err(error) => not_ready(claim, &error),
                }
            }
            // The receiver went over to polling after the claim was made.
            DeliveryMethod::Poll => Outcome::Failed(OutgoingError::Broken),
            DeliveryMethod::Sink { kind, endpoint_url } => {
                match second_sweep::is_outdated(&self.store, claim).await {
                    Ok(true) => return Outcome::Skipped,
                    Ok(false) => (),
                    Err(error) => return not_ready(claim, &error),
                }
                let parcel = Parcel {
                    claim,
                    endpoint_url,
                    secrets: secret.as_deref(),
                    issuer: &self.issuer.name(&claim.stream.tenant_name),
                    jti: &jti(claim.event_id, stream.0),
                    now_us: self.clock.now_us(),
                    keys: Some(&self.keys),
                };
                self.sinks.send(*kind, &Http::new(self.pusher.client()), &parcel).await
            }
        }
    }

    /// Drops what the receiver's answer says is out of date.
    async fn forget(&self, claim: &Claim, outcome: &Outcome) {
        if outcome.receiver_error() == Some(ReceiverError::InvalidKey) {
            self.keys.forget(claim.stream.tenant).await;
        }
        if outcome.status() == Some(401)
            || outcome.receiver_error() == Some(ReceiverError::AuthenticationFailed)
        {
            self.keys.forget_authorization(&claim.stream).await;
        }
    }

    async fn pause(&self, claim: &Claim, reason: &str, now_us: i64) -> Result<(), StoreError> {
        let change = StatusChange {
            status: StreamStatus::Paused,
            reason: Some(reason.to_owned()),
            by: ChangedBy::Us,
            at_us: now_us,
            notice: self.clock.new_id(),
        };
        let store = self.store.tenant(claim.stream.tenant);
        store.change_stream_status(claim.stream.id, change).await.map(|_| ())
    }

    async fn record(
        &self,
        claim: &Claim,
        outcome: &Outcome,
        next: &Next,
        now_us: i64,
    ) -> Result<Flow, StoreError> {
        let (finish, flow) = match next {
            Next::Done if second_sweep::is_wanted(&self.store, claim, outcome).await? => {
                let at_us = now_us.saturating_add(micros(second_sweep::AFTER));
                (Finish::Again { at_us }, Flow::Next)
            }
            Next::Done => (Finish::Delivered, Flow::Next),
            Next::Retry(wait) => {
                (Finish::Retry { at_us: now_us.saturating_add(micros(*wait)) }, Flow::Stop)
            }
            // What cannot be delivered must not hold up what can.
            Next::Dead(_) => (Finish::Dead, Flow::Next),
            Next::Pause(reason) => {
                // First, or the event would be due again at a stream that still runs.
                self.pause(claim, reason, now_us).await?;
                (Finish::Held, Flow::Paused)
            }
        };
        let said = Said {
            status: outcome.status(),
            error: (*next != Next::Done).then(|| outcome.describe()),
            // What was done first stands in the receipt.
            detail: outcome.detail().filter(|_| !claim.is_again),
        };
        self.store.finish(claim, finish, said, now_us).await?;
        if *next == Next::Done && *outcome != Outcome::Skipped && !claim.is_again {
            measure::confirmed(claim.uri, claim.occurred_us, now_us);
        }
        Ok(flow)
    }
}

/// How a delivery ended; a panic in one is a panic of the worker.
fn ended(end: Result<End, JoinError>) -> End {
    end.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

fn family(method: &DeliveryMethod) -> Family {
    match method {
        DeliveryMethod::Push { .. } | DeliveryMethod::Poll => Family::Set,
        DeliveryMethod::Sink { kind, .. } if kind.is_connector() => Family::Command,
        DeliveryMethod::Sink { .. } => Family::Webhook,
    }
}

fn not_ready(claim: &Claim, error: &(dyn Error + 'static)) -> Outcome {
    error!(error, tenant.id = %claim.stream.tenant, stream.id = %claim.stream.id,
        "an event could not be made ready to send");
    Outcome::NotReady
}

/// Counts the attempt and logs it, with ids and no word of the receiver's.
fn report(claim: &Claim, attempt: u32, outcome: &Outcome, next: &Next) {
    let stream = claim.stream.id;
    let status = outcome.status();
    match next {
        // RFC 8935 §2.2 knows 202 only.
        Next::Done if family(&claim.stream.method) == Family::Set && status != Some(202) => {
            measure::count("delivered_with_other_status");
        }
        Next::Done => measure::count("delivered"),
        Next::Retry(_) => measure::count("retry"),
        Next::Dead(_) => measure::count("dead"),
        Next::Pause(_) => measure::count("paused"),
    }
    match next {
        Next::Done => {
            debug!(stream.id = %stream, seq = claim.seq, attempt, status, "event delivered");
        }
        Next::Retry(wait) => {
            let wait_ms = wait.as_millis();
            warn!(stream.id = %stream, seq = claim.seq, attempt, status, wait_ms,
                "delivery failed and will be tried again");
        }
        Next::Dead(reason) => {
            error!(stream.id = %stream, seq = claim.seq, attempt, status, reason,
                "delivery given up");
        }
        Next::Pause(reason) => {
            error!(stream.id = %stream, seq = claim.seq, attempt, status, reason,
                "stream paused");
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
