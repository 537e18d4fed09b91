//! `muster tenant`.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Subcommand;

use super::{
    failure::Failure,
    output::{Columns, Output},
};
use crate::provision::operator::{NewTenant, Operator};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates a tenant.
    Create {
        /// Name in URLs: lower-case letters, digits and hyphens.
        name: String,
        /// Issuer of the tenant's identity provider, for events that name people by `iss_sub`.
        #[arg(long, value_name = "URL")]
        subject_issuer: Option<String>,
    },
    /// Lists the tenants.
    List,
    /// Refuses all requests of a tenant; nothing is lost.
    Suspend {
        /// The tenant.
        name: String,
    },
    /// Serves a suspended tenant again.
    Resume {
        /// The tenant.
        name: String,
    },
    /// Deletes a tenant with everything it has.
    Delete {
        /// The tenant.
        name: String,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
}

const COLUMNS: &Columns = &[("TENANT", "name"), ("STATE", "state"), ("CREATED", "created_at")];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Create { name, subject_issuer } => {
            let tenant = operator.create_tenant(NewTenant { name, subject_issuer }).await?;
            let text = format!(
                "Tenant {0} is created.\nNext: muster connection create {0} okta --dialect okta",
                tenant.name
            );
            output.done(&tenant, &text)
        }
        Command::List => output.list(&operator.tenants().await?, COLUMNS, "There are no tenants."),
        Command::Suspend { name } => {
            let tenant = operator.suspend_tenant(&name).await?;
            output.done(&tenant, &format!("Tenant {name} is suspended."))
        }
        Command::Resume { name } => {
            let tenant = operator.resume_tenant(&name).await?;
            output.done(&tenant, &format!("Tenant {name} is served again."))
        }
        Command::Delete { name, yes } => {
            if !yes {
                confirm(&name)?;
            }
            output.busy("deleting", operator.delete_tenant(&name)).await?;
            output.gone("tenant", &name)
        }
    }
}

/// Lets a person at a terminal type the name once more.
fn confirm(name: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("deleting a tenant takes `--yes` where nobody can be asked"));
    }
    eprint!("Everything of tenant {name} will be gone. Type its name to go on: ");
    io::stderr().flush().map_err(Failure::failed)?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).map_err(Failure::failed)?;
    match typed.trim() == name {
        true => Ok(()),
        false => Err(Failure::failed("nothing was deleted")),
    }
}
