//! Wrong requests: each is refused with a SCIM error (RFC 7644 §3.12) and changes nothing.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};

use super::*;

const UNKNOWN: &str = "/Users/0198c2a0-0000-7000-8000-000000000001";

fn patch(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

/// Method, path, body unless null, and the error that it comes to.
type Case<'a> = (Method, &'a str, Value, u16, Option<&'static str>);

const INVALID: Option<&str> = Some("invalidValue");
const SYNTAX: Option<&str> = Some("invalidSyntax");

/// Bodies that are no resource of their endpoint.
fn wrong_resources(at: &str) -> Vec<Case<'_>> {
    let user_with = |name: &str, value: Value| {
        let mut document = json!({ "schemas": [USER], "userName": "new" });
        document[name] = value;
        document
    };
    vec![
        (Method::POST, "/Users", json!({ "schemas": [USER] }), 400, INVALID),
        (Method::POST, "/Users", json!({ "schemas": [USER], "userName": "" }), 400, INVALID),
        (Method::POST, "/Users", json!({ "schemas": [USER], "userName": 7 }), 400, INVALID),
        (Method::POST, "/Users", json!([]), 400, SYNTAX),
        (Method::POST, "/Users", json!("x"), 400, SYNTAX),
        (Method::POST, "/Users", user_with("active", json!("yes")), 400, INVALID),
        (Method::POST, "/Users", user_with("emails", json!("a@b.example")), 400, INVALID),
        (Method::POST, "/Users", user_with("name", json!(["x"])), 400, INVALID),
        (
            Method::POST,
            "/Users",
            user_with(
                "emails",
                json!([
                    { "value": "a@b.example", "primary": true }, { "value": "c@d.example", "primary": true },
                ]),
            ),
            400,
            INVALID,
        ),
        (Method::POST, "/Users", barbara(), 409, Some("uniqueness")),
        (Method::POST, "/Groups", json!({ "schemas": [GROUP] }), 400, INVALID),
        (
            Method::POST,
            "/Groups",
            json!({
                "schemas": [GROUP], "displayName": "g", "members": [{ "value": "nobody" }],
            }),
            400,
            INVALID,
        ),
        (Method::PUT, at, json!({ "schemas": [USER] }), 400, INVALID),
        (Method::PUT, UNKNOWN, barbara(), 404, None),
    ]
}

/// Operations on the user at `at`.
fn wrong_patches(at: &str) -> Vec<Case<'_>> {
    vec![
        (Method::PATCH, UNKNOWN, patch(json!([replace("title", "x")])), 404, None),
        (Method::PATCH, at, patch(json!([])), 400, SYNTAX),
        (Method::PATCH, at, json!({ "Operations": [replace("title", "x")] }), 400, SYNTAX),
        (Method::PATCH, at, patch(json!([{ "op": "move", "path": "title" }])), 400, SYNTAX),
        (Method::PATCH, at, patch(json!([replace("nope", "x")])), 400, Some("invalidPath")),
        (Method::PATCH, at, patch(json!([replace("emails[", "x")])), 400, Some("invalidPath")),
        (
            Method::PATCH,
            at,
            patch(json!([replace("emails[nope eq 1]", "x")])),
            400,
            Some("invalidFilter"),
        ),
        (
            Method::PATCH,
            at,
            patch(json!([replace("emails[type eq \"none\"].value", "x")])),
            400,
            Some("noTarget"),
        ),
        (Method::PATCH, at, patch(json!([{ "op": "remove" }])), 400, Some("noTarget")),
        (
            Method::PATCH,
            at,
            patch(json!([{ "op": "remove", "path": "userName" }])),
            400,
            Some("mutability"),
        ),
        (Method::PATCH, at, patch(json!([replace("id", "x")])), 400, Some("mutability")),
        (Method::PATCH, at, patch(json!([replace("meta.version", "x")])), 400, Some("mutability")),
        (Method::PATCH, at, patch(json!([replace("groups", json!([]))])), 400, Some("mutability")),
        (
            Method::PATCH,
            at,
            patch(json!([replace("title", "x"), replace("active", "x")])),
            400,
            INVALID,
        ),
    ]
}

