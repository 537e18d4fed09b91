//! Random groups in groups, changed at random, against a model that follows every membership
//! from the start each time.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::*;

const STEPS: usize = 300;
const USERS: usize = 5;
const GROUPS: usize = 6;
const APPLICATIONS: [&str; 2] = ["crm", "wiki"];

/// A user or a group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    User(usize),
    Group(usize),
}

/// What there is, as the test knows it.
#[derive(Debug, Clone, Default)]
struct Model {
    active: BTreeSet<usize>,
    /// Members of each group that exists.
    members: BTreeMap<usize, BTreeSet<Node>>,
    names: BTreeMap<usize, String>,
    gates: [BTreeSet<usize>; 2],
}

impl Model {
    /// The groups that a user is in, by walking down from each.
    fn groups_of(&self, user: usize) -> BTreeSet<usize> {
        self.members.keys().copied().filter(|group| self.holds(*group, user)).collect()
    }

    fn holds(&self, group: usize, user: usize) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![group]);
        while let Some(group) = next.pop() {
            if !seen.insert(group) {
                continue;
            }
            for member in self.members.get(&group).into_iter().flatten() {
                match member {
                    Node::User(number) if *number == user => return true,
                    Node::User(_) => {}
                    Node::Group(number) => next.push(*number),
                }
            }
        }
        false
    }

    fn gates_of(&self, application: usize, user: usize) -> BTreeSet<usize> {
        self.groups_of(user).intersection(&self.gates[application]).copied().collect()
    }

    fn named(&self, groups: &BTreeSet<usize>) -> Vec<String> {
        groups
            .iter()
            .map(|group| self.names[group].clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// What the receivers of an application must hear of a change from `self` to `after`.
    fn told(&self, after: &Self, application: usize, ids: &[String]) -> Vec<Told> {
        let mut told = Vec::new();
        for (user, id) in ids.iter().enumerate() {
            let mut tell = |event: &str, groups: Option<Vec<String>>| {
                told.push(Told { person: id.clone(), event: event.to_owned(), groups });
            };
            let deactivated = self.active.contains(&user) && !after.active.contains(&user);
            if deactivated {
                tell(DISABLED, None);
                tell(REVOKED, None);
            }
            let had = self.gates_of(application, user);
            let has = after.gates_of(application, user);
            let active = after.active.contains(&user);
            let lost = !had.is_empty() && has.is_empty();
            if lost {
                if active {
                    tell(DISABLED, None);
                    tell(REVOKED, None);
                }
                tell(REMOVED, None);
            } else if had.is_empty() && !has.is_empty() {
                tell(ADDED, None);
            } else if application == 0 && active && !had.is_subset(&has) {
                // The first application wants to know of lost privileges.
                tell(REVOKED, None);
            }
            if !lost && self.named(&had) != after.named(&has) {
                tell(CLAIMS, Some(after.named(&has)));
            }
        }
        told.sort();
        told
    }

    /// What a stream of claims for everything must hear.
    fn claims(&self, after: &Self, ids: &[String]) -> Vec<Told> {
        let mut told: Vec<Told> = (0..USERS)
            .filter_map(|user| {
                let had = self.named(&self.groups_of(user));
                let has = after.named(&after.groups_of(user));
                let (person, event) = (ids[user].clone(), CLAIMS.to_owned());
                (had != has).then_some(Told { person, event, groups: Some(has) })
            })
            .collect();
        told.sort();
        told
    }
}

/// The service, and the model beside it.
struct World<'t> {
    app: &'t TestApp,
    tenant: &'t TestTenant,
    random: StdRng,
    users: Vec<Resource>,
    groups: BTreeMap<usize, Resource>,
    model: Model,
}

