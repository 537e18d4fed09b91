//! Every order that a column has is the order of an index.

use sea_orm::DbBackend;
use uuid::Uuid;

use super::*;
use crate::{
    scim::{
        dialect::Dialect,
        query::{Sort, SortKey},
        schema::Registry,
    },
    store::{Location, MigrateCommand, Store, migrate},
    tenant::TenantId,
};

/// What is sorted by, a value of it, and the index that has its order.
fn orders() -> [(&'static str, Option<SortKey>, &'static str); 8] {
    let text = || Some(SortKey::Text("m".to_owned()));
    [
        ("", None, "resource_list"),
        ("id", None, "resource_list"),
        ("userName", text(), "resource_unique_key"),
        ("displayName", text(), "resource_display_key"),
        ("externalId", text(), "resource_external_id"),
        ("active", Some(SortKey::Boolean(true)), "resource_active"),
        ("meta.created", Some(SortKey::Integer(1)), "resource_created"),
        ("meta.lastModified", Some(SortKey::Integer(1)), "resource_modified"),
    ]
}

#[tokio::test]
async fn no_page_is_sorted_by_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("muster.db"));
    migrate(&location, MigrateCommand::Up).await.unwrap();
    let store = Store::open(&location, 1).await.unwrap();
    let view = store.tenant(TenantId::new(1)).view().await.unwrap();
    assert_eq!(view.backend, DbBackend::Sqlite);
    let types = [Registry::builtin().user(), Registry::builtin().group()];

    for (by, key, index) in orders() {
        let sort = Sort::parse(Some(by), None, &types, Dialect::Strict.leniency()).unwrap();
        let select = |part: usize| view.select(&types[part], None, sort.by[part].as_ref());
        let (user, both) = (select(0), [select(0), select(1)]);
        assert!(user.is_ordered(), "{by}");
        let at = Position { key: key.clone(), id: ResourceId::new(Uuid::from_u128(1)) };
        let phase = Phase::at(&at);
        for descending in [false, true] {
            for start in [Start::Offset(0), Start::Offset(10), Start::After(&at)] {
                let slice = Slice { phase, descending, start, limit: 10 };
                check(&view, view.one_type(&user, slice), by, index).await;
                check(&view, union(&both, slice).unwrap().0, by, index).await;
            }
        }
    }
}

/// The statement reads the index in its order. A tie of a unique key is between
/// two types at most, so sorting those by id is nothing.
async fn check(view: &View, sql: Sql, by: &str, index: &str) {
    let plan = view.all(Sql::new("explain query plan ").append(sql)).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.try_get_by_index(3).unwrap()).collect();
    let sorts = |line: &&String| line.ends_with("TEMP B-TREE FOR ORDER BY");
    // The outer statement sorts the page that the inner one chose.
    let chosen = plan.iter().any(|line| line.contains("LIST SUBQUERY"));
    assert!(chosen || !plan.iter().any(|line| sorts(&line)), "{by}: {plan:#?}");
    assert!(plan.iter().any(|line| line.contains(index)), "{by}: {plan:#?}");
}
