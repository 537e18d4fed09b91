//! `muster migrate`.

use clap::Subcommand;
use serde_json::json;

use super::{failure::Failure, output::Output};
use crate::{
    app::{self, MigrateCommand},
    config::Settings,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Applies the migrations that are missing.
    Up,
    /// Takes back the latest migrations, with the data they hold.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
    },
    /// Lists the migrations.
    Status,
}

/// Changes or shows the schema, and shows what it is then.
pub(super) async fn run(
    command: Command,
    settings: &Settings,
    output: Output,
) -> Result<(), Failure> {
    let (direction, what) = match command {
        Command::Up => (MigrateCommand::Up, "migrating"),
        Command::Down { steps } => (MigrateCommand::Down { steps }, "taking back migrations"),
        Command::Status => (MigrateCommand::Status, "looking"),
    };
    let states = output.busy(what, app::migrate(settings, direction)).await?;
    let rows: Vec<_> = states
        .iter()
        .map(|state| match output.is_json() {
            true => json!({ "name": state.name, "applied": state.applied }),
            false => {
                json!({ "name": state.name, "applied": if state.applied { "yes" } else { "no" } })
            }
        })
        .collect();
    output.list(&rows, &[("MIGRATION", "name"), ("APPLIED", "applied")], "There are no migrations.")
}
