//! `muster stream dead`, `redrive`, `discard` and `replay`.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{
    ACTOR,
    failure::Failure,
    output::{Columns, Output},
    stream::event,
};
use crate::{
    event::EventUri,
    provision::operator::{Letters, Moved, Operator, Replay, ReplayStart},
    scim::date_time::parse_date_time,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists events that were given up at a receiver of any kind; they are kept for 30 days.
    Dead(Dead),
    /// Sends events that were given up once more.
    Redrive(Redrive),
    /// Throws away events that were given up; the audit remembers it.
    Discard(Which),
    /// Sends events again that a receiver had, or that happened before it was there.
    Replay(Again),
}

#[derive(Debug, Args)]
pub(super) struct Dead {
    /// The tenant.
    tenant: String,
    /// The receiver's id.
    id: Uuid,
    /// Only those after this number.
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The tenant.
    tenant: String,
    /// The receiver's id.
    id: Uuid,
    /// Number of an event, several times for several.
    #[arg(long = "seq", value_name = "NUMBER")]
    seqs: Vec<i64>,
    /// URI of events, several times for several.
    #[arg(long = "event", value_name = "URI", value_parser = event)]
    events: Vec<EventUri>,
    /// All that were given up.
    #[arg(long)]
    all: bool,
    /// Only tells what would be done.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Redrive {
    #[command(flatten)]
    which: Which,
    /// Sends them although the receiver has heard of a later state.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("start").required(true))]
pub(super) struct Again {
    /// The tenant.
    tenant: String,
    /// The receiver's id.
    id: Uuid,
    /// The first number, as `events tail` shows it.
    #[arg(long, group = "start", value_name = "NUMBER")]
    from_seq: Option<i64>,
    /// The earliest time, such as 2026-09-21T14:13:23Z.
    #[arg(long, group = "start", value_name = "TIME", value_parser = time)]
    from_time: Option<i64>,
    /// The `jti` of the last Set that the receiver has.
    #[arg(long, group = "start", value_name = "JTI")]
    after_jti: Option<String>,
    /// The last number.
    #[arg(long, value_name = "NUMBER")]
    to_seq: Option<i64>,
    /// The latest time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to_time: Option<i64>,
    /// URI of events, several times for several; without it, all that the receiver carries.
    #[arg(long = "event", value_name = "URI", value_parser = event)]
    events: Vec<EventUri>,
    /// Only tells what would be done.
    #[arg(long)]
    dry_run: bool,
}

const COLUMNS: &Columns = &[
    ("SEQ", "seq"),
    ("EVENT", "event"),
    ("RESOURCE", "resource"),
    ("GIVEN UP", "given_up_at"),
    ("ATTEMPTS", "attempts"),
    ("STATUS", "last_status"),
    ("LAST ERROR", "last_error"),
];

fn time(text: &str) -> Result<i64, String> {
    parse_date_time(text).ok_or_else(|| "expected a time such as 2026-09-21T14:13:23Z".to_owned())
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Dead(Dead { tenant, id, after, limit }) => {
            let letters = operator.dead_letters(&tenant, id, after, limit).await?;
            output.list(&letters, COLUMNS, "No event was given up.")
        }
        Command::Redrive(Redrive { which, force }) => {
            let letters = which.letters();
            let work = operator.redrive(&which.tenant, which.id, &letters, force);
            show(&output.busy("redriving", work).await?, "sent once more", output)
        }
        Command::Discard(which) => {
            let letters = which.letters();
            let work = operator.discard(&which.tenant, which.id, &letters, ACTOR);
            show(&output.busy("discarding", work).await?, "thrown away", output)
        }
        Command::Replay(again) => {
            let replay = again.replay();
            let work = operator.replay(&again.tenant, again.id, &replay);
            show(&output.busy("replaying", work).await?, "sent again", output)
        }
    }
}

impl Which {
    fn letters(&self) -> Letters {
        Letters {
            seqs: self.seqs.clone(),
            events: self.events.clone(),
            all: self.all,
            dry_run: self.dry_run,
        }
    }
}

impl Again {
    fn replay(&self) -> Replay {
        let start = match (self.from_seq, self.from_time, &self.after_jti) {
            (Some(seq), ..) => ReplayStart::Seq(seq),
            (_, Some(at_us), _) => ReplayStart::Time(at_us),
            (.., jti) => ReplayStart::After(jti.clone().unwrap_or_default()),
        };
        Replay {
            start,
            to_seq: self.to_seq,
            to_us: self.to_time,
            events: self.events.clone(),
            dry_run: self.dry_run,
        }
    }
}

fn show(moved: &Moved, what: &str, output: Output) -> Result<(), Failure> {
    let would = if moved.dry_run { "would be" } else { "are" };
    let mut text = format!("{} events {would} {what}.", moved.count);
    if !moved.outdated.is_empty() {
        let left = moved.outdated.len();
        text.push_str(&format!(
            " {left} are left: the receiver has heard of a later state; --force sends them."
        ));
    }
    if moved.more {
        text.push_str(" There are more.");
    }
    output.done(moved, &text)
}
