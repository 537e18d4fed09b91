//! What directories send, played as they send it (`tests/fixtures/README.md`).
//!
//! Each case has a tenant of its own with the same people in it ([`scene`]).
//! With the directory's dialect the answer must be the one the directory needs;
//! with `strict` the one the RFCs ask for. An error must have changed nothing.

mod scene;
mod state;

use std::{collections::BTreeMap, sync::LazyLock};

use muster::scim::dialect::Dialect;
use reqwest::{Method, header::HeaderName};
use serde::Deserialize;
use serde_json::Value;

use crate::support::{Answer, TestApp};

use scene::Scene;

/// Cases that are played elsewhere or not at all, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("entra-69", "asks the token endpoint, which is not below the SCIM base"),
    ("okta-30", "is sent only to a service that declares entitlement management"),
];

/// The directories of the record, each with the dialect that is its own.
const DIRECTORIES: [(&str, Dialect); 12] = [
    ("entra", Dialect::Entra),
    ("okta", Dialect::Okta),
    ("google", Dialect::Google),
    ("onelogin", Dialect::OneLogin),
    ("jumpcloud", Dialect::JumpCloud),
    ("ping", Dialect::Ping),
    ("sailpoint", Dialect::SailPoint),
    ("keycloak", Dialect::Keycloak),
    ("authentik", Dialect::Authentik),
    ("rippling", Dialect::Generic),
    ("cyberark", Dialect::Generic),
    ("generic", Dialect::Generic),
];

on_both_databases! {
    async fn entra_gets_the_answers_it_needs(app: TestApp) {
        play_all(&app, "entra", Dialect::Entra).await;
    }

    async fn every_other_directory_gets_the_answers_it_needs(app: TestApp) {
        for (idp, dialect) in DIRECTORIES.iter().filter(|(idp, _)| *idp != "entra") {
            play_all(&app, idp, *dialect).await;
        }
    }

    async fn the_dialect_for_any_directory_serves_them_all(app: TestApp) {
        for (idp, _) in DIRECTORIES {
            play_all(&app, idp, Dialect::Generic).await;
        }
    }

    async fn strict_answers_as_the_rfcs_ask(app: TestApp) {
        for (idp, _) in DIRECTORIES {
            play_all(&app, idp, Dialect::Strict).await;
        }
    }
}

#[test]
fn every_recorded_directory_is_played() {
    for case in &*CASES {
        assert!(DIRECTORIES.iter().any(|(idp, _)| *idp == case.idp), "{}", case.id);
    }
}

/// One recorded request and the answers to it.
#[derive(Deserialize)]
struct Case {
    idp: String,
    id: String,
    step: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Value,
    expect: Expect,
    strict: Option<Strict>,
    precondition: Option<String>,
}

