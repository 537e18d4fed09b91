//! PostgreSQL for tests: the server that `MUSTER_TEST_POSTGRES` names, or a private one.
//!
//! The private server is started from the binaries under `/usr/lib/postgresql`,
//! once a process, and removed when the process ends, however it ends.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Arguments: folder, binaries, port. Runs until its input ends, which it does
/// with the process that started it. PostgreSQL refuses to run as root.
const PRIVATE_SERVER: &str = r#"
set -eu
trap '' INT TERM HUP
cd /
folder=$1 bin=$2 port=$3
exec 2>"$folder/log"
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
chmod 711 "$folder"
mkdir "$folder/server"
if [ "$(id -u)" = 0 ]; then chown postgres "$folder/server"; fi
as_postgres "$bin/initdb" -D "$folder/server/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
as_postgres "$bin/pg_ctl" -D "$folder/server/data" -l "$folder/server/log" -w start >/dev/null \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c shared_buffers=32MB"
echo ready
cat >/dev/null
as_postgres "$bin/pg_ctl" -D "$folder/server/data" -m immediate -w stop >/dev/null
rm -rf "$folder"
"#;

/// An empty database.
pub(crate) struct PostgresDatabase {
    server: &'static str,
    name: String,
    url: String,
}

impl PostgresDatabase {
    /// Makes a database; none if no server can be had.
    pub(crate) async fn create() -> Option<Self> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let server = server_url()?;
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("muster_test_{}_{number}", std::process::id());
        execute(server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let (base, _) = server.rsplit_once('/').expect("the URL of a server names a database");
        Some(Self { server, url: format!("{base}/{name}"), name })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Every row of every table, as text.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let tables = "select tablename::text from pg_tables where schemaname = 'public'";
        let tables: Vec<String> =
            sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
        let mut rows = Vec::new();
        for table in tables {
            let sql = AssertSqlSafe(format!("select t::text from {table} t"));
            let more: Vec<String> =
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
            rows.extend(more);
        }
        connection.close().await.unwrap();
        rows
    }

    /// Removes the database, also if somebody still uses it.
    pub(crate) async fn drop(&self) {
        execute(self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn execute(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The URL of a database on the server from which others can be made.
fn server_url() -> Option<&'static str> {
    static SERVER: OnceLock<Option<(String, Option<Child>)>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        if let Ok(url) = env::var("MUSTER_TEST_POSTGRES") {
            return Some((url, None));
        }
        let found = binaries();
        if found.is_none() {
            let reason =
                "no PostgreSQL: set MUSTER_TEST_POSTGRES or install the package postgresql";
            assert!(env::var_os("MUSTER_TEST_REQUIRE_POSTGRES").is_none(), "{reason}");
            eprintln!("left out, although it should run: {reason}");
        }
        found.map(start_private_server)
    });
    server.as_ref().map(|(url, _)| url.as_str())
}

/// The newest installed server's binaries.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let version = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    folders.filter(|bin| bin.join("initdb").exists()).max_by_key(version)
}

/// Starts a server. The child must be kept: with it, the server ends.
fn start_private_server(binaries: PathBuf) -> (String, Option<Child>) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap().keep();
    let mut child = Command::new("sh")
        .args(["-c", PRIVATE_SERVER, "sh"])
        .arg(&folder)
        .arg(binaries)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready", "PostgreSQL did not start; see {}/log", folder.display());
    (format!("postgres://postgres@127.0.0.1:{port}/postgres"), Some(child))
}
