//! The order of lists (RFC 7644 §3.4.2.3).

use muster::scim::dialect::Dialect;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, TestTenant, replace};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Five users, called `1` to `5` in the order of their creation.
async fn people(tenant: &TestTenant) -> Vec<String> {
    let people = [
        json!({ "userName": "Bea", "displayName": "anna", "externalId": "b", "title": "É",
            "active": true, "name": { "familyName": "Zorn" },
            "emails": [{ "value": "z@x.example" }, { "value": "M@x.example", "primary": true }],
            ENTERPRISE: { "employeeNumber": "10" } }),
        json!({ "userName": "adam", "displayName": "Zoe", "externalId": "B", "title": "f",
            "active": false, "name": { "familyName": "Ahn" },
            "emails": [{ "value": "a@x.example" }, { "value": "z@x.example" }],
            ENTERPRISE: { "employeeNumber": "9" } }),
        json!({ "userName": "çelik", "active": true }),
        json!({ "userName": "dora", "displayName": "ANNA", "externalId": "a", "title": "e",
            "active": false, "name": { "givenName": "Dora" },
            "emails": [{ "value": "q@x.example" }] }),
        json!({ "userName": "Eve", "active": true, "title": "e" }),
    ];
    let mut ids = Vec::new();
    for person in people {
        ids.push(tenant.create("Users", person).await.id().to_owned());
    }
    ids
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn get(tenant: &TestTenant, path: &str) -> Answer {
    tenant.request(Method::GET, path).await
}

/// The resources of a list, each as its place among `ids`, from 1.
fn places(list: &Answer, ids: &[String]) -> String {
    let place = |resource: &Value| {
        let id = resource["id"].as_str().unwrap();
        (ids.iter().position(|known| known == id).unwrap() + 1).to_string()
    };
    list["Resources"].as_array().unwrap().iter().map(place).collect()
}

/// The order by each attribute when ascending.
const ORDERS: &[(&str, &str)] = &[
    // R263, R267
    ("userName", "21453"),
    ("USERNAME", "21453"),
    ("urn:ietf:params:scim:schemas:core:2.0:User:userName", "21453"),
    ("id", "12345"),
    ("meta.created", "12345"),
    ("meta.lastModified", "12345"),
    // R265, R268
    ("displayName", "14235"),
    ("externalId", "24135"),
    ("active", "24135"),
    // No index has these.
    ("title", "45213"),
    ("name.familyName", "21345"),
    ("name.givenName", "41235"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "12345"),
    // R264
    ("emails", "21435"),
    ("emails.value", "21435"),
    ("emails.primary", "12345"),
    ("groups", "12345"),
];

on_both_databases! {
    async fn a_list_has_the_order_that_is_asked(app: TestApp) {
        let acme = app.new_tenant().await;
        let ids = people(&acme).await;
        for &(by, ascending) in ORDERS {
            let descending: String = ascending.chars().rev().collect();
            let by = encoded(by);
            for (order, expected) in [
                ("", ascending),
                ("&sortOrder=ascending", ascending),
                ("&sortOrder=descending", &descending), // R266
            ] {
                let path = format!("/Users?sortBy={by}{order}");
                let list = get(&acme, &path).await.expect(200);
                assert_eq!(places(&list, &ids), expected, "{path}");
                assert_eq!(list["totalResults"], 5);
                // R276
                for size in [1, 2, 3] {
                    let mut walked = String::new();
                    for start in (1..=5).step_by(size) {
                        let page = format!("{path}&startIndex={start}&count={size}&attributes=id");
                        let page = get(&acme, &page).await.expect(200);
                        assert_eq!(page["totalResults"], 5, "{path}");
                        walked.push_str(&places(&page, &ids));
                    }
                    assert_eq!(walked, expected, "{path} by {size}");
                }
                let beyond = get(&acme, &format!("{path}&startIndex=9")).await.expect(200);
                assert_eq!((places(&beyond, &ids), &beyond["totalResults"]), (String::new(), &json!(5)));
            }
        }
    }

    async fn an_order_goes_with_a_filter_and_into_a_body(app: TestApp) {
        let acme = app.new_tenant().await;
        let ids = people(&acme).await;
        for (filter, by, expected) in [
            ("active eq true", "displayName", "135"),
            ("active eq true", "title", "513"),
            ("title pr", "userName", "2145"),
            ("title pr", "id", "1245"),
            ("title pr and emails pr", "emails.value", "214"),
        ] {
            let path = format!("/Users?sortBy={by}&filter={}", encoded(filter));
            assert_eq!(places(&get(&acme, &path).await.expect(200), &ids), expected, "{path}");
            let search = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
                "filter": filter, "sortBy": by, "sortOrder": "descending",
            });
            let list = acme.request(Method::POST, "/Users/.search").json(search).await.expect(200);
            let backwards: String = expected.chars().rev().collect();
            assert_eq!(places(&list, &ids), backwards, "{path}");
        }
    }

    async fn a_change_moves_a_resource(app: TestApp) {
        let acme = app.new_tenant().await;
        let ids = people(&acme).await;
        let first = acme.request(Method::GET, &format!("/Users/{}", ids[0])).await;
        let last = get(&acme, &format!("/Users/{}", ids[4])).await;
        let first = crate::support::Resource::new("Users", first);
        for number in 0.. {
            let changed = acme.patch(&first, replace("nickName", format!("n{number}"))).await;
            let time = |answer: &Answer| answer["meta"]["lastModified"].as_str().unwrap().to_owned();
            if time(&last) < time(&changed) {
                break;
            }
        }
        let list = get(&acme, "/Users?sortBy=meta.lastModified").await;
        assert_eq!(places(&list, &ids), "23451");
    }

    async fn the_root_has_one_order_over_all_types(app: TestApp) {
        let acme = app.new_tenant().await;
        let mut ids = people(&acme).await;
        for name in ["Beta", "aardvark"] {
            let group = acme.create("Groups", json!({ "displayName": name })).await;
            ids.push(group.id().to_owned());
        }
        // R214
        for (by, ascending) in [
            ("id", "1234567"),
            ("displayName", "7146235"),
            ("userName", "2145367"),
            ("meta.created", "1234567"),
            ("title", "4521367"),
            ("members", "1234567"),
        ] {
            let descending: String = ascending.chars().rev().collect();
            for (order, expected) in [("ascending", ascending), ("descending", &descending)] {
                let path = format!("/?sortBy={by}&sortOrder={order}");
                let list = get(&acme, &path).await.expect(200);
                assert_eq!(places(&list, &ids), expected, "{path}");
                let mut walked = String::new();
                for start in [1, 4, 7] {
                    let page = get(&acme, &format!("{path}&startIndex={start}&count=3")).await;
                    assert_eq!(page["totalResults"], 7);
                    walked.push_str(&places(&page, &ids));
                }
                assert_eq!(walked, expected, "{path}");
            }
        }
        let created = get(&acme, "/").await.expect(200);
        assert_eq!(places(&created, &ids), "1234567");
    }

    async fn what_cannot_be_an_order_is_refused(app: TestApp) {
        for dialect in [Dialect::Generic, Dialect::Strict] {
            let acme = app.new_tenant_with(dialect).await;
            // R269, A31
            for by in [
                "unknown", "name", "password", "userName.x", "' or 1=1 --", "r.document",
                "userName; drop table resource", "(select 1)", "emails[type eq \"work\"]",
            ] {
                for base in ["/Users", "/"] {
                    let path = format!("{base}?sortBy={}", encoded(by));
                    get(&acme, &path).await.expect_error(400, Some("invalidPath"));
                }
            }
            // R266
            for order in ["asc", "DESC", "", "ascending, id"] {
                let path = format!("/Users?sortBy=userName&sortOrder={}", encoded(order));
                get(&acme, &path).await.expect_error(400, Some("invalidValue"));
            }
            get(&acme, "/Users?sortBy=").await.expect(200);
        }
    }
}

on_both_databases! {
    settings { "scan_limit_rows": 3 };
    async fn an_order_without_an_index_has_the_limit_of_a_scan(app: TestApp) {
        let acme = app.new_tenant().await;
        let ids = people(&acme).await;
        // A34
        let refused = get(&acme, "/Users?sortBy=title").await;
        refused.expect_error(400, Some("tooMany"));
        assert!(refused["detail"].as_str().unwrap().contains("`userName`"), "{refused}");
        assert_eq!(places(&get(&acme, "/Users?sortBy=userName").await, &ids), "21453");
        let few = format!("/Users?sortBy=title&filter={}", encoded("externalId pr"));
        assert_eq!(places(&get(&acme, &few).await.expect(200), &ids), "421");
    }
}
