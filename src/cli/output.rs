//! Answers of commands: tables for people, JSON for programs.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use tokio::{io::Interest, net::unix::pipe};

use super::failure::Failure;

/// Columns of a table: heading, and the member of the record below it.
pub(super) type Columns = [(&'static str, &'static str)];

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    /// Tables, or JSON.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads the answer.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Shows a list; if it is empty, people see `none`.
    pub(super) fn list<T: Serialize>(
        self,
        records: &[T],
        columns: &Columns,
        none: &str,
    ) -> Result<(), Failure> {
        let records = records.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(Failure::failed)?;
        match self.json {
            true => print(&pretty(&Value::Array(records))?),
            false if records.is_empty() => print(none),
            false => print(&table(&records, columns)),
        }
    }

    /// Shows `record` to programs, and `text` to people.
    pub(super) fn done<T: Serialize>(self, record: &T, text: &str) -> Result<(), Failure> {
        match self.json {
            true => print(&pretty(&serde_json::to_value(record).map_err(Failure::failed)?)?),
            false => print(text),
        }
    }

    /// Shows that something is gone.
    pub(super) fn gone(self, what: &str, name: &str) -> Result<(), Failure> {
        self.done(&serde_json::json!({ what: name, "deleted": true }), &format!("{name} is gone."))
    }

    /// Shows one line of a stream of records; gives whether somebody still reads.
    pub(super) fn line<T: Serialize>(self, record: &T, text: &str) -> Result<bool, Failure> {
        match self.json {
            true => write(&serde_json::to_string(record).map_err(Failure::failed)?),
            false => write(text),
        }
    }

    /// Shows that work is going on while `work` does it.
    ///
    /// Nothing is drawn where standard error is no terminal.
    pub(super) async fn busy<T>(self, what: &'static str, work: impl Future<Output = T>) -> T {
        let bar = ProgressBar::new_spinner().with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        let done = work.await;
        bar.finish_and_clear();
        done
    }
}

fn pretty(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(Failure::failed)
}

/// Writes a line to standard output. A reader that has gone away has seen enough.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    write(text).map(drop)
}

/// Writes a line to standard output; gives whether it has a reader.
fn write(text: &str) -> Result<bool, Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed(error)),
    }
}

/// Waits until nobody reads standard output any more.
pub(super) async fn unread() {
    // What cannot be watched, such as a file, has no reader that goes away.
    if let Ok(output) = io::stdout().as_fd().try_clone_to_owned()
        && let Ok(output) = pipe::Sender::from_owned_fd_unchecked(output)
        && output.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// An aligned table with two blanks between its columns.
pub(super) fn table(records: &[Value], columns: &Columns) -> String {
    let heading = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let rows = records.iter().map(|record| {
        columns.iter().map(|(_, member)| cell(record.get(member).unwrap_or(&Value::Null))).collect()
    });
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
    let widths = rows.iter().fold(vec![0; columns.len()], |widths, row| {
        let wider = |(width, cell): (usize, &String)| width.max(cell.chars().count());
        widths.into_iter().zip(row).map(wider).collect()
    });
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A value as people read it.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
