//! `muster offboard` and `muster offboarding`.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    ACTOR,
    failure::Failure,
    output::{Columns, Output, cell},
    user::name_kind,
};
use crate::provision::{
    Departure,
    operator::{
        LeaverRecord, NameKind, NewOffboarding, OffboardingRecord, Operator, TenantOutcome,
        names_of_csv,
    },
};

/// People who leave.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Who, by e-mail or as `--by` says.
    #[arg(required_unless_present = "csv", conflicts_with = "csv")]
    people: Vec<String>,
    /// A file with a table whose first line names its columns, one of them as `--by` does.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// What the people are named by: id, user-name, external-id or email.
    #[arg(long, default_value = "email", value_parser = name_kind)]
    by: NameKind,
    /// A tenant in which they are looked for; can be given more than once [default: all].
    #[arg(long = "tenant", value_name = "TENANT")]
    tenants: Vec<String>,
    /// Deletes the accounts, and does not only deactivate them.
    #[arg(long)]
    delete: bool,
    /// When: with an offset (2030-11-30T18:00:00Z), or without and with --time-zone; `muster
    /// serve` does it then [default: at once].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The time zone whose clocks show --at, such as Europe/Lisbon.
    #[arg(long, value_name = "ZONE", requires = "at")]
    time_zone: Option<String>,
    /// A name of this request: sent again under it, it is done once.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only tells who would leave now.
    #[arg(long)]
    preview: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists offboardings, the last one first, at most a hundred.
    List {
        /// The id of the last offboarding of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<Uuid>,
    },
    /// Shows an offboarding and what became of each person.
    Show {
        /// The offboarding's id.
        id: Uuid,
    },
    /// Calls off an offboarding that is not due yet.
    Cancel {
        /// The offboarding's id.
        id: Uuid,
    },
}

const COLUMNS: &Columns = &[
    ("ID", "id"),
    ("STATE", "state"),
    ("ACTION", "action"),
    ("DUE", "due_at"),
    ("FINISHED", "finished_at"),
    ("BY", "actor"),
];

/// Lets people leave, or tells who would.
pub(super) async fn offboard(
    arguments: Arguments,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    let people = match &arguments.csv {
        Some(file) => {
            let text = fs::read_to_string(file)
                .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
            names_of_csv(&text, arguments.by)?
        }
        None => arguments.people,
    };
    let new = NewOffboarding {
        people,
        by: arguments.by,
        tenants: arguments.tenants,
        departure: if arguments.delete { Departure::Delete } else { Departure::Deactivate },
        at: arguments.at,
        time_zone: arguments.time_zone,
    };
    if arguments.preview {
        return show(&operator.preview_offboarding(&new, ACTOR).await?, output);
    }
    let kept = operator.start_offboarding(&new, arguments.key.as_deref(), ACTOR).await?;
    match kept.id {
        Some(id) if kept.state == "running" => {
            // If a server is faster, it does the rest.
            operator.offboard_due(Some(id), &CancellationToken::new()).await?;
            show(&operator.offboarding(id).await?, output)
        }
        _ => show(&kept, output),
    }
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::List { after } => {
            let found = operator.offboardings(after, None).await?;
            output.list(&found, COLUMNS, "There are no offboardings.")
        }
        Command::Show { id } => show(&operator.offboarding(id).await?, output),
        Command::Cancel { id } => show(&operator.cancel_offboarding(id).await?, output),
    }
}

fn show(record: &OffboardingRecord, output: Output) -> Result<(), Failure> {
    let id = record.id.map(|id| format!(" {id}")).unwrap_or_default();
    let value = serde_json::to_value(record).map_err(Failure::failed)?;
    let due = value.get("due_at").map(cell).unwrap_or_default();
    let mut lines = vec![format!("Offboarding{id}: {}, due {due}.", record.state)];
    lines.extend(record.people.iter().flat_map(told));
    output.done(record, &lines.join("\n"))
}

fn told(person: &LeaverRecord) -> Vec<String> {
    if person.tenants.is_empty() {
        return vec![format!("{}  {}", person.name, person.state)];
    }
    let line = |it: &TenantOutcome| {
        let rest = [it.user.as_deref(), it.txn.as_deref(), it.detail.as_deref()];
        let rest: Vec<&str> = rest.into_iter().flatten().collect();
        format!("{}  {}  {}  {}", person.name, it.tenant, it.outcome, rest.join("  "))
    };
    person.tenants.iter().map(line).collect()
}