#[derive(Deserialize)]
struct Expect {
    status: u16,
    #[serde(default)]
    status_any_of: Vec<u16>,
    #[serde(default)]
    body_contains: Vec<String>,
    #[serde(default)]
    body_absent: Vec<String>,
    state_after: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Strict {
    status: u16,
    scim_type: Option<String>,
}

static CASES: LazyLock<Vec<Case>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../fixtures/traffic.json")).unwrap());

/// Plays the cases of `idp` for which there is an answer, and names all that went wrong.
async fn play_all(app: &TestApp, idp: &str, dialect: Dialect) {
    let is_strict = dialect == Dialect::Strict;
    let left_out = |case: &Case| LEFT_OUT.iter().any(|(id, _)| *id == case.id);
    let cases = CASES.iter().filter(|case| case.idp == idp && !left_out(case));
    let cases: Vec<&Case> = cases.filter(|case| !is_strict || case.strict.is_some()).collect();
    assert!(is_strict || !cases.is_empty(), "there are cases of {idp}");

    let mut faults = Vec::new();
    for case in &cases {
        let scene = Scene::set(app.new_tenant_with(dialect).await, &case.id).await;
        let found = play(&scene, case, is_strict).await;
        faults.extend(found.into_iter().map(|fault| format!("{} {}: {fault}", case.id, case.step)));
    }
    assert!(
        faults.is_empty(),
        "\n{} of {} cases:\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
}

/// Plays a case and says what was wrong with the answer and what it left behind.
async fn play(scene: &Scene, case: &Case, is_strict: bool) -> Option<String> {
    if case.precondition.is_some() && scene::precondition(&case.id).is_none() {
        return Some("its precondition is not in the table".to_owned());
    }
    for earlier in scene::precondition(&case.id).unwrap_or_default().earlier {
        let case = CASES.iter().find(|case| case.id == *earlier).unwrap();
        let answer = send(scene, case).await;
        if answer.status != case.expect.status {
            return Some(format!("{earlier} comes first and failed: {answer}"));
        }
    }

    let target = target(&scene.fill(&case.path));
    let before = scene.read(target.as_deref()).await;
    let answer = send(scene, case).await;
    let after = scene.read(target.as_deref()).await;

    let wrong = match &case.strict {
        Some(strict) if is_strict => wrong_strict_answer(strict, &answer),
        _ => wrong_answer(scene, &case.expect, &answer, &after),
    };
    let wrong = wrong.or_else(|| wrong_state(scene, case, &answer, &before, &after));
    wrong.map(|wrong| format!("{wrong}\n    {answer}\n    before {before}\n    after  {after}"))
}

async fn send(scene: &Scene, case: &Case) -> Answer {
    let method = Method::from_bytes(case.method.as_bytes()).unwrap();
    let mut request = scene.tenant.request(method, &scene.fill(&case.path));
    for (name, value) in &case.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request = request.header(name, &scene.fill(value));
    }
    if !case.body.is_null() {
        let body = scene.fill(&case.body.to_string());
        request = request.json(serde_json::from_str(&body).unwrap());
    }
    request.await
}

/// The single resource that a path names, if it names one.
fn target(path: &str) -> Option<String> {
    let path = path.split('?').next()?;
    let id = path.strip_prefix("/Users/").or_else(|| path.strip_prefix("/Groups/"))?;
    (!id.is_empty()).then(|| path.to_owned())
}

fn wrong_strict_answer(strict: &Strict, answer: &Answer) -> Option<String> {
    let scim_type = answer["scimType"].as_str();
    if answer.status != strict.status {
        return Some(format!("wants {}", strict.status));
    }
    (scim_type != strict.scim_type.as_deref())
        .then(|| format!("wants scimType {:?}", strict.scim_type))
}

fn wrong_answer(scene: &Scene, expect: &Expect, answer: &Answer, after: &Value) -> Option<String> {
    let any_of = match expect.status_any_of.is_empty() {
        true => &[expect.status][..],
        false => &expect.status_any_of,
    };
    if !any_of.contains(&answer.status) {
        return Some(format!("wants one of {any_of:?}"));
    }
    // Of several statuses, the texts belong to that of the first.
    if (answer.status < 300) != (expect.status < 300) {
        return None;
    }
    let body = if answer.body.is_null() { after } else { &answer.body };
    let body = body.to_string();
    let missing = expect.body_contains.iter().find(|text| !body.contains(&scene.fill(text)));
    let surplus = expect.body_absent.iter().find(|text| body.contains(&scene.fill(text)));
    missing
        .map(|text| format!("does not contain {text}"))
        .or_else(|| surplus.map(|text| format!("contains {text}")))
}

fn wrong_state(
    scene: &Scene,
    case: &Case,
    answer: &Answer,
    before: &Value,
    after: &Value,
) -> Option<String> {
    if 300 <= answer.status {
        return (before != after).then(|| "is an error and changed the resource".to_owned());
    }
    let asked = case.expect.state_after.as_deref();
    // What is new is shown by the answer.
    let after = if after.is_null() { &answer.body } else { after };
    match (asked, state::holds(&case.id, scene, before, after)) {
        (Some(asked), None) => Some(format!("nobody checks that {asked}")),
        (asked, Some(false)) => {
            Some(format!("leaves another state: {}", asked.unwrap_or_default()))
        }
        (_, Some(true)) | (None, None) => None,
    }
}
