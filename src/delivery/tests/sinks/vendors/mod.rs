//! Connectors of particular makers: every request as its maker documents it, and
//! what every answer means.

mod logins;
mod particular;
mod rows;

use percent_encoding::percent_decode_str;

use super::*;
use rows::{Row, rows};

/// A name that has to be told apart from everything around it.
const PLAIN: &str = "u-1";
/// Names with which somebody might want to reach another path or user.
const HOSTILE: [&str; 9] = [
    "../../users/other",
    "a/b",
    "a?all=true",
    "a#b",
    "a b&c=d",
    "%2e%2e/a",
    "\"}],\"x\":\"",
    "zoë 中 \u{202e}",
    "google-oauth2|1+1",
];

impl Row {
    /// The row, about somebody all of whose names are `name`.
    fn about(&self, name: &str) -> Self {
        let mut row = self.clone();
        row.case.subject.id = name.to_owned();
        for known_as in [
            &mut row.case.subject.external_id,
            &mut row.case.subject.user_name,
            &mut row.case.subject.email,
        ] {
            *known_as = Some(name.to_owned());
        }
        row
    }

    fn replies(&self) -> Vec<Reply> {
        self.steps.iter().map(|step| step.reply.clone()).collect()
    }

    async fn run(&self, replies: impl IntoIterator<Item = Reply>) -> (Vec<Heard>, Outcome) {
        let stand_in = StandIn::script(replies).await;
        let outcome = self.case.tell(&stand_in, self.uri).await;
        (stand_in.heard(), outcome)
    }
}

/// The headers that are particular to a request, sorted.
fn particular(heard: &Heard) -> Vec<(String, String)> {
    let usual = ["accept", "content-length", "host", "user-agent"];
    let mut headers: Vec<(String, String)> = heard
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| !usual.contains(&name.as_str()))
        .collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn each_command_is_the_requests_that_are_documented() {
    // E25
    for row in rows() {
        let (heard, outcome) = row.run(row.replies()).await;

        let lines: Vec<String> = heard.iter().map(Heard::line).collect();
        let expected: Vec<&str> = row.steps.iter().map(|step| step.line).collect();
        assert_eq!(lines, expected, "{}", row.name);
        for (heard, step) in heard.iter().zip(&row.steps) {
            let mut headers: Vec<(String, String)> = step
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            headers.sort();
            assert_eq!(particular(heard), headers, "{}: {}", row.name, step.line);
            assert_eq!(heard.body, step.body, "{}: {}", row.name, step.line);
            assert_eq!(heard.header("accept"), "application/json", "{}", row.name);
        }
        assert_eq!(outcome, Outcome::Commanded(row.outcome), "{}", row.name);
    }
}

#[tokio::test]
async fn what_is_configured_is_accepted() {
    for row in rows() {
        assert_eq!(row.case.check(), Ok(()), "{}", row.name);
    }
}

#[tokio::test]
async fn a_failure_ends_the_command_at_any_of_its_requests() {
    // E25
    let seconds = |count| Remedy::Retry(Some(Duration::from_secs(count)));
    for row in rows() {
        for at in 0..row.steps.len() {
            for (reply, expected) in [
                (Reply::status(400), (400, Remedy::Nothing)),
                (Reply::status(401), (401, Remedy::Credentials)),
                (Reply::status(403), (403, Remedy::Credentials)),
                (Reply::status(429), (429, seconds(60))),
                (Reply::status(429).with("retry-after", "7"), (429, seconds(7))),
                (Reply::status(500), (500, Remedy::Retry(None))),
                (Reply::status(503).with("retry-after", "9"), (503, seconds(9))),
                (Reply::status(302).with("location", "/elsewhere"), (302, Remedy::Retry(None))),
            ] {
                let script = row.replies().into_iter().take(at).chain([reply.clone()]);

                let (heard, outcome) = row.run(script).await;

                let Outcome::Refused(refusal) = outcome else {
                    panic!("{}: {at}: {reply:?}: {outcome:?}", row.name)
                };
                let found = (refusal.status.unwrap_or_default(), refusal.remedy);
                assert_eq!(found, expected, "{}: {at}: {reply:?}", row.name);
                assert_eq!(heard.len(), at + 1, "{}: nothing follows a failure", row.name);
            }
        }
    }
}

#[tokio::test]
async fn silence_and_nobody_there_are_failures() {
    // E25
    let attempts = rows().into_iter().map(|row| async move {
        let (_, silence) = row.run([Reply::never()]).await;
        assert_eq!(silence, Outcome::Failed(OutgoingError::Timeout), "{}", row.name);
        let nobody = StandIn::nobody().await;
        let outcome = row.case.tell_at(&nobody, row.uri).await;
        assert_eq!(outcome, Outcome::Failed(OutgoingError::Connect), "{}", row.name);
    });
    futures_util::future::join_all(attempts).await;
}

