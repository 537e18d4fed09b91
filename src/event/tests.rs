//! The mapping table, the shape of Sets, signing and what a receiver refuses.

use std::sync::LazyLock;

use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Cause, Change, Draft, EventUri, Initiator, Naming, SetClaims, SignError, SigningKey, Subject,
    SubjectFormat, events, jti,
    receive::{RefusedSet, verify},
};

const ISSUER: &str = "https://roll.example/t/acme";
const AUDIENCE: &str = "https://app.example/events";
const NOW: i64 = 1_790_000_004;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::new("acme-202609a".to_owned(), KeyPair::generate(KeySize::Rsa2048).unwrap())
        .unwrap()
});

fn user(active: bool) -> Subject {
    Subject {
        endpoint: "/Users".to_owned(),
        id: "7b0d".to_owned(),
        external_id: Some("E-1001".to_owned()),
        user_name: Some("jo@acme.test".to_owned()),
        email: Some("Jo@ACME.test".to_owned()),
        active,
    }
}

fn group() -> Subject {
    Subject { endpoint: "/Groups".to_owned(), ..Subject::stream("99".to_owned()) }
}

fn patched(attributes: &[&str]) -> Change {
    Change::Patched { attributes: owned(attributes), version: "W/\"2\"".to_owned() }
}

fn replaced(attributes: &[&str]) -> Change {
    Change::Replaced { attributes: owned(attributes), version: "W/\"2\"".to_owned() }
}

