//! PATCH as clients meet it (RFC 7644 §3.5.2): all or nothing, in order, and
//! without a trace if nothing changes. Which values come out of which operation
//! is tested beside `scim::patch`.

use std::time::{Duration, Instant};

use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Request, Resource, TestApp, TestTenant, replace};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

fn barbara() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "BJensen",
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "title": "Guide",
        "active": true,
        "emails": [
            { "value": "b@work.example", "type": "work", "primary": true },
            { "value": "b@home.example", "type": "home" },
        ],
        ENTERPRISE: { "department": "Tours" },
    })
}

/// A PATCH with these operations.
fn patch(tenant: &TestTenant, resource: &Resource, operations: Value) -> Request {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    tenant.request(Method::PATCH, &resource.path()).json(body)
}

/// Barbara, and a group with her in it.
async fn barbara_in_a_group(tenant: &TestTenant) -> (Resource, Resource) {
    let user = tenant.create("Users", barbara()).await;
    let members = json!([{ "value": user.id() }]);
    let group = json!({ "schemas": [GROUP], "displayName": "Guides", "members": members });
    let group = tenant.create("Groups", group).await;
    (user, group)
}

/// The operation, behind one that would succeed, fails so and changes nothing.
async fn check_undone(
    tenant: &TestTenant,
    resource: &Resource,
    operation: &Value,
    (status, scim_type): (u16, Option<&str>),
) {
    let (before, events) = (tenant.get(resource).await, tenant.events().await);
    let good = json!({ "op": "replace", "path": "externalId", "value": "changed" });
    patch(tenant, resource, json!([good, operation])).await.expect_error(status, scim_type);
    assert_eq!(tenant.get(resource).await.body, before.body, "{operation}");
    assert_eq!(tenant.events().await, events, "{operation}");
}

/// Operation on a user or on a group, and the error that it comes to in every dialect.
fn failing() -> Vec<(&'static str, Value, u16, Option<&'static str>)> {
    let on_user =
        |op: &str, path: &str, value: Value| json!({ "op": op, "path": path, "value": value });
    let remove = |path: &str| json!({ "op": "remove", "path": path });
    let work = "emails[type eq \"work\"]";
    let mutability = (400, Some("mutability"));
    let path = (400, Some("invalidPath"));
    let value = (400, Some("invalidValue"));
    let syntax = (400, Some("invalidSyntax"));
    let rows = [
        ("user", remove("userName"), mutability), // R382
        ("user", on_user("replace", "id", json!("x")), mutability), // R342
        ("user", on_user("add", "meta", json!({ "version": "x" })), mutability), // R342
        ("user", on_user("add", "groups", json!([{ "value": "x" }])), mutability), // R342, R104
        ("user", remove("groups"), mutability),   // R383
        ("user", remove("meta.created"), mutability), // R383
        ("user", on_user("add", "emails.type", json!("x")), path), // R367
        ("user", remove("emails[0]"), path),      // R334
        ("user", on_user("replace", "/emails/0", json!("x")), path), // R334
        ("user", json!({ "op": "replace", "path": 5, "value": "x" }), path), // R337
        ("user", remove("emails[type zz \"work\"]"), (400, Some("invalidFilter"))), // R333
        ("user", remove("emails[type eq \"work\""), path), // R333
        ("user", json!({ "op": "remove" }), (400, Some("noTarget"))), // R373
        ("user", on_user("move", "title", json!("x")), syntax), // R331
        ("user", json!({ "path": "title", "value": "x" }), syntax), // R331
        ("user", json!("x"), syntax),             // R331
        ("user", json!({ "op": "add", "path": "title" }), value), // R354
        ("user", json!({ "op": "replace", "path": "title" }), value), // R387
        ("user", json!({ "op": "add", "value": "x" }), value), // R356
        ("user", on_user("replace", "title", json!({ "a": 1 })), value), // R351
        ("user", on_user("replace", "active", json!("no")), value), // R351
        ("user", on_user("replace", "userName", json!(null)), value), // R392
        ("user", on_user("replace", "userName", json!(" ")), value), // R349
        ("user", on_user("replace", work, json!([{}, {}])), value), // R351
        ("user", on_user("replace", "userName", json!("TAKEN")), (409, Some("uniqueness"))), // R399, R349
        ("group", remove("displayName"), mutability),                                        // R382
        ("group", on_user("replace", "members[value eq \"x\"].value", json!("y")), mutability), // R398
        ("group", on_user("replace", "members.value", json!("y")), path), // R367
        ("group", on_user("add", "members", json!([{ "display": "x" }])), value), // R351
        ("group", on_user("replace", "displayName", json!(null)), value), // R392
    ];
    rows.map(|(of, operation, (status, scim_type))| (of, operation, status, scim_type)).into()
}

