//! Standard Webhooks.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use standardwebhooks::Webhook;

use super::*;
use crate::{
    clock::Clock,
    delivery::backoff::{Family, Next, Tried, decide},
    event::webhook::{MAX_BODY, MAX_RETIRED, SigningKeys, WebhookKey, WebhookKeyKind, WebhookType},
};

/// The secret, message and signature that Standard Webhooks publishes.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SEED: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn endpoint(settings: Value) -> Case {
    Case::new(SinkKind::Webhook, "/hook", settings, json!({ "current": SECRET }))
}

/// What the reference library says, by the clock of this machine.
fn verify(secret: &str, heard: &Heard) -> bool {
    Webhook::new(secret).unwrap().verify(heard.body.as_bytes(), &heard.headers).is_ok()
}

fn seconds(us: i64) -> i64 {
    us.div_euclid(1_000_000)
}

#[tokio::test]
async fn a_message_is_signed_thin_and_verified_by_the_reference_library() {
    // E22, E25
    let stand_in = StandIn::script([Reply::status(200)]).await;

    let mut case = endpoint(json!({}));
    case.secrets["authorization"] = "Basic abc".into();
    case.now_us = Clock::system().now_us();
    let outcome = case.tell(&stand_in, EventUri::ProvDeactivate).await;

    let heard = stand_in.heard();
    let [request] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(outcome.status(), Some(200));
    assert_eq!(request.line(), "POST /hook");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("authorization"), "Basic abc");
    assert_eq!(request.header("webhook-timestamp"), seconds(case.now_us).to_string());
    assert_eq!(request.header("webhook-id").len(), 36);
    let body = concat!(
        r#"{"type":"scim.user.deactivated","timestamp":"2026-09-21T14:13:20.000Z","data":{"#,
        r#""txn":"tx-1","tenant":"acme","user":{"id":"7b0d5c0e","externalId":"00u7k2mZ","#,
        r#""userName":"barbara"},"previous":{"active":true},"current":{"active":false},"#,
        r#""sessions_revoked_before":"2026-09-21T14:13:20.000Z"}}"#,
    );
    assert_eq!(request.body, body);
    assert!(verify(SECRET, request));
    let mut tampered = request.clone();
    tampered.body = tampered.body.replace("false", "true");
    assert!(!verify(SECRET, &tampered));
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert!(!verify(other, request));
    // Ten minutes too early or too late is more than a verifier lets pass.
    for skew in [-600_000_000, 600_000_000] {
        case.now_us = Clock::system().now_us() + skew;
        let (heard, _) = case.revoke([Reply::status(200)]).await;
        assert!(!verify(SECRET, &heard[0]), "{skew}");
    }
}

#[test]
fn the_published_vector_is_signed_alike() {
    // E22
    let key = WebhookKey::parse(SECRET).unwrap();
    let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);

    let signature = key.sign(id, at, body);

    let reference = Webhook::new(SECRET).unwrap().sign(id, at, body.as_bytes()).unwrap();
    assert_eq!(signature, reference);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(key.public(), None);
}

#[test]
fn an_asymmetric_signature_verifies_with_the_public_key_alone() {
    // E22
    let key = WebhookKey::parse(SEED).unwrap();
    assert_eq!((key.kind(), key.public().as_deref()), (WebhookKeyKind::Ed25519, Some(PUBLIC)));
    let public = STANDARD.decode(PUBLIC.strip_prefix("whpk_").unwrap()).unwrap();

    let signature = key.sign("msg_1", 1_790_000_000, "{}");

    let bytes = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&ED25519, public);
    assert!(public.verify(b"msg_1.1790000000.{}", &bytes).is_ok());
    for other in ["msg_2.1790000000.{}", "msg_1.1790000001.{}", "msg_1.1790000000.[]"] {
        assert!(public.verify(other.as_bytes(), &bytes).is_err(), "{other}");
    }
}

