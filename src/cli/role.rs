//! `muster role`.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{
    ACTOR,
    failure::Failure,
    output::{Columns, Output},
};
use crate::provision::{
    Granted,
    operator::{NewRoleRule, Operator},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Gives a role to the members of a group, or to whom a filter matches.
    Add(Add),
    /// Lists the rules that give roles, oldest first.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Deletes a rule.
    Delete {
        /// The tenant.
        tenant: String,
        /// The rule's id.
        id: Uuid,
    },
    /// Tells whether a user may sign in, with which roles, and why.
    Of {
        /// The tenant.
        tenant: String,
        /// The user's id.
        user: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The tenant.
    tenant: String,
    /// The role.
    role: String,
    /// Id of a group whose members have it, and those of groups in it.
    #[arg(long, value_name = "ID", required_unless_present = "filter", conflicts_with = "filter")]
    group: Option<String>,
    /// A SCIM filter over users who have it, such as 'title eq "Accountant"'.
    #[arg(long)]
    filter: Option<String>,
}

const COLUMNS: &Columns = &[
    ("ID", "id"),
    ("ROLE", "role"),
    ("GROUP", "group"),
    ("FILTER", "filter"),
    ("CREATED", "created_at"),
];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Add(Add { tenant, role, group, filter }) => {
            let new = NewRoleRule { role, group, filter };
            let rule = operator.add_role_rule(&tenant, &new, ACTOR).await?;
            output.done(&rule, &format!("Rule {} gives the role {}.", rule.id, rule.role))
        }
        Command::List { tenant } => {
            let rules = operator.role_rules(&tenant).await?;
            output.list(&rules, COLUMNS, "There are no rules for roles.")
        }
        Command::Delete { tenant, id } => {
            operator.delete_role_rule(&tenant, id, ACTOR).await?;
            output.gone("rule", &id.to_string())
        }
        Command::Of { tenant, user } => {
            let answer = operator.user_access(&tenant, &user).await?;
            let mut lines = vec![match answer.reason {
                None => "The user may sign in.".to_owned(),
                Some(reason) => format!("The user may not sign in: {reason}."),
            }];
            let line =
                |kind: &str, it: &Granted| format!("{kind} {}: {}", it.value, it.why.join("; "));
            lines.extend(answer.roles.iter().map(|it| line("role", it)));
            lines.extend(answer.entitlements.iter().map(|it| line("entitlement", it)));
            output.done(&answer, &lines.join("\n"))
        }
    }
}
