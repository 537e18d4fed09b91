//! Starting, stopping, killing and measuring the server's processes.

use crate::http::Target;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server definition file. Paths in it are relative to the file's folder.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Def {
    pub name: String,
    pub base_url: String,
    #[serde(default)]
    pub token: String,
    /// A second tenant of the same server, for the isolation checks.
    #[serde(default)]
    pub other: Option<Tenant>,
    /// JSON file {"base_url","token","other":{…}} that the server writes when it starts, for tokens it makes itself.
    #[serde(default)]
    pub credentials_file: Option<String>,
    #[serde(default)]
    pub cwd: Option<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Shell command that installs what the server needs (`scimbench setup`).
    #[serde(default)]
    pub setup: Option<String>,
    /// Shell command run once before the first start: leaves an empty data store.
    #[serde(default)]
    pub reset: Option<String>,
    /// Shell command run before every start and after the last stop: an external database.
    #[serde(default)]
    pub db_start: Option<String>,
    #[serde(default)]
    pub db_stop: Option<String>,
    /// First line = pid of the external database; counted as database memory and CPU.
    #[serde(default)]
    pub db_pidfile: Option<String>,
    /// Shell command that makes an event stream of the first tenant to each URL of `$STREAM_URLS`.
    #[serde(default)]
    pub streams: Option<String>,
    /// Shell command that runs the server in the foreground.
    pub start: String,
    /// Seconds to wait for the first good answer.
    #[serde(default = "ready_default")]
    pub ready_secs: u64,
    /// Largest population to try, for servers that cannot get further.
    #[serde(default)]
    pub max_users: Option<usize>,
    #[serde(default)]
    pub skip: Vec<String>,
    #[serde(default)]
    pub notes: String,
    #[serde(skip)]
    pub dir: PathBuf,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Tenant {
    pub base_url: String,
    pub token: String,
}

fn ready_default() -> u64 {
    60
}

impl Def {
    pub fn load(path: &Path) -> Result<Def, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        // $PEERS in a definition: where the peers are installed and keep their data.
        let text = text.replace(
            "$PEERS",
            &std::env::var("PEERS").unwrap_or_else(|_| "/tmp/scim-peers".into()),
        );
        let mut d: Def =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let dir = path.canonicalize().map_err(|e| e.to_string())?.parent().unwrap().to_path_buf();
        d.dir = match &d.cwd {
            Some(c) => dir.join(c),
            None => dir,
        };
        Ok(d)
    }

    fn command(&self, shell: &str) -> Command {
        let mut c = Command::new("bash");
        c.arg("-c").arg(shell).current_dir(&self.dir).envs(&self.env).stdin(Stdio::null());
        c
    }

    pub fn shell(&self, shell: &str, log: &Path) -> Result<(), String> {
        let out = log_file(log)?;
        let st = self
            .command(shell)
            .stdout(out.try_clone().map_err(|e| e.to_string())?)
            .stderr(out)
            .status()
            .map_err(|e| e.to_string())?;
        if st.success() {
            Ok(())
        } else {
            Err(format!("`{shell}` failed ({st}); see {}", log.display()))
        }
    }
}

fn log_file(log: &Path) -> Result<fs::File, String> {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|e| format!("{}: {e}", log.display()))
}

pub struct Server {
    pub def: Def,
    pub child: Child,
    pub startup: Duration,
    log: PathBuf,
}

