//! `muster user`: who was deleted and comes back, and who is protected.

use clap::{Subcommand, value_parser};
use serde_json::json;

use super::{
    ACTOR,
    failure::Failure,
    output::{Columns, Output},
};
use crate::provision::operator::{DeletedQuery, Operator};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists deleted users, the last one first; they are kept for 30 days.
    Deleted {
        /// The tenant.
        tenant: String,
        /// Only those of this `userName`.
        #[arg(long, value_name = "NAME")]
        user_name: Option<String>,
        /// The id of the last user of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// At most this many, up to 1000.
        #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Brings back a deleted user, under the same id, into the groups that are still there.
    Restore {
        /// The tenant.
        tenant: String,
        /// The user's id.
        id: String,
    },
    /// Forgets a deleted user for good.
    Erase {
        /// The tenant.
        tenant: String,
        /// The user's id.
        id: String,
    },
    /// Protects a user: whoever would deactivate or delete them is refused.
    Protect {
        /// The tenant.
        tenant: String,
        /// The user's id.
        id: String,
        /// Why, for administrators.
        #[arg(long)]
        reason: String,
    },
    /// Protects a user no longer.
    Unprotect {
        /// The tenant.
        tenant: String,
        /// The user's id.
        id: String,
    },
    /// Lists who is protected, by id, at most 1000.
    Protected {
        /// The tenant.
        tenant: String,
    },
}

const DELETED: &Columns = &[
    ("USER", "id"),
    ("NAME", "user_name"),
    ("DELETED", "deleted_at"),
    ("BY", "actor"),
    ("GROUPS", "groups"),
];
const PROTECTED: &Columns = &[
    ("USER", "id"),
    ("NAME", "user_name"),
    ("REASON", "reason"),
    ("SINCE", "since"),
    ("BY", "actor"),
];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Deleted { tenant, user_name, after, limit } => {
            let query = DeletedQuery { user_name, after, limit: Some(limit) };
            let deleted = operator.deleted_users(&tenant, &query).await?;
            output.list(&deleted, DELETED, "Nobody was deleted.")
        }
        Command::Restore { tenant, id } => {
            let restored = operator.restore_user(&tenant, &id, ACTOR).await?;
            let text = format!(
                "The user is there again, in {} groups; {} groups are not there any more.",
                restored.groups, restored.lost_groups
            );
            output.done(&restored, &text)
        }
        Command::Erase { tenant, id } => {
            operator.erase_user(&tenant, &id, ACTOR).await?;
            output.done(&json!({ "id": id }), "The user is forgotten.")
        }
        Command::Protect { tenant, id, reason } => {
            let user = operator.protect_user(&tenant, &id, &reason, ACTOR).await?;
            output.done(&user, "The user is protected.")
        }
        Command::Unprotect { tenant, id } => {
            operator.unprotect_user(&tenant, &id, ACTOR).await?;
            output.done(&json!({ "id": id }), "The user is protected no longer.")
        }
        Command::Protected { tenant } => {
            let users = operator.protected_users(&tenant).await?;
            output.list(&users, PROTECTED, "Nobody is protected.")
        }
    }
}
