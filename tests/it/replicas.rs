//! Several processes on one PostgreSQL share the work, and one that dies takes nothing with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::join_all;
use muster::{
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::{NewStream, Operator},
};
use serde_json::{Value, json};

use crate::support::{Database, Home, Process, Receiver, Set};

const PATIENCE: Duration = Duration::from_secs(60);
const CLIENTS: usize = 6;
const USERS_EACH: usize = 20;
/// One receiver that is slow enough for both replicas to have work.
const SLOWNESS: Duration = Duration::from_millis(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_share_the_work() {
    let Some(scene) = Scene::new().await else { return };
    let replicas = [scene.replica().await, scene.replica().await];

    scene.work(&replicas, "u").await;
    scene.all_arrive().await;

    scene.check_order().await;
    let (arrived, known) = (scene.receiver.sets(), scene.events().await);
    let named: BTreeSet<&str> = arrived.iter().map(Set::jti).collect();
    assert_eq!((arrived.len(), named.len()), (known.len(), known.len()), "each came once");
    for replica in &replicas {
        let sent = replica.log().matches("event delivered").count();
        assert!(known.len() / 10 < sent, "one of two sent only {sent} of {}", known.len());
    }
    scene.home.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_loses_nothing() {
    let Some(scene) = Scene::new().await else { return };
    let replicas = [scene.replica().await, scene.replica().await];

    scene.work(&replicas, "u").await;
    let [dies, lives] = replicas;
    assert!(scene.receiver.sets().len() < scene.events().await.len(), "it dies at work");
    dies.kill();
    scene.all_arrive().await;

    scene.check_order().await;
    drop(lives);
    scene.home.remove().await;
}

/// A tenant on PostgreSQL with one receiver of everything.
struct Scene {
    home: Home,
    operator: Operator,
    token: String,
    receiver: Receiver,
}

impl Scene {
    async fn new() -> Option<Self> {
        let home = Home::new(Database::Postgres).await?;
        let token = home.make_acme().await;
        let receiver = Receiver::start_slow(SLOWNESS).await;
        let operator = home.operator().await;
        let stream = NewStream {
            description: String::new(),
            push_url: Some(receiver.url().to_owned()),
            authorization: None,
            events: EventUri::ALL.into_iter().filter(|event| !event.is_operational()).collect(),
            subject_format: SubjectFormat::Scim,
            audience: None,
            application: None,
            group_claim: GroupClaim::Name,
            subjects: Default::default(),
        };
        operator.create_stream("acme", stream).await.unwrap();
        Some(Self { home, operator, token, receiver })
    }

    async fn replica(&self) -> Process {
        Process::start_with(&self.home, &["--log", "info,muster::delivery=debug"]).await
    }

    /// Lets people come, change and go, through one replica and the other.
    async fn work(&self, replicas: &[Process], prefix: &str) {
        let clients = (0..CLIENTS).map(async |client| {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            for number in 0..USERS_EACH {
                let at = |turn: usize| {
                    let replica = &replicas[(client + number + turn) % replicas.len()];
                    format!("{}/t/acme/scim/v2/Users", replica.address())
                };
                let user = json!({ "userName": format!("{prefix}-{client}-{number}") });
                let user = self.send(http.post(at(0)), user).await;
                let url = |turn| format!("{}/{}", at(turn), user["id"].as_str().unwrap());
                let changes = [json!({ "displayName": "B" }), json!({ "active": false })];
                for (turn, value) in changes.into_iter().enumerate() {
                    let patch = json!({
                        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                        "Operations": [{ "op": "replace", "value": value }],
                    });
                    self.send(http.patch(url(turn + 1)), patch).await;
                }
            }
        });
        join_all(clients).await;
    }

    async fn send(&self, request: reqwest::RequestBuilder, body: Value) -> Value {
        let request = request.bearer_auth(&self.token);
        let request = request.header("content-type", "application/scim+json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Each event's subject and type, in the order in which they happened.
    async fn events(&self) -> Vec<(String, &'static str)> {
        let events = self.operator.events(Some("acme"), 0, 100_000).await.unwrap();
        let id = |resource: &str| resource.rsplit('/').next().unwrap().to_owned();
        events.iter().map(|event| (id(&event.resource), event.event.as_str())).collect()
    }

    async fn all_arrive(&self) {
        let known = self.events().await;
        let all = |sets: &[Set]| {
            let came: BTreeSet<&str> = sets.iter().map(Set::jti).collect();
            came.len() == known.len()
        };
        let came = self.receiver.wait_until(PATIENCE, all).await;
        assert!(came, "{} sets came of {} events", self.receiver.sets().len(), known.len());
    }

    /// Demands that each subject's events came in the order in which they happened, but
    /// for those that came again.
    async fn check_order(&self) {
        let mut happened: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (subject, uri) in self.events().await {
            happened.entry(subject).or_default().push(uri);
        }
        let arrived = self.receiver.sets();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut came: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for set in arrived.iter().filter(|set| seen.insert(set.jti())) {
            came.entry(set.subject().to_owned()).or_default().push(set.uri());
        }
        for (subject, happened) in happened {
            assert_eq!(came.get(&subject), Some(&happened), "{subject}");
        }
    }
}
