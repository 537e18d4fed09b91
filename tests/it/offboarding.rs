//! People leave by one call, wherever they are.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use muster::{
    clock::Clock,
    provision::{
        Departure,
        operator::{NameKind, NewOffboarding, OffboardingRecord, OperatorError},
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Database, Home, Process, Resource, TestApp, TestTenant, replace};

const ACTOR: &str = "operator:test";

async fn person(tenant: &TestTenant, name: &str) -> Resource {
    let user = json!({
        "userName": format!("{}-{name}", tenant.name()),
        "externalId": format!("hr-{name}"),
        "active": true,
        "emails": [{ "value": format!("{name}@work.example") }],
    });
    tenant.create("Users", user).await
}

fn of(people: &[&str]) -> NewOffboarding {
    NewOffboarding {
        people: people.iter().map(|name| (*name).to_owned()).collect(),
        by: NameKind::Email,
        tenants: Vec::new(),
        departure: Departure::Deactivate,
        at: None,
        time_zone: None,
    }
}

async fn start(app: &TestApp, new: &NewOffboarding) -> Result<OffboardingRecord, OperatorError> {
    app.operator().start_offboarding(new, None, ACTOR).await
}

/// Starts one and waits until it is done.
async fn done(app: &TestApp, new: &NewOffboarding) -> OffboardingRecord {
    let id = start(app, new).await.unwrap().id.unwrap();
    ended(app, id).await
}

