//! People who may log in again, where they are let in.

use super::*;

const ENABLED: &str = "account-enabled";
const STATES: [EventUri; 3] =
    [EventUri::AccountDisabled, EventUri::AccountEnabled, EventUri::SessionRevoked];

on_both_databases! {
    async fn who_lost_the_last_group_meanwhile_is_not_let_in_again(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let (staff, sales) =
            (group(&acme, "staff", &[&ann]).await, group(&acme, "sales", &[&ann]).await);
        let team = group(&acme, "team", &[&staff]).await;
        application(&app, &acme, "crm", &[&team]).await;
        application(&app, &acme, "wiki", &[&sales]).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &STATES).await;
        let mut wiki = Listener::open(&app, &acme, Some("wiki"), &STATES).await;
        let mut all = Listener::open(&app, &acme, None, &STATES).await;
        let ended = [(&ann, DISABLED), (&ann, REVOKED)];

        acme.patch(&ann, replace("active", false)).await.expect(200);
        for listener in [&mut crm, &mut wiki, &mut all] {
            listener.expect("inactive", &ended).await;
        }
        acme.patch(&staff, remove(&ann)).await.expect(200);
        crm.expect("ended before", &[]).await;
        acme.patch(&ann, replace("active", true)).await.expect(200);
        crm.expect("not let in", &[]).await;
        wiki.expect("let in", &[(&ann, ENABLED)]).await;
        all.expect("for all", &[(&ann, ENABLED)]).await;

        acme.patch(&staff, add(&[&ann])).await.expect(200);
        crm.expect("let in again", &[(&ann, ENABLED)]).await;
        acme.patch(&staff, remove(&ann)).await.expect(200);
        crm.expect("lost", &ended).await;
        acme.patch(&ann, replace("active", false)).await.expect(200);
        crm.expect("everywhere", &ended).await;
        acme.patch(&staff, add(&[&ann])).await.expect(200);
        crm.expect("not active", &[]).await;
        acme.patch(&ann, replace("active", true)).await.expect(200);
        crm.expect("active, and in a group", &[(&ann, ENABLED)]).await;

        acme.patch(&ann, replace("active", false)).await.expect(200);
        crm.expect("once more", &ended).await;
        acme.delete(&team).await.expect(204);
        acme.patch(&ann, replace("active", true)).await.expect(200);
        crm.expect("no group lets anybody in", &[]).await;
    }

    async fn of_a_return_and_a_removal_at_once_the_removal_stands(app: TestApp) {
        let acme = app.new_tenant().await;
        for round in 0..10 {
            let ann = user(&acme, &format!("ann{round}")).await;
            let staff = group(&acme, &format!("staff{round}"), &[&ann]).await;
            let name = format!("crm{round}");
            application(&app, &acme, &name, &[&staff]).await;
            acme.patch(&ann, replace("active", false)).await.expect(200);
            let mut crm = Listener::open(&app, &acme, Some(&name), &STATES).await;

            let (returns, leaves) = (acme.patch(&ann, replace("active", true)), acme.patch(&staff, remove(&ann)));
            let (returned, left) = tokio::join!(returns.send(), leaves.send());
            returned.expect(200);
            left.expect(200);

            let told: Vec<String> = crm.told().await.into_iter().map(|told| told.event).collect();
            let (before, after): (&[&str], &[&str]) = (&[], &[DISABLED, ENABLED, REVOKED]);
            assert!(told == before || told == after, "{told:?}");
        }
    }
}
