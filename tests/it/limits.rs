//! Whatever a client can grow has a limit, and the answer beyond it says which
//! number it went over.

use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, TestTenant};

#[track_caller]
fn check(answer: &Answer, status: u16, scim_type: Option<&str>, words: &[&str]) {
    // The body that was sent is too long to be shown.
    let detail = answer["detail"].as_str().unwrap_or_default();
    assert_eq!(answer.status, status, "{detail}");
    assert_eq!(answer["status"], status.to_string(), "{detail}");
    assert_eq!(answer["scimType"].as_str(), scim_type, "{detail}");
    for word in words {
        assert!(detail.contains(word), "`{word}` is not in: {detail}");
    }
    assert!(detail.len() < 1000, "the detail repeats the request: {} bytes", detail.len());
}

async fn post(tenant: &TestTenant, endpoint: &str, document: Value) -> Answer {
    tenant.request(Method::POST, endpoint).json(document).await
}

fn text(length: usize) -> String {
    "x".repeat(length)
}

on_both_databases! {
    async fn a_filter_has_a_length_a_depth_and_a_number_of_terms(app: TestApp) {
        // A3
        let acme = app.new_tenant().await;
        let nested =
            |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
        let terms = |count: usize| vec!["title pr"; count].join(" or ");

        for (filter, word) in [
            (format!("title eq \"{}\"", text(8192)), "8192 bytes"),
            (nested(33), "32 levels"),
            (terms(201), "200 terms"),
        ] {
            check(&acme.list("Users", &filter).await, 400, Some("invalidFilter"), &[word]);
        }
        for filter in [format!("title eq \"{}\"", text(8192 - 11)), nested(32), terms(200)] {
            acme.list("Users", &filter).await.expect(200);
        }
    }

    async fn a_patch_has_a_number_of_operations(app: TestApp) {
        // A44
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "bjensen" })).await;
        let patch = |count: usize| {
            let operation = json!({ "op": "replace", "path": "title", "value": "x" });
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": vec![operation; count],
            });
            acme.request(Method::PATCH, &user.path()).json(body)
        };

        check(&patch(1001).await, 400, Some("invalidValue"), &["1000 operations"]);
        assert_eq!(acme.get(&user).await["title"], Value::Null);
        patch(1000).await.expect(200);
    }

    async fn values_have_a_length_and_a_number(app: TestApp) {
        // A21, A30
        let acme = app.new_tenant().await;
        let emails = |count: usize| -> Vec<Value> {
            (0..count).map(|number| json!({ "value": format!("u{number}@example.com") })).collect()
        };

        for (document, words) in [
            (json!({ "userName": text(1025) }), ["userName", "1024 bytes"]),
            (json!({ "userName": "a", "externalId": text(1025) }), ["externalId", "1024 bytes"]),
            (json!({ "userName": "a", "nickName": text(65_537) }), ["nickName", "65536 bytes"]),
            (json!({ "userName": "a", "emails": emails(1001) }), ["emails", "1000 elements"]),
        ] {
            let answer = post(&acme, "/Users", document).await;
            check(&answer, 400, Some("invalidValue"), &words);
        }
        let group = json!({ "displayName": text(1025) });
        let answer = post(&acme, "/Groups", group).await;
        check(&answer, 400, Some("invalidValue"), &["displayName", "1024 bytes"]);

        let most = json!({
            "userName": text(1024), "nickName": text(65_536), "emails": emails(1000),
        });
        acme.create("Users", most).await;
    }

    async fn names_of_attributes_have_a_number(app: TestApp) {
        // A38
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "bjensen" })).await;
        let names = |count: usize| vec!["title"; count].join(",");

        for parameter in ["attributes", "excludedAttributes"] {
            for path in ["/Users".to_owned(), user.path()] {
                let ask = |count: usize| {
                    let path = format!("{path}?{parameter}={}", names(count));
                    acme.request(Method::GET, &path)
                };
                check(&ask(201).await, 400, Some("invalidValue"), &["200 names"]);
                ask(200).await.expect(200);
            }
        }
    }

    async fn numbers_of_a_page_have_digits(app: TestApp) {
        let strict = app.new_tenant_with(Dialect::Strict).await;
        for parameter in ["count", "startIndex"] {
            let path = format!("/Users?{parameter}={}", "9".repeat(19));
            let answer = strict.request(Method::GET, &path).await;
            check(&answer, 400, Some("invalidValue"), &[parameter, "18 digits"]);
        }
        let acme = app.new_tenant().await;
        let path = format!("/Users?startIndex={0}&count={0}", "9".repeat(18));
        assert_eq!(acme.request(Method::GET, &path).await.expect(200)["totalResults"], 0);
    }
}

on_both_databases! {
    settings {
        "max_body_bytes": 2000, "max_results": 3, "default_page": 2, "scan_limit_rows": 5,
    };

    async fn a_body_has_a_size(app: TestApp) {
        // A18
        let acme = app.new_tenant().await;
        let body = |length: usize| {
            let empty = json!({ "userName": "bjensen", "title": "" }).to_string().len();
            json!({ "userName": "bjensen", "title": text(length - empty) })
        };

        check(&post(&acme, "/Users", body(2001)).await, 413, None, &["2000 bytes"]);
        post(&acme, "/Users", body(2000)).await.expect(201);
    }

    async fn a_page_has_a_size_and_its_default_is_smaller(app: TestApp) {
        // R216
        let acme = app.new_tenant().await;
        for number in 0..5 {
            acme.create("Users", json!({ "userName": format!("u{number}") })).await;
        }

        for (parameters, items) in [("", 2), ("?count=3", 3), ("?count=1000", 3), ("?count=0", 0)] {
            let page = acme.request(Method::GET, &format!("/Users{parameters}")).await.expect(200);
            assert_eq!(page["totalResults"], 5, "{page}");
            assert_eq!(page["itemsPerPage"], items, "{page}");
            assert_eq!(page["Resources"].as_array().map_or(0, Vec::len), items, "{page}");
        }
    }

    async fn a_filter_without_an_index_looks_at_so_many_rows(app: TestApp) {
        // A34, R215
        let acme = app.new_tenant().await;
        for number in 0..5 {
            let document = json!({ "userName": format!("u{number}"), "nickName": "Babs" });
            acme.create("Users", document).await;
        }
        let filter = r#"nickName eq "babs""#;
        assert_eq!(acme.list("Users", filter).await.expect(200)["totalResults"], 5);
        acme.create("Users", json!({ "userName": "u5", "nickName": "Babs" })).await;

        for (filter, name) in [
            (filter, "nickName"),
            (r#"userName pr and locale co "e""#, "locale"),
            (r#"not (timezone sw "E")"#, "timezone"),
        ] {
            let answer = acme.list("Users", filter).await;
            check(&answer, 400, Some("tooMany"), &[name, "more than 5 resources"]);
        }
        // An index narrows what is left to be looked at.
        let narrowed = r#"userName eq "u3" and nickName eq "babs""#;
        assert_eq!(acme.list("Users", narrowed).await.expect(200)["totalResults"], 1);
    }
}
