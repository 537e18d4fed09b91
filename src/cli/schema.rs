//! `muster schema` and `muster resource-type`.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde_json::Value;

use super::{
    failure::Failure,
    output::{Columns, Output},
};
use crate::provision::operator::Operator;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Registers a schema (RFC 7643 §7), or replaces the one with its URN.
    Put {
        /// The tenant.
        tenant: String,
        /// JSON file with the definition; `-` reads standard input.
        file: PathBuf,
    },
    /// Lists the schemas that a tenant has registered.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Shows the definition of a schema.
    Show {
        /// The tenant.
        tenant: String,
        /// The schema's URN.
        urn: String,
    },
    /// Removes a schema that no resource type uses.
    Delete {
        /// The tenant.
        tenant: String,
        /// The schema's URN.
        urn: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TypeCommand {
    /// Registers a resource type (RFC 7643 §6), or replaces the one of its name;
    /// `User` and `Group` get the extensions that are listed.
    Put {
        /// The tenant.
        tenant: String,
        /// JSON file with the definition; `-` reads standard input.
        file: PathBuf,
    },
    /// Lists the resource types that a tenant has registered.
    List {
        /// The tenant.
        tenant: String,
    },
    /// Shows the definition of a resource type.
    Show {
        /// The tenant.
        tenant: String,
        /// The type's name.
        name: String,
    },
    /// Removes a resource type that has no resources.
    Delete {
        /// The tenant.
        tenant: String,
        /// The type's name.
        name: String,
    },
}

const COLUMNS: &Columns = &[("SCHEMA", "id"), ("NAME", "name"), ("DESCRIPTION", "description")];

const TYPE_COLUMNS: &Columns =
    &[("RESOURCE TYPE", "name"), ("ENDPOINT", "endpoint"), ("SCHEMA", "schema")];

/// Does what `command` says.
pub(super) async fn run(
    command: Command,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Put { tenant, file } => {
            let kept = operator.put_schema(&tenant, None, &read(&file)?).await?;
            let text = format!("Schema {} is registered.", member(&kept, "id"));
            output.done(&kept, &text)
        }
        Command::List { tenant } => {
            output.list(&operator.schemas(&tenant).await?, COLUMNS, "There are no own schemas.")
        }
        Command::Show { tenant, urn } => show(&operator.schema(&tenant, &urn).await?, output),
        Command::Delete { tenant, urn } => {
            operator.delete_schema(&tenant, &urn).await?;
            output.gone("schema", &urn)
        }
    }
}

/// Does what `command` says.
pub(super) async fn run_type(
    command: TypeCommand,
    operator: &Operator,
    output: Output,
) -> Result<(), Failure> {
    match command {
        TypeCommand::Put { tenant, file } => {
            let kept = operator.put_resource_type(&tenant, None, &read(&file)?).await?;
            let (name, endpoint) = (member(&kept, "name"), member(&kept, "endpoint"));
            output.done(&kept, &format!("Resource type {name} is served at {endpoint}."))
        }
        TypeCommand::List { tenant } => {
            let types = operator.resource_types(&tenant).await?;
            output.list(&types, TYPE_COLUMNS, "There are no own resource types.")
        }
        TypeCommand::Show { tenant, name } => {
            show(&operator.resource_type(&tenant, &name).await?, output)
        }
        TypeCommand::Delete { tenant, name } => {
            operator.delete_resource_type(&tenant, &name).await?;
            output.gone("resource-type", &name)
        }
    }
}

fn show(definition: &Value, output: Output) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(definition).map_err(Failure::failed)?;
    output.done(definition, &text)
}

fn member<'v>(definition: &'v Value, name: &str) -> &'v str {
    definition.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn read(file: &Path) -> Result<Value, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("{} cannot be read: {error}", file.display()))
    };
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().read_to_string(&mut text).map(|_| ()),
        false => std::fs::read_to_string(file).map(|found| text = found),
    };
    read.map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}
