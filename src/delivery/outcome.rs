//! What came of an attempt to deliver a Set. A failure is a value, not an error.

use std::time::Duration;

use serde_json::{Value, json};

use super::{OutgoingError, circuit::Health};

/// Longer texts of receivers are cut, so that they cannot fill our tables.
const MAX_DESCRIPTION: usize = 200;
/// Bytes from which a part of a credential is taken for secret.
const SECRET_PART: usize = 8;

/// The result of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// What is wrong, if it says so in the form of RFC 8935 §2.3.
        error: Option<ReceiverError>,
        /// The receiver's words to `error`, shortened.
        description: Option<String>,
        /// When it asks to be tried again.
        retry_after: Option<Duration>,
    },
    /// The receiver has it, in a protocol that has no HTTP status.
    Taken,
    /// The event is nothing that this receiver is told.
    Skipped,
    /// A connector carried out a command.
    Commanded(Commanded),
    /// A connector could not carry out a command.
    Refused(Refusal),
    /// No answer came.
    Failed(OutgoingError),
    /// The signing key or the receiver's credential could not be opened; a fault
    /// of ours.
    NotReady,
}

/// What a target did with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commanded {
    /// It has done so.
    Confirmed {
        /// How many sessions it ended, if it says.
        sessions: Option<u32>,
    },
    /// It will do so.
    Accepted,
    /// It does not know the user, who then has no session there.
    Gone,
}

/// Why a target did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, if it comes from an answer.
    pub status: Option<u16>,
    /// What is to be done about it.
    pub remedy: Remedy,
    /// One line for those who look after the connector.
    pub reason: String,
}

/// What may help against a [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// To try again, not before the time that the target asks for.
    Retry(Option<Duration>),
    /// To look after the credentials; they are tried some times more.
    Credentials,
    /// Nothing: the same command will always be refused.
    Nothing,
}

/// Why a receiver refuses a Set (RFC 8935 §2.4, SSF 1.0 §8.1.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverError {
    /// The request or the Set cannot be parsed.
    InvalidRequest,
    /// The key is unknown, revoked or expired.
    InvalidKey,
    /// The issuer is unknown.
    InvalidIssuer,
    /// The Set is for somebody else.
    InvalidAudience,
    /// Our credentials are not good.
    AuthenticationFailed,
    /// Our credentials are good, but not for this Set.
    AccessDenied,
    /// A verification event does not carry the state that was asked for.
    InvalidState,
    /// A code of no standard we know.
    Other,
}

impl ReceiverError {
    /// The error of that code.
    pub fn parse(code: &str) -> Self {
        match code {
            "invalid_request" => Self::InvalidRequest,
            "invalid_key" => Self::InvalidKey,
            "invalid_issuer" => Self::InvalidIssuer,
            "invalid_audience" => Self::InvalidAudience,
            "authentication_failed" => Self::AuthenticationFailed,
            "access_denied" => Self::AccessDenied,
            "invalid_state" => Self::InvalidState,
            _ => Self::Other,
        }
    }

    /// Its code; a name of ours for codes that no standard has.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidKey => "invalid_key",
            Self::InvalidIssuer => "invalid_issuer",
            Self::InvalidAudience => "invalid_audience",
            Self::AuthenticationFailed => "authentication_failed",
            Self::AccessDenied => "access_denied",
            Self::InvalidState => "invalid_state",
            Self::Other => "unknown error code",
        }
    }
}

impl Outcome {
    /// Reads an answer. `secret` is what must not come back in a description:
    /// some receivers repeat the credentials that they refuse.
    pub fn of_answer(
        status: u16,
        retry_after: Option<Duration>,
        body: &[u8],
        secret: Option<&str>,
    ) -> Self {
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let text = |name: &str| body.as_ref().and_then(|it| it.get(name)).and_then(Value::as_str);
        Self::Answered {
            status,
            error: text("err").map(ReceiverError::parse),
            description: text("description")
                .map(clean)
                .filter(|text| secret.is_none_or(|secret| !repeats(text, secret)))
                .map(shorten),
            retry_after,
        }
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Refused(refusal) => refusal.status,
            Self::Taken | Self::Skipped | Self::Commanded(_) | Self::Failed(_) | Self::NotReady => {
                None
            }
        }
    }

    /// What the receiver's error code says.
    pub fn receiver_error(&self) -> Option<ReceiverError> {
        match self {
            Self::Answered { error, .. } => *error,
            Self::Taken
            | Self::Skipped
            | Self::Commanded(_)
            | Self::Refused(_)
            | Self::Failed(_)
            | Self::NotReady => None,
        }
    }

    /// What the receiver said beyond a status, as it is kept with the delivery:
    /// `{"sessions":3}`, `{"accepted":true}`, `{"gone":true}`, or `{"skipped":true}`
    /// for an event that it is not told.
    pub fn detail(&self) -> Option<Value> {
        match self {
            Self::Skipped => Some(json!({ "skipped": true })),
            Self::Commanded(Commanded::Confirmed { sessions }) => {
                sessions.map(|count| json!({ "sessions": count }))
            }
            Self::Commanded(Commanded::Accepted) => Some(json!({ "accepted": true })),
            Self::Commanded(Commanded::Gone) => Some(json!({ "gone": true })),
            Self::Answered { .. }
            | Self::Taken
            | Self::Refused(_)
            | Self::Failed(_)
            | Self::NotReady => None,
        }
    }

    /// What it says of the receiver's host: whether it works, not whether it
    /// agrees with us.
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Answered { status: 408 | 425 | 500..=599, .. }
            | Self::Refused(Refusal { remedy: Remedy::Retry(None), .. }) => Health::Down,
            Self::Answered { .. } | Self::Taken | Self::Commanded(_) | Self::Refused(_) => {
                Health::Up
            }
            Self::Failed(OutgoingError::Refused(_)) | Self::Skipped | Self::NotReady => {
                Health::Unknown
            }
            Self::Failed(_) => Health::Down,
        }
    }

    /// One line for those who look after the stream.
    pub fn describe(&self) -> String {
        match self {
            Self::Answered { error: Some(error), description: Some(text), .. } => {
                shorten(format!("{}: {text}", error.code()))
            }
            Self::Answered { error: Some(error), .. } => error.code().to_owned(),
            Self::Answered { status, .. } => format!("the receiver answered {status}"),
            Self::Taken | Self::Skipped | Self::Commanded(_) => "done".to_owned(),
            Self::Refused(refusal) => shorten(refusal.reason.clone()),
            Self::Failed(error) => error.to_string(),
            Self::NotReady => "a key or credential could not be opened".to_owned(),
        }
    }
}

/// Without what could split a secret or trouble a terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).collect()
}

/// Whether `text` has the secret or a part of it: a receiver may leave out the
/// scheme. Shorter parts are schemes and common words.
fn repeats(text: &str, secret: &str) -> bool {
    let has_part = |part: &str| SECRET_PART <= part.len() && text.contains(part);
    text.contains(secret) || secret.split_whitespace().any(has_part)
}

fn shorten(text: String) -> String {
    text.chars().take(MAX_DESCRIPTION).collect()
}
