//! Who may do what: every operation of the document with every role, in its own tenant and
//! in another one.

use std::collections::BTreeMap;

use super::*;

/// Which roles may do each operation, besides operators: those that name people and
/// settings of one tenant, for its own.
const RIGHTS: &str = include_str!("rights.tsv");

const ROLES: [&str; 4] = ["owner", "admin", "help-desk", "auditor"];

/// An operation of the document.
struct Operation {
    id: String,
    method: Method,
    template: String,
}

impl Operation {
    async fn all(admin: &Admin) -> Vec<Self> {
        let url = format!("{}/admin/openapi.json", admin.app.address());
        let document = admin.app.http().get(url).send().await.unwrap();
        let document: Value = document.json().await.unwrap();
        let mut all = Vec::new();
        for (template, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                all.push(Self {
                    id: operation["operationId"].as_str().unwrap().to_owned(),
                    method: method.to_ascii_uppercase().parse().unwrap(),
                    template: template.clone(),
                });
            }
        }
        all
    }

    /// Its path in `tenant`; other parts name nothing that is there.
    fn path(&self, tenant: &str) -> String {
        let part = |part: &str| match part {
            "{tenant}" => tenant.to_owned(),
            "{urn}" => "urn:example:none".to_owned(),
            "{kid}" | "{name}" | "{txn}" => "none".to_owned(),
            part if part.starts_with('{') => NO_ID.to_owned(),
            part => part.to_owned(),
        };
        self.template.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    fn is_of_a_tenant(&self) -> bool {
        self.template.starts_with("/tenants/{tenant}")
    }
}

fn rights() -> BTreeMap<&'static str, Vec<&'static str>> {
    let line = |line: &'static str| {
        let (operation, roles) = line.split_once('\t').unwrap();
        (operation, roles.split_whitespace().collect())
    };
    RIGHTS.lines().map(line).collect()
}

impl Admin {
    /// Somebody of `tenant` who has signed in by a link.
    async fn signed_in(&self, tenant: &str, new: Value) -> Self {
        let path = format!("/tenants/{tenant}/administrators");
        let added = self.post(&path, new).await.expect(201);
        self.enter(tenant, added["id"].as_str().unwrap()).await
    }

    async fn enter(&self, tenant: &str, id: &str) -> Self {
        let code = self.code(tenant, id).await;
        let nobody = Self { app: self.app.clone(), token: String::new() };
        let session = nobody.post("/sessions", json!({ "code": code })).await.expect(201);
        Self { app: self.app.clone(), token: session["token"].as_str().unwrap().to_owned() }
    }

    async fn code(&self, tenant: &str, id: &str) -> String {
        let path = format!("/tenants/{tenant}/administrators/{id}/link");
        let link = self.post(&path, Value::Null).await.expect(201);
        link["code"].as_str().unwrap().to_owned()
    }