fn created(attributes: &[&str]) -> Change {
    Change::Created { attributes: owned(attributes), version: "W/\"1\"".to_owned() }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn drafts(change: &Change, before: Option<&Subject>, after: Option<&Subject>) -> Vec<Draft> {
    events(change, before, after, &Cause { occurred_at: NOW, initiator: Initiator::Admin })
}

/// Compares the last part of each event's URI, and checks that the order holds.
#[track_caller]
fn check(change: &Change, before: Option<Subject>, after: Option<Subject>, expected: &[&str]) {
    let drafts = drafts(change, before.as_ref(), after.as_ref());
    let names: Vec<&str> = drafts
        .iter()
        .map(|draft| {
            let uri = draft.uri.as_str();
            let name = uri.rsplit_once('/').map_or(uri, |(_, name)| name);
            name.strip_prefix("urn:ietf:params:scim:event:").unwrap_or(name)
        })
        .collect();
    assert_eq!(names, expected);
    assert!(drafts.is_sorted_by(|a, b| a.ord < b.ord), "each has a place of its own");
    assert!(drafts.iter().all(|draft| draft.payload.is_object()));
}

#[test]
fn a_created_user_is_announced_and_then_activated() {
    let change = created(&["userName", "active"]);
    check(&change, None, Some(user(true)), &["prov:create:notice", "prov:activate"]);
    check(&change, None, Some(user(false)), &["prov:create:notice"]);
}

#[test]
fn a_change_of_profile_is_a_notice_alone() {
    // R490
    let name = &["displayName"];
    check(&patched(name), Some(user(true)), Some(user(true)), &["prov:patch:notice"]);
    check(&replaced(name), Some(user(true)), Some(user(true)), &["prov:put:notice"]);
    check(&patched(name), Some(user(false)), Some(user(false)), &["prov:patch:notice"]);
}

#[test]
fn who_becomes_inactive_is_blocked_and_then_logged_out() {
    let expected = ["account-disabled", "session-revoked", "prov:deactivate"];
    let patch: Vec<&str> = expected.into_iter().chain(["prov:patch:notice"]).collect();
    let put: Vec<&str> = expected.into_iter().chain(["prov:put:notice"]).collect();
    check(&patched(&["active"]), Some(user(true)), Some(user(false)), &patch);
    check(&replaced(&["active"]), Some(user(true)), Some(user(false)), &put);
}

#[test]
fn who_becomes_active_again_is_enabled_first() {
    let expected = ["account-enabled", "prov:activate", "prov:patch:notice"];
    check(&patched(&["active"]), Some(user(false)), Some(user(true)), &expected);
}

#[test]
fn a_deleted_user_is_logged_out_before_it_is_purged() {
    let active = ["account-disabled", "session-revoked", "account-purged", "prov:delete"];
    check(&Change::Deleted, Some(user(true)), None, &active);
    check(&Change::Deleted, Some(user(false)), None, &["account-purged", "prov:delete"]);
    let last = drafts(&Change::Deleted, Some(&user(true)), None).pop().unwrap();
    assert_eq!(last.payload, json!({})); // R495
}

#[test]
fn groups_have_provisioning_events_only() {
    check(&created(&["displayName"]), None, Some(group()), &["prov:create:notice"]);
    check(&patched(&["members"]), Some(group()), Some(group()), &["prov:patch:notice"]);
    check(&replaced(&["members"]), Some(group()), Some(group()), &["prov:put:notice"]);
    check(&Change::Deleted, Some(group()), None, &["prov:delete"]);

    let active = Subject { active: true, ..group() };
    check(&Change::Deleted, Some(active), None, &["prov:delete"]);
}

#[test]
fn a_notice_names_attributes_and_never_the_password() {
    // R489, R492, R493, R494
    let full = "urn:ietf:params:scim:schemas:core:2.0:User:password";
    let names = ["emails", "Password", full];
    for change in [created(&names), patched(&["password", "emails", full]), replaced(&names)] {
        let drafts = drafts(&change, Some(&user(true)), Some(&user(true)));

        assert_eq!(drafts[0].payload["attributes"], json!(["emails"]));
        assert!(drafts[0].payload["version"].as_str().unwrap().starts_with("W/"));
        assert!(drafts[0].payload.get("data").is_none());
    }
}

#[test]
fn a_revocation_says_when_who_and_why() {
    let drafts = drafts(&patched(&["active"]), Some(&user(true)), Some(&user(false)));

    let revoked = &drafts[1].payload;
    assert_eq!(revoked["event_timestamp"], NOW);
    assert_eq!(revoked["initiating_entity"], "admin");
    assert!(revoked["reason_admin"]["en"].as_str().unwrap().contains("PATCH"));
    assert!(!revoked["reason_user"]["en"].as_str().unwrap().is_empty());
    assert_eq!(drafts[0].payload, json!({}));
}

#[test]
fn a_leaver_who_is_renamed_is_revoked_under_the_old_name() {
    let before = Subject { email: None, ..user(true) };
    let after = Subject { external_id: Some("gone".to_owned()), ..user(false) };

    let drafts = drafts(&patched(&["active", "externalId"]), Some(&before), Some(&after));

    let revoked = &drafts[1].subject;
    assert_eq!(revoked.external_id, before.external_id);
    assert_eq!(revoked.email, after.email, "a name that is new hides nothing");
    assert_eq!(drafts[3].subject.external_id, after.external_id);
}

#[test]
fn every_uri_is_read_back() {
    for uri in EventUri::ALL {
        assert_eq!(EventUri::parse(uri.as_str()), Some(uri));
        assert!(!uri.as_str().contains("SCIM"), "{uri} is spelt as in the drafts");
    }
    assert_eq!(
        EventUri::parse("urn:ietf:params:SCIM:event:prov:delete"),
        Some(EventUri::ProvDelete)
    );
    assert_eq!(EventUri::parse("urn:ietf:params:scim:event:sig:pwdReset"), None);
    assert_eq!(EventUri::parse("urn:ietf:params:scim:event:PROV:delete"), None);
}

#[track_caller]
fn check_sub_id(uri: EventUri, subject: &Subject, format: SubjectFormat, expected: Value) {
    let naming = Naming::new(format, &Value::Null, "https://idp.acme.test", "acme");
    assert_eq!(naming.sub_id(uri, subject), expected);
}

#[test]
fn a_subject_is_named_in_the_streams_format() {
    use SubjectFormat::{Email, IssSub, Opaque, Scim};
    let revoked = EventUri::SessionRevoked;
    let scim =
        json!({ "format": "scim", "uri": "/Users/7b0d", "externalId": "E-1001", "id": "7b0d" });
    let iss_sub = json!({ "format": "iss_sub", "iss": "https://idp.acme.test", "sub": "E-1001" });
    let email = json!({ "format": "email", "email": "Jo@acme.test" });
    let opaque = json!({ "format": "opaque", "id": "7b0d" });

    check_sub_id(revoked, &user(true), IssSub, iss_sub);
    check_sub_id(revoked, &user(true), Email, email);
    check_sub_id(revoked, &user(true), Opaque, opaque.clone());
    check_sub_id(revoked, &user(true), Scim, scim.clone());
    check_sub_id(EventUri::ProvDelete, &user(true), Email, scim);
    check_sub_id(EventUri::Verification, &Subject::stream("7b0d".to_owned()), Email, opaque);
}

#[test]
fn a_subject_without_the_name_goes_by_the_next_best() {
    let nameless = Subject { external_id: None, email: None, ..user(true) };
    let odd = Subject { email: Some("nobody".to_owned()), ..user(true) };
    let unknown = Subject { external_id: None, ..user(true) };
    let scim = json!({ "format": "scim", "uri": "/Users/7b0d", "id": "7b0d" });
    let opaque = json!({ "format": "opaque", "id": "7b0d" });
    let email = json!({ "format": "email", "email": "Jo@acme.test" });
    let revoked = EventUri::SessionRevoked;

    check_sub_id(revoked, &unknown, SubjectFormat::IssSub, email);
    check_sub_id(revoked, &nameless, SubjectFormat::IssSub, opaque.clone());
    check_sub_id(revoked, &nameless, SubjectFormat::Email, opaque.clone());
    check_sub_id(revoked, &odd, SubjectFormat::Email, opaque);
    check_sub_id(EventUri::ProvActivate, &nameless, SubjectFormat::Email, scim);
}

#[test]
fn a_jti_is_the_same_on_retry_and_differs_by_stream() {
    let (event, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));

    let id = jti(event, one);

    assert_eq!(id, jti(event, one));
    assert_ne!(id, jti(event, other));
    assert_ne!(id, jti(one, event));
    assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 8);
    assert_eq!(
        id, "8cc4018d-bb09-85ff-b7fc-a6e2395136b7",
        "receivers remember ids, so the function must never change"
    );
}

