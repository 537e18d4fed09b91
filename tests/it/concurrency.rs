//! Many clients at once: no change is lost, none is made twice, and nobody is
//! told that the service failed.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Request, Resource, TestApp, TestTenant, replace};

/// Sends all of them before any is answered.
async fn all(requests: impl IntoIterator<Item = Request>) -> Vec<Answer> {
    join_all(requests.into_iter().map(Request::send)).await
}

async fn users(tenant: &TestTenant, prefix: &str, count: usize) -> Vec<Resource> {
    let create =
        |number| tenant.create("Users", json!({ "userName": format!("{prefix}{number}") }));
    join_all((0..count).map(create)).await
}

async fn group(tenant: &TestTenant, name: &str, members: &[Resource]) -> Resource {
    let members: Vec<Value> = members.iter().map(|user| json!({ "value": user.id() })).collect();
    tenant.create("Groups", json!({ "displayName": name, "members": members })).await
}

fn add(user: &Resource) -> Value {
    json!({ "op": "add", "path": "members", "value": [{ "value": user.id() }] })
}

fn remove(user: &Resource) -> Value {
    json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", user.id()) })
}

/// The ids of a group's members, each of which must be there once.
#[track_caller]
fn members(group: &Answer) -> BTreeSet<String> {
    let listed = group["members"].as_array().cloned().unwrap_or_default();
    let ids: BTreeSet<String> =
        listed.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), listed.len(), "a member is there twice: {group}");
    ids
}

fn ids(users: &[Resource]) -> BTreeSet<String> {
    users.iter().map(|user| user.id().to_owned()).collect()
}

