//! Another tenant's ids in every place that takes one, and tokens in every place
//! that should not.

use reqwest::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, IF_MATCH, IF_NONE_MATCH};

use super::*;

/// A request that holds an id, and where.
type Position = (&'static str, Request);

/// Every place of a request to one resource.
fn paths(tenant: &TestTenant, id: &str, etag: &str) -> Vec<Position> {
    let mut requests = Vec::new();
    for endpoint in ["Users", "Groups"] {
        let path = format!("/{endpoint}/{id}");
        let document = match endpoint {
            "Users" => json!({ "schemas": [USER], "userName": "new", "id": id }),
            _ => json!({ "schemas": [GROUP], "displayName": "new", "id": id }),
        };
        let patch = json!({ "schemas": [PATCH_OP], "Operations": [
            { "op": "replace", "path": "displayName", "value": "x" },
        ] });
        for (what, method, body) in [
            ("GET", Method::GET, None),
            ("HEAD", Method::HEAD, None),
            ("DELETE", Method::DELETE, None),
            ("POST", Method::POST, Some(document.clone())),
            ("PUT", Method::PUT, Some(document)),
            ("PATCH", Method::PATCH, Some(patch)),
        ] {
            let request = || {
                let request = tenant.request(method.clone(), &path);
                match body.clone() {
                    Some(body) => request.json(body),
                    None => request,
                }
            };
            requests.push((what, request()));
            requests.push(("If-Match", request().header(IF_MATCH, etag)));
            requests.push(("If-None-Match", request().header(IF_NONE_MATCH, etag)));
            requests.push(("If-None-Match: *", request().header(IF_NONE_MATCH, "*")));
        }
        let named = format!("{path}?attributes=userName,members,groups");
        requests.push(("attributes", tenant.request(Method::GET, &named)));
        requests.push(("below", tenant.request(Method::GET, &format!("{path}/members"))));
        requests.push((
            "search",
            tenant.request(Method::POST, &format!("{path}/.search")).json(json!({})),
        ));
    }
    for path in
        [format!("/async/{id}"), format!("/Me/{id}"), format!("/Schemas/{id}"), format!("/{id}")]
    {
        requests.push(("another endpoint", tenant.request(Method::GET, &path)));
    }
    let poll = tenant.tenant_request(Method::POST, &format!("/ssf/poll/{id}"));
    requests.push(("poll", poll.json(json!({ "returnImmediately": true }))));
    requests
}

/// Every place of a query.
fn queries(tenant: &TestTenant, id: &str) -> Vec<Position> {
    let mut requests = Vec::new();
    for filter in [
        format!("id eq \"{id}\""),
        format!("id ne \"{id}\""),
        format!("id co \"{id}\""),
        format!("not (id eq \"{id}\")"),
        format!("meta.location co \"{id}\""),
        format!("groups.value eq \"{id}\""),
        format!("groups[value eq \"{id}\"]"),
        format!("members.value eq \"{id}\""),
        format!("members[value eq \"{id}\"]"),
        format!("members.$ref co \"{id}\""),
        format!("{ENTERPRISE}:manager.value eq \"{id}\""),
        format!("externalId eq \"{id}\""),
    ] {
        for endpoint in ["Users", "Groups"] {
            requests.push(("filter", tenant.list(endpoint, &filter)));
            let body = json!({ "schemas": [SEARCH], "filter": filter });
            let path = format!("/{endpoint}/.search");
            requests.push((".search", tenant.request(Method::POST, &path).json(body)));
        }
        let body = json!({ "schemas": [SEARCH], "filter": filter });
        requests.push(("root .search", tenant.request(Method::POST, "/.search").json(body)));
        requests.push(("root filter", tenant.list("", &filter)));
    }
    for parameter in ["cursor", "sortBy", "attributes", "excludedAttributes", "startIndex", "count"]
    {
        requests
            .push((parameter, tenant.request(Method::GET, &format!("/Users?{parameter}={id}"))));
    }
    requests
}

/// Every place of a body; `own` are a user and a group of the tenant itself.
fn bodies(tenant: &TestTenant, id: &str, own: (&Resource, &Resource)) -> Vec<Position> {
    let location = format!("{}/Users/{id}", tenant.base());
    let members = [
        json!([{ "value": id }]),
        json!([{ "value": id, "type": "Group" }]),
        json!([{ "value": id, "$ref": location }]),
        json!([{ "$ref": location }]),
        json!([{ "value": own.0.id() }, { "value": id }]),
    ];
    let mut requests = Vec::new();
    for members in members {
        let group = json!({ "schemas": [GROUP], "displayName": "new", "members": members });
        requests
            .push(("POST members", tenant.request(Method::POST, "/Groups").json(group.clone())));
        requests.push(("PUT members", tenant.put(own.1).json(group)));
        for op in ["add", "replace", "remove"] {
            let operation = json!({ "op": op, "path": "members", "value": members });
            requests.push(("PATCH members", tenant.patch(own.1, operation)));
            let operation = json!({ "op": op, "value": { "members": members } });
            requests.push(("PATCH without path", tenant.patch(own.1, operation)));
        }
    }
    let path = format!("members[value eq \"{id}\"]");
    requests.push(("remove", tenant.patch(own.1, json!({ "op": "remove", "path": path }))));
    for manager in [json!(id), json!({ "value": id }), json!({ "value": id, "$ref": location })] {
        let user = json!({
            "schemas": [USER, ENTERPRISE], "userName": "new", ENTERPRISE: { "manager": manager },
        });
        requests.push(("PUT manager", tenant.put(own.0).json(user)));
        let path = format!("{ENTERPRISE}:manager");
        let operation = json!({ "op": "replace", "path": path, "value": manager });
        requests.push(("PATCH manager", tenant.patch(own.0, operation)));
    }
    let groups = json!([{ "value": id }]);
    let user = json!({ "schemas": [USER], "userName": "new", "id": id, "groups": groups });
    requests.push(("PUT id and groups", tenant.put(own.0).json(user)));
    let operation = json!({ "op": "add", "path": "groups", "value": groups });
    requests.push(("PATCH groups", tenant.patch(own.0, operation)));
    requests.push((
        "PATCH id",
        tenant.patch(own.0, json!({ "op": "replace", "path": "id", "value": id })),
    ));
    for (method, path) in [
        ("DELETE", format!("/Users/{id}")),
        ("PUT", format!("/Users/{id}")),
        ("PATCH", format!("/Groups/{id}")),
        ("DELETE", location),
    ] {
        let operation = json!({ "method": method, "path": path, "data": { "displayName": "x" } });
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation],
        });
        requests.push(("bulk path", tenant.request(Method::POST, "/Bulk").json(bulk)));
    }
    requests
}