#[test]
fn after_a_rotation_both_keys_sign_for_a_while() {
    // E22
    let now_us = NOW_US;
    let (hour, day) = (3_600_000_000, 86_400_000_000);
    let mut keys = SigningKeys::new(&SECRET.into(), None);
    assert!(keys.rotate(&SEED.into(), now_us, now_us + day));

    let sign = |at_us| keys.sign("msg_1", at_us, "{}").unwrap();
    let versions = |signatures: String| {
        let version = |one: &str| one.split(',').next().unwrap().to_owned();
        signatures.split(' ').map(version).collect::<Vec<_>>()
    };
    assert_eq!(versions(sign(now_us + hour)), ["v1a", "v1"]);
    assert_eq!(versions(sign(now_us + day)), ["v1a"]);
    let read = SigningKeys::read(&keys.write()).unwrap();
    assert_eq!(read.sign("msg_1", now_us, "{}").unwrap(), sign(now_us));
    assert!(!format!("{keys:?}").contains("whs"));

    for count in 1..MAX_RETIRED {
        assert!(keys.rotate(&SECRET.into(), now_us, now_us + day), "{count}");
    }
    assert!(!keys.rotate(&SECRET.into(), now_us, now_us + day), "ten old keys are enough");
    assert!(keys.rotate(&SECRET.into(), now_us + day, now_us + 2 * day), "they end");
}

#[test]
fn what_is_no_key_is_refused() {
    for (text, expected) in [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Some("in front")),
        ("whsec_*", Some("base64")),
        ("whsec_AAAA", Some("24 to 64 bytes")),
        ("whsk_AAAA", Some("Ed25519")),
        (SECRET, None),
        (SEED, None),
        // Seed and public key, as some libraries write it; and the key of another.
        (
            "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==",
            None,
        ),
        (
            "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
            Some("Ed25519"),
        ),
    ] {
        let fault = WebhookKey::parse(text).err().map(|fault| fault.to_string());
        match (&fault, expected) {
            (None, None) => {}
            (Some(fault), Some(part)) => assert!(fault.contains(part), "{fault}"),
            _ => panic!("{text}: {fault:?}"),
        }
    }
    for kind in [WebhookKeyKind::Hmac, WebhookKeyKind::Ed25519] {
        use secrecy::ExposeSecret;
        let text = WebhookKey::write(kind, [7; 32]);
        assert_eq!(WebhookKey::parse(text.expose_secret()).unwrap().kind(), kind);
    }
}

#[test]
fn every_event_has_its_type_or_none() {
    let user = endpoint(json!({})).subject;
    let group = Subject { endpoint: "/Groups".to_owned(), ..user.clone() };
    let device = Subject { endpoint: "/Devices".to_owned(), ..user.clone() };
    let active = json!({ "attributes": ["active"] });
    let title = json!({ "attributes": ["active", "title"] });
    let roles = json!({ "claims": { "email": "a@b.example", "roles": [] } });
    let email = json!({ "claims": { "email": "a@b.example" } });
    let other = json!({ "claims": { "title": "x" } });
    let none = json!({});
    for (uri, subject, payload, expected) in [
        (EventUri::ProvCreateNotice, &user, &title, "scim.user.created"),
        (EventUri::ProvCreateNotice, &group, &title, "scim.group.created"),
        (EventUri::ProvCreateNotice, &device, &title, "scim.resource.created"),
        (EventUri::ProvPatchNotice, &user, &title, "scim.user.updated"),
        (EventUri::ProvPatchNotice, &user, &active, ""),
        (EventUri::ProvPutNotice, &group, &title, "scim.group.updated"),
        (EventUri::ProvDelete, &user, &none, "scim.user.deleted"),
        (EventUri::ProvDelete, &group, &none, "scim.group.deleted"),
        (EventUri::ProvActivate, &user, &none, ""),
        (EventUri::ProvDeactivate, &user, &none, "scim.user.deactivated"),
        (EventUri::AccountEnabled, &user, &none, "scim.user.reactivated"),
        (EventUri::AccountDisabled, &user, &none, ""),
        (EventUri::AccountPurged, &user, &none, ""),
        (EventUri::SessionRevoked, &user, &none, "scim.user.sessions_revoked"),
        (EventUri::TokenClaimsChange, &user, &roles, "scim.user.access_changed"),
        (EventUri::TokenClaimsChange, &user, &email, "scim.user.email_changed"),
        (EventUri::TokenClaimsChange, &user, &other, ""),
        (EventUri::FeedRemove, &user, &none, "scim.user.access_changed"),
        (EventUri::RevocationOverdue, &user, &none, "scim.user.revocation_overdue"),
        (EventUri::Verification, &Subject::stream("s".to_owned()), &none, "endpoint.ping"),
        (EventUri::StreamUpdated, &Subject::stream("s".to_owned()), &none, ""),
    ] {
        let found = WebhookType::of(uri, subject, payload);
        assert_eq!(found.map_or("", WebhookType::as_str), expected, "{uri} {payload}");
        assert!(found.is_none_or(|it| it.events().contains(&uri)), "{uri}");
    }
}

