//! The token endpoint (RFC 6749) and what a receiver's token opens.

use super::*;

const GRANT: &str = "grant_type=client_credentials";

on_both_databases! {
    async fn a_receiver_gets_a_token_for_its_secret(app: TestApp) {
        let acme = app.new_tenant().await;
        let issued = receiver(&app, &acme, &[Scope::SsfRead, Scope::SsfManage]).await;
        let (id, secret) = (issued.record.client_id.as_str(), issued.client_secret.expose_secret());
        assert!(secret.starts_with("muster_receiver_"));
        let client = Client::of(&app, &acme).await;
        assert_eq!(issued.token_url, format!("{}/oauth/token", client.issuer));

        let answer = client.grant(id, secret, GRANT).await.expect(200);
        assert_eq!(answer.text("token_type"), "Bearer");
        assert_eq!(answer.body["expires_in"], 3600);
        assert_eq!(answer.text("scope"), "ssf.read ssf.manage");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["pragma"], "no-cache");
        let narrow = format!("{GRANT}&scope=ssf.read");
        assert_eq!(client.grant(id, secret, &narrow).await.expect(200).text("scope"), "ssf.read");

        let url = client.local(&issued.token_url);
        let form = format!("{GRANT}&client_id={id}&client_secret={secret}");
        let post = |form: String| {
            let request = app.http().post(&url).body(form);
            answered(request.header("content-type", "application/x-www-form-urlencoded"))
        };
        post(form).await.expect(200);
        let refused = post(GRANT.to_owned()).await.expect(401);
        assert_eq!(refused.text("error"), "invalid_client");
        assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
        for (form, status, error) in [
            ("", 400, "invalid_request"),
            ("grant_type=password", 400, "unsupported_grant_type"),
            ("grant_type=client_credentials&scope=scim.write", 400, "invalid_scope"),
            ("grant_type=client_credentials&scope=ssf.poll", 400, "invalid_scope"),
            ("grant_type=client_credentials&scope=+", 400, "invalid_scope"),
            ("grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
            ("grant_type=client_credentials&client_secret=x", 400, "invalid_request"),
            ("grant_type=client_credentials&client_id=x", 401, "invalid_client"),
        ] {
            let answer = client.grant(id, secret, form).await.expect(status);
            assert_eq!(answer.text("error"), error, "{form}");
            assert!(!answer.text("error_description").is_empty());
        }
        for (id, secret) in [(id, "muster_receiver_wrong"), ("nobody", secret), (acme.name(), secret)] {
            let answer = client.grant(id, secret, GRANT).await.expect(401);
            assert_eq!(answer.text("error"), "invalid_client");
        }
        let huge = format!("{GRANT}&x={}", "y".repeat(100_000));
        let refused = client.grant(id, secret, &huge).await.expect(413);
        assert_eq!(refused.headers["connection"], "close");
        let in_query = app.http().post(format!("{url}?{GRANT}")).basic_auth(id, Some(secret));
        answered(in_query).await.expect(400);
        let get = answered(app.http().get(&url)).await.expect(405);
        assert_eq!(get.headers["allow"], "POST");
        let globex = Client::of(&app, &app.new_tenant().await).await;
        globex.grant(id, secret, GRANT).await.expect(401);
    }

    async fn a_revoked_receiver_has_nothing_left(app: TestApp) {
        let acme = app.new_tenant().await;
        let issued = receiver(&app, &acme, &[Scope::SsfRead, Scope::SsfManage]).await;
        let (id, secret) = (issued.record.client_id.as_str(), issued.client_secret.expose_secret());
        let client = Client::of(&app, &acme).await;
        let answer = client.grant(id, secret, GRANT).await.expect(200);
        let revoked = client.with_token(answer.text("access_token"));
        revoked.create(json!({})).await;

        app.operator().revoke_receiver(acme.name(), issued.record.id).await.unwrap();

        // What is believed without asking the database is believed for a second.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        revoked.get("/stream").await.expect(401);
        client.grant(id, secret, GRANT).await.expect(401);
        let records = app.operator().receivers(acme.name()).await.unwrap();
        let record = records.iter().find(|it| it.id == issued.record.id).unwrap();
        assert_eq!((record.streams, record.revoked_at.is_some()), (0, true));
        assert!(app.operator().tokens(acme.name()).await.unwrap().iter().all(|it| it.connection.is_some()));
        app.operator().revoke_receiver(acme.name(), uuid::Uuid::nil()).await.unwrap_err();
    }
}
