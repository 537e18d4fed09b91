//! An operator ends somebody's sessions and leaves the account alone.

use muster::provision::operator::NameKind;

use super::*;

on_both_databases! {
    async fn an_operator_ends_sessions_and_the_account_stays_as_it_is(app: TestApp) {
        let acme = app.new_tenant().await;
        let receiver = SetReceiver::start().await;
        stream(&app, &acme, Some(receiver.url())).await;
        let admin = Admin::new(&app).await;
        let user = user(&acme, "barbara").await;
        let before = acme.events().await.len();

        let path = format!("/users/{}/revoke-sessions?reason=lost%20laptop", user.id());
        let reply = admin.send(Method::POST, &acme, &path).await;

        let location = reply.headers["location"].to_str().unwrap().to_owned();
        let body = reply.expect(202);
        assert_eq!(body["users"], json!([user.id()]));
        assert_eq!(body["receipt"], location);
        assert!(location.ends_with(&format!("/deprovisionings/{}", body["txn"].as_str().unwrap())));
        assert_eq!(acme.events().await[before..], ["session-revoked"]);
        let delivered = receiver.wait_for(1).await[0].claims();
        assert_eq!(delivered["txn"], body["txn"]);
        assert_eq!(delivered["sub_id"]["id"], user.id());
        let event = delivered["events"].as_object().unwrap().values().next().unwrap();
        assert_eq!(event["initiating_entity"], "admin");
        assert_eq!(event["reason_admin"]["en"], "lost laptop");
        let now = acme.get(&user).await.expect(200);
        assert_eq!(now["meta"]["version"], user.etag());

        acme.patch(&user, replace("active", false)).await.expect(200);
        admin.revoke(&acme, &user).await;
        receiver.wait_for(4).await;
    }

    async fn people_are_found_by_every_name_of_their_tenant_alone(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let barbara = user(&acme, "barbara").await;
        let other = user(&globex, "other").await;
        let operator = app.operator();
        let names = [
            (NameKind::Id, barbara.id()),
            (NameKind::UserName, "BARBARA"),
            (NameKind::ExternalId, "x-barbara"),
            (NameKind::Email, "Barbara@example.com"),
        ];
        for name in names {
            let revoked = operator.revoke_sessions(acme.name(), name, None, "test").await.unwrap();
            assert_eq!(revoked.users, [barbara.id()], "{name:?}");
        }
        let nobody = [
            (NameKind::Id, other.id()),
            (NameKind::Id, NO_ID),
            (NameKind::Id, "no-id"),
            (NameKind::UserName, "other"),
            (NameKind::ExternalId, "X-barbara"),
            (NameKind::Email, "other@example.com"),
        ];
        for name in nobody {
            let refused = operator.revoke_sessions(acme.name(), name, None, "test").await;
            assert_eq!(refused.unwrap_err().status(), 404, "{name:?}");
        }
        let long = "x".repeat(201);
        let refused = operator.revoke_sessions(acme.name(), names[0], Some(&long), "test").await;
        assert_eq!(refused.unwrap_err().status(), 400);
        let admin = Admin::new(&app).await;
        let path = format!("/users/{}/revoke-sessions", other.id());
        admin.send(Method::POST, &acme, &path).await.expect(404);
    }
}
