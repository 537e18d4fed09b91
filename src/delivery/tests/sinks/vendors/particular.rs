//! What is particular to one maker.

use super::*;

fn row(name: &str) -> Row {
    rows().into_iter().find(|row| row.name == name).unwrap()
}

fn remedy(outcome: Outcome) -> Remedy {
    match outcome {
        Outcome::Refused(refusal) => refusal.remedy,
        outcome => panic!("{outcome:?}"),
    }
}

/// Kratos and Hydra know people each by itself.
#[tokio::test]
async fn whom_kratos_does_not_know_is_ended_at_hydra_all_the_same() {
    let unknown = Reply::json(404, &json!({ "error": { "code": 404 } }));

    let (heard, outcome) = row("Ory").run([unknown.clone(), unknown, Reply::status(204)]).await;

    assert_eq!(heard.len(), 3);
    assert_eq!(outcome, Outcome::Commanded(Commanded::Confirmed { sessions: None }));
}

#[tokio::test]
async fn hydra_may_be_elsewhere() {
    let hydra = StandIn::script([Reply::status(204)]).await;
    let mut row = row("Ory");
    row.case.settings["hydra_url"] = format!("{}/hydra/", hydra.url()).into();

    let (kratos, outcome) = row.run([Reply::status(204)]).await;

    assert_eq!(kratos.len(), 1);
    let lines: Vec<String> = hydra.heard().iter().map(Heard::line).collect();
    assert_eq!(
        lines,
        [
            "DELETE /hydra/admin/oauth2/auth/sessions/login?subject=00u7k2mZ",
            "DELETE /hydra/admin/oauth2/auth/sessions/consent?subject=00u7k2mZ&all=true",
        ]
    );
    assert_eq!(outcome, Outcome::Commanded(row.outcome));
}

#[tokio::test]
async fn hydra_alone_can_disable_nobody_and_says_so() {
    let mut row = row("Ory, disable");
    row.case.settings["apis"] = json!(["hydra"]);

    let (heard, outcome) = row.run(row.replies()).await;

    assert!(heard.is_empty());
    assert_eq!(remedy(outcome), Remedy::Nothing);
}

#[tokio::test]
async fn a_state_that_is_there_already_is_done_at_zitadel() {
    for name in ["Zitadel, disable", "Zitadel, enable"] {
        let reply = Reply::json(400, &json!({ "code": 9, "message": "already" }));
        let (_, outcome) = row(name).run([reply]).await;
        assert_eq!(outcome, Outcome::Commanded(Commanded::Confirmed { sessions: None }));

        let reply = Reply::json(400, &json!({ "code": 3, "message": "invalid" }));
        let (_, outcome) = row(name).run([reply]).await;
        assert_eq!(remedy(outcome), Remedy::Nothing);
    }
}

/// A list is read from a copy that may be behind.
#[tokio::test]
async fn what_is_still_listed_is_looked_at_again_later() {
    let listed = Reply::json(200, &json!({ "details": {}, "sessions": [{ "id": "s1" }] }));
    let script = [listed.clone(), Reply::status(200), listed];

    let (heard, outcome) = row("Zitadel").run(script).await;

    assert_eq!(heard.len(), 3, "a session is ended once in an attempt");
    assert_eq!(remedy(outcome), Remedy::Retry(Some(Duration::from_secs(1))));
}

#[tokio::test]
async fn more_sessions_than_one_attempt_ends_are_left_to_the_next() {
    let pages = std::sync::atomic::AtomicU32::new(0);
    let stand_in = StandIn::answering(move |heard| {
        if heard.method == "DELETE" {
            return Reply::status(200);
        }
        let page = pages.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Reply::json(200, &json!({ "details": {}, "sessions": [{ "id": format!("s{page}") }] }))
    })
    .await;

    let outcome = row("Zitadel").case.tell(&stand_in, EventUri::SessionRevoked).await;

    assert_eq!(stand_in.heard().len(), 20, "ten pages");
    assert_eq!(remedy(outcome), Remedy::Retry(Some(Duration::from_secs(1))));
}

/// A session may end on its own between the list and its deletion.
#[tokio::test]
async fn a_session_that_is_gone_is_ended() {
    let row = row("Zitadel");
    let mut script = row.replies();
    script[1] = Reply::json(404, &json!({ "code": 5, "message": "Session not found" }));

    let (heard, outcome) = row.run(script).await;

    assert_eq!(heard.len(), 4);
    assert_eq!(outcome, Outcome::Commanded(row.outcome));
}

