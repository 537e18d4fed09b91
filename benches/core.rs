//! What the protocol itself costs, without HTTP and without a database; only the
//! lists of `page` come from a database (SQLite), as text that could be sent.
//!
//! `cargo bench --bench core` runs all of them, `cargo bench --bench core --
//! patch` those whose name contains `patch`. The figures are in `RESULTS.md`.

#![expect(clippy::unwrap_used, reason = "a benchmark whose input is wrong must stop")]

use std::{hint::black_box, sync::Arc, time::Duration};

use aws_lc_rs::rsa::{KeyPair, KeySize};
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use muster::{
    clock::Clock,
    event::{EventUri, SetClaims, SigningKey, jti, receive},
    provision::{Access, Limits, Mode, Provisioner, Terms},
    scim::{
        dialect::{Dialect, Leniency},
        filter, json,
        message::{LIST_END, ListHead},
        patch::{self, PatchOp},
        query::{CursorKey, SearchRequest},
        resource::{
            Document, Facts, Preconditions, Projection, ResourceId, Version, render, represent,
            validate,
        },
        schema::{Registry, ResourceType},
    },
    store::{self, Location, MigrateCommand, NewTenantRow, SealedKey, Store, StoreError},
    tenant::{AllowedNetworks, Caller, Scope, TenantLimits},
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use uuid::Uuid;

const SHORT: &str = r#"userName eq "amelia.abbott@contoso-bench.example.com""#;
const ENTRA: &str = r#"emails[type eq "work"].value eq "amelia.abbott@contoso-bench.example.com""#;
const TEN_TERMS: &str = concat!(
    r#"active eq true and userType eq "Employee" and (name.familyName sw "Abb" or "#,
    r#"name.familyName sw "Ber" or displayName co "amelia") and not (title ew "Intern") and "#,
    r#"emails[type eq "work" and value co "@contoso"] and "#,
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Engineering" "#,
    r#"and externalId pr"#,
);

const CREATED_US: i64 = 1_790_000_004_123_456;
const ISSUER: &str = "https://roll.example/t/contoso";
const AUDIENCE: &str = "https://app.example/events";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    filters(&mut criterion);
    bodies(&mut criterion);
    patches(&mut criterion);
    answers(&mut criterion);
    pages(&mut criterion);
    sets(&mut criterion);
    criterion.final_summary();
}

fn filters(criterion: &mut Criterion) {
    let (user, leniency) = user_type();
    let resource = represent(&stored(), &facts(&user), None).unwrap();
    for (name, text) in [("short", SHORT), ("entra", ENTRA), ("ten terms", TEN_TERMS)] {
        let parsed = filter::parse(text, leniency).unwrap();
        let checked = filter::check(&parsed, &user, leniency).unwrap();
        criterion.bench_function(&format!("filter/parse/{name}"), |bencher| {
            bencher.iter(|| filter::parse(black_box(text), leniency));
        });
        criterion.bench_function(&format!("filter/check/{name}"), |bencher| {
            bencher.iter(|| filter::check(black_box(&parsed), &user, leniency));
        });
        // The long one must not stop at its first term, so it has to match.
        assert_eq!(filter::eval(&checked, &resource), name == "ten terms");
        criterion.bench_function(&format!("filter/eval/{name}"), |bencher| {
            bencher.iter(|| filter::eval(black_box(&checked), &resource));
        });
    }
}

fn bodies(criterion: &mut Criterion) {
    let (user, leniency) = user_type();
    let text = body();
    let mut group = criterion.benchmark_group("body");
    group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap()));
    group.bench_function("parse JSON", |bencher| {
        bencher.iter(|| json::parse_object(black_box(text.as_bytes())));
    });
    let parsed = json::parse_object(text.as_bytes()).unwrap();
    group.bench_function("validate", |bencher| {
        let body = || parsed.clone();
        bencher.iter_batched(
            body,
            |body| validate(&user, body, None, leniency),
            BatchSize::SmallInput,
        );
    });
    let document = document();
    group.bench_function("store", |bencher| bencher.iter(|| document.to_json(&user)));
    group.finish();
}

