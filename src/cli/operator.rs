//! `muster operator`.

use std::time::Duration;

use clap::Subcommand;

use super::{duration, failure::Failure, output::Output, token};
use crate::provision::operator::Operator;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a token for the administration API and shows it, this once.
    Token {
        /// How long it works: a number and d, h, m or s.
        #[arg(long = "expires", value_parser = duration::parse, default_value = "90d")]
        expires_in: Duration,
        /// Who has it, to tell it from others.
        #[arg(long, default_value = "")]
        label: String,
    },
}

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    let Command::Token { expires_in, label } = command;
    token::show(&operator.issue_operator_token(&label, expires_in).await?, output)
}
