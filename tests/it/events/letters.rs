//! What was given up at a receiver, what is sent to it again, and the order that
//! is kept meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use muster::provision::operator::{Letters, Replay, ReplayStart};
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};

use super::*;
use crate::support::{Delivery, SetReceiver, short_name};

const ALL: Letters = Letters { seqs: Vec::new(), events: Vec::new(), all: true, dry_run: false };

/// A receiver that says of everything that it is too large, until it is content.
async fn fussy() -> (SetReceiver, Arc<AtomicBool>) {
    let content = Arc::new(AtomicBool::new(false));
    let is_content = Arc::clone(&content);
    let receiver = SetReceiver::answering(move |_| {
        if is_content.load(Ordering::Relaxed) { (202, "") } else { (413, "") }
    });
    (receiver.await, content)
}

fn accepted(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().filter(|it| it.status == 202).map(Delivery::event).collect()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..400 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

fn from(start: ReplayStart) -> Replay {
    Replay { start, to_seq: None, to_us: None, events: Vec::new(), dry_run: false }
}

on_both_databases! {
    async fn what_was_given_up_can_be_listed_sent_once_more_and_thrown_away(app: TestApp) {
        let acme = app.new_tenant().await;
        let (receiver, content) = fussy().await;
        let stream = open(&app, &acme, stream_of_all(Some(receiver.url()))).await;
        let (operator, tenant) = (app.operator(), acme.name());
        let listed = async || operator.dead_letters(tenant, stream.id, 0, 100).await.unwrap();
        let user = user(&acme, "barbara").await;
        until("both are given up", async || listed().await.len() == 2).await;

        let letters = listed().await;
        let names: Vec<&str> = letters.iter().map(|it| short_name(it.event.as_str())).collect();
        assert_eq!(names, [CREATE, ACTIVATE]);
        let first = &letters[0];
        assert_eq!((first.attempts, first.last_status), (1, Some(413)));
        assert_eq!(first.resource, user.path());
        let page = operator.dead_letters(tenant, stream.id, first.seq, 100).await.unwrap();
        assert_eq!(page.len(), 1);

        let dry = Letters { dry_run: true, ..ALL };
        let moved = operator.redrive(tenant, stream.id, &dry, false).await.unwrap();
        assert_eq!((moved.count, moved.dry_run, listed().await.len()), (2, true, 2));
        let none = Letters::default();
        let refused = operator.redrive(tenant, stream.id, &none, false).await.unwrap_err();
        assert_eq!(refused.status(), 400);

        content.store(true, Ordering::Relaxed);
        let one = Letters { seqs: vec![first.seq], ..Letters::default() };
        let moved = operator.redrive(tenant, stream.id, &one, false).await.unwrap();
        assert_eq!((moved.count, moved.first_seq), (1, Some(first.seq)));
        let deliveries =
            receiver.wait_until(|deliveries| accepted(deliveries).len() == 1).await;
        assert_eq!(accepted(&deliveries), [CREATE]);
        assert_eq!(deliveries[0].jti(), deliveries.last().unwrap().jti());

        let gone = operator.discard(tenant, stream.id, &ALL, "operator:test").await.unwrap();
        assert_eq!((gone.count, listed().await.len()), (1, 0));
        let other = app.new_tenant().await;
        let foreign = operator.dead_letters(other.name(), stream.id, 0, 1).await.unwrap_err();
        assert_eq!(foreign.status(), 404);
    }

    async fn an_older_state_is_not_sent_behind_a_later_one(app: TestApp) {
        let acme = app.new_tenant().await;
        let (receiver, content) = fussy().await;
        let events = [EventUri::SessionRevoked, EventUri::AccountDisabled, EventUri::AccountEnabled,
            EventUri::ProvPatchNotice].to_vec();
        let stream =
            open(&app, &acme, NewStream { events, ..stream_of_all(Some(receiver.url())) }).await;
        let (operator, tenant) = (app.operator(), acme.name());
        let listed = async || operator.dead_letters(tenant, stream.id, 0, 100).await.unwrap();
        let user = user(&acme, "barbara").await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        until("three are given up", async || listed().await.len() == 3).await;
        content.store(true, Ordering::Relaxed);

        // Nothing later arrived: what was given up together goes together.
        let dry = Letters { dry_run: true, ..ALL };
        let moved = operator.redrive(tenant, stream.id, &dry, false).await.unwrap();
        assert_eq!((moved.count, moved.outdated.len()), (3, 0));

        acme.patch(&user, replace("active", true)).await.expect(200);
        receiver.wait_until(|deliveries| accepted(deliveries).len() == 2).await;
        until("it is recorded", async || operator.streams(tenant).await.unwrap()[0].pending == 0)
            .await;
        let moved = operator.redrive(tenant, stream.id, &ALL, false).await.unwrap();
        assert_eq!((moved.count, moved.outdated.len()), (1, 2));
        let deliveries = receiver.wait_until(|it| accepted(it).len() == 3).await;
        assert_eq!(accepted(&deliveries), [ENABLED, PATCH, PATCH]);

        let moved = operator.redrive(tenant, stream.id, &ALL, true).await.unwrap();
        assert_eq!((moved.count, moved.outdated.len()), (2, 0));
        receiver.wait_until(|deliveries| accepted(deliveries).len() == 5).await;
    }

    async fn a_replay_is_the_same_sets_again_and_no_others(app: TestApp) {
        let acme = app.new_tenant().await;
        let receiver = SetReceiver::start().await;
        let stream = open(&app, &acme, stream_of_all(Some(receiver.url()))).await;
        let (operator, tenant) = (app.operator(), acme.name());
        let replay = async |replay: Replay| operator.replay(tenant, stream.id, &replay).await;
        let user = user(&acme, "barbara").await;
        acme.patch(&user, replace("active", false)).await.expect(200);
        let before = receiver.wait_for(6).await;
        until("all is recorded", async || operator.streams(tenant).await.unwrap()[0].pending == 0)
            .await;
        let seqs: Vec<i64> = before.iter().map(|it| it.stream_seq()).collect();
        assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");

        let dry = Replay { dry_run: true, ..from(ReplayStart::Seq(0)) };
        assert_eq!(replay(dry).await.unwrap().count, 6);
        let revoked = Replay { events: vec![EventUri::SessionRevoked], ..from(ReplayStart::Time(0)) };
        assert_eq!(replay(revoked).await.unwrap().count, 1);
        let came = receiver.wait_for(7).await;
        let again = came.last().unwrap();
        let first = before.iter().find(|it| it.event() == REVOKED).unwrap();
        assert_eq!((again.jti(), again.claims()), (first.jti(), first.claims()));
        // What was delivered before does not count as pending when it is replayed.
        let all = || Replay { dry_run: true, ..from(ReplayStart::Seq(0)) };
        until("it is recorded", async || replay(all()).await.unwrap().count == 6).await;

        let rest = Replay {
            to_seq: Some(seqs[4]),
            ..from(ReplayStart::After(before[1].jti()))
        };
        assert_eq!(replay(rest).await.unwrap().count, 3);
        let came = receiver.wait_for(10).await;
        let names: Vec<String> = came[7..].iter().map(Delivery::event).collect();
        assert_eq!(names, [DISABLED, REVOKED, DEACTIVATE]);
        let unknown = replay(from(ReplayStart::After("nothing".to_owned()))).await.unwrap_err();
        assert_eq!(unknown.status(), 404);
    }

    async fn a_stream_that_is_made_later_can_have_what_happened_before(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = user(&acme, "barbara").await;
        let receiver = SetReceiver::start().await;
        let stream = open(&app, &acme, stream_of_all(Some(receiver.url()))).await;
        let (operator, tenant) = (app.operator(), acme.name());

        let moved = operator.replay(tenant, stream.id, &from(ReplayStart::Seq(1))).await.unwrap();
        assert_eq!(moved.count, 2);
        acme.patch(&user, replace("active", false)).await.expect(200);

        let mut names: Vec<String> =
            receiver.wait_for(6).await.iter().map(Delivery::event).collect();
        names.sort_unstable();
        let mut expected = [CREATE, ACTIVATE, DISABLED, REVOKED, DEACTIVATE, PATCH];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    async fn the_operations_are_there_over_http(app: TestApp) {
        let acme = app.new_tenant().await;
        let (receiver, content) = fussy().await;
        let stream = open(&app, &acme, stream_of_all(Some(receiver.url()))).await;
        let hour = Duration::from_secs(3600);
        let issued = app.operator().issue_operator_token("test", hour).await.unwrap();
        let send = async |method: Method, path: &str, body: Value| {
            let (name, id) = (acme.name(), stream.id);
            let url = format!("{}/admin/v1/tenants/{name}/streams/{id}/{path}", app.address());
            let request = app.http().request(method, url);
            let request = request.bearer_auth(issued.token.expose_secret());
            let request = if body.is_null() { request } else { request.json(&body) };
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        user(&acme, "barbara").await;
        until("both are given up", async || {
            let (status, dead) = send(Method::GET, "dlq?limit=10", Value::Null).await;
            assert_eq!(status, 200, "{dead}");
            dead["items"].as_array().unwrap().len() == 2
        })
        .await;
        content.store(true, Ordering::Relaxed);

        for (path, body, status, count) in [
            ("redrive", json!({}), 400, Value::Null),
            ("redrive", json!({ "events": ["urn:none"] }), 400, Value::Null),
            ("redrive", json!({ "all": true, "dry_run": true }), 202, json!(2)),
            ("redrive", json!({ "events": [EventUri::ProvActivate.as_str()] }), 202, json!(1)),
            ("discard", json!({ "all": true }), 200, json!(1)),
            ("replay", json!({}), 400, Value::Null),
            ("replay", json!({ "from_seq": 1, "from_time": "2026-01-01T00:00:00Z" }), 400, Value::Null),
            ("replay", json!({ "from_time": "yesterday" }), 400, Value::Null),
            ("replay", json!({ "after_jti": "none" }), 404, Value::Null),
            ("replay", json!({ "from_time": "2026-01-01T00:00:00Z", "to_seq": 0 }), 202, json!(0)),
        ] {
            let asked = format!("{path} {body}");
            let (answered, answer) = send(Method::POST, path, body).await;
            assert_eq!((answered, &answer["count"]), (status, &count), "{asked}: {answer}");
        }
    }

    async fn whoever_pages_through_events_misses_none_that_is_committed_late(app: TestApp) {
        // E2
        let acme = app.new_tenant().await;
        let Some(url) = app.postgres_url() else { return };
        let mut late = PgConnection::connect(url).await.unwrap();
        let page = async |after: i64| {
            app.operator().events(Some(acme.name()), after, 100).await.unwrap()
        };
        user(&acme, "before").await;
        let seen = page(0).await;

        // A transaction that takes its place in the order and is slow to commit.
        sqlx::query("begin").execute(&mut late).await.unwrap();
        sqlx::query(
            "insert into outbox (tenant_id, event_id, txn, subject_key, event_uri, event_bit,
                payload, subject, occurred_us)
             select tenant_id, gen_random_uuid(), 'tx_late', subject_key, event_uri, event_bit,
                payload, subject, occurred_us from outbox order by seq limit 1",
        )
        .execute(&mut late)
        .await
        .unwrap();
        user(&acme, "after").await;
        let meanwhile = page(seen.last().unwrap().seq).await;
        sqlx::query("commit").execute(&mut late).await.unwrap();

        let mut paged = seen;
        paged.extend(meanwhile);
        loop {
            let next = page(paged.last().unwrap().seq).await;
            if next.is_empty() {
                break;
            }
            paged.extend(next);
        }
        let late = paged.iter().filter(|event| event.txn == "tx_late").count();
        let mut seqs: Vec<i64> = paged.iter().map(|event| event.seq).collect();
        assert_eq!((late, seqs.len()), (1, 5), "{paged:?}");
        seqs.sort_unstable();
        seqs.dedup();
        assert_eq!(seqs.len(), 5, "none comes twice");
    }
}
