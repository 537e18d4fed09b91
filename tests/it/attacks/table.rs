//! No attack of the list is forgotten: each has a test, or a reason why it needs none.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Attacks on the protocol; those on what goes out have tests of their own subjects.
const LAST: u32 = 88;

/// What there is nothing to test of, and why.
const NOT_APPLICABLE: &[(u32, &str)] = &[
    (
        62,
        "no secret is compared: a token is looked up by its SHA-256, which tells nothing through time",
    ),
    (63, "a token has 256 random bits; limits by address are those of what stands in front"),
    (
        69,
        "there is no hold on a single user that an operator sets: `active` belongs to the directory",
    ),
];

#[test]
fn every_attack_has_a_test_or_a_reason() {
    let proven = proven();
    let excused: BTreeMap<u32, &str> = NOT_APPLICABLE.iter().copied().collect();
    let missing: Vec<u32> = (1..=LAST)
        .filter(|number| !proven.contains(number) && !excused.contains_key(number))
        .collect();
    assert!(missing.is_empty(), "neither `// A…` nor a reason: {missing:?}");
    let both: Vec<&u32> = excused.keys().filter(|number| proven.contains(number)).collect();
    assert!(both.is_empty(), "proven and excused: {both:?}");
    assert!(excused.values().all(|reason| !reason.is_empty()));
}

/// The attacks that line comments of tests name.
fn proven() -> BTreeSet<u32> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests/it"] {
        collect(&root.join(folder), &mut files);
    }
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.lines().flat_map(attacks).collect::<Vec<_>>()).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The attacks in a comment that is nothing but a list such as `R3, A12`.
fn attacks(line: &str) -> Vec<u32> {
    let Some((_, list)) = line.rsplit_once("// ") else { return Vec::new() };
    let named = |item: &str| {
        let number = item.get(1..)?.parse().ok()?;
        item.starts_with(['R', 'Q', 'A']).then_some((item.starts_with('A'), number))
    };
    let items: Option<Vec<(bool, u32)>> = list.trim().split(", ").map(named).collect();
    let items = items.unwrap_or_default().into_iter();
    items.filter(|(is_attack, _)| *is_attack).map(|(_, number)| number).collect()
}

#[test]
fn a_list_in_a_comment_is_read_and_prose_is_not() {
    assert_eq!(attacks("    // R3, A12, Q1, A7"), [12, 7]);
    assert_eq!(attacks("(\"x\", 400), // A8"), [8]);
    assert_eq!(attacks("// A 4 page"), Vec::<u32>::new());
    assert_eq!(attacks("// see A12 for more"), Vec::<u32>::new());
}
