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

/// The statement reads the index in its order, up to where the page ends. What
/// is sorted is the page itself: after its ids were chosen, or of several types.
async fn check(view: &View, sql: Sql, by: &str, index: &str) {
    let plan = view.all(Sql::new("explain query plan ").append(sql)).await.unwrap();
    let steps: Vec<Step> = plan.iter().map(Step::read).collect();
    let reads: Vec<_> = steps.iter().filter(|step| step.detail.contains(index)).collect();
    assert!(!reads.is_empty(), "{by}: {steps:#?}");
    for read in reads {
        let sorts = |step: &Step| step.of == read.of && step.detail.contains("TEMP B-TREE");
        assert!(!steps.iter().any(sorts), "{by}: {steps:#?}");
    }
}

/// A step of a plan: which step it is a part of, and what it does.
#[derive(Debug)]
struct Step {
    of: i32,
    detail: String,
}

impl Step {
    fn read(row: &QueryResult) -> Self {
        Self { of: row.try_get_by_index(1).unwrap(), detail: row.try_get_by_index(3).unwrap() }
    }
}
