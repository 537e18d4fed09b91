//! Groups gain and lose members, groups among them, and are deleted.

use super::*;
use crate::support::SetReceiver;

on_both_databases! {
    async fn only_the_last_group_ends_sessions_and_only_there(app: TestApp) {
        // E8
        let acme = app.new_tenant().await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        let admins = group(&acme, "crm-admins", &[&ann, &bob]).await;
        let staff = group(&acme, "staff", &[&ann, &bob]).await;
        application(&app, &acme, "crm", &[&admins, &staff]).await;
        application(&app, &acme, "wiki", &[&staff]).await;
        let receiver = SetReceiver::start().await;
        let pushed = NewStream {
            push_url: Some(receiver.url().to_owned()),
            ..stream(Some("crm"), &[EventUri::SessionRevoked])
        };
        app.operator().create_stream(acme.name(), pushed).await.unwrap();
        let mut crm = Listener::open(&app, &acme, Some("crm"), &ACCESS).await;
        let mut wiki = Listener::open(&app, &acme, Some("wiki"), &ACCESS).await;
        let mut all = Listener::open(&app, &acme, None, &ACCESS).await;
        let before = acme.events().await.len();

        acme.patch(&admins, remove(&ann)).await.expect(200);

        crm.expect("one of two groups", &[]).await;
        assert_eq!(acme.events().await[before..], ["prov:patch:notice"]);

        acme.patch(&staff, remove(&ann)).await.expect(200);

        let lost = [(&ann, DISABLED), (&ann, REVOKED), (&ann, REMOVED)];
        crm.expect("the last group", &lost).await;
        wiki.expect("its only group", &lost).await;
        all.expect("stays enabled elsewhere", &[]).await;
        let pushed = receiver.wait_for(1).await;
        assert_eq!(pushed[0].claims()["sub_id"]["id"], ann.id());
        let user = acme.get(&ann).await.expect(200);
        assert_ne!(user["active"], false);

        acme.patch(&admins, add(&[&ann])).await.expect(200);

        crm.expect("the first group", &[(&ann, ADDED)]).await;
        wiki.expect("no group of it", &[]).await;
        acme.patch(&staff, add(&[&ann])).await.expect(200);
        crm.expect("the second group", &[]).await;
        wiki.expect("its group", &[(&ann, ADDED)]).await;
        all.expect("nothing at all", &[]).await;
    }

    async fn the_events_say_why_and_belong_to_the_change(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let finance = group(&acme, "finance-admins", &[&ann]).await;
        application(&app, &acme, "crm", &[&finance]).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &[EventUri::SessionRevoked]).await;

        acme.patch(&finance, remove(&ann)).await.expect(200);

        crm.expect("removed", &[(&ann, REVOKED)]).await;
        let payload = &crm.payloads[0];
        assert_eq!(payload["reason_admin"]["en"], "Removed from group finance-admins");
        assert_eq!(payload["initiating_entity"], "admin");
        assert!(payload["event_timestamp"].is_i64(), "{payload}");
        // What nobody hears is not written.
        let events = app.operator().events(Some(acme.name()), 0, 100).await.unwrap();
        let [.., notice, revoked] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(notice.event, EventUri::ProvPatchNotice);
        assert_eq!(revoked.event, EventUri::SessionRevoked);
        assert_eq!(notice.txn, revoked.txn);
        assert_eq!(revoked.resource, format!("/Users/{}", ann.id()));
    }

    async fn a_put_and_a_deletion_tell_each_person(app: TestApp) {
        let acme = app.new_tenant().await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        let (cid, dee) = (user(&acme, "cid").await, user(&acme, "dee").await);
        let staff = group(&acme, "staff", &[&ann, &bob, &cid]).await;
        let guests = group(&acme, "guests", &[&cid]).await;
        application(&app, &acme, "crm", &[&staff, &guests]).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &ACCESS).await;

        acme.put(&staff).json(put_body("staff", &[&bob, &dee])).await.expect(200);

        let of_put = [(&ann, DISABLED), (&ann, REVOKED), (&ann, REMOVED), (&dee, ADDED)];
        crm.expect("put: cid is a guest still", &of_put).await;

        acme.patch(&dee, replace("active", false)).await.expect(200);
        crm.expect("deactivated everywhere", &[(&dee, DISABLED), (&dee, REVOKED)]).await;
        acme.delete(&staff).await.expect(204);

        let lost = [(&bob, DISABLED), (&bob, REVOKED), (&bob, REMOVED), (&dee, REMOVED)];
        crm.expect("deleted: dee has no session", &lost).await;
        let groups = &app.operator().applications(acme.name()).await.unwrap()[0].groups;
        assert_eq!(groups, &[guests.id().to_owned()], "a deleted group is no gate");

        let everybody = json!({ "op": "remove", "path": "members" });
        acme.patch(&guests, everybody).await.expect(200);
        let lost = [(&cid, DISABLED), (&cid, REVOKED), (&cid, REMOVED)];
        crm.expect("nobody is left", &lost).await;
    }

    async fn groups_in_groups_count(app: TestApp) {
        // E9
        let acme = app.new_tenant().await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        let team = group(&acme, "team", &[&ann, &bob]).await;
        let unit = group(&acme, "unit", &[&team]).await;
        let other = group(&acme, "other", &[&bob]).await;
        let gate = group(&acme, "gate", &[&unit, &other]).await;
        application(&app, &acme, "crm", &[&gate]).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &ACCESS).await;
        let lost = [(&ann, DISABLED), (&ann, REVOKED), (&ann, REMOVED)];

        acme.patch(&unit, remove(&team)).await.expect(200);
        crm.expect("a group leaves a group in the gate", &lost).await;
        acme.patch(&unit, add(&[&team])).await.expect(200);
        crm.expect("and comes back", &[(&ann, ADDED)]).await;
        acme.patch(&team, remove(&bob)).await.expect(200);
        crm.expect("bob has another way", &[]).await;
        acme.delete(&unit).await.expect(204);
        crm.expect("a group in the gate is deleted", &lost).await;
        // A circle: the gate is in the team, and the team in the gate.
        acme.patch(&team, add(&[&gate])).await.expect(200);
        acme.patch(&gate, add(&[&team])).await.expect(200);
        crm.expect("the team is let in", &[(&ann, ADDED)]).await;
        acme.patch(&gate, remove(&team)).await.expect(200);
        crm.expect("and out", &lost).await;
    }

    async fn a_deleted_user_is_told_of_once(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let staff = group(&acme, "staff", &[&ann]).await;
        application(&app, &acme, "crm", &[&staff]).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &ALL).await;

        acme.delete(&ann).await.expect(204);

        // RFC 9967 §2.4.4: no `feed:remove` beside `prov:delete`.
        crm.expect("deleted", &[(&ann, DISABLED), (&ann, REVOKED)]).await;
    }

    async fn claims_name_the_groups_as_they_are(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let staff = group(&acme, "staff", &[]).await;
        let unit = group(&acme, "unit", &[&staff]).await;
        let admins = group(&acme, "admins", &[&ann]).await;
        application(&app, &acme, "crm", &[&admins, &unit]).await;
        application(&app, &acme, "wiki", &[&admins]).await;
        let claims = [EventUri::TokenClaimsChange];
        let mut all = Listener::open(&app, &acme, None, &claims).await;
        let by_id = NewStream { group_claim: GroupClaim::Id, ..stream(None, &claims) };
        let mut by_id = Listener::on(&app, &acme, by_id).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &claims).await;
        let mut wiki = Listener::open(&app, &acme, Some("wiki"), &claims).await;

        acme.patch(&staff, add(&[&ann])).await.expect(200);
        all.expect_claims("all groups", &ann, &["admins", "staff", "unit"]).await;
        let mut ids = [admins.id(), staff.id(), unit.id()];
        ids.sort_unstable();
        by_id.expect_claims("their ids", &ann, &ids).await;
        crm.expect_claims("those of the application", &ann, &["admins", "unit"]).await;
        wiki.expect("none of its groups", &[]).await;

        acme.patch(&staff, replace("displayName", "crew")).await.expect(200);
        all.expect_claims("renamed", &ann, &["admins", "crew", "unit"]).await;
        assert_eq!(
            all.payloads[0]["reason_admin"]["en"], "Group staff was renamed to crew"
        );
        by_id.expect("has the same id", &[]).await;
        crm.expect("is no group of it", &[]).await;

        acme.patch(&admins, remove(&ann)).await.expect(200);
        all.expect_claims("left", &ann, &["crew", "unit"]).await;
        assert_eq!(all.payloads[0]["reason_admin"]["en"], "Removed from group admins");
        crm.expect_claims("left one of two", &ann, &["unit"]).await;
        wiki.expect("no access, no claims", &[]).await;

        let night = group(&acme, "night", &[&ann]).await;
        all.expect_claims("a new group", &ann, &["crew", "night", "unit"]).await;
        acme.delete(&night).await.expect(204);
        all.expect_claims("a group less", &ann, &["crew", "unit"]).await;
        acme.patch(&unit, add(&[&ann])).await.expect(200);
        all.expect("in it already, through another", &[]).await;
    }
}
