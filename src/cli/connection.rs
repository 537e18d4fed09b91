//! `muster connection`.

use clap::Subcommand;

use super::{
    failure::Failure,
    output::{Columns, Output},
};
use crate::{provision::operator::Operator, scim::dialect::Dialect};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates a connection for one directory of a tenant.
    Create {
        /// The tenant.
        tenant: String,
        /// Name of the connection: lower-case letters, digits and hyphens.
        name: String,
        /// What the directory sends: entra, okta, generic or strict.
        #[arg(long, default_value = "generic", value_parser = dialect)]
        dialect: Dialect,
    },
    /// Lists the connections of a tenant.
    List {
        /// The tenant.
        tenant: String,
    },
}

const COLUMNS: &Columns =
    &[("CONNECTION", "name"), ("DIALECT", "dialect"), ("CREATED", "created_at")];

fn dialect(name: &str) -> Result<Dialect, String> {
    Dialect::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Dialect::ALL.into_iter().map(Dialect::as_str).collect();
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
        Command::Create { tenant, name, dialect } => {
            let connection = operator.create_connection(&tenant, &name, dialect).await?;
            let text = format!(
                "Connection {name} is created.\nNext: muster token issue {tenant} --connection {name}"
            );
            output.done(&connection, &text)
        }
        Command::List { tenant } => {
            let connections = operator.connections(&tenant).await?;
            output.list(&connections, COLUMNS, "There are no connections.")
        }
    }
}
