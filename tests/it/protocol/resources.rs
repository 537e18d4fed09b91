//! What every resource has, and what a list is (RFC 7643 §3, RFC 7644 §3.3 to §3.6).

use super::*;

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const NOBODY: &str = "0198c2a0-0000-7000-8000-000000000001";

/// Attributes of users in RFC 7643 §8.7.1: name, type, and whether there are many.
const OF_USERS: [(&str, &str, bool); 21] = [
    ("userName", "string", false),
    ("name", "complex", false),
    ("displayName", "string", false),
    ("nickName", "string", false),
    ("profileUrl", "reference", false),
    ("title", "string", false),
    ("userType", "string", false),
    ("preferredLanguage", "string", false),
    ("locale", "string", false),
    ("timezone", "string", false),
    ("active", "boolean", false),
    ("password", "string", false),
    ("emails", "complex", true),
    ("phoneNumbers", "complex", true),
    ("ims", "complex", true),
    ("photos", "complex", true),
    ("addresses", "complex", true),
    ("groups", "complex", true),
    ("entitlements", "complex", true),
    ("roles", "complex", true),
    ("x509Certificates", "complex", true),
];

/// Follows a URI of an answer, which names the public address.
async fn follow(tenant: &TestTenant, uri: &Value) -> Answer {
    let base = format!("{PUBLIC_URL}/t/{}/scim/v2", tenant.name());
    let path = uri.as_str().and_then(|uri| uri.strip_prefix(&base));
    get(tenant, path.unwrap_or_else(|| panic!("{uri} is not below {base}"))).await
}

/// Whether a group is empty: no array and an empty one are the same (RFC 7643 §2.5).
fn has_nobody(group: &Answer) -> bool {
    group["members"].as_array().is_none_or(Vec::is_empty)
}

