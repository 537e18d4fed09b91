//! Global Token Revocation.

use super::*;

fn with(settings: Value, secrets: Value) -> Case {
    Case::new(SinkKind::TokenRevocation, "/gtr?x=1", settings, secrets)
}

fn by_token() -> Case {
    with(json!({}), json!({ "token": "s3cret" }))
}

#[tokio::test]
async fn a_revocation_is_the_request_of_the_draft() {
    // E25
    let (heard, outcome) = by_token().revoke([Reply::status(204)]).await;

    let [request] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(request.line(), "POST /gtr?x=1");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("authorization"), "Bearer s3cret");
    let body =
        r#"{"sub_id":{"format":"iss_sub","iss":"https://roll.example/t/acme","sub":"00u7k2mZ"}}"#;
    assert_eq!(request.body, body);
    assert_eq!(outcome, Outcome::Commanded(Commanded::Accepted));
    assert_eq!(outcome.detail(), Some(json!({ "accepted": true })));
}

#[tokio::test]
async fn failures_are_told_apart() {
    by_token().check_failures(&[]).await;

    let (_, outcome) = by_token().revoke([Reply::status(422)]).await;
    let expected = Refusal {
        status: Some(422),
        remedy: Remedy::Nothing,
        reason: "the target answered 422".to_owned(),
    };
    assert_eq!(outcome, Outcome::Refused(expected));
}

#[tokio::test]
async fn what_is_no_command_is_not_sent() {
    let stand_in = StandIn::script([]).await;
    for uri in EventUri::ALL {
        let outcome = by_token().tell(&stand_in, uri).await;
        match uri {
            EventUri::SessionRevoked => assert!(matches!(outcome, Outcome::Commanded(_))),
            _ => assert_eq!(outcome, Outcome::Skipped, "{uri}"),
        }
    }
    assert_eq!(stand_in.heard().len(), 1);
}

#[test]
fn settings_are_checked() {
    let none = || json!({});
    for (settings, secrets, expected) in [
        (none(), json!({ "token": "t" }), Ok(())),
        (none(), none(), Err("`secrets.token` is missing")),
        (none(), json!({ "token": "" }), Err("`secrets.token` is missing")),
        (none(), json!({ "token": 3 }), Err("expected an object whose values are texts")),
        (none(), json!({ "token": "t", "other": "x" }), Err("`secrets.other` is not known")),
        (json!({ "auth": "private_key_jwt" }), none(), Ok(())),
        (json!({ "auth": "none" }), none(), Err("unknown variant `none`")),
        (json!({ "oauth": "bearer" }), none(), Err("unknown field `oauth`")),
        (json!({ "disable": true }), json!({ "token": "t" }), Err("no such command")),
        (json!({ "user_id_source": "name" }), none(), Err("unknown variant `name`")),
        (json!({ "residual_ttl_s": 60 }), json!({ "token": "t" }), Ok(())),
        (json!({ "residual_ttl_s": -1 }), none(), Err("invalid value")),
    ] {
        let found = with(settings.clone(), secrets).check();
        match (found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{settings}: {found:?}, not {expected:?}"),
        }
    }
}
