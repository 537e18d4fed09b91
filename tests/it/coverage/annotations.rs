//! Which tests name which requirements, read from the text of the tests.

use std::{fs, path::Path};

use super::Proofs;

/// A test, or a table that a test walks.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proof {
    pub(super) file: String,
    pub(super) test: String,
}

/// The proofs of everything below `tests/` and of the tests below `src/`.
pub(super) fn proofs(root: &Path) -> Proofs {
    let mut proofs = Proofs::new();
    for folder in ["tests", "src"] {
        collect(root, &root.join(folder), &mut proofs);
    }
    proofs
}

fn collect(root: &Path, folder: &Path, proofs: &mut Proofs) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(root, &path, proofs);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap().to_str().unwrap();
            read(file, &fs::read_to_string(&path).unwrap(), proofs);
        }
    }
}

fn read(file: &str, text: &str, proofs: &mut Proofs) {
    let all_tests = file.split(['/', '.']).any(|part| part == "tests");
    let start = if all_tests { Some(0) } else { text.find("#[cfg(test)]\nmod tests {") };
    let Some(tests) = start.and_then(|start| text.get(start..)) else { return };
    let lines: Vec<&str> = tests.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        for number in numbers(line) {
            let test = enclosing(&lines, index)
                .unwrap_or_else(|| panic!("{file}: R{number} is in no test: {line}"));
            let proof = Proof { file: file.to_owned(), test: test.to_owned() };
            proofs.entry(number).or_default().insert(proof);
        }
    }
}

/// The requirements that a line comment begins with, between attacks (`A1`) and
/// quirks (`Q1`); words may follow after a colon.
fn numbers(line: &str) -> Vec<u16> {
    let Some((_, comment)) = line.split_once("// ") else { return Vec::new() };
    let list = comment.split(':').next().unwrap_or_default();
    let named = |word: &str| {
        let number = word.strip_prefix(['R', 'A', 'Q'])?;
        let number = number.parse().ok()?;
        Some(word.starts_with('R').then_some(number))
    };
    let words: Option<Vec<Option<u16>>> = list.trim().split(", ").map(named).collect();
    words.unwrap_or_default().into_iter().flatten().collect()
}

/// The function or constant around a line; for a line between two, the next one.
fn enclosing<'a>(lines: &[&'a str], index: usize) -> Option<&'a str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (before, after) = lines.split_at(index);
    let opened = before.iter().rposition(|line| name(line).is_some());
    let around = opened.filter(|&opened| {
        let closes = |line: &&str| {
            indent(line) == indent(before[opened]) && line.trim_start().starts_with(['}', ']'])
        };
        !before[opened + 1..].iter().any(closes)
    });
    match around {
        Some(opened) => name(before[opened]),
        None => after.iter().find_map(|line| name(line)),
    }
}

/// The name of the function or constant that begins on the line.
fn name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(*word, "pub" | "pub(crate)" | "pub(super)" | "pub(in" | "crate::scim)" | "async")
    });
    if !matches!(words.next()?, "fn" | "const" | "static") {
        return None;
    }
    let name = words.next()?;
    name.split(|char: char| !char.is_alphanumeric() && char != '_').next()
}

#[test]
fn an_annotation_belongs_to_the_test_around_it() {
    let text = "
// R1: before, for what follows
fn first() {
    check(); // R2, A7, R3
    // R5 is only talked about
}
// R4
const ROWS: [u8; 1] = [
    1, // Q1, R6
];
fn last() {}
";
    let mut found = Proofs::new();
    read("tests/sample.rs", text, &mut found);
    let found: Vec<_> = found
        .iter()
        .flat_map(|(number, proofs)| proofs.iter().map(move |proof| (*number, proof.test.as_str())))
        .collect();
    let expected = [(1, "first"), (2, "first"), (3, "first"), (4, "ROWS"), (6, "ROWS")];
    assert_eq!(found, expected);
    assert_eq!(
        read_all("src/a.rs", "fn f() {} // R1\n#[cfg(test)]\nmod tests {\n    fn t() {} // R2\n}"),
        [2]
    );
}

fn read_all(file: &str, text: &str) -> Vec<u16> {
    let mut found = Proofs::new();
    read(file, text, &mut found);
    found.into_keys().collect()
}
