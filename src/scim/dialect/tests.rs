use serde_json::{Value, json};

use super::Dialect;
use crate::scim::{
    ScimError,
    resource::{Incoming, validate},
    schema::Registry,
    urn,
};

#[test]
fn a_dialect_has_one_name() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::from_name(dialect.as_str()), Some(dialect));
    }
    assert_eq!(Dialect::from_name("Okta"), None);
}

#[test]
fn only_strict_forgives_nothing() {
    for dialect in Dialect::ALL {
        let forgives = dialect.leniency().ignore_unknown;
        assert_eq!(forgives, dialect != Dialect::Strict, "{dialect:?}");
    }
}

/// Each is no more lenient than the one for any directory, and the dialects differ.
#[test]
fn a_directory_is_forgiven_what_it_sends() {
    // Q15, Q30, Q09
    let unquoted = |dialect: Dialect| dialect.leniency().unquoted_literals;
    assert!(unquoted(Dialect::Authentik) && unquoted(Dialect::Entra) && !unquoted(Dialect::Okta));
    let text = |dialect: Dialect| dialect.leniency().string_booleans;
    assert!(text(Dialect::Entra) && text(Dialect::OneLogin) && !text(Dialect::Okta));
    let bare = |dialect: Dialect| dialect.leniency().bare_token;
    assert!(bare(Dialect::Okta) && bare(Dialect::Ping) && !bare(Dialect::Entra));
}

fn read(dialect: Dialect, endpoint: &str, body: &Value) -> Result<Incoming, ScimError> {
    let registry = Registry::builtin();
    let resource_type = registry.by_endpoint(endpoint).unwrap();
    validate(resource_type, body.as_object().unwrap().clone(), None, dialect.leniency())
}

/// The directory's dialect reads `body`, which then has the first texts and
/// lacks the second; the strict one takes it or refuses it.
#[track_caller]
fn check(dialect: Dialect, endpoint: &str, body: &Value, texts: (&[&str], &[&str]), strict: bool) {
    let incoming = read(dialect, endpoint, body).unwrap();
    let registry = Registry::builtin();
    let text = incoming.document.to_json(registry.by_endpoint(endpoint).unwrap());
    for present in texts.0 {
        assert!(text.contains(present), "{present} in {text}");
    }
    for absent in texts.1 {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
    match read(Dialect::Strict, endpoint, body) {
        Ok(_) => assert!(strict, "strict took it"),
        Err(ScimError::InvalidValue(detail)) => assert!(!strict, "{detail}"),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn entra_creates_users_with_nulls_and_a_misspelt_schema() {
    let body = json!({
        "schemas": [urn::USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "externalId": "jyoung", "userName": "jyoung@example.com", "active": true, "addresses": null,
        "emails": [{ "type": "work", "value": "jyoung@example.com", "primary": true }],
        "meta": { "resourceType": "User" }, "department": null, "manager": null,
    });
    let texts: (&[&str], &[&str]) = (&["jyoung@example.com"], &["addresses", "2.0User\"", "meta"]);
    check(Dialect::Entra, "/Users", &body, texts, false);
}

#[test]
fn entra_creates_users_with_text_for_booleans_and_free_locales() {
    let body = json!({
        "schemas": [urn::USER, urn::ENTERPRISE_USER], "userName": "u", "profileUrl": "RVSZJGLGMDLF",
        "locale": "PUWGYNUKSGVE", "timezone": "America/Indiana/Knox",
        "roles": [{ "primary": "True", "display": "R", "value": "V", "type": "T" }],
        urn::ENTERPRISE_USER: { "manager": { "value": "GZFDHGRKQLCG" } },
    });
    let present =
        [r#""primary":true"#, r#""value":"GZFDHGRKQLCG""#, "Indiana/Knox", "RVSZJGLGMDLF"];
    check(Dialect::Entra, "/Users", &body, (&present, &["True"]), false);
}

#[test]
fn entra_creates_groups_with_a_schema_of_its_own() {
    let own = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let body = json!({
        "schemas": [urn::GROUP, own], "externalId": "8aa1a0c0", "displayName": "G",
        "meta": { "resourceType": "Group" },
    });
    check(Dialect::Entra, "/Groups", &body, (&["8aa1a0c0"], &["ADSCIM"]), false);
}

#[test]
fn okta_creates_users_with_a_password_and_no_groups() {
    let body = json!({
        "schemas": [urn::USER], "userName": "test.user@example.com", "name": { "givenName": "Test" },
        "groups": [], "password": "1mz050nq", "active": true,
    });
    let texts: (&[&str], &[&str]) = (&[r#""active":true"#], &["password", "1mz050nq", "groups"]);
    check(Dialect::Okta, "/Users", &body, texts, true);
}

#[test]
fn numbers_stand_for_text() {
    let body = json!({
        "schemas": [urn::USER, urn::ENTERPRISE_USER], "externalId": 701984, "userName": "n",
        "addresses": [{ "type": "work", "postalCode": 91608 }],
        urn::ENTERPRISE_USER: { "employeeNumber": 701984, "costCenter": 4130 },
    });
    let present = [r#""externalId":"701984""#, r#""postalCode":"91608""#, r#""costCenter":"4130""#];
    check(Dialect::Generic, "/Users", &body, (&present, &[]), false);
}