/// The text with `own` in place of every id but [`UNKNOWN`].
fn without_ids(text: &str) -> String {
    let is_id = |word: &&str| uuid::Uuid::parse_str(word).is_ok() && *word != UNKNOWN;
    let words = text.split(|next: char| !next.is_ascii_alphanumeric() && next != '-');
    words.filter(is_id).fold(text.to_owned(), |text, id| text.replace(id, "own"))
}

/// What an answer says but for the id that was asked, and what no two answers share.
fn told(answer: &Answer, id: &str, tenant: &TestTenant) -> (u16, String, Vec<HeaderName>) {
    fn without_meta(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("meta");
                members.values_mut().for_each(without_meta);
            }
            Value::Array(elements) => elements.iter_mut().for_each(without_meta),
            _ => (),
        }
    }
    let mut body = answer.body.clone();
    without_meta(&mut body);
    let headers = answer.headers.keys().cloned().collect();
    let body = body.to_string().replace(id, UNKNOWN).replace(tenant.name(), "tenant");
    (answer.status, without_ids(&body), headers)
}

/// A tenant of the dialect with one user and one group, the same every time.
async fn attacker(app: &TestApp, dialect: Dialect) -> (TestTenant, Resource, Resource) {
    let tenant = app.new_tenant_with(dialect).await;
    let user = tenant.create("Users", json!({ "schemas": [USER], "userName": "own" })).await;
    let group = tenant.create("Groups", json!({ "schemas": [GROUP], "displayName": "own" })).await;
    (tenant, user, group)
}

