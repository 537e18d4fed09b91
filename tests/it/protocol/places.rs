//! Paths, methods and parameters (RFC 7644 §3.2, §3.13), and HEAD.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, ORIGIN};

use super::*;
use crate::support::{RawAnswer, exchange};

/// The answer to a request that is written byte by byte.
async fn raw(app: &TestApp, request: String) -> RawAnswer {
    let answer = exchange(app.address(), [request.into_bytes()], Duration::ZERO).await;
    answer.expect("an answer")
}

on_both_databases! {
    async fn head_is_get_without_its_body(app: TestApp) {
        // R166
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let group = acme.create("Groups", json!({ "displayName": "g" })).await;
        for path in [
            "/", "/Users", "/Users?filter=userName%20pr&count=1", "/Groups",
            &user.path(), &group.path(), "/Users/nobody", "/Users?filter=x",
            "/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas",
            &format!("/Schemas/{USER}"), "/Me", "/Nowhere",
        ] {
            let with_body = get(&acme, path).await;
            let head = acme.request(Method::HEAD, path).await;
            assert_eq!((head.status, &head.body), (with_body.status, &Value::Null), "{path}");
            let names = |answer: &Answer| {
                let names = answer.headers.keys().filter(|name| *name != "date");
                names.map(ToString::to_string).collect::<BTreeSet<_>>()
            };
            assert_eq!(names(&head), names(&with_body), "{path}");
            for name in [CONTENT_LENGTH, CONTENT_TYPE] {
                assert_eq!(head.headers[&name], with_body.headers[&name], "{path}");
            }
        }
        let known = acme.request(Method::HEAD, &user.path()).header(IF_NONE_MATCH, user.etag());
        known.await.expect(304);
        acme.request(Method::HEAD, "/.search").await.expect(405);
    }

    async fn a_method_that_a_place_does_not_have_is_told_with_those_it_has(app: TestApp) {
        // R165, R197, R406, R143
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let single = "DELETE, GET, HEAD, PATCH, PUT";
        let schema = format!("/Schemas/{USER}");
        for (method, path, allowed) in [
            (Method::DELETE, "/Users", "GET, HEAD, POST"),
            (Method::PUT, "/Groups", "GET, HEAD, POST"),
            (Method::PATCH, "/Users", "GET, HEAD, POST"),
            (Method::POST, &user.path(), single),
            (Method::GET, "/Users/.search", "POST"),
            (Method::DELETE, "/Groups/.search", "POST"),
            (Method::GET, "/.search", "POST"),
            (Method::GET, "/Bulk", "POST"),
            (Method::POST, "/Schemas", "GET, HEAD"),
            (Method::PUT, &schema, "GET, HEAD"),
            (Method::PATCH, &schema, "GET, HEAD"),
            (Method::DELETE, &schema, "GET, HEAD"),
            (Method::DELETE, "/ResourceTypes/User", "GET, HEAD"),
            (Method::PATCH, "/ServiceProviderConfig", "GET, HEAD"),
            (Method::POST, "/", "GET, HEAD"),
        ] {
            let answer = acme.request(method, path).json(json!({})).await;
            answer.expect_error(405, None);
            assert_eq!(answer.headers["allow"], allowed, "{answer}");
        }
        assert_eq!(get(&acme, &schema).await.expect(200)["id"], USER);
        acme.get(&user).await.expect(200);
    }

    async fn no_method_does_more_than_its_name(app: TestApp) {
        // R166, A65, A77, A78
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        for method in [Method::OPTIONS, Method::TRACE, Method::from_bytes(b"PURGE").unwrap()] {
            let request = acme.request(method, &user.path()).header(ORIGIN, "https://evil.example");
            let answer = request.header(HeaderName::from_static("x-secret"), "s3cret").await;
            answer.expect_error(405, None);
            assert_eq!(answer.headers["allow"], "DELETE, GET, HEAD, PATCH, PUT", "{answer}");
            assert!(!answer.body.to_string().contains("s3cret"), "{answer}");
        }
        for (name, value) in [
            ("x-http-method-override", "DELETE"),
            ("x-http-method", "DELETE"),
            ("x-original-url", "/t/other/scim/v2/Users"),
            ("x-rewrite-url", "/admin/v1/tenants"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-prefix", "/evil"),
            ("forwarded", "host=evil.example"),
            ("origin", "https://evil.example"),
        ] {
            let answer = acme.get(&user).header(HeaderName::from_static(name), value).await;
            let answer = answer.expect(200);
            check_told(&acme, "Users", &answer);
            let cors = answer.headers.keys().filter(|name| name.as_str().contains("access-control"));
            assert_eq!(cors.count(), 0, "{name}");
            let path = format!("{}?_method=DELETE", user.path());
            let answer = acme.request(Method::POST, &path).header(HeaderName::from_static(name), value);
            answer.json(json!({})).await.expect_error(405, None);
        }
        acme.get(&user).await.expect(200);
    }

    async fn a_host_that_the_client_writes_is_in_no_answer(app: TestApp) {
        // A74
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        for host in ["evil.example", "evil.example:8443", "localhost", "[::1]"] {
            let request = format!(
                "GET /t/{}/scim/v2{} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
                acme.name(), user.path(), acme.token(),
            );
            let answer = raw(&app, request).await;
            let text = format!("{} {}", answer.head, answer.body);
            assert_eq!(answer.status, 200, "{host}: {text}");
            assert!(text.contains(&format!("{PUBLIC_URL}/t/{}/scim/v2", acme.name())), "{text}");
            assert!(!text.contains("evil.example") && !text.contains("localhost"), "{text}");
        }
    }

    async fn a_path_means_one_thing(app: TestApp) {
        // R162, R163, R164, R167, R168, R169, A64
        let (acme, other) = (app.new_tenant().await, app.new_tenant().await);
        let strict = app.new_tenant_with(Dialect::Strict).await;
        let user = acme.create("Users", barbara()).await;
        let (foreign, id) = (other.create("Users", barbara()).await, user.id());
        let gone = [
            format!("/Users/{id}.scim"),
            format!("/Users/{id};x"),
            format!("/Users/{id}%00"),
            format!("/Users/{id}%2F"),
            format!("/Users/..%2fUsers%2F{id}"),
            format!("/Users/{}", id.to_uppercase()),
            format!("/Users/{{{id}}}").replace('{', "%7B").replace('}', "%7D"),
            format!("/Users/{}", id.replace('-', "")),
            format!("/Users/%25{:x}{}", id.as_bytes()[0], &id[1..]),
            format!("/Groups/{id}"),
            format!("/Users/{}", foreign.id()),
            format!("/Users/.%2F..%2f..%2F..%2F{}%2Fscim%2Fv2%2FUsers%2F{}", other.name(), foreign.id()),
        ];
        for path in gone {
            get(&acme, &path).await.expect_error(404, None);
            assert_eq!(acme.request(Method::DELETE, &path).await.status, 404, "{path}");
        }
        for path in ["/Users/..", "/Users/%2e%2e", "/Users/../Users", "/Users/./x", "/..", "/Users/\u{1}"] {
            let request = format!(
                "GET /t/{}/scim/v2{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
                acme.name(), acme.token(),
            );
            let answer = raw(&app, request).await;
            assert!(matches!(answer.status, 400 | 404), "{path}: {} {}", answer.head, answer.body);
        }
        let decoded_once = format!("/%55sers/%{:x}{}", id.as_bytes()[0], &id[1..]);
        assert_eq!(get(&acme, &decoded_once).await.expect(200)["id"], id);
        get(&acme, "/users/").await.expect(200);
        for path in ["/users", "/Users/", "/USERS", "//Users", "/schemas"] {
            get(&strict, path).await.expect_error(404, None);
        }
        for (path, status, scim_type) in [
            ("/scim/v1/Users", 400, Some("invalidVers")),
            ("/scim/v3/Users", 400, Some("invalidVers")),
            ("/scim/v2/v2/Users", 400, Some("invalidVers")),
            ("/scim/v2x/Users", 404, None),
            ("/scim2/Users", 404, None),
        ] {
            let answer = acme.tenant_request(Method::GET, path).await;
            answer.expect_error(status, scim_type);
        }
        let newest = acme.tenant_request(Method::GET, &format!("/scim{}", user.path())).await;
        check_told(&acme, "Users", &newest.expect(200));
    }

    async fn no_spelling_of_a_path_passes_the_gate(app: TestApp) {
        // R168, A64, A57
        let acme = app.new_tenant().await;
        let other = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let spellings = [
            "/Users", "/users", "/%55sers", "/Users/", "//Users", "/./Users", "/x/../Users", "/Users;x",
            "/Users%2F", "/%2e%2e/Users", "/%252e%252e/Users", "/Users%00", "/Schemas", "/ResourceTypes",
            "/Bulk", "/Me", "/.search", "/Nowhere", "/ServiceProviderConfig/x", "/ServiceProviderConfig;x",
        ];
        for path in spellings.iter().map(ToString::to_string).chain([user.path()]) {
            for token in ["", other.token()] {
                let credential = match token {
                    "" => String::new(),
                    token => format!("Authorization: Bearer {token}\r\n"),
                };
                let request = format!(
                    "GET /t/{}/scim/v2{path} HTTP/1.1\r\nHost: x\r\n{credential}Connection: close\r\n\r\n",
                    acme.name(),
                );
                let answer = raw(&app, request).await;
                assert_eq!(answer.status, 401, "{path}: {}", answer.body);
                assert!(!answer.body.to_string().contains("bjensen"), "{path}");
            }
        }
        // The tenant is that of the credential and the URL, whatever else names one.
        for name in ["x-tenant", "x-tenant-id", "x-scope-orgid"] {
            let request = other.request(Method::GET, &user.path());
            let answer = request.header(HeaderName::from_static(name), acme.name()).await;
            answer.expect_error(404, None);
        }
    }

    async fn parameters_are_read_once_and_by_their_names(app: TestApp) {
        // R160, R161
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        for query in ["?nonsense=1&sort=2", "?aadOptscim062020", "?%ff=1&_=1", "?x=%00"] {
            match get(&acme, &format!("/Users{query}")).await {
                listed if query.starts_with("?%ff") => listed.expect_error(400, Some("invalidValue")),
                listed => assert_eq!(listed.expect(200)["totalResults"], 1, "{query}"),
            }
        }
        for query in [
            "filter=userName%20pr&filter=title%20pr", "count=1&count=1", "count=1&COUNT=2",
            "attributes=id&attributes=userName", "startIndex=1&startindex=2",
        ] {
            get(&acme, &format!("/Users?{query}")).await.expect_error(400, Some("invalidValue"));
        }
        let twice = format!("{}?attributes=id&attributes=title", user.path());
        for method in [Method::GET, Method::PUT, Method::PATCH] {
            let answer = acme.request(method, &twice).json(barbara()).await;
            answer.expect_error(400, Some("invalidValue"));
        }
    }

    async fn every_answer_is_for_its_asker_alone(app: TestApp) {
        // A80
        let (acme, other) = (app.new_tenant().await, app.new_tenant().await);
        let user = acme.create("Users", barbara()).await;
        let theirs = other.create("Users", barbara()).await;
        for path in ["/Users", &user.path(), "/ServiceProviderConfig", "/Users/none", "/Nowhere"] {
            let answer = get(&acme, path).await;
            assert_eq!(answer.headers["cache-control"], "no-store", "{answer}");
        }
        let known = acme.get(&user).header(IF_NONE_MATCH, user.etag()).await.expect(304);
        assert_eq!(known.body, Value::Null);
        assert_eq!(known.headers["etag"], user.etag());
        // The same tag, known of another tenant's user, tells nothing.
        assert_eq!(theirs.etag(), user.etag());
        other.get(&user).header(IF_NONE_MATCH, user.etag()).await.expect_error(404, None);
    }
}
