//! Media types, and what of a body is read, overlooked or refused (RFC 7644 §3.8).

use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::*;

on_both_databases! {
    async fn json_comes_under_two_names(app: TestApp) {
        // R150, R151
        let acme = app.new_tenant().await;
        for (number, (media, status)) in [
            ("application/scim+json", 201),
            ("application/json", 201),
            ("application/scim+json; charset=utf-8", 201),
            ("application/scim+json;charset=\"UTF-8\"", 201),
            ("Application/SCIM+JSON", 201),
            ("application/json; charset=iso-8859-1", 415),
            ("text/plain", 415),
            ("application/xml", 415),
            ("application/x-www-form-urlencoded", 415),
            ("multipart/form-data; boundary=x", 415),
        ]
        .into_iter()
        .enumerate()
        {
            let document = json!({ "userName": format!("u{number}") });
            let request = acme.request(Method::POST, "/Users").header(CONTENT_TYPE, media);
            let answer = request.json(document).await;
            assert_eq!(answer.status, status, "{media}: {answer}");
            if status == 415 {
                answer.expect_error(415, None);
            }
        }
    }

    async fn the_answer_has_the_type_that_is_accepted(app: TestApp) {
        // R152, R153, R154
        let acme = app.new_tenant().await;
        let strict = app.new_tenant_with(Dialect::Strict).await;
        let user = acme.create("Users", barbara()).await;
        for (accept, media) in [
            ("application/scim+json", "application/scim+json"),
            ("application/json", "application/json"),
            ("application/scim+json, application/json", "application/scim+json"),
            ("application/json, */*;q=0.1", "application/scim+json"),
            ("*/*", "application/scim+json"),
            ("text/html", "application/scim+json"),
        ] {
            for path in [user.path(), "/Users".to_owned(), "/Schemas".to_owned()] {
                let answer = acme.request(Method::GET, &path).header(ACCEPT, accept).await;
                assert_eq!(answer.headers["content-type"], media, "{accept} {path}");
            }
        }
        let list = |accept: &str| strict.request(Method::GET, "/Users").header(ACCEPT, accept);
        list("text/html").await.expect_error(406, None);
        list("application/json").await.expect(200);
        list("text/html, application/*;q=0.5").await.expect(200);
    }

    async fn what_is_unknown_is_overlooked_and_told_or_refused(app: TestApp) {
        // R57, R370
        let generic = app.new_tenant().await;
        let strict = app.new_tenant_with(Dialect::Strict).await;
        let mut document = barbara();
        document["shoeSize"] = json!(43);
        document["name"]["nick"] = json!("Babs");

        let created = generic.request(Method::POST, "/Users").json(document.clone()).await;
        let created = created.expect(201);
        let notice = created.headers["muster-notice"].to_str().unwrap();
        assert!(notice.contains("shoeSize") && notice.contains("name.nick"), "{notice}");
        assert!(!created.body.to_string().contains("shoeSize"), "{created}");
        let plain = json!({ "userName": "plain" });
        let plain = generic.request(Method::POST, "/Users").json(plain).await.expect(201);
        assert!(!plain.headers.contains_key("muster-notice"));
        let user = Resource::new("Users", created);
        let patched = generic.patch(&user, replace("shoeSize", 44)).await.expect(200);
        assert!(patched.headers.contains_key("muster-notice"), "{patched}");

        let refused = strict.request(Method::POST, "/Users").json(document).await;
        refused.expect_error(400, Some("invalidValue"));
        assert!(refused["detail"].as_str().unwrap().contains("name.nick"), "{refused}");
        assert_eq!(get(&strict, "/Users").await["totalResults"], 0);
    }

    async fn a_user_name_is_taken_whatever_its_case(app: TestApp) {
        // R83, R195, R326, R399, R442
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "Straße" })).await;
        for name in ["Straße", "STRAẞE", "ｓｔｒaße"] {
            let answer = acme.request(Method::POST, "/Users").json(json!({ "userName": name })).await;
            answer.expect_error(409, Some("uniqueness"));
        }
        let other = acme.create("Users", json!({ "userName": "other" })).await;
        acme.patch(&other, replace("userName", "straße")).await.expect_error(409, Some("uniqueness"));
        acme.put(&other).json(json!({ "userName": "STRAẞE" })).await.expect_error(409, Some("uniqueness"));
        acme.patch(&user, replace("userName", "STRAẞE")).await.expect(200);
        assert_eq!(acme.get(&other).await["userName"], "other");
    }

    async fn a_search_finds_what_a_query_finds(app: TestApp) {
        // R213, R310, R312
        let acme = app.new_tenant().await;
        for name in ["one", "two", "three"] {
            acme.create("Users", json!({ "userName": name, "displayName": name })).await;
            acme.create("Groups", json!({ "displayName": name })).await;
        }
        let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]);
        for (endpoint, found) in [("/Users", 2), ("/Groups", 2), ("", 4)] {
            let query = format!(
                "{}?filter=displayName%20sw%20%22t%22&attributes=displayName",
                if endpoint.is_empty() { "/" } else { endpoint }
            );
            let queried = get(&acme, &query).await.expect(200);
            let search = json!({
                "schemas": schemas,
                "filter": "displayName sw \"t\"",
                "attributes": ["displayName"],
            });
            let path = format!("{endpoint}/.search");
            let searched = acme.request(Method::POST, &path).json(search).await.expect(200);
            assert_eq!(searched.body, queried.body, "{path}");
            assert_eq!(queried["totalResults"], found, "{queried}");
            let wrong = acme.request(Method::POST, &path).json(json!({ "schemas": schemas, "filter": "x" }));
            wrong.await.expect_error(400, Some("invalidFilter"));
        }
    }
}
