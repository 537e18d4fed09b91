//! The fence: services that check tokens by themselves are told whose to refuse.

use muster::tenant::Scope;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;

use super::*;
use crate::support::PUBLIC_URL;

/// A service that reads the fence.
struct Service {
    app: TestApp,
    url: String,
    token: String,
}

impl Service {
    async fn of(app: &TestApp, tenant: &TestTenant) -> Self {
        let (token, _) = tenant.issue(&[Scope::Fence], Duration::from_secs(600)).await;
        let url = format!("{}/t/{}/fence", app.address(), tenant.name());
        Self { app: app.clone(), url, token }
    }

    async fn send(&self, query: &str, tag: Option<&str>) -> (u16, HeaderMap, Value) {
        let url = format!("{}{query}", self.url);
        let mut request = self.app.http().get(url).bearer_auth(&self.token);
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.unwrap_or_default())
    }

    /// Users and cursor of an answer.
    async fn read(&self, query: &str) -> (Vec<String>, String) {
        let (status, _, body) = self.send(query, None).await;
        assert_eq!(status, 200, "{body}");
        let fences = body["fences"].as_array().unwrap();
        let users = fences.iter().map(|it| it["user"].as_str().unwrap().to_owned()).collect();
        (users, body["cursor"].as_str().unwrap().to_owned())
    }

    async fn since(&self, cursor: &str) -> (Vec<String>, String) {
        self.read(&format!("?wait=0&since={cursor}")).await
    }
}

on_both_databases! {
    async fn a_service_is_told_whose_tokens_to_refuse(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        let (service, other) = (Service::of(&app, &acme).await, Service::of(&app, &globex).await);
        let admin = Admin::new(&app).await;
        let (one, two) = (user(&acme, "one").await, user(&acme, "two").await);
        assert!(service.read("").await.0.is_empty());
        let before = muster::clock::Clock::system().now_seconds();

        acme.patch(&one, replace("active", false)).await.expect(200);

        let (status, headers, body) = service.send("", None).await;
        assert_eq!((status, &body["more"]), (200, &json!(false)));
        let entry = &body["fences"][0];
        assert_eq!(entry["user"], one.id());
        let not_before = entry["not_before"].as_i64().unwrap();
        // A token of this second or before it is refused, one of the next is not.
        let after = muster::clock::Clock::system().now_seconds();
        assert!((before..=after).contains(&not_before), "{entry}");
        assert!(muster::event::fence::is_fenced(before, not_before));
        assert!(!muster::event::fence::is_fenced(after + 1, not_before));
        let issuer = format!("{PUBLIC_URL}/t/{}", acme.name());
        let names = json!([
            { "format": "iss_sub", "iss": issuer, "sub": "x-one" },
            { "format": "email", "email": "one@example.com" },
            { "format": "opaque", "id": one.id() },
        ]);
        assert_eq!(entry["sub_id"], json!({ "format": "aliases", "identifiers": names }));
        assert_eq!(headers["cache-control"], "no-store");
        let tag = headers["etag"].to_str().unwrap();
        let (status, again, nothing) = service.send("", Some(tag)).await;
        assert_eq!((status, nothing), (304, Value::Null));
        assert_eq!(again["etag"], headers["etag"]);

        let cursor = body["cursor"].as_str().unwrap().to_owned();
        assert!(service.since(&cursor).await.0.is_empty());
        acme.patch(&one, replace("active", true)).await.expect(200);
        assert!(service.since(&cursor).await.0.is_empty(), "a new login lifts and adds nothing");
        assert_eq!(service.read("").await.0, [one.id()]);
        admin.revoke(&acme, &two).await;
        let (told, later) = service.since(&cursor).await;
        assert_eq!(told, [two.id()]);
        assert!(service.since(&later).await.0.is_empty());
        assert_eq!(service.read("").await.0, [one.id(), two.id()]);
        assert!(other.read("").await.0.is_empty());

        for query in ["?since=x", "?since=ZTE3eA", "?wait=51", "?wait=-1", "?application=x"] {
            assert_eq!(service.send(query, None).await.0, 400, "{query}");
        }
        // A place of the other kind of database: `e1`, `s1:1:`.
        let foreign = if app.postgres_url().is_some() { "ZTE" } else { "czE6MTo" };
        assert_eq!(service.send(&format!("?since={foreign}"), None).await.0, 400);
        let with = |token: &str| Service { token: token.to_owned(), url: service.url.clone(), app: app.clone() };
        assert_eq!(with(acme.token()).send("", None).await.0, 403, "without the scope");
        assert_eq!(with(&other.token).send("", None).await.0, 401, "of another tenant");
        let post = app.http().post(&service.url).bearer_auth(&service.token).send().await.unwrap();
        assert_eq!((post.status().as_u16(), &post.headers()["allow"]), (405, &"GET, HEAD".parse().unwrap()));
    }

    async fn a_waiting_read_is_woken_by_a_revocation(app: TestApp) {
        let acme = app.new_tenant().await;
        let service = Service::of(&app, &acme).await;
        let admin = Admin::new(&app).await;
        let users = [user(&acme, "a").await, user(&acme, "b").await, user(&acme, "c").await];
        let (_, mut cursor) = service.read("").await;
        let mut times = Vec::new();
        for user in &users {
            let change = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                admin.revoke(&acme, user).await;
                Instant::now()
            };
            let url = format!("?since={cursor}");
            let read = async {
                let told = service.read(&url).await;
                (told, Instant::now())
            };
            let (((told, next), woken), answered) = tokio::join!(read, change);
            assert_eq!(told, [user.id()]);
            times.push(woken.saturating_duration_since(answered));
            cursor = next;
        }
        // The best of some, for a busy machine.
        assert!(times.iter().min() < Some(&Duration::from_millis(100)), "{times:?}");

        let begun = Instant::now();
        assert!(service.read(&format!("?wait=1&since={cursor}")).await.0.is_empty());
        assert!(Duration::from_millis(900) < begun.elapsed(), "it waits as long as it says");
    }

    async fn long_lists_come_in_pages(app: TestApp) {
        let acme = app.new_tenant().await;
        let service = Service::of(&app, &acme).await;
        let admin = Admin::new(&app).await;
        let user = user(&acme, "one").await;
        admin.revoke(&acme, &user).await;
        copy_revocation(&app, 2_499).await;

        let (mut seen, mut pages, mut query) = (0, 0, String::new());
        loop {
            let (_, _, body) = service.send(&query, None).await;
            seen += body["fences"].as_array().unwrap().len();
            pages += 1;
            query = format!("?wait=0&since={}", body["cursor"].as_str().unwrap());
            if body["more"] == false {
                break;
            }
            // What comes between two pages is not missed either.
            if pages == 1 {
                admin.revoke(&acme, &user).await;
            }
        }
        let (late, _) = service.read(&query).await;
        assert_eq!((seen + late.len(), pages), (2_501, 3));
    }
}

