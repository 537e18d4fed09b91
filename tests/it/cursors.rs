//! Walks by cursor (RFC 9865).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use muster::{
    clock::Clock,
    provision::{Access, Limits, Mode, ProvisionError, Provisioner, Terms},
    scim::{
        ScimError,
        dialect::Dialect,
        query::{CURSOR_SECONDS, CursorKey, SearchRequest},
        resource::{Preconditions, Projection},
        schema::Registry,
    },
    store::{self, Location, MigrateCommand, NewTenantRow, SealedKey, Store, StoreError},
    tenant::{AllowedNetworks, Caller, Scope, TenantId, TenantLimits},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, TestApp, TestTenant};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Lists to walk through, as path and parameters: sorted by an index or by a scan,
/// with values and without, of one type and of all.
const LISTS: &[(&str, &str)] = &[
    ("/Users", ""),
    ("/Users", "&sortBy=userName"),
    ("/Users", "&sortBy=displayName"),
    ("/Users", "&sortBy=displayName&sortOrder=descending"),
    ("/Users", "&sortBy=externalId"),
    ("/Users", "&sortBy=active&sortOrder=descending"),
    ("/Users", "&sortBy=meta.created&sortOrder=descending"),
    ("/Users", "&sortBy=title"),
    ("/Users", "&sortBy=title&sortOrder=descending"),
    ("/Users", "&filter=title%20pr"),
    ("/Users", "&filter=active%20eq%20true&sortBy=userName"),
    ("/", ""),
    ("/", "&sortBy=displayName"),
    ("/", "&sortBy=displayName&sortOrder=descending"),
    ("/", "&sortBy=title"),
];

async fn get(tenant: &TestTenant, path: &str) -> Answer {
    tenant.request(Method::GET, path).await
}

async fn fill(tenant: &TestTenant, users: usize) {
    for number in 0..users {
        let mut user = json!({ "userName": format!("u{:02}", number * 7 % users) });
        if number % 3 != 0 {
            user["displayName"] = json!(format!("d{}", number % 4));
            user["externalId"] = json!(format!("e{number}"));
        }
        if number % 2 == 0 {
            user["title"] = json!(format!("t{}", number % 5));
            user["active"] = json!(number % 4 == 0);
        }
        tenant.create("Users", user).await;
    }
    for number in 0..4 {
        tenant.create("Groups", json!({ "displayName": format!("d{number}") })).await;
    }
}

fn ids(list: &Answer) -> Vec<String> {
    let resources = list["Resources"].as_array().unwrap();
    resources.iter().map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
}

fn cursor<'a>(page: &'a Answer, which: &str) -> Option<&'a str> {
    page[which].as_str()
}

/// Walks from the page that `first` asks for, by `which` cursor.
async fn walk(tenant: &TestTenant, list: &str, first: Answer, which: &str) -> Vec<Answer> {
    let mut pages = vec![first.expect(200)];
    while let Some(next) = cursor(pages.last().unwrap(), which) {
        pages.push(get(tenant, &format!("{list}&cursor={next}")).await.expect(200));
    }
    pages
}

