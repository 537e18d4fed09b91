//! `userName`: who has a name, under which spellings, and which names can be had
//! (RFC 7644 §5, RFC 8265).

use muster::scim::dialect::Dialect;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, TestApp, TestTenant, replace};

async fn post(tenant: &TestTenant, name: &str) -> Answer {
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
    let user = json!({ "schemas": schemas, "userName": name });
    tenant.request(Method::POST, "/Users").json(user).await
}

/// A name, and another that is the same person's.
const ALIKE: [(&str, &str); 8] = [
    ("bjensen@example.com", "BJensen@Example.COM"),
    ("kim", "ｋｉｍ"),
    ("amélie", "AME\u{301}LIE"),
    ("office", "oﬃce"),
    ("σίσυφος", "ΣΊΣΥΦΟΣ"),
    ("trailing", "trailing "),
    ("joined", "joi\u{200d}ned"),
    ("barbara jensen", "Barbara  Jensen"),
];

on_both_databases! {
    async fn names_that_look_equal_are_one(app: TestApp) {
        // A25, R83, R84, R477, Q13
        let acme = app.new_tenant().await;
        for (name, alike) in ALIKE {
            let first = post(&acme, name).await.expect(201);
            post(&acme, alike).await.expect_error(409, Some("uniqueness"));

            for op in ["eq", "ge", "le", "co", "sw", "ew"] {
                // Spaces at the ends of a part count.
                let part = if matches!(op, "co" | "sw" | "ew") { alike.trim() } else { alike };
                let found = acme.list("Users", &format!("userName {op} \"{part}\"")).await;
                let ids = found.expect(200)["Resources"].as_array().unwrap().clone();
                assert!(ids.iter().any(|user| user["id"] == first["id"]), "{op} {alike}");
            }
            let others = acme.list("Users", &format!("userName ne \"{alike}\"")).await.expect(200);
            let others = others["Resources"].as_array().unwrap().clone();
            assert!(others.iter().all(|user| user["id"] != first["id"]), "ne {alike}");
        }
        let shown = acme.list("Users", "userName eq \"AME\u{301}LIE\"").await;
        assert_eq!(shown["Resources"][0]["userName"], "amélie", "R37, Q80: shown as it was sent");
    }

    async fn letters_that_differ_make_two_people(app: TestApp) {
        // A26, A27
        let acme = app.new_tenant().await;
        for name in ["fussball", "fußball", "irmak", "ırmak", "admin", "аdmin", "i\u{307}x", "ix"] {
            post(&acme, name).await.expect(201);
        }
        for (name, found) in [("FUẞBALL", "fußball"), ("FUSSBALL", "fussball"), ("İX", "i\u{307}x")] {
            let list = acme.list("Users", &format!("userName eq \"{name}\"")).await.expect(200);
            assert_eq!(list["totalResults"], 1, "{name}");
            assert_eq!(list["Resources"][0]["userName"], found);
        }
    }

    async fn strict_takes_only_names_that_precis_takes(app: TestApp) {
        // A25, R84, R477
        let (strict, tolerant) =
            (app.new_tenant_with(Dialect::Strict).await, app.new_tenant().await);
        for (name, rule) in [
            ("barbara jensen", "U+0020 at place 8"),
            ("bjensen ", "U+0020 at place 8"),
            ("bjen\u{200d}sen", "RFC 8264"),
            ("oﬃce", "U+FB03 at place 2"),
        ] {
            let refused = post(&strict, name).await;
            refused.expect_error(400, Some("invalidValue"));
            let detail = refused["detail"].as_str().unwrap();
            assert!(detail.contains("userName") && detail.contains(rule), "{detail}");
            post(&tolerant, name).await;
        }
        for tenant in [&strict, &tolerant] {
            for name in ["bjen\u{7}sen", "bjensen\n", "\u{200d}", " "] {
                post(tenant, name).await.expect_error(400, Some("invalidValue"));
            }
        }
    }

    async fn a_long_name_is_refused_and_never_cut(app: TestApp) {
        // A30
        let acme = app.new_tenant().await;
        let longest = "x".repeat(1024);
        post(&acme, &longest).await.expect(201);
        for name in [format!("{longest}y"), "é".repeat(513), "ﷺ".repeat(40)] {
            post(&acme, &name).await.expect_error(400, Some("invalidValue"));
        }
        let list = acme.request(Method::GET, "/Users").await;
        assert_eq!(list["totalResults"], 1);
    }

    async fn a_name_that_strict_would_refuse_can_stay(app: TestApp) {
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "barbara jensen" })).await;
        let change = Dialect::Strict.into();
        app.operator().change_connection(acme.name(), "directory", change).await.unwrap();
        for _ in 0..300 {
            if post(&acme, "no good").await.status == 400 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }

        acme.patch(&user, replace("active", false)).await.expect(200);
        let renamed = acme.patch(&user, replace("userName", "barbara  jensen")).await;
        renamed.expect_error(400, Some("invalidValue"));
    }
}