#[track_caller]
fn assert_statuses(answers: &[Answer], allowed: &[u16]) {
    for answer in answers {
        assert!(allowed.contains(&answer.status), "not one of {allowed:?}: {answer}");
    }
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

on_both_databases! {
    async fn two_hundred_members_come_at_once(app: TestApp) {
        // A83, R353
        let acme = app.new_tenant().await;
        let people = users(&acme, "u", 200).await;
        let staff = group(&acme, "Staff", &[]).await;

        let answers = all(people.iter().map(|user| acme.patch(&staff, add(user)))).await;

        assert_statuses(&answers, &[200]);
        let after = acme.get(&staff).await;
        assert_eq!(members(&after), ids(&people));
        assert_eq!(after["meta"]["version"], "W/\"201\"");
        let versions: BTreeSet<_> =
            answers.iter().map(|answer| answer["meta"]["version"].to_string()).collect();
        assert_eq!(versions.len(), 200, "each change has a version of its own");
    }

    async fn some_come_while_others_go(app: TestApp) {
        // R353
        let acme = app.new_tenant().await;
        let (old, new) = (users(&acme, "old", 40).await, users(&acme, "new", 40).await);
        let staff = group(&acme, "Staff", &old).await;

        let changes = old.iter().zip(&new).flat_map(|(gone, come)| {
            [acme.patch(&staff, remove(gone)), acme.patch(&staff, add(come))]
        });
        let answers = all(changes).await;

        assert_statuses(&answers, &[200]);
        let after = acme.get(&staff).await;
        assert_eq!(members(&after), ids(&new));
        assert_eq!(after["meta"]["version"], "W/\"81\"");
    }

    async fn the_same_member_fifty_times_is_one_change(app: TestApp) {
        let acme = app.new_tenant().await;
        let people = users(&acme, "u", 1).await;
        let staff = group(&acme, "Staff", &[]).await;
        let before = acme.events().await.len();

        let answers = all((0..50).map(|_| acme.patch(&staff, add(&people[0])))).await;

        assert_statuses(&answers, &[200]);
        let after = acme.get(&staff).await;
        assert_eq!(members(&after), ids(&people));
        assert_eq!(after["meta"]["version"], "W/\"2\"");
        assert_eq!(acme.events().await[before..], ["prov:patch:notice"]);

        let answers = all((0..50).map(|_| acme.patch(&staff, remove(&people[0])))).await;

        assert_statuses(&answers, &[200]);
        let after = acme.get(&staff).await;
        assert!(members(&after).is_empty());
        assert_eq!(after["meta"]["version"], "W/\"3\"");
    }

    async fn of_fifty_writers_with_one_etag_one_wins(app: TestApp) {
        // A84, R460
        let acme = app.new_tenant().await;
        let user = &users(&acme, "u", 1).await[0];

        let changes = (0..50).map(|number| {
            acme.patch(user, replace("displayName", format!("n{number}"))).if_match(user.etag())
        });
        let answers = all(changes).await;

        assert_statuses(&answers, &[200, 412]);
        assert_eq!(count(&answers, 200), 1);
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
        let after = acme.get(user).await;
        assert_eq!(after["displayName"], winner["displayName"]);
        assert_eq!(after["meta"]["version"], "W/\"2\"");
    }

    async fn of_a_hundred_equal_creations_one_is_made(app: TestApp) {
        // A81, R198
        let acme = app.new_tenant().await;
        let body = json!({ "userName": "bjensen", "active": false });

        let answers =
            all((0..100).map(|_| acme.request(Method::POST, "/Users").json(body.clone()))).await;

        assert_eq!(count(&answers, 201), 1);
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            refused.expect_error(409, Some("uniqueness"));
        }
        assert_eq!(acme.list("Users", r#"userName eq "bjensen""#).await["totalResults"], 1);
        assert_eq!(acme.events().await, ["prov:create:notice"]);
    }

    async fn names_are_swapped_without_a_failure(app: TestApp) {
        // A82
        let acme = app.new_tenant().await;
        let people = users(&acme, "u", 2).await;
        let (a, b) = (&people[0], &people[1]);

        for _ in 0..10 {
            let renames = [(a, "u1"), (b, "u0"), (a, "x"), (b, "x"), (a, "u0"), (b, "u1")];
            let renames = renames.map(|(user, name)| acme.patch(user, replace("userName", name)));
            assert_statuses(&all(renames).await, &[200, 409]);
            let names = [&acme.get(a).await["userName"], &acme.get(b).await["userName"]]
                .map(Value::clone);
            assert_ne!(names[0], names[1]);
        }
    }

    async fn a_name_is_taken_while_it_is_given_up(app: TestApp) {
        // A82
        let acme = app.new_tenant().await;
        let body = json!({ "userName": "storm" });
        let storm = async || {
            for _ in 0..10 {
                let made = acme.request(Method::POST, "/Users").json(body.clone()).await;
                assert_statuses(std::slice::from_ref(&made), &[201, 409]);
                if made.status == 201 {
                    let user = Resource::new("Users", made);
                    let gone = all([
                        acme.delete(&user),
                        acme.delete(&user),
                        acme.put(&user).json(body.clone()),
                    ]);
                    let gone = gone.await;
                    assert_statuses(&gone[..2], &[204, 404]);
                    assert_eq!(count(&gone[..2], 204), 1, "it is deleted once: {gone:?}");
                    assert_statuses(&gone[2..], &[200, 404]);
                }
            }
        };

        join_all((0..8).map(|_| storm())).await;

        assert_eq!(acme.list("Users", r#"userName eq "storm""#).await["totalResults"], 0);
        acme.create("Users", body.clone()).await;
    }

    async fn nobody_who_is_deleted_stays_a_member(app: TestApp) {
        // A85, R122
        let acme = app.new_tenant().await;
        let people = users(&acme, "u", 40).await;
        let staff = group(&acme, "Staff", &people[..20]).await;

        let everybody: Vec<Value> =
            people.iter().map(|user| json!({ "value": user.id() })).collect();
        let changes = people.iter().enumerate().flat_map(|(number, user)| {
            let whole = json!({ "op": "add", "path": "members", "value": everybody });
            let change = if number % 4 == 0 { whole } else { add(user) };
            [acme.patch(&staff, change), acme.delete(user)]
        });
        let answers = all(changes).await;

        // Whoever comes too late names somebody unknown.
        let (patches, deletions): (Vec<_>, Vec<_>) =
            answers.into_iter().enumerate().partition(|(place, _)| place % 2 == 0);
        let only = |answers: Vec<(usize, Answer)>| {
            answers.into_iter().map(|(_, answer)| answer).collect::<Vec<_>>()
        };
        assert_statuses(&only(patches), &[200, 400]);
        assert_statuses(&only(deletions), &[204]);
        let after = acme.get(&staff).await.expect(200);
        assert_eq!(members(&after), BTreeSet::new());
    }

    async fn a_group_that_is_deleted_leaves_no_membership(app: TestApp) {
        // A85
        let acme = app.new_tenant().await;
        let people = users(&acme, "u", 20).await;
        let staff = group(&acme, "Staff", &people[..10]).await;

        let adds = people.iter().map(|user| acme.patch(&staff, add(user)));
        let answers = all(adds.chain([acme.delete(&staff)])).await;

        assert_statuses(&answers[..20], &[200, 404]);
        assert_statuses(&answers[20..], &[204]);
        for user in &people {
            let groups = &acme.get(user).await.expect(200)["groups"];
            assert!(groups.as_array().is_none_or(Vec::is_empty), "{groups}");
            acme.delete(user).await.expect(204);
        }
    }

    async fn who_is_deleted_leaves_every_group_under_a_new_version(app: TestApp) {
        // R122, R461
        let acme = app.new_tenant().await;
        let people = users(&acme, "u", 3).await;
        let groups: Vec<Resource> =
            join_all((0..20).map(|number| {
                let (acme, people) = (&acme, &people);
                async move { group(acme, &format!("g{number}"), people).await }
            }))
            .await;

        let answers = all(people[..2].iter().map(|user| acme.delete(user))).await;

        assert_statuses(&answers, &[204]);
        for group in &groups {
            let after = acme.get(group).await;
            assert_eq!(members(&after), ids(&people[2..]));
            assert_eq!(after["meta"]["version"], "W/\"3\"");
            let stale = acme.patch(group, replace("displayName", "x")).if_match(group.etag());
            stale.await.expect_error(412, None);
        }
    }
}
