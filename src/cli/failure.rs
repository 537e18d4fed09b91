//! What a command failed of, and how it is told.

use std::{error::Error, fmt, process::ExitCode};

use clap::error::ErrorKind;

use crate::{app::StartError, config::ConfigError, provision::operator::OperatorError};

/// Why a command ends without success.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// What was asked for was not done.
    pub(super) fn failed(reason: impl fmt::Display) -> Self {
        Self { code: 1, message: reason.to_string() }
    }

    /// What was asked for makes no sense.
    pub(super) fn usage(reason: impl fmt::Display) -> Self {
        Self { code: 2, message: reason.to_string() }
    }

    /// Tells people, in one line, and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        eprintln!("muster: {}", one_line(&self.message));
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::failed(with_sources(&error))
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Invalid(_) => Self::usage(error),
            other => Self::failed(with_sources(&other)),
        }
    }
}

/// `error` with what caused it; who sits at the shell may know the inside.
fn with_sources(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Shows help or version, or tells in one line what was wrong with the arguments.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell that the terminal is gone.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => Failure::usage(without_usage(&error.render().to_string())).report(),
    }
}

/// The part of clap's text that says what was wrong.
pub(super) fn without_usage(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let is_advice = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more");
    let said = text.lines().take_while(|line| !is_advice(line)).collect::<Vec<_>>().join(" ");
    one_line(&said).replacen(" tip: ", "; ", 1)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
