//! `muster revocation-issuer`.

use std::{fs, path::PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use serde_json::Value;

use super::{failure::Failure, output::Output};
use crate::provision::operator::{NewRevocationIssuer, Operator, RevocationIssuerRecord};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Sets the identity provider that may end a tenant's sessions (Global Token Revocation,
    /// Okta Universal Logout), in place of the one before.
    Set(New),
    /// Shows the identity provider that may end a tenant's sessions.
    Show {
        /// The tenant.
        tenant: String,
    },
    /// Lets nobody end a tenant's sessions by tokens of their own any more.
    Delete {
        /// The tenant.
        tenant: String,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("keys").required(true).args(["jwks_file", "jwks_uri"])))]
pub(super) struct New {
    /// The tenant.
    tenant: String,
    /// The `iss` of its tokens, such as `https://acme.okta.com`.
    issuer: String,
    /// The `sub` that its tokens must have; any without it.
    #[arg(long)]
    subject: Option<String>,
    /// File with its public keys, a JSON Web Key Set (RFC 7517).
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// Where its public keys are.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Set(new) => {
            let jwks = new.jwks_file.map(read_keys).transpose()?;
            let New { tenant, issuer, subject, jwks_uri, .. } = New { jwks_file: None, ..new };
            let new = NewRevocationIssuer { issuer, subject, jwks, jwks_uri };
            show(&operator.set_revocation_issuer(&tenant, new).await?, output)
        }
        Command::Show { tenant } => show(&operator.revocation_issuer(&tenant).await?, output),
        Command::Delete { tenant } => {
            operator.delete_revocation_issuer(&tenant).await?;
            output.gone("revocation_issuer", &tenant)
        }
    }
}

fn show(issuer: &RevocationIssuerRecord, output: Output) -> Result<(), Failure> {
    let text = format!("{} may end sessions at {}", issuer.issuer, issuer.endpoint);
    output.done(issuer, &text)
}

fn read_keys(path: PathBuf) -> Result<Value, Failure> {
    let failed = |reason: String| Failure::failed(format!("{}: {reason}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}
