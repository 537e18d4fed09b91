use std::time::Duration;

use clap::CommandFactory;
use serde_json::json;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split(' '))
}

#[track_caller]
fn check_refused(line: &str, expected: &str) {
    let error = parse(line).expect_err(line);
    let told = failure::without_usage(&error.render().to_string());
    assert!(told.contains(expected) && !told.contains('\n'), "{told}");
    assert!(!told.contains("Usage") && !told.starts_with("error"), "{told}");
}

#[track_caller]
fn check_duration(text: &str, seconds: Option<u64>) {
    assert_eq!(duration::parse(text).ok(), seconds.map(Duration::from_secs), "{text}");
}

#[test]
fn every_command_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn settings_are_flags_before_and_behind_the_command() {
    let arguments = parse("muster --listen 127.0.0.1:1 serve --insecure-http").unwrap();
    let given = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        arguments.settings.0,
        [given("listen", "127.0.0.1:1"), given("insecure_http", "true")]
    );

    let arguments = parse("muster tenant create --metrics=false acme").unwrap();
    assert_eq!(arguments.settings.0, [given("metrics", "false")]);
}

#[test]
fn wrong_arguments_are_one_line_without_usage() {
    check_refused("muster serve --lisen 3", "unexpected argument '--lisen' found; a similar");
    check_refused("muster token issue acme", "--connection <CONNECTION>");
    check_refused(
        "muster token issue a --connection b --scope x",
        "scim.read scim.write scim.users scim.groups ssf.poll",
    );
    check_refused("muster token revoke acme 17", "invalid value '17'");
    check_refused("muster connection create a b --dialect x", "authentik, generic, strict");
    check_refused("muster stream create a --event x", "session-revoked");
    check_refused("muster stream create a --subject-format x", "iss_sub");
    check_refused("muster stream create a --authorization-file x", "--push-url");
    check_refused("muster migrate down --steps 0", "invalid value '0'");
}

#[test]
fn a_length_of_time_has_a_unit() {
    check_duration("90d", Some(90 * 86_400));
    check_duration("12h", Some(43_200));
    check_duration("30m", Some(1_800));
    check_duration("45s", Some(45));
    for text in ["", "d", "5", "0d", "-1d", "1.5h", "5w", "9999999999999999999d", "3651d", "5é"] {
        check_duration(text, None);
    }
}

#[test]
fn tables_are_aligned_and_have_no_blanks_at_their_ends() {
    let records = [
        json!({ "name": "acme", "scopes": ["a", "b"], "left": 3 }),
        json!({ "name": "Ünïon", "scopes": [], "end": null }),
    ];
    let columns = [("NAME", "name"), ("SCOPES", "scopes"), ("LEFT", "left"), ("END", "end")];

    let table = output::table(&records, &columns);

    assert_eq!(
        table,
        "NAME   SCOPES  LEFT  END\n\
         acme   a,b     3     -\n\
         Ünïon          -     -"
    );
}
