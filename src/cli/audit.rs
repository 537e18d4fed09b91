//! `muster audit`.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use super::{
    failure::Failure,
    output::{Output, cell},
};
use crate::provision::operator::{AuditQuery, AuditRecord, Operator, VerifiedRecord};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows who changed what, oldest first; one JSON object a line with `--json`.
    List(List),
    /// Checks that every entry is the one that was recorded and that none is missing.
    Verify {
        /// The tenant.
        tenant: String,
        /// A file with a checkpoint that was kept elsewhere.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Signs where the record ends now; to be kept elsewhere, for `verify --checkpoint`.
    Checkpoint {
        /// The tenant.
        tenant: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The tenant.
    tenant: String,
    /// Only what was done to the resource with this id.
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// Only entries behind the one with this id.
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
    /// At most this many; all without it.
    #[arg(long)]
    limit: Option<u32>,
}

const PAGE: u32 = 500;

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::List(wanted) => list(wanted, operator, output).await,
        Command::Verify { tenant, checkpoint } => {
            let against = checkpoint.as_deref().map(fs::read_to_string).transpose();
            let against = against.map_err(Failure::failed)?;
            let verified = operator.verify_record(&tenant, against.as_deref()).await?;
            let VerifiedRecord { entries, checkpoints, .. } = &verified;
            let whole = format!("{entries} entries and {checkpoints} checkpoints are as recorded.");
            match verified.intact {
                true => output.done(&verified, &whole),
                false => {
                    output.done(&verified, &verified.faults.join("\n"))?;
                    Err(Failure::failed("the record is not what was recorded"))
                }
            }
        }
        Command::Checkpoint { tenant } => {
            let signed = operator.checkpoint(&tenant).await?;
            let text = signed.clone().unwrap_or_else(|| "Nothing was ever recorded.".to_owned());
            output.done(&json!({ "checkpoint": signed }), &text)
        }
    }
}

async fn list(wanted: List, operator: &Operator, output: Output) -> Result<(), Failure> {
    let List { tenant, resource, after, limit } = wanted;
    let mut query = AuditQuery { resource, after, limit: None };
    let mut left = limit.unwrap_or(u32::MAX);
    while 0 < left {
        query.limit = Some(left.min(PAGE));
        let page = operator.audit(&tenant, &query).await?;
        for entry in &page {
            if !show(entry, output)? {
                return Ok(());
            }
            query.after = Some(entry.id);
            left = left.saturating_sub(1);
        }
        if page.is_empty() {
            return Ok(());
        }
    }
    Ok(())
}

fn show(entry: &AuditRecord, output: Output) -> Result<bool, Failure> {
    let record = serde_json::to_value(entry).map_err(Failure::failed)?;
    let columns = ["at", "action", "resource", "attributes", "actor", "connection", "txn"];
    let cells = columns.iter().map(|name| record.get(name).map_or_else(|| "-".to_owned(), cell));
    output.line(entry, &cells.collect::<Vec<_>>().join("  "))
}
