//! The rules of the house that a machine can check, read from the text of `src/`.
//!
//! `src/lib.rs` says what they are for.

use std::{
    fs,
    path::{Path, PathBuf},
};

const MAX_LINES: usize = 500;

/// What a pure room may not name: frameworks, databases, the network, the
/// clock and chance.
const IMPURE: &[&str] = &[
    "poem",
    "poem_openapi",
    "sea_orm",
    "sqlx",
    "tokio",
    "reqwest",
    "hyper",
    "hyper_util",
    "rand",
    "SystemTime",
    "Instant::now",
    "now_utc",
    "now_v7",
    "new_v4",
    "std::fs",
    "std::env",
    "std::net",
];

/// Rooms of this crate that a room may not import, because it lies below them.
const ABOVE: &[(&str, &[&str])] = &[
    (
        "scim",
        &[
            "event",
            "tenant",
            "store",
            "provision",
            "delivery",
            "http",
            "app",
            "cli",
            "config",
            "clock",
            "telemetry",
        ],
    ),
    (
        "event",
        &["store", "provision", "delivery", "http", "app", "cli", "config", "clock", "telemetry"],
    ),
    ("tenant", &["store", "provision", "delivery", "http", "app", "cli"]),
    ("store", &["provision", "delivery", "http", "app", "cli"]),
    ("provision", &["delivery", "http", "app", "cli"]),
    ("delivery", &["provision", "http", "app", "cli"]),
    ("http", &["app", "cli"]),
];

#[test]
fn the_cores_are_pure() {
    check_all(|file| {
        let is_pure = file.is_in("scim/") || file.is_in("event/");
        file.names(if is_pure { IMPURE } else { &[] })
    });
}

#[test]
fn only_the_store_names_the_database() {
    check_all(|file| file.names(if file.is_in("store/") { &[] } else { &["sea_orm"] }));
}

#[test]
fn only_http_and_the_app_name_poem() {
    let may = |file: &Source| file.is_in("http/") || file.path == "app.rs" || file.is_in("app/");
    check_all(|file| file.names(if may(file) { &[] } else { &["poem", "poem_openapi"] }));
}

#[test]
fn imports_go_one_way() {
    check_all(|file| {
        let above =
            ABOVE.iter().find(|(room, _)| *room == file.room()).map_or(&[][..], |rule| rule.1);
        let imported = imports(&file.code);
        imported
            .into_iter()
            .filter(|room| above.contains(&room.as_str()))
            .map(|room| format!("imports {room}"))
            .collect()
    });
}

#[test]
fn a_file_has_one_subject() {
    check_all(|file| match file.text.lines().count() {
        lines if MAX_LINES < lines && !file.is_test() => {
            vec![format!("has {lines} lines, more than {MAX_LINES}")]
        }
        _ => vec![],
    });
}

#[test]
fn every_module_says_what_it_is_for() {
    check_all(|file| match file.is_test() || file.text.starts_with("//!") {
        true => vec![],
        false => vec!["does not start with //!".to_owned()],
    });
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::store::Store; use crate::{scim::{path, urn}, tenant, event::{Set}};\n\
                fn f() { crate::clock::now() } use super::x;";
    assert_eq!(imports(code), ["store", "scim", "tenant", "event", "clock"]);
}

#[track_caller]
fn check_all(rule: impl Fn(&Source) -> Vec<String>) {
    let files = Source::all();
    assert!(!files.is_empty(), "src/ has files");
    let faults = files.iter().flat_map(|file| {
        rule(file).into_iter().map(move |fault| format!("src/{} {fault}", file.path))
    });
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

struct Source {
    /// Below `src`.
    path: String,
    text: String,
    /// The text without comments that have a line of their own.
    code: String,
}

impl Source {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = rust_files(&root);
        files.into_iter().map(|path| Self::read(&root, &path)).collect()
    }

    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        Self { path, text, code }
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// The first part of the path: `scim` for `scim/error.rs`, `app` for `app.rs`.
    fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }

    /// Which of `words` stand in the code, as words and not as parts of some.
    fn names(&self, words: &[&str]) -> Vec<String> {
        let found = words.iter().filter(|word| !self.is_test() && has_word(&self.code, word));
        found.map(|word| format!("names {word}")).collect()
    }
}

fn has_word(code: &str, word: &str) -> bool {
    let is_part =
        |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(start, _)| {
        let (before, after) = (&code[..start], &code[start + word.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

/// The first segment of every path that begins with `crate::`, also in groups.
fn imports(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (_, path) in
        code.match_indices("crate::").map(|(start, found)| (start, &code[start + found.len()..]))
    {
        match path.strip_prefix('{') {
            Some(group) => rooms.extend(group_members(group)),
            None => rooms.push(first_word(path)),
        }
    }
    rooms
}

/// The first word of each member of a group, up to its closing brace.
fn group_members(group: &str) -> Vec<String> {
    let mut members = Vec::new();
    let (mut depth, mut begins) = (0_u32, true);
    for (at, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            '{' => depth += 1,
            ',' if depth == 0 => begins = true,
            character if begins && !character.is_whitespace() => {
                members.push(first_word(&group[at..]));
                begins = false;
            }
            _ => (),
        }
    }
    members
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
