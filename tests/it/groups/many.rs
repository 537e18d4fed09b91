//! Many members: in one request, in one group, at the same time.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use super::{GROUP, add, crowd, group, members, remove, user};
use crate::support::{Answer, Request, Resource, TestApp, TestTenant};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const MANY: usize = 30_000;
/// What a request with [`MANY`] members may take, on a machine that does other things too.
const BOUND: Duration = Duration::from_secs(10);

fn patch(tenant: &TestTenant, group: &Resource, operations: Vec<Value>) -> Request {
    let body = json!({ "schemas": [PATCH], "Operations": operations });
    tenant.request(Method::PATCH, &group.path()).json(body)
}

fn put(tenant: &TestTenant, group: &Resource, ids: &[&str]) -> Request {
    let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    let body = json!({ "schemas": [GROUP], "displayName": "Staff", "members": members });
    let path = format!("{}?excludedAttributes=members", group.path());
    tenant.request(Method::PUT, &path).json(body)
}

async fn version(tenant: &TestTenant, group: &Resource) -> String {
    let path = format!("{}?attributes=displayName", group.path());
    let answer = tenant.request(Method::GET, &path).await.expect(200);
    answer.headers["etag"].to_str().unwrap().to_owned()
}

async fn timed(what: &str, request: Request, status: u16) -> Answer {
    let started = Instant::now();
    let answer = request.await.expect(status);
    let took = started.elapsed();
    assert!(took < BOUND, "{what} took {took:?}");
    println!("{what}: {took:?}");
    answer
}