/// Writes the one revocation again, so often.
async fn copy_revocation(app: &TestApp, times: u32) {
    let columns =
        "tenant_id, txn, subject_key, event_uri, event_bit, payload, subject, occurred_us";
    let numbers = format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < {times})"
    );
    match app.postgres_url() {
        Some(url) => {
            let copy = format!(
                "{numbers} insert into outbox (event_id, {columns}) select gen_random_uuid(), {columns} from outbox, n where event_bit = 1"
            );
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.unwrap();
        }
        None => {
            let copy = format!(
                "{numbers} insert into outbox (event_id, {columns}) select randomblob(16), {columns} from outbox, n where event_bit = 1"
            );
            let mut connection = sqlx::SqliteConnection::connect(app.database_url()).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_late_is_told_all_the_same() {
    // E2
    crate::support::on(crate::support::Database::Postgres, json!({}), |app| async move {
        let acme = app.new_tenant().await;
        let service = Service::of(&app, &acme).await;
        let admin = Admin::new(&app).await;
        let user = user(&acme, "one").await;
        admin.revoke(&acme, &user).await;
        let (_, cursor) = service.read("").await;
        let mut late = PgConnection::connect(app.postgres_url().unwrap()).await.unwrap();
        let mut transaction = late.begin().await.unwrap();
        let columns = "tenant_id, txn, subject_key, event_uri, event_bit, payload, subject, occurred_us";
        let copy = format!("insert into outbox (event_id, {columns}) select gen_random_uuid(), {columns} from outbox where event_bit = 1");
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut *transaction).await.unwrap();

        admin.revoke(&acme, &user).await;
        let (early, between) = service.since(&cursor).await;
        assert_eq!(early.len(), 1, "nobody waits for a transaction that takes long");
        assert!(service.since(&between).await.0.is_empty());
        transaction.commit().await.unwrap();

        assert_eq!(service.since(&between).await.0.len(), 1, "not missed");
        assert_eq!(service.since(&cursor).await.0.len(), 2);
    })
    .await;
}
