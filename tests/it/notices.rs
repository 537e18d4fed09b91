//! Nothing is dropped in silence: the `Muster-Notice` header and the connection's log.

use std::time::Duration;

use muster::{provision::operator::NoticeRecord, scim::dialect::Dialect};
use reqwest::{
    Method,
    header::{HeaderName, USER_AGENT},
};
use serde_json::{Value, json};

use crate::support::{Answer, Resource, TestApp, TestTenant, replace};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

async fn post(tenant: &TestTenant, endpoint: &str, document: Value) -> Answer {
    tenant.request(Method::POST, endpoint).json(document).await.expect(201)
}

#[track_caller]
fn check(answer: &Answer, notice: Option<&str>) {
    let told = answer.headers.get("muster-notice").map(|value| value.to_str().unwrap());
    assert_eq!(told, notice, "{answer}");
}

/// The connection's log, once it holds as many lines.
async fn log(app: &TestApp, tenant: &TestTenant, lines: usize) -> Vec<NoticeRecord> {
    for _ in 0..500 {
        let told = app.operator().notices(tenant.name(), "directory").await.unwrap();
        if lines <= told.len() {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the log does not get {lines} lines");
}

fn lines(log: &[NoticeRecord]) -> Vec<String> {
    let line = |told: &NoticeRecord| format!("{} {} {}", told.kind, told.detail, told.count);
    let mut lines: Vec<String> = log.iter().map(line).collect();
    lines.sort_unstable();
    lines
}

on_both_databases! {
    async fn what_is_not_taken_is_told(app: TestApp) {
        // R50, R57, Q29, Q32, Q45, Q60, Q66
        let acme = app.new_tenant().await;
        let user = post(&acme, "/Users", json!({
            "schemas": [USER, "urn:scim:schemas:core:1.0"], "userName": "bjensen",
            "shoe": "secret-7", "password": "secret-8", "name": { "nick": "secret-9" },
            "emails": [
                { "value": "a@x.test", "primary": true }, { "value": "b@x.test", "primary": true },
            ],
        })).await;
        check(&user, Some(
            "unknown: name.nick, shoe; notKept: password; schema: urn:scim:schemas:core:1.0; \
             primary: emails",
        ));

        let user = Resource::new("Users", user);
        let answer = acme.patch(&user, replace("emails[value eq \"a@x.test\"].shoe", 1)).await;
        check(&answer.expect(200), Some("unknown: emails.shoe"));
        let answer = acme.patch(&user, replace("shoes[value eq \"secret-6\"].size", 1)).await;
        check(&answer.expect(200), Some("unknown: shoes"));
        let value = json!({ "op": "replace", "value": { "id": user.id(), "title": "Guide" } });
        check(&acme.patch(&user, value).await.expect(200), Some("readOnly: id"));
        let nobody = json!({ "value": "0198c2a0-0000-7000-8000-000000000001" });
        let group = json!({ "displayName": "Guides", "members": [{ "value": user.id() }, nobody] });
        check(&post(&acme, "/Groups", group).await, Some("member: members"));
        check(&acme.patch(&user, replace("shoes[value eq \"secret-5\"].size", 1)).await,
            Some("unknown: shoes"));

        let told = log(&app, &acme, 8).await;
        assert_eq!(lines(&told), [
            "member members 1",
            "notKept password 1",
            "primary emails 1",
            "readOnly id 1",
            "schema urn:scim:schemas:core:1.0 1",
            "unknown emails.shoe 1",
            "unknown name.nick 1",
            "unknown shoe 1",
            "unknown shoes 2",
        ]);
        assert!(!format!("{told:?}").contains("secret"), "values are nobody's business");
    }

    async fn what_the_rfcs_say_to_ignore_is_not_told(app: TestApp) {
        // R63, R70, R192, R317, Q26, Q28
        for dialect in [Dialect::Generic, Dialect::Strict] {
            let acme = app.new_tenant_with(dialect).await;
            let document = json!({
                "schemas": [USER], "userName": "bjensen", "id": "mine", "groups": [],
                "meta": { "resourceType": "User", "version": "7" },
            });
            let user = post(&acme, "/Users", document.clone()).await;
            check(&user, None);
            let user = Resource::new("Users", user);
            check(&acme.put(&user).json(document).await.expect(200), None);
        }
    }

    async fn a_flood_of_notices_stays_small(app: TestApp) {
        // A103
        let acme = app.new_tenant().await;
        for batch in 0..8 {
            let mut document = json!({ "userName": format!("user-{batch}") });
            for number in 0..90 {
                document[format!("x{batch}-{number}")] = json!(1);
            }
            let answer = post(&acme, "/Users", document).await;
            let told = answer.headers["muster-notice"].to_str().unwrap();
            assert!(told.len() <= 512, "{told}");
        }
        let told = log(&app, &acme, 100).await;
        assert!(told.len() <= 501, "{}", told.len());
    }

    async fn another_directory_than_the_one_that_is_set_is_told(app: TestApp) {
        // Q11
        let okta = app.new_tenant_with(Dialect::Okta).await;
        let adscimversion = HeaderName::from_static("adscimversion");
        let get = |tenant: &TestTenant| tenant.request(Method::GET, "/Users");
        get(&okta).header(USER_AGENT, "Okta SCIM Client 1.0.0").await.expect(200);
        get(&okta).header(adscimversion.clone(), "Date:1, ActivityId:2").await.expect(200);
        get(&okta).header(adscimversion.clone(), "Date:1, ActivityId:3").await.expect(200);
        let generic = app.new_tenant().await;
        get(&generic).header(adscimversion, "x").await.expect(200);

        let told = log(&app, &okta, 1).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].kind, "dialect");
        assert_eq!(told[0].detail, "set to okta, entra is calling");
        assert!(log(&app, &generic, 0).await.is_empty());
    }
}
