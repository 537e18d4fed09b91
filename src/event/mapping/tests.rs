//! What a change of a user means beyond whether they may log in: before, after, events.

use serde_json::{Map, Value, json};

use super::*;

const NOW: i64 = 1_790_000_004;
const CAUSE: Cause = Cause { occurred_at: NOW, initiator: Initiator::Admin };

/// The user with these attributes, as events name it.
fn subject(attributes: &Map<String, Value>) -> Subject {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
    Subject {
        endpoint: "/Users".to_owned(),
        id: "7b0d".to_owned(),
        external_id: text("externalId"),
        user_name: text("userName"),
        email: attributes.get("emails").map(|all| all[0]["value"].as_str().unwrap().to_owned()),
        active: attributes.get("active") != Some(&json!(false)),
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What a request did: the attributes before and after, and whether it had a password.
struct Scene {
    before: Value,
    after: Value,
    password: bool,
    settings: EventSettings,
}

fn changes(before: Value, after: Value) -> Scene {
    Scene { before, after, password: false, settings: EventSettings::default() }
}

impl Scene {
    fn with(self, settings: EventSettings) -> Self {
        Self { settings, ..self }
    }

    /// `acme.test` is the tenant's own domain.
    fn at_home(self) -> Self {
        self.with(EventSettings {
            authoritative_domains: vec!["acme.test".to_owned()],
            ..EventSettings::default()
        })
    }

    fn drafts(&self) -> Vec<Draft> {
        let (before, after) = (object(self.before.clone()), object(self.after.clone()));
        let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changed: Vec<String> =
            names.into_iter().filter(|it| before.get(*it) != after.get(*it)).cloned().collect();
        let update = Update {
            before: &subject(&before),
            after: &subject(&after),
            attributes: (&before, &after),
            changed: &changed,
            password: self.password,
        };
        details(&update, &self.settings, &CAUSE)
    }

    #[track_caller]
    fn check(self, expected: &[(EventUri, Value)]) -> Vec<Draft> {
        let drafts = self.drafts();
        let found: Vec<(EventUri, Value)> = drafts
            .iter()
            .map(|draft| {
                let mut payload = draft.payload.clone();
                let members = payload.as_object_mut().unwrap();
                if draft.uri.is_caep() {
                    assert_eq!(members.remove("event_timestamp"), Some(json!(NOW)));
                    assert_eq!(members.remove("initiating_entity"), Some(json!("admin")));
                    let why = members.remove("reason_admin").unwrap();
                    assert!(why["en"].as_str().unwrap().starts_with("The directory "), "{why}");
                    members.remove("reason_user");
                }
                (draft.uri, payload)
            })
            .collect();
        assert_eq!(found, expected);
        assert!(drafts.is_sorted_by(|one, next| one.ord <= next.ord), "{drafts:?}");
        drafts
    }
}

fn mails(address: &str) -> Value {
    json!([{ "value": address, "primary": true }])
}

fn values(all: &[&str]) -> Value {
    all.iter().map(|value| json!({ "value": value })).collect()
}

use EventUri::{
    CredentialChange, IdentifierChanged, RecoveryInformationChanged, SessionRevoked,
    TokenClaimsChange,
};

#[test]
fn what_has_no_meaning_makes_no_event() {
    changes(json!({ "title": "Guide" }), json!({ "title": "Tour guide" })).check(&[]);
    let second = json!([
        { "value": "jo@acme.test", "primary": true }, { "value": "home@else.test" },
    ]);
    changes(json!({ "emails": mails("jo@acme.test") }), json!({ "emails": second })).check(&[]);
    let domain = json!({ "emails": mails("jo@ACME.test") });
    let drafts = changes(domain, json!({ "emails": mails("jo@acme.test") })).at_home().drafts();
    assert!(drafts.iter().all(|draft| draft.uri != IdentifierChanged), "{drafts:?}");
}

#[test]
fn an_address_that_the_tenant_gave_out_is_changed_under_its_old_name() {
    let before = json!({ "emails": mails("jo@acme.test"), "externalId": "E-1" });
    let after = json!({ "emails": mails("jo.new@acme.test"), "externalId": "E-1" });
    let claims = json!({ "email": "jo.new@acme.test", "email_verified": true });
    let drafts = changes(before.clone(), after.clone()).at_home().check(&[
        (SessionRevoked, json!({})),
        (IdentifierChanged, json!({ "new-value": "jo.new@acme.test" })),
        (TokenClaimsChange, json!({ "claims": claims })),
    ]);
    assert_eq!(drafts[1].subject.email.as_deref(), Some("jo@acme.test"));
    assert_eq!(drafts[0].subject.email.as_deref(), Some("jo@acme.test"), "known by the old one");
    let renamed = drafts[0].renamed_to.as_ref().unwrap();
    assert_eq!(renamed.email.as_deref(), Some("jo.new@acme.test"));

    let claims = json!({ "email": "jo.new@acme.test", "email_verified": false });
    changes(before, after).check(&[
        (SessionRevoked, json!({})),
        (RecoveryInformationChanged, json!({})),
        (TokenClaimsChange, json!({ "claims": claims })),
    ]);
}

#[test]
fn a_name_that_is_an_address_is_an_identifier_too() {
    let both = |name: &str| json!({ "userName": name, "emails": mails(name) });
    let claims = json!({
        "email": "b@acme.test", "email_verified": true, "preferred_username": "b@acme.test",
    });
    changes(both("a@acme.test"), both("b@acme.test")).at_home().check(&[
        (SessionRevoked, json!({})),
        (IdentifierChanged, json!({ "new-value": "b@acme.test" })),
        (TokenClaimsChange, json!({ "claims": claims })),
    ]);
    changes(json!({ "userName": "a@acme.test" }), json!({ "userName": "b@acme.test" }))
        .at_home()
        .check(&[
            (SessionRevoked, json!({})),
            (IdentifierChanged, json!({ "new-value": "b@acme.test" })),
            (TokenClaimsChange, json!({ "claims": { "preferred_username": "b@acme.test" } })),
        ]);
    changes(json!({ "userName": "jo" }), json!({ "userName": "jonna" })).check(&[
        (SessionRevoked, json!({})),
        (TokenClaimsChange, json!({ "claims": { "preferred_username": "jonna" } })),
    ]);
}

#[test]
fn a_rename_ends_sessions_as_the_tenant_wants_it() {
    let scene = |set: Option<bool>| {
        changes(json!({ "userName": "jo" }), json!({ "userName": "jonna" }))
            .with(EventSettings { revoke_on_rename: set, ..EventSettings::default() })
    };
    let revoked = |set| {
        let drafts = scene(set).drafts();
        let found = drafts.into_iter().find(|draft| draft.uri == SessionRevoked);
        found.map(|draft| draft.renamed_to.is_some())
    };
    assert_eq!(revoked(None), Some(true), "for those who know people by it");
    assert_eq!(revoked(Some(true)), Some(false), "everywhere");
    assert_eq!(revoked(Some(false)), None);

    // Another key is another person to who goes by it, whatever is set.
    for set in [None, Some(false), Some(true)] {
        let drafts = changes(json!({ "externalId": "E-1" }), json!({ "externalId": "E-2" }))
            .with(EventSettings { revoke_on_rename: set, ..EventSettings::default() })
            .check(&[(SessionRevoked, json!({}))]);
        assert_eq!(drafts[0].subject.external_id.as_deref(), Some("E-1"));
        assert!(drafts[0].renamed_to.is_some());
    }
    // Who gets a first key was not known by another.
    changes(json!({}), json!({ "externalId": "E-1" })).check(&[]);
}

#[test]
fn a_password_is_told_and_ends_sessions_if_the_tenant_wants_it() {
    let credential = json!({ "credential_type": "password", "change_type": "update" });
    let scene = || Scene { password: true, ..changes(json!({}), json!({})) };
    scene().check(&[(CredentialChange, credential.clone())]);
    let settings = EventSettings { revoke_on_password_change: true, ..EventSettings::default() };
    let expected = [(SessionRevoked, json!({})), (CredentialChange, credential)];
    scene().with(settings).check(&expected);
}

#[test]
fn certificates_come_and_go_with_their_numbers() {
    // A sequence of a sequence with the number 7.
    let with_number = "MAUwAwIBBw==";
    let certificate = |value: &str| json!({ "x509Certificates": values(&[value]) });
    changes(certificate("AAAA"), certificate(with_number)).check(&[
        (CredentialChange, json!({ "credential_type": "x509", "change_type": "revoke" })),
        (
            CredentialChange,
            json!({ "credential_type": "x509", "change_type": "create", "x509_serial": "07" }),
        ),
    ]);
    let many: Vec<String> = (0..17).map(|number| format!("AA{number}")).collect();
    let many = values(&many.iter().map(String::as_str).collect::<Vec<_>>());
    changes(json!({}), json!({ "x509Certificates": many })).check(&[(
        CredentialChange,
        json!({ "credential_type": "x509", "change_type": "create" }),
    )]);
}

#[test]
fn roles_are_claims_and_their_loss_ends_sessions_if_the_tenant_wants_it() {
    let roles = |all: &[&str]| json!({ "roles": values(all) });
    let claims = |all: &[&str]| (TokenClaimsChange, json!({ "claims": { "roles": all } }));
    changes(roles(&["viewer"]), roles(&["viewer", "editor"]))
        .check(&[claims(&["viewer", "editor"])]);
    changes(roles(&["viewer"]), json!({})).check(&[claims(&[])]);
    let strict = EventSettings { revoke_on_privilege_loss: true, ..EventSettings::default() };
    changes(roles(&["viewer"]), roles(&["viewer", "editor"]))
        .with(strict.clone())
        .check(&[claims(&["viewer", "editor"])]);
    let expected = [(SessionRevoked, json!({})), claims(&["viewer"])];
    changes(roles(&["viewer", "editor"]), roles(&["viewer"])).with(strict).check(&expected);
    let entitlements = json!({ "entitlements": values(&["seat"]) });
    changes(json!({}), entitlements)
        .check(&[(TokenClaimsChange, json!({ "claims": { "entitlements": ["seat"] } }))]);
    let many: Vec<String> = (0..201).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    changes(json!({}), roles(&many)).check(&[]);
}

#[test]
fn a_department_is_a_claim_if_the_tenant_says_so() {
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let path = format!("{urn}:department");
    let settings = EventSettings { claims: vec![path.clone()], ..EventSettings::default() };
    let (before, after) = (Map::new(), object(json!({ urn: { "department": "Tours" } })));
    let update = Update {
        before: &subject(&before),
        after: &subject(&after),
        attributes: (&before, &after),
        changed: &[path],
        password: false,
    };
    let drafts = details(&update, &settings, &CAUSE);
    assert_eq!(drafts[0].payload["claims"], json!({ "department": "Tours" }));
    assert!(details(&update, &EventSettings::default(), &CAUSE).is_empty());
}

#[test]
fn who_is_locked_is_logged_out_once() {
    let settings =
        EventSettings { locked_by: Some("locked".to_owned()), ..EventSettings::default() };
    let locked = |flag: Value| json!({ "locked": flag });
    let scene = |before, after| changes(before, after).with(settings.clone());
    scene(json!({}), locked(json!(true))).check(&[(SessionRevoked, json!({}))]);
    scene(locked(json!(false)), locked(json!("True"))).check(&[(SessionRevoked, json!({}))]);
    scene(locked(json!(true)), locked(json!(false))).check(&[]);
    scene(locked(json!("true")), locked(json!(true))).check(&[]);
}

#[test]
fn a_suspended_user_is_one_who_is_not_active() {
    let settings =
        EventSettings { suspended_by: Some("urn:x:User:held".to_owned()), ..Default::default() };
    let held = |value: Value| is_suspended(&object(json!({ "urn:x:User": value })), &settings);
    assert!(held(json!({ "held": true })));
    assert!(!held(json!({ "held": false })) && !held(json!({})));
}

#[test]
fn who_is_not_active_has_no_sessions_and_no_tokens() {
    let user = |active: bool, name: &str, role: &str| json!({ "active": active, "userName": name, "roles": values(&[role]) });
    let strict = EventSettings {
        revoke_on_privilege_loss: true,
        revoke_on_rename: Some(true),
        ..EventSettings::default()
    };
    changes(user(false, "a", "x"), user(false, "b", "y")).with(strict.clone()).check(&[]);
    // That they are logged out is told with the deactivation.
    changes(user(true, "a", "x"), user(false, "b", "y")).with(strict).check(&[]);
}

#[test]
fn another_gets_an_address_that_was_somebody_elses() {
    let user = subject(&object(json!({ "userName": "jo" })));
    let draft = recycled(&user, "desk@acme.test");
    assert_eq!((draft.uri, draft.payload), (EventUri::IdentifierRecycled, json!({})));
    assert_eq!(draft.subject.email.as_deref(), Some("desk@acme.test"));
    assert!(draft.ord < NOTICE, "before the event of the new owner");
}

#[test]
fn values_are_sent_with_the_version_and_without_names() {
    let change = Change::Patched { attributes: vec![], version: "W/\"2\"".to_owned() };
    let user = subject(&Map::new());
    let draft = full(&change, &user, json!({ "title": "Guide" })).unwrap();
    assert_eq!(draft.uri, EventUri::ProvPatchFull);
    assert_eq!(draft.payload, json!({ "data": { "title": "Guide" }, "version": "W/\"2\"" }));
    assert_eq!(full(&Change::Deleted, &user, json!({})), None);
}
