//! The guides and README lead nowhere that is not there, and name commands that exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("src/guide")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "md")).collect()
}

/// What stands in round brackets behind square ones, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(targets.map(str::to_owned));
    }
    found
}

/// A heading as a link names it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|it| it.is_alphanumeric() || *it == ' ' || *it == '-');
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

fn has_heading(file: &Path, anchor: &str) -> bool {
    let text = fs::read_to_string(file).unwrap();
    text.lines().any(|line| line.starts_with('#') && slug(line.trim_start_matches('#')) == anchor)
}

#[test]
fn no_link_is_dead() {
    let names: BTreeSet<String> =
        pages().iter().map(|it| it.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let readme = root().join("README.md");
    let mut checked = 0;
    for file in pages().into_iter().chain([readme.clone()]) {
        for link in links(&fs::read_to_string(&file).unwrap()) {
            let what = format!("{}: {link}", file.display());
            checked += 1;
            if let Some(page) = link.strip_prefix("crate::guide::") {
                assert!(names.contains(page), "{what}");
            } else if !link.starts_with("https://") {
                let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let target = match path.is_empty() {
                    true => file.clone(),
                    false => file.parent().unwrap().join(path),
                };
                assert!(target.exists(), "{what}");
                assert!(anchor.is_empty() || has_heading(&target, anchor), "{what}");
            }
        }
    }
    assert!(10 < checked, "{checked} links were found");
    let text = fs::read_to_string(readme).unwrap();
    for name in names {
        assert!(text.contains(&format!("(src/guide/{name}.md)")), "README does not name {name}");
    }
}

/// `muster` and its subcommands, as they stand in shell examples and tables.
fn commands(text: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("muster ")) {
        let words = line.split_whitespace().skip(1);
        let words =
            words.take_while(|it| it.chars().all(|it| it.is_ascii_lowercase() || it == '-'));
        let words: Vec<String> =
            words.filter(|it| !it.starts_with('-')).map(str::to_owned).collect();
        found.insert(words.into_iter().take(2).collect());
    }
    found
}

#[test]
fn every_command_exists() {
    let mut all = BTreeSet::new();
    for page in pages().into_iter().chain([root().join("README.md")]) {
        all.extend(commands(&fs::read_to_string(page).unwrap()));
    }
    assert!(20 < all.len(), "{all:?}");
    for words in all {
        let runs = |words: &[String]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
            let ended = command.args(words).arg("--help").output().unwrap();
            ended.status.success()
        };
        // The second word may be an argument.
        assert!(runs(&words) || runs(&words[..1]), "muster {words:?}");
    }
}
