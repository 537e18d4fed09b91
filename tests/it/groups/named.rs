//! Who is meant: `value`, `$ref` and `type` of members, and those who are unknown.

use std::collections::BTreeSet;

use muster::scim::dialect::Dialect;
use serde_json::{Value, json};

use super::{GROUP, group, members, remove, user};
use crate::support::{Resource, TestApp, TestTenant};

const NOBODY: &str = "0198c2a0-0000-7000-8000-00000000dead";

fn adding(member: Value) -> Value {
    json!({ "op": "add", "path": "members", "value": [member] })
}

async fn ids(tenant: &TestTenant, group: &Resource) -> BTreeSet<String> {
    members(&tenant.get(group).await.expect(200))
}

on_both_databases! {
    async fn the_server_says_address_and_type(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let ann = user(&acme, "ann").await;
        let team = group(&acme, "Team", &[]).await;
        let both = group(&acme, "Both", &[&ann, &team]).await;

        // R115, R121, Q67
        let shown = acme.get(&both).await.expect(200);
        let shown = shown["members"].as_array().unwrap();
        for (member, kind, name) in [(&ann, "User", "ann"), (&team, "Group", "Team")] {
            let found = shown.iter().find(|one| one["value"] == member.id()).unwrap();
            assert_eq!(found["type"], kind);
            assert_eq!(found["display"], name);
            let address = found["$ref"].as_str().unwrap();
            assert!(address.ends_with(&format!("/scim/v2/{kind}s/{}", member.id())), "{address}");
        }
    }

    async fn value_says_who_is_meant(app: TestApp) {
        // R116, Q54
        for (dialect, of_value, status) in [
            (Dialect::Strict, json!({}), 200),
            (Dialect::Strict, json!({ "type": "User" }), 200),
            (Dialect::Strict, json!({ "$ref": "https://h/v2/Users/ANN" }), 200),
            (Dialect::Strict, json!({ "type": "Group" }), 400),
            (Dialect::Strict, json!({ "$ref": "https://h/v2/Groups/ANN" }), 400),
            (Dialect::Strict, json!({ "$ref": "https://h/v2/Users/BOB" }), 400),
            (Dialect::Generic, json!({ "type": "Group" }), 200),
            (Dialect::Generic, json!({ "$ref": "Users/BOB" }), 200),
            (Dialect::Generic, json!({ "$ref": null }), 200),
            (Dialect::Entra, json!({ "$ref": null, "display": "someone" }), 200),
        ] {
            let acme = app.new_tenant_with(dialect).await;
            let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
            let team = group(&acme, "Team", &[]).await;
            let text = of_value.to_string().replace("ANN", ann.id()).replace("BOB", bob.id());
            let mut member: Value = serde_json::from_str(&text).unwrap();
            member["value"] = ann.id().into();

            let answer = acme.patch(&team, adding(member)).await;

            assert_eq!(answer.status, status, "{dialect:?}: {answer}");
            let expected = match status {
                200 => BTreeSet::from([ann.id().to_owned()]),
                _ => {
                    answer.expect_error(400, Some("invalidValue"));
                    BTreeSet::new()
                }
            };
            assert_eq!(ids(&acme, &team).await, expected, "{dialect:?}: {answer}");
        }
    }

    async fn an_address_alone_names_a_member(app: TestApp) {
        // R116
        for (dialect, address, status) in [
            (Dialect::Strict, "https://h/t/x/scim/v2/Users/ANN", 200),
            (Dialect::Generic, "Users/ANN", 200),
            (Dialect::Strict, "https://h/t/x/scim/v2/Groups/ANN", 400),
            (Dialect::Strict, "https://h/t/x/scim/v2/Users/nobody", 400),
            (Dialect::Generic, "https://h/t/x/scim/v2/Users/nobody", 400),
        ] {
            let acme = app.new_tenant_with(dialect).await;
            let ann = user(&acme, "ann").await;
            let team = group(&acme, "Team", &[]).await;
            let address = address.replace("ANN", ann.id());

            let answer = acme.patch(&team, adding(json!({ "$ref": address }))).await;

            assert_eq!(answer.status, status, "{dialect:?}: {answer}");
            assert_eq!(ids(&acme, &team).await.contains(ann.id()), status == 200, "{answer}");
        }
    }

    async fn who_is_unknown_is_refused_or_skipped(app: TestApp) {
        let globex = app.new_tenant().await;
        let stranger = user(&globex, "ann").await;
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            let (ann, gone) = (user(&acme, "ann").await, user(&acme, "gone").await);
            acme.delete(&gone).await.expect(204);
            let team = group(&acme, "Team", &[]).await;

            // R117, A48, Q66: whatever the reason, the answer is the same.
            let unknown = [stranger.id(), gone.id(), NOBODY, "fake-member-id"];
            let mut answers = BTreeSet::new();
            for id in unknown {
                let answer = acme.patch(&team, adding(json!({ "value": id }))).await;
                answer.expect_error(400, Some("invalidValue"));
                let detail = answer["detail"].as_str().unwrap();
                assert!(detail.contains(id), "{answer}");
                answers.insert(detail.replace(id, "ID"));
            }
            assert_eq!(answers.len(), 1, "{answers:?}");

            let mixed: Vec<Value> = unknown.iter().chain(&[ann.id()]).map(|id| json!({ "value": id })).collect();
            let answer = acme.patch(&team, json!({ "op": "add", "path": "members", "value": mixed })).await;
            let created = json!({ "schemas": [GROUP], "displayName": "New", "members": mixed });
            let path = reqwest::Method::POST;
            let made = acme.request(path, "/Groups").json(created).await;
            let expected = match dialect {
                Dialect::Strict => {
                    answer.expect_error(400, Some("invalidValue"));
                    for id in unknown {
                        assert!(answer["detail"].as_str().unwrap().contains(id), "{answer}");
                    }
                    made.expect_error(400, Some("invalidValue"));
                    BTreeSet::new()
                }
                _ => {
                    assert_eq!(members(&made.expect(201)), BTreeSet::from([ann.id().to_owned()]));
                    assert_eq!(answer.status, 200, "{answer}");
                    BTreeSet::from([ann.id().to_owned()])
                }
            };
            assert_eq!(ids(&acme, &team).await, expected);
            assert_eq!(acme.list("Groups", "displayName eq \"New\"").await["totalResults"],
                i32::from(dialect != Dialect::Strict));

            // R380: who is unknown is no member.
            for id in unknown {
                acme.patch(&team, remove(id)).await.expect(200);
            }
        }
    }

    async fn parts_of_a_member_do_not_change(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        let team = group(&acme, "Team", &[&ann]).await;

        // R114, R398
        for sub in ["value", "$ref", "type"] {
            let path = format!("members[value eq \"{}\"].{sub}", ann.id());
            let change = json!({ "op": "replace", "path": path, "value": bob.id() });
            acme.patch(&team, change).await.expect_error(400, Some("mutability"));
        }
        assert_eq!(ids(&acme, &team).await, BTreeSet::from([ann.id().to_owned()]));
        assert_eq!(acme.get(&team).await["meta"]["version"], team.etag());
    }

    async fn the_same_member_twice_is_one(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let ann = user(&acme, "ann").await;

        // R119
        let team = group(&acme, "Team", &[&ann, &ann]).await;
        assert_eq!(ids(&acme, &team).await, BTreeSet::from([ann.id().to_owned()]));

        // R366, Q51, Q62: with its old name, still nothing to write.
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [
                { "op": "replace", "path": "displayName", "value": "Team" },
                adding(json!({ "value": ann.id(), "display": "Another" })),
                adding(json!({ "value": ann.id() })),
            ],
        });
        let events = acme.events().await.len();
        let answer = acme.request(reqwest::Method::PATCH, &team.path()).json(body).await.expect(200);
        assert_eq!(answer["meta"]["version"], team.etag());
        assert_eq!(acme.events().await.len(), events);
    }

    async fn groups_need_a_name_and_may_share_it(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;

        // R112
        let nameless = json!({ "schemas": [GROUP] });
        let answer = acme.request(reqwest::Method::POST, "/Groups").json(nameless).await;
        answer.expect_error(400, Some("invalidValue"));
        // R113
        group(&acme, "Team", &[]).await;
        group(&acme, "Team", &[]).await;
        assert_eq!(acme.list("Groups", "displayName eq \"team\"").await["totalResults"], 2);
    }

    async fn members_are_left_out_where_they_are_not_wanted(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Entra).await;
        let ann = user(&acme, "ann").await;
        let team = group(&acme, "Team", &[&ann]).await;

        // R120, Q19
        let one = format!("{}?excludedAttributes=members", team.path());
        let list = "/Groups?excludedAttributes=members&filter=displayName%20eq%20%22Team%22";
        let turned = "/Groups?filter=displayName%20eq%20%22Team%22&excludedAttributes=members";
        let got = acme.request(reqwest::Method::GET, &one).await.expect(200);
        assert_eq!((got["members"].is_null(), &got["displayName"]), (true, &json!("Team")));
        for path in [list, turned] {
            let got = acme.request(reqwest::Method::GET, path).await.expect(200);
            assert_eq!(got["totalResults"], 1);
            assert!(got["Resources"][0]["members"].is_null(), "{got}");
        }
    }
}
