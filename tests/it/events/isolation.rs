//! Two tenants with the same people, changed at random: nobody hears of the other's.

use std::{collections::HashSet, time::Duration};

use muster::scim::dialect::Dialect;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    poll::{Poller, claims},
    *,
};
use crate::support::{PUBLIC_URL, Receiver, Set};

/// Operations of one request.
const TOGETHER: usize = 50;
/// Steps on each database, unless `MUSTER_ISOLATION_STEPS` says another number.
const STEPS: usize = 2_000;

/// A tenant, what it has, and who listens to it.
struct Side {
    tenant: TestTenant,
    poller: Poller,
    receiver: Receiver,
    users: Vec<String>,
    groups: Vec<String>,
    /// Every id that ever was the tenant's.
    own: HashSet<String>,
    /// Ids of the Sets that were polled.
    polled: HashSet<String>,
}

/// What an operation may be answered.
struct Step {
    operation: Value,
    expected: &'static [&'static str],
}

impl Side {
    async fn open(app: &TestApp) -> Self {
        let tenant = app.new_tenant_with(Dialect::Generic).await;
        let receiver = Receiver::start().await;
        let stream = NewStream {
            subject_format: SubjectFormat::Opaque,
            ..stream_of_all(Some(receiver.url()))
        };
        open(app, &tenant, stream).await;
        let poller = Poller::open(app, &tenant).await;
        let (users, groups) = Default::default();
        let (own, polled) = Default::default();
        Self { tenant, poller, receiver, users, groups, own, polled }
    }

    /// A step of this tenant, which knows ids of the other one.
    fn step(&self, random: &mut StdRng, number: usize, other: &Self) -> Step {
        let user = self.users.choose(random);
        let group = self.groups.choose(random);
        match (random.random_range(0..20), user, group) {
            (0..4, _, _) | (_, None, _) => Step { operation: new_user(number), expected: &["201"] },
            (4, _, _) | (_, _, None) => Step {
                operation: post("/Groups", number, json!({ "displayName": format!("g{number}") })),
                expected: &["201"],
            },
            (5..9, Some(user), _) => {
                let operation = replace("active", random.random_bool(0.5));
                Step { operation: patch("Users", user, operation), expected: &["200", "404"] }
            }
            (9..12, Some(user), _) => {
                let operation = replace("displayName", format!("n{number}"));
                Step { operation: patch("Users", user, operation), expected: &["200", "404"] }
            }
            (12..14, Some(user), Some(group)) => {
                let op = if random.random_bool(0.5) { "add" } else { "remove" };
                let operation =
                    json!({ "op": op, "path": "members", "value": [{ "value": user }] });
                Step {
                    operation: patch("Groups", group, operation),
                    expected: &["200", "400", "404"],
                }
            }
            (14, Some(user), _) => delete("Users", user, &["204", "404"]),
            (15, _, Some(group)) => delete("Groups", group, &["204", "404"]),
            // What is the other's is nobody's.
            (16..18, ..) => match other.users.choose(random) {
                Some(theirs) => {
                    let operation = patch("Users", theirs, replace("active", false));
                    Step { operation, expected: &["404"] }
                }
                None => Step { operation: new_user(number), expected: &["201"] },
            },
            (18, _, Some(group)) => match other.users.choose(random) {
                Some(theirs) => {
                    let value = json!([{ "value": theirs }]);
                    let operation = json!({ "op": "add", "path": "members", "value": value });
                    Step { operation: patch("Groups", group, operation), expected: &["400", "404"] }
                }
                None => Step { operation: new_user(number), expected: &["201"] },
            },
            _ => match other.groups.choose(random) {
                Some(theirs) => delete("Groups", theirs, &["404"]),
                None => Step { operation: new_user(number), expected: &["201"] },
            },
        }
    }