fn claims() -> Value {
    let sub_id = json!({ "format": "email", "email": "jo@acme.test" });
    SetClaims {
        issuer: ISSUER,
        audience: AUDIENCE,
        jti: "j1",
        issued_at: NOW,
        txn: "tx_1",
        sub_id: &sub_id,
        uri: EventUri::SessionRevoked,
        payload: &json!({ "event_timestamp": NOW }),
    }
    .to_json()
}

fn key_set() -> Value {
    json!({ "keys": [KEY.public_jwk()] })
}

#[test]
fn a_set_has_these_claims_and_no_others() {
    let claims = claims();

    let names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["iss", "aud", "jti", "iat", "txn", "sub_id", "events"]);
    assert!(claims["iat"].is_i64());
    assert_eq!(claims["events"].as_object().unwrap().len(), 1);
    assert_eq!(claims["events"][EventUri::SessionRevoked.as_str()]["event_timestamp"], NOW);
}

#[test]
fn a_signed_set_is_verified_and_signing_again_gives_the_same() {
    let set = KEY.sign(&claims()).unwrap();

    assert_eq!(verify(&set, &key_set(), ISSUER, AUDIENCE, NOW), Ok(claims()));
    assert_eq!(KEY.sign(&claims()).unwrap(), set);
    let header = URL_SAFE_NO_PAD.decode(set.split('.').next().unwrap()).unwrap();
    assert_eq!(header, br#"{"alg":"RS256","typ":"secevent+jwt","kid":"acme-202609a"}"#);
}

#[test]
fn the_key_set_shows_the_public_half_only() {
    let jwk = KEY.public_jwk();

    let names: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["kty", "n", "e", "alg", "use", "kid"]);
    assert_eq!(jwk["e"], "AQAB");
    assert_eq!(format!("{:?}", *KEY), r#"SigningKey { kid: "acme-202609a", .. }"#);
}

#[test]
fn a_key_is_read_back_from_pkcs8() {
    let pkcs8 = KEY.to_pkcs8().unwrap();
    let again = SigningKey::from_pkcs8(KEY.kid(), pkcs8.expose_secret()).unwrap();

    assert_eq!(again.public_jwk(), KEY.public_jwk());
    assert_eq!(SigningKey::from_pkcs8("k", b"no key").unwrap_err(), SignError::Key);
}

#[track_caller]
fn check_refused(claims: &Value, expected: RefusedSet) {
    let set = KEY.sign(claims).unwrap();
    assert_eq!(verify(&set, &key_set(), ISSUER, AUDIENCE, NOW), Err(expected));
}

#[test]
fn a_receiver_refuses_claims_that_are_not_for_it() {
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let two = json!({ "urn:a": {}, "urn:b": {} });
    for (claims, expected) in [
        (changed("iss", "https://other.example".into()), RefusedSet::Issuer),
        (changed("aud", "https://other.example".into()), RefusedSet::Audience),
        (changed("aud", json!([])), RefusedSet::Audience),
        (changed("iat", (NOW + 1).into()), RefusedSet::IssuedAt),
        (changed("iat", Value::Null), RefusedSet::IssuedAt),
        (changed("exp", (NOW + 60).into()), RefusedSet::Claim("exp")),
        (changed("nbf", NOW.into()), RefusedSet::Claim("nbf")),
        (changed("sub", "jo".into()), RefusedSet::Claim("sub")),
        (changed("jti", "".into()), RefusedSet::Claim("jti")),
        (changed("sub_id", json!({})), RefusedSet::Claim("sub_id")),
        (changed("events", json!({})), RefusedSet::Claim("events")),
        (changed("events", two), RefusedSet::Claim("events")),
    ] {
        check_refused(&claims, expected);
    }
    let several = changed("aud", json!(["https://other.example", AUDIENCE]));
    let set = KEY.sign(&several).unwrap();
    assert!(verify(&set, &key_set(), ISSUER, AUDIENCE, NOW).is_ok());
}

/// Puts another header before our claims and signs with our key all the same.
#[track_caller]
fn check_header(header: &Value, expected: RefusedSet) {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(&claims()));
    let set = KEY.sign_message(message).unwrap();
    assert_eq!(verify(&set, &key_set(), ISSUER, AUDIENCE, NOW), Err(expected));
}

