//! `muster tenant`.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{
    connection::setting,
    failure::Failure,
    output::{Columns, Output},
};
use crate::{
    provision::operator::{NewTenant, Operator},
    tenant::{Settings, TenantLimits},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Creates a tenant.
    Create {
        /// Name in URLs: lower-case letters, digits and hyphens.
        name: String,
        /// Issuer of the tenant's identity provider, for events that name people by `iss_sub`.
        #[arg(long, value_name = "URL")]
        subject_issuer: Option<String>,
        /// The tenant that it belongs to.
        #[arg(long, value_name = "TENANT")]
        parent: Option<String>,
    },
    /// Changes what is set for a tenant's events, within a second; without a setting, shows it.
    Events {
        /// The tenant.
        name: String,
        #[command(flatten)]
        change: EventChange,
    },
    /// Changes how much a tenant may ask for, within a second; without a limit, shows it.
    Limits {
        /// The tenant.
        name: String,
        #[command(flatten)]
        change: LimitChange,
    },
    /// Lists the tenants.
    List,
    /// Refuses all requests of a tenant; nothing is lost.
    Suspend {
        /// The tenant.
        name: String,
    },
    /// Serves a suspended tenant again.
    Resume {
        /// The tenant.
        name: String,
    },
    /// Deletes a tenant with everything it has.
    Delete {
        /// The tenant.
        name: String,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// What shall be set for a tenant's events.
#[derive(Debug, Args)]
#[command(next_help_heading = "Events")]
pub(super) struct EventChange {
    /// Domains whose addresses the tenant gives out, with commas between them.
    #[arg(long, value_name = "DOMAINS|default")]
    authoritative_domains: Option<String>,
    /// Whether another address or userName ends sessions [default: at receivers that know
    /// people by it].
    #[arg(long, value_name = "true|false|default")]
    revoke_on_rename: Option<String>,
    /// Whether the loss of a role or an entitlement ends sessions [default: false].
    #[arg(long, value_name = "true|false|default")]
    revoke_on_privilege_loss: Option<String>,
    /// Whether another password ends sessions [default: false].
    #[arg(long, value_name = "true|false|default")]
    revoke_on_password_change: Option<String>,
    /// Attributes that are told as claims too, with commas between them.
    #[arg(long, value_name = "PATHS|default")]
    claims: Option<String>,
    /// Attribute that locks users who have it true: their sessions end.
    #[arg(long, value_name = "PATH|default")]
    locked_by: Option<String>,
    /// Attribute that suspends users who have it true: they count as not active.
    #[arg(long, value_name = "PATH|default")]
    suspended_by: Option<String>,
    /// Whether events with the values of resources are sent to streams that ask for them
    /// [default: false].
    #[arg(long, value_name = "true|false|default")]
    full_events: Option<String>,
}

impl EventChange {
    fn members(self) -> Map<String, Value> {
        let list = |text: String| match text.as_str() {
            "default" => Value::Null,
            _ => text.split(',').map(str::trim).filter(|it| !it.is_empty()).collect(),
        };
        let given = [
            ("authoritative_domains", self.authoritative_domains.map(list)),
            ("revoke_on_rename", self.revoke_on_rename.map(setting)),
            ("revoke_on_privilege_loss", self.revoke_on_privilege_loss.map(setting)),
            ("revoke_on_password_change", self.revoke_on_password_change.map(setting)),
            ("claims", self.claims.map(list)),
            ("locked_by", self.locked_by.map(setting)),
            ("suspended_by", self.suspended_by.map(setting)),
            ("full_events", self.full_events.map(setting)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// What shall be set for how much a tenant may ask for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitChange {
    /// So many SCIM requests at once, and as many evenly over each minute: 1 to 1000000
    /// [default: any number].
    #[arg(long, value_name = "N|default")]
    requests_per_minute: Option<String>,
    /// So many SCIM requests at a time, while others wait: 1 to 1000 [default: 64].
    #[arg(long, value_name = "N|default")]
    concurrent_requests: Option<String>,
    /// So many while other tenants ask too: 1 to 1000 [default: 4].
    #[arg(long, value_name = "N|default")]
    concurrent_requests_shared: Option<String>,
}

impl LimitChange {
    fn members(self) -> Map<String, Value> {
        let given = [
            ("requests_per_minute", self.requests_per_minute),
            ("concurrent_requests", self.concurrent_requests),
            ("concurrent_requests_shared", self.concurrent_requests_shared),
        ];
        let given = given.into_iter().filter_map(|(name, text)| Some((name, setting(text?))));
        given.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn told(limits: TenantLimits) -> String {
    let rate = match limits.requests_per_minute {
        Some(count) => format!("{count} requests a minute"),
        None => "any number of requests a minute".to_owned(),
    };
    let (alone, shared) = (limits.concurrent_requests, limits.concurrent_requests_shared);
    format!("{rate}, {alone} at a time, {shared} while other tenants ask too")
}

const COLUMNS: &Columns = &[("TENANT", "name"), ("STATE", "state"), ("CREATED", "created_at")];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Create { name, subject_issuer, parent } => {
            let tenant = operator.create_tenant(NewTenant { name, subject_issuer, parent }).await?;
            let text = format!(
                "Tenant {0} is created.\nNext: muster connection create {0} okta --dialect okta",
                tenant.name
            );
            output.done(&tenant, &text)
        }
        Command::Events { name, change } => {
            let change = change.members();
            let (settings, word) = match change.is_empty() {
                true => (operator.event_settings(&name).await?, "are set so"),
                false => (operator.change_event_settings(&name, change).await?, "are now set so"),
            };
            let text = format!("Events of tenant {name} {word}: {}", settings.to_json());
            output.done(&settings, &text)
        }
        Command::Limits { name, change } => {
            let change = change.members();
            let limits = match change.is_empty() {
                true => operator.limits(&name).await?,
                false => operator.change_limits(&name, change).await?,
            };
            output.done(&limits, &format!("Tenant {name} may make {}.", told(limits)))
        }
        Command::List => output.list(&operator.tenants().await?, COLUMNS, "There are no tenants."),
        Command::Suspend { name } => {
            let tenant = operator.suspend_tenant(&name).await?;
            output.done(&tenant, &format!("Tenant {name} is suspended."))
        }
        Command::Resume { name } => {
            let tenant = operator.resume_tenant(&name).await?;
            output.done(&tenant, &format!("Tenant {name} is served again."))
        }
        Command::Delete { name, yes } => {
            if !yes {
                confirm(&name)?;
            }
            output.busy("deleting", operator.delete_tenant(&name)).await?;
            output.gone("tenant", &name)
        }
    }
}

/// Lets a person at a terminal type the name once more.
fn confirm(name: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("deleting a tenant takes `--yes` where nobody can be asked"));
    }
    eprint!("Everything of tenant {name} will be gone. Type its name to go on: ");
    io::stderr().flush().map_err(Failure::failed)?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).map_err(Failure::failed)?;
    match typed.trim() == name {
        true => Ok(()),
        false => Err(Failure::failed("nothing was deleted")),
    }
}
