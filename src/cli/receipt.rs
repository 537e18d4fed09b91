//! `muster receipt`.

use clap::Args;
use serde_json::Value;

use super::{
    failure::Failure,
    output::{Columns, Output, cell, table},
};
use crate::provision::operator::{Operator, ReceiptQuery, ReceiptRecord};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tenant.
    tenant: String,
    /// The transaction; without it, the newest are listed.
    txn: Option<String>,
    /// Only those of the user with this id.
    #[arg(long, conflicts_with = "txn")]
    user: Option<String>,
    /// Only those in this state; `open` for all that are not confirmed, `overdue` for those
    /// of them that became alarms.
    #[arg(long, conflicts_with = "txn")]
    state: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 50, conflicts_with = "txn")]
    limit: u32,
    /// Tries again what is not confirmed, given up or not.
    #[arg(long, requires = "txn")]
    again: bool,
}

const RECEIPTS: &Columns = &[
    ("TRANSACTION", "txn"),
    ("USER", "user"),
    ("COMMITTED", "committed_at"),
    ("STATE", "state"),
    ("CONFIRMED", "confirmed_at"),
    ("ACCESS UNTIL", "residual_access_until"),
];

const TARGETS: &Columns = &[
    ("KIND", "kind"),
    ("NAME", "name"),
    ("STATE", "state"),
    ("ATTEMPTS", "attempts"),
    ("MS", "ms"),
    ("ACCESS UNTIL", "residual_access_until"),
    ("LAST ERROR", "last_error"),
];

/// Does what `arguments` say.
pub(super) async fn run(
    arguments: Arguments,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    let Arguments { tenant, txn, user, state, limit, again } = arguments;
    let Some(txn) = txn else { return list(operator, output, &tenant, (user, state), limit).await };
    if again {
        let rearmed = operator.rearm(&tenant, &txn).await?;
        let text = format!("{} deliveries are tried again.", rearmed.rearmed);
        return output.done(&rearmed, &text);
    }
    let receipt = operator.receipt(&tenant, &txn).await?;
    output.done(&receipt, &in_words(&receipt)?)
}

/// Lists the newest, page by page: a page may be short before the end.
async fn list(
    operator: &Operator,
    output: Output,
    tenant: &str,
    (user, state): (Option<String>, Option<String>),
    limit: u32,
) -> Result<(), Failure> {
    let mut query = ReceiptQuery { user, state, limit: Some(limit), cursor: None };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut receipts = Vec::new();
    loop {
        let page = operator.receipts(tenant, &query).await?;
        receipts.extend(page.items);
        query.cursor = page.next;
        if query.cursor.is_none() || wanted <= receipts.len() {
            break;
        }
    }
    receipts.truncate(wanted);
    output.list(&receipts, RECEIPTS, "Nobody's sessions had to end.")
}

fn in_words(receipt: &ReceiptRecord) -> Result<String, Failure> {
    let record = serde_json::to_value(receipt).map_err(Failure::failed)?;
    let member = |name: &str| record.get(name).map_or_else(|| "-".to_owned(), cell);
    let lines = RECEIPTS.iter().map(|(heading, name)| format!("{heading}: {}", member(name)));
    let mut lines: Vec<String> = lines.collect();
    let targets = record.get("targets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !targets.is_empty() {
        lines.push(String::new());
        lines.push(table(targets, TARGETS));
    }
    Ok(lines.join("\n"))
}
