//! Bulk requests, RFC 7644 §3.7.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use muster::{scim::dialect::Dialect, tenant::Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Database, Home, Process, TestApp, TestTenant, replace};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

const HOUR: Duration = Duration::from_secs(3600);

async fn send(tenant: &TestTenant, body: Value) -> Answer {
    tenant.request(Method::POST, "/Bulk").json(body).await
}

fn message(operations: Value) -> Value {
    json!({ "schemas": [REQUEST], "Operations": operations })
}

/// Sends operations, and gives their results.
async fn bulk(tenant: &TestTenant, operations: Value) -> Vec<Value> {
    let answer = send(tenant, message(operations)).await.expect(200); // R417
    assert_eq!(answer["schemas"], json!([RESPONSE])); // R410
    answer["Operations"].as_array().unwrap().clone()
}

fn user(bulk_id: &str, name: &str) -> Value {
    let data = json!({ "schemas": [USER], "userName": name });
    json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data })
}

fn report(bulk_id: &str, manager: &str) -> Value {
    let mut report = user(bulk_id, bulk_id);
    report["data"]["schemas"] = json!([USER, ENTERPRISE]);
    report["data"][ENTERPRISE] = json!({ "manager": { "value": manager } });
    report
}

fn group(bulk_id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it })).collect();
    let data = json!({ "schemas": [GROUP], "displayName": bulk_id, "members": members });
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data })
}

fn change(method: &str, path: &str, data: Value) -> Value {
    json!({ "method": method, "path": path, "data": data })
}

fn add_member(path: &str, member: &str) -> Value {
    let operation = json!({ "op": "add", "path": "members", "value": [{ "value": member }] });
    change("PATCH", path, json!({ "schemas": [PATCH_OP], "Operations": [operation] }))
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().expect("status is text")).collect() // R424
}

/// The id at the end of a location.
fn id(result: &Value) -> &str {
    result["location"].as_str().unwrap().rsplit('/').next().unwrap()
}

async fn read(tenant: &TestTenant, endpoint: &str, id: &str) -> Value {
    tenant.request(Method::GET, &format!("/{endpoint}/{id}")).await.expect(200).body
}

async fn count(tenant: &TestTenant, endpoint: &str) -> u64 {
    let path = format!("/{endpoint}?count=0");
    let answer = tenant.request(Method::GET, &path).await.expect(200);
    answer["totalResults"].as_u64().unwrap()
}

fn members(group: &Value) -> BTreeSet<&str> {
    let members = group["members"].as_array().map_or(&[][..], Vec::as_slice);
    members.iter().map(|member| member["value"].as_str().unwrap()).collect()
}

