//! What follows an attempt: done, again, never, or stop the stream.

use std::time::Duration;

use super::{Commanded, Outcome, OutgoingError, ReceiverError, Refusal, Remedy};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Seconds to wait after each failed attempt; the last one repeats.
///
/// The first minute is dense, because a session stays open until the event
/// arrives.
const WAITS: [u64; 16] =
    [1, 2, 5, 10, 20, 40, 80, 180, 300, 600, 1200, 1800, 3600, 7200, 14_400, 14_400];

/// How long an event is tried before it is given up.
pub const HORIZON: Duration = Duration::from_hours(72);
/// Failures that look like an error in the Set: so many attempts, then never.
const REFUSALS: u32 = 4;
/// Attempts with credentials that the receiver refuses, before the stream is paused.
const REJECTED_CREDENTIALS: u32 = 10;

/// What is to be done after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The receiver has the Set.
    Done,
    /// Try again after this time; later events of the subject wait.
    Retry(Duration),
    /// Give this Set up; later events of the subject go on.
    Dead(&'static str),
    /// Stop the stream and keep the Set: someone has to look after the
    /// configuration, and no revocation may be lost until then.
    Pause(&'static str),
}

/// What is said to a receiver, which decides how its statuses are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// A Set (RFC 8935).
    Set,
    /// A message of our own form, which the receiver cannot find fault with.
    Webhook,
    /// A command to a connector's target.
    Command,
}

/// What was tried so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// What was sent.
    pub family: Family,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// Its number among the last ones in a row that ended with its status, from 1.
    pub same: u32,
    /// The time since the event happened.
    pub age: Duration,
    /// Whether the event takes someone's access away: it is never given up for
    /// time alone.
    pub is_revocation: bool,
}

/// Decides what follows an attempt.
///
/// `jitter` lies between 0 and 1 and moves a wait by up to a fifth either way,
/// so that what failed together is not tried together.
pub fn decide(tried: Tried, outcome: &Outcome, jitter: f64) -> Next {
    let trial = Trial { tried, jitter };
    match outcome {
        Outcome::Answered { status, retry_after, .. } if tried.family != Family::Set => {
            trial.told(*status, *retry_after)
        }
        Outcome::Answered { status: 400, error: Some(error), .. } => trial.refused(*error),
        Outcome::Answered { status, retry_after, .. } => trial.answered(*status, *retry_after),
        Outcome::Taken
        | Outcome::Skipped
        | Outcome::Commanded(Commanded::Confirmed { .. } | Commanded::Accepted | Commanded::Gone) => {
            Next::Done
        }
        Outcome::Refused(refusal) => trial.not_done(refusal),
        Outcome::Failed(OutgoingError::Refused(_)) => Next::Pause("the endpoint is not allowed"),
        Outcome::Failed(_) | Outcome::NotReady => trial.back_off(),
    }
}

const GIVEN_UP: &str = "no delivery for 72 hours";

/// How long the attempts before `attempt` take by the schedule.
///
/// The event's age alone would be wrong: after a week's pause, the first failure
/// would be the last.
fn nominal(attempt: u32) -> Duration {
    (1..attempt).fold(
        Duration::ZERO,
        |sum, failed| {
            if HORIZON < sum { sum } else { sum + wait(failed) }
        },
    )
}

/// The wait after the failed attempt number `attempt`, without jitter.
fn wait(attempt: u32) -> Duration {
    let place = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let last = 4 * HOUR;
    WAITS.get(place).map_or(last, |&seconds| Duration::from_secs(seconds))
}

struct Trial {
    tried: Tried,
    jitter: f64,
}

impl Trial {
    /// What follows a status.
    fn answered(&self, status: u16, retry_after: Option<Duration>) -> Next {
        match status {
            // 202 is what RFC 8935 §2.2 asks for. A receiver that answers another
            // success has the Set too; so has one that answers 409 to a copy.
            200..=299 | 409 => Next::Done,
            401 => self.refused(ReceiverError::AuthenticationFailed),
            403 => self.refused(ReceiverError::AccessDenied),
            // A receiver may be gone for the time of a deployment.
            404 if self.tried_for(self.tried.attempt) < 24 * HOUR => self.again(),
            404 => Next::Pause("the endpoint answers 404"),
            410 => Next::Pause("the endpoint is gone"),
            413 => Next::Dead("too large for the receiver"),
            429 => self.throttled(retry_after),
            408 | 425 | 500..=599 => self.back_off(),
            // A redirect is a failure: following it would carry the Set and our
            // credentials to an address that nobody configured.
            300..=399 => self.back_off(),
            _ => self.some_times(),
        }
    }

