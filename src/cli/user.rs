//! `muster user`.

use clap::Subcommand;

use super::{failure::Failure, output::Output};
use crate::provision::operator::{NameKind, Operator};

/// Who the audit trail says it was: whoever may run commands on the database.
const ACTOR: &str = "operator:command-line";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Ends a user's sessions; the account stays as it is.
    RevokeSessions {
        /// The tenant.
        tenant: String,
        /// The user, by id or as `--by` says.
        user: String,
        /// What the user is named by: id, user-name, external-id or email.
        #[arg(long, default_value = "id", value_parser = name_kind)]
        by: NameKind,
        /// Why, for administrators; receivers are told.
        #[arg(long)]
        reason: Option<String>,
    },
}

fn name_kind(name: &str) -> Result<NameKind, String> {
    NameKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = NameKind::ALL.into_iter().map(NameKind::as_str).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    let Command::RevokeSessions { tenant, user, by, reason } = command;
    let revoked = operator.revoke_sessions(&tenant, (by, &user), reason.as_deref(), ACTOR).await?;
    let text = format!("The sessions end; receipt: muster receipt {tenant} {}", revoked.txn);
    output.done(&revoked, &text)
}
