//! `tests/COVERAGE.md` says of each requirement which tests prove it.
//!
//! `tests/requirements.tsv` lists the requirements: what the RFCs demand, allow
//! or leave open, by number. A test names those that it proves in a line comment,
//! `// R219` or `// R219, R220`, in its function or in the table that it walks.
//!
//! To write the table anew: `UPDATE_COVERAGE=1 cargo test --test it coverage`.

mod annotations;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use annotations::{Proof, proofs};

const HOW_TO_UPDATE: &str = "write the table anew: UPDATE_COVERAGE=1 cargo test --test it coverage";

/// Tests by the number of the requirement that they prove.
type Proofs = BTreeMap<u16, BTreeSet<Proof>>;

/// A row of the list of requirements.
struct Requirement {
    number: u16,
    level: String,
    section: String,
    topic: String,
    /// Why it does not apply; empty if it does.
    not_applicable: String,
}

/// A point on which the RFCs contradict themselves, as `src/scim/readings.md` has it.
struct Reading {
    question: String,
    decision: String,
    file: String,
    item: String,
    requirements: Vec<u16>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn requirements() -> Vec<Requirement> {
    let text = fs::read_to_string(root().join("tests/requirements.tsv")).unwrap();
    let row = |line: &str| {
        let [number, level, section, topic, not_applicable] =
            line.split('\t').collect::<Vec<_>>().try_into().expect(line);
        Requirement {
            number: number.parse().unwrap(),
            level: level.to_owned(),
            section: section.to_owned(),
            topic: topic.to_owned(),
            not_applicable: not_applicable.to_owned(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

fn readings() -> Vec<Reading> {
    let text = fs::read_to_string(root().join("src/scim/readings.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(2);
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, question, decision, place, requirements] = cells.try_into().expect(line);
        let (file, item) = place.split_once(": ").expect(line);
        Reading {
            question: question.to_owned(),
            decision: decision.to_owned(),
            file: file.trim_matches('`').to_owned(),
            item: item.trim_matches('`').to_owned(),
            requirements: requirements
                .split(", ")
                .map(|number| number.trim_start_matches('R').parse().expect(line))
                .collect(),
        }
    };
    rows.map(row).collect()
}

/// A link from `tests/COVERAGE.md` to a file of the project.
fn link(text: &str, file: &str) -> String {
    let target = match file.strip_prefix("tests/") {
        Some(file) => file.to_owned(),
        None => format!("../{file}"),
    };
    format!("[`{text}`]({target})")
}

fn tests_of(numbers: &[u16], proofs: &Proofs) -> String {
    let tests: BTreeSet<_> =
        numbers.iter().filter_map(|number| proofs.get(number)).flatten().collect();
    tests.iter().map(|proof| link(&proof.test, &proof.file)).collect::<Vec<_>>().join(", ")
}

fn render(requirements: &[Requirement], readings: &[Reading], proofs: &Proofs) -> String {
    let mut text = String::from(
        "# Requirements and the tests that prove them\n\n\
         Written by `UPDATE_COVERAGE=1 cargo test --test it coverage` from \
         [`requirements.tsv`](requirements.tsv), [`readings.md`](../src/scim/readings.md) and \
         the tests, which name the requirements that they prove. *choice* is what the RFCs \
         leave open.\n\n",
    );
    push_counts(&mut text, requirements, proofs);
    text.push_str(
        "\n## Where the RFCs contradict themselves\n\n\
         | the texts | here | decided in | proven by |\n| --- | --- | --- | --- |\n",
    );
    for Reading { question, decision, file, item, requirements } in readings {
        let tests = tests_of(requirements, proofs);
        writeln!(text, "| {question} | {decision} | {} | {tests} |", link(item, file)).unwrap();
    }
    text.push_str("\n## Requirements\n\n| | level | section | topic | proven by |\n| --- | --- | --- | --- | --- |\n");
    for Requirement { number, level, section, topic, not_applicable } in requirements {
        let proven = match not_applicable.as_str() {
            "" => tests_of(&[*number], proofs),
            why => format!("n/a: {why}"),
        };
        writeln!(text, "| R{number} | {level} | {section} | {topic} | {proven} |").unwrap();
    }
    text
}

fn push_counts(text: &mut String, requirements: &[Requirement], proofs: &Proofs) {
    text.push_str("| level | all | proven | not applicable | without a test |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for level in ["MUST", "SHOULD", "MAY", "choice"] {
        let of_level = requirements.iter().filter(|requirement| requirement.level == level);
        let (mut all, mut proven, mut excused) = (0, 0, 0);
        for requirement in of_level {
            all += 1;
            proven += u32::from(is_proven(requirement, proofs));
            excused += u32::from(!requirement.not_applicable.is_empty());
        }
        let open = all - proven - excused;
        writeln!(text, "| {level} | {all} | {proven} | {excused} | {open} |").unwrap();
    }
}

fn is_proven(requirement: &Requirement, proofs: &Proofs) -> bool {
    requirement.not_applicable.is_empty() && proofs.contains_key(&requirement.number)
}

#[test]
fn the_table_is_that_of_the_tests() {
    let path = root().join("tests/COVERAGE.md");
    let text = render(&requirements(), &readings(), &proofs(&root()));
    if env::var_os("UPDATE_COVERAGE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "tests/COVERAGE.md is not that of the tests; {HOW_TO_UPDATE}");
}

#[test]
fn each_requirement_is_listed_once_and_in_order() {
    let numbers: Vec<u16> = requirements().iter().map(|requirement| requirement.number).collect();
    assert_eq!(numbers, (1..=548).collect::<Vec<_>>());
    for (number, proofs) in proofs(&root()) {
        assert!(numbers.contains(&number), "R{number} is no requirement: {proofs:?}");
    }
}

#[test]
fn what_must_be_is_proven() {
    let proofs = proofs(&root());
    let open: Vec<String> = requirements()
        .iter()
        .filter(|requirement| requirement.level == "MUST")
        .filter(|must| must.not_applicable.is_empty() && !is_proven(must, &proofs))
        .map(|must| format!("R{} {}", must.number, must.topic))
        .collect();
    assert!(open.is_empty(), "no test proves\n{}", open.join("\n"));
}

#[test]
fn what_does_not_apply_is_not_proven_either() {
    let proofs = proofs(&root());
    for requirement in requirements().iter().filter(|it| !it.not_applicable.is_empty()) {
        let tests = proofs.get(&requirement.number);
        assert!(tests.is_none(), "R{}: {tests:?}", requirement.number);
    }
}

#[test]
fn a_contradiction_is_decided_where_the_readings_say() {
    let (readings, proofs) = (readings(), proofs(&root()));
    assert_eq!(readings.len(), 13);
    for Reading { question, file, item, requirements, .. } in readings {
        let code = fs::read_to_string(root().join(Path::new(&file))).unwrap_or_default();
        assert!(code.contains(&item), "{question}: `{item}` is not in {file}");
        for number in requirements {
            assert!(proofs.contains_key(&number), "{question}: no test proves R{number}");
        }
    }
}
