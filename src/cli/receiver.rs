//! `muster receiver`.

use std::time::Duration;

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{
    duration,
    failure::Failure,
    output::{Columns, Output},
};
use crate::{
    provision::operator::{IssuedReceiver, NewReceiver, Operator},
    tenant::Scope,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a receiver and shows its client secret, this once.
    Create {
        /// The tenant.
        tenant: String,
        /// Name of the receiver: lower-case letters, digits and hyphens.
        name: String,
        /// What its tokens may do: ssf.read, ssf.manage or ssf.poll; several times for several.
        #[arg(long = "scope", value_parser = scope, default_values = ["ssf.read", "ssf.manage"])]
        scopes: Vec<Scope>,
        /// After how long without a poll or another request of the receiver its polled streams
        /// are paused: at least 7d. Without it, never.
        #[arg(long, value_parser = duration::parse)]
        inactivity_timeout: Option<Duration>,
    },
    /// Lists the receivers of a tenant; not the secrets.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Ends a receiver, its tokens and its streams.
    Revoke {
        /// The tenant.
        tenant: String,
        /// The receiver's id, from `receiver list`.
        id: Uuid,
    },
}

const COLUMNS: &Columns = &[
    ("RECEIVER", "id"),
    ("NAME", "name"),
    ("SCOPES", "scopes"),
    ("STREAMS", "streams"),
    ("CREATED", "created_at"),
    ("REVOKED", "revoked_at"),
];

fn scope(name: &str) -> Result<Scope, String> {
    let offered = &Scope::OF_RECEIVERS;
    let found = Scope::parse(name).filter(|scope| offered.contains(scope));
    found.ok_or_else(|| format!("expected one of {}", Scope::list(offered)))
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Create { tenant, name, scopes, inactivity_timeout } => {
            let new = NewReceiver { name, scopes, inactivity_timeout };
            show(&operator.create_receiver(&tenant, new).await?, output)
        }
        Command::List { tenant } => {
            output.list(&operator.receivers(&tenant).await?, COLUMNS, "There are no receivers.")
        }
        Command::Revoke { tenant, id } => {
            operator.revoke_receiver(&tenant, id).await?;
            let text = format!("Receiver {id} is revoked; its tokens and streams are gone.");
            output.done(&json!({ "receiver": id, "revoked": true }), &text)
        }
    }
}

/// Shows a new receiver. The secret stands alone on its line, ready to be copied.
fn show(issued: &IssuedReceiver, output: Output) -> Result<(), Failure> {
    let IssuedReceiver { record, token_url, client_secret } = issued;
    let secret = client_secret.expose_secret();
    let mut shown = serde_json::to_value(record).map_err(Failure::failed)?;
    if let Some(members) = shown.as_object_mut() {
        members.insert("client_secret".to_owned(), secret.into());
        members.insert("token_url".to_owned(), token_url.as_str().into());
    }
    let text = format!(
        "{secret}\n\nThe client secret is shown this once. The client id is {}, tokens are at {token_url}.",
        record.client_id
    );
    output.done(&shown, &text)
}