on_both_databases! {
    async fn thirty_thousand_members_in_one_request(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let ids = crowd::copies(&app, &ann, MANY + 10_000).await;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (first, rest) = ids.split_at(MANY);
        let staff = group(&acme, "Staff", &[]).await;

        // R352, Q65
        timed("add", patch(&acme, &staff, vec![add(first)]), 204).await;
        assert_eq!(version(&acme, &staff).await, "W/\"2\"");
        // R366, Q64: they are there already.
        timed("add again", patch(&acme, &staff, vec![add(first)]), 204).await;
        assert_eq!(version(&acme, &staff).await, "W/\"2\"");

        // R327: a tenth of them goes, others come.
        let next = [&first[MANY / 10..], rest].concat();
        timed("put", put(&acme, &staff, &next), 200).await;
        timed("put again", put(&acme, &staff, &next), 200).await;
        assert_eq!(version(&acme, &staff).await, "W/\"3\"");
        let held = members(&acme.get(&staff).await.expect(200));
        assert_eq!(held, next.iter().map(|id| (*id).to_owned()).collect());

        // R384, A46: those who are listed go, and nobody else.
        let listed = next[..MANY].iter().map(|id| json!({ "value": id })).collect::<Vec<_>>();
        let gone = json!({ "op": "remove", "path": "members", "value": listed });
        timed("remove", patch(&acme, &staff, vec![gone]), 204).await;
        let held = members(&acme.get(&staff).await.expect(200));
        assert_eq!(held, next[MANY..].iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(held.len(), 7_000);

        // Q52
        let all = json!({ "op": "remove", "path": "members" });
        timed("empty", patch(&acme, &staff, vec![all.clone()]), 200).await;
        assert!(members(&acme.get(&staff).await).is_empty());
        let before = version(&acme, &staff).await;
        patch(&acme, &staff, vec![all]).await.expect(200);
        assert_eq!(version(&acme, &staff).await, before);
    }

    async fn a_thousand_operations_of_one_member_each(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let ids = crowd::copies(&app, &ann, 11_000).await;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (few, crowd) = ids.split_at(1_000);
        let staff = group(&acme, "Staff", &[]).await;
        patch(&acme, &staff, vec![add(crowd)]).await.expect(204);

        // Q65, A45: the group's other members cost nothing.
        let adds = few.iter().map(|id| add(&[id])).collect();
        timed("1,000 adds", patch(&acme, &staff, adds), 204).await;
        let removes = few.iter().map(|id| remove(id)).collect();
        timed("1,000 removes", patch(&acme, &staff, removes), 204).await;
        let held = members(&acme.get(&staff).await.expect(200));
        assert_eq!(held, crowd.iter().map(|id| (*id).to_owned()).collect());

        // R380: no members any more, so nothing changes.
        let before = version(&acme, &staff).await;
        let removes = few.iter().map(|id| remove(id)).collect();
        patch(&acme, &staff, removes).await.expect(204);
        assert_eq!(version(&acme, &staff).await, before);

        // Several in one filter are looked up too, beside a hundred thousand others.
        let some: Vec<String> = crowd[..40].iter().map(|id| format!("value eq \"{id}\"")).collect();
        let path = format!("members[{}]", some.join(" or "));
        let gone = json!({ "op": "remove", "path": path });
        timed("40 in a filter", patch(&acme, &staff, vec![gone]), 204).await;
        let held = members(&acme.get(&staff).await.expect(200));
        assert_eq!(held, crowd[40..].iter().map(|id| (*id).to_owned()).collect());
    }

    async fn a_thousand_members_come_at_once(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let ids = crowd::copies(&app, &ann, 1_000).await;
        let staff = group(&acme, "Staff", &[]).await;

        // A83, R353, Q63
        let path = format!("{}?attributes=displayName", staff.path());
        let answers = join_all(ids.iter().map(|id| {
            let body = json!({ "schemas": [PATCH], "Operations": [add(&[id])] });
            acme.request(Method::PATCH, &path).json(body).send()
        }))
        .await;

        for answer in &answers {
            assert_eq!(answer.status, 200, "{answer}");
        }
        let after = acme.get(&staff).await.expect(200);
        assert_eq!(members(&after), ids.iter().cloned().collect());
        assert_eq!(after["meta"]["version"], "W/\"1001\"");
    }

    async fn whoever_adds_one_among_many_is_told_the_truth(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let ids = crowd::copies(&app, &ann, 900).await;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (there, rest) = ids.split_at(600);
        let staff = group(&acme, "Staff", &[]).await;
        patch(&acme, &staff, vec![add(there)]).await.expect(200);

        // Where connections are short some may be sent away, but nobody whose change
        // is made: that answer waits for a connection.
        let adds = rest.iter().map(|id| patch(&acme, &staff, vec![add(&[id])]).send());
        let mut told: BTreeSet<String> = there.iter().map(|id| (*id).to_owned()).collect();
        for (id, answer) in rest.iter().zip(join_all(adds).await) {
            match answer.status {
                200 => {
                    assert!(members(&answer).contains(*id));
                    told.insert((*id).to_owned());
                }
                status => assert_eq!(status, 503, "{}", answer["detail"]),
            }
        }
        assert_eq!(members(&acme.get(&staff).await.expect(200)), told);
    }

    async fn whoever_goes_leaves_five_hundred_groups(app: TestApp) {
        let acme = app.new_tenant().await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        let team = group(&acme, "Team", &[&bob]).await;
        let create = |number: usize| {
            let (acme, held) = (&acme, [&ann, &team]);
            async move { group(acme, &format!("g{number}"), &held).await }
        };
        let all = join_all((0..510).map(create)).await;

        // R122
        timed("delete a user", acme.delete(&ann), 204).await;
        timed("delete a group", acme.delete(&team), 204).await;

        let list = acme.request(Method::GET, "/Groups?count=1000").await.expect(200);
        assert_eq!(list["totalResults"], all.len());
        for group in list["Resources"].as_array().unwrap() {
            assert_eq!(group["members"], json!([]), "{group}");
            assert_eq!(group["meta"]["version"], "W/\"3\"", "{group}");
        }
        let of_bob = acme.get(&bob).await;
        assert!(of_bob["groups"].as_array().is_none_or(Vec::is_empty), "{of_bob}");
    }

    async fn members_that_are_deleted_meanwhile_are_not_there_after(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let people =
            join_all((0..30).map(|number| { let acme = &acme; async move { user(acme, &format!("u{number}")).await } })).await;
        let staff = group(&acme, "Staff", &[]).await;

        // A85: each pair in some order.
        let ids: Vec<&str> = people.iter().map(Resource::id).collect();
        let changes = ids.iter().zip(&people).flat_map(|(id, person)| {
            let put = put(&acme, &staff, &[id]);
            [patch(&acme, &staff, vec![add(&[id])]).send(), acme.delete(person).send(), put.send()]
        });
        let answers = join_all(changes).await;

        for (place, answer) in answers.iter().enumerate() {
            let allowed: &[u16] = if place % 3 == 1 { &[204] } else { &[200, 400] };
            assert!(allowed.contains(&answer.status), "{answer}");
        }
        assert_eq!(members(&acme.get(&staff).await.expect(200)), BTreeSet::new());
    }
}
