//! Requests that are answered before they are done, RFC 9967 §2.5.1.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use muster::{
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::{NewStream, Operator},
    scim::dialect::Dialect,
    tenant::Scope,
};
use reqwest::{Method, header::HeaderName};
use serde_json::{Value, json};

use crate::support::{
    Answer, Database, Home, Process, Receiver, Request, Set, TestApp, TestTenant, replace,
};

const ASYNC: &str = "urn:ietf:params:scim:event:misc:asyncresp";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PREFER: HeaderName = HeaderName::from_static("prefer");
const SOON: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

async fn subscribe(operator: &Operator, tenant: &str, receiver: &Receiver, events: &[EventUri]) {
    let stream = NewStream {
        description: String::new(),
        push_url: Some(receiver.url().to_owned()),
        authorization: None,
        events: events.to_vec(),
        subject_format: SubjectFormat::Scim,
        audience: None,
        application: None,
        group_claim: GroupClaim::Name,
        subjects: Default::default(),
    };
    operator.create_stream(tenant, stream).await.unwrap();
}

fn later(request: Request) -> Request {
    request.header(PREFER, "respond-async")
}

/// Demands what an asynchronous answer has; gives the name of the request.
#[track_caller]
fn accepted(tenant: &TestTenant, answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{answer}"); // R501
    assert_eq!(answer.body, Value::Null);
    assert_eq!(answer.headers["preference-applied"], "respond-async");
    let txn = answer.headers["set-txn"].to_str().unwrap(); // R506
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.ends_with(&format!("/t/{}/scim/v2/async/{txn}", tenant.name())), "{location}");
    txn.to_owned()
}

/// Waits for the results of a request.
async fn results(tenant: &TestTenant, txn: &str) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let answer = tenant.request(Method::GET, &format!("/async/{txn}")).await;
        if answer.status == 200 {
            let response = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
            assert_eq!(answer["schemas"], json!([response]));
            return answer["Operations"].as_array().unwrap().clone();
        }
        assert_eq!(answer.status, 202, "{answer}");
        assert_eq!(answer.headers["set-txn"], *txn); // R506
        assert!(answer.headers.contains_key("retry-after"));
        assert!(begun.elapsed() < SOON, "the request is not done");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The completion events that have arrived, by their `txn`.
fn completions(sets: &[Set]) -> BTreeMap<String, Value> {
    let of_async = sets.iter().filter(|set| set.uri() == ASYNC);
    of_async.map(|set| (set.0["txn"].as_str().unwrap().to_owned(), set.0.clone())).collect()
}

async fn wait_for(receiver: &Receiver, count: usize) -> BTreeMap<String, Value> {
    let enough = |sets: &[Set]| count <= completions(sets).len();
    assert!(receiver.wait_until(SOON, enough).await, "{:?}", receiver.sets());
    completions(&receiver.sets())
}

fn last(text: &Value) -> &str {
    text.as_str().unwrap().rsplit('/').next().unwrap()
}

