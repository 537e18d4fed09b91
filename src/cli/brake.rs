//! `muster brake`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{
    ACTOR,
    connection::setting,
    duration,
    failure::Failure,
    output::{Columns, Output},
};
use crate::provision::operator::{BrakeDecision, BrakeRecord, Operator};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows the brake of a tenant.
    Show {
        /// The tenant.
        tenant: String,
    },
    /// Changes what is set for the brake of a tenant.
    Set {
        /// The tenant.
        tenant: String,
        #[command(flatten)]
        change: Change,
    },
    /// Lists the people whom the brake holds, by id, at most 1000.
    Held {
        /// The tenant.
        tenant: String,
        /// The id of the last user of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<String>,
    },
    /// Lets everybody go for a time: the directory's next attempts pass.
    Release {
        /// The tenant.
        tenant: String,
        /// For how long, at most 7d: a number and d, h, m or s [default: one window].
        #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
        time: Option<Duration>,
    },
    /// Lets nobody go until the brake is released or reset: the directory is answered 403.
    Reject {
        /// The tenant.
        tenant: String,
    },
    /// Forgets who is held and watches anew, counting from now on.
    Reset {
        /// The tenant.
        tenant: String,
    },
}

/// What shall be set for a brake.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Change {
    /// So many people may be deprovisioned in a window: 1 to 10000.
    #[arg(long, value_name = "N|default")]
    people: Option<String>,
    /// So many of a hundred active people may, and five of them anyway: 1 to 100.
    #[arg(long, value_name = "N|default")]
    percent: Option<String>,
    /// The length of the window: a number and d, h, m or s, 1m to 7d [default: 1h].
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    window: Option<Duration>,
}

impl Change {
    fn members(self) -> Map<String, Value> {
        let given = [
            ("people", self.people.map(setting)),
            ("percent", self.percent.map(setting)),
            ("window_s", self.window.map(|window| window.as_secs().into())),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

const COLUMNS: &Columns = &[
    ("USER", "id"),
    ("NAME", "user_name"),
    ("ASKED TO", "action"),
    ("BY", "actor"),
    ("FIRST", "first_asked_at"),
    ("LAST", "last_asked_at"),
];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    let (tenant, decision) = match command {
        Command::Show { tenant } => return show(&operator.brake(&tenant).await?, output),
        Command::Set { tenant, change } => {
            let brake = operator.change_brake(&tenant, change.members(), ACTOR).await?;
            return show(&brake, output);
        }
        Command::Held { tenant, after } => {
            let held = operator.held_people(&tenant, after.as_deref()).await?;
            return output.list(&held, COLUMNS, "Nobody is held.");
        }
        Command::Release { tenant, time } => (tenant, BrakeDecision::Release(time)),
        Command::Reject { tenant } => (tenant, BrakeDecision::Reject),
        Command::Reset { tenant } => (tenant, BrakeDecision::Reset),
    };
    show(&operator.decide_brake(&tenant, decision, ACTOR).await?, output)
}

fn show(brake: &BrakeRecord, output: Output) -> Result<(), Failure> {
    let limits = [
        brake.people.map(|people| format!("{people} people")),
        brake.percent.map(|percent| format!("{percent} % of the active people")),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    let limits = match limits.is_empty() {
        true => "no limit".to_owned(),
        false => format!("{} in {} s", limits.join(" or "), brake.window_s),
    };
    let text = format!(
        "The brake is {}: {limits}; {} deprovisioned in the window, {} held.",
        brake.state, brake.deprovisioned, brake.held
    );
    output.done(brake, &text)
}
