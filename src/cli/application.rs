//! `muster application`.

use clap::{Args, Subcommand};

use super::{
    failure::Failure,
    output::{Columns, Output},
};
use crate::provision::operator::{ApplicationChange, Operator};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates an application that a tenant's people use.
    Create {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        change: Change,
    },
    /// Lists the applications of a tenant.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Changes the groups or the settings of an application.
    Set {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        change: Change,
    },
    /// Deletes an application that no stream, webhook or connector belongs to.
    Delete(One),
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The tenant.
    tenant: String,
    /// Name of the application: lower-case letters, digits and hyphens.
    name: String,
}

/// What an application shall be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Application")]
pub(super) struct Change {
    /// Id of a group whose members may use it, several times for several: all there shall be.
    #[arg(long = "group", value_name = "ID")]
    groups: Vec<String>,
    /// No group lets anybody in.
    #[arg(long, conflicts_with = "groups")]
    no_groups: bool,
    /// Whether sessions end there for who leaves one of the groups and stays in another
    /// [default: false].
    #[arg(long, value_name = "true|false")]
    revoke_on_privilege_loss: Option<bool>,
}

impl From<Change> for ApplicationChange {
    fn from(change: Change) -> Self {
        let Change { groups, no_groups, revoke_on_privilege_loss } = change;
        let groups = (no_groups || !groups.is_empty()).then_some(groups);
        Self { groups, revoke_on_privilege_loss }
    }
}

const COLUMNS: &Columns = &[
    ("APPLICATION", "name"),
    ("GROUPS", "groups"),
    ("REVOKES ON PRIVILEGE LOSS", "revoke_on_privilege_loss"),
    ("CREATED", "created_at"),
];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Create { one: One { tenant, name }, change } => {
            let application = operator.create_application(&tenant, &name, change.into()).await?;
            let text = format!(
                "Application {name} is created.\nNext: muster stream create {tenant} \
                 --application {name}"
            );
            output.done(&application, &text)
        }
        Command::List { tenant } => {
            let applications = operator.applications(&tenant).await?;
            output.list(&applications, COLUMNS, "There are no applications.")
        }
        Command::Set { one: One { tenant, name }, change } => {
            let application = operator.change_application(&tenant, &name, change.into()).await?;
            let text = format!("Application {name} is set: {} groups.", application.groups.len());
            output.done(&application, &text)
        }
        Command::Delete(One { tenant, name }) => {
            operator.delete_application(&tenant, &name).await?;
            output.gone("application", &name)
        }
    }
}