on_both_databases! {
    async fn every_change_can_be_done_later(app: TestApp) {
        for dialect in [Dialect::Generic, Dialect::Strict] {
            let acme = app.new_tenant_with(dialect).await;
            let receiver = Receiver::start().await;
            let events: Vec<EventUri> =
                EventUri::ALL.into_iter().filter(|uri| !uri.is_operational()).collect();
            subscribe(app.operator(), acme.name(), &receiver, &events).await;
            let bob = acme.create("Users", json!({ "schemas": [USER], "userName": "bob" })).await;
            let carol = acme.create("Users", json!({ "schemas": [USER], "userName": "carol" })).await;
            let ann = json!({ "schemas": [USER], "userName": "ann", "password": "t1meMa$heen" });
            let put = json!({ "schemas": [USER], "userName": "bob", "title": "x" });
            let requests = [
                ("POST", acme.request(Method::POST, "/Users").json(ann), "201"),
                ("PUT", acme.put(&bob).json(put).if_match(bob.etag()), "200"),
                ("PATCH", acme.patch(&bob, replace("nickName", "bobby")), "200"),
                ("DELETE", acme.delete(&carol), "204"),
            ];
            let mut expected = BTreeMap::new();
            for (method, request, status) in requests {
                // R500; R502: what is accepted means nothing to an answer without body.
                let answer = later(request).header(reqwest::header::ACCEPT, "text/html").await;
                let txn = accepted(&acme, &answer);
                let results = results(&acme, &txn).await;
                assert_eq!(results.len(), 1);
                assert_eq!((&results[0]["method"], &results[0]["status"]), (&json!(method), &json!(status)));
                assert!(results[0].get("bulkId").is_none());
                expected.insert(txn, results[0].clone());
            }

            assert_eq!(acme.get(&bob).await["nickName"], "bobby");
            acme.get(&carol).await.expect_error(404, None);
            let told = wait_for(&receiver, 4).await;
            for (txn, result) in &expected {
                let set = &told[txn]; // R503
                assert_eq!(&set["events"][ASYNC], result); // R505
                assert_eq!(set["sub_id"]["format"], "scim"); // R486
                assert_eq!(set["sub_id"]["uri"], format!("/Users/{}", last(&result["location"])));
                assert!(!set.to_string().contains("t1meMa$heen")); // R94
            }
            // The change's own events go by the same name.
            let created = expected.iter().find(|(_, result)| result["method"] == "POST").unwrap();
            let sets = receiver.sets();
            assert!(sets.iter().any(|set| set.uri().ends_with("create:notice") && set.0["txn"] == **created.0)); // R488
        }
    }

    async fn a_failure_is_told_as_an_error(app: TestApp) {
        let acme = app.new_tenant().await;
        let receiver = Receiver::start().await;
        subscribe(app.operator(), acme.name(), &receiver, &[EventUri::AsyncResponse]).await;
        let bob = acme.create("Users", json!({ "userName": "bob" })).await;
        let again = acme.request(Method::POST, "/Users").json(json!({ "userName": "bob" }));
        let stale = acme.put(&bob).if_match("W/\"9\"").json(json!({ "userName": "bob" }));
        let missing = acme.delete(&bob.with_id("0193a5b0-0000-7000-8000-000000000000"));

        for (request, status, scim_type, uri) in [
            (again, "409", Some("uniqueness"), "/Users".to_owned()),
            (stale, "412", None, bob.path()),
            (missing, "404", None, "/Users/0193a5b0-0000-7000-8000-000000000000".to_owned()),
        ] {
            let txn = accepted(&acme, &later(request).await);
            let results = results(&acme, &txn).await;
            assert_eq!(results[0]["status"], status);
            let enough = |sets: &[Set]| completions(sets).contains_key(&txn);
            assert!(receiver.wait_until(SOON, enough).await);
            let set = completions(&receiver.sets()).remove(&txn).unwrap();
            assert_eq!(set["sub_id"]["uri"], uri);
            let event = &set["events"][ASYNC]; // R505
            assert_eq!(event["status"], status);
            assert_eq!(event["response"]["status"], status);
            assert_eq!(event["response"]["scimType"].as_str(), scim_type);
            assert_eq!(event["response"]["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        }
        // What is wrong with the message itself is said at once.
        let broken = acme.request(Method::POST, "/Users").json(json!([]));
        later(broken).await.expect_error(400, Some("invalidSyntax"));
    }

    // E28
    async fn a_bulk_request_is_told_operation_by_operation(app: TestApp) {
        let acme = app.new_tenant().await;
        let receiver = Receiver::start().await;
        subscribe(app.operator(), acme.name(), &receiver, &[EventUri::AsyncResponse]).await;
        let user = |name: &str| {
            json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": { "userName": name } })
        };
        let group = json!({ "method": "POST", "path": "/Groups", "bulkId": "g",
            "data": { "displayName": "g", "members": [{ "value": "bulkId:ann" }] } });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [group, user("ann"), user("ann"), { "method": "GET", "path": "/Users" },
                user("b"), user("c"), user("d"), user("e"), user("f"), user("g")],
        });

        let txn = accepted(&acme, &later(acme.request(Method::POST, "/Bulk").json(body)).await);

        let results = results(&acme, &txn).await;
        let statuses: Vec<&str> = results.iter().map(|it| it["status"].as_str().unwrap()).collect();
        assert_eq!(statuses[..4], ["201", "201", "400", "400"]);
        assert!(results.iter().all(|it| it["response"].is_object() == (it["status"] == "400")));
        let told = wait_for(&receiver, 10).await;
        assert_eq!(told.len(), 10);
        for (place, result) in results.iter().enumerate() {
            // R504: from zero, in the order of the request, which was not that of the work.
            assert_eq!(&told[&format!("{txn}:{place}")]["events"][ASYNC], result);
        }
    }

    async fn a_client_may_wait_for_the_answer(app: TestApp) {
        let acme = app.new_tenant().await;
        let wait = |request: Request| request.header(PREFER, "respond-async, wait=30");
        let create = |body: Value| wait(acme.request(Method::POST, "/Users?attributes=userName").json(body));

        // R502
        let created = create(json!({ "userName": "ann", "title": "x" })).await.expect(201);
        assert_eq!(created["userName"], "ann");
        assert!(created.body.get("title").is_none());
        assert_eq!(created.headers["etag"], "W/\"1\"");
        let path = format!("/Users/{}", created["id"].as_str().unwrap());
        assert!(created.headers["location"].to_str().unwrap().ends_with(&path));
        create(json!({ "userName": "ann" })).await.expect_error(409, Some("uniqueness"));
        wait(acme.request(Method::DELETE, &path)).await.expect(204);
        let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [] });
        let bulk = wait(acme.request(Method::POST, "/Bulk").json(bulk)).await.expect(200);
        assert_eq!(bulk["Operations"], json!([]));
    }

    async fn the_preference_is_for_changes_alone(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = acme.create("Users", json!({ "userName": "ann" })).await;
        later(acme.get(&ann)).await.expect(200);
        let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
        later(acme.request(Method::POST, "/Users/.search").json(search)).await.expect(200);
        // Without the preference nothing changes (R500).
        let patched = acme.patch(&ann, replace("title", "x")).header(PREFER, "return=minimal, wait=5");
        patched.await.expect(200);
    }

    async fn a_result_is_for_its_connection_alone(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let create = acme.request(Method::POST, "/Users").json(json!({ "userName": "ann" }));
        let txn = accepted(&acme, &later(create).await);
        results(&acme, &txn).await;

        // R510
        let path = format!("/async/{txn}");
        globex.request(Method::GET, &path).await.expect_error(404, None);
        acme.with_token("x").request(Method::GET, &path).await.expect_error(401, None);
        acme.request(Method::GET, "/async/nothing").await.expect_error(404, None);
        let (token, _) = acme.issue(&[Scope::Read], HOUR).await;
        let reader = acme.with_token(&token);
        reader.request(Method::GET, &path).await.expect(200);
        // Rights are asked for when a request is accepted.
        let create = reader.request(Method::POST, "/Users").json(json!({ "userName": "b" }));
        later(create).await.expect_error(403, None);
        let create = acme.with_token("x").request(Method::POST, "/Users").json(json!({ "userName": "b" }));
        later(create).await.expect_error(401, None);
    }

    async fn a_credential_must_still_be_good_when_the_work_is_done(app: TestApp) {
        let acme = app.new_tenant().await;
        let (token, credential) = acme.issue(&[Scope::Read, Scope::Write], HOUR).await;
        let partner = acme.with_token(&token);
        let operations: Value = (0..1000)
            .map(|place| json!({ "method": "POST", "path": "/Users", "bulkId": place.to_string(),
                "data": { "userName": format!("u{place}") } }))
            .collect();
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
        let txn = accepted(&partner, &later(partner.request(Method::POST, "/Bulk").json(body)).await);
        app.operator().revoke_token(acme.name(), credential).await.unwrap();

        let results = results(&acme, &txn).await;

        assert_eq!(results.len(), 1000);
        assert_eq!(results[999]["status"], "401"); // A87
        assert_eq!(results[999]["response"]["status"], "401");
    }

    async fn waiting_requests_have_a_limit(app: TestApp) {
        let acme = app.new_tenant().await;
        let operations: Value = (0..400)
            .map(|place| json!({ "method": "POST", "path": "/Users", "bulkId": place.to_string(),
                "data": { "userName": format!("u{place}") } }))
            .collect();
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
        let requests = (0..150).map(|_| {
            later(acme.request(Method::POST, "/Bulk").json(body.clone())).into_future()
        });
        let answers = join_all(requests).await;
        let refused = answers.into_iter().find(|answer| answer.status != 202);
        let refused = refused.expect("the limit is not reached");
        refused.expect_error(429, None);
        assert!(refused.headers.contains_key("retry-after")); // R448
        assert!(refused["detail"].as_str().unwrap().contains("100"));
    }

    async fn discovery_tells_of_events_once_there_is_a_receiver(app: TestApp) {
        let acme = app.new_tenant().await;
        let config = || acme.request(Method::GET, "/ServiceProviderConfig");
        assert!(config().await.expect(200).body.get("securityEvents").is_none()); // R507
        let receiver = Receiver::start().await;
        subscribe(app.operator(), acme.name(), &receiver, &[EventUri::AsyncResponse]).await;

        let told = config().await.expect(200);

        assert_eq!(told["securityEvents"]["asyncRequest"], "request"); // R507
        let uris = told["securityEvents"]["eventUris"].as_array().unwrap();
        assert!(uris.contains(&json!(ASYNC)) && uris.contains(&json!(EventUri::SessionRevoked.as_str())));
        // It is about the tenant, so a stranger is not told.
        let url = format!("{}/ServiceProviderConfig", acme.base());
        let public: Value = app.http().get(url).send().await.unwrap().json().await.unwrap();
        assert!(public.get("securityEvents").is_none());
        let schema = acme
            .request(Method::GET, "/Schemas/urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig")
            .await
            .expect(200);
        assert!(schema.body.to_string().contains("asyncRequest"));
    }
}

