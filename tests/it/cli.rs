//! The program as an operator starts it: commands, settings, and `serve` itself.

mod people;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::SetReceiver;

/// A shell in a folder of its own.
struct Shell {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    said: String,
    complained: String,
}

impl Shell {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.push((variable, value.to_owned()));
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MUSTER_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().unwrap();
        Ended {
            code: output.status.code(),
            said: String::from_utf8(output.stdout).unwrap(),
            complained: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a command says that must succeed.
    #[track_caller]
    fn say(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!((ended.code, ended.complained.as_str()), (Some(0), ""), "{arguments:?}");
        ended.said
    }

    /// What it says to programs.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let said = self.say(&[&["--json"], arguments].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
    }

    /// Demands that a command fails with `code`, and says why in one line that holds `why`.
    #[track_caller]
    fn fail(&self, arguments: &[&str], code: i32, why: &str) {
        let ended = self.run(arguments);
        assert_eq!((ended.code, ended.said.as_str()), (Some(code), ""), "{arguments:?}: {ended:?}");
        assert_eq!(ended.complained.lines().count(), 1, "{arguments:?}: {}", ended.complained);
        assert!(ended.complained.starts_with("muster: "), "{}", ended.complained);
        assert!(ended.complained.contains(why), "{arguments:?}: {}", ended.complained);
    }
}

