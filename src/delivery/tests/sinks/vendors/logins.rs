//! How connectors prove who they are, and what is particular to one of them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};

use super::*;

fn client(kind: SinkKind, settings: Value) -> Case {
    Case::new(kind, "", settings, json!({ "client_secret": "s3&cret" }))
}

fn given(token: &str) -> Reply {
    Reply::json(200, &json!({ "access_token": token, "expires_in": 300, "token_type": "Bearer" }))
}

#[tokio::test]
async fn a_token_is_fetched_as_the_maker_documents() {
    // E25
    let keycloak = client(
        SinkKind::Keycloak,
        json!({ "realm": "acme", "auth_realm": "master", "client_id": "muster" }),
    );
    let auth0 = client(SinkKind::Auth0, json!({ "client_id": "muster" }));
    for (case, line, content_type) in [
        (
            &keycloak,
            "POST /realms/master/protocol/openid-connect/token",
            "application/x-www-form-urlencoded",
        ),
        (&auth0, "POST /oauth/token", "application/json"),
    ] {
        assert_eq!(case.check(), Ok(()));
        let stand_in = StandIn::script([given("t1"), Reply::status(500)]).await;
        case.tell(&stand_in, EventUri::SessionRevoked).await;

        let heard = stand_in.heard();
        assert_eq!(heard[0].line(), line);
        assert_eq!(heard[0].header("content-type"), content_type);
        assert_eq!(heard[0].header("authorization"), "");
        let expected = match case.kind {
            SinkKind::Keycloak => {
                "grant_type=client_credentials&client_id=muster&client_secret=s3%26cret".to_owned()
            }
            _ => format!(
                r#"{{"grant_type":"client_credentials","client_id":"muster","client_secret":"s3&cret","audience":"{}/api/v2/"}}"#,
                stand_in.url()
            ),
        };
        assert_eq!(heard[0].body, expected);
        assert_eq!(heard[1].header("authorization"), "Bearer t1");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    // E25
    let case = client(SinkKind::Auth0, json!({ "client_id": "muster" }));
    let done = || Reply::status(202);
    let script = [given("t1"), Reply::status(401), given("t2"), done(), given("t3"), done()];

    let (heard, outcome) = case.revoke(script).await;

    assert_eq!(outcome, Outcome::Commanded(Commanded::Accepted));
    assert_eq!(heard[1].header("authorization"), "Bearer t1");
    assert_eq!(heard[3].header("authorization"), "Bearer t2");
    assert_eq!(heard[1].line(), heard[3].line());

    let script = [given("t1"), Reply::status(401), given("t2"), Reply::status(401)];
    let (heard, outcome) = case.revoke(script).await;

    assert_eq!(heard.len(), 4, "once and not for ever");
    let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert_eq!((refusal.status, refusal.remedy), (Some(401), Remedy::Credentials));
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let mut case = client(SinkKind::Keycloak, json!({ "realm": "acme", "client_id": "muster" }));
    let stand_in = StandIn::answering(|heard| match heard.path.ends_with("/token") {
        true => given("t1"),
        false => Reply::json(200, &json!([])),
    })
    .await;
    let sinks = Sinks::default();
    let fetched = || stand_in.heard().iter().filter(|it| it.path.ends_with("/token")).count();

    for (seconds, expected) in [(0, 1), (239, 1), (240, 2), (300, 2)] {
        case.now_us = NOW_US + seconds * 1_000_000;
        let outcome = case.tell_with(&sinks, stand_in.url(), EventUri::SessionRevoked).await;
        assert_eq!(outcome, Outcome::Commanded(Commanded::Confirmed { sessions: None }));
        assert_eq!(fetched(), expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_token_that_is_not_given_is_a_matter_of_credentials() {
    let case = client(SinkKind::Keycloak, json!({ "realm": "acme", "client_id": "muster" }));
    let seconds = Remedy::Retry(Some(Duration::from_secs(5)));
    for (reply, expected) in [
        (Reply::json(401, &json!({ "error": "invalid_client" })), Remedy::Credentials),
        (Reply::json(400, &json!({ "error": "unauthorized_client" })), Remedy::Credentials),
        (Reply::json(404, &json!({ "error": "User not found" })), Remedy::Credentials),
        (Reply::status(429).with("retry-after", "5"), seconds),
        (Reply::status(502), Remedy::Retry(None)),
        (Reply::json(200, &json!({ "token": "t1" })), Remedy::Retry(None)),
        (Reply::status(200), Remedy::Retry(None)),
    ] {
        let (heard, outcome) = case.revoke([reply.clone()]).await;

        assert_eq!(heard.len(), 1, "{reply:?}");
        let Outcome::Refused(refusal) = outcome else { panic!("{reply:?}: {outcome:?}") };
        assert_eq!(refusal.remedy, expected, "{reply:?}");
    }
}

fn cognito(secrets: Value) -> Case {
    let settings = json!({
        "region": "eu-central-1", "user_pool_id": "eu-central-1_a1B2", "user_id_source": "userName",
        "disable": true,
    });
    Case::new(SinkKind::Cognito, "", settings, secrets)
}

fn keys() -> Value {
    json!({ "access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3cret" })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn cognito_is_called_with_a_signature() {
    // E25
    let time = "20260921T141320Z";
    for (uri, operation) in [
        (EventUri::SessionRevoked, "AdminUserGlobalSignOut"),
        (EventUri::AccountDisabled, "AdminDisableUser"),
        (EventUri::AccountEnabled, "AdminEnableUser"),
    ] {
        let case = cognito(keys());
        let stand_in = StandIn::script([Reply::json(200, &json!({}))]).await;
        let outcome = case.tell(&stand_in, uri).await;

        assert_eq!(outcome, Outcome::Commanded(Commanded::Confirmed { sessions: None }));
        let heard = stand_in.heard();
        let [heard] = heard.as_slice() else { panic!("{heard:?}") };
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        assert_eq!(heard.line(), "POST /");
        assert_eq!(heard.header("content-type"), "application/x-amz-json-1.1");
        assert_eq!(heard.header("x-amz-target"), target);
        assert_eq!(heard.header("x-amz-date"), time);
        let body = r#"{"UserPoolId":"eu-central-1_a1B2","Username":"barbara"}"#;
        assert_eq!(heard.body, body);

        // The maker's recipe, step by step.
        let signed = "content-type;host;x-amz-date;x-amz-target";
        let canonical = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:{}\nx-amz-date:{time}\n\
             x-amz-target:{target}\n\n{signed}\n{}",
            heard.header("host"),
            hex(digest(&SHA256, body.as_bytes()).as_ref()),
        );
        let scope = "20260921/eu-central-1/cognito-idp/aws4_request";
        let digest = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let at = std::time::SystemTime::UNIX_EPOCH
            + Duration::from_micros(u64::try_from(NOW_US).unwrap());
        let key = generate_signing_key("s3cret", at, "eu-central-1", "cognito-idp");
        let signature = calculate_signature(key, to_sign.as_bytes());
        assert_eq!(
            heard.header("authorization"),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={signed}, \
                 Signature={signature}"
            )
        );
    }
}

#[tokio::test]
async fn temporary_keys_come_with_their_token() {
    let mut secrets = keys();
    secrets["session_token"] = "session".into();
    let case = cognito(secrets);
    assert_eq!(case.check(), Ok(()));

    let (heard, _) = case.revoke([Reply::status(200)]).await;

    assert_eq!(heard[0].header("x-amz-security-token"), "session");
    assert!(heard[0].header("authorization").contains("x-amz-security-token"));
}

#[tokio::test]
async fn errors_of_cognito_have_names() {
    // E25
    let error = |status, name: &str| Reply::json(status, &json!({ "__type": name }));
    let minute = Remedy::Retry(Some(Duration::from_mins(1)));
    for (reply, expected) in [
        (error(400, "UserNotFoundException"), Ok(Commanded::Gone)),
        (error(400, "com.amazonaws.cognito#UserNotFoundException"), Ok(Commanded::Gone)),
        (error(400, "TooManyRequestsException"), Err(minute)),
        (error(400, "NotAuthorizedException"), Err(Remedy::Credentials)),
        (error(400, "UnrecognizedClientException"), Err(Remedy::Credentials)),
        (error(400, "InvalidSignatureException"), Err(Remedy::Credentials)),
        (error(403, "ExpiredTokenException"), Err(Remedy::Credentials)),
        (error(400, "ResourceNotFoundException"), Err(Remedy::Nothing)),
        (error(400, "InvalidParameterException"), Err(Remedy::Nothing)),
        (error(500, "InternalErrorException"), Err(Remedy::Retry(None))),
        (Reply::status(401), Err(Remedy::Credentials)),
        (Reply::status(404), Err(Remedy::Retry(None))),
        (Reply::status(429), Err(minute)),
        (Reply::status(503), Err(Remedy::Retry(None))),
    ] {
        let (_, outcome) = cognito(keys()).revoke([reply.clone()]).await;

        let found = match outcome {
            Outcome::Commanded(commanded) => Ok(commanded),
            Outcome::Refused(refusal) => Err(refusal.remedy),
            _ => panic!("{reply:?}: {outcome:?}"),
        };
        assert_eq!(found, expected, "{reply:?}");
    }
}
