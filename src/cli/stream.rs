//! `muster stream`.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    failure::Failure,
    letters,
    output::{Columns, Output},
};
use crate::{
    event::{EventUri, GroupClaim, Profile, SubjectFormat},
    provision::operator::{ChosenStream, NewStream, Operator, StreamChoice},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates a stream: events are pushed to a receiver, or wait to be polled.
    Create(New),
    /// Lists the streams of a tenant.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Keeps events back until the stream is resumed.
    Pause(One),
    /// Delivers again, beginning with what was kept.
    Resume(One),
    /// Deletes a stream and what it has not delivered.
    Delete(One),
    #[command(flatten)]
    Letters(letters::Command),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The tenant.
    tenant: String,
    /// Where events are pushed (RFC 8935); without it they are polled (RFC 8936).
    #[arg(long, value_name = "URL")]
    push_url: Option<String>,
    /// File with the `Authorization` header that the receiver asks for; `-` reads it from
    /// standard input.
    #[arg(long, value_name = "FILE", requires = "push_url")]
    authorization_file: Option<PathBuf>,
    /// Kind of receiver, which chooses what is not given: caep-interop, google, okta, apple or
    /// rfc9967.
    #[arg(long, value_parser = profile)]
    profile: Option<Profile>,
    /// URI of an event to send, several times for several; without it, session-revoked and
    /// account-disabled.
    #[arg(long = "event", value_name = "URI", value_parser = event)]
    events: Vec<EventUri>,
    /// How people are named: `iss_sub`, `email`, `opaque` or `scim` [default: `iss_sub`].
    #[arg(long, value_parser = subject_format)]
    subject_format: Option<SubjectFormat>,
    #[command(flatten)]
    subjects: Subjects,
    /// The `aud` that the receiver checks.
    #[arg(long)]
    audience: Option<String>,
    /// The application that the stream is for: it also gets what happens to people at that
    /// application alone.
    #[arg(long)]
    application: Option<String>,
    /// How groups are named in token-claims-change: `name` or `id`.
    #[arg(long, default_value = "name", value_parser = group_claim)]
    group_claim: GroupClaim,
    /// What the stream is for.
    #[arg(long, default_value = "")]
    description: String,
}

/// What else is set for how people are named.
#[derive(Debug, Args)]
#[command(next_help_heading = "Subjects")]
pub(super) struct Subjects {
    /// The `sub` of `iss_sub`: `externalId`, `userName`, `id` or `email` [default: externalId].
    #[arg(long, value_name = "SOURCE")]
    sub_source: Option<String>,
    /// The `iss` of `iss_sub` [default: the tenant's].
    #[arg(long)]
    iss: Option<String>,
    /// The address of `email`: `emails.primary` or `userName` [default: emails.primary].
    #[arg(long, value_name = "SOURCE")]
    email_source: Option<String>,
    /// Sends all names of a person, and not only one.
    #[arg(long)]
    aliases: bool,
    /// What a complex subject names beside the user: tenant, application, or both with a comma
    /// between them.
    #[arg(long, value_name = "MEMBERS", value_delimiter = ',')]
    complex: Vec<String>,
    /// Repeats the subject inside the event, for receivers that look for it there.
    #[arg(long)]
    legacy_events_subject: bool,
}

impl Subjects {
    fn members(self) -> Map<String, Value> {
        let set = [
            ("sub_source", self.sub_source.map(Value::from)),
            ("iss", self.iss.map(Value::from)),
            ("email_source", self.email_source.map(Value::from)),
            ("aliases", self.aliases.then_some(Value::Bool(true))),
            ("complex", (!self.complex.is_empty()).then(|| self.complex.into())),
            ("legacy_events_subject", self.legacy_events_subject.then_some(Value::Bool(true))),
        ];
        set.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The tenant.
    tenant: String,
    /// The stream's id, from `stream list`.
    id: Uuid,
}

const COLUMNS: &Columns = &[
    ("STREAM", "id"),
    ("METHOD", "method"),
    ("STATUS", "status"),
    ("PENDING", "pending"),
    ("RECEIVER", "endpoint_url"),
    ("REASON", "reason"),
    ("LAST ERROR", "last_error"),
];

pub(super) fn event(uri: &str) -> Result<EventUri, String> {
    EventUri::parse(uri).ok_or_else(|| {
        let sent = EventUri::offered(true);
        let uris: Vec<&str> = sent.map(EventUri::as_str).collect();
        format!("expected one of {}", uris.join(", "))
    })
}

fn group_claim(value: &str) -> Result<GroupClaim, String> {
    GroupClaim::parse(value).ok_or_else(|| "expected name or id".to_owned())
}

fn profile(name: &str) -> Result<Profile, String> {
    Profile::parse(name).ok_or_else(|| format!("expected one of {}", Profile::names()))
}

pub(super) fn subject_format(name: &str) -> Result<SubjectFormat, String> {
    SubjectFormat::parse(name).ok_or_else(|| {
        let names: Vec<&str> = SubjectFormat::ALL.into_iter().map(SubjectFormat::as_str).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Create(new) => create(new, operator, output).await,
        Command::List { tenant } => {
            output.list(&operator.streams(&tenant).await?, COLUMNS, "There are no streams.")
        }
        Command::Pause(One { tenant, id }) => {
            let stream = operator.pause_stream(&tenant, id).await?;
            output.done(&stream, &format!("Stream {id} is paused and keeps its events."))
        }
        Command::Resume(One { tenant, id }) => {
            let stream = operator.resume_stream(&tenant, id).await?;
            output.done(&stream, &format!("Stream {id} delivers again."))
        }
        Command::Delete(One { tenant, id }) => {
            output.busy("deleting", operator.delete_stream(&tenant, id)).await?;
            output.gone("stream", &id.to_string())
        }
        Command::Letters(command) => letters::run(command, operator, output).await,
    }
}

async fn create(new: New, operator: &Operator, output: Output) -> Result<(), Failure> {
    let choice = StreamChoice {
        profile: new.profile,
        events: (!new.events.is_empty()).then_some(new.events),
        subject_format: new.subject_format,
        subjects: new.subjects.members(),
        audience: new.audience,
        application: new.application.clone(),
    };
    let ChosenStream { events, subject_format, subjects, audience } = choice.complete()?;
    let stream = NewStream {
        description: new.description,
        push_url: new.push_url,
        authorization: new.authorization_file.as_deref().map(read_secret).transpose()?,
        events,
        subject_format,
        subjects,
        audience,
        application: new.application,
        group_claim: new.group_claim,
    };
    let stream = operator.create_stream(&new.tenant, stream).await?;
    output.done(&stream, &format!("Stream {} is created.", stream.id))
}

/// Reads a secret from a file, because arguments are seen by every process.
pub(super) fn read_secret(path: &Path) -> Result<SecretString, Failure> {
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => io::stdin().read_to_string(&mut text).map(drop),
        false => fs::read_to_string(path).map(|found| text = found),
    };
    match read {
        Ok(()) => Ok(text.trim().to_owned().into()),
        Err(error) => Err(Failure::failed(format!("{}: {error}", path.display()))),
    }
}