on_both_databases! {
    async fn a_walk_gives_each_resource_once_and_leads_back(app: TestApp) {
        let acme = app.new_tenant().await;
        fill(&acme, 13).await;
        for (path, parameters) in LISTS {
            let whole = get(&acme, &format!("{path}?count=100{parameters}")).await.expect(200);
            let all = ids(&whole);
            for count in [1, 3, all.len(), 50] {
                let list = format!("{path}?count={count}{parameters}");
                let first = get(&acme, &format!("{list}&cursor")).await; // R277
                assert!(cursor(&first, "previousCursor").is_none(), "{first}"); // R280
                let pages = walk(&acme, &list, first, "nextCursor").await;
                assert_eq!(pages.len(), all.len().div_ceil(count), "{list}"); // R279
                let walked: Vec<String> = pages.iter().flat_map(ids).collect();
                assert_eq!(walked, all, "{list}"); // R286, R297
                for page in &pages {
                    assert_eq!(page["totalResults"], all.len()); // R282
                    assert_eq!(page["itemsPerPage"], ids(page).len());
                    assert!(page.body.get("startIndex").is_none());
                    assert!(ids(page).len() <= count); // R281
                }
                let back = walk(&acme, &list, pages.last().unwrap().clone(), "previousCursor").await;
                let back: Vec<_> = back.iter().rev().map(ids).collect();
                assert_eq!(back, pages.iter().map(ids).collect::<Vec<_>>(), "{list}");
            }
        }
    }

    async fn others_do_not_disturb_a_walk(app: TestApp) {
        for parameters in ["", "&sortBy=userName", "&sortBy=displayName&sortOrder=descending", "&sortBy=title"] {
            let acme = app.new_tenant().await;
            fill(&acme, 30).await;
            let all = ids(&get(&acme, "/Users?count=100").await);
            let mut stay: BTreeSet<String> = all.iter().cloned().collect();
            let list = format!("/Users?count=4{parameters}");
            let (mut next, mut walked) = (Some(String::new()), Vec::new());
            for number in 0.. {
                let Some(at) = next else { break };
                let page = get(&acme, &format!("{list}&cursor={at}")).await.expect(200);
                walked.extend(ids(&page));
                next = cursor(&page, "nextCursor").map(str::to_owned);
                if 5 < number {
                    continue;
                }
                // The one from which the walk goes on, and one that is perhaps to come.
                let gone = walked.last().into_iter().chain(all.iter().rev().nth(number));
                for id in gone.cloned().collect::<Vec<_>>() {
                    stay.remove(&id);
                    acme.request(Method::DELETE, &format!("/Users/{id}")).await;
                }
                for name in ["a", "u1", "z"] {
                    let user_name = format!("{name}-{number}");
                    acme.create("Users", json!({ "userName": user_name, "displayName": name })).await;
                }
            }
            for id in &stay {
                let times = walked.iter().filter(|walked| *walked == id).count();
                assert_eq!(times, 1, "{id} in {list}"); // R297
            }
        }
    }

    async fn an_emptied_page_leads_back_to_what_is_left(app: TestApp) {
        let acme = app.new_tenant().await;
        fill(&acme, 6).await;
        for list in ["/Users?count=2", "/Users?count=2&sortBy=userName", "/Users?count=2&sortBy=title"] {
            let all = ids(&get(&acme, &list.replace("count=2", "count=100")).await);
            let first = get(&acme, &format!("{list}&cursor=")).await;
            let next = cursor(&first, "nextCursor").unwrap();
            for id in &all[all.len() - 4..] {
                acme.request(Method::DELETE, &format!("/Users/{id}")).await.expect(204);
            }
            let page = get(&acme, &format!("{list}&cursor={next}")).await.expect(200);
            assert!(ids(&page).is_empty() && cursor(&page, "nextCursor").is_none(), "{page}");
            let back = cursor(&page, "previousCursor").unwrap();
            let back = get(&acme, &format!("{list}&cursor={back}")).await.expect(200);
            assert_eq!(ids(&back), all[..2], "{list}");
            for number in 0..4 {
                let user_name = format!("v{number}-{}", list.len());
                acme.create("Users", json!({ "userName": user_name, "title": "x" })).await;
            }
        }
    }

    async fn a_body_walks_as_a_url_does(app: TestApp) {
        let acme = app.new_tenant().await;
        fill(&acme, 5).await;
        // R290
        for (path, total) in [("/Users/.search", 5), ("/.search", 9)] {
            let (mut next, mut walked) = (Some(String::new()), BTreeSet::new());
            while let Some(at) = next {
                let search = json!({ "schemas": [SEARCH], "sortBy": "displayName",
                    "attributes": ["displayName"], "count": 2, "cursor": at });
                let page = acme.request(Method::POST, path).json(search).await.expect(200);
                assert_eq!(page["totalResults"], total);
                walked.extend(ids(&page));
                next = cursor(&page, "nextCursor").map(str::to_owned);
            }
            assert_eq!(walked.len(), total, "{path}");
        }
    }

    async fn a_count_belongs_to_the_walk(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Generic).await;
        fill(&acme, 5).await;
        let page = get(&acme, "/Users?count=2&cursor=").await;
        let next = cursor(&page, "nextCursor").unwrap();
        get(&acme, &format!("/Users?cursor={next}")).await.expect(200);
        // R281
        for count in ["0", "-1", "-99999"] {
            let none = get(&acme, &format!("/Users?count={count}&cursor=")).await.expect(200);
            assert_eq!((&none["totalResults"], ids(&none).len()), (&json!(5), 0));
            assert!(cursor(&none, "nextCursor").is_none());
        }
        // R285, R274, R444
        for query in [
            format!("count=3&cursor={next}"),
            format!("count=0&cursor={next}"),
            "count=100000&cursor=".to_owned(),
            "count=18446744073709551617&cursor=".to_owned(),
            "count=abc&cursor=".to_owned(),
        ] {
            let refused = get(&acme, &format!("/Users?{query}")).await;
            refused.expect_error(400, Some("invalidCount"));
        }
        // R289
        let both = get(&acme, "/Users?startIndex=1&cursor=").await;
        both.expect_error(400, Some("invalidValue"));
        // R288
        let neither = get(&acme, "/Users?count=2").await.expect(200);
        assert_eq!(neither["startIndex"], 1);
        assert!(cursor(&neither, "nextCursor").is_none());
    }

    async fn a_cursor_of_something_else_is_always_the_same_error(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Generic).await;
        let other = app.new_tenant_with(Dialect::Generic).await;
        fill(&acme, 5).await;
        fill(&other, 5).await;
        let list = "/Users?count=2&filter=id%20pr&sortBy=displayName";
        let page = get(&acme, &format!("{list}&cursor=")).await.expect(200);
        let good = cursor(&page, "nextCursor").unwrap().to_owned();
        let foreign = get(&other, &format!("{list}&cursor=")).await;
        let foreign = cursor(&foreign, "nextCursor").unwrap();
        let middle = good.len() / 2;
        let letter = if &good[middle..=middle] == "A" { "B" } else { "A" };
        let flipped = format!("{}{letter}{}", &good[..middle], &good[middle + 1..]);
        let mut refused = Vec::new();
        // R283, A36, A37, A56
        for (path, at) in [
            (list, foreign),
            (list, &flipped),
            (list, &good[1..]),
            (list, &good[..good.len() - 1]),
            (list, &format!("{good}{good}")),
            (list, "abc"),
            (list, "%27%20or%201%3D1%20--"), // A31
            ("/Groups?count=2&filter=id%20pr&sortBy=displayName", &good),
            ("/?count=2&filter=id%20pr&sortBy=displayName", &good),
            ("/Users?count=2&sortBy=displayName", &good),
            ("/Users?count=2&filter=id%20pr", &good),
            ("/Users?count=2&filter=id%20pr&sortBy=id", &good),
            (&format!("{list}&sortOrder=descending"), &good),
            (&format!("{list}&attributes=id"), &good),
            (&format!("{list}&excludedAttributes=groups"), &good),
        ] {
            let path = format!("{path}&cursor={at}");
            let answer = get(&acme, &path).await;
            answer.expect_error(400, Some("invalidCursor"));
            refused.push(answer.body);
        }
        let long = json!({ "schemas": [SEARCH], "count": 2, "cursor": "A".repeat(900_000) });
        let answer = acme.request(Method::POST, "/Users/.search").json(long).await;
        answer.expect_error(400, Some("invalidCursor"));
        refused.push(answer.body);
        assert!(refused.iter().all(|body| *body == refused[0]), "{refused:?}"); // R295
        get(&acme, &format!("{list}&cursor={good}")).await.expect(200);
    }

    async fn a_cursor_grants_nothing(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Generic).await;
        fill(&acme, 5).await;
        let page = get(&acme, "/Users?count=2&cursor=").await;
        let path = format!("/Users?count=2&cursor={}", cursor(&page, "nextCursor").unwrap());
        let hour = Duration::from_secs(3600);
        // R292
        let (writer, _) = acme.issue(&[Scope::Write], hour).await;
        assert_eq!(get(&acme.with_token(&writer), &path).await.status, 403);
        assert_eq!(get(&acme.with_token("nobody"), &path).await.status, 401);
        let (reader, _) = acme.issue(&[Scope::Read], hour).await;
        get(&acme.with_token(&reader), &path).await.expect(200);
    }

    async fn walks_cost_the_server_nothing(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Generic).await;
        fill(&acme, 3).await;
        let mut begun = Vec::new();
        // R296, A113
        for _ in 0..300 {
            let page = get(&acme, "/Users?count=1&cursor=").await.expect(200);
            begun.push(cursor(&page, "nextCursor").unwrap().to_owned());
        }
        for at in begun.iter().step_by(50) {
            get(&acme, &format!("/Users?count=1&cursor={at}")).await.expect(200);
        }
    }
}

