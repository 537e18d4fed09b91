//! The service as a process of its own, for tests that kill it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use muster::{
    app::App,
    provision::operator::{NewTenant, NewToken, Operator},
    scim::dialect::Dialect,
    tenant::Scope,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tempfile::TempDir;

use super::{
    app::{CONNECTION, Database, PUBLIC_URL, settings},
    postgres::PostgresDatabase,
};

/// For a start with all migrations on a busy machine.
const START: Duration = Duration::from_secs(60);

/// What survives the process: database, key, log.
pub(crate) struct Home {
    folder: TempDir,
    url: String,
    postgres: Option<PostgresDatabase>,
}

impl Home {
    /// An empty home; none if there is no PostgreSQL.
    pub(crate) async fn new(database: Database) -> Option<Self> {
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
        Some(Self { folder, url, postgres })
    }

    /// The operator's use cases, beside whatever process serves.
    pub(crate) async fn operator(&self) -> Operator {
        let settings = settings(&self.url, self.folder.path(), &json!({}));
        App::open(settings).await.unwrap().operator
    }

    /// Makes the tenant `acme` with a connection, and gives a token for it.
    pub(crate) async fn make_acme(&self) -> String {
        let operator = self.operator().await;
        let tenant = NewTenant { name: "acme".to_owned(), subject_issuer: None, parent: None };
        operator.create_tenant(tenant).await.unwrap();
        operator.create_connection("acme", CONNECTION, Dialect::default()).await.unwrap();
        let token = NewToken {
            connection: CONNECTION.to_owned(),
            user: None,
            scopes: vec![Scope::Read, Scope::Write],
            networks: Default::default(),
            expires_in: Duration::from_secs(3600),
            label: "test".to_owned(),
        };
        let issued = operator.issue_token("acme", token).await.unwrap();
        issued.token.expose_secret().to_owned()
    }

    /// Everything that the database holds: the bytes of its files, or its rows as text.
    pub(crate) async fn contents(&self) -> Vec<u8> {
        let mut contents = Vec::new();
        if let Some(postgres) = &self.postgres {
            for row in postgres.rows().await {
                contents.extend_from_slice(row.as_bytes());
                contents.push(b'\n');
            }
            return contents;
        }
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("muster.db") {
                contents.extend(fs::read(path).unwrap());
            }
        }
        contents
    }

    /// Removes the database.
    pub(crate) async fn remove(self) {
        if let Some(postgres) = &self.postgres {
            postgres.drop().await;
        }
    }
}

/// `muster serve`, killed when dropped.
pub(crate) struct Process {
    child: Child,
    address: String,
    log: PathBuf,
}

impl Process {
    /// Starts the service and waits until it serves.
    pub(crate) async fn start(home: &Home) -> Self {
        Self::start_with(home, &[]).await
    }

    /// As [`Process::start`], with more arguments; several may serve one home.
    pub(crate) async fn start_with(home: &Home, arguments: &[&str]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let log = home.folder.path().join(format!("log-{number}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUSTER_") {
                command.env_remove(name);
            }
        }
        let child = command
            .current_dir(home.folder.path())
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "off", "--log-format=json"])
            .args(["--public-url", PUBLIC_URL, "--allow-http-receivers=true"])
            .args(["--database-url", &home.url])
            .args(arguments)
            .arg("--secret-key-file")
            .arg(home.folder.path().join("muster.key"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut process = Self { child, address: String::new(), log };
        process.address = format!("http://{}", process.wait_for_address().await);
        process
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The address that is listened on, such as `http://127.0.0.1:41234`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    async fn wait_for_address(&mut self) -> String {
        let deadline = Instant::now() + START;
        loop {
            let log = fs::read_to_string(&self.log).unwrap();
            if let Some(address) = log.lines().find_map(address_in) {
                return address;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "not serving: {ended:?} {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop, and gives how and after what time it did.
    pub(crate) async fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, asked.elapsed());
            }
            assert!(asked.elapsed() < START, "the process does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn address_in(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let address = line["address"].as_str()?;
    (line["message"] == "serving").then(|| address.to_owned())
}
