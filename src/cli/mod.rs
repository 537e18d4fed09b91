//! The command line: `muster serve` and what an operator does from a shell.
//!
//! A command reads its arguments, calls one use case of the operator and shows
//! the answer: a table for people, JSON with `--json`. Whatever goes wrong is
//! one line on standard error. Exit codes: 0 done, 1 failed, 2 the arguments or
//! settings are wrong.

mod administrator;
mod application;
mod audit;
mod brake;
mod client;
mod connection;
mod connector;
mod duration;
mod events;
mod failure;
mod flags;
mod key;
mod letters;
mod migrate;
mod offboarding;
mod openapi;
mod operator;
mod output;
mod receipt;
mod receiver;
mod restoring;
mod revocation_issuer;
mod role;
mod schema;
mod serve;
mod settings;
mod stream;
mod tenant;
#[cfg(test)]
mod tests;
mod token;
mod user;
mod webhook;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    app::App,
    config::{Loaded, Settings, Sources},
    provision::operator::Operator,
    telemetry::Telemetry,
};
use failure::Failure;
use flags::SettingFlags;
use output::Output;

/// A multi-tenant SCIM 2.0 service that ends the sessions of those who leave.
#[derive(Debug, Parser)]
#[command(name = "muster", version, max_term_width = 100)]
struct Arguments {
    /// TOML file with settings [default: ./muster.toml if it is there].
    #[arg(long, env = "MUSTER_CONFIG", global = true, value_name = "FILE", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Answers in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves SCIM, events and administration until stopped.
    Serve,
    /// Plays a leaver's last day, with a directory and a receiver, on a trial database.
    Demo {
        /// Ends after one round, and fails if the revocation was not confirmed.
        #[arg(long)]
        once: bool,
    },
    /// Tenants: the organisations whose people are kept.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Administrators: who runs a tenant without being an operator.
    #[command(subcommand)]
    Administrator(administrator::Command),
    /// OAuth clients, with which a directory gets tokens by itself.
    #[command(subcommand)]
    Client(client::Command),
    /// Connections: a tenant's directories and how each deviates from the RFCs.
    #[command(subcommand)]
    Connection(connection::Command),
    /// Tokens with which a directory or receiver reaches its tenant.
    #[command(subcommand)]
    Token(token::Command),
    /// Applications that a tenant's people use, and the groups that let them in.
    #[command(subcommand)]
    Application(application::Command),
    /// The brake: how many people a tenant's directories may deprovision in a time.
    #[command(subcommand)]
    Brake(brake::Command),
    /// Keys that sign a tenant's events, and their replacement.
    #[command(subcommand)]
    Key(key::Command),
    /// Receivers: applications that manage event streams of their own (SSF 1.0).
    #[command(subcommand)]
    Receiver(receiver::Command),
    /// Streams: where a tenant's security events go.
    #[command(subcommand)]
    Stream(stream::Command),
    /// Webhooks: endpoints that are told what happened.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Connectors: session stores that are told to end sessions.
    #[command(subcommand)]
    Connector(connector::Command),
    /// Schemas that a tenant has besides those of the RFC.
    #[command(subcommand)]
    Schema(schema::Command),
    /// Resource types that a tenant has besides users and groups, and their extensions.
    #[command(subcommand)]
    ResourceType(schema::TypeCommand),
    /// People: what can be done to a user without the directory.
    #[command(subcommand)]
    User(user::Command),
    /// Roles that people have, by rules, and why.
    #[command(subcommand)]
    Role(role::Command),
    /// Lets people leave, by name, in every tenant that has them: their sessions end.
    Offboard(offboarding::Arguments),
    /// Offboardings that were asked for.
    #[command(subcommand)]
    Offboarding(offboarding::Command),
    /// Identity providers that may end a tenant's sessions (Global Token Revocation).
    #[command(subcommand)]
    RevocationIssuer(revocation_issuer::Command),
    /// What became of those whose sessions had to end, at each receiver.
    Receipt(receipt::Arguments),
    /// Events, in the order in which they were written.
    #[command(subcommand)]
    Events(events::Command),
    /// The record: who changed what.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Writes the OpenAPI documents.
    Openapi(openapi::Arguments),
    /// The database schema.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Shows the effective settings and where each came from.
    Config(settings::Arguments),
    /// Credentials for the administration API.
    #[command(subcommand)]
    Operator(operator::Command),
}

