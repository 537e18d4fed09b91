//! A process that dies at any moment keeps its promises: what was answered is
//! there, and whoever was reported to have left is logged out.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    time::Duration,
};

use futures_util::future::join_all;
use muster::{
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::NewStream,
};
use rand::Rng;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Database, Home, Process, Receiver, Set, on, replace};

/// How long a leaver may stay logged in after the process died.
const DEADLINE: Duration = Duration::from_secs(20);
const CLIENTS: usize = 8;
/// Times that the process is killed; `MUSTER_TEST_CRASH_ROUNDS` asks for more. On PostgreSQL
/// the leases of the dead have to run out each time.
const ROUNDS: [(Database, usize); 2] = [(Database::Sqlite, 32), (Database::Postgres, 8)];

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREATED: &str = "urn:ietf:params:scim:event:prov:create:notice";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_the_process_on_sqlite() {
    survive(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_the_process_on_postgres() {
    survive(Database::Postgres).await;
}

/// A lease that is short enough for a death must not end while its holder lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_slower_than_a_lease_gets_an_event_once() {
    on(Database::Sqlite, json!({}), |app| async move {
        let acme = app.new_tenant().await;
        let receiver = Receiver::start_slow(Duration::from_millis(13_500)).await;
        let stream = stream(&receiver, vec![EventUri::SessionRevoked]);
        let stream = app.operator().create_stream(acme.name(), stream).await.unwrap();
        let user = acme.create("Users", json!({ "userName": "bjensen" })).await;

        acme.patch(&user, replace("active", false)).await.expect(200);
        tokio::time::sleep(Duration::from_millis(15_500)).await;

        assert_eq!(receiver.sets().len(), 1);
        let streams = app.operator().streams(acme.name()).await.unwrap();
        let found = streams.iter().find(|found| found.id == stream.id).unwrap();
        assert_eq!(found.pending, 0, "it was delivered");
    })
    .await;
}

fn stream(receiver: &Receiver, events: Vec<EventUri>) -> NewStream {
    NewStream {
        description: String::new(),
        push_url: Some(receiver.url().to_owned()),
        authorization: None,
        events,
        subject_format: SubjectFormat::Scim,
        audience: None,
        application: None,
        group_claim: GroupClaim::Name,
        subjects: Default::default(),
    }
}

/// What clients were told.
#[derive(Debug, Default)]
struct Told {
    created: BTreeSet<String>,
    deactivated: BTreeSet<String>,
}

/// The tenant's directory, at whatever address the process has.
struct Directory {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Directory {
    fn new(process: &Process, token: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("{}/t/acme/scim/v2", process.address());
        Self { http, base, token: token.to_owned() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.bearer_auth(&self.token).header("content-type", "application/scim+json")
    }

    /// Sends a change; none if the process was gone before it had answered.
    async fn change(&self, method: Method, path: &str, body: Value) -> Option<Value> {
        let answer = self.request(method, path).body(body.to_string()).send().await.ok()?;
        let status = answer.status();
        let body = answer.text().await.ok()?;
        assert!(status.is_success(), "{status} {body}");
        Some(serde_json::from_str(&body).unwrap())
    }

    /// Creates people and lets each second one leave, until the process is gone.
    async fn work(&self, prefix: &str) -> Told {
        let mut told = Told::default();
        for number in 0.. {
            let user = json!({ "userName": format!("{prefix}-{number}"), "active": true });
            let Some(user) = self.change(Method::POST, "/Users", user).await else { break };
            let id = user["id"].as_str().unwrap();
            told.created.insert(id.to_owned());
            if number % 2 == 0 {
                continue;
            }
            let leave = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{ "op": "replace", "path": "active", "value": false }],
            });
            let path = format!("/Users/{id}");
            let Some(left) = self.change(Method::PATCH, &path, leave).await else { break };
            assert_eq!(left["active"], false);
            told.deactivated.insert(id.to_owned());
        }
        told
    }

    /// Everybody who is there: whether each is active.
    async fn everybody(&self) -> BTreeMap<String, bool> {
        let mut found = BTreeMap::new();
        loop {
            let path = format!("/Users?startIndex={}&count=500", found.len() + 1);
            let answer = self.request(Method::GET, &path).send().await.unwrap();
            let page: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            let users = page["Resources"].as_array().cloned().unwrap_or_default();
            for user in &users {
                let active = user["active"].as_bool().unwrap();
                found.insert(user["id"].as_str().unwrap().to_owned(), active);
            }
            if users.is_empty() {
                return found;
            }
        }
    }
}

