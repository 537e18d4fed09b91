//! Tokens in requests, and the challenges to those that do not do (RFC 6750).

use std::time::Duration;

use muster::{
    provision::operator::NewToken,
    tenant::{AllowedNetworks, Scope},
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, WWW_AUTHENTICATE};
use secrecy::ExposeSecret;

use super::*;

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

#[track_caller]
fn challenge(answer: &Answer) -> String {
    answer.headers[WWW_AUTHENTICATE].to_str().unwrap().to_owned()
}

on_both_databases! {
    async fn a_token_is_a_bearers(app: TestApp) {
        // R173
        let strict = app.new_tenant_with(Dialect::Strict).await;
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            for spaces in [" ", "   "] {
                let value = format!("{scheme}{spaces}{}", strict.token());
                let request = strict.request(Method::GET, "/Users").header(AUTHORIZATION, &value);
                request.await.expect(200);
            }
        }
        for value in [strict.token().to_owned(), format!("Bearer{}", strict.token())] {
            let request = strict.request(Method::GET, "/Users").header(AUTHORIZATION, &value);
            request.await.expect_error(401, None);
        }
    }

    async fn a_credential_that_does_not_do_has_its_challenge(app: TestApp) {
        // R170, R174, R177, R178, R179, A60
        let acme = app.new_tenant().await;
        let (long, odd) = (format!("Bearer {}", "x".repeat(60_000)), "Bearer a\u{e9}b");
        let mut seen = BTreeSet::new();
        for credential in ["Bearer x", "Bearer a b", "Bearer ,=;\"", "Basic dTpw", "Digest x", &long, odd] {
            let answer = acme.request(Method::GET, "/Users").header(AUTHORIZATION, credential).await;
            answer.expect_error(401, None);
            seen.insert((challenge(&answer), answer.body.to_string()));
        }
        assert_eq!(seen.len(), 1, "one answer to all: {seen:?}");
        let (told, _) = seen.first().unwrap();
        assert!(told.starts_with("Bearer realm=\"") && told.contains("error=\"invalid_token\""), "{told}");
        for parameter in ["realm=", "error=", "scope=", "error_description="] {
            assert!(told.matches(parameter).count() <= 1, "{told}");
        }
        let none = app.http().get(format!("{}/Users", acme.base())).send().await.unwrap();
        assert_eq!(none.status(), 401);
        let told = none.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        assert!(told.starts_with("Bearer realm=\"") && !told.contains("error"), "{told}");
        let empty = acme.request(Method::GET, "/Users").header(AUTHORIZATION, "").await;
        empty.expect_error(401, None);
    }

    async fn a_token_is_sent_one_way(app: TestApp) {
        // R175, R176, A61
        let acme = app.new_tenant().await;
        let bearer = format!("Bearer {}", acme.token());
        let twice = acme.request(Method::GET, "/Users").another(AUTHORIZATION, &bearer).await;
        twice.expect_error(400, None);
        assert!(challenge(&twice).contains("error=\"invalid_request\""));
        let path = format!("/Users?access_token={}", acme.token());
        let both = get(&acme, &path).await;
        both.expect_error(400, None);
        assert!(!both.body.to_string().contains(acme.token()));
        let url = format!("{}/Users", acme.base());
        let form = format!("access_token={}", acme.token());
        for request in [
            app.http().get(format!("{url}?access_token={}", acme.token())),
            app.http().get(&url).header(COOKIE, &form),
            app.http().post(&url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone()),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401);
        }
    }

    async fn a_token_cannot_be_guessed_and_ends(app: TestApp) {
        // R181, R182
        let acme = app.new_tenant().await;
        let mut tokens = BTreeSet::new();
        for _ in 0..20 {
            let (token, _) = acme.issue(&[Scope::Read], Duration::from_secs(60)).await;
            let random = token.strip_prefix("muster_scim_").expect("a prefix that scanners know");
            // 256 bits in letters of six.
            assert_eq!(random.len(), 43, "{token}");
            assert!(tokens.insert(token));
        }
        let listed = app.operator().tokens(acme.name()).await.unwrap();
        assert!(listed.iter().all(|token| 0 < token.expires_at), "every token tells its end");
    }

    async fn a_token_for_one_type_reaches_nothing_else(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "ann", "active": true })).await;
        let group = acme.create("Groups", json!({ "displayName": "Staff" })).await;
        let with = async |scopes: &[Scope]| {
            acme.with_token(&acme.issue(scopes, Duration::from_secs(3_600)).await.0)
        };
        let (of_users, of_groups) = (with(&[Scope::Users]).await, with(&[Scope::Groups]).await);
        let mixed = with(&[Scope::Read, Scope::Groups]).await;
        let everything = |of: &TestTenant| {
            let list = |endpoint: &str| of.list(endpoint, "id pr");
            (list("Users"), of.every_request_on(&user), list("Groups"), of.every_request_on(&group))
        };
        let refused = async |requests: Vec<Request>| {
            for request in requests {
                let answer = request.await;
                answer.expect_error(403, None);
                assert!(challenge(&answer).contains("insufficient_scope"), "{answer:?}");
            }
        };
        for (of, own, others) in [(&of_users, &user, "Groups"), (&of_groups, &group, "Users")] {
            let (users, on_user, groups, on_group) = everything(of);
            let (list, foreign, foreign_list) = match others {
                "Groups" => (users, on_group, groups),
                _ => (groups, on_user, users),
            };
            refused(foreign).await;
            refused(vec![foreign_list]).await;
            assert_eq!(list.await.expect(200)["totalResults"], 1);
            of.get(own).await.expect(200);
            of.patch(own, replace("externalId", "x")).await.expect(200);
            let all = of.request(Method::GET, "/?filter=id%20pr").await.expect(200);
            assert_eq!(all["totalResults"], 1, "only its own type is seen");
            of.request(Method::GET, "/Schemas").await.expect(200);
            let delete = |it: &Resource| json!({ "method": "DELETE", "path": it.path() });
            let foreign = if others == "Groups" { &group } else { &user };
            let bulk = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [delete(foreign)],
            });
            let answer = of.request(Method::POST, "/Bulk").json(bulk).await.expect(200);
            assert_eq!(answer["Operations"][0]["status"], "403", "{answer:?}");
        }

        mixed.get(&user).await.expect(200);
        refused(vec![mixed.patch(&user, replace("title", "x")), mixed.delete(&user)]).await;
        mixed.delete(&group).await.expect(204);
        of_users.delete(&user).await.expect(204);
        of_users.create("Users", json!({ "userName": "bob" })).await;
        let events = with(&[Scope::Poll]).await;
        refused(vec![events.request(Method::GET, "/?filter=id%20pr")]).await;
    }

    async fn the_precedence_of_refusals_is_fixed(app: TestApp) {
        // R451
        let acme = app.new_tenant_with(Dialect::Strict).await;
        let (reader, _) = acme.issue(&[Scope::Read], Duration::from_secs(600)).await;
        let reader = acme.with_token(&reader);
        let user = acme.create("Users", barbara()).await;
        let none = user.with_id("0198c2a0-0000-7000-8000-000000000001");
        // Who is asking, then what may be asked, then how, then of what, then whether it holds.
        let unknown = acme.with_token("nobody").put(&none).json(json!([]));
        unknown.await.expect_error(401, None);
        acme.request(Method::PUT, "/Nowhere").json(json!([])).await.expect_error(404, None);
        let wrong_type = acme.put(&none).header(CONTENT_TYPE, "text/plain").json(json!([]));
        wrong_type.await.expect_error(415, None);
        acme.put(&none).if_match("W/\"9\"").json(barbara()).await.expect_error(404, None);
        acme.put(&user).if_match("W/\"9\"").json(barbara()).await.expect_error(412, None);
        let other = acme.create("Users", json!({ "schemas": [USER], "userName": "o" })).await;
        let taken = acme.patch(&other, replace("userName", "bjensen@example.com"));
        taken.if_match("W/\"9\"").await.expect_error(412, None);
        reader.put(&user).json(barbara()).await.expect_error(403, None);
    }
}