/// Who the audit trail says it was: whoever can open the database.
const ACTOR: &str = "operator:command-line";

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return failure::usage(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(error).report(),
    };
    let ended = runtime.block_on(execute(arguments));
    // A task that still blocks may not hold up the end.
    runtime.shutdown_background();
    ended.unwrap_or_else(|failure| failure.report())
}

async fn execute(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { config, json, settings, command } = arguments;
    let output = Output::new(json);
    let sources = Sources::process(config, settings.0);
    match command {
        Command::Serve => serve::run(Settings::load(sources)?.settings).await?,
        Command::Demo { once } => return Ok(crate::demo::run(once).await),
        Command::Openapi(arguments) => openapi::run(&arguments, output)?,
        Command::Config(arguments) => {
            settings::run(&Settings::load(sources)?, &arguments, output)?;
        }
        Command::Migrate(command) => migrate::run(command, &quiet(sources)?, output).await?,
        Command::Tenant(command) => tenant::run(command, &open(sources).await?, output).await?,
        Command::Administrator(command) => {
            administrator::run(command, &open(sources).await?, output).await?;
        }
        Command::Client(command) => client::run(command, &open(sources).await?, output).await?,
        Command::Connection(command) => {
            connection::run(command, &open(sources).await?, output).await?;
        }
        Command::Token(command) => token::run(command, &open(sources).await?, output).await?,
        Command::Application(command) => {
            application::run(command, &open(sources).await?, output).await?;
        }
        Command::Brake(command) => {
            brake::run(command, &open(sources).await?, output).await?;
        }
        Command::Audit(command) => audit::run(command, &open(sources).await?, output).await?,
        Command::Key(command) => key::run(command, &open(sources).await?, output).await?,
        Command::Receiver(command) => receiver::run(command, &open(sources).await?, output).await?,
        Command::Stream(command) => stream::run(command, &open(sources).await?, output).await?,
        Command::Webhook(command) => webhook::run(command, &open(sources).await?, output).await?,
        Command::Connector(command) => {
            connector::run(command, &open(sources).await?, output).await?;
        }
        Command::Schema(command) => schema::run(command, &open(sources).await?, output).await?,
        Command::ResourceType(command) => {
            schema::run_type(command, &open(sources).await?, output).await?;
        }
        Command::User(command) => user::run(command, &open(sources).await?, output).await?,
        Command::Role(command) => role::run(command, &open(sources).await?, output).await?,
        Command::Offboard(arguments) => {
            offboarding::offboard(arguments, &open(sources).await?, output).await?;
        }
        Command::Offboarding(command) => {
            offboarding::run(command, &open(sources).await?, output).await?;
        }
        Command::RevocationIssuer(command) => {
            revocation_issuer::run(command, &open(sources).await?, output).await?;
        }
        Command::Receipt(arguments) => {
            receipt::run(arguments, &open(sources).await?, output).await?;
        }
        Command::Events(command) => events::run(command, &open(sources).await?, output).await?,
        Command::Operator(command) => operator::run(command, &open(sources).await?, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The use cases on the database that the settings name.
async fn open(sources: Sources) -> Result<Operator, Failure> {
    Ok(App::open(quiet(sources)?).await?.operator)
}

/// Settings for a short command, whose log would only hide its answer.
fn quiet(sources: Sources) -> Result<Settings, Failure> {
    let Loaded { mut settings, .. } = Settings::load(sources)?;
    settings.metrics = false;
    settings.otlp_endpoint = None;
    if settings.log == crate::config::LogFilter::default() {
        settings.log = crate::config::LogFilter::warnings();
    }
    Telemetry::start(&settings).map_err(Failure::failed)?;
    Ok(settings)
}
