//! `muster token`.

use std::time::Duration;

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    duration,
    failure::Failure,
    output::{Columns, Output},
};
use crate::{
    provision::operator::{IssuedToken, NewToken, Operator, OperatorError},
    tenant::{AllowedNetworks, Scope},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a token and shows it, this once.
    Issue {
        /// The tenant.
        tenant: String,
        /// The connection that will use it.
        #[arg(long)]
        connection: String,
        /// Id of the user it speaks for: it reaches /Me and discovery alone.
        #[arg(long)]
        user: Option<String>,
        /// What it may do: scim.read and scim.write (everything over SCIM), scim.users, scim.groups
        /// (users or groups alone), ssf.poll, fence.read, access.read or sessions.revoke; several times for
        /// several.
        #[arg(long = "scope", value_parser = scope, default_values = ["scim.read", "scim.write"])]
        scopes: Vec<Scope>,
        /// Network from which alone it is good, such as 203.0.113.0/24; several times for several
        /// [default: anywhere].
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<String>,
        /// How long it works: a number and d, h, m or s.
        #[arg(long = "expires", value_parser = duration::parse, default_value = "365d")]
        expires_in: Duration,
        /// What it is for, to tell it from others.
        #[arg(long, default_value = "")]
        label: String,
    },
    /// Lists the tokens of a tenant; not the secrets.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Makes a token in place of another, which works for a while yet, and shows it, this once.
    Rotate {
        /// The tenant.
        tenant: String,
        /// The other token's id, from `token list`.
        id: Uuid,
        /// For how long both work, at most 30d: a number and d, h, m or s.
        #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "1d")]
        overlap: Duration,
    },
    /// Makes a token useless, at once.
    Revoke {
        /// The tenant.
        tenant: String,
        /// The token's id, from `token list`.
        id: Uuid,
    },
}

const COLUMNS: &Columns = &[
    ("TOKEN", "id"),
    ("CONNECTION", "connection"),
    ("USER", "user"),
    ("SCOPES", "scopes"),
    ("FROM", "networks"),
    ("EXPIRES", "expires_at"),
    ("LAST USED", "last_used_at"),
    ("REVOKED", "revoked_at"),
    ("LABEL", "label"),
];

fn scope(name: &str) -> Result<Scope, String> {
    let offered = &Scope::OF_CONNECTIONS;
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
        Command::Issue { tenant, connection, user, scopes, networks, expires_in, label } => {
            let networks = AllowedNetworks::parse(networks.iter().map(String::as_str));
            let networks = networks.map_err(OperatorError::Invalid)?;
            let new = NewToken { connection, user, scopes, networks, expires_in, label };
            show(&operator.issue_token(&tenant, new).await?, output)
        }
        Command::List { tenant } => {
            output.list(&operator.tokens(&tenant).await?, COLUMNS, "There are no tokens.")
        }
        Command::Rotate { tenant, id, overlap } => {
            show(&operator.rotate_token(&tenant, id, overlap).await?, output)
        }
        Command::Revoke { tenant, id } => {
            operator.revoke_token(&tenant, id).await?;
            let text = format!("Token {id} no longer works.");
            output.done(&json!({ "token": id, "revoked": true }), &text)
        }
    }
}

/// Shows a new token. The secret stands alone on its line, ready to be copied.
pub(super) fn show(issued: &IssuedToken, output: Output) -> Result<(), Failure> {
    let secret = issued.token.expose_secret();
    let mut record = serde_json::to_value(&issued.record).map_err(Failure::failed)?;
    let expires = record.get("expires_at").and_then(Value::as_str).unwrap_or("-").to_owned();
    if let Some(members) = record.as_object_mut() {
        members.insert("token".to_owned(), secret.into());
    }
    let text = format!("{secret}\n\nShown this once. It works until {expires}.");
    output.done(&record, &text)
}
