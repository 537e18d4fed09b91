//! `muster openapi`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{failure::Failure, output::Output};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder for the documents.
    #[arg(default_value = "openapi")]
    folder: PathBuf,
    /// Writes nothing; fails if a document there is not up to date.
    #[arg(long)]
    check: bool,
}

/// Writes the documents, or compares them.
pub(super) fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    for (name, mut text) in crate::app::openapi() {
        let path = arguments.folder.join(name);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        match arguments.check {
            true => compare(&path, &text)?,
            false => write(&path, &text)?,
        }
        let what = if arguments.check { "up to date" } else { "written" };
        let shown = path.display().to_string();
        output.line(&serde_json::json!({ "file": shown }), &format!("{shown} is {what}."))?;
    }
    Ok(())
}

fn compare(path: &Path, text: &str) -> Result<(), Failure> {
    match fs::read_to_string(path) {
        Ok(found) if found == text => Ok(()),
        Ok(_) => Err(Failure::failed(format!("{} is not up to date", path.display()))),
        Err(error) => Err(Failure::failed(format!("{}: {error}", path.display()))),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(path, text))
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}
