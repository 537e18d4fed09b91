//! What an operator sets for a connection acts on the requests that come through it.

use muster::{provision::operator::ConnectionChange, scim::dialect::Dialect};
use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::json;

use crate::support::{TestApp, replace};

on_both_databases! {
    async fn a_patch_is_answered_as_the_connection_is_set(app: TestApp) {
        let acme = app.new_tenant_set(Dialect::Generic, json!({ "patch_response": "none" })).await;
        let user = acme.create("Users", json!({ "userName": "bjensen" })).await;

        let answer = acme.patch(&user, replace("title", "Guide")).await;

        // R347, R348
        assert_eq!(answer.status, 204, "{answer}");
        assert_eq!(answer.headers["etag"], "W/\"2\"");
        assert!(answer.headers["location"].to_str().unwrap().ends_with(user.id()));
        let named = format!("{}?attributes=title", user.path());
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [replace("title", "Tour Guide")],
        });
        let answer = acme.request(Method::PATCH, &named).json(body).await.expect(200);
        assert_eq!(answer["title"], "Tour Guide");
    }

    async fn answers_have_the_media_type_that_is_set(app: TestApp) {
        // Q04
        for (set, accept, expected) in [
            ("auto", "application/scim+json", "application/scim+json"),
            ("auto", "application/json", "application/json"),
            ("json", "application/scim+json", "application/json"),
            ("json", "*/*", "application/json"),
            ("scim", "application/json", "application/scim+json"),
        ] {
            let acme = app.new_tenant_set(Dialect::Generic, json!({ "media_type": set })).await;
            let answer = acme.request(Method::GET, "/Users").header(ACCEPT, accept).await;
            assert_eq!(answer.headers[CONTENT_TYPE], expected, "{set} and {accept}");
            let answer = acme.request(Method::GET, "/Users/x").header(ACCEPT, accept).await;
            assert_eq!(answer.headers[CONTENT_TYPE], expected, "an error, {set} and {accept}");
        }
    }

    async fn names_of_groups_are_unique_where_the_connection_or_its_dialect_wants_it(app: TestApp) {
        // Q68
        for (dialect, set, status) in [
            (Dialect::Entra, json!({}), 409),
            (Dialect::Strict, json!({}), 201),
            (Dialect::Entra, json!({ "unique_group_names": false }), 201),
            (Dialect::Strict, json!({ "unique_group_names": true }), 409),
        ] {
            let acme = app.new_tenant_set(dialect, set.clone()).await;
            let group = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Guides",
            });
            acme.create("Groups", group.clone()).await;

            let again = acme.request(Method::POST, "/Groups").json(group).await;

            assert_eq!(again.status, status, "{dialect:?} {set}: {again}");
        }
    }

    async fn a_page_without_a_count_is_as_long_as_it_is_set(app: TestApp) {
        let acme = app.new_tenant_set(Dialect::Generic, json!({ "default_results": 2 })).await;
        for name in ["a", "b", "c"] {
            acme.create("Users", json!({ "userName": name })).await;
        }

        // Q22
        let page = acme.request(Method::GET, "/Users").await.expect(200);
        assert_eq!((&page["itemsPerPage"], &page["totalResults"]), (&json!(2), &json!(3)));
        let page = acme.request(Method::GET, "/Users?count=3").await.expect(200);
        assert_eq!(page["itemsPerPage"], 3);
    }

    async fn what_is_changed_acts_within_a_second(app: TestApp) {
        let acme = app.new_tenant().await;
        let change = ConnectionChange {
            dialect: Some(Dialect::Strict),
            settings: json!({ "media_type": "json" }).as_object().unwrap().clone(),
        };
        let strange = || {
            acme.request(Method::POST, "/Users").json(json!({ "userName": "bjensen", "shoe": 9 }))
        };

        app.operator().change_connection(acme.name(), "directory", change).await.unwrap();

        let mut answer = strange().await;
        for attempt in 0.. {
            if answer.status == 400 {
                break;
            }
            assert!(attempt < 300, "the change does not act: {answer}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            answer = strange().await;
        }
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    }
}
