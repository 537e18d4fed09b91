use std::{fs, path::Path};

use super::*;

fn sources(file: Option<&str>, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let file = file.map(|text| {
        let path = tempfile::tempdir().unwrap().keep().join("muster.toml");
        fs::write(&path, text).unwrap();
        path
    });
    Sources { file, environment: owned(environment), flags: owned(flags) }
}

#[track_caller]
fn check_error(sources: Sources, expected: &[&str]) {
    let message = Settings::load(sources).unwrap_err().to_string();
    assert!(!message.contains('\n'), "more than one line: {message}");
    for part in expected {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

#[track_caller]
fn check_database(text: &str, expected: Option<(DatabaseTarget<'_>, &str)>) {
    match (DatabaseUrl::try_from(text.to_owned()), expected) {
        (Ok(url), Some((target, shown))) => {
            assert_eq!(url.target(), target, "{text}");
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown, "a log must not show more");
        }
        (Err(_), None) => (),
        (url, expected) => panic!("{text}: {url:?} instead of {expected:?}"),
    }
}

#[test]
fn a_later_source_overrides_an_earlier_one() {
    let file = "max_results = 500\ndefault_page = 50\nlog = \"warn\"";
    let environment = [("MUSTER_MAX_RESULTS", "400"), ("MUSTER_LOG", "debug"), ("PATH", "/bin")];

    let loaded =
        Settings::load(sources(Some(file), &environment, &[("max_results", "300")])).unwrap();

    let settings = &loaded.settings;
    assert_eq!((settings.max_results, settings.default_page), (300, 50));
    assert_eq!(settings.log.as_str(), "debug");
    assert_eq!(loaded.origin("max_results").to_string(), "flag --max-results");
    assert_eq!(loaded.origin("log").to_string(), "environment MUSTER_LOG");
    assert!(loaded.origin("default_page").to_string().ends_with("muster.toml"));
    assert_eq!(loaded.origin("listen"), Origin::Default);
}

#[test]
fn every_setting_can_be_set_by_variable_and_says_its_default() {
    for field in Settings::FIELDS {
        let shown = Loaded::rows(&Settings::load(sources(Some(""), &[], &[])).unwrap());
        let (_, value, origin) = shown.iter().find(|row| row.0.name == field.name).unwrap();
        assert_eq!(*origin, Origin::Default);
        assert!(field.doc.contains("Default"), "{} does not say its default", field.name);
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !value.is_null() && field.name != "public_url" {
            assert!(field.doc.contains(&plain), "{}: {plain} is not in: {}", field.name, field.doc);
            let variable = field.variable();
            Settings::load(sources(Some(""), &[(&variable, &plain)], &[])).unwrap();
        }
    }
}

#[test]
fn what_is_wrong_is_one_clear_line() {
    check_error(
        sources(Some("listne = 1"), &[], &[]),
        &["there is no setting `listne`", "muster.toml"],
    );
    check_error(sources(Some("[tls]\ncert = \"a\""), &[], &[]), &["no setting `tls`"]);
    check_error(sources(Some("listen = \n"), &[], &[]), &["muster.toml", "line 1"]);
    check_error(
        sources(Some(""), &[("MUSTER_LISTEN", "here")], &[]),
        &["`listen`", "environment MUSTER_LISTEN", "an IP address and a port", "\"here\""],
    );
    check_error(
        sources(Some(""), &[], &[("max_connections", "-3")]),
        &["`max_connections`", "flag --max-connections", "whole number", "-3"],
    );
    check_error(sources(Some("metrics = \"perhaps\""), &[], &[]), &["`metrics`", "true or false"]);
    check_error(sources(Some("log_format = \"xml\""), &[], &[]), &["text or json", "xml"]);
    check_error(sources(Some("max_results = 0\ndefault_page = 0"), &[], &[]), &["at least 1"]);
    check_error(sources(Some("default_page = 2000"), &[], &[]), &["`default_page`", "1000"]);
    check_error(
        Sources { file: Some("/nowhere/muster.toml".into()), ..Sources::default() },
        &["/nowhere/muster.toml", "No such file"],
    );
}

#[test]
fn variables_that_kubernetes_makes_are_not_settings() {
    let variables = [
        ("MUSTER_PORT", "tcp://10.0.0.1:8080"),
        ("MUSTER_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("MUSTER_SERVICE_HOST", "10.0.0.1"),
        ("MUSTER_SERVICE_PORT_HTTP", "8080"),
    ];
    Settings::load(sources(Some(""), &variables, &[])).unwrap();
    check_error(sources(Some(""), &[("MUSTER_PORTS", "1")], &[]), &["no setting `ports`"]);
    check_error(sources(Some("port = 1"), &[], &[]), &["no setting `port`"]);
}

#[test]
fn a_smaller_largest_page_makes_the_usual_page_smaller() {
    let page = |text: &str| Settings::load(sources(Some(text), &[], &[])).unwrap().settings;
    assert_eq!(page("max_results = 50").default_page, 50);
    assert_eq!(page("max_results = 500").default_page, 100);
    check_error(sources(Some("max_results = 50\ndefault_page = 60"), &[], &[]), &["50", "60"]);
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    let sources = sources(Some(""), &[("MUSTER_DATABASE_URL", "mysql://u:hunter2@h/d")], &[]);
    let message = Settings::load(sources).unwrap_err().to_string();
    assert!(message.contains("postgres://") && !message.contains("hunter2"), "{message}");
}

#[test]
fn plain_http_stays_on_loopback_unless_told_otherwise() {
    // R183, R475, R476, R484
    check_error(sources(Some("listen = \"0.0.0.0:80\""), &[], &[]), &["not loopback", "tls_cert"]);
    check_error(sources(Some("tls_cert = \"a.pem\""), &[], &[]), &["needs `tls_key`"]);
    check_error(sources(Some("tls_key = \"a.pem\""), &[], &[]), &["needs `tls_cert`"]);

    let public = "listen = \"0.0.0.0:80\"\n";
    let proxied = format!("{public}insecure_http = true");
    let tls = format!("{public}tls_cert = \"a\"\ntls_key = \"b\"");
    let base =
        |text: &str| Settings::load(sources(Some(text), &[], &[])).unwrap().settings.base_url();
    assert_eq!(base(&proxied), "http://localhost:80");
    assert_eq!(base(&tls), "https://localhost:80");
    assert_eq!(base("public_url = \"https://muster.example/x/\""), "https://muster.example/x");
    assert_eq!(base("listen = \"[::1]:8080\""), "http://[::1]:8080");
}

#[test]
fn a_database_is_a_file_or_postgres() {
    use DatabaseTarget::{Postgres, Sqlite};
    let file = Path::new("data/muster.db");
    check_database("data/muster.db", Some((Sqlite(file), "data/muster.db")));
    check_database("sqlite:data/muster.db", Some((Sqlite(file), "sqlite:data/muster.db")));
    check_database("sqlite://data/muster.db", Some((Sqlite(file), "sqlite://data/muster.db")));
    for (url, shown) in [
        ("postgres://u:p@ss@h:5432/d", "postgres://u:***@h:5432/d"),
        ("postgresql://u@h/d?password=x&a=b", "postgresql://u@h/d?password=***&a=b"),
    ] {
        check_database(url, Some((Postgres(url), shown)));
    }
    for text in ["", "sqlite:", "mysql://h/d", "https://h"] {
        check_database(text, None);
    }
}