impl Server {
    /// Starts database and server, then polls `ready` every 5 ms; `startup` excludes the database.
    pub fn start(def: &Def, log: &Path, mut ready: impl FnMut() -> bool) -> Result<Server, String> {
        // Never send load to a process that this harness did not start.
        if Target::new(&def.base_url, "").is_ok_and(|t| TcpStream::connect(t.addr).is_ok()) {
            return Err(format!(
                "{}: something else already listens at {}",
                def.name, def.base_url
            ));
        }
        if let Some(cmd) = &def.db_start {
            def.shell(cmd, log)?;
        }
        if let Some(f) = &def.credentials_file {
            let _ = fs::remove_file(def.dir.join(f));
        }
        let out = log_file(log)?;
        let begin = Instant::now();
        let mut command = def.command(&format!("exec {}", def.start));
        command.stdout(out.try_clone().map_err(|e| e.to_string())?).stderr(out).process_group(0);
        // The server ends with the harness, however that ends.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                Ok(())
            })
        };
        let child = command.spawn().map_err(|e| e.to_string())?;
        let mut s = Server { def: def.clone(), child, startup: Duration::ZERO, log: log.into() };
        loop {
            if ready() {
                s.startup = begin.elapsed();
                return Ok(s);
            }
            if let Ok(Some(st)) = s.child.try_wait() {
                return Err(format!(
                    "{} exited while starting ({st}); see {}",
                    def.name,
                    log.display()
                ));
            }
            if begin.elapsed() > Duration::from_secs(def.ready_secs) {
                s.kill9(true);
                return Err(format!(
                    "{} gave no good answer in {} s; see {}",
                    def.name,
                    def.ready_secs,
                    log.display()
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn app_pids(&self) -> Vec<i32> {
        tree(self.child.id() as i32)
    }

    pub fn db_pids(&self) -> Vec<i32> {
        let Some(f) = &self.def.db_pidfile else {
            return vec![];
        };
        let pid = fs::read_to_string(self.def.dir.join(f))
            .ok()
            .and_then(|t| t.lines().next().and_then(|l| l.trim().parse().ok()));
        pid.map(tree).unwrap_or_default()
    }

    /// kill -9 of the server's processes and, with `db`, of its database's too.
    pub fn kill9(&mut self, db: bool) {
        let mut pids = self.app_pids();
        if db {
            pids.extend(self.db_pids());
        }
        for p in &pids {
            unsafe { libc::kill(*p, libc::SIGKILL) };
        }
        let _ = self.child.wait();
        let end = Instant::now() + Duration::from_secs(10);
        while pids.iter().any(|p| Path::new(&format!("/proc/{p}")).exists() && !is_zombie(*p))
            && Instant::now() < end
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn stop(mut self) {
        let pids = self.app_pids();
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        let end = Instant::now() + Duration::from_secs(15);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        for p in pids {
            unsafe { libc::kill(p, libc::SIGKILL) };
        }
        let _ = self.child.wait();
        if let Some(cmd) = &self.def.db_stop {
            let _ = self.def.shell(cmd, &self.log);
        }
    }
}

fn is_zombie(pid: i32) -> bool {
    stat(pid).is_some_and(|f| f[0] == "Z")
}

/// Fields of /proc/PID/stat after the command name: state, ppid, …
fn stat(pid: i32) -> Option<Vec<String>> {
    let t = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(t[t.rfind(')')? + 2..].split_whitespace().map(String::from).collect())
}

/// A process and all its descendants.
fn tree(root: i32) -> Vec<i32> {
    let mut kids: HashMap<i32, Vec<i32>> = HashMap::new();
    for e in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Ok(pid) = e.file_name().to_string_lossy().parse::<i32>()
            && let Some(f) = stat(pid)
        {
            kids.entry(f[1].parse().unwrap_or(0)).or_default().push(pid);
        }
    }
    let mut out = vec![];
    let mut todo = vec![root];
    while let Some(p) = todo.pop() {
        if Path::new(&format!("/proc/{p}")).exists() {
            out.push(p);
        }
        todo.extend(kids.get(&p).into_iter().flatten());
    }
    out
}

/// Memory in MiB: (sum of RSS, sum of PSS); PSS does not count shared pages twice.
pub fn memory(pids: &[i32]) -> (f64, f64) {
    let (mut rss, mut pss) = (0.0, 0.0);
    for p in pids {
        let t = fs::read_to_string(format!("/proc/{p}/smaps_rollup")).unwrap_or_default();
        for l in t.lines() {
            let kb =
                || l.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0);
            if l.starts_with("Rss:") {
                rss += kb() / 1024.0;
            } else if l.starts_with("Pss:") {
                pss += kb() / 1024.0;
            }
        }
    }
    (rss, pss)
}

/// CPU seconds used so far by these processes.
pub fn cpu(pids: &[i32]) -> f64 {
    let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    pids.iter()
        .filter_map(|p| stat(*p))
        .map(|f| {
            [11, 12, 13, 14].iter().filter_map(|i| f.get(*i)?.parse::<f64>().ok()).sum::<f64>() / hz
        })
        .sum()
}

/// CPU seconds that the whole machine has been busy.
pub fn machine_busy() -> f64 {
    let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    let t = fs::read_to_string("/proc/stat").unwrap_or_default();
    let f: Vec<f64> = t
        .lines()
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(1)
        .filter_map(|v| v.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal
    [0, 1, 2, 5, 6, 7].iter().filter_map(|i| f.get(*i)).sum::<f64>() / hz
}