// R436, R501
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_outlives_the_process_on_sqlite() {
    survive(Database::Sqlite).await;
}

// R436, R501
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_outlives_the_process_on_postgres() {
    survive(Database::Postgres).await;
}

/// Accepts work, kills the process, and demands that all of it is done once.
async fn survive(database: Database) {
    const EACH: usize = 150;
    const JOBS: usize = 4;
    let Some(home) = Home::new(database).await else { return };
    let token = home.make_acme().await;
    let receiver = Receiver::start().await;
    let events = [EventUri::AsyncResponse, EventUri::ProvCreateNotice];
    subscribe(&home.operator().await, "acme", &receiver, &events).await;
    let process = Process::start(&home).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = |method: Method, url: String| {
        http.request(method, url)
            .bearer_auth(&token)
            .header("content-type", "application/scim+json")
    };
    let mut txns = Vec::new();
    for job in 0..JOBS {
        let operations: Value = (0..EACH)
            .map(|place| {
                json!({ "method": "POST", "path": "/Users", "bulkId": place.to_string(),
                "data": { "userName": format!("u{job}-{place}") } })
            })
            .collect();
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
        let request = ask(Method::POST, format!("{}/t/acme/scim/v2/Bulk", process.address()));
        let answer =
            request.header("prefer", "respond-async").body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        txns.push(answer.headers()["set-txn"].to_str().unwrap().to_owned());
    }
    process.kill();

    let process = Process::start(&home).await;
    let base = format!("{}/t/acme/scim/v2", process.address());
    for txn in &txns {
        let begun = std::time::Instant::now();
        let done: Value = loop {
            let answer = ask(Method::GET, format!("{base}/async/{txn}")).send().await.unwrap();
            if answer.status() == 200 {
                break serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            }
            let status = answer.status();
            // A busy machine may ask to be asked again, with 503.
            let waits = status == 202 || status == 503;
            assert!(waits, "{status} {}", answer.text().await.unwrap());
            assert!(begun.elapsed() < Duration::from_secs(40), "{txn} is not done");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        // Each done, and none twice, which would have been a conflict.
        let results = done["Operations"].as_array().unwrap();
        assert_eq!(results.len(), EACH);
        assert!(results.iter().all(|result| result["status"] == "201"), "{done}");
    }
    let all = |sets: &[Set]| EACH * JOBS <= completions(sets).len();
    assert!(receiver.wait_until(Duration::from_secs(40), all).await);
    let events = home.operator().await.events(Some("acme"), 0, 10_000).await.unwrap();
    let count = |uri: EventUri| events.iter().filter(|event| event.event == uri).count();
    assert_eq!(count(EventUri::ProvCreateNotice), EACH * JOBS);
    assert_eq!(count(EventUri::AsyncResponse), EACH * JOBS);
    drop(process);
    home.remove().await;
}