#[track_caller]
fn check_failed(result: &Value, status: &str, scim_type: Option<&str>) {
    assert_eq!(result["status"], status, "{result}");
    let response = &result["response"]; // R426
    assert_eq!(response["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(response["status"], status, "{result}");
    assert_eq!(response["scimType"].as_str(), scim_type, "{result}");
    assert!(!response["detail"].as_str().unwrap().is_empty());
}

on_both_databases! {
    /// The example of RFC 7644 §3.7.3, with data that is JSON.
    async fn each_method_does_what_it_does_alone(app: TestApp) {
        for dialect in [Dialect::Generic, Dialect::Strict] {
            let acme = app.new_tenant_with(dialect).await;
            let bob = acme.create("Users", json!({ "schemas": [USER], "userName": "Bob" })).await;
            let dave = acme.create("Users", json!({ "schemas": [USER], "userName": "Dave" })).await;
            let kate = acme.create("Users", json!({ "schemas": [USER], "userName": "Kate" })).await;
            let before = acme.events().await.len();
            let mut put = change("PUT", &bob.path(), json!({ "schemas": [USER], "userName": "Bob", "title": "x" }));
            put["version"] = bob.etag().into();
            let nick = json!({ "op": "add", "path": "nickName", "value": "Davey" });
            let patch = json!({ "schemas": [PATCH_OP], "Operations": [nick] }); // R415
            let mut delete = json!({ "method": "DELETE", "path": kate.path(), "bulkId": "k" });
            delete["version"] = kate.etag().into();

            let results = bulk(&acme, json!([
                user("qwerty", "Alice"), put, change("PATCH", &dave.path(), patch), delete,
            ])).await;

            // R411, R422
            assert_eq!(statuses(&results), ["201", "200", "200", "204"]);
            let methods: Vec<&str> = results.iter().map(|it| it["method"].as_str().unwrap()).collect();
            assert_eq!(methods, ["POST", "PUT", "PATCH", "DELETE"]);
            assert_eq!(results[0]["bulkId"], "qwerty"); // R423
            let alice = read(&acme, "Users", id(&results[0])).await;
            assert_eq!(alice["meta"]["location"], results[0]["location"]); // R425
            assert_eq!(alice["meta"]["version"], results[0]["version"]);
            assert!(!id(&results[0]).contains("qwerty")); // R437
            assert_eq!(id(&results[1]), bob.id());
            assert_eq!(results[1]["version"], "W/\"2\"");
            assert_eq!(acme.get(&dave).await["nickName"], "Davey");
            assert_eq!(id(&results[3]), kate.id());
            assert!(results[3].get("version").is_none());
            acme.get(&kate).await.expect_error(404, None);

            // R435: the events that the single requests would have had, under one name.
            let events = app.operator().events(Some(acme.name()), 0, 1000).await.unwrap();
            let events = &events[before..];
            let named: Vec<&str> = events.iter().map(|it| it.event.as_str()).collect();
            assert!(named.len() >= 6, "{named:?}");
            let txns: BTreeSet<&str> = events.iter().map(|event| event.txn.as_str()).collect();
            assert_eq!(txns.len(), 1, "{txns:?}");
        }
    }

    async fn one_failure_stops_nothing_else(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let bob = acme.create("Users", json!({ "userName": "bob" })).await;
        let foreign = globex.create("Users", json!({ "userName": "bob" })).await;
        let mut stale = change("PUT", &bob.path(), json!({ "userName": "bob", "title": "x" }));
        stale["version"] = "W/\"7\"".into();

        let results = bulk(&acme, json!([
            user("a", "BOB"),
            stale,
            change("GET", &bob.path(), json!({})),
            { "method": "DELETE", "path": foreign.path() },
            { "method": "DELETE", "path": format!("/t/{}/scim/v2{}", globex.name(), foreign.path()) },
            { "method": "POST", "path": "/Users", "data": { "userName": "x" } },
            change("PATCH", &bob.path(), json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "add" }] })),
            user("b", "carol"),
            user("b", "dora"),
        ])).await;

        // R418
        assert_eq!(statuses(&results), ["409", "412", "400", "404", "400", "400", "400", "201", "400"]);
        check_failed(&results[0], "409", Some("uniqueness"));
        assert!(results[0].get("location").is_none());
        check_failed(&results[1], "412", None); // R416
        assert_eq!(id(&results[1]), bob.id()); // R425
        check_failed(&results[2], "400", Some("invalidSyntax")); // R411
        check_failed(&results[3], "404", None); // R470
        check_failed(&results[4], "400", Some("invalidValue")); // R413, A51
        check_failed(&results[5], "400", Some("invalidSyntax")); // R412
        check_failed(&results[8], "400", Some("invalidValue")); // R412
        assert_eq!(count(&acme, "Users").await, 2);
        assert_eq!(acme.get(&bob).await["meta"]["version"], "W/\"1\"", "R421");
        globex.get(&foreign).await.expect(200);
    }

    async fn a_failed_operation_leaves_nothing_behind(app: TestApp) {
        let acme = app.new_tenant().await;
        let team = acme.create("Groups", json!({ "displayName": "team" })).await;
        let events = acme.events().await;
        let both = json!({ "schemas": [PATCH_OP], "Operations": [
            { "op": "replace", "path": "displayName", "value": "crew" },
            { "op": "add", "path": "members", "value": [{ "value": uuid::Uuid::nil() }] },
        ] });

        // R421
        let results = bulk(&acme, json!([change("PATCH", &team.path(), both)])).await;

        assert_ne!(results[0]["status"], "200");
        assert_eq!(acme.get(&team).await["displayName"], "team");
        assert_eq!(acme.events().await, events);
    }

    async fn the_job_ends_after_as_many_errors_as_it_says(app: TestApp) {
        let acme = app.new_tenant().await;
        for (most, tried) in [(1, 2), (2, 4), (3, 5)] {
            let mut asked = message(json!([
                user("a", &format!("a{most}")), user("b", &format!("a{most}")),
                user("c", &format!("c{most}")), { "method": "GET", "path": "/Users/1" },
                user("e", &format!("e{most}")),
            ]));
            asked["failOnErrors"] = most.into();
            let answer = send(&acme, asked).await.expect(200);
            assert_eq!(answer["Operations"].as_array().unwrap().len(), tried, "{answer}"); // R419
        }
        // R420, A54
        for wrong in [json!(0), json!(-1), json!("1"), json!(1.5), json!([])] {
            let mut asked = message(json!([user("z", "zoe")]));
            asked["failOnErrors"] = wrong;
            send(&acme, asked).await.expect_error(400, Some("invalidValue"));
        }
        let mut asked = message(json!([user("z", "zoe")]));
        asked["failOnErrors"] = json!(1_u64 << 40);
        send(&acme, asked).await.expect(200);
    }

    async fn new_resources_are_referred_to_in_any_order(app: TestApp) {
        let acme = app.new_tenant().await;

        let results = bulk(&acme, json!([
            group("team", &["bulkId:ann", "bulkId:bea"]),
            report("ann", "bulkId:bea"),
            user("bea", "bea"),
            add_member("/Groups/bulkId:crew", "bulkId:ann"),
            group("crew", &["bulkId:bea"]),
            change("PATCH", "/Users/bulkId:bea", json!({ "schemas": [PATCH_OP], "Operations": [
                { "op": "add", "path": "title", "value": "bulkId:ann" },
            ] })),
        ])).await;

        // R422, R427, R428
        assert_eq!(statuses(&results), ["201", "201", "201", "200", "201", "200"]);
        let (ann, bea) = (id(&results[1]), id(&results[2]));
        let team = read(&acme, "Groups", id(&results[0])).await;
        assert_eq!(members(&team), [ann, bea].into());
        let crew = read(&acme, "Groups", id(&results[4])).await;
        assert_eq!(members(&crew), [ann, bea].into());
        assert_eq!(id(&results[3]), id(&results[4]));
        assert_eq!(read(&acme, "Users", ann).await[ENTERPRISE]["manager"]["value"], bea);
        assert_eq!(read(&acme, "Users", bea).await["title"], "bulkId:ann"); // R430
        for result in &results {
            assert!(!result["location"].as_str().unwrap().contains("bulkId")); // R64, R437
        }
    }

    async fn a_reference_to_nothing_fails(app: TestApp) {
        let acme = app.new_tenant().await;
        acme.create("Users", json!({ "userName": "taken" })).await;

        let results = bulk(&acme, json!([
            group("a", &["bulkId:nobody"]),
            user("u", "taken"),
            group("b", &["bulkId:u"]),
            add_member("/Groups/bulkId:b", "bulkId:c"),
            { "method": "DELETE", "path": "/Users/bulkId:bulkId:c" },
            user("c", "carol"),
        ])).await;

        // R429, A52
        assert_eq!(statuses(&results), ["400", "409", "400", "400", "400", "201"]);
        for (place, named) in [(0, "`nobody`"), (2, "`u`"), (3, "`b`"), (4, "`bulkId:c`")] {
            check_failed(&results[place], "400", Some("invalidValue"));
            let detail = results[place]["response"]["detail"].as_str().unwrap();
            assert!(detail.contains(named), "{detail}");
        }
        assert_eq!(count(&acme, "Groups").await, 0);
    }

    /// The example of RFC 7644 §3.7.1.
    async fn circles_are_resolved(app: TestApp) {
        let acme = app.new_tenant().await;

        let results = bulk(&acme, json!([
            group("qwerty", &["bulkId:ytrewq"]), group("ytrewq", &["bulkId:qwerty"]),
            report("ann", "bulkId:bea"), report("bea", "bulkId:ann"),
            report("self", "bulkId:self"),
        ])).await;

        // R431
        assert_eq!(statuses(&results), ["201", "201", "201", "201", "201"]);
        for (one, other) in [(0, 1), (1, 0)] {
            let found = read(&acme, "Groups", id(&results[one])).await;
            assert_eq!(members(&found), [id(&results[other])].into());
            assert_eq!(found["meta"]["version"], results[one]["version"]);
        }
        for (one, other) in [(2, 3), (3, 2), (4, 4)] {
            let found = read(&acme, "Users", id(&results[one])).await;
            assert_eq!(found[ENTERPRISE]["manager"]["value"], id(&results[other]));
            assert_eq!(found["meta"]["version"], results[one]["version"]);
        }
    }

    async fn a_circle_fails_as_a_whole(app: TestApp) {
        let acme = app.new_tenant().await;
        acme.create("Users", json!({ "userName": "bea" })).await;
        let events = acme.events().await;

        let results = bulk(&acme, json!([
            report("ann", "bulkId:bea"), report("bea", "bulkId:ann"), group("g", &["bulkId:ann"]),
        ])).await;

        assert_eq!(statuses(&results), ["400", "409", "400"]); // R429
        assert_eq!(count(&acme, "Users").await, 1);
        assert_eq!(acme.events().await, events);
    }

    async fn a_circle_of_a_thousand_is_resolved(app: TestApp) {
        let acme = app.new_tenant().await;
        let circle: Value = (0..1000)
            .map(|place| report(&format!("u{place}"), &format!("bulkId:u{}", (place + 1) % 1000)))
            .collect();

        let results = bulk(&acme, circle).await;

        assert!(statuses(&results).iter().all(|status| *status == "201"), "A52"); // A52
        let first = read(&acme, "Users", id(&results[999])).await;
        assert_eq!(first[ENTERPRISE]["manager"]["value"], id(&results[0]));
    }

    async fn the_order_counts_as_if_it_was_kept(app: TestApp) {
        let acme = app.new_tenant().await;
        let old = acme.create("Users", json!({ "userName": "ann" })).await;
        let team = acme.create("Groups", json!({ "displayName": "team" })).await;

        let results = bulk(&acme, json!([
            add_member(&team.path(), old.id()),
            add_member(&team.path(), "bulkId:new"),
            { "method": "DELETE", "path": old.path() },
            user("new", "ann"),
        ])).await;

        // R432
        assert_eq!(statuses(&results), ["200", "200", "204", "201"]);
        assert_eq!(members(&acme.get(&team).await.body), [id(&results[3])].into());
    }

    async fn limits_are_told_and_hold(app: TestApp) {
        let acme = app.new_tenant().await;
        let told = acme.request(Method::GET, "/ServiceProviderConfig").await.expect(200);
        assert_eq!(told["bulk"]["supported"], true);
        let most = usize::try_from(told["bulk"]["maxOperations"].as_u64().unwrap()).unwrap();
        let users = |count: usize| -> Value {
            (0..count).map(|place| user(&place.to_string(), &format!("u{place}"))).collect()
        };

        // R433
        let many = send(&acme, message(users(most + 1))).await;
        assert_eq!(many.status, 413);
        let detail = many["detail"].as_str().unwrap();
        assert!(detail.contains("maxOperations") && detail.contains(&most.to_string()), "{detail}");
        assert_eq!(count(&acme, "Users").await + count(&acme, "Groups").await, 0);

        // The answer to errors is bounded, whatever was asked.
        let name = "n".repeat(2000);
        let failing: Value = (0..most)
            .map(|place| change("PUT", &format!("/Users/{name}{place}"), json!({ &*name: name })))
            .collect();
        let answer = send(&acme, message(failing)).await.expect(200);
        assert!(answer.body.to_string().len() < 1_000_000); // A53
    }

    async fn the_message_must_be_one(app: TestApp) {
        for dialect in [Dialect::Generic, Dialect::Strict] {
            let acme = app.new_tenant_with(dialect).await;
            for body in [
                json!({ "Operations": [] }), // R410
                json!({ "schemas": [PATCH_OP], "Operations": [] }),
                json!({ "schemas": [REQUEST] }),
                json!({ "schemas": [REQUEST], "Operations": {} }),
            ] {
                send(&acme, body).await.expect_error(400, Some("invalidSyntax"));
            }
            let nothing = bulk(&acme, json!([])).await;
            assert!(nothing.is_empty());
        }
        let acme = app.new_tenant().await;
        let (token, _) = acme.issue(&[Scope::Read], HOUR).await;
        let reader = acme.with_token(&token);
        send(&reader, message(json!([user("a", "a")]))).await.expect_error(403, None); // R435
    }

    async fn what_is_overlooked_is_told_by_operation(app: TestApp) {
        let acme = app.new_tenant().await;
        let mut second = user("b", "b");
        second["data"]["colour"] = "red".into();
        let answer = send(&acme, message(json!([user("a", "a"), second]))).await.expect(200);
        assert_eq!(answer.headers["muster-notice"], "unknown: Operations[1].colour");
    }

    async fn a_revoked_token_ends_a_long_job(app: TestApp) {
        let acme = app.new_tenant().await;
        let (token, credential) = acme.issue(&[Scope::Read, Scope::Write], HOUR).await;
        let partner = acme.with_token(&token);
        let users: Value =
            (0..1000).map(|place| user(&place.to_string(), &format!("u{place}"))).collect();
        let revoke = async {
            while count(&acme, "Users").await == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            app.operator().revoke_token(acme.name(), credential).await.unwrap();
        };

        let (results, ()) = tokio::join!(bulk(&partner, users), revoke);

        // A87
        let kept = results.iter().take_while(|it| it["status"] == "201").count();
        assert!(kept < 1000, "the job was not stopped");
        assert_eq!(results.len(), 1000);
        check_failed(&results[kept], "401", None);
        assert!(results[kept..].iter().all(|it| it["status"] == "401"));
        assert_eq!(count(&acme, "Users").await, u64::try_from(kept).unwrap());
    }

    /// A thousand operations cost what their writes cost, and not a commit and a
    /// request each. Other tests may take the machine away from either, so one of
    /// three trials is enough, and the bound is wide.
    async fn a_thousand_at_once_cost_what_their_writes_cost(app: TestApp) {
        let acme = app.new_tenant().await;
        acme.create("Users", json!({ "userName": "warm" })).await;
        let mut trials = Vec::new();
        for trial in 0..3 {
            let name = |kind: char, place: usize| format!("{kind}{trial}-{place}");
            let begun = Instant::now();
            for place in 0..1000 {
                let user = json!({ "schemas": [USER], "userName": name('s', place) });
                acme.create("Users", user).await;
            }
            let singly = begun.elapsed();
            let users: Value =
                (0..1000).map(|place| user(&place.to_string(), &name('b', place))).collect();
            let begun = Instant::now();
            let results = bulk(&acme, users).await;
            let together = begun.elapsed();

            assert!(statuses(&results).iter().all(|status| *status == "201"));
            if together < singly.mul_f64(1.5) {
                return;
            }
            trials.push((singly, together));
        }
        panic!("one by one, at once: {trials:?}");
    }
}

