//! Connectors: session stores that are told what to do.
//!
//! An event becomes a command: `session-revoked` ends every session of a user;
//! with the setting `disable`, `account-disabled` and `account-enabled` let them
//! log in no more, or again, where the target has such a command. Every other
//! event is no command and is done at once. A user whom the target does not know
//! has no session there, which is as good as ended.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Parcel,
    http::Http,
    settings::{Common, Secrets, Target, UserIdSource, read},
};
use crate::{
    delivery::{Commanded, Outcome, OutgoingError, Refusal, Remedy, issue::IssueError},
    event::EventUri,
    telemetry::causes,
};

/// What a target is told to do with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delivery) enum Command {
    /// To end every session and every token.
    Revoke,
    /// To let them log in no more.
    Disable,
    /// To let them log in again.
    Enable,
}

impl Command {
    /// What an event tells a connector, if anything.
    fn of(uri: EventUri, disables: bool) -> Option<Self> {
        match uri {
            EventUri::SessionRevoked => Some(Self::Revoke),
            EventUri::AccountDisabled if disables => Some(Self::Disable),
            EventUri::AccountEnabled if disables => Some(Self::Enable),
            _ => None,
        }
    }
}

/// One kind of target that is commanded.
///
/// What a revocation ends there, and how long access may outlive it, says
/// [`SinkKind::kills`](crate::event::SinkKind::kills).
#[async_trait]
pub(in crate::delivery) trait Connector: Send + Sync {
    /// Whether it carries out [`Command::Disable`] and [`Command::Enable`]; they
    /// are not asked of it otherwise.
    fn can_disable(&self) -> bool {
        false
    }

    /// What is wrong with the settings and secrets of a new one, in words.
    fn check(&self, target: &Target<'_>) -> Result<(), String>;

    /// Carries out a command. It may come again after it was carried out.
    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop>;
}

/// Why a command ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delivery) enum Stop {
    /// The target does not know the user: there is nothing to end.
    Gone,
    /// The target, or what is configured, does not allow it.
    Refused(Refusal),
    /// No answer came.
    Failed(OutgoingError),
    /// A key or credential could not be opened; a fault of ours.
    NotReady,
}

impl Stop {
    /// The same command will always be refused, for this reason.
    pub(in crate::delivery) fn never(reason: impl Into<String>) -> Self {
        Self::because(None, Remedy::Nothing, reason)
    }

    /// An answer cannot be understood; another attempt may get a better one.
    pub(in crate::delivery) fn unclear(reason: impl Into<String>) -> Self {
        Self::because(None, Remedy::Retry(None), reason)
    }

    pub(super) fn because(status: Option<u16>, remedy: Remedy, reason: impl Into<String>) -> Self {
        Self::Refused(Refusal { status, remedy, reason: reason.into() })
    }
}

impl From<OutgoingError> for Stop {
    fn from(error: OutgoingError) -> Self {
        Self::Failed(error)
    }
}

/// What is configured cannot be read, though it could when it was saved.
impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::never(reason)
    }
}

/// A command to one target, with what is needed to carry it out.
#[derive(Debug)]
pub(in crate::delivery) struct Order<'a> {
    pub(in crate::delivery) command: Command,
    pub(in crate::delivery) parcel: &'a Parcel<'a>,
    secrets: Secrets,
    common: Common,
    settings: Value,
}

impl Order<'_> {
    /// Where the target is, without a slash at the end.
    pub(in crate::delivery) fn base(&self) -> &str {
        self.parcel.endpoint_url.trim_end_matches('/')
    }

    /// The name by which the target knows the user.
    pub(in crate::delivery) fn user(&self) -> Result<&str, Stop> {
        let source = self.common.user_id_source;
        source.of(&self.parcel.claim.subject).ok_or_else(|| {
            let name = source.as_str();
            Stop::never(format!("the user has no {name}, by which the target knows people"))
        })
    }

    /// What kind of name that is.
    pub(super) fn user_id_source(&self) -> UserIdSource {
        self.common.user_id_source
    }

    /// The settings of the target's kind.
    pub(in crate::delivery) fn settings<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        Ok(read(&self.settings)?)
    }

    /// A secret that may be there.
    pub(in crate::delivery) fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.get(name)
    }

    /// A secret that has to be there.
    pub(in crate::delivery) fn require(&self, name: &str) -> Result<&str, Stop> {
        self.secret(name).ok_or_else(|| Stop::never(format!("`secrets.{name}` is missing")))
    }

    /// A token of these claims, signed with the tenant's key. `typ` says what it is
    /// (RFC 8725 §3.11).
    pub(in crate::delivery) async fn sign(
        &self,
        typ: &str,
        claims: &Value,
    ) -> Result<String, Stop> {
        let Some(keys) = self.parcel.keys else { return Ok(unsigned(typ, claims)) };
        let key = keys.active(self.parcel.claim.stream.tenant).await;
        let signed = key.map_err(IssueError::Key);
        let signed = signed.and_then(|key| key.sign_as(typ, claims).map_err(IssueError::Sign));
        signed.map_err(|error| {
            tracing::error!(error = causes(&error), "a token could not be signed");
            Stop::NotReady
        })
    }
}

/// A token that only shows what would be signed.
fn unsigned(typ: &str, claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "RS256", "typ": typ }).to_string());
    format!("{header}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Makes of an event the command that it is, and has it carried out.
pub(super) async fn carry_out(
    connector: &dyn Connector,
    http: &Http<'_>,
    parcel: &Parcel<'_>,
) -> Outcome {
    match try_to(connector, http, parcel).await {
        Ok(Some(commanded)) => Outcome::Commanded(commanded),
        Ok(None) => Outcome::Skipped,
        Err(Stop::Gone) => Outcome::Commanded(Commanded::Gone),
        Err(Stop::Refused(refusal)) => Outcome::Refused(refusal),
        Err(Stop::Failed(error)) => Outcome::Failed(error),
        Err(Stop::NotReady) => Outcome::NotReady,
    }
}

async fn try_to(
    connector: &dyn Connector,
    http: &Http<'_>,
    parcel: &Parcel<'_>,
) -> Result<Option<Commanded>, Stop> {
    let (common, settings) = Common::split(&parcel.claim.stream.settings)?;
    let disables = common.disable && connector.can_disable();
    // Another resource's events have no sessions to end.
    let command = Command::of(parcel.claim.uri, disables);
    let Some(command) = command.filter(|_| parcel.claim.subject.is_user()) else {
        return Ok(None);
    };
    let secrets = Secrets::parse(parcel.secrets)?;
    let order = Order { command, parcel, secrets, common, settings };
    connector.command(http, &order).await.map(Some)
}