on_both_databases! {
    async fn a_patch_is_all_or_nothing(app: TestApp) {
        // R341
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            acme.create("Users", json!({ "schemas": [USER], "userName": "taken" })).await;
            let (user, group) = barbara_in_a_group(&acme).await;
            for (of, operation, status, scim_type) in failing() {
                let resource = if of == "user" { &user } else { &group };
                check_undone(&acme, resource, &operation, (status, scim_type)).await;
            }
        }
    }

    async fn strict_refuses_what_others_read_as_meant(app: TestApp) {
        let strict = app.new_tenant_with(Dialect::Strict).await;
        let generic = app.new_tenant_with(Dialect::Generic).await;
        let (user, group) = barbara_in_a_group(&strict).await;
        let (same_user, same_group) = barbara_in_a_group(&generic).await;
        let fax = "emails[type eq \"fax\"].value";
        for (of, operation, scim_type) in [
            ("user", json!({ "op": "add", "path": fax, "value": "x" }), "noTarget"), // R369
            ("user", replace(fax, "y"), "noTarget"), // R396
            ("user", replace("shoe", 1), "invalidPath"), // R336
            ("user", json!({ "op": "add", "value": { "shoe": 1 } }), "invalidPath"), // R370
            ("user", json!({ "op": "add", "value": { "name.givenName": "B" } }), "invalidPath"), // R357
            ("user", replace("active", "False"), "invalidValue"), // R400
            ("user", json!({ "op": "add", "path": "", "value": { "title": "T" } }), "invalidPath"), // R337
            ("group", json!({ "op": "remove", "path": "members", "value": [{ "value": "x" }] }), "invalidSyntax"), // R384
        ] {
            let (here, there) = if of == "user" { (&user, &same_user) } else { (&group, &same_group) };
            check_undone(&strict, here, &operation, (400, Some(scim_type))).await;
            patch(&generic, there, json!([operation])).await.expect(200);
        }
        let shown = generic.get(&same_user).await;
        assert_eq!(shown["emails"][2], json!({ "value": "y", "type": "fax" })); // R369, R396
        assert_eq!(shown["active"], false); // R400
        assert_eq!(shown["name"]["givenName"], "B"); // R357
        assert_eq!(shown["shoe"], Value::Null); // R336, R370
        let members = generic.get(&same_group).await["members"].clone();
        assert_eq!(members.as_array().unwrap().len(), 1, "a list removes what it lists"); // R384
    }

    async fn a_message_that_is_no_patch_is_refused(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let user = acme.create("Users", barbara()).await;
        let operations = json!([replace("title", "x")]);
        let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
        for body in [
            json!({ "Operations": operations }), // R329
            json!({ "schemas": [USER], "Operations": operations }), // R329
            json!({ "schemas": schemas }), // R330
            json!({ "schemas": schemas, "Operations": [] }), // R330
            json!({ "schemas": schemas, "Operations": { "op": "add" } }), // R330
        ] {
            let answer = acme.request(Method::PATCH, &user.path()).json(body).await;
            answer.expect_error(400, Some("invalidSyntax"));
        }
        let many: Vec<Value> = (0..1001).map(|_| replace("title", "x")).collect();
        patch(&acme, &user, json!(many)).await.expect_error(400, Some("invalidValue")); // R352
        let lower = json!({ "schemas": schemas, "operations": operations });
        let answer = acme.request(Method::PATCH, &user.path()).json(lower).await;
        assert_eq!(answer.expect(200)["title"], "x"); // R330
    }

    async fn a_patch_to_what_is_leaves_no_trace(app: TestApp) {
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            let (user, group) = barbara_in_a_group(&acme).await;
            let (before, named) = (acme.get(&user).await, acme.get(&group).await);
            let events = acme.events().await;
            let add = |path: &str, value: Value| json!([{ "op": "add", "path": path, "value": value }]);
            let remove = |path: &str| json!([{ "op": "remove", "path": path }]);
            let nobody = "members[value eq \"0198c2a0-0000-7000-8000-000000000001\"]";
            for (resource, operations) in [
                (&user, add("title", json!("Guide"))), // R350, R360, R361
                (&user, json!([replace("TITLE", "Guide")])), // R350
                (&user, add("name", json!({ "givenName": "Barbara" }))), // R350
                (&user, add("emails", json!([{ "type": "home", "value": "b@home.example" }]))), // R366
                (&user, add("emails", json!([]))), // R372
                (&user, add("nickName", json!(null))), // R372
                (&user, remove("nickName")), // R375
                (&user, remove("emails[type eq \"fax\"]")), // R381
                (&user, json!([replace("emails[type eq \"work\"].primary", true)])), // R350
                (&user, json!([replace(DEPARTMENT, "Tours")])), // R350
                (&user, json!([replace("title", "x"), replace("title", "Guide")])), // R350
                (&group, add("members", json!([{ "value": user.id() }]))), // R366
                (&group, json!([replace("members", json!([{ "value": user.id() }]))])), // R350
                (&group, remove(nobody)), // R380
            ] {
                let answer = patch(&acme, resource, operations).await.expect(200);
                let was: &Answer = if resource.path() == user.path() { &before } else { &named };
                assert_eq!(answer.body, was.body, "{answer}");
                assert_eq!(answer.headers["etag"], was.headers["etag"], "{answer}"); // R348
                assert_eq!(answer.headers["location"], was.headers["location"], "{answer}"); // R348
            }
            assert_eq!(acme.events().await, events);
        }
    }

    async fn operations_are_one_change_in_their_order(app: TestApp) {
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let (user, group) = barbara_in_a_group(&acme).await;
        let events = acme.events().await.len();

        let answer = patch(&acme, &user, json!([
            { "op": "add", "path": "emails", "value": { "value": "c@x.example", "type": "other", "primary": true } },
            { "op": "replace", "path": "emails[primary eq true].display", "value": "C" },
            { "op": "remove", "path": "emails[primary eq false]" },
            { "op": "replace", "path": "userName", "value": "bjensen" },
        ])).await.expect(200);

        // R340, R344: of the addresses that are not primary none is left.
        let emails = json!([{ "value": "c@x.example", "display": "C", "type": "other", "primary": true }]);
        assert_eq!(answer["emails"], emails);
        assert_eq!(answer["userName"], "bjensen", "its own name in another case is free"); // R399
        assert_eq!(answer["meta"]["version"], "W/\"2\"");
        let told = acme.events().await[events..].to_vec();
        let notices: Vec<_> = told.iter().filter(|name| name.starts_with("prov:")).collect();
        assert_eq!(notices, ["prov:patch:notice"], "one change: {told:?}");
        assert_eq!(acme.get(&user).await.body, answer.body); // R347

        let answer = patch(&acme, &group, json!([
            { "op": "remove", "path": "members" },
            { "op": "add", "path": "members", "value": { "value": user.id() } },
            { "op": "replace", "path": "displayName", "value": "Others" },
        ])).await.expect(200);
        assert_eq!(answer["members"][0]["value"], user.id()); // R340, R365
        assert_eq!(answer["displayName"], "Others");
    }

    async fn schemas_follow_the_extension(app: TestApp) {
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let acme = app.new_tenant_with(dialect).await;
            let user = acme.create("Users", json!({ "schemas": [USER], "userName": "u" })).await;
            let department = |answer: &Answer| answer[ENTERPRISE]["department"].clone();

            let added = acme.patch(&user, replace(DEPARTMENT, "Tours")).await.expect(200);
            assert_eq!((&added["schemas"], department(&added)), (&json!([USER, ENTERPRISE]), json!("Tours"))); // R346, R371
            let removed = acme.patch(&user, json!({ "op": "remove", "path": DEPARTMENT })).await;
            assert_eq!((&removed["schemas"], &removed[ENTERPRISE]), (&json!([USER]), &Value::Null)); // R55
            let value = json!({ ENTERPRISE: { "department": "X" }, "schemas": [USER, ENTERPRISE] });
            let merged = acme.patch(&user, json!({ "op": "add", "value": value })).await.expect(200);
            assert_eq!((&merged["schemas"], department(&merged)), (&json!([USER, ENTERPRISE]), json!("X"))); // R346
            let value = json!({ "division": "D" });
            let whole = acme.patch(&user, replace(ENTERPRISE, value)).await.expect(200);
            assert_eq!(whole[ENTERPRISE], json!({ "department": "X", "division": "D" })); // R339, R401
            let gone = acme.patch(&user, json!({ "op": "remove", "path": ENTERPRISE })).await;
            assert_eq!((&gone["schemas"], &gone[ENTERPRISE]), (&json!([USER]), &Value::Null)); // R385
        }
    }

    async fn a_group_too_large_to_show_is_answered_without_a_body(app: TestApp) {
        let acme = app.new_tenant().await;
        let users = (0..1001).map(|number| {
            let user = json!({ "userName": format!("u{number}") });
            acme.request(Method::POST, "/Users?attributes=id").json(user).send()
        });
        let users = futures_util::future::join_all(users).await;
        let ids: Vec<Value> = users.iter().map(|user| json!({ "value": user["id"] })).collect();
        let group = acme.create("Groups", json!({ "displayName": "all" })).await;
        let ten_thousand: Vec<&Value> = ids.iter().cycle().take(10_000).collect();

        let begun = Instant::now();
        let add = json!({ "op": "add", "path": "members", "value": ten_thousand });
        let added = acme.patch(&group, add).await.expect(204);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed()); // R352

        assert_eq!(added.body, Value::Null); // R347
        assert_eq!(added.headers["etag"], "W/\"2\""); // R348
        let location = acme.get(&group).await.headers["location"].clone();
        assert_eq!(added.headers["location"], location); // R348
        let one = format!("{}?attributes=displayName", group.path());
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [replace("displayName", "every one")],
        });
        let shown = acme.request(Method::PATCH, &one).json(body).await.expect(200);
        assert_eq!(shown["displayName"], "every one"); // R347
        assert_eq!(shown["members"], Value::Null);

        let put = json!({ "displayName": "every one", "members": [ids[0], ids[1]] });
        let put = acme.put(&group).json(put).await.expect(200);
        assert_eq!(put["members"].as_array().unwrap().len(), 2); // R327
        assert_eq!(put["meta"]["version"], "W/\"4\""); // R327
    }
}