    async fn run(&mut self, steps: Vec<Step>) {
        let operations: Vec<&Value> = steps.iter().map(|step| &step.operation).collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": operations,
        });
        let answer = self.tenant.request(Method::POST, "/Bulk").json(body).await.expect(200);
        let results = answer["Operations"].as_array().unwrap();
        assert_eq!(results.len(), steps.len());
        for (step, result) in steps.iter().zip(results) {
            let status = result["status"].as_str().unwrap();
            assert!(step.expected.contains(&status), "{} made {result}", step.operation);
            let id = || result["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            if status == "201" {
                self.own.insert(id());
                let is_user = step.operation["path"] == "/Users";
                if is_user { &mut self.users } else { &mut self.groups }.push(id());
            }
            if status == "204" {
                let path = step.operation["path"].as_str().unwrap();
                self.users.retain(|id| !path.ends_with(id.as_str()));
                self.groups.retain(|id| !path.ends_with(id.as_str()));
            }
        }
    }

    /// Takes what waits, and looks at it.
    async fn listen(&mut self) {
        let mut taken: Vec<String> = Vec::new();
        loop {
            let (sets, _) =
                self.poller.poll(json!({ "returnImmediately": true, "ack": taken })).await;
            taken = sets.keys().cloned().collect();
            for set in sets.values() {
                self.check(&claims(set));
            }
            if taken.is_empty() {
                return;
            }
            self.polled.extend(taken.iter().cloned());
        }
    }

    fn check(&self, claims: &Value) {
        let issuer = format!("{PUBLIC_URL}/t/{}", self.tenant.name());
        assert_eq!(claims["iss"], *issuer, "{claims}");
        let subject = claims["sub_id"]["id"].as_str().unwrap();
        assert!(self.own.contains(subject), "not a subject of {issuer}: {claims}");
        assert!(claims["aud"].as_str().unwrap().starts_with(&issuer), "{claims}");
    }

    /// Waits for what is pushed, and looks at all of it.
    async fn settle(&mut self, app: &TestApp) {
        self.listen().await;
        let expected = self.polled.len();
        let patience = Duration::from_secs(60);
        // Delivery is at least once: a copy has the `jti` of the first.
        let different = |sets: &[Set]| {
            sets.iter().map(|Set(claims)| &claims["jti"]).collect::<HashSet<_>>().len()
        };
        self.receiver.wait_until(patience, |sets| expected <= different(sets)).await;
        let pushed = self.receiver.sets();
        assert_eq!(different(&pushed), expected, "the streams have different events");
        for Set(claims) in &pushed {
            self.check(claims);
        }
        for stream in app.operator().streams(self.tenant.name()).await.unwrap() {
            assert_eq!(stream.pending, 0, "{}", stream.method);
        }
    }
}

fn post(path: &str, number: usize, data: Value) -> Value {
    json!({ "method": "POST", "path": path, "bulkId": format!("b{number}"), "data": data })
}

/// Both tenants have people of the same names, keys and addresses.
fn new_user(number: usize) -> Value {
    let name = format!("u{number}@people.example");
    let data = json!({
        "userName": name, "externalId": format!("x{number}"), "emails": [{ "value": name }],
    });
    post("/Users", number, data)
}

fn patch(kind: &str, id: &str, operation: Value) -> Value {
    let data = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation],
    });
    json!({ "method": "PATCH", "path": format!("/{kind}/{id}"), "data": data })
}

fn delete(kind: &str, id: &str, expected: &'static [&'static str]) -> Step {
    let operation = json!({ "method": "DELETE", "path": format!("/{kind}/{id}") });
    Step { operation, expected }
}

on_both_databases! {
    async fn no_stream_ever_has_an_event_of_another_tenant(app: TestApp) {
        // E11
        let steps = std::env::var("MUSTER_ISOLATION_STEPS").ok();
        let steps = steps.map_or(STEPS, |steps| steps.parse().expect("a number of steps"));
        let mut random = StdRng::seed_from_u64(11);
        let (mut one, mut two) = (Side::open(&app).await, Side::open(&app).await);
        for first in (0..steps).step_by(2 * TOGETHER) {
            let numbers = first / 2..(first / 2 + TOGETHER);
            let of_one = numbers.clone().map(|number| one.step(&mut random, number, &two)).collect();
            let of_two = numbers.map(|number| two.step(&mut random, number, &one)).collect();
            tokio::join!(one.run(of_one), two.run(of_two));
            tokio::join!(one.listen(), two.listen());
        }
        one.settle(&app).await;
        two.settle(&app).await;
        assert!(one.own.is_disjoint(&two.own));
        assert!(steps / 4 < one.polled.len() && steps / 4 < two.polled.len(), "too little happened");
    }
}
