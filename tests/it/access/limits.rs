//! Crowds and caps: what is told of many people, and what is left to the group's own notice.

use std::time::{Duration, Instant};

use super::*;
use crate::groups::crowd;

const MANY: usize = 30_000;
/// What a request that decides about [`MANY`] people may take, on a machine that does other
/// things too.
const BOUND: Duration = Duration::from_secs(15);

on_both_databases! {
    async fn thirty_thousand_people_lose_their_access_at_once(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let people = crowd::copies(&app, &ann, MANY).await;
        let everybody: Vec<Value> = people.iter().map(|id| json!({ "value": id })).collect();
        let staff = group(&acme, "staff", &[]).await;
        application(&app, &acme, "crm", &[&staff]).await;
        let lost = [EventUri::AccountDisabled, EventUri::SessionRevoked];
        app.operator().create_stream(acme.name(), stream(Some("crm"), &lost)).await.unwrap();
        let put = async |what: &str, members: &[Value]| {
            let mut body = put_body("staff", &[]);
            body["members"] = members.into();
            let path = format!("{}?excludedAttributes=members", staff.path());
            let started = Instant::now();
            acme.request(reqwest::Method::PUT, &path).json(body).await.expect(200);
            println!("{what}: {:?}", started.elapsed());
            assert!(started.elapsed() < BOUND, "{what} took {:?}", started.elapsed());
        };

        put("all come", &everybody).await;
        // Access is gained, and nobody wants to hear of that.
        assert_eq!(pending(&app, &acme).await, 0);
        put("one half goes", &everybody[MANY / 2..]).await;
        assert_eq!(pending(&app, &acme).await, i64::try_from(MANY).unwrap());
        put("the rest goes", &[]).await;
        assert_eq!(pending(&app, &acme).await, 2 * i64::try_from(MANY).unwrap());
    }

    async fn of_too_many_people_at_once_nobody_loses_access(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let people = crowd::copies(&app, &ann, 100_001).await;
        let staff = group(&acme, "staff", &[]).await;
        crowd::put_into(&app, &people, staff.id()).await;
        let gate = group(&acme, "gate", &[&staff]).await;
        application(&app, &acme, "crm", &[&gate]).await;
        let lost = [EventUri::SessionRevoked];
        app.operator().create_stream(acme.name(), stream(Some("crm"), &lost)).await.unwrap();

        let refused = acme.patch(&gate, remove(&staff)).await;

        refused.expect_error(400, Some("tooMany"));
        assert!(refused["detail"].as_str().unwrap().contains("100000 people"), "{refused}");
        assert_eq!(acme.get(&gate).await["members"].as_array().unwrap().len(), 1);
        acme.delete(&gate).await.expect_error(400, Some("tooMany"));
        assert_eq!(pending(&app, &acme).await, 0);
    }

    async fn claims_of_a_crowd_are_left_to_the_notice_of_its_group(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let people = crowd::copies(&app, &ann, 1_001).await;
        let members: Vec<Value> = people.iter().map(|id| json!({ "value": id })).collect();
        let staff = group(&acme, "staff", &[]).await;
        let claims = [EventUri::TokenClaimsChange];
        app.operator().create_stream(acme.name(), stream(None, &claims)).await.unwrap();
        let add = |members: &[Value]| json!({ "op": "add", "path": "members", "value": members });

        acme.patch(&staff, add(&members)).await.expect(204);
        assert_eq!(pending(&app, &acme).await, 0);
        acme.patch(&staff, replace("displayName", "crew")).await.expect(204);
        assert_eq!(pending(&app, &acme).await, 0);
        let crew = group(&acme, "few", &[]).await;
        acme.patch(&crew, add(&members[..1_000])).await.expect(200);
        assert_eq!(pending(&app, &acme).await, 1_000);
    }

    async fn a_claim_has_two_hundred_groups_at_most(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let first = group(&acme, "first", &[&ann]).await;
        for number in 0..200 {
            group(&acme, &format!("group {number:03}"), &[&ann]).await;
        }
        let (claims, revoked) = (EventUri::TokenClaimsChange, EventUri::SessionRevoked);
        let mut both = Listener::open(&app, &acme, None, &[claims, revoked]).await;
        let mut alone = Listener::open(&app, &acme, None, &[claims]).await;

        let more = group(&acme, "more", &[&ann]).await;
        both.expect("one more than too many", &[]).await;
        // Fail-safe: tokens with what was lost may not live on unnoticed.
        acme.delete(&more).await.expect(204);
        both.expect("lost one of too many", &[(&ann, REVOKED)]).await;
        assert_eq!(both.payloads[0]["reason_admin"]["en"], "Group more was deleted");
        alone.expect("ends no sessions", &[]).await;
        acme.delete(&first).await.expect(204);
        let told = both.told().await;
        assert_eq!(told[0].groups.as_ref().map(Vec::len), Some(200), "{told:?}");
        assert_eq!(alone.told().await, told);
    }
}

/// Events that wait for the tenant's only stream.
async fn pending(app: &TestApp, tenant: &TestTenant) -> i64 {
    app.operator().streams(tenant.name()).await.unwrap()[0].pending
}
