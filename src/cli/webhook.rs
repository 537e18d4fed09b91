//! `muster webhook`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{
    failure::Failure,
    output::{Columns, Output},
    stream::read_secret,
};
use crate::{
    event::webhook::WebhookKeyKind,
    provision::operator::{KeyedWebhook, NewWebhook, Operator, WebhookFormat},
    store::StreamStatus,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates a webhook and shows its secret, this once.
    Create(New),
    /// Lists the webhooks of a tenant.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Signs with another key; the one before signs too for a day.
    Rotate {
        #[command(flatten)]
        one: One,
        /// File with the key, `whsec_…` or `whsk_…`; `-` reads it from standard input. One is
        /// made without it.
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// How messages are signed if a key is made: `v1` or `v1a`; as before without it.
        #[arg(long, value_parser = signature)]
        signature: Option<WebhookKeyKind>,
    },
    /// Sends the message `endpoint.ping`.
    Test(One),
    /// Keeps messages back until the webhook is resumed.
    Pause(One),
    /// Sends again, beginning with what was kept.
    Resume(One),
    /// Deletes a webhook and what it was not told yet.
    Delete(One),
}

#[derive(Debug, Args)]
pub(super) struct New {
    /// The tenant.
    tenant: String,
    /// Where messages go.
    url: String,
    /// `standard` (Standard Webhooks), `cloudevents` or `cloudevents-binary`.
    #[arg(long, default_value = "standard", value_parser = format)]
    format: WebhookFormat,
    /// Type of message to send, several times for several; all of them without it.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// File with the key, `whsec_…` or `whsk_…`; `-` reads it from standard input. One is made
    /// without it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// How messages are signed if a key is made: `v1` (HMAC-SHA256) or `v1a` (Ed25519).
    #[arg(long, default_value = "v1", value_parser = signature)]
    signature: WebhookKeyKind,
    /// File with the `Authorization` header that the endpoint asks for.
    #[arg(long, value_name = "FILE")]
    authorization_file: Option<PathBuf>,
    /// Sends CloudEvents without asking the endpoint first.
    #[arg(long)]
    no_handshake: bool,
    /// Name of the application that it is for.
    #[arg(long)]
    application: Option<String>,
    /// What the webhook is for.
    #[arg(long, default_value = "")]
    description: String,
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The tenant.
    tenant: String,
    /// The webhook's id, from `webhook list`.
    id: Uuid,
}

const COLUMNS: &Columns = &[
    ("WEBHOOK", "id"),
    ("FORMAT", "format"),
    ("STATUS", "status"),
    ("PENDING", "pending"),
    ("ENDPOINT", "endpoint_url"),
    ("REASON", "reason"),
    ("LAST ERROR", "last_error"),
];

fn format(name: &str) -> Result<WebhookFormat, String> {
    WebhookFormat::parse(name)
        .ok_or_else(|| "expected standard, cloudevents or cloudevents-binary".to_owned())
}

fn signature(name: &str) -> Result<WebhookKeyKind, String> {
    WebhookKeyKind::parse(name).ok_or_else(|| "expected v1 or v1a".to_owned())
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
            output.list(&operator.webhooks(&tenant).await?, COLUMNS, "There are no webhooks.")
        }
        Command::Rotate { one, key_file, signature } => {
            let key = key_file.as_deref().map(read_secret).transpose()?;
            let rotated = operator.rotate_webhook(&one.tenant, one.id, key, signature).await?;
            show(&rotated, "signs with another key", output)
        }
        Command::Test(One { tenant, id }) => {
            let webhook = operator.ping_webhook(&tenant, id).await?;
            output.done(&webhook, &format!("A ping to webhook {id} is on its way."))
        }
        Command::Pause(One { tenant, id }) => {
            let webhook = operator.set_webhook(&tenant, id, StreamStatus::Paused).await?;
            output.done(&webhook, &format!("Webhook {id} is paused and keeps its messages."))
        }
        Command::Resume(One { tenant, id }) => {
            let webhook = operator.set_webhook(&tenant, id, StreamStatus::Enabled).await?;
            output.done(&webhook, &format!("Webhook {id} sends again."))
        }
        Command::Delete(One { tenant, id }) => {
            output.busy("deleting", operator.delete_webhook(&tenant, id)).await?;
            output.gone("webhook", &id.to_string())
        }
    }
}

async fn create(new: New, operator: &Operator, output: Output) -> Result<(), Failure> {
    let webhook = NewWebhook {
        description: new.description,
        endpoint_url: new.url,
        format: new.format,
        types: new.types,
        key: new.key_file.as_deref().map(read_secret).transpose()?,
        key_kind: new.signature,
        authorization: new.authorization_file.as_deref().map(read_secret).transpose()?,
        handshake: !new.no_handshake,
        application: new.application,
    };
    let created = operator.create_webhook(&new.tenant, webhook).await?;
    show(&created, "is created", output)
}

/// Shows a webhook, and what its receiver verifies with.
fn show(keyed: &KeyedWebhook, what: &str, output: Output) -> Result<(), Failure> {
    let webhook = &keyed.record;
    let secret = keyed.secret.as_ref().map(ExposeSecret::expose_secret);
    let key = match (secret, &webhook.public_key) {
        (Some(secret), _) => format!("\nIts secret, shown this once: {secret}"),
        (None, Some(public)) => format!("\nIts public key: {public}"),
        (None, None) => String::new(),
    };
    let record = json!({ "webhook": webhook, "secret": secret });
    output.done(&record, &format!("Webhook {} {what}.{key}", webhook.id))
}
