//! Parsing and size.

use super::*;

const SYNTAX: Option<&str> = Some("invalidSyntax");
const VALUE: Option<&str> = Some("invalidValue");
const FILTER: Option<&str> = Some("invalidFilter");

/// A body of a user with `member` behind its name.
fn with(member: &str) -> Vec<u8> {
    format!(r#"{{"schemas":["{USER}"],"userName":"a",{member}}}"#).into_bytes()
}

/// Bodies that are no JSON object, or that two readers could read as two.
fn no_clear_objects() -> Vec<Vec<u8>> {
    let user = br#"{"userName":"a"}"#;
    let wide = |unit: fn(u16) -> [u8; 2]| {
        let text = std::str::from_utf8(user).unwrap();
        text.encode_utf16().flat_map(unit).collect::<Vec<u8>>()
    };
    vec![
        "[".repeat(100_000).into(),                              // A7
        "{\"a\":".repeat(100_000).into(),                        // A7
        with(r#""userName":"b""#),                               // A8
        with(r#""USERNAME":"b""#),                               // A8
        with(r#""emails":[{"value":"a","Value":"b"}]"#),         // A8
        with(r#""user\u004eame":"b""#),                          // A9
        with(r#""title":1e400"#),                                // A10
        with(&format!(r#""title":1{}"#, "0".repeat(400))),       // A10
        with(&format!(r#""title":1{}"#, "0".repeat(1_000_000))), // A10
        with(r#""title":01"#),                                   // A10
        with(r#""title":"a\u0000b""#),                           // A12
        with(r#""a\u0000b":"a""#),                               // A12
        with("\"title\":\"a\0b\""),                              // A12
        [&user[..], b"\0"].concat(),                             // A12
        b"{\"userName\":\"\xff\"}".to_vec(),                     // A13
        b"{\"userName\":\"\xc0\xaf\"}".to_vec(),                 // A14
        b"{\"userName\":\"\xe0\x80\xaf\"}".to_vec(),             // A14
        b"{\"userName\":\"\xed\xa0\x80\"}".to_vec(),             // A14
        with(r#""title":"\ud800""#),                             // A14
        with(r#""title":"\udc00\ud800""#),                       // A14
        [b"\xef\xbb\xbf", &user[..]].concat(),                   // A15
        [b"\xff\xfe".to_vec(), wide(u16::to_le_bytes)].concat(), // A15
        wide(u16::to_be_bytes),                                  // A15
        [&user[..], b"x"].concat(),                              // A16
        [&user[..], &user[..]].concat(),                         // A16
        with("/* */ \"title\":\"a\""),                           // A16
        with(r#""title":NaN"#),                                  // A16
        with(r#""title":-Infinity"#),                            // A16
        with(""),                                                // A16
        b"{'userName':'a'}".to_vec(),                            // A16
        b"[]".to_vec(),                                          // A17
        b"\"x\"".to_vec(),                                       // A17
        b"null".to_vec(),                                        // A17
        b"1".to_vec(),                                           // A17
        b"".to_vec(),                                            // A17
        b" ".to_vec(),                                           // A17
    ]
}

on_both_databases! {
    async fn a_body_is_one_clear_object_or_refused(app: TestApp) {
        let target = Target::new(&app, Dialect::Generic).await;
        let acme = &target.tenant;
        for body in no_clear_objects() {
            for (method, path) in [
                (Method::POST, "/Users".to_owned()),
                (Method::PUT, target.user.path()),
                (Method::PATCH, target.user.path()),
                (Method::PATCH, target.group.path()),
                (Method::POST, "/Users/.search".to_owned()),
                (Method::POST, "/.search".to_owned()),
            ] {
                refused(acme.request(method, &path).bytes(body.clone()), 400, SYNTAX).await;
            }
            // The answer does not wait for the body, and the connection ends with it.
            let stranger = acme.with_token("").request(Method::POST, "/Users");
            let stranger = stranger.header(reqwest::header::CONNECTION, "close");
            refused(stranger.bytes(body), 401, None).await;
        }
        target.is_unharmed().await;
    }

    async fn a_filter_that_is_too_much_is_refused_in_a_body_too(app: TestApp) {
        let target = Target::new(&app, Dialect::Generic).await;
        let long = "a".repeat(1_000_000);
        for filter in [
            "(".repeat(100_000),                                     // A1
            format!("{}title pr{}", "(".repeat(3_000), ")".repeat(3_000)), // A1
            "not (".repeat(100_000),                                 // A2
            format!("{}title pr{}", "not (".repeat(1_000), ")".repeat(1_000)), // A2
            vec!["title pr"; 10_000].join(" or "),                   // A3
            vec!["id pr"; 800].join(" or "),                         // A3
            vec!["id pr"; 700].join(" and "),                        // A3
            vec!["title pr"; 600_000].join(" or "),                  // A4
            format!("title eq \"{long}\""),                          // A5
            "((((title eq 1 or title eq 1)".repeat(250),             // A6
        ] {
            refused(target.search(&filter), 400, FILTER).await;
        }
        target.is_unharmed().await;
    }

    async fn numbers_stay_exact_or_are_refused(app: TestApp) {
        // A11
        const ODD: &str = "9007199254740993";
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            let acme = &target.tenant;
            let user = json!({ "schemas": [USER], "userName": "odd", "externalId": ODD });
            let user = acme.create("Users", user).await;
            assert_eq!(acme.get(&user).await["externalId"], ODD);
            let found = acme.list("Users", &format!("externalId eq \"{ODD}\"")).await;
            assert_eq!(found["totalResults"], 1, "{found}");
            let found = acme.list("Users", "externalId eq \"9007199254740992\"").await;
            assert_eq!(found["totalResults"], 0, "{found}");

            for number in [ODD, "98765432109876543210987", "1e3", "-0", "1.0"] {
                let body = with(&format!(r#""externalId":{number}"#));
                let answer = attack(acme.request(Method::POST, "/Users").bytes(body)).await;
                match answer.status {
                    201 => assert_eq!(answer["externalId"], number, "{answer}"),
                    _ => answer.expect_error(400, VALUE),
                }
                assert!(dialect != Dialect::Strict || answer.status == 400, "{answer}");
                if answer.status == 201 {
                    acme.delete(&Resource::new("Users", answer)).await.expect(204);
                }
            }
        }
    }

    /// PostgreSQL has no text with NUL, and would fail where it is not refused before.
    async fn nul_is_refused_wherever_it_comes(app: TestApp) {
        // A12
        for dialect in [Dialect::Strict, Dialect::Generic] {
            let target = Target::new(&app, dialect).await;
            let acme = &target.tenant;
            for path in [
                "/Users/%00",
                "/Groups/a%00b",
                "/%00",
                "/Schemas/%00",
                "/ResourceTypes/%00",
                "/Users?filter=%00",
                "/Users?filter=userName%20eq%20%22%00%22",
                "/Users?filter=userName%20eq%20%22%5Cu0000%22",
                "/Users?filter=title%20co%20%22a%00%22",
                "/Users?filter=id%20eq%20%22%5Cu0000%22",
                "/Groups?filter=members.value%20eq%20%22%5Cu0000%22",
                "/Users?filter=%00%20pr",
                "/?filter=id%20eq%20%22%5Cu0000%22",
            ] {
                let answer = attack(acme.request(Method::GET, path)).await;
                assert!([400, 404].contains(&answer.status), "{answer}");
            }
            // What names nothing may be overlooked.
            for parameter in ["attributes", "excludedAttributes", "sortBy", "cursor", "count", "startIndex", "%00"] {
                attack(acme.request(Method::GET, &format!("/Users?{parameter}=%00"))).await;
            }
            for filter in ["userName eq \"\0\"", "emails[value eq \"\0\"]", "userName eq \"\\u0000\""] {
                refused(target.search(filter), 400, if filter.contains('\0') { SYNTAX } else { FILTER })
                    .await;
            }
            let path = "emails[value eq \"\\u0000\"].type";
            let patch = json!([{ "op": "replace", "path": path, "value": "x" }]);
            let answer = attack(target.patch(&target.user, patch)).await;
            assert_eq!(answer.status, 400, "{answer}");
            let path = "members[value eq \"\\u0000\"]";
            let patch = json!([{ "op": "remove", "path": path }]);
            let answer = attack(target.patch(&target.group, patch)).await;
            assert_eq!(answer.status, 400, "{answer}");
            target.is_unharmed().await;
        }
    }

    async fn a_compressed_body_is_not_opened(app: TestApp) {
        // A19
        let target = Target::new(&app, Dialect::Generic).await;
        for coding in ["gzip", "br", "zstd", "deflate", "gzip, gzip", "x-unknown"] {
            let request = target.tenant.request(Method::POST, "/Users");
            let request = request.header(reqwest::header::CONTENT_ENCODING, coding);
            refused(request.bytes(with(r#""title":"a""#)), 415, None).await;
        }
        target.is_unharmed().await;
    }

    async fn more_than_an_attribute_may_hold_is_refused(app: TestApp) {
        let target = Target::new(&app, Dialect::Generic).await;
        let acme = &target.tenant;
        let list = |count: usize, element: &str| vec![element; count].join(",");
        for member in [
            format!(r#""title":"{}""#, "a".repeat(1_000_000)),           // A21
            format!(r#""name":{{"givenName":"{}"}}"#, "a".repeat(1_000_000)), // A21
            format!(r#""emails":[{}]"#, list(100_000, r#"{"value":"a"}"#)), // A21
            format!(r#""emails":[{}]"#, list(1_000_000, "1")),           // A20
            format!(r#""emails":[{}]"#, list(1_000_000, "\"\"")),        // A20
        ] {
            let request = acme.request(Method::POST, "/Users").bytes(with(&member));
            refused(request, 400, VALUE).await;
        }
        target.is_unharmed().await;

        // A20
        let many: Vec<String> = (0..500_000).map(|number| format!(r#""k{number}":1"#)).collect();
        let many = with(&many.join(","));
        let strict = Target::new(&app, Dialect::Strict).await;
        let request = strict.tenant.request(Method::POST, "/Users").bytes(many.clone());
        refused(request, 400, VALUE).await;
        strict.is_unharmed().await;
        // What is unknown is overlooked here, however much it is.
        let answer = attack(acme.request(Method::POST, "/Users").bytes(many)).await.expect(201);
        assert!(answer.headers["muster-notice"].len() < 1000);
        acme.delete(&Resource::new("Users", answer)).await.expect(204);
    }

    /// PostgreSQL cannot index a text of more than 2,704 bytes.
    async fn a_long_id_is_one_that_nobody_has(app: TestApp) {
        // A22
        let target = Target::new(&app, Dialect::Strict).await;
        let acme = &target.tenant;
        for length in [37, 2_000, 3_000, 60_000] {
            let id = "a".repeat(length);
            for resource in [&target.user, &target.group] {
                for request in acme.every_request_on(&resource.with_id(&id)) {
                    refused(request, 404, None).await;
                }
            }
        }
        let id = "a".repeat(8_000);
        for filter in [
            format!("id eq \"{id}\""),
            format!("externalId eq \"{id}\""),
            format!("userName eq \"{id}\""),
            format!("emails.value eq \"{id}\""),
            format!("groups.value eq \"{id}\""),
            format!("roles.value sw \"{id}\""),
        ] {
            assert_eq!(attack(target.search(&filter)).await.expect(200)["totalResults"], 0);
        }
        let new = json!({ "schemas": [GROUP], "displayName": "g", "members": [{ "value": id }] });
        refused(acme.request(Method::POST, "/Groups").json(new), 400, VALUE).await;
        target.is_unharmed().await;
    }

    async fn text_that_looks_like_a_pattern_is_text(app: TestApp) {
        // A23, A32
        let acme = app.new_tenant().await;
        let odd = ["(a+)+$", "a.*", "[a-z]", "%", "_", "a\\", "^a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"];
        for (number, text) in odd.iter().enumerate() {
            let user = json!({ "userName": format!("u{number}"), "nickName": text, "displayName": text });
            acme.create("Users", user).await;
        }
        for text in odd {
            for attribute in ["nickName", "displayName"] {
                for op in ["eq", "co", "sw", "ew"] {
                    let holds = |stored: &str| match op {
                        "eq" => stored == text,
                        "co" => stored.contains(text),
                        "sw" => stored.starts_with(text),
                        _ => stored.ends_with(text),
                    };
                    let filter = format!("{attribute} {op} {}", Value::from(text));
                    let found = attack(acme.list("Users", &filter)).await.expect(200);
                    let expected = odd.iter().filter(|stored| holds(stored)).count();
                    assert_eq!(found["totalResults"], expected, "{found}");
                }
            }
        }
    }
}
