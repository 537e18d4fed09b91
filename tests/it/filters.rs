//! `scim::filter::eval` and the store's SQL give the same answer to every filter.
//!
//! Resources are stored through the service; then filters are made by chance, and
//! what the service lists is compared with what `eval` says of the representation
//! that the service itself gives. Types by chance are stored and asked directly.
//!
//! `MUSTER_TEST_FILTER_CASES` sets how many filters each kind of resource is asked: 400,
//! unless it is given, make ten thousand pairs of filter and resource of types by chance
//! on each database, and 40000 a million. `MUSTER_TEST_FILTER_SEED` repeats a run.

pub(crate) mod sample;
mod schemas;

use std::{
    collections::BTreeSet,
    env,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use muster::{
    scim::{
        dialect::Dialect,
        filter::{self, CheckedFilter},
        schema::{Registry, ResourceType},
    },
    store::{self, Location, MigrateCommand, Store},
    tenant::TenantId,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};

use self::sample::Pool;
use crate::support::{Answer, TestApp, TestTenant, replace};

const USERS: usize = 80;
const GROUPS: usize = 14;
const DEFAULT_CASES: u32 = 400;

on_both_databases! {
    async fn the_list_is_what_eval_says(app: TestApp) {
        // A32
        let mut chance = Chance::new();
        // Lenient, for names that RFC 8265 refuses; the filters are strict.
        let tenant = lenient(&app).await;
        // The same rows again: an answer may hold none of them.
        let other = lenient(&app).await;
        fill(&other, &mut chance).await;
        fill(&tenant, &mut chance).await;

        let registry = Registry::builtin();
        for (endpoint, resource_type) in [("Users", registry.user()), ("Groups", registry.group())] {
            let rows = rows(&tenant, endpoint).await;
            let pool = Arc::new(Pool::of(&rows));
            let filters = match endpoint {
                "Users" => sample::user_filters(pool),
                _ => sample::group_filters(pool),
            };
            let subject = Subject { tenant: &tenant, endpoint, resource_type, rows };
            for _ in 0..cases() {
                let mut tree = filters.new_tree(&mut chance.runner).unwrap();
                if let Err(first) = subject.check(&tree.current()).await {
                    let least = subject.shrink(&mut tree).await.unwrap_or(first);
                    panic!("{least}\nrepeat with MUSTER_TEST_FILTER_SEED={}", chance.seed);
                }
            }
        }
    }

    async fn a_query_across_types_is_what_eval_says(app: TestApp) {
        let mut chance = Chance::new();
        let tenant = lenient(&app).await;
        fill(&tenant, &mut chance).await;
        let registry = Registry::builtin();
        let mut rows_of = Vec::new();
        for (endpoint, resource_type) in [("Users", registry.user()), ("Groups", registry.group())] {
            rows_of.push((resource_type, rows(&tenant, endpoint).await));
        }
        let all: Vec<Value> = rows_of.iter().flat_map(|(_, rows)| rows.clone()).collect();
        let filters = sample::common_filters(Arc::new(Pool::of(&all)));
        for _ in 0..cases() / 4 {
            let text = chance.draw(&filters);
            let holds = rows_of.iter().flat_map(|(resource_type, rows)| {
                let checked = checked(&text, resource_type).unwrap();
                let holds = move |row: &&Value| filter::eval(&checked, row.as_object().unwrap());
                rows.iter().filter(holds).map(|row| row["id"].as_str().unwrap().to_owned())
            });
            let expected: BTreeSet<String> = holds.collect();
            let query = utf8_percent_encode(&text, NON_ALPHANUMERIC);
            let path = format!("/?count=1000&attributes=id&filter={query}");
            let list = tenant.request(Method::GET, &path).await.expect(200);
            assert_eq!(ids_of(&list), expected, "{text}; seed {}", chance.seed);
        }
    }

    /// A value is cut where a key ends, but never inside a character.
    async fn values_about_as_long_as_a_key_compare_whole(app: TestApp) {
        let tenant = app.new_tenant_with(Dialect::Strict).await;
        let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
        for bytes in 1020..=1024 {
            for (tail, name) in [("", "none"), ("😀", "wide"), ("b", "narrow"), ("é😀", "both")] {
                let role = format!("{}{tail}", "a".repeat(bytes));
                let user_name = format!("{bytes}-{name}");
                let user = json!({ "schemas": schemas, "userName": user_name,
                    "roles": [{ "value": role }] });
                tenant.create("Users", user).await;
            }
        }
        let rows = rows(&tenant, "Users").await;
        let resource_type = Registry::builtin().user();
        let subject = Subject { tenant: &tenant, endpoint: "Users", resource_type, rows };

        for bytes in 1019..=1025 {
            for tail in ["", "b", "\u{10ffff}"] {
                for op in ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
                    let text = format!(r#"roles.value {op} "{}{tail}""#, "a".repeat(bytes));
                    subject.check(&text).await.unwrap_or_else(|said| panic!("{said}"));
                }
            }
        }
    }
}

/// A tenant whose groups may share names.
async fn lenient(app: &TestApp) -> TestTenant {
    app.new_tenant_set(Dialect::Generic, json!({ "unique_group_names": false })).await
}

/// Filters over users, and whether the database alone can answer.
const OF_USERS: &[(&str, bool)] = &[
    (r#"userName eq "a""#, true),
    (r#"userName co "a""#, true),
    (r#"userName ew "a" or displayName sw "b""#, true),
    (r#"externalId eq "a" and active eq true"#, true),
    (r#"not (externalId eq "a")"#, true),
    (r#"id eq "0198c2a0-0000-7000-8000-000000000001""#, true),
    ("id pr", true),
    (r#"emails.value eq "a@b.example""#, true),
    (r#"emails eq "a@b.example""#, true),
    (r#"emails[value eq "a@b.example"]"#, true),
    (r#"emails[value eq "a@b.example" or value sw "c"]"#, true),
    (r#"emails.value ne "a@b.example""#, true),
    (r#"phoneNumbers.value pr"#, true),
    (r#"name.familyName gt "m""#, true),
    (r#"name.givenName le "m""#, true),
    (r#"roles.value eq "admin""#, true),
    (r#"roles.value sw "adm""#, true),
    (r#"entitlements.value eq "x""#, true),
    (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Sales""#, true),
    (r#"employeeNumber eq "7""#, true),
    (r#"manager.value eq "26""#, true),
    (r#"meta.created gt "2026-01-01T00:00:00Z""#, true),
    (r#"meta.lastModified le "2026-01-01T00:00:00Z""#, true),
    (r#"groups.value eq "0198c2a0-0000-7000-8000-000000000001""#, true),
    ("groups pr", true),
    // Looked at one by one.
    (r#"nickName eq "a""#, false),
    (r#"userName eq "a" or nickName eq "b""#, false),
    (r#"userName eq "a" and nickName eq "b""#, false),
    (r#"emails[type eq "work" and value eq "a@b.example"]"#, false),
    (r#"emails[value ne "a@b.example"]"#, false),
    (r#"addresses.locality eq "a""#, false),
    (r#"roles.value co "dmi""#, false),
    (r#"roles.value ew "min""#, false),
    (r#"id sw "0198""#, false),
];

/// Filters over groups, and whether the database alone can answer.
const OF_GROUPS: &[(&str, bool)] = &[
    (r#"displayName eq "a""#, true),
    (r#"externalId pr"#, true),
    (r#"members.value eq "0198c2a0-0000-7000-8000-000000000001""#, true),
    (r#"members eq "0198c2a0-0000-7000-8000-000000000001""#, true),
    (r#"members[value eq "0198c2a0-0000-7000-8000-000000000001"]"#, true),
    (r#"displayName eq "a" and members.value eq "0198c2a0-0000-7000-8000-000000000001""#, true),
    ("members pr", true),
    (r#"members.display eq "a""#, false),
    (r#"members.type eq "User""#, false),
];

#[tokio::test]
async fn filters_on_indexed_attributes_look_at_no_other_rows() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("muster.db"));
    store::migrate(&location, MigrateCommand::Up).await.unwrap();
    let store = Store::open(&location, 1).await.unwrap();
    let view = store.tenant(TenantId::new(1)).view().await.unwrap();
    let registry = Registry::builtin();
    let is_exact = |resource_type: &ResourceType, text: &str| {
        let leniency = Dialect::Generic.leniency();
        let parsed = filter::parse(text, leniency).unwrap();
        let checked = filter::check(&parsed, resource_type, leniency).unwrap();
        view.select(resource_type, Some(&checked), None).is_exact()
    };

    for (resource_type, filters) in [(registry.user(), OF_USERS), (registry.group(), OF_GROUPS)] {
        for (text, exact) in filters {
            assert_eq!(is_exact(&resource_type, text), *exact, "{text}");
        }
    }
    let long = format!(r#"roles.value eq "{}""#, "x".repeat(2000));
    assert!(!is_exact(&registry.user(), &long), "the end of a long value is not in its key");
}

/// What a run's chances are made from.
pub(crate) struct Chance {
    pub(crate) seed: u64,
    runner: TestRunner,
}

impl Chance {
    pub(crate) fn new() -> Self {
        let given = env::var("MUSTER_TEST_FILTER_SEED").ok();
        let seed = given.map_or_else(
            || RandomState::new().hash_one("seed"),
            |given| given.parse().expect("MUSTER_TEST_FILTER_SEED is a number"),
        );
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self { seed, runner: TestRunner::new_with_rng(Config::default(), rng) }
    }

    pub(crate) fn draw<T: std::fmt::Debug>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.runner).unwrap().current()
    }
}

fn cases() -> u32 {
    let given = env::var("MUSTER_TEST_FILTER_CASES").ok();
    given
        .map_or(DEFAULT_CASES, |given| given.parse().expect("MUSTER_TEST_FILTER_CASES is a number"))
}

/// Stores users, groups of them and groups of groups, and changes some.
async fn fill(tenant: &TestTenant, chance: &mut Chance) {
    let mut ids: Vec<String> = Vec::new();
    for number in 0..USERS {
        let user = chance.draw(&sample::user(number, ids.clone()));
        let user = tenant.create("Users", user).await;
        if number % 5 == 0 {
            let change = replace("nickName", format!("changed {number}"));
            tenant.patch(&user, change).await.expect(200);
        }
        ids.push(user.id().to_owned());
    }
    for number in 0..GROUPS {
        let group = chance.draw(&sample::group(number, ids.clone()));
        let group = tenant.create("Groups", group).await;
        ids.push(group.id().to_owned());
    }
}

/// Every resource of `endpoint`, each as it is got by itself.
async fn rows(tenant: &TestTenant, endpoint: &str) -> Vec<Value> {
    let list = tenant.request(Method::GET, &format!("/{endpoint}?count=1000")).await.expect(200);
    let mut rows = Vec::new();
    for id in ids_of(&list) {
        rows.push(tenant.request(Method::GET, &format!("/{endpoint}/{id}")).await.expect(200).body);
    }
    rows
}

fn ids_of(list: &Answer) -> BTreeSet<String> {
    let resources = list["Resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: BTreeSet<String> =
        resources.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), resources.len(), "no resource stands twice in {list}");
    assert_eq!(list["totalResults"], ids.len(), "{list}");
    ids
}

fn checked(text: &str, resource_type: &ResourceType) -> Result<CheckedFilter, String> {
    let leniency = Dialect::Strict.leniency();
    let parsed = filter::parse(text, leniency).map_err(|error| format!("{text}: {error}"))?;
    filter::check(&parsed, resource_type, leniency).map_err(|error| format!("{text}: {error}"))
}

/// Resources that filters are asked of.
struct Subject<'t> {
    tenant: &'t TestTenant,
    endpoint: &'static str,
    resource_type: Arc<ResourceType>,
    rows: Vec<Value>,
}

impl Subject<'_> {
    /// Whether the service's list is that of `eval`; else what differs.
    async fn check(&self, text: &str) -> Result<(), String> {
        let checked = checked(text, &self.resource_type)?;
        let query = utf8_percent_encode(text, NON_ALPHANUMERIC);
        let path = format!("/{}?count=1000&attributes=id&filter={query}", self.endpoint);
        let list = self.tenant.request(Method::GET, &path).await;
        if list.status != 200 {
            return Err(format!("filter: {text}\n{list}"));
        }
        let listed = ids_of(&list);
        for row in &self.rows {
            let holds = filter::eval(&checked, row.as_object().unwrap());
            let is_listed = listed.contains(row["id"].as_str().unwrap());
            if holds != is_listed {
                return Err(format!(
                    "filter: {text}\neval says {holds}, the database says {is_listed} of {row:#}"
                ));
            }
        }
        let known = listed.iter().all(|id| self.rows.iter().any(|row| row["id"] == *id));
        known.then_some(()).ok_or_else(|| format!("filter: {text}\nlists an unknown row: {list}"))
    }

    /// The simplest filter that proptest finds to fail, as what it said.
    async fn shrink(&self, tree: &mut impl ValueTree<Value = String>) -> Option<String> {
        let mut least = None;
        for _ in 0..500 {
            let goes_on = match self.check(&tree.current()).await {
                Err(said) => {
                    least = Some(said);
                    tree.simplify()
                }
                Ok(()) => tree.complicate(),
            };
            if !goes_on {
                break;
            }
        }
        least
    }
}