/// A token of the tenant that is good from these networks alone.
async fn limited(app: &TestApp, tenant: &TestTenant, networks: &[&str]) -> TestTenant {
    let new = NewToken {
        connection: "directory".to_owned(),
        user: None,
        scopes: vec![Scope::Read, Scope::Poll],
        networks: AllowedNetworks::parse(networks.iter().copied()).unwrap(),
        expires_in: Duration::from_secs(60),
        label: String::new(),
    };
    let issued = app.operator().issue_token(tenant.name(), new).await.unwrap();
    tenant.with_token(issued.token.expose_secret())
}

on_both_databases! {
    async fn a_token_is_good_from_its_networks_alone(app: TestApp) {
        let acme = app.new_tenant().await;
        let near = limited(&app, &acme, &["203.0.113.0/24", "127.0.0.0/8"]).await;
        let far = limited(&app, &acme, &["203.0.113.0/24"]).await;

        near.request(Method::GET, "/Users").await.expect(200);
        // Nobody is a proxy here, so nobody says where a request comes from.
        let claimed = far.request(Method::GET, "/Users").header(FORWARDED, "203.0.113.7").await;
        claimed.expect_error(401, None);
        let unknown = acme.with_token("muster_scim_x").request(Method::GET, "/Users").await;
        assert_eq!(claimed.body, unknown.body, "one answer to all");
        assert_eq!(near.tenant_request(Method::GET, "/fence").await.status, 403);
        assert_eq!(far.tenant_request(Method::GET, "/fence").await.status, 401);
    }
}

on_both_databases! {
    settings { "trusted_proxies": "127.0.0.0/8" };
    async fn a_trusted_proxy_says_where_a_request_comes_from(app: TestApp) {
        let acme = app.new_tenant().await;
        let limited = limited(&app, &acme, &["203.0.113.0/24"]).await;
        for (forwarded, status) in [
            ("203.0.113.7", 200),
            ("192.0.2.1, 203.0.113.7", 200),
            ("203.0.113.7, 127.0.0.9", 200),
            ("203.0.113.7, 192.0.2.1", 401),
            ("203.0.113.7, unknown", 401),
            ("192.0.2.1", 401),
        ] {
            let request = limited.request(Method::GET, "/Users").header(FORWARDED, forwarded);
            assert_eq!(request.await.status, status, "{forwarded}");
        }
        assert_eq!(limited.request(Method::GET, "/Users").await.status, 401);
    }
}
