//! `muster audit`.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{
    failure::Failure,
    output::{Output, cell},
};
use crate::provision::operator::{AuditQuery, AuditRecord, Operator};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows who changed what, oldest first; one JSON object a line with `--json`.
    List(List),
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
    let Command::List(List { tenant, resource, after, limit }) = command;
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
