//! Tenants know nothing of each other, and a token opens what it was made for.

use std::time::Duration;

use muster::{
    event::{EventUri, GroupClaim, SubjectFormat},
    provision::operator::{ApplicationChange, NewAdministrator, NewRoleRule, NewStream},
    tenant::{Role, Scope},
};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::support::{Answer, Request, Resource, TestApp, TestTenant, replace};

/// An id that nobody has.
const UNKNOWN: &str = "01900000-0000-7000-8000-000000000000";

/// How long a credential may outlive its end.
const BELIEVED: Duration = Duration::from_millis(1100);

const HOUR: Duration = Duration::from_secs(3600);

/// Words of the database and the program, which no answer has.
const INSIDE: [&str; 13] = [
    "select ",
    "insert ",
    "update ",
    "sql",
    "attribute_value",
    "membership",
    "outbox",
    "tenant_id",
    "unique_key",
    "constraint",
    "muster::",
    "panicked",
    ".rs",
];

/// Demands that two answers differ in nothing but the id that was asked for.
#[track_caller]
fn assert_alike(foreign: &Answer, id: &str, unknown: &Answer) {
    assert_eq!(foreign.status, unknown.status, "{foreign} {unknown}");
    let seen = foreign.body.to_string().replace(id, UNKNOWN);
    assert_eq!(seen, unknown.body.to_string());
    let names = |answer: &Answer| {
        let length = |name: &str| name == "content-length" || name == "date";
        let headers = answer.headers.iter().filter(|(name, _)| !length(name.as_str()));
        headers.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(names(foreign), names(unknown), "{foreign}");
}

#[track_caller]
fn assert_silent(answer: &Answer) {
    let text = answer.body.to_string().to_ascii_lowercase();
    for word in INSIDE {
        assert!(!text.contains(word), "`{word}` is told: {answer}");
    }
}

/// Every endpoint that asks for a token.
fn every_endpoint(tenant: &TestTenant, user: &Resource, group: &Resource) -> Vec<Request> {
    let mut requests = tenant.every_request_on(user);
    requests.extend(tenant.every_request_on(group));
    let stream = format!("/ssf/poll/{UNKNOWN}");
    requests.push(tenant.tenant_request(Method::POST, &stream).json(json!({ "maxEvents": 0 })));
    for path in ["/Users", "/Groups", "/Bulk", "/Me", "/.search", "/Users/.search", "/Nowhere"] {
        requests.push(tenant.request(Method::POST, path).json(json!({ "userName": "x" })));
    }
    for path in [
        "",
        "/",
        "/Users",
        "/Groups",
        "/Schemas",
        "/ResourceTypes",
        "/ServiceProviderConfig",
        "/Me",
        "/async/1",
        "/Nowhere",
        "/Users?filter=(((",
    ] {
        requests.push(tenant.request(Method::GET, path));
    }
    requests
}

async fn refused_everywhere(tenant: &TestTenant, user: &Resource, group: &Resource) {
    for request in every_endpoint(tenant, user, group) {
        let answer = request.await.expect(401);
        let challenge = answer.headers[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{answer}: {challenge}");
        assert_silent(&answer);
    }
}

async fn one_of_each(tenant: &TestTenant) -> (Resource, Resource) {
    let user = tenant.create("Users", json!({ "userName": "bjensen", "externalId": "e1" })).await;
    let members = json!([{ "value": user.id() }]);
    let group = json!({ "displayName": "Staff", "externalId": "e1", "members": members });
    (user, tenant.create("Groups", group).await)
}

fn polled() -> NewStream {
    NewStream {
        description: String::new(),
        push_url: None,
        authorization: None,
        events: EventUri::ALL.into_iter().filter(|event| !event.is_operational()).collect(),
        subject_format: SubjectFormat::Scim,
        audience: None,
        application: None,
        group_claim: GroupClaim::Name,
        subjects: Default::default(),
    }
}

on_both_databases! {
    async fn anothers_id_is_answered_as_one_that_nobody_has(app: TestApp) {
        // A56, R203, R470
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (user, group) = one_of_each(&acme).await;
        let (before, events) = (acme.get(&user).await.body, acme.events().await);

        for resource in [&user, &group] {
            let unknown = resource.with_id(UNKNOWN);
            let pairs = globex.every_request_on(resource).into_iter().zip(
                globex.every_request_on(&unknown),
            );
            for (foreign, unknown) in pairs {
                let (foreign, unknown) = (foreign.await, unknown.await);
                foreign.expect_error(404, None);
                assert_alike(&foreign, resource.id(), &unknown);
            }
        }

        assert_eq!(acme.get(&user).await.body, before);
        assert_eq!(acme.events().await, events);
        assert!(globex.events().await.is_empty());
    }

    async fn anothers_id_selects_nothing_in_a_filter(app: TestApp) {
        // A56, R470
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (user, group) = one_of_each(&acme).await;
        let (user, group) = (user.id(), group.id());

        for (endpoint, filter) in [
            ("Users", format!("id eq \"{user}\"")),
            ("Users", format!("groups.value eq \"{group}\"")),
            ("Groups", format!("id eq \"{group}\"")),
            ("Groups", format!("members.value eq \"{user}\"")),
            ("Groups", format!("members[value eq \"{user}\"]")),
            ("Users", "externalId eq \"e1\"".to_owned()),
            ("Users", "userName sw \"b\"".to_owned()),
            ("Users", "userName pr".to_owned()),
        ] {
            let answer = globex.list(endpoint, &filter).await.expect(200);
            assert_eq!(answer["totalResults"], 0, "{answer}");
            let answer = acme.list(endpoint, &filter).await.expect(200);
            assert_eq!(answer["totalResults"], 1, "{answer}");
        }
    }

    async fn anothers_people_become_neither_members_nor_managers(app: TestApp) {
        // A48, A56, R470
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (user, _) = one_of_each(&acme).await;
        let crew = globex.create("Groups", json!({ "displayName": "Crew" })).await;

        let asked = |id: &str| {
            let members = json!([{ "value": id }]);
            let new = json!({ "displayName": "New", "members": members });
            let add = json!({ "op": "add", "path": "members", "value": members });
            let remove = format!("members[value eq \"{id}\"]");
            [
                globex.request(Method::POST, "/Groups").json(new.clone()),
                globex.put(&crew).json(new),
                globex.patch(&crew, add),
                globex.patch(&crew, json!({ "op": "remove", "path": remove })),
            ]
        };
        for (foreign, unknown) in asked(user.id()).into_iter().zip(asked(UNKNOWN)) {
            assert_alike(&foreign.await, user.id(), &unknown.await);
        }
        let crew_now = globex.get(&crew).await;
        assert!(crew_now["members"].as_array().is_none_or(Vec::is_empty), "{crew_now}");
        assert_eq!(crew_now["meta"]["version"], crew.etag());

        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let managed = async |name: &str, manager: &str| {
            let document = json!({ "userName": name, enterprise: { "manager": manager } });
            let answer = globex.request(Method::POST, "/Users").json(document).await.expect(201);
            answer[enterprise]["manager"].to_string().replace(manager, UNKNOWN)
        };
        let (foreign, unknown) = (managed("a", user.id()).await, managed("b", UNKNOWN).await);
        assert_eq!(foreign, unknown);
        assert!(!foreign.contains("bjensen"), "{foreign}");
        assert_eq!(acme.get(&user).await["groups"].as_array().map(Vec::len), Some(1));
    }

    async fn a_token_is_refused_at_anothers_url(app: TestApp) {
        // A57, R179, R185, R469
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (user, group) = one_of_each(&globex).await;
        let (all, _) = acme.issue(&Scope::OF_CONNECTIONS, HOUR).await;
        acme.with_token(&all).request(Method::GET, "/Users").await.expect(200);

        refused_everywhere(&globex.with_token(&all), &user, &group).await;

        // Nothing tells whether the token, the tenant or neither is known.
        let foreign = globex.with_token(&all).request(Method::GET, "/Users").await;
        let nonsense = globex.with_token("muster_scim_x").request(Method::GET, "/Users").await;
        assert_eq!(foreign.body, nonsense.body);
        let url = format!("{}/t/nobody/scim/v2/Users", app.address());
        let nobody = app.http().get(url).header(AUTHORIZATION, format!("Bearer {all}"));
        let nobody = nobody.send().await.unwrap();
        assert_eq!(nobody.status(), 401);
        assert_eq!(nobody.json::<Value>().await.unwrap(), foreign.body);
        assert_eq!(globex.get(&user).await.expect(200)["userName"], "bjensen");
    }

    async fn the_same_names_in_two_tenants_do_not_meet(app: TestApp) {
        // A58, R46, R471, R472, R473
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let ((first, _), (second, staff)) = (one_of_each(&acme).await, one_of_each(&globex).await);

        assert_ne!(first.id(), second.id());
        let again = json!({ "userName": "BJENSEN" });
        let answer = globex.request(Method::POST, "/Users").json(again).await;
        answer.expect_error(409, Some("uniqueness"));
        globex.delete(&second).await.expect(204);
        globex.delete(&staff).await.expect(204);
        acme.get(&first).await.expect(200);
        let staff = acme.list("Groups", "externalId eq \"e1\"").await;
        assert_eq!(staff["Resources"][0]["members"][0]["value"], first.id());
    }

    async fn a_suspended_tenant_is_refused_within_a_second_and_loses_nothing(app: TestApp) {
        // A59
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (user, group) = one_of_each(&acme).await;

        app.operator().suspend_tenant(acme.name()).await.unwrap();
        tokio::time::sleep(BELIEVED).await;
        refused_everywhere(&acme, &user, &group).await;
        globex.request(Method::GET, "/Users").await.expect(200);

        app.operator().resume_tenant(acme.name()).await.unwrap();
        tokio::time::sleep(BELIEVED).await;
        assert_eq!(acme.get(&group).await.expect(200)["members"][0]["value"], user.id());
    }

    async fn a_revoked_token_is_refused_within_a_second(app: TestApp) {
        // A59, R179
        let acme = app.new_tenant().await;
        let (user, group) = one_of_each(&acme).await;
        let (token, id) = acme.issue(&Scope::OF_CONNECTIONS, HOUR).await;
        let other = acme.with_token(&token);
        other.get(&user).await.expect(200);

        app.operator().revoke_token(acme.name(), id).await.unwrap();
        tokio::time::sleep(BELIEVED).await;

        refused_everywhere(&other, &user, &group).await;
        acme.get(&user).await.expect(200);
    }

    async fn a_token_ends_at_its_time(app: TestApp) {
        // A59, R179, R181
        let acme = app.new_tenant().await;
        let (user, group) = one_of_each(&acme).await;
        let (token, _) = acme.issue(&Scope::OF_CONNECTIONS, Duration::from_secs(3)).await;
        let other = acme.with_token(&token);
        other.get(&user).await.expect(200);

        tokio::time::sleep(Duration::from_secs(3)).await;

        refused_everywhere(&other, &user, &group).await;
    }

    async fn a_token_may_do_what_its_scopes_say(app: TestApp) {
        // A59, R171, R172, R180, R480
        let acme = app.new_tenant().await;
        let (user, group) = one_of_each(&acme).await;
        let stream = app.operator().create_stream(acme.name(), polled()).await.unwrap();
        let poll = format!("/ssf/poll/{}", stream.id);
        let requests = |tenant: &TestTenant| {
            let mut requests = vec![];
            for resource in [&user, &group] {
                requests.push((Scope::Read, tenant.get(resource)));
                let writes = tenant.every_request_on(resource).into_iter().skip(1);
                requests.extend(writes.map(|write| (Scope::Write, write)));
            }
            for endpoint in ["/Users", "/Groups"] {
                let new = json!({ "userName": "new", "displayName": "New" });
                requests.push((Scope::Read, tenant.request(Method::GET, endpoint)));
                let create = tenant.request(Method::POST, endpoint).json(new);
                requests.push((Scope::Write, create));
            }
            let body = json!({ "returnImmediately": true });
            requests.push((Scope::Poll, tenant.tenant_request(Method::POST, &poll).json(body)));
            requests
        };

        for scopes in [[Scope::Read, Scope::Poll], [Scope::Poll, Scope::Poll], [Scope::Read; 2]] {
            let (token, _) = acme.issue(&scopes, HOUR).await;
            for (needed, request) in requests(&acme.with_token(&token)) {
                let answer = request.await;
                if scopes.contains(&needed) {
                    assert!(answer.status < 300, "{answer}");
                    continue;
                }
                assert_eq!(answer.status, 403, "{answer}");
                let challenge = answer.headers.get(WWW_AUTHENTICATE);
                let challenge = challenge.map_or("", |value| value.to_str().unwrap());
                assert!(challenge.contains("error=\"insufficient_scope\""), "{answer}");
                assert!(answer.body.to_string().contains(needed.as_str()), "{answer}");
            }
        }
        let (token, _) = acme.issue(&[Scope::Write], HOUR).await;
        let writer = acme.with_token(&token);
        writer.get(&user).await.expect(403);
        writer.list("Users", "userName pr").await.expect(403);
        writer.patch(&user, replace("displayName", "x")).await.expect(200);
        assert_eq!(acme.get(&user).await["displayName"], "x");
    }

    async fn no_error_tells_what_is_inside(app: TestApp) {
        // A31, R447, R479
        let acme = app.new_tenant().await;
        let (user, group) = one_of_each(&acme).await;

        let post = |path: &str, body: Value| acme.request(Method::POST, path).json(body);
        let syntax = acme.request(Method::POST, "/Users").header(CONTENT_TYPE, "text/plain");
        for request in [
            post("/Users", json!({ "userName": "bjensen" })),
            post("/Users", json!({ "userName": "x\u{0}y" })),
            post("/Users", json!({ "userName": "x".repeat(3000) })),
            post("/Users", json!({ "userName": { "$ne": "" } })),
            post("/Groups", json!({ "displayName": "STAFF" })),
            post("/Groups", json!({ "displayName": "G", "members": [{ "value": "';--" }] })),
            post("/Users/x", json!({})),
            syntax.json(json!({})),
            acme.patch(&user, replace("active", "'; drop table resource; --")),
            acme.patch(&group, json!({ "op": "add", "path": "members", "value": UNKNOWN })),
            acme.patch(&user, json!({ "op": "replace", "path": "emails[", "value": 1 })),
            acme.list("Users", "userName eq \"' or 1=1 --\" and"),
            acme.list("Users", "\u{0} eq 1"),
            acme.request(Method::GET, "/Users/'%20or%201=1--"),
            acme.request(Method::GET, "/Users/%00"),
            acme.request(Method::GET, "/Users?count=1&count=2"),
            acme.request(Method::TRACE, "/Users"),
            acme.request(Method::GET, "/resource"),
        ] {
            let answer = request.await;
            assert!((400..500).contains(&answer.status), "{answer}");
            assert_silent(&answer);
        }
    }
}

/// A superuser's session that works as the service does.
async fn session(app: &TestApp) -> Option<PgConnection> {
    let mut session = PgConnection::connect(app.postgres_url()?).await.unwrap();
    sqlx::raw_sql("set role muster_app").execute(&mut session).await.unwrap();
    Some(session)
}

async fn tenants_in(session: &mut PgConnection, table: &str) -> Result<Vec<i64>, sqlx::Error> {
    let column = if table == "tenant" { "id" } else { "tenant_id" };
    let sql = format!("select distinct {column} from {table} order by 1");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(session).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A row in every table.
async fn one_of_everything(app: &TestApp, tenant: &TestTenant) {
    app.operator().create_stream(tenant.name(), polled()).await.unwrap();
    let (user, group) = one_of_each(tenant).await;
    let gated = ApplicationChange {
        groups: Some(vec![group.id().to_owned()]),
        ..ApplicationChange::default()
    };
    app.operator().create_application(tenant.name(), "crm", gated).await.unwrap();
    tenant.patch(&user, replace("emails", json!([{ "value": "b@x.test" }]))).await;
    app.operator().protect_user(tenant.name(), user.id(), "owner", "test").await.unwrap();
    let rule =
        NewRoleRule { role: "viewer".to_owned(), group: Some(group.id().to_owned()), filter: None };
    app.operator().add_role_rule(tenant.name(), &rule, "test").await.unwrap();
    let owner = NewAdministrator {
        name: "ann".to_owned(),
        role: Role::Owner,
        group: None,
        with_children: false,
    };
    app.operator().add_administrator(tenant.name(), owner, "test").await.unwrap();
    app.operator().checkpoint(tenant.name()).await.unwrap();
    let leaver = tenant.create("Users", json!({ "userName": "leaver" })).await;
    tenant.delete(&leaver).await.expect(204);
}

on_both_databases! {
    /// What SQLite has instead is the tenant in every statement; it has no sessions.
    async fn the_database_itself_keeps_tenants_apart(app: TestApp) {
        const TABLES: [&str; 19] = [
            "tenant",
            "connection",
            "credential",
            "signing_key",
            "resource",
            "attribute_value",
            "membership",
            "outbox",
            "stream",
            "delivery",
            "audit_entry",
            "application",
            "application_group",
            "deleted_user",
            "protected_user",
            "role_rule",
            "administrator",
            "audit_chain",
            "audit_checkpoint",
        ];
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        for tenant in [&acme, &globex] {
            one_of_everything(&app, tenant).await;
        }
        let Some(mut session) = session(&app).await else { return };

        for table in TABLES {
            let refused = tenants_in(&mut session, table).await;
            assert!(refused.is_err(), "{table} can be read without a tenant: {refused:?}");
        }
        sqlx::raw_sql("set app.tenant = '0'").execute(&mut session).await.unwrap();
        let tenants = tenants_in(&mut session, "tenant").await.unwrap();
        assert_eq!(tenants.len(), 2);
        for tenant in &tenants {
            let sql = format!("set app.tenant = '{tenant}'");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut session).await.unwrap();
            for table in TABLES {
                let seen = tenants_in(&mut session, table).await.unwrap();
                assert_eq!(seen, [*tenant], "{table}");
            }
        }
        // The session works for the second tenant now.
        let steal = format!("update resource set version = 9 where tenant_id = {}", tenants[0]);
        let stolen = sqlx::raw_sql(AssertSqlSafe(steal)).execute(&mut session).await.unwrap();
        assert_eq!(stolen.rows_affected(), 0);
        let plant = format!("update resource set tenant_id = {}", tenants[0]);
        sqlx::raw_sql(AssertSqlSafe(plant)).execute(&mut session).await.unwrap_err();
    }

    /// A database that fails must not be told about either.
    async fn a_broken_database_is_answered_without_its_words(app: TestApp) {
        let acme = app.new_tenant().await;
        let (user, group) = one_of_each(&acme).await;
        let Some(url) = app.postgres_url() else { return };
        let mut session = PgConnection::connect(url).await.unwrap();
        let rename = "alter table resource rename to elsewhere";
        sqlx::raw_sql(rename).execute(&mut session).await.unwrap();

        let mut requests = acme.every_request_on(&user);
        requests.extend(acme.every_request_on(&group));
        requests.push(acme.list("Users", "userName pr"));
        for request in requests {
            let answer = request.await;
            answer.expect_error(500, None);
            assert_silent(&answer);
        }

        let back = "alter table elsewhere rename to resource";
        sqlx::raw_sql(back).execute(&mut session).await.unwrap();
        acme.get(&user).await.expect(200);
    }
}