/// Success with another body comes from something that is not the target.
#[tokio::test]
async fn an_answer_that_is_not_the_makers_confirms_nothing() {
    for name in ["SuperTokens", "Zitadel", "authentik", "Keycloak, by name", "PingAM"] {
        for body in [
            json!({}),
            json!([{}]),
            json!("OK"),
            json!({ "status": "NO" }),
            json!({ "result": false }),
            json!({ "sessions": 1 }),
            json!({ "results": [{ "pk": "x" }] }),
        ] {
            let (heard, outcome) = row(name).run([Reply::json(200, &body)]).await;
            assert_eq!(heard.len(), 1, "{name}: {body}");
            assert_eq!(remedy(outcome), Remedy::Retry(None), "{name}: {body}");
        }
        let (_, outcome) = row(name).run([Reply::status(200).body("<html>")]).await;
        assert_eq!(remedy(outcome), Remedy::Retry(None), "{name}");
    }
}

/// Two people with one name: neither is ended by chance.
#[tokio::test]
async fn an_ambiguous_name_is_refused() {
    let two = json!([{ "id": "k1" }, { "id": "k2" }]);
    let (heard, outcome) = row("Keycloak, by name").run([Reply::json(200, &two)]).await;
    assert_eq!((heard.len(), remedy(outcome)), (1, Remedy::Nothing));

    let two = json!({ "results": [{ "pk": 1, "username": "a" }, { "pk": 2, "username": "b" }] });
    let (heard, outcome) = row("authentik").run([Reply::json(200, &two)]).await;
    assert_eq!((heard.len(), remedy(outcome)), (1, Remedy::Nothing));
}

#[tokio::test]
async fn a_realm_without_oauth_is_asked_for_no_tokens() {
    let mut row = row("PingAM");
    row.case.settings = json!({ "oauth2": false });

    let (heard, outcome) = row.run(row.replies()).await;

    let [heard] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(heard.line(), "POST /am/json/realms/root/sessions/?_action=logoutByUser");
    assert_eq!(outcome, Outcome::Commanded(row.outcome));
}

#[tokio::test]
async fn whom_the_realm_does_not_know_holds_no_tokens() {
    let row = row("PingAM");
    let script = row.replies().into_iter().take(1);
    let script = script.chain([Reply::json(404, &json!({ "code": 404, "reason": "Not Found" }))]);

    let (heard, outcome) = row.run(script).await;

    assert_eq!(heard.len(), 2);
    assert_eq!(outcome, Outcome::Commanded(row.outcome));
}

#[test]
fn settings_are_checked() {
    use SinkKind::{Auth0, Authentik, Cognito, FusionAuth, Keycloak, Okta, Ory, PingAm};
    let (none, token) = (|| json!({}), || json!({ "token": "t" }));
    let realm = || json!({ "realm": "acme" });
    for (kind, path, settings, secrets, expected) in [
        (Keycloak, "", none(), token(), "missing field `realm`"),
        (Keycloak, "", json!({ "realm": ".." }), token(), "`settings.realm`: expected a name"),
        (Keycloak, "", json!({ "realm": "a", "auth_realm": "" }), token(), "auth_realm"),
        (Keycloak, "", realm(), none(), "`secrets.token` is missing"),
        (
            Keycloak,
            "",
            json!({ "realm": "a", "client_id": "c" }),
            token(),
            "`secrets.client_secret` is missing",
        ),
        (Keycloak, "?a=b", realm(), token(), "`endpoint_url`"),
        (Keycloak, "#a", realm(), token(), "`endpoint_url`"),
        (Auth0, "", json!({ "domain": "x" }), token(), "unknown field `domain`"),
        (Auth0, "", json!({ "client_id": "c" }), none(), "`secrets.client_secret` is missing"),
        (Ory, "", json!({ "apis": ["keto"] }), none(), "unknown variant `keto`"),
        (Ory, "", json!({ "apis": [] }), none(), "`settings.apis`"),
        (Ory, "", json!({ "hydra_url": "https://h/?a" }), none(), "`settings.hydra_url`"),
        (Cognito, "", json!({ "region": "eu-west-1" }), none(), "missing field `user_pool_id`"),
        (
            Cognito,
            "",
            json!({ "region": "eu-west-1", "user_pool_id": "p" }),
            json!({ "access_key_id": "a" }),
            "`secrets.secret_access_key` is missing",
        ),
        (FusionAuth, "", none(), token(), "`secrets.api_key` is missing"),
        (Authentik, "", realm(), token(), "unknown field `realm`"),
        (PingAm, "", json!({ "realm": "/a/../b" }), token(), "`settings.realm`"),
        (PingAm, "", none(), none(), "`secrets.sso_token` is missing"),
        (PingAm, "", json!({ "disable": true }), token(), "no such command"),
        (Okta, "", none(), none(), "`secrets.api_token` is missing"),
        (
            Okta,
            "",
            none(),
            json!({ "token": "t", "api_token": "a" }),
            "`secrets.api_token` is not known",
        ),
        (SinkKind::SuperTokens, "", json!({ "app_id": "." }), none(), "`settings.app_id`"),
        (SinkKind::SuperTokens, "", json!({ "disable": true }), none(), "no such command"),
    ] {
        let case = Case::new(kind, path, settings.clone(), secrets);
        let found = case.check().unwrap_err();
        assert!(found.contains(expected), "{kind:?} {settings}: {found}");
    }
}
