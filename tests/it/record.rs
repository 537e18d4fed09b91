//! The record: what it tells, what it leaves out, and that nobody changes it unseen.

use muster::provision::operator::{AuditRecord, VerifiedRecord};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::{Resource, TestApp, TestTenant, replace};

const ACTOR: &str = "operator:test";

async fn record(app: &TestApp, tenant: &TestTenant) -> Vec<AuditRecord> {
    app.operator().audit(tenant.name(), &Default::default()).await.unwrap()
}

async fn verify(app: &TestApp, tenant: &TestTenant) -> VerifiedRecord {
    app.operator().verify_record(tenant.name(), None).await.unwrap()
}

async fn sign(app: &TestApp, tenant: &TestTenant) -> String {
    app.operator().checkpoint(tenant.name()).await.unwrap().unwrap()
}

/// What somebody does who has the database, but not the service's key.
async fn tamper(app: &TestApp, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match app.postgres_url() {
        Some(url) => {
            let mut session = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql("set app.tenant = '0'").execute(&mut session).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut session).await.unwrap();
        }
        None => {
            let mut session = SqliteConnection::connect(app.database_url()).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut session).await.unwrap();
        }
    }
}

async fn people(tenant: &TestTenant, count: usize) -> Vec<Resource> {
    let mut made = Vec::new();
    for number in 0..count {
        made.push(tenant.create("Users", json!({ "userName": format!("u{number}") })).await);
    }
    made
}

