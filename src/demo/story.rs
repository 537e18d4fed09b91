//! The story on the terminal: one line a step, with what it took.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};

use super::{application::Ended, people::Person};

/// Longest piece of an answer that is shown when it was the wrong one.
const MAX_SHOWN: usize = 400;

/// What a step should have given, and what it gave.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, and got {came}")]
pub(super) struct Fault {
    expected: String,
    came: String,
}

impl Fault {
    pub(super) fn new(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self { expected: expected.into(), came: came.into() }
    }

    /// An error, with what caused it, where `expected` should have come.
    pub(super) fn error(expected: impl Into<String>, error: &dyn Error) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        let came = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        Self::new(expected, came)
    }
}

/// A step went wrong, and the story has told how.
#[derive(Debug)]
pub(super) struct Failed;

/// Writes the story.
#[derive(Debug)]
pub(super) struct Story {
    is_coloured: bool,
}

impl Story {
    /// A story on standard output, with colours if that is a terminal.
    pub(super) fn on_stdout() -> Self {
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_coloured: io::stdout().is_terminal() && !wants_none }
    }

    /// Writes `text` as it is.
    #[expect(clippy::unused_self, reason = "whoever writes has the story")]
    pub(super) fn say(&self, text: &str) {
        // A reader that has gone away has seen enough.
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    /// Does `work` and tells it, as done or as failed.
    pub(super) async fn step<T>(
        &self,
        who: &str,
        what: &str,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Failed> {
        let started = Instant::now();
        let outcome = work.await;
        self.tell(started.elapsed(), who, what, outcome)
    }

    /// Tells a step that took `took`.
    pub(super) fn tell<T>(
        &self,
        took: Duration,
        who: &str,
        what: &str,
        outcome: Result<T, Fault>,
    ) -> Result<T, Failed> {
        match outcome {
            Ok(done) => {
                self.line(&self.dim(&milliseconds(took)), who, what);
                Ok(done)
            }
            Err(fault) => {
                self.line(&self.red(&format!("{:>10}", "FAILED")), who, what);
                self.line(&format!("{:>10}", "expected"), "", &fault.expected);
                self.line(&format!("{:>10}", "came"), "", shown(&fault.came));
                Err(Failed)
            }
        }
    }

    /// Tells whose sessions the application has ended.
    pub(super) fn ended(&self, ended: &Ended) {
        let sessions = match ended.devices.len() {
            1 => "session",
            _ => "sessions",
        };
        let devices = ended.devices.join(", ");
        let what = format!("{sessions} of {} ended ({devices})", ended.person);
        self.line(&" ".repeat(10), "application", &what);
    }

    /// Closes the day with the time that counts.
    pub(super) fn close_day(&self, took: Duration) {
        let took = self.green(milliseconds(took).trim_start());
        self.say(&format!("\nFrom the SCIM answer to the dead session: {took}"));
    }

    /// Says how to go on by hand; `next` is the one to try it on.
    pub(super) fn invite(&self, base_url: &str, token: &SecretString, next: &Person, id: &str) {
        let token = token.expose_secret();
        let curl = format!("curl -s -H 'Authorization: Bearer {token}'");
        let filter = format!("userName%20eq%20%22{}%22", next.user_name());
        let patch = "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\
                     \"Operations\":[{\"op\":\"replace\",\"path\":\"active\",\"value\":false}]}";
        self.say(&format!(
            "\n\
             base URL  {base_url}\n\
             token     {token}\n\n\
             For another terminal: list users, find {name}, deactivate {name}.\n\
             The session that this ends will be told here.\n\n\
             {curl} '{base_url}/Users?count=3'\n\n\
             {curl} '{base_url}/Users?filter={filter}'\n\n\
             {curl} -X PATCH -H 'Content-Type: application/scim+json' -d '{patch}' \
             '{base_url}/Users/{id}'\n\n\
             Ctrl-C ends the demo and removes its data.\n",
            name = next.name(),
        ));
    }

    fn line(&self, left: &str, who: &str, what: &str) {
        self.say(&format!("{left}  {who:<11}  {what}"));
    }

    fn dim(&self, text: &str) -> String {
        self.coloured("2", text)
    }

    fn red(&self, text: &str) -> String {
        self.coloured("1;31", text)
    }

    fn green(&self, text: &str) -> String {
        self.coloured("1;32", text)
    }

    fn coloured(&self, code: &str, text: &str) -> String {
        match self.is_coloured {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// Milliseconds to the tenth, ten characters wide.
fn milliseconds(took: Duration) -> String {
    format!("{:>7.1} ms", took.as_secs_f64() * 1000.0)
}

/// The beginning of `text`.
fn shown(text: &str) -> &str {
    text.char_indices().nth(MAX_SHOWN).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
