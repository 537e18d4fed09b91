//! `muster key`.

use clap::Subcommand;

use super::{
    failure::Failure,
    output::{Columns, Output},
};
use crate::provision::operator::Operator;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the signing keys of a tenant; not the private halves.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Makes a new key. The key set shows it now; it signs when every receiver must know it.
    Rotate {
        /// The tenant.
        tenant: String,
        /// Signs with it from now on: receivers that keep the key set refuse events meanwhile.
        #[arg(long)]
        now: bool,
    },
    /// Removes a key at once, for one that others know; another one signs what waits.
    Revoke {
        /// The tenant.
        tenant: String,
        /// The key's name, from `key list`.
        kid: String,
    },
}

const COLUMNS: &Columns = &[
    ("KEY", "kid"),
    ("STATE", "state"),
    ("CREATED", "created_at"),
    ("USED FROM", "used_from"),
    ("KEPT UNTIL", "kept_until"),
];
const NONE: &str = "There are no keys.";

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    let keys = match command {
        Command::List { tenant } => operator.keys(&tenant).await?,
        Command::Rotate { tenant, now } => operator.rotate_key(&tenant, now).await?,
        Command::Revoke { tenant, kid } => operator.revoke_key(&tenant, &kid).await?,
    };
    output.list(&keys, COLUMNS, NONE)
}