#[tokio::test]
async fn an_unknown_user_has_no_sessions() {
    // E25
    for row in rows() {
        let Some((at, unknown)) = row.unknown.clone() else { continue };
        let script = row.replies().into_iter().take(at).chain([unknown]);

        let (heard, outcome) = row.run(script).await;

        assert_eq!(outcome, Outcome::Commanded(Commanded::Gone), "{}", row.name);
        assert_eq!(heard.len(), at + 1, "{}", row.name);
    }
}

/// A proxy's page or another maker's error is no word about a user.
#[tokio::test]
async fn any_other_404_confirms_nothing() {
    let page = || Reply::status(404).with("content-type", "text/html");
    for row in rows() {
        for reply in [page().body("<h1>Not Found</h1>"), Reply::json(404, &json!({ "no": 1 }))] {
            let (_, outcome) = row.run([reply]).await;

            let Outcome::Refused(Refusal { status, remedy, reason }) = outcome else {
                panic!("{}: {outcome:?}", row.name)
            };
            assert_eq!((status, remedy), (Some(404), Remedy::Retry(None)), "{}", row.name);
            assert!(reason.contains("endpoint_url"), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_name_cannot_lead_a_request_elsewhere() {
    for row in rows() {
        let (plain, _) = row.about(PLAIN).run(row.replies()).await;
        assert!(plain.iter().any(|it| it.path.contains(PLAIN) || it.body.contains(PLAIN)));
        for name in HOSTILE {
            let (heard, outcome) = row.about(name).run(row.replies()).await;

            assert_eq!(outcome, Outcome::Commanded(row.outcome), "{}: {name}", row.name);
            assert_eq!(heard.len(), plain.len(), "{}: {name}", row.name);
            for (heard, plain) in heard.iter().zip(&plain) {
                let found: Vec<&str> = heard.path.split(['/', '?', '&', '=']).collect();
                let expected: Vec<&str> = plain.path.split(['/', '?', '&', '=']).collect();
                assert_eq!(found.len(), expected.len(), "{}: {}", row.name, heard.path);
                for (found, expected) in found.into_iter().zip(expected) {
                    let decoded = percent_decode_str(found).decode_utf8().unwrap();
                    let expected = if expected == PLAIN { name } else { expected };
                    assert!(decoded == expected || found == expected, "{}", heard.path);
                }
                if !plain.body.is_empty() {
                    let expected = replace(&plain.json(), name);
                    assert_eq!(heard.json(), expected, "{}: {name}", row.name);
                }
            }
        }
    }
}

/// A body with `name` wherever the plain one stands.
fn replace(body: &Value, name: &str) -> Value {
    match body {
        Value::String(text) if text == PLAIN => name.into(),
        Value::Array(list) => list.iter().map(|it| replace(it, name)).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, it)| (key.clone(), replace(it, name))).collect()
        }
        other => other.clone(),
    }
}

/// The rules for URLs make another path of such a segment, escaped or not.
#[tokio::test]
async fn a_name_that_no_path_can_hold_is_refused() {
    for row in rows() {
        for name in [".", ".."] {
            let (heard, outcome) = row.about(name).run(row.replies()).await;

            let in_path = |it: &Heard| it.path.split(['/', '?']).any(|part| part == name);
            assert!(!heard.iter().any(in_path), "{}: {heard:?}", row.name);
            let refused = matches!(
                &outcome,
                Outcome::Refused(Refusal { remedy: Remedy::Nothing, .. }) if heard.is_empty()
            );
            let named_elsewhere = !row.names_in_path && outcome == Outcome::Commanded(row.outcome);
            assert!(refused || named_elsewhere, "{}: {name}: {outcome:?}", row.name);
        }
    }
}

/// Whoever lacks the name by which the target knows people cannot be ended there.
#[tokio::test]
async fn somebody_without_the_name_is_refused() {
    for row in rows() {
        let mut row = row.about(PLAIN);
        for known_as in [
            &mut row.case.subject.external_id,
            &mut row.case.subject.user_name,
            &mut row.case.subject.email,
        ] {
            *known_as = None;
        }
        row.case.subject.id = String::new();

        let (heard, outcome) = row.run(row.replies()).await;

        assert!(heard.is_empty(), "{}", row.name);
        let Outcome::Refused(refusal) = outcome else { panic!("{}: {outcome:?}", row.name) };
        assert_eq!(refusal.remedy, Remedy::Nothing, "{}", row.name);
        assert!(refusal.reason.starts_with("the user has no "), "{}", refusal.reason);
    }
}
