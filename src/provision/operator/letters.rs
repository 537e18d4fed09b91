//! What was given up at a receiver, and what is to be sent to it again.
//!
//! The same for receivers of every kind.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Operator, OperatorError};
use crate::{
    event::{EventUri, Subject},
    scim::date_time,
    store::{AuditEntry, DeadLetter, EventSpan, LetterFilter, TenantStore},
    tenant::StreamId,
};

/// Dead letters that are gone through in one step.
const STEP: u32 = 500;
/// Events that one command moves at most.
const MOST: u64 = 10_000;

/// Which dead letters a command is for.
#[derive(Debug, Clone, Default)]
pub struct Letters {
    /// Places in the order of events.
    pub seqs: Vec<i64>,
    /// Types of events.
    pub events: Vec<EventUri>,
    /// All of them, which has to be said.
    pub all: bool,
    /// Only to tell what would be done.
    pub dry_run: bool,
}

/// Where a replay begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayStart {
    /// With this place in the order of events.
    Seq(i64),
    /// At this time, in microseconds since 1970.
    Time(i64),
    /// Behind the Set of this name, which the receiver had.
    After(String),
}

/// What is to be sent again.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Where it begins.
    pub start: ReplayStart,
    /// Up to this place in the order of events.
    pub to_seq: Option<i64>,
    /// Up to this time, in microseconds since 1970.
    pub to_us: Option<i64>,
    /// Types of events; all that the receiver carries if there are none.
    pub events: Vec<EventUri>,
    /// Only to tell what would be done.
    pub dry_run: bool,
}

/// An event that was given up, for people.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetterRecord {
    /// Its place in the order of events.
    pub seq: i64,
    /// The transaction it belongs to.
    pub txn: String,
    /// Its type.
    pub event: EventUri,
    /// The resource, as its path below the SCIM base.
    pub resource: String,
    /// Its payload.
    pub payload: Value,
    /// Attempts that were made.
    pub attempts: i32,
    /// What the last one was answered, if it was.
    pub last_status: Option<i32>,
    /// Why it was given up.
    pub last_error: Option<String>,
    /// When it happened (RFC 3339).
    pub occurred_at: String,
    /// When it was given up (RFC 3339).
    pub given_up_at: String,
}

/// What a command did, or would do, with dead letters or events.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Moved {
    /// How many it moved.
    pub count: u64,
    /// The first of them.
    pub first_seq: Option<i64>,
    /// The last of them.
    pub last_seq: Option<i64>,
    /// Those that were left because the receiver knows of a later state.
    pub outdated: Vec<i64>,
    /// Whether it stopped at its limit and more are left.
    pub more: bool,
    /// Whether nothing was done.
    pub dry_run: bool,
}

impl Moved {
    fn note(&mut self, seqs: &[i64], count: u64) {
        self.count += count;
        self.first_seq = self.first_seq.or(seqs.first().copied());
        self.last_seq = seqs.last().copied().or(self.last_seq);
    }
}

impl From<DeadLetter> for DeadLetterRecord {
    fn from(letter: DeadLetter) -> Self {
        let subject: Option<Subject> = serde_json::from_str(&letter.subject).ok();
        Self {
            seq: letter.seq,
            txn: letter.txn,
            event: letter.uri,
            resource: subject.map_or_else(String::new, |it| format!("{}/{}", it.endpoint, it.id)),
            payload: serde_json::from_str(&letter.payload).unwrap_or_default(),
            attempts: letter.attempts,
            last_status: letter.last_status,
            last_error: letter.last_error,
            occurred_at: date_time::format(letter.occurred_us),
            given_up_at: date_time::format(letter.finished_us),
        }
    }
}