async fn ended(app: &TestApp, id: Uuid) -> OffboardingRecord {
    for _ in 0..200 {
        let record = app.operator().offboarding(id).await.unwrap();
        if record.state == "done" {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the offboarding is not done after ten seconds");
}

/// `name state`, or `name tenant outcome` for each tenant; tenants by number.
fn told(record: &OffboardingRecord, tenants: &[&TestTenant]) -> Vec<String> {
    let number = |name: &str| tenants.iter().position(|it| it.name() == name).unwrap();
    let mut told = Vec::new();
    for person in &record.people {
        if person.tenants.is_empty() {
            told.push(format!("{} {}", person.name, person.state));
        }
        for it in &person.tenants {
            told.push(format!("{} {} {}", person.name, number(&it.tenant), it.outcome));
        }
    }
    told.sort();
    told
}

async fn is_active(tenant: &TestTenant, user: &Resource) -> bool {
    tenant.get(user).await.expect(200)["active"] == json!(true)
}

/// So many seconds from now, as clocks in Kathmandu show it.
fn in_kathmandu(seconds: i64) -> String {
    let then = Clock::system().now_us() + seconds * 1_000_000;
    let then = Timestamp::from_microsecond(then).unwrap();
    then.to_zoned(TimeZone::get("Asia/Kathmandu").unwrap()).datetime().to_string()
}

on_both_databases! {
    async fn who_is_named_leaves_everywhere(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let here = [person(&acme, "ann").await, person(&acme, "bob").await];
        let there = [person(&globex, "ann").await, person(&globex, "cid").await];
        acme.patch(&here[1], replace("active", false)).await.expect(200);

        let record = done(&app, &of(&["ann@work.example", "bob@work.example", "x@x.example"])).await;

        assert_eq!(told(&record, &[&acme, &globex]), [
            "ann@work.example 0 deactivated",
            "ann@work.example 1 deactivated",
            "bob@work.example 0 already_inactive",
            "x@x.example not_found",
        ]);
        assert!(!is_active(&acme, &here[0]).await && !is_active(&globex, &there[0]).await);
        assert!(is_active(&globex, &there[1]).await);
        let ann = &record.people[0].tenants[0];
        let txn = ann.txn.clone().unwrap();
        assert!(ann.receipt.as_ref().unwrap().ends_with(&txn));
        let log = app.operator().audit(&ann.tenant, &Default::default()).await.unwrap();
        let entry = log.iter().find(|entry| entry.txn == txn).unwrap();
        assert_eq!((&entry.actor[..], &entry.attributes[..]), (ACTOR, &["active".to_owned()][..]));
    }

    async fn only_the_tenants_that_are_named_are_looked_through(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (ann, other) = (person(&acme, "ann").await, person(&globex, "ann").await);
        let tenants = vec![acme.name().to_owned()];
        let by = NameKind::ExternalId;

        let new = NewOffboarding { tenants, by, departure: Departure::Delete, ..of(&["hr-ann"]) };
        let record = done(&app, &new).await;

        assert_eq!(told(&record, &[&acme]), ["hr-ann 0 deleted"]);
        acme.get(&ann).await.expect_error(404, None);
        assert!(is_active(&globex, &other).await);
    }

    async fn the_brake_does_not_hold_who_is_named_but_protection_does(app: TestApp) {
        let acme = app.new_tenant().await;
        let change = json!({ "people": 1 }).as_object().unwrap().clone();
        app.operator().change_brake(acme.name(), change, ACTOR).await.unwrap();
        let mut users = Vec::new();
        for name in ["ann", "bob", "cid"] {
            users.push(person(&acme, name).await);
        }
        acme.delete(&users[0]).await.expect(204);
        acme.delete(&users[1]).await.expect_error(429, None);
        app.operator().protect_user(acme.name(), users[2].id(), "owner", ACTOR).await.unwrap();

        let record = done(&app, &of(&["bob@work.example", "cid@work.example"])).await;

        assert_eq!(told(&record, &[&acme]), [
            "bob@work.example 0 deactivated",
            "cid@work.example 0 refused",
        ]);
        let refused = record.people[1].tenants[0].detail.as_deref().unwrap();
        assert!(refused.contains("protected"), "{refused}");
        assert!(is_active(&acme, &users[2]).await);
        assert_eq!(app.operator().brake(acme.name()).await.unwrap().held, 0);
    }

    async fn a_name_that_several_have_touches_nobody(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = person(&acme, "ann").await;
        let emails = json!([{ "value": "ann@work.example" }]);
        let twin = json!({ "userName": "twin", "active": true, "emails": emails });
        let twin = acme.create("Users", twin).await;

        let record = done(&app, &of(&["ann@work.example"])).await;

        assert_eq!(told(&record, &[&acme]), ["ann@work.example 0 ambiguous"]);
        assert!(record.people[0].tenants[0].detail.as_ref().unwrap().contains("2 users"));
        assert!(is_active(&acme, &ann).await && is_active(&acme, &twin).await);
    }

    async fn a_preview_touches_nobody(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = person(&acme, "ann").await;

        let new = of(&["ann@work.example", "x@x.example"]);
        let record = app.operator().preview_offboarding(&new, ACTOR).await.unwrap();

        assert_eq!(told(&record, &[&acme]), ["ann@work.example 0 found", "x@x.example not_found"]);
        assert_eq!((record.id, record.state), (None, "preview"));
        assert_eq!(record.people[0].tenants[0].user.as_deref(), Some(ann.id()));
        assert!(is_active(&acme, &ann).await);
        assert!(app.operator().offboardings(None, None).await.unwrap().is_empty());
    }

    async fn one_that_is_planned_waits_for_its_time_and_can_be_called_off(app: TestApp) {
        let acme = app.new_tenant().await;
        let (ann, bob) = (person(&acme, "ann").await, person(&acme, "bob").await);
        let planned = async |name: &str, seconds| {
            let time_zone = Some("Asia/Kathmandu".to_owned());
            let new = NewOffboarding { at: Some(in_kathmandu(seconds)), time_zone, ..of(&[name]) };
            start(&app, &new).await.unwrap()
        };

        let soon = planned("ann@work.example", 2).await;
        let later = planned("bob@work.example", 3_600).await;

        assert_eq!((soon.state, later.state), ("scheduled", "scheduled"));
        assert!(is_active(&acme, &ann).await);
        let (soon, later) = (soon.id.unwrap(), later.id.unwrap());
        assert_eq!(told(&ended(&app, soon).await, &[&acme]), ["ann@work.example 0 deactivated"]);
        assert!(!is_active(&acme, &ann).await);
        let cancel = async |id| app.operator().cancel_offboarding(id).await;
        assert_eq!(cancel(later).await.unwrap().state, "cancelled");
        assert_eq!(cancel(later).await.unwrap_err().status(), 409);
        assert_eq!(cancel(soon).await.unwrap_err().status(), 409);
        assert_eq!(cancel(Uuid::nil()).await.unwrap_err().status(), 404);
        assert!(is_active(&acme, &bob).await);
        let listed = app.operator().offboardings(None, None).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|it| (it.id.unwrap(), it.state)).collect();
        assert_eq!(listed, [(later, "cancelled"), (soon, "done")]);
        assert_eq!(app.operator().offboardings(Some(later), None).await.unwrap().len(), 1);
    }

    async fn what_is_asked_twice_under_one_key_is_done_once(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = person(&acme, "ann").await;
        let ask = async |new: &NewOffboarding, key: &str| {
            app.operator().start_offboarding(new, Some(key), ACTOR).await
        };
        let new = of(&["ann@work.example"]);
        let first = ask(&new, "leave-1").await.unwrap().id.unwrap();
        ended(&app, first).await;
        acme.patch(&ann, replace("active", true)).await.expect(200);

        let second = ask(&new, "leave-1").await.unwrap();

        assert_eq!((second.id, second.state), (Some(first), "done"));
        assert!(is_active(&acme, &ann).await, "it is not done again");
        let other = ask(&of(&["bob@work.example"]), "leave-1").await.unwrap_err();
        assert_eq!(other.status(), 409);
        let delete = NewOffboarding { departure: Departure::Delete, ..new.clone() };
        assert_eq!(ask(&delete, "leave-1").await.unwrap_err().status(), 409);
        assert_eq!(ask(&new, "").await.unwrap_err().status(), 400);
        assert_eq!(ask(&new, &"k".repeat(256)).await.unwrap_err().status(), 400);
        let both = tokio::join!(ask(&new, "leave-2"), ask(&new, "leave-2"));
        assert_eq!(both.0.unwrap().id, both.1.unwrap().id);
    }

    async fn what_cannot_be_is_refused(app: TestApp) {
        let acme = app.new_tenant().await;
        person(&acme, "ann").await;
        let ann = of(&["ann@work.example"]);
        let some = |text: &str| Some(text.to_owned());
        for (new, status, named) in [
            (of(&[]), 400, "nobody"),
            (of(&["a\nb"]), 400, "number 1"),
            (NewOffboarding { tenants: vec!["nobody".to_owned()], ..ann.clone() }, 404, "nobody"),
            (NewOffboarding { at: some("soon"), ..ann.clone() }, 400, "soon"),
            (NewOffboarding { at: some("2020-01-01T00:00:00Z"), ..ann.clone() }, 400, "passed"),
            (NewOffboarding { time_zone: some("UTC"), ..ann.clone() }, 400, "without `at`"),
        ] {
            let refused = start(&app, &new).await.unwrap_err();
            assert_eq!(refused.status(), status, "{refused}");
            assert!(refused.to_string().contains(named), "{refused}");
            let refused = app.operator().preview_offboarding(&new, ACTOR).await.unwrap_err();
            assert_eq!(refused.status(), status, "{refused}");
        }
    }
}

/// Users of the offboarding that is cut off.
const MANY: usize = 300;

/// A process dies in the midst of an offboarding; the next one does the rest.
async fn a_kill_loses_nobody(database: Database) {
    let Some(home) = Home::new(database).await else { return };
    let token = home.make_acme().await;
    let operator = home.operator().await;
    let process = Process::start(&home).await;
    let users = |address: &str| format!("{address}/t/acme/scim/v2/Users");
    let http = reqwest::Client::new();
    for nth in 0..MANY {
        let user = json!({ "userName": format!("user{nth}"), "active": true });
        let made = http.post(users(process.address())).bearer_auth(&token).json(&user);
        assert_eq!(made.send().await.unwrap().status(), 201);
    }
    let people = (0..MANY).map(|nth| format!("user{nth}")).collect();
    let new = NewOffboarding { people, by: NameKind::UserName, ..of(&[]) };
    let id = operator.start_offboarding(&new, None, ACTOR).await.unwrap().id.unwrap();
    let waiting = async || {
        let people = operator.offboarding(id).await.unwrap().people;
        people.iter().filter(|person| person.state == "waiting").count()
    };
    while waiting().await == MANY {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    process.kill();

    assert_ne!(waiting().await, 0, "it is to be cut off in the midst");
    let next = Process::start(&home).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(40);
    while operator.offboarding(id).await.unwrap().state != "done" {
        assert!(tokio::time::Instant::now() < deadline, "{} still wait", waiting().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let people = operator.offboarding(id).await.unwrap().people;
    let outcomes: Vec<&str> = people.iter().map(|it| it.tenants[0].outcome.as_str()).collect();
    let again = outcomes.iter().filter(|it| **it == "already_inactive").count();
    assert!(again <= 1, "one person is repeated at most: {again}");
    assert!(outcomes.iter().all(|it| ["deactivated", "already_inactive"].contains(it)));
    let active = http.get(format!("{}?filter=active%20eq%20true", users(next.address())));
    let active: serde_json::Value =
        active.bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(active["totalResults"], 0);
    next.kill();
    home.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nobody_on_sqlite() {
    a_kill_loses_nobody(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nobody_on_postgres() {
    a_kill_loses_nobody(Database::Postgres).await;
}
