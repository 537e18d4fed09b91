//! A step after those of the schema: keys of user names as RFC 8265 prepares them.
//!
//! Names were folded once, and are prepared now (`scim::text::user_name_key`).
//! Every name whose key differs gets the new one. Where two names of a tenant
//! come to the same key, the older user has it; the other stays, found by id and
//! all else, and can be changed, until somebody renames one of them.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};
use sea_orm_migration::prelude::*;
use tracing::warn;
use uuid::Uuid;

use super::{StoreError, statement::Sql};
use crate::scim::{resource::Document, schema::ResourceType, text::user_name_key};

/// Rows read at a time.
const PAGE: i64 = 500;
/// Stands in no key, because it cannot be seen.
const UNSEEN: char = '\u{2060}';

/// The step.
pub(super) struct UserNameKeys;

impl MigrationName for UserNameKeys {
    fn name(&self) -> &'static str {
        "m20261123_user_name_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for UserNameKeys {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let rekeying = Rekeying { connection, backend: connection.get_database_backend() };
        rekeying.run().await.map_err(|error| DbErr::Custom(error.to_string()))
    }

    /// Keys of either kind are unique, so there is nothing to take back.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}

struct Rekeying<'c, C> {
    connection: &'c C,
    backend: DbBackend,
}

/// A user whose key is to be looked at.
struct User {
    tenant: i64,
    id: Uuid,
    key: String,
    name: String,
}

/// Users that are looked at together.
#[derive(Default)]
struct Page {
    users: Vec<User>,
    after: Option<(i64, Uuid)>,
}

impl User {
    /// None if the row has no name.
    fn read(row: &QueryResult) -> Result<Option<Self>, StoreError> {
        let document: String = row.try_get_by_index(3)?;
        let name = Document::from_json(&document).ok();
        let name = name.as_ref().and_then(Document::user_name).map(str::to_owned);
        let (tenant, id) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let key = row.try_get_by_index(2)?;
        Ok(name.map(|name| Self { tenant, id, key, name }))
    }
}

impl<C: ConnectionTrait> Rekeying<'_, C> {
    async fn run(&self) -> Result<(), StoreError> {
        if self.backend == DbBackend::Postgres {
            // The work crosses tenants, as the operator's does.
            let operator = "select set_config('app.tenant', '0', true)";
            self.connection.execute_unprepared(operator).await?;
        }
        // First out of each other's way, then to their places.
        let mut page = Page::default();
        while self.turn(&mut page, "is not null").await? {
            for user in page.users.iter().filter(|user| user_name_key(&user.name) != user.key) {
                self.set(user, &unseen(user)).await?;
            }
        }
        let mut page = Page::default();
        while self.turn(&mut page, &format!("like '{UNSEEN}%'")).await? {
            for user in &page.users {
                self.place(user).await?;
            }
        }
        Ok(())
    }

    /// Gives the user the key of the name, unless somebody has it.
    async fn place(&self, user: &User) -> Result<(), StoreError> {
        let key = user_name_key(&user.name);
        match self.holder(user.tenant, &key).await? {
            None => self.set(user, &key).await,
            Some(holder) => {
                warn!(
                    tenant.id = user.tenant,
                    resource.id = %user.id,
                    other.id = %holder,
                    "two users have names that look equal; rename one of them"
                );
                self.set(user, &format!("{key}{}", unseen(user))).await
            }
        }
    }

    /// Turns to the next users, oldest first, for whose key `condition` holds;
    /// gives whether there are any.
    async fn turn(&self, page: &mut Page, condition: &str) -> Result<bool, StoreError> {
        let (tenant, id) = page.after.unwrap_or((i64::MIN, Uuid::nil()));
        let sql = Sql::new(
            "select tenant_id, id, unique_key, document from resource
             where (tenant_id, id) > (?, ?) and resource_type = ?",
        )
        .bind(tenant)
        .bind(id)
        .bind(ResourceType::USER)
        .push(&format!(" and unique_key {condition} order by tenant_id, id limit ?"))
        .bind(PAGE);
        let rows = self.connection.query_all_raw(sql.build(self.backend)).await?;
        page.users.clear();
        for row in &rows {
            page.after = Some((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
            page.users.extend(User::read(row)?);
        }
        Ok(!rows.is_empty())
    }

    async fn holder(&self, tenant: i64, key: &str) -> Result<Option<Uuid>, StoreError> {
        let sql = Sql::new("select id from resource where tenant_id = ?")
            .bind(tenant)
            .push(" and resource_type = ?")
            .bind(ResourceType::USER)
            .push(" and unique_key = ?")
            .bind(key);
        let row = self.connection.query_one_raw(sql.build(self.backend)).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    async fn set(&self, user: &User, key: &str) -> Result<(), StoreError> {
        let sql = Sql::new("update resource set unique_key = ?")
            .bind(Value::from(key))
            .push(" where tenant_id = ?")
            .bind(user.tenant)
            .push(" and id = ?")
            .bind(user.id);
        self.connection.execute_raw(sql.build(self.backend)).await?;
        Ok(())
    }
}

/// A key that is the user's alone.
fn unseen(user: &User) -> String {
    format!("{UNSEEN}{}", user.id)
}

#[cfg(test)]
mod tests {
    use super::super::{Location, MigrateCommand, Store, StoreError, migrate, statement::Sql};
    use super::*;
    use crate::tenant::TenantId;

    /// Users as they were stored: name and folded key; and their keys afterwards.
    const USERS: [(&str, &str, Option<&str>); 7] = [
        ("bjensen", "bjensen", Some("bjensen")),
        ("Straße", "strasse", Some("straße")),
        ("ｓｔｒａｓｓｅ", "ｓｔｒａｓｓｅ", Some("strasse")),
        ("ﬁsh", "fish", Some("fish")),
        ("b  c", "b  c", Some("b c")),
        ("bjensen ", "bjensen ", None),
        ("ｂｊｅｎｓｅｎ", "ｂｊｅｎｓｅｎ", None),
    ];

    async fn keys(store: &Store) -> Result<Vec<String>, StoreError> {
        let sql = Sql::new("select unique_key from resource order by id");
        let rows = store.operator().view().await?.all(sql).await?;
        rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
    }

    #[tokio::test]
    async fn stored_names_get_the_new_keys_and_nobody_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("muster.db"));
        migrate(&location, MigrateCommand::Up).await.unwrap();
        let store = Store::open(&location, 1).await.unwrap();
        let rows = (1..).zip(USERS).map(|(number, (name, key, _))| {
            let (id, document) = (Uuid::from_u128(number), serde_json::json!({ "userName": name }));
            vec![
                1_i64.into(),
                id.into(),
                ResourceType::USER.into(),
                1_i64.into(),
                0_i64.into(),
                0_i64.into(),
                key.into(),
                document.to_string().into(),
            ]
        });
        let insert = "insert into resource (tenant_id, id, resource_type, version, created_us,
            modified_us, unique_key, document) values ";
        store.tenant(TenantId::new(1)).run(Sql::new(insert).rows(rows)).await.unwrap();

        for _ in 0..2 {
            migrate(&location, MigrateCommand::Down { steps: 1 }).await.unwrap();
            migrate(&location, MigrateCommand::Up).await.unwrap();

            for ((name, _, expected), key) in USERS.iter().zip(keys(&store).await.unwrap()) {
                match expected {
                    Some(expected) => assert_eq!(key, *expected, "{name}"),
                    None => assert!(key.starts_with("bjensen\u{2060}"), "{name}: {key}"),
                }
            }
        }
    }
}
