//! Events end to end: which change makes which, how they are pushed (RFC 8935) and polled
//! (RFC 8936), and that nobody gets those of another.

mod isolation;
mod letters;
mod mapping;
mod poll;
mod push;

use muster::{
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::{NewStream, StreamRecord},
};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::{Resource, TestApp, TestTenant, replace};

const CREATE: &str = "prov:create:notice";
const PATCH: &str = "prov:patch:notice";
const PUT: &str = "prov:put:notice";
const DELETE: &str = "prov:delete";
const ACTIVATE: &str = "prov:activate";
const DEACTIVATE: &str = "prov:deactivate";
const DISABLED: &str = "account-disabled";
const ENABLED: &str = "account-enabled";
const PURGED: &str = "account-purged";
const REVOKED: &str = "session-revoked";

/// A stream of every type of event, pushed to `push_url` or polled.
pub(crate) fn stream_of_all(push_url: Option<&str>) -> NewStream {
    NewStream {
        description: "test".to_owned(),
        push_url: push_url.map(str::to_owned),
        authorization: None,
        events: EventUri::ALL.into_iter().filter(|event| !event.is_operational()).collect(),
        subject_format: SubjectFormat::IssSub,
        audience: None,
        application: None,
        group_claim: GroupClaim::Name,
        subjects: Default::default(),
    }
}

async fn open(app: &TestApp, tenant: &TestTenant, stream: NewStream) -> StreamRecord {
    app.operator().create_stream(tenant.name(), stream).await.unwrap()
}

/// The events of a tenant, a change at a time.
struct Log<'t> {
    tenant: &'t TestTenant,
    seen: usize,
}

impl<'t> Log<'t> {
    fn of(tenant: &'t TestTenant) -> Self {
        Self { tenant, seen: 0 }
    }

    /// Demands the events since the last look.
    async fn expect(&mut self, what: &str, expected: &[&str]) {
        let events = self.tenant.events().await;
        assert_eq!(&events[self.seen..], expected, "{what}");
        self.seen = events.len();
    }
}

async fn user(tenant: &TestTenant, name: &str) -> Resource {
    tenant.create("Users", json!({ "userName": name, "externalId": format!("x-{name}") })).await
}