#[test]
fn a_tenant_is_set_up_from_the_shell() {
    let shell = Shell::new();
    assert_eq!(shell.json(&["tenant", "list"]), json!([]));
    assert_eq!(shell.json(&["tenant", "create", "acme"])["name"], "acme");
    assert!(shell.say(&["tenant", "create", "globex"]).contains("muster connection create globex"));
    let connection = ["connection", "create", "acme", "okta", "--dialect", "okta"];
    assert_eq!(shell.json(&connection)["dialect"], "okta");

    let set = ["connection", "set", "acme", "okta", "--opaque-members", "true"];
    assert_eq!(shell.json(&set)["settings"]["opaque_members"], true);
    let set = ["connection", "set", "acme", "okta", "--dialect", "entra", "--default-results", "9"];
    assert!(shell.say(&set).contains(r#"entra, {"opaque_members":true,"default_results":9}"#));
    let set = ["connection", "set", "acme", "okta", "--opaque-members", "default"];
    assert_eq!(shell.json(&set)["settings"]["opaque_members"], false);
    shell.fail(&["connection", "set", "acme", "okta", "--media-type", "html"], 2, "html");

    let issue = ["token", "issue", "acme", "--connection", "okta", "--label", "Okta"];
    let token = shell.json(&issue);
    let secret = token["token"].as_str().unwrap();
    let for_people = shell.say(&issue);
    assert!(for_people.lines().next().unwrap().starts_with("muster_"), "{for_people}");
    let tokens = shell.json(&["token", "list", "acme"]);
    assert_eq!(tokens.as_array().unwrap().len(), 2);
    assert_eq!(tokens[0]["id"], token["id"]);
    for list in [tokens.to_string(), shell.say(&["token", "list", "acme"])] {
        assert!(list.contains("Okta") && !list.contains(secret), "{list}");
    }
    shell.say(&["token", "revoke", "acme", token["id"].as_str().unwrap()]);
    let revoked = |at: usize| shell.json(&["token", "list", "acme"])[at]["revoked_at"].is_string();
    assert!(revoked(0) && !revoked(1));
    assert!(shell.json(&["operator", "token"])["token"].is_string());

    fs::write(shell.path().join("secret"), "Bearer of-the-receiver\n").unwrap();
    let create = [
        "stream",
        "create",
        "acme",
        "--push-url",
        "https://app.example/events",
        "--authorization-file",
        "secret",
    ];
    let stream = shell.json(&create);
    let id = stream["id"].as_str().unwrap();
    assert_eq!((&stream["method"], &stream["status"]), (&json!("push"), &json!("enabled")));
    assert!(!stream.to_string().contains("of-the-receiver"));
    assert_eq!(shell.json(&["stream", "pause", "acme", id])["status"], "paused");
    assert_eq!(shell.json(&["stream", "list", "acme"])[0]["status"], "paused");
    assert_eq!(shell.json(&["stream", "resume", "acme", id])["status"], "enabled");
    assert!(shell.say(&["stream", "list", "acme"]).contains("https://app.example/events"));
    shell.say(&["stream", "delete", "acme", id]);
    assert_eq!(shell.json(&["stream", "list", "acme"]), json!([]));
    // The receiver is told of the pause and of its end, and nothing else happened.
    let events = shell.say(&["events", "tail"]);
    assert_eq!((events.lines().count(), events.matches("stream-updated").count()), (2, 2));

    assert_eq!(shell.json(&["tenant", "suspend", "globex"])["state"], "suspended");
    assert_eq!(shell.json(&["tenant", "resume", "globex"])["state"], "active");
    shell.fail(&["tenant", "delete", "globex"], 2, "--yes");
    shell.say(&["tenant", "delete", "globex", "--yes"]);
    assert_eq!(shell.json(&["tenant", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn webhooks_and_connectors_are_kept_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let made = shell.json(&["webhook", "create", "acme", "https://app.example/hook"]);
    let first = made["secret"].as_str().unwrap();
    let id = made["webhook"]["id"].as_str().unwrap();
    assert!(first.starts_with("whsec_"));
    let said = shell.say(&["webhook", "rotate", "acme", id, "--signature", "v1a"]);
    assert!(said.contains("whpk_") && !said.contains("whsk_"), "{said}");
    assert!(!shell.say(&["webhook", "list", "acme"]).contains("whsec_"));
    assert_eq!(shell.json(&["webhook", "test", "acme", id])["pending"], 1);
    assert_eq!(shell.json(&["webhook", "pause", "acme", id])["status"], "paused");
    assert_eq!(shell.json(&["webhook", "resume", "acme", id])["status"], "enabled");
    shell.say(&["webhook", "delete", "acme", id]);
    assert_eq!(shell.json(&["webhook", "list", "acme"]), json!([]));

    fs::write(shell.path().join("secrets.json"), r#"{"token":"t0p-s3cret"}"#).unwrap();
    let create = [
        "connector",
        "create",
        "acme",
        "global_token_revocation",
        "https://app.example/gtr",
        "--secrets-file",
        "secrets.json",
    ];
    let made = shell.json(&create);
    let id = made["id"].as_str().unwrap();
    let shown = shell.say(&["connector", "test", "acme", id]);
    assert!(shown.contains("POST https://app.example/gtr"), "{shown}");
    assert!(shown.contains("authorization: (secret)") && !shown.contains("t0p"), "{shown}");
    assert_eq!(shell.json(&["connector", "pause", "acme", id])["status"], "paused");
    assert_eq!(shell.json(&["connector", "resume", "acme", id])["status"], "enabled");
    assert!(shell.say(&["connector", "list", "acme"]).contains("global_token_revocation"));
    shell.say(&["connector", "delete", "acme", id]);
    shell.fail(&["connector", "create", "acme", "abacus", "https://a.example"], 2, "keycloak");
    fs::write(shell.path().join("secrets.json"), "t0p-s3cret").unwrap();
    let ended = shell.run(&create);
    assert!(
        ended.complained.contains("JSON object") && !ended.complained.contains("t0p"),
        "{ended:?}"
    );
}

#[test]
fn an_identity_provider_is_trusted_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let of = |rest: &[&'static str]| [&["revocation-issuer"], rest].concat();
    let (show, issuer) = (of(&["show", "acme"]), "https://acme.okta.com");
    assert_ne!(shell.run(&show).code, Some(0), "nobody is trusted at first");
    let key = json!({ "kty": "EC", "crv": "P-256", "kid": "one", "alg": "ES256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    fs::write(shell.path().join("keys.json"), json!({ "keys": [key] }).to_string()).unwrap();

    let set = shell.json(&of(&["set", "acme", issuer, "--jwks-file", "keys.json"]));

    assert_eq!((&set["issuer"], &set["keys"]), (&json!(issuer), &json!(["one"])));
    assert_eq!(shell.json(&show), set);
    shell.fail(&of(&["set", "acme", issuer]), 2, "--jwks-uri");
    shell.fail(&of(&["set", "acme", issuer, "--jwks-file", "none.json"]), 1, "none.json");
    shell.say(&of(&["delete", "acme"]));
    assert_ne!(shell.run(&show).code, Some(0));
}

#[test]
fn what_cannot_be_done_is_one_line_and_a_code() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let id = "0198c2a0-0000-7000-8000-000000000001";
    shell.fail(&["tenant", "create", "acme"], 1, "acme");
    shell.fail(&["tenant", "create", "Not A Name"], 2, "lower-case");
    shell.fail(&["connection", "list", "nobody"], 1, "nobody");
    shell.fail(&["token", "issue", "acme", "--connection", "none"], 1, "none");
    shell.fail(&["token", "revoke", "acme", id], 1, id);
    shell.fail(&["stream", "create", "acme", "--push-url", "http://app.example/"], 2, "https");
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    shell.fail(&["stream", "create", "acme", "--event", verification], 2, "not sent");
    fs::write(shell.path().join("broken"), "Bearer of\nthe-receiver").unwrap();
    let broken = ["--push-url", "https://app.example/", "--authorization-file", "broken"];
    shell.fail(&[&["stream", "create", "acme"], &broken[..]].concat(), 2, "`authorization`");
    shell.fail(&["stream", "delete", "acme", id], 1, id);
    shell.fail(&["stream", "delete", "acme", "no-id"], 2, "no-id");
    shell.fail(&["connection", "create", "acme", "x", "--dialect", "Okta"], 2, "strict");
    shell.fail(&["token", "issue", "acme", "--connection", "x", "--expires", "soon"], 2, "90d");
    shell.fail(&["token", "issue", "acme"], 2, "--connection");
    shell.fail(&["tenant", "rename"], 2, "rename");
}

#[test]
fn a_key_that_opens_nothing_is_refused() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let key = shell.path().join("muster.key");
    let right = fs::read(&key).unwrap();

    fs::remove_file(&key).unwrap();
    shell.fail(&["tenant", "list"], 1, "muster.key");
    assert!(!key.exists(), "no other key is made beside a database that has one");
    fs::write(&key, [7; 32]).unwrap();
    shell.fail(&["tenant", "list"], 1, "muster.key");

    fs::write(&key, right).unwrap();
    assert_eq!(shell.json(&["tenant", "list"])[0]["name"], "acme");
}

#[test]
fn a_tail_ends_when_nobody_reads_it() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let mut tail = shell.command(&["events", "tail", "--follow"]);
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    drop(tail.stdout.take());
    let end = Instant::now() + Duration::from_secs(20);
    let ended = loop {
        match tail.try_wait().unwrap() {
            Some(ended) => break ended,
            None if end < Instant::now() => panic!("it still runs: {:?}", tail.kill()),
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn settings_say_where_they_come_from_and_hide_secrets() {
    let shell = Shell::new().with("MUSTER_MAX_RESULTS", "770");
    let file = "max_connections = 7\nmax_results = 500\n";
    fs::write(shell.path().join("muster.toml"), file).unwrap();
    let flag = "--database-url=postgres://muster:hunter2@db.example/muster";

    let shown = shell.json(&[flag, "config"]);
    for (name, value, origin) in [
        ("max_connections", json!(7), "file ./muster.toml"),
        ("max_results", json!(770), "environment MUSTER_MAX_RESULTS"),
        ("default_page", json!(100), "default"),
    ] {
        assert_eq!(
            (&shown[name]["value"], &shown[name]["origin"]),
            (&value, &json!(origin)),
            "{name}"
        );
    }
    assert_eq!(shown["database_url"]["origin"], "flag --database-url");
    let table = shell.say(&[flag, "config"]);
    let explained = shell.say(&[flag, "config", "--explain"]);
    for text in [shown.to_string(), table.clone(), explained] {
        assert!(text.contains("db.example") && !text.contains("hunter2"), "{text}");
    }
    assert!(table.contains("environment MUSTER_MAX_RESULTS"), "{table}");
}

#[test]
fn a_wrong_setting_is_named() {
    let unknown_file = Shell::new();
    fs::write(unknown_file.path().join("muster.toml"), "databse_url = \"x\"\n").unwrap();
    unknown_file.fail(&["config"], 2, "databse_url");
    unknown_file.fail(&["serve"], 2, "databse_url");
    let broken_file = Shell::new();
    fs::write(broken_file.path().join("muster.toml"), "max_results = \n").unwrap();
    broken_file.fail(&["config"], 2, "muster.toml");
    let named = Shell::new();
    named.fail(&["--config", "none.toml", "config"], 2, "none.toml");

    Shell::new().with("MUSTER_DATABSE_URL", "x").fail(&["serve"], 2, "MUSTER_DATABSE_URL");
    Shell::new().with("MUSTER_LISTEN", "here").fail(&["serve"], 2, "MUSTER_LISTEN");
    Shell::new().fail(&["--databse-url=x", "serve"], 2, "databse-url");
    Shell::new().fail(&["--max-results=many", "config"], 2, "max_results");
    let secret = "--database-url=mysql://muster:hunter2@db.example/muster";
    let ended = Shell::new().run(&[secret, "config"]);
    assert_eq!(ended.code, Some(2));
    assert!(!ended.complained.contains("hunter2"), "{}", ended.complained);
}

#[test]
fn plain_http_stays_at_home() {
    let shell = Shell::new();
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        shell.fail(&["serve", "--ops-listen=off", "--listen", listen], 2, "insecure");
    }
}

#[test]
fn the_schema_goes_up_and_down() {
    let shell = Shell::new();
    let applied = |states: &Value| -> Vec<bool> {
        states.as_array().unwrap().iter().map(|state| state["applied"].as_bool().unwrap()).collect()
    };
    let fresh = applied(&shell.json(&["migrate", "status"]));
    let count = fresh.len();
    assert!(0 < count && !fresh.contains(&true));
    assert!(!applied(&shell.json(&["migrate", "up"])).contains(&false));
    assert!(!applied(&shell.json(&["migrate", "up"])).contains(&false), "up again");
    shell.say(&["tenant", "create", "acme"]);
    assert_eq!(
        applied(&shell.json(&["migrate", "down"])).iter().filter(|it| **it).count(),
        count - 1
    );
    let all = count.to_string();
    assert!(!applied(&shell.json(&["migrate", "down", "--steps", &all])).contains(&true));
    shell.fail(&["migrate", "down", "--steps", "0"], 2, "0");
    shell.say(&["migrate", "up"]);
    assert_eq!(shell.json(&["tenant", "list"]), json!([]), "what was taken back is gone");
    let table = shell.say(&["migrate", "status"]);
    assert!(table.contains("MIGRATION") && table.contains("yes"), "{table}");
}

#[test]
fn the_openapi_documents_are_written_and_checked() {
    let shell = Shell::new();
    shell.fail(&["openapi", "docs", "--check"], 1, "scim.json");
    shell.say(&["openapi", "docs"]);
    shell.say(&["openapi", "docs", "--check"]);
    for (name, text) in muster::app::openapi() {
        assert_eq!(fs::read_to_string(shell.path().join("docs").join(name)).unwrap(), text);
    }
    fs::write(shell.path().join("docs/admin.json"), "{}").unwrap();
    let ended = shell.run(&["openapi", "docs", "--check"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.complained.contains("admin.json"), "{}", ended.complained);
}

/// A running `muster serve`; killed if the test ends before it.
struct Served {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Served {
    fn start(shell: &Shell, arguments: &[&str]) -> Self {
        let mut child = shell.command(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, log }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The first log line with `message`, when it is there.
    async fn line(&self, message: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            let log = self.log();
            let found = log
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .find(|line| line["message"] == message);
            if let Some(line) = found {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no line {message:?} in {}", self.log());
    }

    /// Asks the process to end, and gives its code.
    fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_tells_its_health_measures_and_logs_no_names() {
    let shell = Shell::new();
    let receiver = SetReceiver::start().await;
    shell.say(&["tenant", "create", "acme"]);
    shell.say(&["connection", "create", "acme", "hr"]);
    let token = shell.json(&["token", "issue", "acme", "--connection", "hr"]);
    let token = token["token"].as_str().unwrap();
    let allow = "--allow-http-receivers";
    shell.say(&["stream", "create", "acme", "--push-url", receiver.url(), allow]);
    let served = Served::start(
        &shell,
        &["serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--log-format=json", allow],
    );
    let line = served.line("serving").await;
    let address = |name: &str| line[name].as_str().unwrap().to_owned();
    let (public, ops) = (address("address"), address("ops"));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let text = async |path: &str| {
        let response = http.get(format!("http://{ops}{path}")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(text("/health/ready").await, (200, "ready\n".to_owned()));
    assert_eq!(text("/health/live").await.0, 200);

    let users = format!("http://{public}/t/acme/scim/v2/Users");
    let body = json!({ "userName": "secret-name" }).to_string();
    let request =
        http.post(&users).bearer_auth(token).header("content-type", "application/scim+json");
    let created = request.body(body).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let user: Value = created.json().await.unwrap();
    let query = format!("{users}?filter=userName%20eq%20%22secret-name%22");
    assert_eq!(http.get(query).bearer_auth(token).send().await.unwrap().status(), 200);
    let wrong = http.get(&users).bearer_auth("wrong-token").send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let id = user["id"].as_str().unwrap();
    let deleted = http.delete(format!("{users}/{id}")).bearer_auth(token).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    let came: Vec<String> =
        receiver.wait_for(2).await.iter().map(|delivery| delivery.event()).collect();
    assert_eq!(came, ["account-disabled", "session-revoked"]);

    let metrics = confirmed(&http, &ops).await;
    assert!(
        metrics.contains("muster_deprovisioning_confirmed_seconds_bucket{le=\"1\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("muster_http_request_seconds_bucket"), "{metrics}");

    let log = served.log();
    assert!(log.contains("/t/{tenant}/scim/v2/Users/{id}"), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    let end_of_token = &token[token.len() - 20..];
    for (what, text) in [("log", &log), ("metrics", &metrics)] {
        for hidden in [end_of_token, "wrong-token", "secret-name", "userName", "filter", id] {
            assert!(!text.contains(hidden), "{hidden} in the {what}: {text}");
        }
    }
    assert_eq!(served.stop(), Some(0));
}

/// The metrics, when they tell of one confirmed revocation.
async fn confirmed(http: &reqwest::Client, ops: &str) -> String {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let response = http.get(format!("http://{ops}/metrics")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let metrics = response.text().await.unwrap();
        if metrics.contains("muster_deprovisioning_confirmed_seconds_count 1") {
            return metrics;
        }
        assert!(Instant::now() < end, "the revocation was not measured: {metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_tenants_schemas_are_set_up_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let device =
        |name: &str| format!("{}/tests/fixtures/device/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let urn = "urn:ietf:params:scim:schemas:core:2.0:Device";
    for name in ["ble", "fido", "zigbee", "device"] {
        assert!(shell.say(&["schema", "put", "acme", &device(name)]).contains("is registered"));
    }
    let kind = shell.json(&["resource-type", "put", "acme", &device("resource_type")]);
    assert_eq!(kind["endpoint"], "/Devices");
    assert_eq!(shell.json(&["schema", "list", "acme"]).as_array().unwrap().len(), 4);
    assert_eq!(shell.json(&["schema", "show", "acme", urn])["id"], urn);
    assert!(shell.say(&["resource-type", "list", "acme"]).contains("/Devices"));
    assert_eq!(shell.json(&["resource-type", "show", "acme", "Device"]), kind);

    fs::write(
        shell.path().join("bad.json"),
        r#"{"id":"urn:example:a","attributes":[{"name":"id"}]}"#,
    )
    .unwrap();
    shell.fail(&["schema", "put", "acme", "bad.json"], 2, "`attributes[0].name`");
    shell.fail(&["schema", "put", "acme", "none.json"], 2, "none.json cannot be read");
    shell.fail(&["schema", "put", "nobody", &device("ble")], 1, "nobody");
    shell.fail(&["schema", "delete", "acme", urn], 1, "is used by Device");
    shell.fail(&["resource-type", "show", "acme", "None"], 1, "`None` was not found");
    shell.say(&["resource-type", "delete", "acme", "Device"]);
    shell.say(&["schema", "delete", "acme", urn]);
    assert_eq!(shell.json(&["resource-type", "list", "acme"]), json!([]));
}

#[test]
fn a_receiver_is_made_and_revoked_from_the_shell() {
    let shell = Shell::new();
    shell.say(&["tenant", "create", "acme"]);
    let made = shell.json(&["receiver", "create", "acme", "shop"]);
    let (id, secret) = (made["id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    assert_eq!(made["client_id"], id);
    let list = shell.say(&["receiver", "list", "acme"]);
    assert!(list.contains("shop") && !list.contains(secret), "{list}");
    shell.fail(&["receiver", "create", "acme", "shop"], 1, "exists already");
    shell.fail(&["receiver", "create", "acme", "b", "--scope", "scim.read"], 2, "ssf.manage");
    shell.fail(&["receiver", "create", "acme", "b", "--inactivity-timeout", "1d"], 2, "7 days");
    assert!(shell.say(&["receiver", "revoke", "acme", id]).contains("is revoked"));
    assert!(shell.json(&["receiver", "list", "acme"])[0]["revoked_at"].is_string());
}