#[test]
fn a_receiver_refuses_other_headers() {
    let kid = "acme-202609a";
    for (header, expected) in [
        (json!({ "alg": "none", "typ": "secevent+jwt", "kid": kid }), RefusedSet::Algorithm),
        (json!({ "alg": "HS256", "typ": "secevent+jwt", "kid": kid }), RefusedSet::Algorithm),
        (json!({ "alg": "RS512", "typ": "secevent+jwt", "kid": kid }), RefusedSet::Algorithm),
        (json!({ "alg": "RS256", "typ": "JWT", "kid": kid }), RefusedSet::Type),
        (json!({ "alg": "RS256", "kid": kid }), RefusedSet::Type),
        (
            json!({ "alg": "RS256", "typ": "application/secevent+jwt", "kid": kid }),
            RefusedSet::Type,
        ),
        (json!({ "alg": "RS256", "typ": "secevent+jwt", "kid": "other" }), RefusedSet::Key),
        (json!({ "alg": "RS256", "typ": "secevent+jwt" }), RefusedSet::Key),
    ] {
        check_header(&header, expected);
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let jwk = KEY.public_jwk();
    let header = Header {
        typ: Some("secevent+jwt".to_owned()),
        kid: Some(KEY.kid().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let secret = EncodingKey::from_secret(jwk["n"].as_str().unwrap().as_bytes());
    let set = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();

    let answer = verify(&set, &key_set(), ISSUER, AUDIENCE, NOW);

    assert_eq!(answer, Err(RefusedSet::Algorithm));
}

#[test]
fn a_receiver_refuses_what_was_changed_or_is_no_token() {
    let set = KEY.sign(&claims()).unwrap();
    let (message, signature) = set.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let mut other = claims();
    other["txn"] = "tx_2".into();
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(other.to_string()));
    for (set, expected) in [
        (forged.as_str(), RefusedSet::Signature),
        (&format!("{message}."), RefusedSet::Signature),
        (message, RefusedSet::Malformed),
        ("", RefusedSet::Malformed),
        ("a.b.c", RefusedSet::Malformed),
    ] {
        assert_eq!(verify(set, &key_set(), ISSUER, AUDIENCE, NOW), Err(expected), "{set}");
    }
}