    async fn id_of(&self, tenant: &str, name: &str) -> String {
        let all = self.get(&format!("/tenants/{tenant}/administrators")).await;
        let found = all["items"].as_array().unwrap().iter().find(|it| it["name"] == name).cloned();
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

fn person(name: &str, role: &str) -> Value {
    json!({ "name": name, "role": role })
}

on_both_databases! {
    /// A new operation fails this test until somebody has said who may do it.
    async fn every_operation_is_for_the_roles_that_are_said(app: TestApp) {
        let operator = Admin::new(&app).await;
        for tenant in ["acme", "globex"] {
            operator.tenant(tenant).await;
        }
        let (operations, rights) = (Operation::all(&operator).await, rights());
        let known: BTreeSet<_> = rights.keys().map(|id| (*id).to_owned()).collect();
        assert_eq!(known, operations.iter().map(|it| it.id.clone()).collect());
        for role in ROLES {
            let caller = operator.signed_in("acme", person(role, role)).await;
            for operation in operations.iter().filter(|it| it.id != "sessions.sign_out") {
                let own = operation.path("acme");
                let reply = caller.send(operation.method.clone(), &own, json!({})).await;
                let what = format!("{role} {}: {} {}", operation.id, reply.status, reply.body);
                let may = rights[operation.id.as_str()].contains(&role);
                assert_eq!(reply.status == 403, !may, "{what}");
                assert!(operation.id == "sessions.sign_in" || reply.status != 401, "{what}");
                assert!(reply.status < 500, "{what}");
                if !operation.is_of_a_tenant() {
                    continue;
                }
                // Another tenant's anything is as one that does not exist.
                for (other, none) in [("globex", "nowhere"), ("ac%6De", "ac%6De")] {
                    let path = operation.path(other);
                    let reply = caller.send(operation.method.clone(), &path, json!({})).await;
                    let detail = format!("tenant `{other}` was not found");
                    let headers = reply.expect_problem(404, &detail);
                    let path = operation.path(none);
                    let reply = caller.send(operation.method.clone(), &path, json!({})).await;
                    assert_eq!(reply.headers.keys().len(), headers.keys().len());
                    reply.expect_problem(404, &format!("tenant `{none}` was not found"));
                }
            }
            caller.delete("/sessions/current").await.expect(204);
            caller.send(Method::GET, "/tenants", Value::Null).await.expect_problem(401, "token");
        }
    }

    async fn a_link_lets_in_once(app: TestApp) {
        let operator = Admin::new(&app).await;
        operator.tenant("acme").await;
        let nobody = Admin { app: app.clone(), token: String::new() };
        let owner = operator.signed_in("acme", person("ann@acme.example", "owner")).await;
        let who = owner.get("/sessions/current").await;
        assert_eq!(who["actor"], "admin:acme/ann@acme.example");
        assert_eq!((&who["role"], &who["tenants"]), (&json!("owner"), &json!(["acme"])));
        assert_eq!(names(&owner.get("/tenants").await, "name"), ["acme"]);
        assert_eq!(operator.get("/sessions/current").await["role"], "operator");

        let id = operator.id_of("acme", "ann@acme.example").await;
        let (first, second) = (operator.code("acme", &id).await, operator.code("acme", &id).await);
        let redeem = |code: String| nobody.post("/sessions", json!({ "code": code }));
        redeem(first).await.expect_problem(401, "unknown, used or over");
        redeem(second.clone()).await.expect(201);
        redeem(second).await.expect_problem(401, "unknown, used or over");
        let path = format!("/tenants/acme/administrators/{id}/link?expires_in=1");
        let short = operator.post(&path, Value::Null).await.expect(201);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        redeem(short["code"].as_str().unwrap().to_owned()).await.expect_problem(401, "over");
        let path = format!("/tenants/acme/administrators/{id}/link?expires_in=604801");
        operator.post(&path, Value::Null).await.expect(400);

        let record = operator.get("/tenants/acme/audit").await;
        let actions: Vec<_> = names(&record, "action");
        for action in ["administrator.add", "administrator.link", "administrator.sign in"] {
            assert!(actions.contains(&action), "{actions:?}");
        }
        operator.post("/tenants/acme/suspend", Value::Null).await.expect(200);
        owner.send(Method::GET, "/tenants", Value::Null).await.expect_problem(401, "token");
        operator.post("/tenants/acme/resume", Value::Null).await.expect(200);
        operator.delete(&format!("/tenants/acme/administrators/{id}")).await.expect(204);
        owner.send(Method::GET, "/tenants", Value::Null).await.expect_problem(401, "token");
    }

    async fn an_owner_runs_the_tenants_below(app: TestApp) {
        let operator = Admin::new(&app).await;
        operator.tenant("acme").await;
        for (child, parent) in [("acme-eu", "acme"), ("acme-pt", "acme-eu")] {
            let new = json!({ "name": child, "parent": parent });
            assert_eq!(operator.post("/tenants", new).await.expect(201)["parent"], parent);
        }
        operator.tenant("globex").await;
        let new = json!({ "name": "x", "parent": "nowhere" });
        operator.post("/tenants", new).await.expect_problem(404, "nowhere");
        let all = json!({ "name": "ann", "role": "owner", "with_children": true });
        let ann = operator.signed_in("acme", all).await;
        let family = ["acme", "acme-eu", "acme-pt"];
        assert_eq!(names(&ann.get("/tenants").await, "name"), family);
        ann.get("/tenants/acme-pt/limits").await;
        let bob = ann.signed_in("acme-eu", person("bob", "owner")).await;
        assert_eq!(names(&bob.get("/tenants").await, "name"), ["acme-eu"]);
        for tenant in ["acme", "acme-pt", "globex"] {
            let path = format!("/tenants/{tenant}/limits");
            bob.send(Method::GET, &path, Value::Null).await.expect_problem(404, tenant);
        }
        let reply = operator.delete("/tenants/acme-eu").await;
        reply.expect_problem(409, "tenants belong to this one");
        operator.delete("/tenants/acme-pt").await.expect(204);
        operator.delete("/tenants/acme-eu").await.expect(204);
        assert_eq!(names(&ann.get("/tenants").await, "name"), ["acme"]);
        bob.send(Method::GET, "/tenants", Value::Null).await.expect_problem(401, "token");
    }

    async fn the_last_owner_stays(app: TestApp) {
        let operator = Admin::new(&app).await;
        operator.tenant("acme").await;
        let ann = operator.signed_in("acme", person("ann", "owner")).await;
        let again = ann.post("/tenants/acme/administrators", person("ann", "auditor")).await;
        again.expect_problem(409, "administrator `ann`");
        for wrong in [
            person("", "owner"),
            person("bob", "root"),
            json!({ "name": "bob", "role": "admin", "group": "x" }),
        ] {
            ann.post("/tenants/acme/administrators", wrong).await.expect(400);
        }
        let group = json!({ "name": "bob", "role": "admin", "group": NO_ID });
        ann.post("/tenants/acme/administrators", group).await.expect_problem(404, NO_ID);
        let place = |id: String| format!("/tenants/acme/administrators/{id}");
        let ann_id = ann.id_of("acme", "ann").await;
        ann.delete(&place(ann_id.clone())).await.expect_problem(409, "last owner");
        ann.delete(&place(NO_ID.to_owned())).await.expect_problem(404, NO_ID);
        let bob = ann.signed_in("acme", person("bob", "owner")).await;
        bob.delete(&place(ann_id)).await.expect(204);
        let bob_id = bob.id_of("acme", "bob").await;
        operator.delete(&place(bob_id)).await.expect(204);
    }

    async fn a_group_is_all_that_somebody_may_act_on(app: TestApp) {
        let operator = Admin::new(&app).await;
        let acme = app.new_tenant().await;
        let ann = acme.create("Users", json!({ "userName": "ann" })).await;
        let eve = acme.create("Users", json!({ "userName": "eve" })).await;
        let inner = json!({ "displayName": "Inner", "members": [{ "value": ann.id() }] });
        let inner = acme.create("Groups", inner).await;
        let outer = json!({ "displayName": "Outer", "members": [{ "value": inner.id() }] });
        let outer = acme.create("Groups", outer).await;
        let new = json!({ "name": "bob", "role": "help-desk", "group": outer.id() });
        let bob = operator.signed_in(acme.name(), new).await;
        let of = |id: &str| format!("/tenants/{}/users/{id}", acme.name());

        bob.get(&format!("{}/access", of(ann.id()))).await;
        bob.post(&format!("{}/revoke-sessions", of(ann.id())), Value::Null).await.expect(202);

        for path in [
            format!("{}/access", of(eve.id())),
            format!("{}/access", of(NO_ID)),
            format!("{}/access", of("x")),
            format!("/tenants/{}/deleted-users", acme.name()),
            format!("/tenants/{}/brake", acme.name()),
            "/offboardings".to_owned(),
        ] {
            let reply = bob.send(Method::GET, &path, Value::Null).await;
            reply.expect_problem(403, "members of a group alone");
        }
        let path = format!("{}/revoke-sessions", of(eve.id()));
        bob.post(&path, Value::Null).await.expect_problem(403, "members of a group alone");
        let people = json!({ "people": ["x"], "by": "user-name" });
        bob.post("/offboardings", people).await.expect_problem(403, "");
    }

    async fn an_administrator_lets_people_leave_where_they_may(app: TestApp) {
        let operator = Admin::new(&app).await;
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        for tenant in [&acme, &globex] {
            tenant.create("Users", json!({ "userName": "leaver" })).await;
        }
        let helper = operator.signed_in(acme.name(), person("bob", "help-desk")).await;
        let other = operator.signed_in(globex.name(), person("bob", "owner")).await;
        let leave = |tenants: Value| {
            json!({ "people": ["leaver"], "by": "user-name", "tenants": tenants })
        };

        let preview = helper.post("/offboardings?preview=true", leave(json!([]))).await.expect(200);
        assert_eq!(preview["people"][0]["tenants"].as_array().unwrap().len(), 1);
        assert_eq!(preview["people"][0]["tenants"][0]["tenant"], acme.name());
        let reply = helper.post("/offboardings", leave(json!([globex.name()]))).await;
        reply.expect_problem(404, globex.name());
        let started = helper.post("/offboardings", leave(json!([acme.name()]))).await.expect(202);
        assert_eq!(started["actor"], format!("admin:{}/bob", acme.name()));
        let place = format!("/offboardings/{}", started["id"].as_str().unwrap());
        helper.get(&place).await;
        operator.get(&place).await;
        other.send(Method::GET, &place, Value::Null).await.expect_problem(404, "offboarding");
        let cancel = format!("{place}/cancel");
        other.post(&cancel, Value::Null).await.expect_problem(404, "offboarding");
        assert_eq!(other.get("/offboardings").await["items"], json!([]));
        assert_eq!(helper.get("/offboardings").await["items"].as_array().unwrap().len(), 1);
    }
}

on_both_databases! {
    async fn reads_of_people_and_refusals_are_recorded(app: TestApp) {
        let operator = Admin::new(&app).await;
        let acme = app.new_tenant().await;
        let ann = acme.create("Users", json!({ "userName": "ann" })).await;
        let helper = operator.signed_in(acme.name(), person("bob", "help-desk")).await;
        let at = |rest: &str| format!("/tenants/{}/{rest}", acme.name());

        helper.get(&at(&format!("users/{}/access", ann.id()))).await;
        helper.send(Method::GET, &at("tokens"), Value::Null).await.expect_problem(403, "help-desk");
        operator.get(&at("connections")).await;

        let record = operator.get(&at("audit")).await;
        let told: Vec<String> = record["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| format!("{} {}", it["actor"].as_str().unwrap(), it["action"].as_str().unwrap()))
            .collect();
        let helper = format!("admin:{}/bob", acme.name());
        assert_eq!(told[told.len() - 2..], [
            format!("{helper} read users.access"),
            format!("{helper} refuse tokens.list"),
        ]);
        let auditor = operator.signed_in(acme.name(), person("eve", "auditor")).await;
        auditor.get(&at("audit?after=00000000-0000-0000-0000-000000000000")).await;
        let record = operator.get(&at("audit")).await;
        let last = record["items"].as_array().unwrap().last().unwrap();
        assert_eq!(last["actor"], format!("admin:{}/eve", acme.name()));
        assert_eq!(last["action"], "read audit.list");
        let of_ann = operator.get(&at(&format!("audit?resource={}", ann.id()))).await;
        assert_eq!(names(&of_ann, "action"), ["create", "read users.access"]);
        let verified = operator.post(&at("audit/verify"), json!({})).await.expect(200);
        assert_eq!(verified["intact"], true, "{verified}");
        let signed = operator.post(&at("audit/checkpoint"), Value::Null).await.expect(200);
        let verified = operator.post(&at("audit/verify"), signed).await.expect(200);
        assert_eq!((&verified["intact"], &verified["faults"]), (&json!(true), &json!([])));
    }
}

on_both_databases! {
    async fn every_body_has_an_example_that_is_understood(app: TestApp) {
        let operator = Admin::new(&app).await;
        operator.tenant("acme").await;
        let url = format!("{}/admin/openapi.json", app.address());
        let document: Value = app.http().get(url).send().await.unwrap().json().await.unwrap();
        for operation in Operation::all(&operator).await {
            let method = operation.method.as_str().to_ascii_lowercase();
            let body = &document["paths"][&operation.template][&method]["requestBody"];
            if body.is_null() {
                continue;
            }
            let content = body["content"].as_object().unwrap().values().next().unwrap();
            let example = &content["example"];
            assert!(example.is_object(), "{} has no example", operation.id);
            let path = operation.path("acme");
            let path = path.replace("urn:example:none", BADGE).replace("/none", "/Badge");
            let reply = operator.send(operation.method, &path, example.clone()).await;
            let understood = !matches!(reply.status, 400 | 413 | 415 | 422 | 500..);
            assert!(understood, "{}: {} {}", operation.id, reply.status, reply.body);
        }
    }
}
