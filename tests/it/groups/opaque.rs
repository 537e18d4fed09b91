//! Members that name no resource, where a connection is set to keep them.

use std::collections::BTreeSet;

use muster::scim::dialect::Dialect;
use serde_json::{Value, json};

use super::{GROUP, add, check_groups, group, members, names, remove, user};
use crate::support::{TestApp, TestTenant};

const NOBODY: &str = "0198c2a0-0000-7000-8000-00000000dead";

async fn keeping(app: &TestApp, dialect: Dialect) -> TestTenant {
    app.new_tenant_set(dialect, json!({ "opaque_members": true })).await
}

fn set<'v>(values: impl IntoIterator<Item = &'v str>) -> BTreeSet<String> {
    values.into_iter().map(str::to_owned).collect()
}

on_both_databases! {
    async fn an_opaque_member_is_kept_shown_and_removed(app: TestApp) {
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = keeping(&app, dialect).await;
            let ann = user(&acme, "ann").await;
            let team = group(&acme, "Team", &[&ann]).await;
            let listed = json!([{ "value": "Badge-7", "display": "Ed" }, { "value": NOBODY }]);
            let change = json!({ "op": "add", "path": "members", "value": listed });

            // Q66
            let shown = acme.patch(&team, change.clone()).await.expect(200);

            assert_eq!(members(&shown), set([ann.id(), "Badge-7", NOBODY]));
            assert_eq!(shown["meta"]["version"], "W/\"2\"");
            let listed = shown["members"].as_array().unwrap();
            let opaque = listed.iter().find(|one| one["value"] == "Badge-7").unwrap();
            assert_eq!(*opaque, json!({ "value": "Badge-7", "display": "Ed" }));

            // The same again, in another spelling too, changes nothing.
            assert_eq!(acme.patch(&team, change).await["meta"]["version"], "W/\"2\"");
            assert_eq!(acme.patch(&team, add(&["BADGE-7"])).await["meta"]["version"], "W/\"2\"");
            let whole = acme.get(&team).await.expect(200);
            let again = acme.put(&team).json(whole.body.clone()).await.expect(200);
            assert_eq!(again["meta"]["version"], "W/\"2\"");

            for (filter, found) in [
                ("members.value eq \"badge-7\"".to_owned(), true),
                (format!("members.value eq \"{NOBODY}\""), true),
                ("members[value eq \"Badge-7\"]".to_owned(), true),
                ("members[value eq \"Badge-7\" and display eq \"Ed\"]".to_owned(), true),
                ("members.value eq \"Badge-8\"".to_owned(), false),
                ("members.value ne \"Badge-7\"".to_owned(), true),
                ("not (members pr)".to_owned(), false),
            ] {
                let list = acme.list("Groups", &filter).await.expect(200);
                assert_eq!(list["totalResults"], i32::from(found), "{filter}");
            }
            check_groups(&acme.get(&ann).await.body, &[("Team", "direct")]);

            acme.patch(&team, remove("badge-7")).await.expect(200);
            assert_eq!(members(&acme.get(&team).await), set([ann.id(), NOBODY]));
            let by_name = json!({ "op": "remove", "path": "members[type ne \"User\"]" });
            acme.patch(&team, by_name).await.expect(200);
            let last = acme.get(&team).await;
            assert_eq!(members(&last), set([ann.id()]));
            assert_eq!(last["meta"]["version"], "W/\"4\"");
        }
    }

    async fn a_list_that_replaces_members_counts_opaque_ones(app: TestApp) {
        let acme = keeping(&app, Dialect::Strict).await;
        let ann = user(&acme, "ann").await;
        let body = |values: &[&str]| {
            let members: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
            json!({ "schemas": [GROUP], "displayName": "Team", "members": members })
        };
        let team = acme.create("Groups", body(&["a", "b", NOBODY])).await;
        assert_eq!(members(&acme.get(&team).await), set(["a", "b", NOBODY]));

        for next in [&["b", "c"][..], &[ann.id(), "c"], &[ann.id()], &[NOBODY], &[]] {
            let after = acme.put(&team).json(body(next)).await.expect(200);
            assert_eq!(members(&after), set(next.iter().copied()));
            assert_eq!(members(&acme.get(&team).await), set(next.iter().copied()));
        }
        let refused = acme.put(&team).json(body(&[&"x".repeat(1_025)])).await;
        refused.expect_error(400, Some("invalidValue"));
        acme.put(&team).json(body(&["a"])).await.expect(200);
        acme.delete(&team).await.expect(204);
        assert_eq!(acme.list("Groups", "members.value eq \"a\"").await["totalResults"], 0);
    }

    async fn opaque_members_are_the_tenants_own(app: TestApp) {
        let (acme, globex) = (keeping(&app, Dialect::Strict).await, keeping(&app, Dialect::Strict).await);
        let stranger = user(&globex, "ann").await;
        let team = group(&acme, "Team", &[]).await;

        // Another tenant's user is nobody here.
        acme.patch(&team, add(&[stranger.id()])).await.expect(200);

        let shown = acme.get(&team).await;
        assert_eq!(shown["members"], json!([{ "value": stranger.id() }]));
        check_groups(&globex.get(&stranger).await.body, &[]);
        let filter = format!("members.value eq \"{}\"", stranger.id());
        assert_eq!(names(&acme.list("Groups", &filter).await), set(["Team"]));
        assert_eq!(names(&globex.list("Groups", &filter).await), set([]));
    }
}
