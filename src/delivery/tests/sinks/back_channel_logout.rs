//! OpenID Connect Back-Channel Logout.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;

fn relying_party(settings: Value) -> Case {
    Case::new(SinkKind::BackChannelLogout, "/logout", settings, json!({}))
}

#[tokio::test]
async fn a_logout_is_one_form_field_with_the_token_of_the_standard() {
    // E23, E25
    let case = relying_party(json!({ "client_id": "app 7" }));
    for status in [200, 204] {
        let (heard, outcome) = case.revoke([Reply::status(status)]).await;

        let [request] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!(request.line(), "POST /logout");
        assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
        assert_eq!(request.header("authorization"), "");
        let token = request.body.strip_prefix("logout_token=").unwrap();
        let part = |number: usize| -> Value {
            let part = token.split('.').nth(number).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(part(0)["typ"], "logout+jwt");
        assert_eq!(part(0)["alg"], "RS256");
        let mut claims = part(1);
        let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(!jti.as_str().unwrap().is_empty());
        let expected = json!({
            "iss": ISSUER,
            "aud": "app 7",
            "sub": "00u7k2mZ",
            "iat": 1_790_000_000,
            "exp": 1_790_000_120,
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        assert_eq!(claims, expected, "neither nonce nor anything else");
        assert_eq!(outcome, Outcome::Commanded(Commanded::Confirmed { sessions: None }));
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    relying_party(json!({ "client_id": "app7" })).check_failures(&[]).await;
}

#[tokio::test]
async fn a_user_without_the_name_that_the_target_knows_is_refused_before_a_request() {
    for (source, missing) in
        [("externalId", "externalId"), ("userName", "userName"), ("email", "email")]
    {
        let settings = json!({ "client_id": "app7", "user_id_source": source });
        let mut case = relying_party(settings);
        case.subject.external_id = None;
        case.subject.user_name = None;
        case.subject.email = None;

        let (heard, outcome) = case.revoke([]).await;

        assert!(heard.is_empty());
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert_eq!(refusal.remedy, Remedy::Nothing);
        assert!(refusal.reason.contains(missing), "{}", refusal.reason);
    }
}

#[test]
fn settings_are_checked() {
    let checked = |settings| relying_party(settings).check();
    assert_eq!(checked(json!({ "client_id": "a", "issuer": "https://idp.example" })), Ok(()));
    assert!(checked(json!({})).unwrap_err().contains("missing field `client_id`"));
    assert!(checked(json!({ "client_id": "" })).unwrap_err().contains("client_id"));
}