on_both_databases! {
    settings { "max_body_bytes": 65_536 };

    async fn the_size_of_a_message_has_a_limit(app: TestApp) {
        let acme = app.new_tenant().await;
        let told = acme.request(Method::GET, "/ServiceProviderConfig").await.expect(200);
        assert_eq!(told["bulk"]["maxPayloadSize"], 65_536);
        let fits = message(json!([user("a", "ann")]));
        let mut large = fits.clone();
        large["Operations"][0]["data"]["title"] = "x".repeat(65_536).into();
        // Members that together are more than a message may hold.
        let members: Vec<String> = (0..1500).map(|it| format!("{it:036}")).collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let groups = message(json!([group("a", &members)]));

        for message in [large, groups] {
            // R433, R434, A50
            let refused = send(&acme, message).await;
            refused.expect_error(413, None);
            let detail = refused["detail"].as_str().unwrap();
            assert!(detail.contains("maxPayloadSize") && detail.contains("65536"), "{detail}");
        }
        assert_eq!(count(&acme, "Users").await + count(&acme, "Groups").await, 0);
        send(&acme, fits).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_job_leaves_whole_operations_on_sqlite() {
    killed(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_job_leaves_whole_operations_on_postgres() {
    killed(Database::Postgres).await;
}

async fn killed(database: Database) {
    let Some(home) = Home::new(database).await else { return };
    let token = home.make_acme().await;
    let process = Process::start(&home).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = format!("{}/t/acme/scim/v2", process.address());
    let users: Value =
        (0..1000).map(|place| user(&place.to_string(), &format!("u{place}"))).collect();
    let ask = |method: Method, url: String| {
        http.request(method, url)
            .bearer_auth(&token)
            .header("content-type", "application/scim+json")
    };
    let job = ask(Method::POST, format!("{base}/Bulk")).body(message(users.clone()).to_string());
    let watch = async {
        loop {
            let listed = ask(Method::GET, format!("{base}/Users?count=0")).send().await.unwrap();
            let listed: Value = serde_json::from_str(&listed.text().await.unwrap()).unwrap();
            if listed["totalResults"] != 0 {
                return process.kill();
            }
        }
    };
    drop(tokio::join!(job.send(), watch));

    // R436
    let process = Process::start(&home).await;
    let base = format!("{}/t/acme/scim/v2", process.address());
    let events = home.operator().await.events(Some("acme"), 0, 10_000).await.unwrap();
    let created = events.iter().filter(|it| it.event.as_str().ends_with("create:notice")).count();
    assert!(0 < created && created < 1000, "{created}");
    let job = ask(Method::POST, format!("{base}/Bulk")).body(message(users).to_string());
    let again: Value =
        serde_json::from_str(&job.send().await.unwrap().text().await.unwrap()).unwrap();
    let again = again["Operations"].as_array().unwrap();
    let conflicts = again.iter().filter(|result| result["status"] == "409").count();
    assert_eq!((again.len(), conflicts), (1000, created));
    assert!(again.iter().all(|it| it["status"] == "409" || it["status"] == "201"));
    drop(process);
    home.remove().await;
}

/// As the example of RFC 7644 §3.7.3 prints it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_list_of_changes_is_read_where_the_dialect_allows() {
    crate::support::on(Database::Sqlite, json!({}), |app| async move {
        for (dialect, status) in [(Dialect::Generic, "200"), (Dialect::Strict, "400")] {
            let acme = app.new_tenant_with(dialect).await;
            let user = json!({ "schemas": [USER], "userName": "dave" });
            let dave = acme.create("Users", user).await;
            // R415
            let patch = change("PATCH", &dave.path(), json!([replace("title", "x")]));
            let results = bulk(&acme, json!([patch])).await;
            assert_eq!(results[0]["status"], status, "{dialect:?}");
        }
    })
    .await;
}