on_both_databases! {
    async fn what_the_server_owns_is_the_servers(app: TestApp) {
        // R38, R49, R58, R59, R60, R63, R64, R70, R73, R78, R108, R189, R192, R205
        for dialect in Dialect::ALL {
            let acme = app.new_tenant_with(dialect).await;
            let group = acme.create("Groups", json!({ "schemas": [GROUP], "displayName": "g" })).await;
            let mut document = barbara();
            document["id"] = NOBODY.into();
            document["meta"] = json!({
                "resourceType": "Robot", "created": "2001-01-01T00:00:00Z", "version": "W/\"9\"",
                "location": "https://evil.example/Users/1",
            });
            document["groups"] = json!([{ "value": group.id() }]);
            let created = acme.request(Method::POST, "/Users").json(document).await.expect(201);
            let user = Resource::new("Users", created.clone());
            check_told(&acme, "Users", &created);
            assert_ne!(user.id(), NOBODY);
            assert!(!user.id().contains("bulkId") && !user.id().is_empty());
            assert_eq!(created["schemas"], json!([USER, ENTERPRISE]));
            assert_eq!(created["meta"]["created"], created["meta"]["lastModified"]);
            assert!(user.etag().starts_with("W/\""), "{created}");
            assert_eq!(created["groups"], Value::Null);
            assert!(has_nobody(&acme.get(&group).await));
            assert_eq!(acme.get(&user).await.expect(200).body, created.body);
            let shown = members(&created.body);
            for name in ["externalId", "userName", "name", "emails", "active", "displayName", ENTERPRISE] {
                assert!(shown.contains(name), "{name} is shown by default: {created}");
            }
        }
    }

    async fn an_id_is_of_one_resource_for_ever(app: TestApp) {
        // R61, R62, R196, R206, R402, R403, R404, R405
        let acme = app.new_tenant().await;
        let group = acme.create("Groups", json!({ "displayName": "g" })).await;
        let mut seen = BTreeSet::from([group.id().to_owned()]);
        for _ in 0..5 {
            let user = acme.create("Users", barbara()).await;
            assert!(seen.insert(user.id().to_owned()), "an id is given once");
            let add = json!({ "op": "add", "path": "members", "value": [{ "value": user.id() }] });
            acme.patch(&group, add).await.expect(200);
            get(&acme, &format!("/Users/{}", group.id())).await.expect_error(404, None);
            get(&acme, &format!("/Groups/{}", user.id())).await.expect_error(404, None);

            let gone = acme.delete(&user).await.expect(204);
            assert_eq!(gone.body, Value::Null);

            for request in acme.every_request_on(&user) {
                request.await.expect_error(404, None);
            }
            for filter in ["", &format!("?filter=id%20eq%20%22{}%22", user.id()), "?count=0"] {
                assert_eq!(get(&acme, &format!("/Users{filter}")).await["totalResults"], 0, "{filter}");
            }
            let body = json!({ "schemas": [SEARCH], "filter": "userName sw \"b\"" });
            let found = acme.request(Method::POST, "/.search").json(body).await;
            assert_eq!(found["totalResults"], 0, "{found}");
            assert!(has_nobody(&acme.get(&group).await));
        }
    }

    async fn an_external_id_is_the_clients(app: TestApp) {
        // R66, R67, R68, R69, R471
        let (acme, other) = (app.new_tenant().await, app.new_tenant().await);
        let make = async |tenant: &TestTenant, name: &str| {
            tenant.create("Users", json!({ "userName": name, "externalId": "E-1" })).await
        };
        let (first, second) = (make(&acme, "a").await, make(&acme, "b").await);
        make(&other, "a").await;
        let without = acme.create("Users", json!({ "userName": "c" })).await;
        assert_eq!(acme.get(&without).await["externalId"], Value::Null);

        let found = acme.list("Users", "externalId eq \"E-1\"").await;
        assert_eq!(ids(&found), [first.id(), second.id()], "{found}");
        let other_case = acme.list("Users", "externalId eq \"e-1\"").await;
        assert_eq!(other_case["totalResults"], 0);
        get(&acme, "/Users/E-1").await.expect_error(404, None);
        acme.patch(&first, replace("title", "x")).await.expect(200);
        assert_eq!(acme.get(&first).await["externalId"], "E-1");
        acme.patch(&second, replace("externalId", "E-2")).await.expect(200);
        assert_eq!(acme.get(&second).await["externalId"], "E-2");
    }

    async fn the_time_of_a_change_moves(app: TestApp) {
        // R72, R74, R453
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let mut before = acme.get(&user).await;
        for title in ["a", "b", "c"] {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let after = acme.patch(&user, replace("title", title)).await.expect(200);
            let time = |answer: &Answer| answer["meta"]["lastModified"].as_str().unwrap().to_owned();
            assert!(time(&before) < time(&after), "{after}");
            assert_eq!(after["meta"]["created"], before["meta"]["created"]);
            assert_ne!(after["meta"]["version"], before["meta"]["version"]);
            before = after;
        }
    }

    async fn every_reference_leads_to_its_resource(app: TestApp) {
        // R18, R105, R115
        let acme = app.new_tenant().await;
        let boss = acme.create("Users", json!({ "userName": "boss" })).await;
        let mut document = barbara();
        document[ENTERPRISE]["manager"] = json!({ "value": boss.id() });
        let user = acme.create("Users", document).await;
        let inner = acme.create("Groups", json!({ "displayName": "inner" })).await;
        let members = json!([{ "value": user.id() }, { "value": inner.id() }]);
        let group = acme.create("Groups", json!({ "displayName": "g", "members": members })).await;

        let (shown_user, shown_group) = (acme.get(&user).await, acme.get(&group).await);
        for reference in shown_group["members"].as_array().unwrap() {
            let found = follow(&acme, &reference["$ref"]).await.expect(200);
            assert_eq!(found["id"], reference["value"]);
            assert_eq!(found["meta"]["resourceType"], reference["type"]);
        }
        assert_eq!(shown_group["members"].as_array().unwrap().len(), 2);
        let of_user = &shown_user["groups"][0];
        assert_eq!(follow(&acme, &of_user["$ref"]).await.expect(200)["id"], group.id());
        let manager = &shown_user[ENTERPRISE]["manager"];
        if manager["$ref"] != Value::Null {
            assert_eq!(follow(&acme, &manager["$ref"]).await.expect(200)["id"], boss.id());
        }
        for shown in [&shown_user, &shown_group] {
            assert_eq!(follow(&acme, &shown["meta"]["location"]).await.expect(200).body, shown.body);
        }
    }

    async fn a_member_is_one_however_its_reference_is_spelt(app: TestApp) {
        // R16, R28
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let base = format!("{PUBLIC_URL}/t/{}/scim", acme.name());
        let spelt = [
            format!("Users/{}", user.id()),
            format!("../Users/{}", user.id()),
            format!("{base}/Users/{}", user.id()),
            format!("{base}/v2/Users/{}", user.id()),
            format!("{base}/v1/Users/{}", user.id()),
        ];
        for references in spelt.iter().map(std::slice::from_ref).chain([&spelt[..]]) {
            let members: Vec<Value> = references.iter().map(|uri| json!({ "$ref": uri })).collect();
            let document = json!({ "displayName": references.join(" "), "members": members });
            let group = acme.create("Groups", document).await;
            let shown = acme.get(&group).await;
            assert_eq!(shown["members"].as_array().map(Vec::len), Some(1), "{shown}");
            assert_eq!(shown["members"][0]["value"], user.id(), "{shown}");
            assert_eq!(shown["members"][0]["$ref"], format!("{base}/v2/Users/{}", user.id()));
        }
    }

    async fn two_groups_may_have_one_name(app: TestApp) {
        // R113
        let strict = app.new_tenant_with(Dialect::Strict).await;
        let group = json!({ "schemas": [GROUP], "displayName": "Guides" });
        let (first, second) =
            (strict.create("Groups", group.clone()).await, strict.create("Groups", group).await);
        assert_ne!(first.id(), second.id());
        let found = strict.list("Groups", "displayName eq \"guides\"").await;
        assert_eq!(found["totalResults"], 2);
    }

    async fn a_list_has_its_form(app: TestApp) {
        // R49, R156, R207, R208, R209, R210, R211, R212
        let acme = app.new_tenant().await;
        for path in ["/Users", "/Groups", "/", "/Users?filter=userName%20eq%20%22x%22"] {
            let empty = get(&acme, path).await.expect(200);
            assert_eq!(empty["schemas"], json!([LIST]));
            assert_eq!(empty["totalResults"], 0);
            assert!(empty["Resources"].as_array().is_none_or(Vec::is_empty), "{empty}");
        }
        for number in 0..3 {
            acme.create("Users", json!({ "userName": format!("u{number}") })).await;
        }
        for (query, items, start) in [("", 3, 1), ("?count=2", 2, 1), ("?count=2&startIndex=3", 1, 3)] {
            let page = get(&acme, &format!("/Users{query}")).await.expect(200);
            assert_eq!(page["schemas"], json!([LIST]));
            assert_eq!(page["totalResults"], 3, "{page}");
            assert_eq!((&page["itemsPerPage"], &page["startIndex"]), (&json!(items), &json!(start)));
            let resources = page["Resources"].as_array().unwrap();
            assert_eq!(resources.len(), items);
            for resource in resources {
                assert_eq!(resource["schemas"], json!([USER]));
                let alone = get(&acme, &format!("/Users/{}", resource["id"].as_str().unwrap())).await;
                assert_eq!(alone.body, *resource); // R217
            }
        }
        let named = get(&acme, "/Users?attributes=nickName").await.expect(200);
        assert_eq!(members(&named["Resources"][0]), BTreeSet::from(["schemas", "id"]));
        let refused = get(&acme, "/Users?filter=x").await;
        let urn = refused["schemas"][0].as_str().unwrap();
        assert!(urn.starts_with("urn:ietf:params:scim:api:messages:"), "{refused}");
    }

    async fn a_query_over_types_counts_what_is_lacking_as_no_value(app: TestApp) {
        // R213, R214, R255
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let group = acme.create("Groups", json!({ "displayName": "Guides" })).await;
        for (filter, expected) in [
            ("meta.resourceType eq \"Group\"", vec![group.id()]),
            ("meta.resourceType eq \"User\"", vec![user.id()]),
            ("userName pr", vec![user.id()]),
            ("not (userName pr)", vec![group.id()]),
            ("displayName pr", vec![user.id(), group.id()]),
            ("userName eq \"nobody\" or displayName eq \"guides\"", vec![group.id()]),
            ("userName ne \"nobody\"", vec![user.id(), group.id()]),
        ] {
            let body = json!({ "schemas": [SEARCH], "filter": filter });
            let searched = acme.request(Method::POST, "/.search").json(body).await.expect(200);
            let queried = acme.list("", filter).await.expect(200);
            for list in [&searched, &queried] {
                assert_eq!(ids(list), expected, "{filter}: {list}");
                assert_eq!(list["totalResults"], expected.len(), "{list}");
            }
        }
    }

    async fn discovery_is_whole_and_the_same_for_every_query(app: TestApp) {
        // R128, R129, R130, R135, R137, R138, R139, R141, R144, R145, R146, R147
        let acme = app.new_tenant().await;
        let config = get(&acme, "/ServiceProviderConfig").await.expect(200);
        assert_eq!(config["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]));
        for (feature, member) in [
            ("patch", "supported"), ("bulk", "supported"), ("bulk", "maxOperations"),
            ("bulk", "maxPayloadSize"), ("filter", "supported"), ("filter", "maxResults"),
            ("changePassword", "supported"), ("sort", "supported"), ("etag", "supported"),
        ] {
            assert_ne!(config[feature][member], Value::Null, "{feature}.{member}");
        }
        for scheme in config["authenticationSchemes"].as_array().unwrap() {
            assert_eq!(scheme["type"], "oauthbearertoken");
            assert!(scheme["name"].is_string() && scheme["description"].is_string());
        }
        let schemas = get(&acme, "/Schemas").await.expect(200);
        for query in ["?sortBy=id&sortOrder=descending", "?startIndex=3", "?count=1", "?count=0"] {
            for (path, whole) in [("/Schemas", &schemas.body), ("/ResourceTypes", &Value::Null)] {
                let asked = get(&acme, &format!("{path}{query}")).await.expect(200);
                assert_eq!(asked.body, get(&acme, path).await.body, "{path}{query}");
                assert!(whole.is_null() || asked.body == *whole);
            }
        }
        let listed = schemas["Resources"].as_array().unwrap();
        let urns: BTreeSet<&str> = listed.iter().map(|schema| schema["id"].as_str().unwrap()).collect();
        for schema in listed {
            assert!(!schema["id"].as_str().unwrap().starts_with("urn:ietf:params:scim:api:"));
            for member in ["schemas", "id", "name", "description", "attributes", "meta"] {
                assert_ne!(schema[member], Value::Null, "{member} of {}", schema["id"]);
            }
            for attribute in schema["attributes"].as_array().unwrap() {
                for member in ["name", "type", "multiValued", "required", "mutability", "returned"] {
                    assert_ne!(attribute[member], Value::Null, "{member} of {attribute}");
                }
                let complex = attribute["type"] == "complex";
                assert_eq!(complex, attribute["subAttributes"].is_array(), "{attribute}");
            }
        }
        let types = get(&acme, "/ResourceTypes").await.expect(200);
        let types = types["Resources"].as_array().unwrap();
        for key in ["name", "endpoint"] {
            let values: BTreeSet<&str> = types.iter().map(|kind| kind[key].as_str().unwrap()).collect();
            assert_eq!(values.len(), types.len(), "{key} is unique");
        }
        for kind in types {
            assert!(urns.contains(kind["schema"].as_str().unwrap()));
            for extension in kind["schemaExtensions"].as_array().into_iter().flatten() {
                assert!(urns.contains(extension["schema"].as_str().unwrap()));
                assert!(extension["required"].is_boolean());
            }
        }
        let of_types = get(&acme, "/Schemas/urn:ietf:params:scim:schemas:core:2.0:ResourceType").await;
        let attributes = of_types["attributes"].as_array().unwrap();
        let extensions = attributes.iter().find(|at| at["name"] == "schemaExtensions").unwrap();
        assert_eq!(extensions["multiValued"], true);
    }

    async fn the_schema_of_users_is_that_of_the_rfc(app: TestApp) {
        // R111
        let acme = app.new_tenant().await;
        let schema = get(&acme, &format!("/Schemas/{USER}")).await.expect(200);
        let attributes = schema["attributes"].as_array().unwrap();
        for (name, kind, many) in OF_USERS {
            let attribute = attributes.iter().find(|at| at["name"] == name).expect(name);
            assert_eq!((&attribute["type"], &attribute["multiValued"]), (&json!(kind), &json!(many)), "{name}");
            assert_eq!(attribute["required"], name == "userName", "{name}");
            let mutability = match name {
                "password" => "writeOnly",
                "groups" => "readOnly",
                _ => "readWrite",
            };
            assert_eq!(attribute["mutability"], mutability, "{name}");
            assert_eq!(attribute["returned"], if name == "password" { "never" } else { "default" });
            if many {
                let subs = attribute["subAttributes"].as_array().unwrap();
                let names: BTreeSet<&str> = subs.iter().map(|sub| sub["name"].as_str().unwrap()).collect();
                let expected: &[&str] = match name {
                    "addresses" => &["formatted", "streetAddress", "locality", "region", "postalCode", "country", "type"],
                    "groups" => &["value", "$ref", "display", "type"],
                    _ => &["value", "display", "type", "primary"],
                };
                assert!(expected.iter().all(|name| names.contains(name)), "{name}: {names:?}");
            }
        }
        let name = attributes.iter().find(|at| at["name"] == "userName").unwrap();
        assert_eq!((&name["uniqueness"], &name["caseExact"]), (&json!("server"), &json!(false)));
    }
}
