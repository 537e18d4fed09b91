//! Crowds for tests that need more resources than requests can make in their time.

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::support::{Resource, TestApp};

/// Rows of one statement.
const ROWS: usize = 5_000;

/// Copies a resource `count` times in the database; gives the ids of the copies,
/// which have its document and another name.
pub(crate) async fn copies(app: &TestApp, of: &Resource, count: usize) -> Vec<String> {
    // The ids that follow, which nobody else gets.
    let first: Uuid = of.id().parse().unwrap();
    let ids: Vec<Uuid> = (1..=count)
        .map(|n| Uuid::from_u128(first.as_u128() + u128::try_from(n).unwrap()))
        .collect();
    for chunk in ids.chunks(ROWS) {
        let rows: Vec<String> =
            chunk.iter().map(|id| format!("({}, '{id}')", literal(app, *id))).collect();
        let of = literal(app, of.id().parse().unwrap());
        let sql = format!(
            "with copy(id, name) as (values {})
             insert into resource (tenant_id, id, resource_type, version, created_us, modified_us,
                unique_key, external_id, display_key, active, document)
             select r.tenant_id, copy.id, r.resource_type, 1, r.created_us, r.modified_us,
                copy.name, null, r.display_key, r.active, r.document
             from resource r, copy where r.id = {of}",
            rows.join(", ")
        );
        execute(app, sql).await;
    }
    ids.iter().map(Uuid::to_string).collect()
}

/// Puts each of `groups` into the next one.
pub(super) async fn chain(app: &TestApp, groups: &[String]) {
    for chunk in groups.windows(2).collect::<Vec<_>>().chunks(ROWS) {
        let rows: Vec<String> = chunk
            .iter()
            .map(|pair| {
                let [member, group] = [&pair[0], &pair[1]].map(|id| id.parse().unwrap());
                format!("({}, {})", literal(app, group), literal(app, member))
            })
            .collect();
        let sql = format!(
            "with link(group_id, member_id) as (values {})
             insert into membership (tenant_id, group_id, member_id, member_type)
             select r.tenant_id, link.group_id, link.member_id, r.resource_type
             from link join resource r on r.id = link.member_id",
            rows.join(", ")
        );
        execute(app, sql).await;
    }
}

/// Puts resources into a group.
pub(crate) async fn put_into(app: &TestApp, members: &[String], group: &str) {
    let group = literal(app, group.parse().unwrap());
    for chunk in members.chunks(ROWS) {
        let rows: Vec<String> = chunk
            .iter()
            .map(|member| format!("({})", literal(app, member.parse().unwrap())))
            .collect();
        let sql = format!(
            "with link(member_id) as (values {})
             insert into membership (tenant_id, group_id, member_id, member_type)
             select r.tenant_id, {group}, r.id, r.resource_type
             from link join resource r on r.id = link.member_id",
            rows.join(", ")
        );
        execute(app, sql).await;
    }
}

fn literal(app: &TestApp, id: Uuid) -> String {
    match app.postgres_url() {
        Some(_) => format!("cast('{id}' as uuid)"),
        None => format!("X'{}'", id.simple()),
    }
}

async fn execute(app: &TestApp, sql: String) {
    let sql = AssertSqlSafe(sql);
    match app.postgres_url() {
        Some(url) => {
            let mut session = PgConnection::connect(url).await.unwrap();
            sqlx::query(sql).execute(&mut session).await.unwrap();
        }
        None => {
            let mut session = SqliteConnection::connect(app.database_url()).await.unwrap();
            sqlx::query(sql).execute(&mut session).await.unwrap();
        }
    }
}
