//! `muster config`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    failure::Failure,
    output::{Output, cell, print, table},
};
use crate::config::Loaded;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Says for each setting what it does.
    #[arg(long)]
    explain: bool,
}

/// Shows the effective settings, secrets masked.
pub(super) fn run(loaded: &Loaded, arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let rows = loaded.rows();
    if output.is_json() {
        let members = rows.into_iter().map(|(field, value, origin)| {
            let about = json!({
                "value": value, "origin": origin.to_string(), "description": field.doc.trim(),
            });
            (field.name.to_owned(), about)
        });
        return output.done(&members.collect::<Map<String, Value>>(), "");
    }
    if arguments.explain {
        let texts = rows.iter().map(|(field, value, origin)| {
            let doc = field.doc.trim();
            format!("{} = {}  ({origin})\n   {doc}\n", field.name, cell(value))
        });
        return print(texts.collect::<Vec<_>>().join("\n").trim_end());
    }
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|(field, value, origin)| {
            json!({ "name": field.name, "value": value, "origin": origin.to_string() })
        })
        .collect();
    print(&table(&rows, &[("SETTING", "name"), ("VALUE", "value"), ("FROM", "origin")]))
}
