//! `muster events`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{
    failure::Failure,
    output::{self, Output, cell},
};
use crate::provision::operator::{EventRecord, Operator};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows events, oldest first; one JSON object a line with `--json`.
    Tail(Tail),
}

#[derive(Debug, Args)]
pub(super) struct Tail {
    /// Only those of one tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only those after the one with this number.
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// At most this many.
    #[arg(long)]
    limit: Option<u32>,
    /// Waits for more.
    #[arg(long, short)]
    follow: bool,
}

const PAGE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(500);

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    let Command::Tail(Tail { tenant, mut after, limit, follow }) = command;
    let mut left = limit.unwrap_or(u32::MAX);
    while 0 < left {
        let page = operator.events(tenant.as_deref(), after, left.min(PAGE)).await?;
        for event in &page {
            if !show(event, output)? {
                return Ok(());
            }
            after = event.seq;
            left = left.saturating_sub(1);
        }
        match (page.is_empty(), follow) {
            (true, false) => return Ok(()),
            (true, true) => tokio::select! {
                () = tokio::time::sleep(PAUSE) => (),
                () = output::unread() => return Ok(()),
            },
            (false, _) => (),
        }
    }
    Ok(())
}

fn show(event: &EventRecord, output: Output) -> Result<bool, Failure> {
    let record = serde_json::to_value(event).map_err(Failure::failed)?;
    let columns = ["seq", "occurred_at", "tenant", "event", "resource", "txn"];
    let cells = columns.iter().map(|name| record.get(name).map_or_else(|| "-".to_owned(), cell));
    output.line(event, &cells.collect::<Vec<_>>().join("  "))
}
