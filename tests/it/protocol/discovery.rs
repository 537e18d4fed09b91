//! What the service tells about itself is what it does (RFC 7643 §5 to §7, RFC 7644 §4).

use super::*;

on_both_databases! {
    async fn the_configuration_needs_no_token_and_is_true(app: TestApp) {
        // R131, R132, R186
        let acme = app.new_tenant().await;
        let url = format!("{}/ServiceProviderConfig", acme.base());
        let response = app.http().get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let told: Value = response.json().await.unwrap();
        assert_eq!(told, get(&acme, "/ServiceProviderConfig").await.expect(200).body);
        let location = format!("{PUBLIC_URL}/t/{}/scim/v2/ServiceProviderConfig", acme.name());
        assert_eq!(told["meta"]["location"], location);
        let supports = |feature: &str| told[feature]["supported"].as_bool().unwrap();

        let user = acme.create("Users", barbara()).await;
        let status_of = |answer: Answer| answer.status;
        let patched = status_of(acme.patch(&user, replace("title", "x")).await);
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [],
        });
        let stale = acme.delete(&user).if_match("W/\"stale\"");
        for (feature, works) in [
            ("patch", patched == 200),
            ("filter", status_of(acme.list("Users", "userName pr").await) == 200),
            ("etag", status_of(stale.await) == 412),
            ("sort", status_of(get(&acme, "/Users?sortBy=userName").await) == 200),
            ("bulk", status_of(acme.request(Method::POST, "/Bulk").json(bulk).await) == 200),
        ] {
            assert_eq!(supports(feature), works, "{feature}");
        }
        assert!(!supports("changePassword"), "a password is not kept");

        let paging = &told["pagination"];
        assert_eq!(paging["index"], true);
        assert_eq!(paging["cursor"], status_of(get(&acme, "/Users?cursor").await) == 200);
        assert_eq!(paging["defaultPaginationMethod"], "index"); // R288
        assert!(600 <= paging["cursorTimeout"].as_u64().unwrap()); // R291
        assert_eq!(told["filter"]["maxResults"], paging["maxPageSize"]);
    }

    async fn the_page_sizes_are_those_that_are_told(app: TestApp) {
        // R132, R216
        let acme = app.new_tenant().await;
        let told = get(&acme, "/ServiceProviderConfig").await.expect(200).body;
        let size = told["pagination"]["defaultPageSize"].as_u64().unwrap();
        let most = told["pagination"]["maxPageSize"].as_u64().unwrap();
        assert!(size <= most);
        for number in 0..=size {
            acme.create("Users", json!({ "userName": format!("u{number}") })).await;
        }
        let page = get(&acme, "/Users").await.expect(200);
        assert_eq!(page["itemsPerPage"], size);
        assert_eq!(page["totalResults"], size + 1);
    }

    async fn schemas_and_resource_types_are_found_by_id(app: TestApp) {
        // R133, R134, R140
        for dialect in [Dialect::Generic, Dialect::Strict] {
            let acme = app.new_tenant_with(dialect).await;
            for endpoint in ["/Schemas", "/ResourceTypes"] {
                let list = get(&acme, endpoint).await.expect(200);
                let resources = list["Resources"].as_array().unwrap();
                assert_eq!(list["totalResults"], resources.len());
                assert!(!resources.is_empty());
                for resource in resources {
                    let id = resource["id"].as_str().unwrap();
                    let path = format!("{endpoint}/{id}");
                    assert_eq!(get(&acme, &path).await.expect(200).body, *resource, "{path}");
                    let location = resource["meta"]["location"].as_str().unwrap();
                    let base = format!("{PUBLIC_URL}/t/{}/scim/v2{path}", acme.name());
                    assert_eq!(location, base);
                }
            }
            for urn in [USER, GROUP, ENTERPRISE] {
                assert_eq!(get(&acme, &format!("/Schemas/{urn}")).await.expect(200)["id"], urn);
            }
            for name in ["User", "Group"] {
                let kind = get(&acme, &format!("/ResourceTypes/{name}")).await.expect(200);
                let endpoint = kind["endpoint"].as_str().unwrap();
                get(&acme, endpoint).await.expect(200);
                let schema = kind["schema"].as_str().unwrap();
                get(&acme, &format!("/Schemas/{schema}")).await.expect(200);
            }
            get(&acme, "/Schemas/urn:none").await.expect_error(404, None);
            get(&acme, "/ResourceTypes/Device").await.expect_error(404, None);
        }
    }

    async fn a_schema_tells_what_a_resource_may_hold(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let shown = acme.get(&user).await.body;
        let schema = get(&acme, &format!("/Schemas/{USER}")).await.expect(200);
        let known: BTreeSet<&str> =
            schema["attributes"].as_array().unwrap().iter().map(|at| at["name"].as_str().unwrap()).collect();
        for name in members(&shown) {
            let common = ["schemas", "id", "externalId", "meta", ENTERPRISE];
            assert!(common.contains(&name) || known.contains(name), "{name}");
        }
    }

    async fn discovery_cannot_be_changed_or_filtered(app: TestApp) {
        // R136, R143
        let acme = app.new_tenant().await;
        let paths = [
            "/ServiceProviderConfig".to_owned(),
            "/ResourceTypes".to_owned(),
            "/ResourceTypes/User".to_owned(),
            "/Schemas".to_owned(),
            format!("/Schemas/{USER}"),
        ];
        for path in &paths {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let answer = acme.request(method, path).json(json!({})).await;
                answer.expect_error(405, None);
                let allow = answer.headers["allow"].to_str().unwrap();
                let allowed: BTreeSet<&str> = allow.split(", ").collect();
                assert!(allowed.contains("GET") && !allowed.contains("POST"), "{path}: {allow}");
            }
            let filtered = format!("{path}?filter=id%20pr");
            get(&acme, &filtered).await.expect_error(403, None);
        }
        for path in &paths[1..] {
            let response = app.http().get(format!("{}{path}", acme.base())).send().await.unwrap();
            assert_eq!(response.status(), 401, "{path}");
        }
    }

    async fn what_is_not_offered_says_so(app: TestApp) {
        let acme = app.new_tenant().await;
        for (method, path) in [
            (Method::GET, "/Me"),
            (Method::POST, "/Me"),
            (Method::PUT, "/Me"),
            (Method::PATCH, "/Me"),
            (Method::DELETE, "/Me"),
        ] {
            let answer = acme.request(method, path).json(json!({})).await;
            answer.expect_error(501, None);
        }
    }
}
