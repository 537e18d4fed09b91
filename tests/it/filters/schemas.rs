//! Types by chance, stored as they are: what the database selects is what `eval` says.

use muster::{
    clock::Clock,
    scim::resource::{Document, Facts, ResourceId, Version, represent, validate},
    store::{AuditEntry, Change, MemberChanges, ResourceKeys, RowChange, View},
};

use super::*;
use crate::random::{self, Characteristics};

/// Resources of each type.
const ROWS: usize = 25;
/// Filters that each type is asked.
const FILTERS: u32 = 50;

/// A stored resource and how it is shown.
struct Row {
    id: ResourceId,
    shown: serde_json::Map<String, Value>,
}

/// Where the service stores.
fn location(app: &TestApp) -> Location {
    let url = app.database_url();
    match url.strip_prefix("sqlite:") {
        Some(path) => Location::Sqlite(path.into()),
        None => Location::Postgres(url.to_owned()),
    }
}

fn change(id: ResourceId, kind: &ResourceType, document: &Document, at_us: i64) -> Change {
    let keys = ResourceKeys::of(kind, document, false);
    Change {
        resource_type: kind.code,
        id,
        version: Version(1),
        at_us,
        row: RowChange::Insert { document: document.to_json(kind), keys, created_us: 0 },
        members: MemberChanges::default(),
        txn: "test".to_owned(),
        events: Vec::new(),
        audit: AuditEntry::new(id.get(), "test".to_owned(), "things.create"),
    }
}

/// Stores resources of the type.
async fn fill(
    store: &Store,
    tenant: TenantId,
    kind: &ResourceType,
    chance: &mut Chance,
) -> Vec<Row> {
    let (clock, resources) = (Clock::system(), random::resource(kind));
    let mut rows = Vec::new();
    for _ in 0..ROWS {
        let body = chance.draw(&resources).as_object().unwrap().clone();
        let incoming = validate(kind, body.clone(), None, Dialect::Strict.leniency());
        let document = incoming.unwrap_or_else(|error| panic!("{error}: {body:?}")).document;
        let (id, at_us) = (ResourceId::new(clock.new_id()), clock.now_us());
        store.tenant(tenant).apply(change(id, kind, &document, at_us)).await.unwrap();
        let facts = Facts {
            id,
            resource_type: &kind.name,
            location: "https://muster.test",
            created_us: at_us,
            modified_us: at_us,
            version: Version(1),
        };
        rows.push(Row { id, shown: represent(&document.to_json(kind), &facts, None).unwrap() });
    }
    rows
}

/// What differs between the selection of `text` and what `eval` says.
async fn compare(view: &View, kind: &ResourceType, rows: &[Row], text: &str) -> Option<String> {
    let checked = match checked(text, kind) {
        Ok(checked) => checked,
        Err(error) => return Some(error),
    };
    let selection = view.select(kind, Some(&checked), None);
    let selected = view.after(&selection, None, 1000).await.unwrap();
    let selected: BTreeSet<_> = selected.iter().map(|row| row.id.get()).collect();
    let counted = view.count(std::slice::from_ref(&selection)).await.unwrap();
    if counted != u64::try_from(selected.len()).unwrap() {
        return Some(format!("{text}: {counted} are counted, {} selected", selected.len()));
    }
    rows.iter().find_map(|row| {
        let (holds, is_selected) =
            (filter::eval(&checked, &row.shown), selected.contains(&row.id.get()));
        // What the database cannot tell is looked at again.
        let agree = holds == is_selected || (is_selected && !selection.is_exact());
        let shown = Value::Object(row.shown.clone());
        (!agree)
            .then(|| format!("{text}: eval says {holds}, the database {is_selected} of {shown:#}"))
    })
}

on_both_databases! {
    async fn any_schema_is_answered_as_eval_says(app: TestApp) {
        // A32
        let mut chance = Chance::new();
        let store = Store::open(&location(&app), 2).await.unwrap();
        for _ in 0..cases().div_ceil(FILTERS) {
            let tenant = app.new_tenant().await;
            let tenant = store.tenant_named(tenant.name()).await.unwrap().unwrap().id;
            let schemas = chance.draw(&random::schemas(Characteristics::Plain));
            let kind = random::resource_type(&schemas);
            let rows = fill(&store, tenant, &kind, &mut chance).await;
            let shown: Vec<Value> = rows.iter().map(|row| row.shown.clone().into()).collect();
            let filters = random::filters(&kind, &shown);
            let view = store.tenant(tenant).view().await.unwrap();
            for _ in 0..FILTERS {
                let mut tree = filters.new_tree(&mut chance.runner).unwrap();
                let Some(mut said) = compare(&view, &kind, &rows, &tree.current()).await else { continue };
                for _ in 0..300 {
                    let goes_on = match compare(&view, &kind, &rows, &tree.current()).await {
                        Some(least) => {
                            said = least;
                            tree.simplify()
                        }
                        None => tree.complicate(),
                    };
                    if !goes_on {
                        break;
                    }
                }
                panic!("{said}\n{schemas:?}\nrepeat with MUSTER_TEST_FILTER_SEED={}", chance.seed);
            }
        }
    }
}