    /// What follows the status of a webhook: whatever is wrong there may be right
    /// tomorrow, but for an endpoint that is gone and a message that is too long.
    fn told(&self, status: u16, retry_after: Option<Duration>) -> Next {
        match status {
            200..=299 | 409 => Next::Done,
            410 => Next::Pause("the endpoint is gone"),
            413 => Next::Dead("too large for the receiver"),
            429 | 502 | 504 => self.throttled(retry_after),
            503 if retry_after.is_some() => self.throttled(retry_after),
            _ => self.back_off(),
        }
    }

    /// What follows a command that was not carried out.
    fn not_done(&self, refusal: &Refusal) -> Next {
        match refusal.remedy {
            Remedy::Retry(None) => self.back_off(),
            Remedy::Retry(wish) => self.throttled(wish),
            Remedy::Credentials if self.tried.same <= REJECTED_CREDENTIALS => {
                Next::Retry(self.jittered(15 * SECOND))
            }
            Remedy::Credentials => Next::Pause("the target refuses our credentials"),
            Remedy::Nothing => Next::Dead("the target refuses the command"),
        }
    }

    /// What follows an error code (RFC 8935 §2.4).
    fn refused(&self, error: ReceiverError) -> Next {
        match error {
            ReceiverError::InvalidRequest => Next::Dead("invalid_request"),
            ReceiverError::InvalidState => Next::Dead("invalid_state"),
            // The receiver may hold an older copy of the key set.
            ReceiverError::InvalidKey if self.tried.same == 1 => Next::Retry(self.jittered(MINUTE)),
            ReceiverError::InvalidKey => Next::Pause("invalid_key"),
            ReceiverError::InvalidIssuer => Next::Pause("invalid_issuer"),
            ReceiverError::InvalidAudience => Next::Pause("invalid_audience"),
            ReceiverError::AuthenticationFailed if self.tried.same <= REJECTED_CREDENTIALS => {
                Next::Retry(self.jittered(15 * SECOND))
            }
            ReceiverError::AuthenticationFailed => Next::Pause("authentication_failed"),
            ReceiverError::AccessDenied if HOUR <= self.tried_for(self.tried.same) => {
                self.out_of_time("access_denied")
            }
            ReceiverError::AccessDenied => Next::Retry(self.jittered(wait(self.tried.same))),
            ReceiverError::Other => self.some_times(),
        }
    }

    /// How long `attempts` of them take; never longer than the event is old.
    fn tried_for(&self, attempts: u32) -> Duration {
        self.tried.age.min(nominal(attempts))
    }

    fn back_off(&self) -> Next {
        if HORIZON <= self.tried_for(self.tried.attempt) {
            return self.out_of_time(GIVEN_UP);
        }
        self.again()
    }

    /// The end after a time. Whoever lost access must not keep it because a
    /// receiver was away: the stream is paused and keeps what it has.
    fn out_of_time(&self, reason: &'static str) -> Next {
        if self.tried.is_revocation { Next::Pause(reason) } else { Next::Dead(reason) }
    }

    fn some_times(&self) -> Next {
        if REFUSALS <= self.tried.same {
            return Next::Dead("refused by the receiver");
        }
        Next::Retry(self.jittered(wait(self.tried.same)))
    }

    fn again(&self) -> Next {
        Next::Retry(self.jittered(wait(self.tried.attempt)))
    }

    /// The receiver's own wish is honoured up to an hour, and not shortened.
    fn throttled(&self, retry_after: Option<Duration>) -> Next {
        if HORIZON <= self.tried_for(self.tried.attempt) {
            return self.out_of_time(GIVEN_UP);
        }
        match retry_after {
            Some(wish) => Next::Retry(wish.clamp(SECOND, HOUR)),
            None => Next::Retry(self.jittered(MINUTE)),
        }
    }

    fn jittered(&self, wait: Duration) -> Duration {
        wait.mul_f64(0.8 + 0.4 * self.jitter.clamp(0.0, 1.0))
    }
}
