//! Versions and preconditions, RFC 7644 §3.14; and that they tell nothing to another tenant.

use serde_json::json;

use crate::support::{TestApp, replace};

on_both_databases! {
    async fn a_stale_etag_changes_nothing(app: TestApp) {
        // R455, R463
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "bjensen", "active": false })).await;
        acme.patch(&user, replace("displayName", "Barbara")).await.expect(200);

        let answer = acme
            .put(&user)
            .if_match(user.etag())
            .json(json!({ "userName": "bjensen", "displayName": "Babs" }))
            .await;

        answer.expect_error(412, None); // R455
        assert_eq!(acme.get(&user).await["displayName"], "Barbara");
        assert_eq!(acme.events().await, ["prov:create:notice", "prov:patch:notice"]);
    }

    async fn the_current_etag_lets_the_change_through(app: TestApp) {
        // R453, R454
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "bjensen" })).await;

        let change = acme.patch(&user, replace("displayName", "Babs"));
        let answer = change.if_match(user.etag()).await.expect(200);

        assert_eq!(answer["displayName"], "Babs");
        assert_ne!(answer["meta"]["version"], user.etag());
        assert_eq!(answer.headers["etag"], answer["meta"]["version"].as_str().unwrap()); // R452
    }

    async fn another_tenants_user_is_not_found(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let user = acme.create("Users", json!({ "userName": "bjensen" })).await;

        for request in globex.every_request_on(&user) {
            request.send().await.expect_error(404, None);
        }

        assert_eq!(globex.list("Users", r#"userName eq "bjensen""#).await["totalResults"], 0);
        assert_eq!(acme.list("Users", r#"userName eq "bjensen""#).await["totalResults"], 1);
        acme.delete(&user).await.expect(204);
    }
}
