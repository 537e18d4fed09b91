//! What an operator sets: applications, their groups, and what they want to know.

use muster::provision::operator::OperatorError;

use super::*;

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, OperatorError>, status: u16, text: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.status(), status, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

on_both_databases! {
    async fn applications_are_made_set_listed_and_deleted(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (staff, admins) = (group(&acme, "staff", &[]).await, group(&acme, "admins", &[]).await);
        let ann = user(&acme, "ann").await;
        let operator = app.operator();

        let made = operator.create_application(acme.name(), "crm", gates(&[&staff])).await.unwrap();
        assert_eq!((made.name.as_str(), made.groups.as_slice()), ("crm", &[staff.id().to_owned()][..]));
        assert!(!made.revoke_on_privilege_loss);
        let again = operator.create_application(acme.name(), "crm", gates(&[])).await;
        refused(again, 409, "application `crm`");
        let change = ApplicationChange { groups: None, revoke_on_privilege_loss: Some(true) };
        let set = operator.change_application(acme.name(), "crm", change).await.unwrap();
        assert!(set.revoke_on_privilege_loss);
        assert_eq!(set.groups, [staff.id()]);
        let set = operator.change_application(acme.name(), "crm", gates(&[&admins])).await.unwrap();
        assert!(set.revoke_on_privilege_loss, "stays");
        assert_eq!(set.groups, [admins.id()]);
        let listed = operator.applications(acme.name()).await.unwrap();
        assert_eq!(listed.len(), 1);

        let no_group = operator.create_application(acme.name(), "wiki", gates(&[&ann])).await;
        refused(no_group, 400, ann.id());
        let foreign = operator.create_application(globex.name(), "crm", gates(&[&staff])).await;
        refused(foreign, 400, staff.id());
        let bad = ApplicationChange { groups: Some(vec!["staff".to_owned()]), ..Default::default() };
        refused(operator.create_application(acme.name(), "wiki", bad).await, 400, "ids of groups");
        refused(operator.create_application(acme.name(), "A B", gates(&[])).await, 400, "name");
        // Another tenant's application is as unknown as any.
        refused(operator.change_application(globex.name(), "crm", gates(&[])).await, 404, "crm");
        refused(operator.delete_application(globex.name(), "crm").await, 404, "crm");
        let foreign = operator.create_stream(globex.name(), stream(Some("crm"), &ALL)).await;
        refused(foreign, 404, "application `crm`");

        let receiver = operator.create_stream(acme.name(), stream(Some("crm"), &ALL)).await.unwrap();
        assert_eq!(receiver.application.as_deref(), Some("crm"));
        refused(operator.delete_application(acme.name(), "crm").await, 409, "receivers");
        operator.delete_stream(acme.name(), receiver.id).await.unwrap();
        operator.delete_application(acme.name(), "crm").await.unwrap();
        assert!(operator.applications(acme.name()).await.unwrap().is_empty());
        acme.delete(&admins).await.expect(204);
    }

    async fn other_groups_for_an_application_are_told_to_people(app: TestApp) {
        let acme = app.new_tenant().await;
        let (ann, bob) = (user(&acme, "ann").await, user(&acme, "bob").await);
        let (staff, admins) =
            (group(&acme, "staff", &[&ann, &bob]).await, group(&acme, "admins", &[&ann]).await);
        application(&app, &acme, "crm", &[]).await;
        application(&app, &acme, "wiki", &[&staff]).await;
        let mut crm = Listener::open(&app, &acme, Some("crm"), &ACCESS).await;
        let mut claims =
            Listener::open(&app, &acme, Some("crm"), &[EventUri::TokenClaimsChange]).await;
        let mut wiki = Listener::open(&app, &acme, Some("wiki"), &ALL).await;
        let set = async |groups: &[&Resource]| {
            app.operator().change_application(acme.name(), "crm", gates(groups)).await.unwrap();
        };

        set(&[&staff]).await;
        crm.expect("the first", &[(&ann, ADDED), (&bob, ADDED)]).await;
        claims.expect("the first", &[(&ann, CLAIMS), (&bob, CLAIMS)]).await;
        set(&[&admins]).await;
        crm.expect("another", &[(&bob, DISABLED), (&bob, REVOKED), (&bob, REMOVED)]).await;
        claims.expect_claims("another", &ann, &["admins"]).await;
        set(&[]).await;
        crm.expect("none", &[(&ann, DISABLED), (&ann, REVOKED), (&ann, REMOVED)]).await;
        claims.expect("none", &[]).await;
        wiki.expect("not concerned", &[]).await;
    }

    async fn a_lost_privilege_ends_sessions_where_that_is_wanted(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let team = group(&acme, "team", &[&ann]).await;
        let (staff, admins) =
            (group(&acme, "staff", &[&ann, &team]).await, group(&acme, "admins", &[&ann]).await);
        application(&app, &acme, "crm", &[&staff, &admins]).await;
        application(&app, &acme, "wiki", &[&staff, &admins]).await;
        let wanted = ApplicationChange { groups: None, revoke_on_privilege_loss: Some(true) };
        app.operator().change_application(acme.name(), "crm", wanted).await.unwrap();
        let mut crm = Listener::open(&app, &acme, Some("crm"), &ACCESS).await;
        let mut wiki = Listener::open(&app, &acme, Some("wiki"), &ACCESS).await;

        acme.patch(&staff, remove(&ann)).await.expect(200);
        crm.expect("is in staff through the team", &[]).await;
        acme.patch(&admins, remove(&ann)).await.expect(200);
        crm.expect("is no admin any more", &[(&ann, REVOKED)]).await;
        wiki.expect("does not want to know", &[]).await;
    }

    async fn tenants_without_applications_write_nothing_more(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = user(&acme, "ann").await;
        let staff = group(&acme, "staff", &[&ann]).await;
        application(&app, &acme, "crm", &[&staff]).await;
        let _all = Listener::open(&app, &acme, None, &ACCESS).await;
        let before = acme.events().await.len();

        acme.patch(&staff, remove(&ann)).await.expect(200);

        // No receiver belongs to the application, so that nobody would hear.
        assert_eq!(acme.events().await[before..], ["prov:patch:notice"]);
    }
}
