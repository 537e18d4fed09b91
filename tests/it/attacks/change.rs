//! PUT and PATCH that reach for what they may not have.

use super::*;

const PATH: Option<&str> = Some("invalidPath");
const SYNTAX: Option<&str> = Some("invalidSyntax");
const VALUE: Option<&str> = Some("invalidValue");
const MUTABILITY: Option<&str> = Some("mutability");

fn operation(op: &str, path: &str, value: Value) -> Value {
    json!({ "op": op, "path": path, "value": value })
}

fn ids(resources: &[Resource]) -> Vec<Value> {
    resources.iter().map(|resource| json!({ "value": resource.id() })).collect()
}

async fn users(tenant: &TestTenant, count: usize) -> Vec<Resource> {
    let create = |number| tenant.create("Users", json!({ "userName": format!("u{number}") }));
    futures_util::future::join_all((0..count).map(create)).await
}

on_both_databases! {
    async fn names_that_programs_know_are_no_attributes(app: TestApp) {
        // A41
        let names = [
            "__proto__", "constructor", "prototype", "__class__", "__proto__.admin",
            "constructor.prototype.admin", "emails.__proto__", "name.constructor",
        ];
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            for name in names {
                let value = json!({ "admin": true });
                for request in [
                    target.patch(&target.user, json!([operation("add", name, value.clone())])),
                    target.patch(&target.user, json!([{ "op": "replace", "value": { name: value.clone() } }])),
                    target.patch(&target.user, json!([operation("replace", "name", json!({ name: value.clone() }))])),
                    target.tenant.put(&target.user).json(json!({
                        "schemas": [USER, ENTERPRISE], "userName": "bjensen", "externalId": "e1",
                        "displayName": "Barbara", "active": true,
                        "emails": [{ "value": "bjensen@example.com", "type": "work", name: value }],
                        ENTERPRISE: { "department": "Tours" }, name: value,
                    })),
                ] {
                    let answer = attack(request).await;
                    assert!(dialect != Dialect::Strict || answer.status == 400, "{answer}");
                    if answer.status < 300 {
                        assert!(!answer.body.to_string().contains("admin"), "{answer}");
                    }
                }
            }
            target.is_unharmed().await;
        }
    }

    async fn a_path_that_is_none_is_refused(app: TestApp) {
        // A42
        let target = Target::new(&app, Dialect::Generic).await;
        for path in [
            "members[value eq \"x\"] or 1 eq 1]",
            "members[value eq \"x\" or 1 eq 1]",
            "emails[0]",
            "emails[0].value",
            "emails[-1]",
            "emails[]",
            "emails[[type eq \"work\"]]",
            "../meta",
            "/userName",
            "$",
            "$.userName",
            "$ref",
            "a.b.c.d",
            "emails[type eq \"work\"].value.x",
            "emails[type eq \"work\"].value[a pr]",
            "emails[type eq \"work\"]]",
            "userName;x",
            "user Name",
            " ",
        ] {
            for resource in [&target.user, &target.group] {
                for op in ["add", "remove", "replace"] {
                    let patch = json!([operation(op, path, json!("x"))]);
                    let answer = attack(target.patch(resource, patch)).await;
                    // What names an attribute that is unknown is overlooked here.
                    let unknown = ["$ref", "a.b.c.d"].contains(&path);
                    assert!(answer.status == 400 || unknown, "{answer}");
                    if answer.status == 400 {
                        let kind = answer["scimType"].as_str().unwrap_or_default();
                        assert!(["invalidPath", "invalidFilter"].contains(&kind), "{answer}");
                    }
                }
            }
        }
        target.is_unharmed().await;

        let strict = Target::new(&app, Dialect::Strict).await;
        for path in ["$ref", "a.b.c.d", "../meta", "$", "emails[0]"] {
            let patch = json!([operation("replace", path, json!("x"))]);
            refused(strict.patch(&strict.user, patch), 400, PATH).await;
        }
        strict.is_unharmed().await;
    }

    async fn what_the_service_owns_cannot_be_changed(app: TestApp) {
        // A43
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            for (path, value) in [
                ("id", json!(UNKNOWN)),
                ("meta", json!({ "version": "W/\"9\"" })),
                ("meta.version", json!("W/\"9\"")),
                ("meta.created", json!("2011-05-13T04:42:34Z")),
                ("meta.location", json!("https://evil.example/Users/1")),
                ("groups", json!([{ "value": target.group.id() }])),
                ("groups.value", json!(UNKNOWN)),
            ] {
                for op in ["add", "replace", "remove"] {
                    let patch = json!([operation(op, path, value.clone())]);
                    refused(target.patch(&target.user, patch), 400, MUTABILITY).await;
                }
            }
            for path in ["tenant_id", "version", "document", "resource_type", "_id", "user_name_key"] {
                for op in ["add", "replace"] {
                    let patch = json!([operation(op, path, json!("x"))]);
                    let answer = attack(target.patch(&target.user, patch)).await;
                    assert!(dialect != Dialect::Strict || answer.status == 400, "{answer}");
                }
            }
            let without_core = json!([operation("remove", "schemas", json!([USER]))]);
            assert_eq!(attack(target.patch(&target.user, without_core)).await.status, 400);
            let others = json!([operation("replace", "schemas", json!([GROUP]))]);
            assert_eq!(attack(target.patch(&target.user, others)).await.status, 400);
            target.is_unharmed().await;
        }
    }

    async fn a_patch_without_end_is_refused(app: TestApp) {
        // A44
        let target = Target::new(&app, Dialect::Generic).await;
        let operations = vec![operation("replace", "title", json!("x")); 100_000];
        refused(target.patch(&target.user, json!(operations)), 400, VALUE).await;
        refused(target.patch(&target.group, json!(operations)), 400, VALUE).await;
        target.is_unharmed().await;
    }

    async fn many_operations_on_many_elements_end_in_time(app: TestApp) {
        // A45
        let acme = app.new_tenant().await;
        let emails: Vec<Value> =
            (0..1000).map(|number| json!({ "value": format!("u{number}@x.test"), "type": "work" })).collect();
        let user = acme.create("Users", json!({ "userName": "u", "emails": emails })).await;
        let body = |operations: Vec<Value>| json!({ "schemas": [PATCH_OP], "Operations": operations });
        let patch = |resource: &Resource, operations| {
            acme.request(Method::PATCH, &resource.path()).json(body(operations))
        };
        let terms = vec!["type eq \"work\""; 100].join(" or ");
        let path = format!("emails[{terms}].display");
        let costly: Vec<Value> =
            (0..1000).map(|number| operation("replace", &path, json!(number.to_string()))).collect();
        let answer = attack(patch(&user, costly)).await;
        answer.expect_error(400, Some("tooMany"));
        assert_eq!(acme.get(&user).await["meta"]["version"], user.etag());

        let people = users(&acme, 300).await;
        let group = json!({ "displayName": "g", "members": ids(&people) });
        let group = acme.create("Groups", group).await;
        let one_by_one = (0..1000).map(|number| {
            let id = people[number % people.len()].id();
            operation("remove", &format!("members[value eq \"{id}\"]"), Value::Null)
        });
        attack(patch(&group, one_by_one.collect())).await.expect(200);
        let after = acme.get(&group).await;
        assert!(after["members"].as_array().is_none_or(Vec::is_empty), "{after}");
    }

    async fn a_remove_with_a_list_removes_the_list(app: TestApp) {
        // A46
        for dialect in [Dialect::Entra, Dialect::Okta, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            let people = users(&acme, 4).await;
            let group = json!({ "schemas": [GROUP], "displayName": "g", "members": ids(&people) });
            let group = acme.create("Groups", group).await;

            let remove = operation("remove", "members", json!(ids(&people[..2])));
            attack(acme.patch(&group, remove)).await.expect(200);

            let left = acme.get(&group).await;
            let mut left: Vec<String> = left["members"].as_array().unwrap().iter()
                .map(|member| member["value"].as_str().unwrap().to_owned())
                .collect();
            left.sort();
            let mut expected: Vec<String> = people[2..].iter().map(|user| user.id().to_owned()).collect();
            expected.sort();
            assert_eq!(left, expected, "{dialect:?}");
        }
    }

    /// RFC 7644 §3.5.1: what a PUT does not name is cleared. It takes nobody's account.
    async fn a_put_without_members_empties_the_group_and_nothing_else(app: TestApp) {
        // A47
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let new = |name: usize| json!({ "schemas": [USER], "userName": format!("u{name}") });
        let people = [acme.create("Users", new(1)).await, acme.create("Users", new(2)).await];
        let group = json!({ "schemas": [GROUP], "displayName": "g", "members": ids(&people) });
        let group = acme.create("Groups", group).await;

        let empty = json!({ "schemas": [GROUP], "displayName": "g" });
        attack(acme.put(&group).json(empty)).await.expect(200);

        let after = acme.get(&group).await;
        assert!(after["members"].as_array().is_none_or(Vec::is_empty), "{after}");
        for person in &people {
            assert_eq!(acme.get(person).await.expect(200)["active"], true);
        }
    }

    async fn a_value_of_another_type_is_refused_or_read_by_rule(app: TestApp) {
        // A55
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            for (attribute, value) in [
                ("active", json!("false")),
                ("active", json!("no")),
                ("active", json!(0)),
                ("active", json!([])),
                ("active", json!({})),
                ("emails", json!("a@b.test")),
                ("emails", json!({ "value": "a@b.test" })),
                ("emails", json!(["a@b.test"])),
                ("emails", json!([["a@b.test"]])),
                ("emails", json!([{ "value": { "value": "a" } }])),
                ("emails", json!([{ "value": ["a"] }])),
                ("emails", json!([{ "primary": "yes" }])),
                ("emails", json!(true)),
                ("name", json!("Barbara")),
                ("name", json!([{ "givenName": "B" }, { "givenName": "C" }])),
                ("displayName", json!({ "a": "b" })),
                ("displayName", json!(true)),
                ("displayName", json!(["a", "b"])),
                ("userName", Value::Null),
                ("userName", json!({ "$ne": "" })),
                ("userName", json!(["a"])),
                ("externalId", json!(false)),
                (ENTERPRISE, json!("x")),
                (ENTERPRISE, json!([])),
                (ENTERPRISE, json!({ "manager": [] })),
                (ENTERPRISE, json!({ "manager": { "value": { "value": "x" } } })),
                (ENTERPRISE, json!({ "manager": 7 })),
                ("schemas", json!("x")),
                ("schemas", json!([1])),
            ] {
                let mut user = json!({ "schemas": [USER, ENTERPRISE], "userName": "u" });
                user[attribute] = value.clone();
                let answer = attack(acme.request(Method::POST, "/Users").json(user)).await;
                if answer.status == 400 {
                    assert!([VALUE, SYNTAX].contains(&answer["scimType"].as_str()), "{answer}");
                    continue;
                }
                let user = Resource::new("Users", answer.expect(201));
                check_types(&acme.get(&user).await.body);
                acme.delete(&user).await.expect(204);
            }
            let members = json!({ "value": "x" });
            let group = json!({ "schemas": [GROUP], "displayName": "g", "members": members });
            refused(acme.request(Method::POST, "/Groups").json(group), 400, VALUE).await;
        }
    }

    async fn a_role_is_data_and_opens_nothing(app: TestApp) {
        // A66, A67
        let acme = app.new_tenant().await;
        let user = json!({
            "userName": "u", "role": "admin", "userType": "operator", "scopes": ["admin"],
            "roles": [{ "value": "admin", "primary": true }], "entitlements": [{ "value": "*" }],
        });
        let user = acme.create("Users", user).await;
        let got = acme.get(&user).await;
        assert_eq!(got["roles"][0]["value"], "admin");
        assert!(got.body.get("role").is_none() && got.body.get("scopes").is_none(), "{got}");
        // Operators are no resources, and a connection's token is none of theirs.
        for (method, path) in [(Method::GET, "/tenants"), (Method::POST, "/tenants"), (Method::GET, "/events")] {
            let url = format!("{}/admin/v1{path}", app.address());
            let request = app.http().request(method, url).bearer_auth(acme.token());
            let answer = request.header("content-type", "application/json").body("{}").send().await.unwrap();
            assert_eq!(answer.status(), 401);
        }
    }

    async fn who_comes_again_is_somebody_new(app: TestApp) {
        // A68
        let acme = app.new_tenant().await;
        let person = json!({ "userName": "bjensen", "externalId": "e1", "title": "Guide" });
        let first = acme.create("Users", person.clone()).await;
        let group = json!({ "displayName": "g", "members": [{ "value": first.id() }] });
        let group = acme.create("Groups", group).await;
        acme.delete(&first).await.expect(204);

        let second = acme.create("Users", json!({ "userName": "bjensen", "externalId": "e1" })).await;

        assert_ne!(first.id(), second.id());
        let got = acme.get(&second).await;
        assert!(got.body.get("title").is_none(), "{got}");
        assert!(got["groups"].as_array().is_none_or(Vec::is_empty), "{got}");
        let after = acme.get(&group).await;
        assert!(after["members"].as_array().is_none_or(Vec::is_empty), "{after}");
        for request in acme.every_request_on(&first) {
            refused(request, 404, None).await;
        }
    }
}

/// Demands of each attribute the type that its schema says.
#[track_caller]
fn check_types(user: &Value) {
    let texts = ["userName", "displayName", "externalId"];
    for name in texts {
        assert!(user.get(name).is_none_or(Value::is_string), "{user}");
    }
    assert!(user["active"].is_boolean(), "{user}");
    assert!(user.get("name").is_none_or(Value::is_object), "{user}");
    for email in user["emails"].as_array().unwrap_or(&Vec::new()) {
        assert!(email.get("value").is_none_or(Value::is_string), "{user}");
        assert!(email.get("primary").is_none_or(Value::is_boolean), "{user}");
    }
    assert!(user.get("emails").is_none_or(Value::is_array), "{user}");
    if let Some(manager) = user[ENTERPRISE].get("manager") {
        assert!(manager["value"].is_string(), "{user}");
    }
}
