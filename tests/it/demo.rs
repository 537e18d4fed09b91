//! The demonstration, as a newcomer starts it.

use std::process::Command;

/// What the README promises, in milliseconds.
const PROMISED_MS: f64 = 250.0;

#[test]
fn a_leavers_session_dies_in_the_promised_time() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MUSTER_")) {
        command.env_remove(name);
    }

    let output = command.args(["demo", "--once"]).output().unwrap();

    let story = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{story}\n{complaint}");
    let line = story.lines().find(|line| line.starts_with("From the SCIM answer")).unwrap();
    let took: f64 = line.split_whitespace().rev().nth(1).unwrap().parse().unwrap();
    assert!(took < PROMISED_MS, "{line}");
}