impl World<'_> {
    fn node(&self, node: Node) -> &Resource {
        match node {
            Node::User(number) => &self.users[number],
            Node::Group(number) => &self.groups[&number],
        }
    }

    fn any_group(&mut self) -> usize {
        let groups: Vec<usize> = self.groups.keys().copied().collect();
        *groups.choose(&mut self.random).unwrap()
    }

    /// Up to four users and groups, but not that group.
    fn some(&mut self, without: usize) -> BTreeSet<Node> {
        let users = (0..USERS).map(Node::User);
        let groups =
            self.groups.keys().filter(|group| **group != without).map(|group| Node::Group(*group));
        let all: Vec<Node> = users.chain(groups).collect();
        let count = self.random.random_range(0..5);
        (0..count).map(|_| *all.choose(&mut self.random).unwrap()).collect()
    }

    fn resources(&self, nodes: &BTreeSet<Node>) -> Vec<&Resource> {
        nodes.iter().map(|node| self.node(*node)).collect()
    }

    async fn make_group(&mut self, number: usize) -> String {
        let members = self.some(number);
        let name = format!("group {number} {}", self.random.random_range(0..100));
        let made = group(self.tenant, &name, &self.resources(&members)).await;
        self.groups.insert(number, made);
        self.model.members.insert(number, members);
        self.model.names.insert(number, name);
        format!("made {number}")
    }

    async fn delete_group(&mut self) -> String {
        let number = self.any_group();
        let gone = self.groups.remove(&number).unwrap();
        self.tenant.delete(&gone).await.expect(204);
        self.model.members.remove(&number);
        for members in self.model.members.values_mut() {
            members.remove(&Node::Group(number));
        }
        for gates in &mut self.model.gates {
            gates.remove(&number);
        }
        format!("deleted {number}")
    }

    async fn add(&mut self) -> String {
        let number = self.any_group();
        let new = self.some(number);
        let operation = add(&self.resources(&new));
        self.tenant.patch(&self.groups[&number], operation).await.expect(200);
        self.model.members.get_mut(&number).unwrap().extend(&new);
        format!("{new:?} into {number}")
    }

    async fn remove(&mut self) -> String {
        let number = self.any_group();
        let members: Vec<Node> = self.model.members[&number].iter().copied().collect();
        let Some(gone) = members.choose(&mut self.random) else { return "nobody".to_owned() };
        let operation = remove(self.node(*gone));
        self.tenant.patch(&self.groups[&number], operation).await.expect(200);
        self.model.members.get_mut(&number).unwrap().remove(gone);
        format!("{gone:?} out of {number}")
    }

    /// A PUT, with another name at times.
    async fn put(&mut self) -> String {
        let number = self.any_group();
        let members = self.some(number);
        if self.random.random_bool(0.3) {
            let name = format!("group {number} {}", self.random.random_range(0..100));
            self.model.names.insert(number, name);
        }
        let body = put_body(&self.model.names[&number], &self.resources(&members));
        self.tenant.put(&self.groups[&number]).json(body).await.expect(200);
        let text = format!("{number} is {members:?}");
        self.model.members.insert(number, members);
        text
    }

    async fn gates(&mut self) -> String {
        let application = self.random.random_range(0..2);
        let all: Vec<usize> = self.groups.keys().copied().collect();
        let count = self.random.random_range(0..3);
        let chosen: BTreeSet<usize> =
            (0..count).map(|_| *all.choose(&mut self.random).unwrap()).collect();
        let resources: Vec<&Resource> = chosen.iter().map(|group| &self.groups[group]).collect();
        let name = APPLICATIONS[application];
        self.app
            .operator()
            .change_application(self.tenant.name(), name, gates(&resources))
            .await
            .unwrap();
        let text = format!("{name} has {chosen:?}");
        self.model.gates[application] = chosen;
        text
    }

    async fn toggle(&mut self) -> String {
        let user = self.random.random_range(0..USERS);
        let active = !self.model.active.contains(&user);
        self.tenant.patch(&self.users[user], replace("active", active)).await.expect(200);
        match active {
            true => self.model.active.insert(user),
            false => self.model.active.remove(&user),
        };
        format!("{user} is active: {active}")
    }

    /// Does something; gives what.
    async fn step(&mut self) -> String {
        let missing = (0..GROUPS).find(|number| !self.groups.contains_key(number));
        match self.random.random_range(0..100) {
            0..10 => self.gates().await,
            10..18 => self.toggle().await,
            18..26 if missing.is_none() => self.delete_group().await,
            26..48 => self.put().await,
            48..75 => self.add().await,
            _ => match missing {
                Some(number) if self.random.random_bool(0.5) => self.make_group(number).await,
                _ => self.remove().await,
            },
        }
    }
}

on_both_databases! {
    async fn everybody_is_told_what_a_naive_closure_says(app: TestApp) {
        // E9
        let acme = app.new_tenant().await;
        let seed: u64 = std::env::var("GRAPH_SEED").map_or(9, |seed| seed.parse().unwrap());
        let mut users = Vec::new();
        for number in 0..USERS {
            users.push(user(&acme, &format!("user{number}")).await);
        }
        let ids: Vec<String> = users.iter().map(|user| user.id().to_owned()).collect();
        let mut world = World {
            app: &app,
            tenant: &acme,
            random: StdRng::seed_from_u64(seed),
            users,
            groups: BTreeMap::new(),
            model: Model { active: (0..USERS).collect(), ..Model::default() },
        };
        for number in 0..GROUPS {
            world.make_group(number).await;
        }
        let mut receivers = Vec::new();
        for (number, name) in APPLICATIONS.into_iter().enumerate() {
            application(&app, &acme, name, &[]).await;
            let change = ApplicationChange { groups: None, revoke_on_privilege_loss: Some(number == 0) };
            app.operator().change_application(acme.name(), name, change).await.unwrap();
            receivers.push(Listener::open(&app, &acme, Some(name), &ALL).await);
        }
        let mut all = Listener::open(&app, &acme, None, &[EventUri::TokenClaimsChange]).await;

        for step in 0..STEPS {
            let before = world.model.clone();
            let what = world.step().await;
            let text = format!("seed {seed}, step {step}: {what}\n{before:?}\n{:?}", world.model);
            for (number, receiver) in receivers.iter_mut().enumerate() {
                let expected = before.told(&world.model, number, &ids);
                assert_eq!(receiver.told().await, expected, "{} at {text}", APPLICATIONS[number]);
            }
            assert_eq!(all.told().await, before.claims(&world.model, &ids), "claims at {text}");
        }
    }
}