fn patches(criterion: &mut Criterion) {
    let (user, leniency) = user_type();
    let before = document();
    for (name, operations) in [
        ("active", json!([{ "op": "Replace", "path": "active", "value": "False" }])),
        ("usual", usual_operations()),
    ] {
        let body = patch_body(&operations);
        let patch = PatchOp::parse(body.clone(), &user, leniency).unwrap();
        assert_ne!(patch::apply(&user, &before, &patch, leniency).unwrap().document, before);
        criterion.bench_function(&format!("patch/parse/{name}"), |bencher| {
            let body = || body.clone();
            let parse = |body| PatchOp::parse(body, &user, leniency);
            bencher.iter_batched(body, parse, BatchSize::SmallInput);
        });
        criterion.bench_function(&format!("patch/apply/{name}"), |bencher| {
            bencher.iter(|| patch::apply(&user, black_box(&before), &patch, leniency));
        });
        criterion.bench_function(&format!("patch/parse and apply/{name}"), |bencher| {
            let body = || body.clone();
            let both = |body| {
                let patch = PatchOp::parse(body, &user, leniency)?;
                patch::apply(&user, black_box(&before), &patch, leniency)
            };
            bencher.iter_batched(body, both, BatchSize::SmallInput);
        });
    }
}

fn answers(criterion: &mut Criterion) {
    let (user, leniency) = user_type();
    let (stored, facts) = (stored(), facts(&user));
    criterion.bench_function("answer/render", |bencher| {
        bencher.iter(|| {
            let mut text = String::new();
            render(&mut text, black_box(&stored), &facts, None);
            text
        });
    });
    let names = Some("userName,emails.value");
    criterion.bench_function("answer/projection/parse", |bencher| {
        bencher.iter(|| Projection::parse(black_box(names), None, &user, leniency));
    });
    let projection = Projection::parse(names, None, &user, leniency).unwrap();
    criterion.bench_function("answer/projection/project", |bencher| {
        bencher.iter(|| {
            let mut full = represent(black_box(&stored), &facts, None).unwrap();
            projection.apply(&user, &mut full);
            Value::Object(full).to_string()
        });
    });
    criterion.bench_function("answer/list of 100", |bencher| {
        bencher.iter(|| {
            let head = ListHead { total: 10_000, items: 100, ..ListHead::default() };
            let mut text = String::with_capacity(200_000);
            head.begin(&mut text);
            for _ in 0..100 {
                render(&mut text, black_box(&stored), &facts, None);
                text.push(',');
            }
            text.push_str(LIST_END);
            text
        });
    });
}

/// Pages of a SQLite database: from the stored rows to the text of the answer.
fn pages(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_folder, provisioner, access) = runtime.block_on(directory());
    let mut group = criterion.benchmark_group("page");
    for (name, count, sort_by, attributes) in [
        ("100", "100", None, None),
        ("1000", "1000", None, None),
        ("1000 by displayName", "1000", Some("displayName"), None),
        ("1000 of two attributes", "1000", None, Some("userName,emails.value")),
    ] {
        let request = SearchRequest {
            count: Some(count.to_owned()),
            sort_by: sort_by.map(str::to_owned),
            attributes: attributes.map(str::to_owned),
            ..SearchRequest::default()
        };
        let answer = || runtime.block_on(provisioner.query(&access, &request)).unwrap();
        group.throughput(Throughput::Bytes(u64::try_from(answer().len()).unwrap()));
        group.bench_function(name, |bencher| bencher.iter(answer));
    }
    group.finish();
}

/// A tenant with as many users as the largest page has.
async fn directory() -> (TempDir, Provisioner, Access) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("muster.db"));
    store::migrate(&location, MigrateCommand::Up).await.unwrap();
    let limits = Limits {
        max_results: 1_000,
        default_results: 100,
        scan_rows: 10_000,
        scan_time: Duration::from_secs(5),
    };
    let store = Store::open(&location, 1).await.unwrap();
    let row = NewTenantRow {
        parent: None,
        name: "contoso".to_owned(),
        subject_issuer: None,
        created_us: CREATED_US,
        public_jwk: json!({}),
    };
    let sealed = |_| Ok(SealedKey { kid: "contoso-1".to_owned(), sealed: Vec::new() });
    let tenant = store.insert_tenant::<StoreError>(row, sealed).await.unwrap().id;
    let key = Arc::new(CursorKey::new(&[7; 32]).unwrap());
    let provisioner = Provisioner::new(store, Clock::system(), "https://roll.example", limits, key);
    let registry = Registry::shared();
    let resource_type = registry.user();
    let caller = Caller {
        tenant,
        tenant_name: "contoso".into(),
        credential: Uuid::nil(),
        connection: Uuid::nil(),
        subject: None,
        operator: None,
        limits: TenantLimits::default(),
        networks: AllowedNetworks::default(),
        dialect: Dialect::Generic,
        settings: Arc::default(),
        events: Arc::default(),
        registry,
        scopes: Scope::ALL.into(),
        expires_us: i64::MAX,
    };
    let access = Access { caller: Arc::new(caller), resource_type, mode: Mode::Real };
    let terms = Terms {
        projection: Projection::Default,
        projected: false,
        preconditions: Preconditions::default(),
    };
    for number in 0..1_000 {
        let user = body().replace("0000000", &format!("{:07}", 7 * number % 1_000));
        provisioner.create(&access, &Bytes::from(user), &terms).await.unwrap();
    }
    (folder, provisioner, access)
}

