//! `muster client`.

use std::{fs, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{
    ACTOR, duration,
    failure::Failure,
    output::{Columns, Output},
};
use crate::{
    provision::operator::{NewClient, Operator, OperatorError},
    tenant::{AllowedNetworks, Scope},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes an OAuth client for a connection; shows its secret, this once, if it has no keys.
    Add(Box<Add>),
    /// Lists the OAuth clients of a tenant's connections.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Makes a client and every token that it has got useless, at once.
    Revoke {
        /// The tenant.
        tenant: String,
        /// The client's id.
        id: Uuid,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The tenant.
    tenant: String,
    /// The connection.
    connection: String,
    /// What its tokens may do; may be given several times [default: scim.read, scim.write].
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// A network from which alone its tokens are good; may be given several times.
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// How long it works: a number and d, h, m or s.
    #[arg(long = "expires", value_parser = duration::parse, default_value = "365d")]
    expires_in: Duration,
    /// What it is for, to tell it from others.
    #[arg(long, default_value = "")]
    label: String,
    /// A file with its public keys, a JSON Web Key Set.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<PathBuf>,
    /// Where its public keys are.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// `iss` of assertions that an issuer signs for it.
    #[arg(long, requires = "subject")]
    issuer: Option<String>,
    /// `sub` of such assertions.
    #[arg(long, requires = "issuer")]
    subject: Option<String>,
    /// `aud` of such assertions [default: that of Microsoft Entra].
    #[arg(long, requires = "issuer")]
    audience: Option<String>,
}

impl Add {
    fn checked(self) -> Result<(String, NewClient), Failure> {
        let wrong = |rule: String| Failure::from(OperatorError::Invalid(rule));
        let scopes = match self.scopes.is_empty() {
            true => vec![Scope::Read, Scope::Write],
            false => {
                let known = |name: &String| {
                    Scope::parse(name).ok_or_else(|| wrong(format!("`{name}` is no scope")))
                };
                self.scopes.iter().map(known).collect::<Result<_, _>>()?
            }
        };
        let networks = AllowedNetworks::parse(self.networks.iter().map(String::as_str));
        let jwks = match &self.jwks {
            Some(file) => {
                let text = fs::read_to_string(file).map_err(Failure::failed)?;
                Some(serde_json::from_str(&text).map_err(Failure::usage)?)
            }
            None => None,
        };
        let new = NewClient {
            connection: self.connection,
            scopes,
            networks: networks.map_err(wrong)?,
            label: self.label,
            expires_in: self.expires_in,
            jwks,
            jwks_uri: self.jwks_uri,
            issuer: self.issuer,
            subject: self.subject,
            audience: self.audience,
        };
        Ok((self.tenant, new))
    }
}

const COLUMNS: &Columns = &[
    ("CLIENT", "client_id"),
    ("CONNECTION", "connection"),
    ("METHOD", "method"),
    ("SCOPES", "scopes"),
    ("EXPIRES", "expires_at"),
    ("REVOKED", "revoked_at"),
    ("LABEL", "label"),
];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Add(add) => {
            let (tenant, new) = add.checked()?;
            let made = operator.create_client(&tenant, new, ACTOR).await?;
            let secret = made.secret.as_ref().map(|secret| secret.expose_secret());
            let mut lines = vec![format!("client_id {}", made.record.client_id)];
            lines.extend(secret.map(|secret| format!("client_secret {secret}")));
            lines.push(format!("token URL {}", made.record.token_url));
            let shown = json!({ "client": made.record, "client_secret": secret });
            output.done(&shown, &lines.join("\n"))
        }
        Command::List { tenant } => {
            let all = operator.clients(&tenant).await?;
            output.list(&all, COLUMNS, "There are no clients.")
        }
        Command::Revoke { tenant, id } => {
            operator.revoke_client(&tenant, id, ACTOR).await?;
            output.gone("client", &id.to_string())
        }
    }
}
