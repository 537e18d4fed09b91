//! Groups in groups: `groups` of a user, filters on it, cycles and depth.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use super::{add, check_groups, crowd, group, group_body, groups, members, names, remove, user};
use crate::support::{Resource, TestApp, TestTenant, replace};

async fn listed(tenant: &TestTenant, resource: &Resource) -> Value {
    let list = tenant.list("Users", &format!("id eq \"{}\"", resource.id())).await.expect(200);
    list["Resources"][0].clone()
}

on_both_databases! {
    async fn a_user_is_in_the_groups_that_hold_its_groups(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        let team = group(&acme, "Team", &[&ann]).await;
        let unit = group(&acme, "Unit", &[&team, &bob]).await;
        let firm = group(&acme, "Firm", &[&unit, &ann]).await;

        // R105, R107: each group once, and direct if the user is among its own members.
        let of_ann = [("Team", "direct"), ("Unit", "indirect"), ("Firm", "direct")];
        let of_bob = [("Unit", "direct"), ("Firm", "indirect")];
        check_groups(&acme.get(&ann).await.expect(200).body, &of_ann);
        check_groups(&acme.get(&bob).await.expect(200).body, &of_bob);
        check_groups(&listed(&acme, &ann).await, &of_ann);
        check_groups(&listed(&acme, &bob).await, &of_bob);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": "userName eq \"bob\"",
        });
        let found = acme.request(Method::POST, "/Users/.search").json(body).await.expect(200);
        check_groups(&found["Resources"][0], &of_bob);
        let groups = acme.get(&bob).await["groups"].clone();
        let of_firm = groups.as_array().unwrap().iter().find(|one| one["value"] == firm.id());
        let address = of_firm.unwrap()["$ref"].as_str().unwrap();
        assert!(address.ends_with(&format!("/Groups/{}", firm.id())), "{address}");

        // What the answer to a change shows is the same.
        let answer = acme.patch(&bob, replace("title", "Guide")).await.expect(200);
        check_groups(&answer.body, &of_bob);

        acme.patch(&firm, remove(unit.id())).await.expect(200);
        check_groups(&acme.get(&bob).await.body, &[("Unit", "direct")]);
        check_groups(&acme.get(&ann).await.body,
            &[("Team", "direct"), ("Unit", "indirect"), ("Firm", "direct")]);
        acme.delete(&unit).await.expect(204);
        check_groups(&acme.get(&bob).await.body, &[]);
        check_groups(&acme.get(&ann).await.body, &[("Team", "direct"), ("Firm", "direct")]);
    }

    async fn membership_changes_through_groups_alone(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let ann = user(&acme, "ann").await;
        let team = group(&acme, "Team", &[]).await;
        let claimed = json!([{ "value": team.id(), "type": "direct" }]);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "bob", "groups": claimed,
        });

        // R104, R108
        let bob = acme.create("Users", body.clone()).await;
        check_groups(&acme.get(&bob).await.body, &[]);
        check_groups(&acme.put(&bob).json(body).await.expect(200).body, &[]);
        for op in ["add", "replace"] {
            let change = json!({ "op": op, "path": "groups", "value": claimed });
            acme.patch(&ann, change).await.expect_error(400, Some("mutability"));
        }
        assert!(members(&acme.get(&team).await).is_empty());

        // R461: the group has a new version, the user has not.
        let changed = acme.patch(&team, add(&[ann.id()])).await.expect(200);
        assert_eq!(changed["meta"]["version"], "W/\"2\"");
        let after = acme.get(&ann).await;
        check_groups(&after.body, &[("Team", "direct")]);
        assert_eq!(after["meta"]["version"], ann.etag());
    }

    async fn filters_agree_with_what_is_shown(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        user(&acme, "eve").await;
        let team = group(&acme, "Team", &[&ann]).await;
        let unit = group(&acme, "Unit", &[&team, &bob]).await;
        let ring = group(&acme, "Ring", &[&unit]).await;
        acme.patch(&unit, add(&[ring.id()])).await.expect(200);
        let (team_id, unit_id, ring_id) = (team.id(), unit.id(), ring.id());

        // R257: the members of a group are its own.
        for (filter, expected) in [
            (format!("members.value eq \"{}\"", ann.id()), &["Team"][..]),
            (format!("members[value eq \"{team_id}\"]"), &["Unit"]),
            (format!("members.value eq \"{unit_id}\""), &["Ring"]),
            ("members.type eq \"Group\"".to_owned(), &["Ring", "Unit"]),
            (format!("not (members.value ne \"{}\")", ann.id()), &["Team"]),
        ] {
            let found = names(&acme.list("Groups", &filter).await.expect(200));
            assert_eq!(found, expected.iter().map(|name| (*name).to_owned()).collect(), "{filter}");
        }
        // R245, R246, R257
        for (filter, expected) in [
            (format!("groups.value eq \"{team_id}\""), &["ann"][..]),
            (format!("groups.value eq \"{unit_id}\""), &["ann", "bob"]),
            (format!("groups eq \"{ring_id}\""), &["ann", "bob"]),
            (format!("groups[type eq \"direct\" and value eq \"{unit_id}\"]"), &["bob"]),
            (format!("groups[type eq \"indirect\" and value eq \"{unit_id}\"]"), &["ann"]),
            (format!("groups[value eq \"{ring_id}\" and type ne \"direct\"]"), &["ann", "bob"]),
            ("groups.display eq \"ring\"".to_owned(), &["ann", "bob"]),
            ("groups.type eq \"indirect\"".to_owned(), &["ann", "bob"]),
            (format!("not (groups.value eq \"{unit_id}\")"), &["eve"]),
            (format!("groups.value ne \"{unit_id}\""), &["ann", "bob", "eve"]),
            ("groups pr".to_owned(), &["ann", "bob"]),
            ("not (groups pr)".to_owned(), &["eve"]),
        ] {
            let found = names(&acme.list("Users", &filter).await.expect(200));
            assert_eq!(found, expected.iter().map(|name| (*name).to_owned()).collect(), "{filter}");
        }
    }

    async fn a_cycle_is_stored_and_every_read_ends(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let ann = user(&acme, "ann").await;
        let a = group(&acme, "A", &[&ann]).await;
        let b = group(&acme, "B", &[&a]).await;

        // R118, A49
        acme.patch(&a, add(&[b.id()])).await.expect(200);

        check_groups(&acme.get(&ann).await.body, &[("A", "direct"), ("B", "indirect")]);
        assert_eq!(members(&acme.get(&b).await), BTreeSet::from([a.id().to_owned()]));
        let filter = format!("groups.value eq \"{}\"", b.id());
        assert_eq!(names(&acme.list("Users", &filter).await), BTreeSet::from(["ann".to_owned()]));

        // R122: whoever goes leaves the groups on both sides of it, under new versions.
        acme.delete(&a).await.expect(204);
        let after = acme.get(&b).await;
        assert!(members(&after).is_empty());
        assert_eq!(after["meta"]["version"], "W/\"2\"");
        check_groups(&acme.get(&ann).await.body, &[]);
    }

    async fn a_group_does_not_name_itself(app: TestApp) {
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            let ann = user(&acme, "ann").await;
            let team = group(&acme, "Team", &[&ann]).await;

            // R118, A48
            let refused = acme.patch(&team, add(&[ann.id(), team.id()])).await;
            refused.expect_error(400, Some("invalidValue"));
            let refused = acme.put(&team).json(group_body("Other", &[&ann, &team])).await;
            refused.expect_error(400, Some("invalidValue"));

            let after = acme.get(&team).await;
            assert_eq!(members(&after), BTreeSet::from([ann.id().to_owned()]));
            assert_eq!(after["meta"]["version"], team.etag());
            assert_eq!(after["displayName"], "Team");
            // It is not there, so it can be taken out.
            acme.patch(&team, remove(team.id())).await.expect(200);
        }
    }

    async fn ten_thousand_groups_deep(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let bottom = group(&acme, "Bottom", &[&ann]).await;
        let mut all = vec![bottom.id().to_owned()];
        all.extend(crowd::copies(&app, &bottom, 10_000).await);
        crowd::chain(&app, &all).await;
        let top = bottom.with_id(&all[10_000]);

        // A49
        let started = Instant::now();
        let deep = acme.get(&ann).await.expect(200);
        assert_eq!(deep["groups"].as_array().unwrap().len(), 10_001);
        assert_eq!(deep["groups"][0]["type"], "direct");
        assert_eq!(deep["groups"][10_000]["type"], "indirect");
        let filter = format!("groups.value eq \"{}\"", top.id());
        assert_eq!(names(&acme.list("Users", &filter).await), BTreeSet::from(["ann".to_owned()]));
        acme.patch(&bottom, add(&[top.id()])).await.expect(200);
        assert_eq!(acme.get(&ann).await["groups"].as_array().unwrap().len(), 10_001);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());

        // More than an answer may hold is refused, and said how to ask.
        let others = crowd::copies(&app, &ann, 20).await;
        let ids: Vec<&str> = others.iter().map(String::as_str).collect();
        acme.patch(&bottom, add(&ids)).await.expect(200);
        let list = acme.request(Method::GET, "/Users").await;
        list.expect_error(400, Some("tooMany"));
        assert!(list["detail"].as_str().unwrap().contains("excludedAttributes=groups"), "{list}");
        let list = acme.request(Method::GET, "/Users?excludedAttributes=groups").await.expect(200);
        assert_eq!(list["totalResults"], 21);
        assert_eq!(acme.list("Users", &filter).await.status, 400);
        let page = acme.request(Method::GET, "/Users?count=5").await.expect(200);
        assert_eq!(page["Resources"][4]["groups"].as_array().unwrap().len(), 10_001);
    }

    /// Each layer holds all of the layer below: ways multiply, groups do not.
    async fn many_ways_to_a_group_are_one(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let mut below = vec![ann.clone()];
        for layer in 0..8 {
            let mut next = Vec::new();
            for number in 0..6 {
                let held: Vec<&Resource> = below.iter().collect();
                next.push(group(&acme, &format!("{layer}-{number}"), &held).await);
            }
            below = next;
        }

        // A49: 6^8 ways.
        let started = Instant::now();
        let found = groups(&acme.get(&ann).await.expect(200).body);
        assert_eq!(found.len(), 48);
        assert_eq!(found.iter().filter(|(_, kind)| kind == "direct").count(), 6);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
