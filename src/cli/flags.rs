//! A flag for every setting, made from the table of settings.

use std::sync::LazyLock;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{Field, Settings};

/// Settings that were given as flags, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct SettingFlags(pub(super) Vec<(String, String)>);

/// Names of the flags, in the order of the settings.
static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| Settings::FIELDS.iter().map(Field::flag).collect());

fn flag(field: &'static Field, name: &'static str) -> Arg {
    let arg = Arg::new(field.name)
        .long(name)
        .help(field.doc.trim())
        .help_heading("Settings")
        .global(true)
        // Only `--help` lists them all.
        .hide_short_help(true)
        .action(ArgAction::Set);
    match field.is_switch {
        true => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false"),
        false => arg.allow_hyphen_values(true).value_name("VALUE"),
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let fields = Settings::FIELDS.iter().zip(NAMES.iter());
        fields.fold(command, |command, (field, name)| command.arg(flag(field, name)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = Settings::FIELDS.iter().filter_map(|field| {
            let text = matches.get_one::<String>(field.name)?;
            Some((field.name.to_owned(), text.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