#[tokio::test]
async fn an_endpoint_gets_what_it_asks_for_and_is_pinged_all_the_same() {
    let stand_in = StandIn::script([Reply::status(204)]).await;
    let case = endpoint(json!({ "types": ["scim.user.deleted"] }));

    for (uri, is_told) in [
        (EventUri::ProvDelete, true),
        (EventUri::SessionRevoked, false),
        (EventUri::Verification, true),
        (EventUri::StreamUpdated, false),
    ] {
        let before = stand_in.heard().len();
        let outcome = case.tell(&stand_in, uri).await;
        assert_eq!(outcome != Outcome::Skipped, is_told, "{uri}");
        assert_eq!(stand_in.heard().len() - before, usize::from(is_told), "{uri}");
    }
    let heard = stand_in.heard();
    assert_eq!(heard[1].json()["type"], "endpoint.ping");
}

#[tokio::test]
async fn a_body_stays_small_whatever_the_directory_sends() {
    let mut case = endpoint(json!({}));
    case.subject.user_name = Some("ü".repeat(100_000));
    case.now_us = Clock::system().now_us();
    let (heard, _) = case.revoke([Reply::status(200)]).await;

    assert!(heard[0].body.len() < MAX_BODY);
    let expected = json!({ "txn": "tx-1", "tenant": "acme", "user": { "id": "7b0d5c0e" } });
    assert_eq!(heard[0].json()["data"], expected);
    assert!(verify(SECRET, &heard[0]));
}

#[tokio::test]
async fn answers_mean_what_standard_webhooks_says() {
    // E25
    for (reply, expected) in [
        (Reply::status(200), "done"),
        (Reply::status(202), "done"),
        (Reply::status(204), "done"),
        (Reply::status(409), "done"),
        (Reply::status(410), "pause"),
        (Reply::status(413), "dead"),
        (Reply::status(429).with("retry-after", "90"), "90 s"),
        (Reply::status(502).with("retry-after", "90"), "90 s"),
        (Reply::status(504), "60 s"),
        (Reply::status(503).with("retry-after", "90"), "90 s"),
        (Reply::status(503), "1 s"),
        (Reply::status(500), "1 s"),
        (Reply::status(400), "1 s"),
        (Reply::status(401), "1 s"),
        (Reply::status(403), "1 s"),
        (Reply::status(404), "1 s"),
        (Reply::status(302).with("location", "/x"), "1 s"),
        (Reply::json(400, &json!({ "err": "invalid_request" })), "1 s"),
        (Reply::never(), "1 s"),
    ] {
        let (heard, outcome) = endpoint(json!({})).revoke([reply.clone()]).await;
        let tried = Tried {
            family: Family::Webhook,
            attempt: 1,
            same: 1,
            age: Duration::from_secs(1),
            is_revocation: true,
        };
        let found = match decide(tried, &outcome, 0.5) {
            Next::Done => "done".to_owned(),
            Next::Retry(wait) => format!("{} s", wait.as_secs()),
            Next::Dead(_) => "dead".to_owned(),
            Next::Pause(_) => "pause".to_owned(),
        };
        assert_eq!(found, expected, "{reply:?}");
        assert_eq!(heard.len(), 1, "{reply:?}");
    }
    let nobody = StandIn::nobody().await;
    let outcome = endpoint(json!({})).tell_at(&nobody, EventUri::SessionRevoked).await;
    assert_eq!(outcome, Outcome::Failed(OutgoingError::Connect));
}