async fn survive(database: Database) {
    // E1
    let Some(home) = Home::new(database).await else { return };
    let token = home.make_acme().await;
    let receiver = Receiver::start().await;
    let events = EventUri::ALL.into_iter().filter(|event| !event.is_operational());
    let stream = stream(&receiver, events.collect());
    home.operator().await.create_stream("acme", stream).await.unwrap();
    let rounds = env::var("MUSTER_TEST_CRASH_ROUNDS");
    let usual = ROUNDS.iter().find(|(of, _)| *of == database).map_or(0, |(_, rounds)| *rounds);
    let rounds = rounds.map_or(usual, |rounds| rounds.parse().unwrap());

    let mut told = Told::default();
    let mut process = Process::start(&home).await;
    for round in 0..rounds {
        let directory = Directory::new(&process, &token);
        let clients: Vec<String> =
            (0..CLIENTS).map(|client| format!("u{round}-{client}")).collect();
        // From before the first answer to long after the first delivery.
        let delay = Duration::from_millis(rand::rng().random_range(1..700));
        let kill = async {
            tokio::time::sleep(delay).await;
            process.kill();
        };
        let (more, ()) =
            tokio::join!(join_all(clients.iter().map(|client| directory.work(client))), kill);
        for more in more {
            told.created.extend(more.created);
            told.deactivated.extend(more.deactivated);
        }

        process = Process::start(&home).await;
        check(&Directory::new(&process, &token), &receiver, &told).await;
        eprintln!(
            "round {round}: killed after {delay:?}; {} created, {} deactivated, {} sets",
            told.created.len(),
            told.deactivated.len(),
            receiver.sets().len()
        );
    }
    drop(process);
    home.remove().await;
}

/// Demands that the database and the receiver know what clients were told.
async fn check(directory: &Directory, receiver: &Receiver, told: &Told) {
    let stored = directory.everybody().await;
    for id in &told.created {
        assert!(stored.contains_key(id), "{id} was created and is gone");
    }
    for id in &told.deactivated {
        assert_eq!(stored.get(id), Some(&false), "{id} was deactivated");
    }

    // Also those whose change was made while its answer was lost.
    let left: Vec<&String> =
        stored.iter().filter(|(_, active)| !**active).map(|(id, _)| id).collect();
    let all_revoked = |sets: &[Set]| {
        let revoked = subjects(sets, REVOKED);
        left.iter().all(|id| revoked.contains(id.as_str()))
    };
    if !receiver.wait_until(DEADLINE, all_revoked).await {
        let sets = receiver.sets();
        let revoked = subjects(&sets, REVOKED);
        let missing = left.iter().filter(|id| !revoked.contains(id.as_str())).count();
        panic!("{missing} of {} are logged in {DEADLINE:?} after the restart", left.len());
    }

    let sets = receiver.sets();
    for id in subjects(&sets, REVOKED) {
        assert_eq!(stored.get(id), Some(&false), "{id} was logged out and is active");
    }
    for id in subjects(&sets, CREATED) {
        assert!(stored.contains_key(id), "{id} was announced and is not there");
    }
    check_duplicates(&sets);
}

fn subjects<'s>(sets: &'s [Set], uri: &str) -> BTreeSet<&'s str> {
    sets.iter().filter(|set| set.uri() == uri).map(Set::subject).collect()
}

/// An event may arrive again, but only as the same set: each of the events of
/// these changes happens to a user once.
fn check_duplicates(sets: &[Set]) {
    let mut named: BTreeMap<(&str, &str), &Set> = BTreeMap::new();
    let mut about: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for set in sets {
        let event = (set.subject(), set.uri());
        let first = named.entry(event).or_insert(set);
        assert_eq!(first.jti(), set.jti(), "the same event under two names: {first:?} {set:?}");
        assert_eq!(first.0["events"], set.0["events"]);
        assert_eq!(first.0["txn"], set.0["txn"]);
        assert_eq!(*about.entry(set.jti()).or_insert(event), event, "one name for two events");
    }
}
