//! The service, started in this process and reached over HTTP.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use muster::{
    app::App,
    config::Settings,
    provision::operator::{ConnectionChange, NewTenant, Operator},
    scim::dialect::Dialect,
    tenant::Scope,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{client::TestTenant, postgres::PostgresDatabase};

/// What clients are told to use. Nothing listens there: an answer that names
/// another base took it from the request.
pub(crate) const PUBLIC_URL: &str = "https://muster.test";

/// The connection that every tenant has.
pub(super) const CONNECTION: &str = "directory";

const HOUR: Duration = Duration::from_secs(3600);

/// Where the service stores what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file in a folder of the test.
    Sqlite,
    /// A database of its own on the server of [`PostgresDatabase`].
    Postgres,
}

/// A running service. Copies are the same service.
#[derive(Clone)]
pub(crate) struct TestApp(Arc<Running>);

struct Running {
    operator: Operator,
    address: String,
    http: reqwest::Client,
    tenants: AtomicU32,
    shutdown: CancellationToken,
    server: Mutex<JoinSet<()>>,
    database_url: String,
    postgres: Option<PostgresDatabase>,
    // Holds the database and the key until the service has stopped.
    _folder: TempDir,
}

impl TestApp {
    /// Starts the service on an empty database; none if there is no PostgreSQL.
    /// The members of `changes` replace settings.
    pub(crate) async fn start(database: Database, changes: &Value) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (url, postgres) = match database {
            Database::Sqlite => {
                (format!("sqlite:{}", folder.path().join("muster.db").display()), None)
            }
            Database::Postgres => {
                let created = PostgresDatabase::create().await?;
                (created.url().to_owned(), Some(created))
            }
        };
        let app = App::open(settings(&url, folder.path(), changes)).await.unwrap();
        let operator = app.operator.clone();
        let bound = app.listen().await.unwrap();
        let address = format!("http://{}", bound.address());
        let shutdown = CancellationToken::new();
        let mut server = JoinSet::new();
        let stop = shutdown.clone();
        server.spawn(async move {
            bound.serve(stop).await.unwrap();
        });
        Some(Self(Arc::new(Running {
            operator,
            address,
            // An address of this machine is never reached through a proxy.
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(60))
                .build()
                .unwrap(),
            tenants: AtomicU32::new(0),
            shutdown,
            server: Mutex::new(server),
            database_url: url,
            postgres,
            _folder: folder,
        })))
    }

    /// The operator's use cases, as the command line calls them.
    pub(crate) fn operator(&self) -> &Operator {
        &self.0.operator
    }

    /// The address that is listened on, such as `http://127.0.0.1:41234`.
    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// A tenant whose connection has the dialect that is the default.
    pub(crate) async fn new_tenant(&self) -> TestTenant {
        self.new_tenant_with(Dialect::default()).await
    }

    /// A tenant with one connection, which has `dialect`, and a token for it.
    pub(crate) async fn new_tenant_with(&self, dialect: Dialect) -> TestTenant {
        self.new_tenant_set(dialect, json!({})).await
    }

    /// A tenant with one connection, which has `dialect` and `settings`, and a token for it.
    pub(crate) async fn new_tenant_set(&self, dialect: Dialect, settings: Value) -> TestTenant {
        let name = format!("tenant-{}", self.0.tenants.fetch_add(1, Ordering::Relaxed));
        let operator = self.operator();
        let tenant = NewTenant { name: name.clone(), subject_issuer: None, parent: None };
        operator.create_tenant(tenant).await.unwrap();
        let settings = settings.as_object().unwrap().clone();
        let change = ConnectionChange { dialect: Some(dialect), settings };
        operator.create_connection(&name, CONNECTION, change).await.unwrap();
        let tenant = TestTenant::new(self.clone(), name, String::new());
        let (token, _) = tenant.issue(&[Scope::Read, Scope::Write], HOUR).await;
        tenant.with_token(&token)
    }

    /// The URL of its database.
    pub(crate) fn database_url(&self) -> &str {
        &self.0.database_url
    }

    /// The URL of its database for a superuser; none on SQLite.
    pub(crate) fn postgres_url(&self) -> Option<&str> {
        self.0.postgres.as_ref().map(PostgresDatabase::url)
    }

    /// Ends the service as a signal would, and removes its database.
    pub(crate) async fn stop(self) {
        self.0.shutdown.cancel();
        while let Some(ended) = self.0.server.lock().await.join_next().await {
            ended.expect("the service stops without a panic");
        }
        if let Some(postgres) = &self.0.postgres {
            postgres.drop().await;
        }
    }
}

/// Settings for a trial below `folder`, with the members of `changes` in place of its own.
pub(super) fn settings(database_url: &str, folder: &Path, changes: &Value) -> Settings {
    let mut settings = json!({
        "database_url": database_url,
        "database_connections": 4,
        "listen": "127.0.0.1:0",
        "ops_listen": "off",
        "public_url": PUBLIC_URL,
        "secret_key_file": folder.join("muster.key"),
        "allow_http_receivers": true,
    });
    for (name, value) in changes.as_object().unwrap() {
        settings[name] = value.clone();
    }
    serde_json::from_value(settings).unwrap()
}