impl Operator {
    /// Up to `limit` events that were given up at a receiver, behind `after`.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such receiver.
    pub async fn dead_letters(
        &self,
        tenant: &str,
        id: Uuid,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetterRecord>, OperatorError> {
        let (store, stream) = self.receiver(tenant, id).await?;
        let letters = store.dead_letters(stream, &LetterFilter::default(), after, limit).await?;
        Ok(letters.into_iter().map(DeadLetterRecord::from).collect())
    }

    /// Sends events that were given up once more.
    ///
    /// An event that says how somebody stood is left if the receiver has heard of
    /// a later state since, unless `force` says so: it would undo that.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such receiver;
    /// [`OperatorError::Invalid`] if it is not said which ones.
    pub async fn redrive(
        &self,
        tenant: &str,
        id: Uuid,
        letters: &Letters,
        force: bool,
    ) -> Result<Moved, OperatorError> {
        let (store, stream) = self.receiver(tenant, id).await?;
        let filter = filter(letters)?;
        let mut moved = Moved { dry_run: letters.dry_run, ..Moved::default() };
        let mut after = 0;
        while !moved.more {
            let page = store.dead_letters(stream, &filter, after, STEP).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let outdated = match force {
                true => Default::default(),
                false => store.outdated(stream, &page).await?,
            };
            let (left, seqs): (Vec<i64>, Vec<i64>) =
                page.iter().map(|letter| letter.seq).partition(|seq| outdated.contains(seq));
            moved.outdated.extend(left);
            let count = match letters.dry_run || seqs.is_empty() {
                true => u64::try_from(seqs.len()).unwrap_or(u64::MAX),
                false => store.redrive(stream, &seqs, self.clock.now_us()).await?,
            };
            moved.note(&seqs, count);
            moved.more = MOST <= moved.count;
        }
        Ok(moved)
    }

    /// Throws away events that were given up; the audit remembers which, and who
    /// did so.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such receiver;
    /// [`OperatorError::Invalid`] if it is not said which ones.
    pub async fn discard(
        &self,
        tenant: &str,
        id: Uuid,
        letters: &Letters,
        actor: &str,
    ) -> Result<Moved, OperatorError> {
        let (store, stream) = self.receiver(tenant, id).await?;
        let filter = filter(letters)?;
        let mut moved = Moved { dry_run: letters.dry_run, ..Moved::default() };
        let mut after = 0;
        while !moved.more {
            let page = store.dead_letters(stream, &filter, after, STEP).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let seqs: Vec<i64> = page.iter().map(|letter| letter.seq).collect();
            let count = match letters.dry_run {
                true => u64::try_from(seqs.len()).unwrap_or(u64::MAX),
                false => self.throw_away(&store, stream, &seqs, actor).await?,
            };
            moved.note(&seqs, count);
            moved.more = MOST <= moved.count;
        }
        Ok(moved)
    }

    /// Sends events again that a receiver had, or that happened before it was
    /// there: the same Sets, behind everything that is new, a hundred a second.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NotFound`] if the tenant has no such receiver, or it was
    /// never sent the Set to begin behind.
    pub async fn replay(
        &self,
        tenant: &str,
        id: Uuid,
        replay: &Replay,
    ) -> Result<Moved, OperatorError> {
        let (store, stream) = self.receiver(tenant, id).await?;
        if replay.events.iter().any(|event| event.is_operational()) {
            let rule = "events about the stream itself are not replayed";
            return Err(OperatorError::Invalid(rule.to_owned()));
        }
        let mut span = EventSpan {
            to_seq: replay.to_seq,
            to_us: replay.to_us,
            events: replay.events.clone(),
            ..EventSpan::default()
        };
        match &replay.start {
            ReplayStart::Seq(seq) => span.after = seq.saturating_sub(1),
            ReplayStart::Time(at_us) => span.from_us = Some(*at_us),
            ReplayStart::After(name) => {
                let seq = store.seq_of(stream, name).await?;
                span.after = seq.ok_or_else(|| {
                    OperatorError::NotFound(format!("a Set with the jti `{name}`"))
                })?;
            }
        }
        let mut moved = Moved { dry_run: replay.dry_run, ..Moved::default() };
        let now_us = self.clock.now_us();
        while !moved.more {
            let seqs = store.replayable(stream, &span).await?;
            let Some(last) = seqs.last() else { break };
            span.after = *last;
            let count = match replay.dry_run {
                true => u64::try_from(seqs.len()).unwrap_or(u64::MAX),
                false => store.replay(stream, &seqs, moved.count, now_us).await?,
            };
            moved.note(&seqs, count);
            moved.more = MOST <= moved.count;
        }
        Ok(moved)
    }

    async fn receiver(
        &self,
        tenant: &str,
        id: Uuid,
    ) -> Result<(TenantStore, StreamId), OperatorError> {
        let row = self.tenant_row(tenant).await?;
        match self.store.stream(row.id, StreamId(id)).await? {
            Some(stream) => Ok((self.store.tenant(row.id), stream.id)),
            None => Err(OperatorError::NotFound(format!("receiver `{id}`"))),
        }
    }

    async fn throw_away(
        &self,
        store: &TenantStore,
        stream: StreamId,
        seqs: &[i64],
        actor: &str,
    ) -> Result<u64, OperatorError> {
        let which = seqs.iter().map(|seq| format!("seq:{seq}"));
        let entry = AuditEntry {
            attributes: std::iter::once(format!("stream:{stream}")).chain(which).collect(),
            ..self.entry(actor, "deliveries.discard")
        };
        Ok(store.discard(stream, seqs, &entry, self.clock.now_us()).await?)
    }
}

fn filter(letters: &Letters) -> Result<LetterFilter, OperatorError> {
    let is_some = !letters.seqs.is_empty() || !letters.events.is_empty();
    let wrong = |rule: &str| Err(OperatorError::Invalid(rule.to_owned()));
    match (is_some, letters.all) {
        (false, false) => wrong("say which dead letters: by `seq`, by `events`, or `all`"),
        (true, true) => wrong("`all` excludes `seq` and `events`"),
        _ if usize::try_from(STEP).is_ok_and(|most| most < letters.seqs.len()) => {
            wrong("`seq` has more than 500 numbers")
        }
        _ => Ok(LetterFilter { seqs: letters.seqs.clone(), events: letters.events.clone() }),
    }
}