on_both_databases! {
    /// The matrix: every route, place and method, with an id of another tenant's user
    /// and group, and with one that nobody has.
    async fn anothers_id_tells_nothing_anywhere(app: TestApp) {
        // A56, A48
        let victim = Target::new(&app, Dialect::Generic).await;
        for dialect in [Dialect::Strict, Dialect::Generic] {
            for resource in [&victim.user, &victim.group] {
                // One tenant each, as some of the requests change their own resources.
                let (spy, user, group) = attacker(&app, dialect).await;
                let (other, other_user, other_group) = attacker(&app, dialect).await;
                let all = |tenant, id, own| {
                    [paths(tenant, id, resource.etag()), queries(tenant, id), bodies(tenant, id, own)]
                };
                let foreign = all(&spy, resource.id(), (&user, &group));
                let unknown = all(&other, UNKNOWN, (&other_user, &other_group));
                for ((what, foreign), (_, unknown)) in
                    foreign.into_iter().flatten().zip(unknown.into_iter().flatten())
                {
                    let (foreign, unknown) = (foreign.await, unknown.await);
                    assert!(foreign.status < 500 || foreign.status == 501, "{foreign}");
                    let unknown = told(&unknown, UNKNOWN, &other);
                    let foreign_told = told(&foreign, resource.id(), &spy);
                    assert_eq!(foreign_told, unknown, "{what}: {foreign}");
                    for secret in ["bjensen", "Barbara", "Staff", victim.tenant.name()] {
                        assert!(!foreign.body.to_string().contains(secret), "{what}: {foreign}");
                    }
                }
            }
        }
        victim.is_unharmed().await;
    }

    async fn nothing_but_the_path_names_a_tenant(app: TestApp) {
        // A57, A65
        let (acme, globex) = (app.new_tenant().await, Target::new(&app, Dialect::Generic).await);
        let base = format!("/t/{}/scim/v2/Users", globex.tenant.name());
        for (name, value) in [
            ("x-tenant", globex.tenant.name()),
            ("x-tenant-id", "2"),
            ("x-scim-tenant", globex.tenant.name()),
            ("x-original-url", &base),
            ("x-rewrite-url", &base),
            ("x-forwarded-path", &base),
            ("x-forwarded-prefix", &format!("/t/{}", globex.tenant.name())),
            ("x-forwarded-host", &format!("{}.muster.test", globex.tenant.name())),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-user", "bjensen"),
            ("forwarded", "for=127.0.0.1;host=evil.example"),
            ("x-http-method-override", "DELETE"),
            ("x-http-method", "DELETE"),
            ("x-method-override", "DELETE"),
        ] {
            let name: HeaderName = name.parse().unwrap();
            let list = acme.request(Method::GET, "/Users").header(name.clone(), value);
            assert_eq!(attack(list).await.expect(200)["totalResults"], 0);
            let other = globex.tenant.with_token(acme.token());
            refused(other.get(&globex.user).header(name.clone(), value), 401, None).await;
            let own = globex.tenant.get(&globex.user).header(name, value);
            let own = attack(own).await.expect(200);
            assert!(own["meta"]["location"].as_str().unwrap().starts_with(crate::support::PUBLIC_URL));
        }
        let host = format!("{}.muster.test", globex.tenant.name());
        let list = acme.request(Method::GET, "/Users").header(HOST, &host);
        assert_eq!(attack(list).await.expect(200)["totalResults"], 0);
        let body = json!({ "userName": "x", "_method": "DELETE" });
        let request = globex.tenant.request(Method::POST, "/Users?_method=DELETE").json(body);
        let made = Resource::new("Users", attack(request).await.expect(201));
        globex.tenant.delete(&made).await.expect(204);
        assert_eq!(globex.state().await.0, globex.before.0);
    }

    async fn a_token_comes_in_one_header_and_nowhere_else(app: TestApp) {
        // A60, A61
        let target = Target::new(&app, Dialect::Strict).await;
        let acme = &target.tenant;
        let token = acme.token().to_owned();
        let nobody = || acme.with_token("").request(Method::GET, "/Users");
        let long = format!("Bearer {}", "a".repeat(60_000));
        for (credential, status) in [
            ("", 401),
            ("Bearer", 401),
            ("Bearer ", 401),
            ("bearer", 401),
            ("Basic dTpw", 401),
            (&format!("Basic {token}"), 401),
            (&format!("Digest {token}"), 401),
            (&format!("Bearer  {token} {token}"), 401),
            (&format!("Bearer {token},{token}"), 401),
            (&format!("Bearer {token}x"), 401),
            (&format!("Bearer {}", &token[..token.len() - 1]), 401),
            (&format!("Bearer {}", token.to_uppercase()), 401),
            (&format!("Bearer \"{token}\""), 401),
            (&token, 401),
            ("Bearer null", 401),
            ("Bearer undefined", 401),
            ("Bearer %00", 401),
            ("Bearer ' or 1=1 --", 401),
            (&long, 401),
        ] {
            refused(nobody().header(AUTHORIZATION, credential), status, None).await;
        }
        let twice = nobody().header(AUTHORIZATION, &format!("Bearer {token}"));
        refused(twice.another(AUTHORIZATION, &format!("Bearer {token}")), 400, None).await;

        let nowhere = acme.with_token("x");
        for name in ["access_token", "token", "authorization", "bearer"] {
            let path = format!("/Users?{name}={token}");
            let answer = attack(nowhere.request(Method::GET, &path)).await;
            assert!([400, 401].contains(&answer.status), "{answer}");
            assert!(!answer.body.to_string().contains(&token), "{answer}");
            let cookie = nowhere.request(Method::GET, "/Users");
            refused(cookie.header(COOKIE, &format!("{name}={token}")), 401, None).await;
            let body = nowhere.request(Method::POST, "/Users");
            refused(body.json(json!({ name: token, "userName": "x" })), 401, None).await;
        }
        target.is_unharmed().await;
    }

    async fn every_spelling_of_a_path_needs_the_token_first(app: TestApp) {
        // A64, A76
        let globex = Target::new(&app, Dialect::Generic).await;
        let acme = app.new_tenant().await;
        let (a, b) = (acme.name(), globex.tenant.name());
        let id = globex.user.id();
        let base = app.address();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        for path in [
            format!("/t/{b}/scim/v2/Users/{id}"),
            format!("/t/{b}/scim/v2/Users/"),
            format!("/t/{b}/scim/v2/%55sers"),
            format!("/t/{b}/scim/v2/USERS"),
            format!("/t/{b}/scim/v2//Users"),
            format!("/t/{b}/scim/v2/Users;x=1"),
            format!("/t/{b}/scim/v2/Users%2F{id}"),
            format!("/t/{b}/scim/v2/Users%252F{id}"),
            format!("/t/{b}/scim/v2/ServiceProviderConfig/%2e%2e/Users"),
            format!("/t/{b}/scim/v2/ServiceProviderConfig/..%2FUsers"),
            format!("/t/{b}/scim/v2/ServiceProviderConfig%2F..%2FUsers"),
            format!("/t/{b}/scim/v2/ServiceProviderConfig;/Users"),
            format!("/t/{b}/scim/v2/ServiceProviderConfig%00/Users"),
            format!("/t/{b}/scim/v2/%2e/Users"),
            format!("/t/{b}%2fscim%2fv2/Users"),
            format!("/t/{b}/./scim/v2/Users"),
            format!("//t/{b}/scim/v2/Users"),
            format!("/%74/{b}/scim/v2/Users"),
            format!("/t/{a}/scim/v2/Users/%2e%2e/%2e%2e/%2e%2e/%2e%2e/{b}/scim/v2/Users"),
            format!("/t/{a}/scim/v2/..%2f..%2f..%2f{b}%2fscim%2fv2%2fUsers"),
            format!("/t/{a}%2f..%2f{b}/scim/v2/Users"),
            format!("/t/{a}/../{b}/scim/v2/Users"),
            format!("/t/{}/scim/v2/Users", b.to_uppercase()),
            format!("/t/{a}/scim/v2/Users/{id}"),
            format!("/t/{a}/scim/v2/Users/%2e%2e%2fUsers%2f{id}"),
            "/t//scim/v2/Users".to_owned(),
            "/t/%00/scim/v2/Users".to_owned(),
            format!("/t/{b}%00/scim/v2/Users"),
        ] {
            for token in ["", acme.token()] {
                let request = http.get(format!("{base}{path}"));
                let request = if token.is_empty() { request } else { request.bearer_auth(token) };
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap();
                assert!([400, 401, 404].contains(&status) || !text.contains("bjensen"), "{path}: {text}");
                assert!(!(300..400).contains(&status) && status < 500, "{path}: {status}");
                assert!(!text.contains("bjensen"), "{path}: {text}");
                if token.is_empty() {
                    assert!([400, 401, 404].contains(&status), "{path}: {status} {text}");
                }
            }
        }
        globex.is_unharmed().await;
    }
}