fn sets(criterion: &mut Criterion) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = SigningKey::new("contoso-a".to_owned(), pair).unwrap();
    let uri = EventUri::SessionRevoked;
    let sub_id = json!({
        "format": "iss_sub",
        "iss": "https://idp.example/",
        "sub": "00000000-3f1c-4a55-9d0e-000000000000",
    });
    let payload = json!({ "event_timestamp": CREATED_US / 1_000_000 });
    let issued_at = CREATED_US / 1_000_000;
    let claims = || {
        SetClaims {
            issuer: ISSUER,
            audience: AUDIENCE,
            jti: &jti(Uuid::from_u128(1), Uuid::from_u128(2)),
            issued_at,
            txn: "txn-1",
            sub_id: &sub_id,
            uri,
            payload: &payload,
        }
        .to_json()
    };
    criterion.bench_function("set/claims", |bencher| bencher.iter(claims));
    let signed = claims();
    criterion.bench_function("set/sign RS256 2048", |bencher| {
        bencher.iter(|| key.sign(black_box(&signed)));
    });
    let token = key.sign(&signed).unwrap();
    let jwks = json!({ "keys": [key.public_jwk()] });
    let check = || receive::verify(black_box(&token), &jwks, ISSUER, AUDIENCE, issued_at);
    assert_eq!(check(), Ok(signed));
    criterion.bench_function("set/verify RS256 2048", |bencher| bencher.iter(check));
}

fn user_type() -> (Arc<ResourceType>, &'static Leniency) {
    (Registry::builtin().user(), Dialect::Generic.leniency())
}

/// What Entra sends when a person moves to another department and is disabled.
fn usual_operations() -> Value {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    json!([
        { "op": "Replace", "path": "active", "value": "False" },
        { "op": "Replace", "path": "displayName", "value": "Amelia Berg" },
        { "op": "Replace", "path": "name.familyName", "value": "Berg" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "amelia.berg@contoso-bench.example.com" },
        { "op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Legal" },
        { "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "9f3c1b60-1d2e-4c57-8a30-000000000271" },
    ])
}

fn patch_body(operations: &Value) -> Map<String, Value> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    json::parse_object(body.to_string().as_bytes()).unwrap()
}

fn facts(user: &ResourceType) -> Facts<'_> {
    Facts {
        id: ResourceId::new(Uuid::from_u128(0x0199_6f5e_0000_7000_8000_0000_0000_0001)),
        resource_type: &user.name,
        location: "https://roll.example/t/contoso/scim/v2/Users/01996f5e-0000-7000-8000-000000000001",
        version: Version(3),
        created_us: CREATED_US,
        modified_us: CREATED_US,
    }
}

fn document() -> Document {
    let (user, leniency) = user_type();
    let body = json::parse_object(body().as_bytes()).unwrap();
    validate(&user, body, None, leniency).unwrap().document
}

fn stored() -> String {
    document().to_json(&Registry::builtin().user())
}

/// A user as Entra creates it, with the enterprise extension: 1.2 KB.
fn body() -> String {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "externalId": "00000000-3f1c-4a55-9d0e-000000000000",
        "userName": "user0000000.abbott@contoso-bench.example.com",
        "active": true,
        "displayName": "Amelia Abbott",
        "nickName": "Amelia",
        "title": "Senior Engineering Specialist",
        "userType": "Employee",
        "preferredLanguage": "en-US",
        "locale": "en-US",
        "timezone": "Europe/Zurich",
        "name": { "formatted": "Amelia Abbott", "familyName": "Abbott", "givenName": "Amelia" },
        "emails": [
            { "value": "user0000000.abbott@contoso-bench.example.com", "type": "work", "primary": true },
            { "value": "private0@mail.example.net", "type": "home", "primary": false },
        ],
        "phoneNumbers": [
            { "value": "+41 44 555 0000", "type": "work" },
            { "value": "+41 79 555 0000", "type": "mobile" },
        ],
        "addresses": [{
            "type": "work",
            "formatted": "1 Harbour Street, 8000 Zurich",
            "streetAddress": "1 Harbour Street",
            "locality": "Zurich",
            "region": "ZH",
            "postalCode": "8000",
            "country": "CH",
            "primary": true,
        }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "E0000000",
            "department": "Engineering",
            "costCenter": "CC-0000",
            "organization": "Contoso Bench AG",
            "division": "Engineering EMEA",
        },
        "meta": { "resourceType": "User" },
    })
    .to_string()
}
