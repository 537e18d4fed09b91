//! `muster administrator`.

use std::time::Duration;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{
    ACTOR, duration,
    failure::Failure,
    output::{Columns, Output},
};
use crate::{
    provision::operator::{NewAdministrator, Operator, OperatorError},
    scim::date_time,
    tenant::Role,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Adds an administrator to a tenant.
    Add(Add),
    /// Lists the administrators of a tenant.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Removes an administrator; their tokens end at once.
    Remove {
        /// The tenant.
        tenant: String,
        /// The administrator's id.
        id: Uuid,
    },
    /// Makes a code with which an administrator signs in, once.
    Link {
        /// The tenant.
        tenant: String,
        /// The administrator's id.
        id: Uuid,
        /// How long it is good: a number and d, h, m or s, at most 7 days.
        #[arg(long = "expires", value_parser = duration::parse, default_value = "1h")]
        expires_in: Duration,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The tenant.
    tenant: String,
    /// What they are called, such as an e-mail address.
    name: String,
    /// What they are there for.
    #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::as_str)))]
    role: String,
    /// Id of a group: they act on its members alone.
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// They administer the tenants below this one too.
    #[arg(long)]
    with_children: bool,
}

const COLUMNS: &Columns = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("ROLE", "role"),
    ("GROUP", "group"),
    ("CHILDREN", "with_children"),
    ("ADDED", "created_at"),
];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Add(Add { tenant, name, role, group, with_children }) => {
            let wrong = || OperatorError::Invalid(format!("`{role}` is no role"));
            let role = Role::parse(&role).ok_or_else(wrong)?;
            let new = NewAdministrator { name, role, group, with_children };
            let added = operator.add_administrator(&tenant, new, ACTOR).await?;
            let text = format!("{} is {} of {tenant}: {}.", added.name, role.as_str(), added.id);
            output.done(&added, &text)
        }
        Command::List { tenant } => {
            let all = operator.administrators(&tenant).await?;
            output.list(&all, COLUMNS, "There are no administrators.")
        }
        Command::Remove { tenant, id } => {
            operator.remove_administrator(&tenant, id, (ACTOR, true)).await?;
            output.gone("administrator", &id.to_string())
        }
        Command::Link { tenant, id, expires_in } => {
            let link = operator.sign_in_link(&tenant, id, expires_in, ACTOR).await?;
            let (code, ends) = (link.code.expose_secret(), date_time::format(link.expires_us));
            output.done(&json!({ "code": code, "expires_at": ends }), code)
        }
    }
}