on_both_databases! {
    async fn a_change_is_told_with_its_values(app: TestApp) {
        let acme = app.new_tenant().await;
        let ann = json!({
            "userName": "ann",
            "password": "never-told-1",
            "title": "Buyer",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "A" },
        });
        let ann = acme.create("Users", ann).await;
        let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
        acme.patch(&ann, replace(department, "B")).await.expect(200);
        acme.patch(&ann, replace("password", "never-told-2")).await.expect(200);
        acme.patch(&ann, replace("title", "x".repeat(3_000))).await.expect(200);
        let group = json!({ "displayName": "g", "members": [{ "value": ann.id() }] });
        let group = acme.create("Groups", group).await;
        let gone = json!({ "op": "remove", "path": "members" });
        acme.patch(&group, gone).await.expect(200);
        acme.delete(&ann).await.expect(204);

        let all = record(&app, &acme).await;

        let told = |at: usize, path: &str| -> Value {
            let found = all[at].changes.iter().find(|it| it["path"] == path);
            found.cloned().unwrap_or_default()
        };
        assert_eq!(told(0, "title"), json!({ "path": "title", "before": null, "after": "Buyer" }));
        assert_eq!(told(1, department)["before"], "A", "{:?}", all[1]);
        assert_eq!(told(1, department)["after"], "B");
        assert_eq!(all[2].attributes, ["password"]);
        assert!(all[2].changes.is_empty());
        assert_eq!(told(3, "title"), json!({ "path": "title", "left_out": "too long" }));
        assert_eq!(told(5, "members")["removed_count"].as_u64().unwrap_or_default()
            + u64::from(told(5, "members")["cleared"] == true), 1, "{:?}", all[5]);
        let end = all.iter().position(|it| it.action == "delete").unwrap();
        assert_eq!(told(end, "userName")["before"], "ann");
        assert!(!json!(all).to_string().contains("never-told"));
    }

    async fn values_go_with_whom_they_are_about(app: TestApp) {
        let acme = app.new_tenant().await;
        let made = people(&acme, 2).await;
        acme.delete(&made[0]).await.expect(204);
        let kept = sign(&app, &acme).await;
        app.operator().erase_user(acme.name(), made[0].id(), ACTOR).await.unwrap();

        let all = record(&app, &acme).await;

        let of = |id: &str| {
            let path = format!("/Users/{id}");
            all.iter().filter(move |it| it.resource.as_deref() == Some(&path))
        };
        assert!(of(made[0].id()).all(|it| it.changes.is_empty()), "{all:?}");
        assert_eq!(of(made[0].id()).count(), 3);
        assert!(of(made[1].id()).all(|it| !it.changes.is_empty()));
        let checked = app.operator().verify_record(acme.name(), Some(&kept)).await.unwrap();
        assert!(checked.intact, "{checked:?}");
        assert_eq!((checked.entries, checked.checkpoints), (4, 2));
    }

    async fn a_record_that_nobody_touched_is_intact(app: TestApp) {
        let (acme, globex) = (app.new_tenant().await, app.new_tenant().await);
        assert_eq!(app.operator().checkpoint(acme.name()).await.unwrap(), None);
        assert_eq!(verify(&app, &acme).await.entries, 0);
        people(&acme, 30).await;
        people(&globex, 1).await;
        // Others write, and the service itself puts entries into the chain, meanwhile.
        let (checked, _, signed) =
            tokio::join!(verify(&app, &acme), people_of(&acme, 30), sign(&app, &globex));
        assert!(checked.intact, "{checked:?}");
        let checked = verify(&app, &acme).await;
        assert!(checked.intact && checked.entries == 60, "{checked:?}");
        let wrong = app.operator().verify_record(acme.name(), Some(&signed)).await;
        assert!(wrong.unwrap_err().to_string().contains("no checkpoint of"));
        let wrong = app.operator().verify_record(acme.name(), Some("x.y.z")).await;
        assert!(wrong.unwrap_err().to_string().contains("no checkpoint of"));
    }

    async fn what_is_done_to_a_record_is_seen(app: TestApp) {
        for (sql, fault) in [
            ("update audit_entry set actor = 'token:x' where place = 2", "entry 2"),
            ("update audit_entry set changes = '{}' where place = 2", "entry 2"),
            ("update audit_entry set changes_digest = hash where place = 2", "entry 2"),
            ("delete from audit_entry where place = 2", "missing between 1 and 3"),
            ("delete from audit_entry where place = 5", "missing behind 4"),
            ("delete from audit_entry", "missing behind 0"),
            ("delete from audit_entry where place = 5; update audit_chain set place = 4,
                hash = (select hash from audit_entry where place = 4)", "5 was signed"),
            ("update audit_checkpoint set signature = 'x'", "checkpoint at 5"),
            ("update audit_checkpoint set place = 4", "checkpoint at 4"),
        ] {
            let acme = app.new_tenant().await;
            people(&acme, 5).await;
            let kept = sign(&app, &acme).await;
            assert!(verify(&app, &acme).await.intact);
            tamper(&app, sql).await;
            let checked = verify(&app, &acme).await;
            assert!(!checked.intact, "{sql}");
            assert!(checked.faults.iter().any(|it| it.contains(fault)), "{sql}: {checked:?}");
            // Not even who forgets everything that was signed goes unseen.
            tamper(&app, "delete from audit_checkpoint").await;
            let checked = app.operator().verify_record(acme.name(), Some(&kept)).await.unwrap();
            assert!(!checked.intact || sql.contains("audit_checkpoint"), "{sql}");
            app.operator().delete_tenant(acme.name()).await.unwrap();
        }
    }

    /// The whole chain is made anew, as whoever wrote this could; but not what was signed.
    async fn a_record_that_was_exchanged_is_seen(app: TestApp) {
        let acme = app.new_tenant().await;
        people(&acme, 3).await;
        let kept = sign(&app, &acme).await;
        tamper(&app, "update audit_entry set actor = 'token:x', place = null, hash = null;
            delete from audit_chain; delete from audit_checkpoint").await;
        assert!(verify(&app, &acme).await.intact, "this alone cannot be seen");
        let checked = app.operator().verify_record(acme.name(), Some(&kept)).await.unwrap();
        assert_eq!(checked.faults, ["the chain is not what was signed at 3"]);
    }
}

async fn people_of(tenant: &TestTenant, count: usize) {
    for number in 0..count {
        tenant.create("Users", json!({ "userName": format!("more{number}") })).await;
    }
}