on_both_databases! {
    async fn a_change_of_a_user_makes_its_events_in_order(app: TestApp) {
        // R496
        let acme = app.new_tenant().await;
        let mut log = Log::of(&acme);

        let user = user(&acme, "barbara").await;
        log.expect("created active", &[CREATE, ACTIVATE]).await;
        acme.create("Users", json!({ "userName": "off", "active": false })).await;
        log.expect("created inactive", &[CREATE]).await;

        acme.patch(&user, replace("displayName", "Babs")).await.expect(200);
        log.expect("patched", &[PATCH]).await;
        acme.patch(&user, replace("displayName", "Babs")).await.expect(200);
        log.expect("patched to what it was", &[]).await;

        acme.patch(&user, replace("active", false)).await.expect(200);
        log.expect("patched to inactive", &[DISABLED, REVOKED, DEACTIVATE, PATCH]).await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        log.expect("patched to inactive again", &[]).await;
        acme.patch(&user, replace("active", true)).await.expect(200);
        log.expect("patched to active", &[ENABLED, ACTIVATE, PATCH]).await;
        let as_entra = json!({ "op": "Replace", "path": "active", "value": "False" });
        acme.patch(&user, as_entra).await.expect(200);
        log.expect("patched to the text False", &[DISABLED, REVOKED, DEACTIVATE, PATCH]).await;
        let as_okta = json!({ "op": "replace", "value": { "active": true } });
        acme.patch(&user, as_okta).await.expect(200);
        log.expect("patched without a path", &[ENABLED, ACTIVATE, PATCH]).await;
        let twice = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [replace("active", false), replace("active", true)],
        });
        acme.request(Method::PATCH, &user.path()).json(twice).await.expect(200);
        log.expect("patched to inactive and back", &[]).await;

        acme.delete(&user).await.expect(204);
        log.expect("active user deleted", &[DISABLED, REVOKED, PURGED, DELETE]).await;
        acme.delete(&user).await.expect(404);
        log.expect("deleted again", &[]).await;
    }

    async fn a_put_ends_sessions_only_if_it_says_so(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let mut log = Log::of(&acme);
        log.expect("created", &[CREATE, ACTIVATE]).await;
        let put = |mut document: Value| {
            document["userName"] = "barbara".into();
            acme.put(&user).json(document)
        };

        put(json!({ "title": "Guide" })).await.expect(200);
        log.expect("put without active", &[PUT]).await;
        put(json!({ "title": "Guide" })).await.expect(200);
        log.expect("put of what it was", &[]).await;
        put(json!({ "title": "Guide", "active": false })).await.expect(200);
        log.expect("put to inactive", &[DISABLED, REVOKED, DEACTIVATE, PUT]).await;
        put(json!({ "active": false })).await.expect(200);
        log.expect("put of an inactive one", &[PUT]).await;
        put(json!({ "title": "Tour guide" })).await.expect(200);
        log.expect("put of an inactive one without active", &[PUT]).await;
        put(json!({ "title": "Tour guide", "active": true })).await.expect(200);
        log.expect("put to active", &[ENABLED, ACTIVATE, PUT]).await;

        put(json!({ "active": false })).await.expect(200);
        log.expect("put to inactive again", &[DISABLED, REVOKED, DEACTIVATE, PUT]).await;
        acme.delete(&user).await.expect(204);
        log.expect("inactive user deleted", &[PURGED, DELETE]).await;
    }

    async fn a_group_has_no_sessions(app: TestApp) {
        let acme = app.new_tenant().await;
        let (one, two) = (user(&acme, "one").await, user(&acme, "two").await);
        let mut log = Log::of(&acme);
        log.expect("users", &[CREATE, ACTIVATE, CREATE, ACTIVATE]).await;

        let members = json!([{ "value": one.id() }]);
        let group =
            acme.create("Groups", json!({ "displayName": "Guides", "members": members })).await;
        log.expect("group created", &[CREATE]).await;
        let add = json!({ "op": "add", "path": "members", "value": [{ "value": two.id() }] });
        acme.patch(&group, add.clone()).await;
        log.expect("member added", &[PATCH]).await;
        acme.patch(&group, add).await;
        log.expect("member added again", &[]).await;

        acme.delete(&one).await.expect(204);
        let events = acme.events().await[log.seen..].to_vec();
        let (of_group, of_user): (Vec<_>, Vec<_>) = events.iter().partition(|name| *name == PATCH);
        assert_eq!(of_group, [PATCH], "a group loses a member");
        assert_eq!(of_user, [DISABLED, REVOKED, PURGED, DELETE]);
        log.seen += events.len();

        acme.delete(&group).await.expect(204);
        log.expect("group deleted", &[DELETE]).await;
    }

    async fn events_of_one_change_have_one_transaction(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        acme.patch(&user, replace("active", false)).await.expect(200);

        let events = app.operator().events(Some(acme.name()), 0, 100).await.unwrap();
        let txns: Vec<&str> = events.iter().map(|event| event.txn.as_str()).collect();

        assert_eq!(txns.len(), 6);
        assert_eq!(txns[0], txns[1], "create and activate");
        assert!(txns[2..].iter().all(|txn| *txn == txns[2]), "{txns:?}");
        assert_ne!(txns[0], txns[2]);
        assert!(events.iter().all(|event| event.resource == user.path()));
    }

    async fn the_key_set_shows_public_members_alone(app: TestApp) {
        let acme = app.new_tenant().await;
        let url = format!("{}/t/{}/jwks.json", app.address(), acme.name());

        let response = app.http().get(&url).send().await.unwrap();

        assert_eq!(response.status(), 200);
        let set: Value = response.json().await.unwrap();
        let keys = set["keys"].as_array().unwrap();
        assert!(!keys.is_empty());
        for key in keys {
            let mut members: Vec<&String> = key.as_object().unwrap().keys().collect();
            members.sort();
            assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
            assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("RSA"), &json!("RS256"), &json!("sig")));
        }
        assert_eq!(set.as_object().unwrap().len(), 1);
        let unknown = format!("{}/t/nobody/jwks.json", app.address());
        assert_eq!(app.http().get(unknown).send().await.unwrap().status(), 404);
        let post = app.http().post(&url).send().await.unwrap();
        assert_eq!(post.status(), 405);
        assert_eq!(post.headers()["allow"], "GET, HEAD");
    }
}

/// The credential that a stream's receiver wants.
fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::from(text))
}
