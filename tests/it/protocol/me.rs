//! `/Me` (RFC 7644 §3.11): tokens that speak for one user.

use std::time::Duration;

use muster::{
    provision::operator::{NewToken, OperatorError},
    tenant::Scope,
};

use super::*;

/// Longer than a credential is believed without asking the database.
const FORGOTTEN: Duration = Duration::from_millis(1_500);

const BOTH: &[Scope] = &[Scope::Read, Scope::Write];

on_both_databases! {
    async fn a_user_is_answered_at_me_with_the_permanent_uri(app: TestApp) {
        // R466, R298, R204
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let other = acme.create("Users", json!({ "userName": "other", "active": true })).await;
        let me = acme.as_user(&user, BOTH).await;

        let shown = get(&me, "/Me").await.expect(200);
        assert_eq!(shown.body, acme.get(&user).await.body);
        check_told(&acme, "Users", &shown);
        let head = me.request(Method::HEAD, "/Me").await.expect(200);
        assert_eq!(head.headers["location"], shown.headers["location"]);
        let known = me.request(Method::GET, "/Me").header(IF_NONE_MATCH, user.etag());
        known.await.expect(304);

        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [replace("title", "Guide")],
        });
        let patched = me.request(Method::PATCH, "/Me?attributes=title").json(body.clone()).await;
        assert_eq!(members(&patched.expect(200).body), BTreeSet::from(["schemas", "id", "title"]));
        let stale = me.request(Method::PATCH, "/Me").json(body).if_match(user.etag());
        stale.await.expect_error(412, None);
        let mut document = barbara();
        document["title"] = "Lead".into();
        let put = me.request(Method::PUT, "/Me").json(document).await.expect(200);
        check_told(&acme, "Users", &put);
        assert_eq!(acme.get(&user).await["title"], "Lead");
        let listed = me.request(Method::PATCH, "/Me").json(json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [replace("userName", "other")],
        }));
        listed.await.expect_error(409, Some("uniqueness"));

        me.request(Method::DELETE, "/Me").await.expect(204);
        acme.get(&user).await.expect_error(404, None);
        acme.get(&other).await.expect(200);
    }

    async fn a_directory_is_no_user(app: TestApp) {
        // R464, R467
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::POST] {
            let answer = acme.request(method, "/Me").json(barbara()).await;
            answer.expect_error(501, None);
        }
        assert_eq!(acme.request(Method::HEAD, "/Me").await.status, 501);
        let me = acme.as_user(&user, BOTH).await;
        me.request(Method::POST, "/Me").json(barbara()).await.expect_error(501, None);
        acme.get(&user).await.expect(200);
    }

    async fn a_users_token_reaches_that_user_alone(app: TestApp) {
        // R480, R172
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let me = acme.as_user(&user, BOTH).await;
        for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/ResourceTypes/User"] {
            get(&me, path).await.expect(200);
        }
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/Users"),
            (Method::GET, &user.path()),
            (Method::PUT, &user.path()),
            (Method::PATCH, &user.path()),
            (Method::DELETE, &user.path()),
            (Method::POST, "/Users"),
            (Method::POST, "/Users/.search"),
            (Method::POST, "/.search"),
            (Method::POST, "/Bulk"),
            (Method::GET, "/Groups"),
            (Method::GET, "/users/"),
            (Method::GET, "/%55sers"),
        ] {
            me.request(method, path).json(barbara()).await.expect_error(403, None);
        }
        let reader = acme.as_user(&user, &[Scope::Read]).await;
        get(&reader, "/Me").await.expect(200);
        reader.request(Method::DELETE, "/Me").await.expect_error(403, None);
        let other = app.new_tenant().await.with_token(me.token());
        get(&other, "/Me").await.expect_error(401, None);
    }

    async fn a_users_token_ends_with_the_users_access(app: TestApp) {
        // R171
        let acme = app.new_tenant().await;
        let user = acme.create("Users", barbara()).await;
        let me = acme.as_user(&user, BOTH).await;
        get(&me, "/Me").await.expect(200);
        acme.patch(&user, replace("active", false)).await.expect(200);
        tokio::time::sleep(FORGOTTEN).await;
        get(&me, "/Me").await.expect_error(401, None);
        acme.patch(&user, replace("active", true)).await.expect(200);
        tokio::time::sleep(FORGOTTEN).await;
        get(&me, "/Me").await.expect(200);
        acme.delete(&user).await.expect(204);
        tokio::time::sleep(FORGOTTEN).await;
        get(&me, "/Me").await.expect_error(401, None);
    }

    async fn a_token_is_issued_to_users_that_are_there(app: TestApp) {
        // R185
        let (acme, other) = (app.new_tenant().await, app.new_tenant().await);
        let user = acme.create("Users", barbara()).await;
        let group = acme.create("Groups", json!({ "displayName": "g" })).await;
        let issue = async |tenant: &TestTenant, user: &str, scope| {
            let new = NewToken {
                connection: "directory".to_owned(),
                user: Some(user.to_owned()),
                scopes: vec![scope],
                networks: Default::default(),
                expires_in: Duration::from_secs(60),
                label: String::new(),
            };
            app.operator().issue_token(tenant.name(), new).await
        };
        for nobody in [group.id(), "x", ""] {
            let refused = issue(&acme, nobody, Scope::Read).await;
            assert!(matches!(refused, Err(OperatorError::NotFound(_))), "{nobody}: {refused:?}");
        }
        let refused = issue(&other, user.id(), Scope::Read).await;
        assert!(matches!(refused, Err(OperatorError::NotFound(_))), "{refused:?}");
        let refused = issue(&acme, user.id(), Scope::Poll).await;
        assert!(matches!(refused, Err(OperatorError::Invalid(_))), "{refused:?}");
        let issued = issue(&acme, user.id(), Scope::Read).await.unwrap();
        assert_eq!(issued.record.user.as_deref(), Some(user.id()));
        let listed = app.operator().tokens(acme.name()).await.unwrap();
        assert_eq!(listed.last().unwrap().user.as_deref(), Some(user.id()));
    }
}
