//! Queries that want more than they may have.

use super::*;

const FILTER: Option<&str> = Some("invalidFilter");
const VALUE: Option<&str> = Some("invalidValue");

/// The parameters of the query.
fn query(parameters: &str) -> String {
    format!("/Users?{parameters}")
}

on_both_databases! {
    async fn what_looks_like_sql_is_text_or_refused(app: TestApp) {
        // A31
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            for value in [
                "' or 1=1 --", "\\\" or 1=1 --", "x'); drop table resource; --", "%' or '1'='1",
                "bjensen'/*", "$1", "?1", "\\\\", "{{1}}",
            ] {
                for attribute in ["userName", "emails.value", "title", "id", "groups.value"] {
                    for op in ["eq", "co", "sw", "ew"] {
                        let answer = attack(target.search(&format!("{attribute} {op} \"{value}\""))).await;
                        assert_eq!(answer.expect(200)["totalResults"], 0, "{attribute} {op} {value}");
                    }
                }
            }
            for name in [
                "userName'", "1=1", "userName) or (1=1", "tenant_id", "document", "resource.id",
                "user_name_key", "userName--", "userName;", "\"userName\"", "userName\u{2019}",
            ] {
                refused(target.search(&format!("{name} eq \"x\"")), 400, FILTER).await;
            }
            target.is_unharmed().await;
        }
    }

    async fn what_is_secret_or_internal_cannot_be_asked_for(app: TestApp) {
        // A33
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            for filter in [
                "password eq \"x\"",
                "password pr",
                "not (password sw \"x\")",
                "PASSWORD co \"x\"",
                "urn:ietf:params:scim:schemas:core:2.0:User:password pr",
                "userName eq \"bjensen\" or password ge \"a\"",
                "token pr",
                "credential.hash pr",
                "version pr",
                "tenant eq \"x\"",
                "meta.tenant pr",
                "user_name_key pr",
                "resource_type eq 1",
            ] {
                refused(target.search(filter), 400, FILTER).await;
            }
            // A38
            for shown in ["password", "PASSWORD", "userName,password", "urn:ietf:params:scim:schemas:core:2.0:User:password"] {
                let path = format!("{}?attributes={shown}", target.user.path());
                let answer = attack(target.tenant.request(Method::GET, &path)).await;
                assert!(!answer.body.to_string().contains("\"password\":"), "{answer}");
            }
            target.is_unharmed().await;
        }
    }

    async fn names_of_attributes_that_are_none_show_nothing_more(app: TestApp) {
        // A38
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            for names in ["*", "urn:", "urn:ietf:params:scim", "..", ",,,", "%2A%2C%2A", "a.b.c", "emails[type"] {
                for parameter in ["attributes", "excludedAttributes"] {
                    let path = format!("{}?{parameter}={names}", target.user.path());
                    let answer = attack(target.tenant.request(Method::GET, &path)).await;
                    assert!([200, 400].contains(&answer.status), "{answer}");
                    if answer.status == 200 {
                        assert_eq!(answer["id"], target.user.id(), "{answer}");
                    }
                }
            }
            let many = vec!["title"; 100_000].join(",");
            let body = json!({ "schemas": [SEARCH], "attributes": many.split(',').collect::<Vec<_>>() });
            let search = target.tenant.request(Method::POST, "/Users/.search").json(body);
            refused(search, 400, VALUE).await;
        }
    }

    async fn a_page_has_numbers_that_are_numbers(app: TestApp) {
        // A10, A35
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            let page = |parameter: &str, value: &str| {
                attack(target.tenant.request(Method::GET, &query(&format!("{parameter}={value}"))))
            };
            for (value, from_there, so_many) in [
                ("0", 1, 0),
                ("-1", 1, 0),
                ("-2147483649", 1, 0),
                ("2147483648", 0, 1),
                ("999999999999999999", 0, 1),
            ] {
                let answer = page("startIndex", value).await.expect(200);
                assert_eq!(answer["Resources"].as_array().map_or(0, Vec::len), from_there, "{answer}");
                let answer = page("count", value).await.expect(200);
                assert_eq!(answer["Resources"].as_array().map_or(0, Vec::len), so_many, "{answer}");
                assert_eq!(answer["totalResults"], 1, "{answer}");
            }
            let digits = "9".repeat(400);
            for value in [
                "9223372036854775808", "18446744073709551616", "-9223372036854775809", &digits, "1.5",
                "abc", "1e2", "1E%2B2", "1e400", "0x10", "%E2%91%A0", "1%3Bdrop", "NaN",
            ] {
                for parameter in ["startIndex", "count"] {
                    let answer = page(parameter, value).await;
                    match dialect {
                        Dialect::Strict => answer.expect_error(400, VALUE),
                        // Read as if it were not there, or as the end.
                        _ => assert!([200, 400].contains(&answer.status), "{answer}"),
                    }
                }
            }
        }
    }

    async fn a_parameter_is_read_by_one_rule(app: TestApp) {
        // A39
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            target.tenant.create("Users", json!({ "schemas": [USER], "userName": "other" })).await;
            let one = "userName%20eq%20%22bjensen%22";
            let two = "userName%20eq%20%22other%22";
            for (parameters, status, scim_type) in [
                (format!("filter={one}&filter={two}"), 400, VALUE),
                (format!("filter={one}&FILTER={two}"), 400, VALUE),
                (format!("filter={one}&f%69lter={two}"), 400, VALUE),
                ("filter=".to_owned(), 400, FILTER),
                ("filter".to_owned(), 400, FILTER),
                ("count=1&Count=2".to_owned(), 400, VALUE),
            ] {
                refused(target.tenant.request(Method::GET, &query(&parameters)), status, scim_type).await;
            }
            for parameters in [format!("FILTER={one}"), format!("f%69lter={one}")] {
                let answer = attack(target.tenant.request(Method::GET, &query(&parameters))).await;
                assert_eq!(answer.expect(200)["totalResults"], 1);
            }
            // A name that is none is overlooked: it is not half of one.
            for parameters in [format!("filter[]={one}"), format!("filter%00={one}")] {
                let answer = attack(target.tenant.request(Method::GET, &query(&parameters))).await;
                assert!(answer.status == 400 || answer["totalResults"] == 2, "{answer}");
            }
        }
    }

    async fn a_search_is_what_its_body_says(app: TestApp) {
        // A40
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            let body = json!({ "schemas": [SEARCH], "filter": "userName eq \"nobody\"", "count": 0 });
            for parameters in [
                "filter=userName%20pr",
                "count=10&startIndex=1",
                "attributes=password",
                "cursor=x",
                "filter=(((",
            ] {
                for path in ["/Users/.search", "/.search"] {
                    let path = format!("{path}?{parameters}");
                    let answer = attack(target.tenant.request(Method::POST, &path).json(body.clone())).await;
                    assert!(answer.status == 400 || answer["totalResults"] == 0, "{answer}");
                    assert_eq!(answer["Resources"].as_array().map_or(0, Vec::len), 0, "{answer}");
                }
            }
        }
    }
}
