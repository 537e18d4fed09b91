//! Applications and the groups that let people in: who is told what when groups change.

mod graph;
mod groups;
mod limits;
mod race;
mod returning;
mod settings;

use std::{collections::BTreeSet, time::Duration};

use muster::{
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::{ApplicationChange, NewStream, NewToken, StreamRecord},
    tenant::Scope,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Resource, TestApp, TestTenant, check_set, replace};

const DISABLED: &str = "account-disabled";
const REVOKED: &str = "session-revoked";
const ADDED: &str = "feed:add";
const REMOVED: &str = "feed:remove";
const CLAIMS: &str = "token-claims-change";

/// What an application without interest in claims carries.
const ACCESS: [EventUri; 4] =
    [EventUri::AccountDisabled, EventUri::SessionRevoked, EventUri::FeedAdd, EventUri::FeedRemove];

/// Everything that a change of groups may tell.
const ALL: [EventUri; 5] = [
    EventUri::AccountDisabled,
    EventUri::SessionRevoked,
    EventUri::FeedAdd,
    EventUri::FeedRemove,
    EventUri::TokenClaimsChange,
];

/// An event as a receiver got it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    /// Id of the person.
    person: String,
    event: String,
    /// `claims.groups`, sorted.
    groups: Option<Vec<String>>,
}

/// A receiver that polls one stream.
struct Listener {
    app: TestApp,
    url: String,
    token: String,
    taken: Vec<String>,
    /// Payloads of what came at the last look.
    payloads: Vec<Value>,
}

impl Listener {
    /// A stream of `events`, for `application` if there is one.
    async fn open(
        app: &TestApp,
        tenant: &TestTenant,
        application: Option<&str>,
        events: &[EventUri],
    ) -> Self {
        Self::on(app, tenant, stream(application, events)).await
    }

    async fn on(app: &TestApp, tenant: &TestTenant, stream: NewStream) -> Self {
        let stream: StreamRecord =
            app.operator().create_stream(tenant.name(), stream).await.unwrap();
        let token = NewToken {
            connection: "directory".to_owned(),
            user: None,
            scopes: vec![Scope::Poll],
            networks: Default::default(),
            expires_in: Duration::from_secs(3600),
            label: "receiver".to_owned(),
        };
        let issued = app.operator().issue_token(tenant.name(), token).await.unwrap();
        Self {
            app: app.clone(),
            url: format!("{}/t/{}/ssf/poll/{}", app.address(), tenant.name(), stream.id),
            token: issued.token.expose_secret().to_owned(),
            taken: Vec::new(),
            payloads: Vec::new(),
        }
    }

    /// What came since the last look, in an order of its own.
    async fn told(&mut self) -> Vec<Told> {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let mut told = Vec::new();
        self.payloads.clear();
        loop {
            let ask = json!({ "returnImmediately": true, "maxEvents": 500, "ack": self.taken })
                .to_string();
            let request = self.app.http().post(&self.url).bearer_auth(&self.token).body(ask);
            let answer = request.header("content-type", "application/json").send().await.unwrap();
            let body: Value = answer.json().await.unwrap();
            let sets = body["sets"].as_object().unwrap_or_else(|| panic!("{body}"));
            self.taken = sets.keys().cloned().collect();
            for set in sets.values() {
                let set = set.as_str().unwrap();
                check_set(set);
                let claims = URL_SAFE_NO_PAD.decode(set.split('.').nth(1).unwrap()).unwrap();
                let claims: Value = serde_json::from_slice(&claims).unwrap();
                let (uri, payload) = claims["events"].as_object().unwrap().iter().next().unwrap();
                told.push(read(&claims["sub_id"], uri, payload));
                self.payloads.push(payload.clone());
            }
            if self.taken.is_empty() {
                told.sort();
                return told;
            }
        }
    }

    /// Demands what came since the last look: persons and events.
    async fn expect(&mut self, what: &str, expected: &[(&Resource, &str)]) {
        let mut expected: Vec<(String, String)> = expected
            .iter()
            .map(|(who, event)| (who.id().to_owned(), (*event).to_owned()))
            .collect();
        expected.sort();
        let told = self.told().await;
        let told: Vec<(String, String)> =
            told.into_iter().map(|told| (told.person, told.event)).collect();
        assert_eq!(told, expected, "{what}");
    }

    /// Demands that one change of claims came, with these groups.
    async fn expect_claims(&mut self, what: &str, person: &Resource, groups: &[&str]) {
        let told = self.told().await;
        let groups = Some(groups.iter().map(|group| (*group).to_owned()).collect());
        let (person, event) = (person.id().to_owned(), CLAIMS.to_owned());
        assert_eq!(told, [Told { person, event, groups }], "{what}");
    }
}

fn read(sub_id: &Value, uri: &str, payload: &Value) -> Told {
    let event = match uri.split_once(":event:") {
        Some((_, name)) => name,
        None => uri.rsplit('/').next().unwrap(),
    };
    let groups = payload["claims"]["groups"].as_array().map(|groups| {
        groups.iter().map(|group| group.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    });
    Told {
        person: sub_id["id"].as_str().unwrap_or_else(|| panic!("{sub_id}")).to_owned(),
        event: event.to_owned(),
        groups: groups.map(Vec::from_iter),
    }
}

fn stream(application: Option<&str>, events: &[EventUri]) -> NewStream {
    NewStream {
        description: "test".to_owned(),
        push_url: None,
        authorization: None,
        events: events.to_vec(),
        subject_format: SubjectFormat::Opaque,
        audience: None,
        application: application.map(str::to_owned),
        group_claim: GroupClaim::Name,
        subjects: Default::default(),
    }
}

async fn user(tenant: &TestTenant, name: &str) -> Resource {
    tenant.create("Users", json!({ "userName": name })).await
}

async fn group(tenant: &TestTenant, name: &str, members: &[&Resource]) -> Resource {
    let members: Vec<Value> = members.iter().map(|one| json!({ "value": one.id() })).collect();
    tenant.create("Groups", json!({ "displayName": name, "members": members })).await
}

fn add(members: &[&Resource]) -> Value {
    let members: Vec<Value> = members.iter().map(|one| json!({ "value": one.id() })).collect();
    json!({ "op": "add", "path": "members", "value": members })
}

fn remove(member: &Resource) -> Value {
    json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", member.id()) })
}

fn put_body(name: &str, members: &[&Resource]) -> Value {
    let members: Vec<Value> = members.iter().map(|one| json!({ "value": one.id() })).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": name,
        "members": members,
    })
}

fn gates(groups: &[&Resource]) -> ApplicationChange {
    let groups = groups.iter().map(|group| group.id().to_owned()).collect();
    ApplicationChange { groups: Some(groups), revoke_on_privilege_loss: None }
}

/// An application with these groups.
async fn application(app: &TestApp, tenant: &TestTenant, name: &str, groups: &[&Resource]) {
    app.operator().create_application(tenant.name(), name, gates(groups)).await.unwrap();
}
