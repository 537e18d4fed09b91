//! `muster connection`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{
    failure::Failure,
    output::{Columns, Output},
};
use crate::{
    provision::operator::{ConnectionChange, Operator},
    scim::dialect::Dialect,
    tenant::Settings,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates a connection for one directory of a tenant.
    Create {
        /// The tenant.
        tenant: String,
        /// Name of the connection: lower-case letters, digits and hyphens.
        name: String,
        #[command(flatten)]
        change: Change,
    },
    /// Changes the dialect or the settings of a connection, within a second.
    Set {
        /// The tenant.
        tenant: String,
        /// The connection.
        name: String,
        #[command(flatten)]
        change: Change,
    },
    /// Lists what a connection's requests said that was not taken as it stands.
    Notices {
        /// The tenant.
        tenant: String,
        /// The connection.
        name: String,
    },
    /// Lists the connections of a tenant.
    List {
        /// The tenant.
        tenant: String,
    },
}

/// What a connection shall be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Change {
    #[arg(
        long,
        value_parser = dialect,
        help = format!("What the directory sends: {} [default: generic]", Dialect::names())
    )]
    dialect: Option<Dialect>,
    /// Whether members of a group that nobody has are kept as mere text [default: false].
    #[arg(long, value_name = "true|false|default")]
    opaque_members: Option<String>,
    /// What a PATCH is answered with: the resource, or none (204) [default: resource].
    #[arg(long, value_name = "resource|none|default")]
    patch_response: Option<String>,
    /// Media type of answers [default: auto, as requests prefer].
    #[arg(long, value_name = "auto|scim|json|default")]
    media_type: Option<String>,
    /// Whether a group's name is unique [default: as the dialect says].
    #[arg(long, value_name = "true|false|default")]
    unique_group_names: Option<String>,
    /// Resources of a page whose request has no count [default: the service's own].
    #[arg(long, value_name = "NUMBER|default")]
    default_results: Option<String>,
    /// Whether what it changes is answered as if it were made, and is not; the record tells what
    /// would have changed [default: false].
    #[arg(long, value_name = "true|false|default")]
    shadow: Option<String>,
}

impl From<Change> for ConnectionChange {
    fn from(change: Change) -> Self {
        let settings = [
            ("opaque_members", change.opaque_members),
            ("patch_response", change.patch_response),
            ("media_type", change.media_type),
            ("unique_group_names", change.unique_group_names),
            ("default_results", change.default_results),
            ("shadow", change.shadow),
        ];
        let given =
            settings.into_iter().filter_map(|(name, text)| Some((name.to_owned(), setting(text?))));
        Self { dialect: change.dialect, settings: Map::from_iter(given) }
    }
}

const COLUMNS: &Columns =
    &[("CONNECTION", "name"), ("DIALECT", "dialect"), ("CREATED", "created_at")];

const NOTICES: &Columns = &[
    ("KIND", "kind"),
    ("DETAIL", "detail"),
    ("COUNT", "count"),
    ("FIRST", "first_at"),
    ("LAST", "last_at"),
];

fn dialect(name: &str) -> Result<Dialect, String> {
    Dialect::from_name(name).ok_or_else(|| format!("expected one of {}", Dialect::names()))
}

/// A setting's value as JSON has it; the use case says whether it can be.
pub(super) fn setting(text: String) -> Value {
    match text.as_str() {
        "default" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<u32>().map_or_else(|_| text.into(), Value::from),
    }
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Create { tenant, name, change } => {
            let connection = operator.create_connection(&tenant, &name, change).await?;
            let text = format!(
                "Connection {name} is created.\nNext: muster token issue {tenant} --connection {name}"
            );
            output.done(&connection, &text)
        }
        Command::Set { tenant, name, change } => {
            let connection = operator.change_connection(&tenant, &name, change.into()).await?;
            let text = format!(
                "Connection {name} is set: dialect {}, {}",
                connection.dialect.as_str(),
                connection.settings.to_json()
            );
            output.done(&connection, &text)
        }
        Command::Notices { tenant, name } => {
            let notices = operator.notices(&tenant, &name).await?;
            output.list(&notices, NOTICES, "Nothing was told.")
        }
        Command::List { tenant } => {
            let connections = operator.connections(&tenant).await?;
            output.list(&connections, COLUMNS, "There are no connections.")
        }
    }
}