/// Places that are not there, queries that cannot be read, methods that are not offered.
fn wrong_places(at: &str) -> Vec<Case<'_>> {
    vec![
        (Method::DELETE, UNKNOWN, Value::Null, 404, None),
        (Method::GET, UNKNOWN, Value::Null, 404, None),
        (Method::GET, "/Users/not-an-id", Value::Null, 404, None),
        (Method::GET, "/Groups/%00", Value::Null, 404, None),
        (Method::GET, "/Nowhere", Value::Null, 404, None),
        (Method::GET, "/Users/a/b", Value::Null, 404, None),
        (Method::GET, "/Users?filter=", Value::Null, 400, Some("invalidFilter")),
        (Method::GET, "/Users?filter=userName", Value::Null, 400, Some("invalidFilter")),
        (
            Method::GET,
            "/Users?filter=userName%20like%20%22a%22",
            Value::Null,
            400,
            Some("invalidFilter"),
        ),
        (Method::GET, "/Users?filter=nope%20eq%20%22a%22", Value::Null, 400, Some("invalidFilter")),
        (
            Method::GET,
            "/Users?filter=userName%20eq%20%22a%5cu0000%22",
            Value::Null,
            400,
            Some("invalidFilter"),
        ),
        (Method::GET, "/Users?filter=%ff", Value::Null, 400, INVALID),
        (Method::GET, "/Users?count=x", Value::Null, 400, INVALID),
        (Method::GET, "/Users?startIndex=1&startIndex=2", Value::Null, 400, INVALID),
        (Method::GET, "/Users?attributes=a&excludedAttributes=b", Value::Null, 400, INVALID),
        (Method::PUT, "/Users", json!({}), 405, None),
        (Method::DELETE, "/Users", Value::Null, 405, None),
        (Method::POST, at, barbara(), 405, None),
        (Method::OPTIONS, "/Users", Value::Null, 405, None),
        (Method::TRACE, "/Groups", Value::Null, 405, None),
    ]
}

on_both_databases! {
    async fn a_wrong_request_has_a_scim_error(app: TestApp) {
        // R158, R159, R199, R438, R439, R441, R445, R450
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let user = acme.create("Users", barbara()).await;
        let before = acme.get(&user).await.body;
        let events = acme.events().await;
        let at = user.path();
        let cases = [wrong_resources(&at), wrong_patches(&at), wrong_places(&at)].concat();
        for (method, path, body, status, scim_type) in cases {
            let request = acme.request(method, path);
            let answer = match body {
                Value::Null => request.await,
                body => request.json(body).await,
            };
            answer.expect_error(status, scim_type);
            if status == 405 {
                assert!(!answer.headers["allow"].is_empty(), "{answer}");
            }
        }
        assert_eq!(acme.get(&user).await.body, before, "nothing has changed");
        assert_eq!(acme.events().await, events);
        assert_eq!(get(&acme, "/Users").await["totalResults"], 1);
        assert_eq!(get(&acme, "/Groups").await["totalResults"], 0);
    }

    async fn a_body_that_is_no_json_is_refused(app: TestApp) {
        // R3, R155, R446
        let acme = app.new_tenant().await;
        let url = format!("{}/Users", acme.base());
        for body in [
            &b""[..], b"{", b"{\"userName\":\"a\"} x", b"\xff\xfe", b"null", b"{'userName':'a'}",
            b"{\"userName\":\"a\",\"userName\":\"b\"}", b"{\"userName\":\"a\\u0000b\"}",
        ] {
            let request = app.http().post(&url).bearer_auth(acme.token());
            let request = request.header(CONTENT_TYPE, "application/scim+json").body(body);
            let response = request.send().await.unwrap();
            let status = response.status();
            let text = response.text().await.unwrap();
            let error: Value = serde_json::from_str(&text).unwrap();
            let what = String::from_utf8_lossy(body);
            assert_eq!((status.as_u16(), &error["status"]), (400, &json!("400")), "{what}: {text}");
        }
        assert_eq!(get(&acme, "/Users").await["totalResults"], 0);
    }

    async fn a_request_without_a_good_token_is_refused_first(app: TestApp) {
        // R170, R179, R187, R451
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let other = app.new_tenant().await;
        let foreign = format!("Bearer {}", other.token());
        let bare = acme.token().to_owned();
        for credential in ["Bearer", "Bearer x", "Basic dTpw", &foreign, &bare] {
            for (method, path) in [(Method::GET, "/Users"), (Method::POST, "/Users"), (Method::GET, "/x")] {
                let request = acme.request(method, path).header(AUTHORIZATION, credential);
                // Nothing of the body is looked at.
                let answer = request.json(json!(["not a user"])).await;
                answer.expect_error(401, None);
                let challenge = answer.headers["www-authenticate"].to_str().unwrap();
                assert!(challenge.starts_with("Bearer "), "{challenge}");
            }
        }
        let response = app.http().get(format!("{}/Users", acme.base())).send().await.unwrap();
        assert_eq!(response.status(), 401);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["status"], "401");
    }

    async fn a_precondition_that_cannot_be_read_is_refused(app: TestApp) {
        // R456, R457
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        for tag in ["not a tag", "\"open", ""] {
            let request = acme.delete(&user).header(IF_MATCH, tag);
            request.await.expect_error(400, Some("invalidValue"));
        }
        acme.delete(&user).if_match("\"0\", W/\"99\"").await.expect_error(412, None);
        acme.get(&user).await.expect(200);
        acme.delete(&user).if_match("*").await.expect(204);
    }
}
