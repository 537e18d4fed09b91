//! `muster connector`.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    failure::Failure,
    output::{Columns, Output},
    stream::{read_secret, subject_format},
};
use crate::{
    event::{SinkKind, SubjectFormat},
    provision::operator::{NewConnector, Operator, RehearsedEvent},
    store::StreamStatus,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates a connector: a session store that is told to end sessions.
    Create(New),
    /// Lists the connectors of a tenant.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Shows the requests that a connector would make for somebody who leaves; sends nothing.
    Test(One),
    /// Keeps commands back until the connector is resumed.
    Pause(One),
    /// Commands again, beginning with what was kept.
    Resume(One),
    /// Deletes a connector and the commands that it did not carry out yet.
    Delete(One),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The tenant.
    tenant: String,
    /// What it speaks to.
    #[arg(value_parser = kind)]
    kind: SinkKind,
    /// Where the target is.
    url: String,
    /// What is set for it, as a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = object)]
    settings: Map<String, Value>,
    /// File with its secrets, a JSON object of texts; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    secrets_file: Option<PathBuf>,
    /// How people are named, where the target takes subject identifiers: `iss_sub`, `email`,
    /// `opaque` or `scim`.
    #[arg(long, default_value = "iss_sub", value_parser = subject_format)]
    subject_format: SubjectFormat,
    /// Name of the application that it is for.
    #[arg(long)]
    application: Option<String>,
    /// What the connector is for.
    #[arg(long, default_value = "")]
    description: String,
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The tenant.
    tenant: String,
    /// The connector's id, from `connector list`.
    id: Uuid,
}

const COLUMNS: &Columns = &[
    ("CONNECTOR", "id"),
    ("KIND", "kind"),
    ("STATUS", "status"),
    ("PENDING", "pending"),
    ("TARGET", "endpoint_url"),
    ("RESIDUAL S", "residual_ttl_s"),
    ("REASON", "reason"),
    ("LAST ERROR", "last_error"),
];

fn kind(name: &str) -> Result<SinkKind, String> {
    SinkKind::parse(name).filter(|kind| !kind.is_webhook()).ok_or_else(|| {
        let kinds = SinkKind::ALL.into_iter().filter(|kind| !kind.is_webhook());
        let names: Vec<&str> = kinds.map(SinkKind::as_str).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object: {error}"))
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
            output.list(&operator.connectors(&tenant).await?, COLUMNS, "There are no connectors.")
        }
        Command::Test(One { tenant, id }) => {
            let rehearsed = operator.rehearse_connector(&tenant, id).await?;
            output.done(&rehearsed, &written(&rehearsed))
        }
        Command::Pause(One { tenant, id }) => {
            let connector = operator.set_connector(&tenant, id, StreamStatus::Paused).await?;
            output.done(&connector, &format!("Connector {id} is paused and keeps its commands."))
        }
        Command::Resume(One { tenant, id }) => {
            let connector = operator.set_connector(&tenant, id, StreamStatus::Enabled).await?;
            output.done(&connector, &format!("Connector {id} commands again."))
        }
        Command::Delete(One { tenant, id }) => {
            output.busy("deleting", operator.delete_connector(&tenant, id)).await?;
            output.gone("connector", &id.to_string())
        }
    }
}

async fn create(new: New, operator: &Operator, output: Output) -> Result<(), Failure> {
    let connector = NewConnector {
        kind: new.kind,
        description: new.description,
        endpoint_url: new.url,
        settings: new.settings,
        secrets: match new.secrets_file.as_deref() {
            Some(file) => secrets(&read_secret(file)?)?,
            None => BTreeMap::new(),
        },
        subject_format: new.subject_format,
        application: new.application,
    };
    let connector = operator.create_connector(&new.tenant, connector).await?;
    output.done(&connector, &format!("Connector {} is created.", connector.id))
}

/// The error says nothing of what was read.
fn secrets(text: &SecretString) -> Result<BTreeMap<String, SecretString>, Failure> {
    let secrets: Result<BTreeMap<String, String>, _> = serde_json::from_str(text.expose_secret());
    match secrets {
        Ok(secrets) => Ok(secrets.into_iter().map(|(name, it)| (name, it.into())).collect()),
        Err(_) => Err(Failure::failed("the file with the secrets is no JSON object of texts")),
    }
}

/// The requests as they would go over the wire.
fn written(rehearsed: &[RehearsedEvent]) -> String {
    let text = |note: &Value, name: &str| {
        note.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut lines = Vec::new();
    for RehearsedEvent { event, requests, fault } in rehearsed {
        lines.push(format!("On {event}:"));
        for note in requests {
            lines.push(format!("  {} {}", text(note, "method"), text(note, "url")));
            for (name, value) in
                note.get("headers").and_then(Value::as_object).into_iter().flatten()
            {
                lines.push(format!("  {name}: {}", value.as_str().unwrap_or_default()));
            }
            let body = text(note, "body");
            if !body.is_empty() {
                lines.push(format!("  {body}"));
            }
        }
        if let Some(fault) = fault {
            lines.push(format!("  {fault}"));
        }
    }
    lines.join("\n")
}