/// The use cases over a database of their own, with a clock that can be moved.
#[tokio::test]
async fn a_cursor_ends_with_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("muster.db"));
    store::migrate(&location, MigrateCommand::Up).await.unwrap();
    let store = Store::open(&location, 1).await.unwrap();
    let row = NewTenantRow {
        parent: None,
        name: "acme".to_owned(),
        subject_issuer: None,
        created_us: 0,
        public_jwk: json!({}),
    };
    let sealed = |_| Ok(SealedKey { kid: "acme-1".to_owned(), sealed: Vec::new() });
    let tenant = store.insert_tenant::<StoreError>(row, sealed).await.unwrap().id;
    let clock = Clock::stopped_at(1_790_000_000_000_000);
    let limits = Limits {
        max_results: 100,
        default_results: 10,
        scan_rows: 100,
        scan_time: Duration::from_secs(5),
    };
    let key = Arc::new(CursorKey::new(&[7; 32]).unwrap());
    let provisioner = Provisioner::new(store, clock.clone(), "https://muster.test", limits, key);
    let access = access(tenant);
    let terms = Terms {
        projection: Projection::Default,
        projected: false,
        preconditions: Preconditions::default(),
    };
    for number in 0..3 {
        let user = json!({ "userName": format!("u{number}") }).to_string();
        provisioner.create(&access, &Bytes::from(user), &terms).await.unwrap();
    }
    let page = async |cursor: &str| {
        let request = SearchRequest {
            cursor: Some(cursor.to_owned()),
            count: Some("2".to_owned()),
            ..SearchRequest::default()
        };
        provisioner.query(&access, &request).await
    };
    let first: Value = serde_json::from_str(&page("").await.unwrap()).unwrap();
    let next = first["nextCursor"].as_str().unwrap();

    clock.advance(Duration::from_secs(CURSOR_SECONDS.unsigned_abs()));
    let last: Value = serde_json::from_str(&page(next).await.unwrap()).unwrap();
    assert_eq!(last["itemsPerPage"], 1);

    clock.advance(Duration::from_millis(1));
    let expired = page(next).await.unwrap_err();
    assert!(matches!(expired, ProvisionError::Scim(ScimError::ExpiredCursor))); // R284
    let back = last["previousCursor"].as_str().unwrap();
    assert!(page(back).await.is_ok(), "each page's cursors have a time of their own");
}

fn access(tenant: TenantId) -> Access {
    let registry = Registry::shared();
    let resource_type = registry.user();
    let caller = Caller {
        tenant,
        tenant_name: "acme".into(),
        credential: Uuid::nil(),
        connection: Uuid::nil(),
        subject: None,
        operator: None,
        dialect: Dialect::Generic,
        settings: Arc::default(),
        events: Arc::default(),
        registry,
        scopes: Scope::OF_CONNECTIONS.into(),
        expires_us: i64::MAX,
        limits: TenantLimits::default(),
        networks: AllowedNetworks::default(),
    };
    Access { caller: Arc::new(caller), resource_type, mode: Mode::Real }
}
