//! The measured tasks, the same for every server.

use crate::checks::{self, Check};
use crate::data::{group_json, mix, patch_active, patch_add_members, user_json, user_name};
use crate::http::{Client, Resp, Target, enc};
use crate::load::{Limits, Rep, Row, median, run};
use crate::proc::{Def, Server, Tenant, machine_busy, memory};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opts {
    pub scales: Vec<usize>,
    pub groups: Vec<usize>,
    pub secs: f64,
    pub reps: usize,
    pub max_ops: usize,
    /// Seconds allowed to load users up to one scale, and to fill one group.
    pub populate_cap: u64,
    pub fill_cap: u64,
    pub conc: Vec<usize>,
    pub only: Vec<String>,
    pub timeout: u64,
    /// Seconds to wait at most before a repetition until the rest of the machine is calm.
    pub calm: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    pub users: usize,
    pub app_rss: f64,
    pub app_pss: f64,
    pub db_pss: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Load {
    pub to: usize,
    pub created: usize,
    pub secs: f64,
    pub errors: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Crash {
    pub what: String,
    pub acknowledged: usize,
    pub checked: usize,
    pub lost: usize,
    pub restart_ms: f64,
    pub note: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub server: String,
    pub notes: String,
    pub date: String,
    pub opts: Option<Opts>,
    pub startup_ms: Vec<f64>,
    pub checks: Vec<Check>,
    pub loads: Vec<Load>,
    pub rows: Vec<Row>,
    pub memory: Vec<Memory>,
    pub crashes: Vec<Crash>,
    /// Group size → (members expected, members found) after the member adds.
    pub members: BTreeMap<usize, (usize, usize)>,
    pub failures: Vec<String>,
}

/// User numbers far above any population, for the checks, the crash test and the tenant test.
const CHECK_BASE: usize = 5_000_000;
const CRASH_BASE: usize = 6_000_000;
const TENANT_BASE: usize = 7_000_000;
const READY_BASE: usize = 8_000_000;

pub struct Bench<'a> {
    def: &'a Def,
    o: &'a Opts,
    dir: PathBuf,
    log: PathBuf,
    target: Target,
    other: Option<Target>,
    server: Option<Server>,
    /// (number, id) of every user created.
    ids: RwLock<Vec<(usize, String)>>,
    next_user: AtomicUsize,
    out: Outcome,
}

#[derive(Deserialize)]
struct Creds {
    base_url: String,
    token: String,
    other: Option<Tenant>,
}

/// Where to send requests: from the definition, or from the file that the server wrote.
fn targets(def: &Def) -> Result<(Target, Option<Target>), String> {
    let c = match &def.credentials_file {
        None => Creds {
            base_url: def.base_url.clone(),
            token: def.token.clone(),
            other: def.other.clone(),
        },
        Some(f) => {
            let t = fs::read_to_string(def.dir.join(f)).map_err(|e| format!("{f}: {e}"))?;
            serde_json::from_str(&t).map_err(|e| format!("{f}: {e}"))?
        }
    };
    let other = c.other.map(|o| Target::new(&o.base_url, &o.token)).transpose()?;
    Ok((Target::new(&c.base_url, &c.token)?, other))
}

/// Starts the server; it is ready when it answers an authorised list.
pub fn launch(def: &Def, log: &Path) -> Result<(Server, Target, Option<Target>), String> {
    let ready = || {
        targets(def).is_ok_and(|(t, _)| {
            let path = format!(
                "/Users?filter={}",
                enc(&format!("userName eq \"{}\"", user_name(READY_BASE)))
            );
            Client::new(&t, Duration::from_secs(30)).get(&path).is_ok_and(|r| r.status == 200)
        })
    };
    let s = Server::start(def, log, ready)?;
    let (t, o) = targets(def)?;
    Ok((s, t, o))
}

fn expect(r: std::io::Result<Resp>, ok: &[u16]) -> Result<Resp, String> {
    match r {
        Ok(r) if ok.contains(&r.status) => Ok(r),
        Ok(r) => Err(r.brief()),
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Err("timed out".into()),
        Err(e) => Err(e.to_string()),
    }
}

fn create_user(c: &mut Client, i: usize) -> Result<String, String> {
    let body = user_json(i);
    let r = expect(c.send("POST", "/Users", Some(&body), &[]), &[201])?;
    // Most answers are read for the id alone: no full parse.
    find_id(&r.body).ok_or_else(|| format!("no id in {}", r.brief()))
}

fn find_id(body: &[u8]) -> Option<String> {
    let v: serde_json::Value = serde_json::from_slice(body).ok()?;
    v["id"].as_str().map(String::from)
}

fn filter_path(kind: &str, attr: &str, val: &str, more: &str) -> String {
    format!("/{kind}?filter={}{more}", enc(&format!("{attr} eq \"{val}\"")))
}

/// (totalResults, number of Resources) of a list answer.
fn list(r: &Resp) -> (u64, usize) {
    let v = r.json();
    (v["totalResults"].as_u64().unwrap_or(u64::MAX), v["Resources"].as_array().map_or(0, Vec::len))
}

pub fn check_only(def: &Def, dir: &Path) -> Result<Vec<Check>, String> {
    let log = dir.join(format!("{}.log", def.name));
    if let Some(r) = &def.reset {
        def.shell(r, &log)?;
    }
    let (s, t, o) = launch(def, &log)?;
    let out = checks::run(&t, o.as_ref(), CHECK_BASE);
    s.stop();
    Ok(out)
}

impl<'a> Bench<'a> {
    pub fn run(def: &'a Def, o: &'a Opts, dir: &Path) -> Outcome {
        let log = dir.join(format!("{}.log", def.name));
        let _ = fs::remove_file(&log);
        let target = Target::new("http://127.0.0.1:1", "").unwrap();
        let mut b = Bench {
            def,
            o,
            dir: dir.into(),
            log,
            target,
            other: None,
            server: None,
            ids: RwLock::default(),
            next_user: AtomicUsize::new(0),
            out: Outcome {
                server: def.name.clone(),
                notes: def.notes.clone(),
                opts: Some(o.clone()),
                ..Outcome::default()
            },
        };
        b.out.date = date();
        if let Err(e) = b.all() {
            b.fail(e);
        }
        if let Some(s) = b.server.take() {
            s.stop();
        }
        b.save();
        b.out
    }

    fn fail(&mut self, e: String) {
        eprintln!("  !! {e}");
        self.out.failures.push(e);
    }

    fn save(&self) {
        let f = self.dir.join(format!("{}.json", self.def.name));
        let _ = fs::write(f, serde_json::to_string_pretty(&self.out).unwrap());
    }

    fn wants(&self, task: &str) -> bool {
        (self.o.only.is_empty() || self.o.only.iter().any(|t| t == task))
            && !self.def.skip.iter().any(|t| t == task)
    }

    fn all(&mut self) -> Result<(), String> {
        eprintln!("== {}", self.def.name);
        if let Some(r) = &self.def.reset {
            self.def.shell(r, &self.log)?;
        }
        // Start-up: three cold starts of the process on an empty store; the last one stays.
        for n in 0..3 {
            let (s, t, o) = launch(self.def, &self.log)?;
            self.out.startup_ms.push(s.startup.as_secs_f64() * 1e3);
            (self.target, self.other) = (t, o);
            if n < 2 {
                s.stop();
            } else {
                self.server = Some(s);
            }
        }
        std::thread::sleep(Duration::from_secs(1));
        self.note_memory(0);
        self.out.checks = checks::run(&self.target, self.other.as_ref(), CHECK_BASE);
        let bad = self.out.checks.iter().filter(|c| !c.pass).count();
        eprintln!(
            "  checks: {} of {} failed; start-up {:.0} ms",
            bad,
            self.out.checks.len(),
            median(self.out.startup_ms.clone())
        );
        self.save();

        for &scale in &self.o.scales {
            let want = self.def.max_users.map_or(scale, |m| m.min(scale));
            let reached = self.populate(want);
            self.note_memory(reached);
            self.user_tasks(reached);
            self.save();
            if reached < scale {
                self.out.failures.push(format!("population stopped at {reached} of {scale} users"));
                break;
            }
        }
        if self.wants("T6") || self.wants("T7") {
            for &g in &self.o.groups {
                if let Err(e) = self.group_tasks(g) {
                    self.fail(format!("group of {g}: {e}"));
                    break;
                }
                self.save();
            }
        }
        if self.wants("T8") {
            self.replay();
            self.save();
        }
        let n = self.ids.read().unwrap().len();
        self.note_memory(n);
        if self.wants("T11") && self.other.is_some() {
            self.tenants();
            self.save();
        }
        if self.wants("T10") {
            self.crash(false)?;
            if self.def.db_pidfile.is_some() {
                self.crash(true)?;
            }
        }
        Ok(())
    }

    fn note_memory(&mut self, users: usize) {
        let s = self.server.as_ref().unwrap();
        let (app_rss, app_pss) = memory(&s.app_pids());
        let (_, db_pss) = memory(&s.db_pids());
        eprintln!(
            "  memory at {users} users: app rss {app_rss:.0} pss {app_pss:.0} MiB, db pss {db_pss:.0} MiB"
        );
        self.out.memory.push(Memory { users, app_rss, app_pss, db_pss });
    }

    fn limits(&self, conc: usize) -> Limits {
        Limits {
            conc,
            max_ops: self.o.max_ops,
            max_time: Duration::from_secs_f64(self.o.secs),
            timeout: Duration::from_secs(self.o.timeout),
        }
    }

    /// Repeats one task at one concurrency, `ops` requests at most each time, and keeps the row.
    fn measure<F>(&mut self, task: &str, size: usize, conc: usize, ops: usize, op: F)
    where
        F: Fn(&Self, &mut Client, usize, usize) -> Result<u64, String> + Sync,
    {
        if !self.wants(task.split('-').next().unwrap()) {
            return;
        }
        let mut lim = self.limits(conc);
        lim.max_ops = lim.max_ops.min(ops);
        let mut reps: Vec<Rep> = vec![];
        for n in 0..self.o.reps {
            wait_calm(self.o.calm);
            let this = &*self;
            let r = run(&this.target, this.server.as_ref(), &lim, |c, i| op(this, c, n, i));
            // No repeats of what fails altogether or takes far too long.
            let hopeless = r.ok == 0 || r.secs > 10.0_f64.max(4.0 * self.o.secs);
            reps.push(r);
            if hopeless {
                break;
            }
        }
        let row = Row { task: task.into(), size, conc, reps };
        eprintln!(
            "  {task:<22} n={size:<7} c={conc:<3} {:>9.1}/s p50 {:>8.2} p99 {:>8.2} ms  errors {} of {} {}",
            row.med(|r| r.per_sec),
            row.med(|r| r.p50_ms),
            row.med(|r| r.p99_ms),
            row.errors(),
            row.requests(),
            row.reps
                .iter()
                .flat_map(|r| r.error_samples.first())
                .next()
                .map(String::as_str)
                .unwrap_or(""),
        );
        self.out.rows.push(row);
    }

    fn new_user(&self, c: &mut Client) -> Result<u64, String> {
        let i = self.next_user.fetch_add(1, Ordering::Relaxed);
        let id = create_user(c, i)?;
        self.ids.write().unwrap().push((i, id));
        Ok(1)
    }

    /// Creates users with 16 connections until `want` are there or the time is up.
    fn populate(&mut self, want: usize) -> usize {
        let have = self.ids.read().unwrap().len();
        if have >= want {
            return have;
        }
        let lim = Limits {
            conc: 16,
            max_ops: want - have,
            max_time: Duration::from_secs(self.o.populate_cap),
            timeout: Duration::from_secs(self.o.timeout),
        };
        let this = &*self;
        let r = run(&this.target, this.server.as_ref(), &lim, |c, _| this.new_user(c));
        let reached = self.ids.read().unwrap().len();
        eprintln!(
            "  loaded to {reached} users: {:.0}/s, {} errors {:?}",
            r.per_sec, r.errors, r.error_samples
        );
        self.out.loads.push(Load {
            to: reached,
            created: r.ok as usize,
            secs: r.secs,
            errors: r.errors,
        });
        reached
    }

    fn pick(&self, salt: usize, i: usize) -> (usize, String) {
        let ids = self.ids.read().unwrap();
        ids[(mix((salt as u64) << 32 | i as u64) % ids.len().max(1) as u64) as usize].clone()
    }

    fn user_tasks(&mut self, size: usize) {
        if self.ids.read().unwrap().is_empty() {
            return self.fail("no user could be created".into());
        }
        for conc in self.o.conc.clone() {
            // Few enough creates that the population stays about what the row says.
            self.measure("T1-create", size, conc, (size / 20).max(1000), |b, c, _, _| {
                b.new_user(c)
            });
            self.measure("T2-get", size, conc, usize::MAX, |b, c, n, i| {
                let (_, id) = b.pick(n, i);
                let r = expect(c.get(&format!("/Users/{}", enc(&id))), &[200])?;
                let text = String::from_utf8_lossy(&r.body);
                if text.contains(&id) { Ok(1) } else { Err(format!("not the user: {}", r.brief())) }
            });
            self.measure("T3-filter-hit", size, conc, usize::MAX, |b, c, n, i| {
                let name = user_name(b.pick(n, i).0);
                let r = expect(c.get(&filter_path("Users", "userName", &name, "")), &[200])?;
                if list(&r) == (1, 1) && String::from_utf8_lossy(&r.body).contains(&name) {
                    Ok(1)
                } else {
                    Err(format!("{:?} {}", list(&r), r.brief()))
                }
            });
            self.measure("T3-filter-miss", size, conc, usize::MAX, |_, c, n, i| {
                let r = expect(
                    c.get(&filter_path(
                        "Users",
                        "userName",
                        &user_name(9_000_000 + n * 100_000 + i),
                        "",
                    )),
                    &[200],
                )?;
                if list(&r) == (0, 0) {
                    Ok(1)
                } else {
                    Err(format!("{:?} {}", list(&r), r.brief()))
                }
            });
            let start = size * 9 / 10;
            self.measure("T4-deep-page", size, conc, usize::MAX, |_, c, _, i| {
                let r = expect(
                    c.get(&format!("/Users?startIndex={}&count=100", start - i % 100 + 1)),
                    &[200],
                )?;
                let (total, got) = list(&r);
                if got == 100 && total as usize >= size {
                    Ok(1)
                } else {
                    Err(format!("total {total}, {got} resources"))
                }
            });
            self.measure("T5-patch-active", size, conc, usize::MAX, |b, c, n, i| {
                let (_, id) = b.pick(n, i);
                let body = patch_active(i % 2 == 1);
                expect(
                    c.send("PATCH", &format!("/Users/{}", enc(&id)), Some(&body), &[]),
                    &[200, 204],
                )
                .map(|_| 1)
            });
        }
    }

    fn new_group(&self, c: &mut Client, name: &str) -> Result<String, String> {
        let r = expect(c.send("POST", "/Groups", Some(&group_json(name)), &[]), &[201])?;
        find_id(&r.body).ok_or_else(|| format!("no id in {}", r.brief()))
    }

    fn group_tasks(&mut self, size: usize) -> Result<(), String> {
        let have = self.ids.read().unwrap().len();
        let spare = 200;
        if have < size + spare {
            return Err(format!("only {have} users"));
        }
        let timeout = Duration::from_secs(self.o.timeout);
        let mut c = Client::new(&self.target, timeout);
        let name = format!("Bench Group {size}");
        let gid = self.new_group(&mut c, &name)?;
        let path = format!("/Groups/{}", enc(&gid));
        let begin = Instant::now();
        // 500 members to a PATCH, or 50 where the server refuses so many.
        let (mut at, mut batch) = (0, 500);
        while at < size {
            let end = (at + batch).min(size);
            let body = patch_add_members(
                self.ids.read().unwrap()[at..end].iter().map(|(_, id)| id.as_str()),
            );
            match expect(c.send("PATCH", &path, Some(&body), &[]), &[200, 204]) {
                Ok(_) => at = end,
                Err(e) if batch == 500 && at == 0 => {
                    self.out.failures.push(format!("500 members in one PATCH: {e}"));
                    batch = 50;
                }
                Err(e) => return Err(e),
            }
            if begin.elapsed() > Duration::from_secs(self.o.fill_cap) && at < size {
                return Err(format!("filled {at} of {size} members in {} s", self.o.fill_cap));
            }
        }
        eprintln!("  group of {size} filled in {:.1} s", begin.elapsed().as_secs_f64());
        self.out.loads.push(Load {
            to: size,
            created: 0,
            secs: begin.elapsed().as_secs_f64(),
            errors: 0,
        });
        // Users behind the group's own are added one at a time; each is added once.
        let next = AtomicUsize::new(size);
        let share = (have - size) / (self.o.reps * self.o.conc.len());
        let added = AtomicUsize::new(0);
        for conc in self.o.conc.clone() {
            // Where one member alone takes seconds, 16 at once would only take minutes.
            let slow = self.out.rows.iter().any(|r| {
                r.task == "T6-add-member" && r.size == size && r.med(|x| x.p50_ms) > 4000.0
            });
            if slow {
                self.out.failures.push(format!(
                    "T6 at {size} members, c={conc}: left out, one add takes seconds"
                ));
                break;
            }
            self.measure("T6-add-member", size, conc, share, |b, c, _, _| {
                let id = b.ids.read().unwrap()[next.fetch_add(1, Ordering::Relaxed)].1.clone();
                let body = patch_add_members(std::iter::once(id.as_str()));
                expect(c.send("PATCH", &path, Some(&body), &[]), &[200, 204])?;
                added.fetch_add(1, Ordering::Relaxed);
                Ok(1)
            });
            self.measure("T7-group-no-members", size, conc, usize::MAX, |_, c, _, _| {
                let r = expect(c.get(&format!("{path}?excludedAttributes=members")), &[200])?;
                if r.body.windows(9).any(|w| w == b"\"members\"")
                    && !r.json()["members"].as_array().is_none_or(Vec::is_empty)
                {
                    return Err(format!("members came back: {} bytes", r.body.len()));
                }
                Ok(1)
            });
            self.measure("T7-group-filter", size, conc, usize::MAX, |_, c, _, _| {
                let r = expect(
                    c.get(&filter_path(
                        "Groups",
                        "displayName",
                        &name,
                        "&excludedAttributes=members",
                    )),
                    &[200],
                )?;
                if list(&r).0 != 1 {
                    return Err(format!("{:?} {}", list(&r), r.brief()));
                }
                let m = r.json();
                if m["Resources"][0]["members"].as_array().is_some_and(|a| !a.is_empty()) {
                    return Err(format!("members came back: {} bytes", r.body.len()));
                }
                Ok(1)
            });
        }
        let want = size + added.load(Ordering::Relaxed);
        let found = c
            .get(&path)
            .ok()
            .and_then(|r| r.json()["members"].as_array().map(Vec::len))
            .unwrap_or(0);
        eprintln!("  group of {size}: {found} members found, {want} expected");
        self.out.members.insert(size, (want, found));
        Ok(())
    }

    /// Entra's initial cycle: per user a filter that misses and a create; then the users go into a
    /// group, 20 to a PATCH. One unit of work is one user provisioned and in its group.
    fn replay(&mut self) {
        let size = self.ids.read().unwrap().len();
        let base = self.next_user.fetch_add(200_000, Ordering::Relaxed);
        let deadline = Duration::from_secs_f64((self.o.secs * 8.0).max(20.0));
        let lim = Limits {
            conc: 4,
            max_ops: 40,
            max_time: deadline,
            timeout: Duration::from_secs(self.o.timeout),
        };
        let begin = Instant::now();
        let this = &*self;
        let made: Mutex<Vec<(usize, String)>> = Mutex::default();
        let r = run(&this.target, this.server.as_ref(), &lim, |c, chunk| {
            let mut ids = vec![];
            for n in 0..50 {
                if begin.elapsed() > deadline {
                    break;
                }
                let i = base + chunk * 50 + n;
                let r =
                    expect(c.get(&filter_path("Users", "userName", &user_name(i), "")), &[200])?;
                if list(&r).0 != 0 {
                    return Err(format!("user found before its create: {}", r.brief()));
                }
                let id = create_user(c, i)?;
                made.lock().unwrap().push((i, id.clone()));
                ids.push(id);
            }
            let name = format!("Replay Group {base} {chunk}");
            let r = expect(
                c.get(&filter_path("Groups", "displayName", &name, "&excludedAttributes=members")),
                &[200],
            )?;
            if list(&r).0 != 0 {
                return Err(format!("group found before its create: {}", r.brief()));
            }
            let gid = this.new_group(c, &name)?;
            for batch in ids.chunks(20) {
                let body = patch_add_members(batch.iter().map(String::as_str));
                expect(
                    c.send("PATCH", &format!("/Groups/{}", enc(&gid)), Some(&body), &[]),
                    &[200, 204],
                )?;
            }
            Ok(ids.len() as u64)
        });
        self.ids.write().unwrap().append(&mut made.into_inner().unwrap());
        eprintln!(
            "  T8 replay: {:.1} users/s, {:.1} requests/s, p50 {:.2} p99 {:.2} ms, errors {} {:?}",
            r.per_sec,
            r.requests as f64 / r.secs,
            r.p50_ms,
            r.p99_ms,
            r.errors,
            r.error_samples.first()
        );
        self.out.rows.push(Row { task: "T8-entra-initial".into(), size, conc: 4, reps: vec![r] });
    }

    /// Two tenants at once: every user must be found in its own tenant and in no other.
    fn tenants(&mut self) {
        let (a, b) = (self.target.clone(), self.other.clone().unwrap());
        let timeout = Duration::from_secs(self.o.timeout);
        let ids: Mutex<Vec<(bool, String)>> = Mutex::default();
        let errors = AtomicUsize::new(0);
        std::thread::scope(|s| {
            for w in 0..16usize {
                let (t, ids, errors) = (if w % 2 == 0 { &a } else { &b }, &ids, &errors);
                s.spawn(move || {
                    let mut c = Client::new(t, timeout);
                    for n in 0..30 {
                        match create_user(&mut c, TENANT_BASE + w * 1000 + n) {
                            Ok(id) => ids.lock().unwrap().push((w % 2 == 0, id)),
                            Err(_) => {
                                errors.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let ids = ids.into_inner().unwrap();
        let (mut ca, mut cb) = (Client::new(&a, timeout), Client::new(&b, timeout));
        let (mut lost, mut leaked) = (0, 0);
        for (in_a, id) in &ids {
            let path = format!("/Users/{}", enc(id));
            let status = |c: &mut Client| c.get(&path).map_or(0, |r| r.status);
            let (own, foreign) = if *in_a {
                (status(&mut ca), status(&mut cb))
            } else {
                (status(&mut cb), status(&mut ca))
            };
            lost += (own != 200) as usize;
            leaked += (foreign == 200) as usize;
        }
        let detail = format!(
            "{} users created by 16 connections to 2 tenants: {} errors, {lost} not in their own tenant, {leaked} seen in the other",
            ids.len(),
            errors.load(Ordering::Relaxed)
        );
        eprintln!("  T11 {detail}");
        self.out.checks.push(Check {
            name: "T11 concurrent tenants stay apart".into(),
            pass: lost + leaked + errors.load(Ordering::Relaxed) == 0,
            detail,
        });
    }

    /// kill -9 in the middle of creates; then every acknowledged user must be there again.
    fn crash(&mut self, with_db: bool) -> Result<(), String> {
        let acked: Mutex<Vec<String>> = Mutex::default();
        let stop = AtomicBool::new(false);
        let next = AtomicUsize::new(CRASH_BASE + if with_db { 100_000 } else { 0 });
        let (target, timeout) = (self.target.clone(), Duration::from_secs(self.o.timeout));
        let server = self.server.as_mut().unwrap();
        std::thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    let mut c = Client::new(&target, timeout);
                    while !stop.load(Ordering::Relaxed) && acked.lock().unwrap().len() < 20_000 {
                        match create_user(&mut c, next.fetch_add(1, Ordering::Relaxed)) {
                            Ok(id) => acked.lock().unwrap().push(id),
                            Err(_) => break,
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_secs(2));
            server.kill9(with_db);
            stop.store(true, Ordering::Relaxed);
        });
        self.server = None;
        let acked = acked.into_inner().unwrap();
        let mut crash = Crash {
            what: if with_db { "server and database" } else { "server" }.into(),
            acknowledged: acked.len(),
            ..Crash::default()
        };
        let (s, t, o) = match launch(self.def, &self.log) {
            Ok(x) => x,
            Err(e) => {
                crash.note = format!("did not start again: {e}");
                self.out.crashes.push(crash);
                return Err(e);
            }
        };
        crash.restart_ms = s.startup.as_secs_f64() * 1e3;
        (self.target, self.other, self.server) = (t, o, Some(s));
        let mut c = Client::new(&self.target, timeout);
        // The last acknowledged are the likeliest lost: look at those.
        for id in acked.iter().rev().take(1000) {
            crash.checked += 1;
            if !c.get(&format!("/Users/{}", enc(id))).is_ok_and(|r| r.status == 200) {
                crash.lost += 1;
            }
        }
        eprintln!(
            "  T10 kill -9 of {}: {} of the last {} acknowledged users lost ({} acknowledged); start again {:.0} ms",
            crash.what, crash.lost, crash.checked, crash.acknowledged, crash.restart_ms
        );
        self.out.crashes.push(crash);
        Ok(())
    }
}

/// Waits until others use less than a third of a core, or until the time is up.
fn wait_calm(secs: f64) {
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < secs {
        let busy = machine_busy();
        std::thread::sleep(Duration::from_millis(150));
        if machine_busy() - busy < 0.05 {
            return;
        }
    }
}

fn date() -> String {
    std::process::Command::new("date")
        .arg("-u")
        .arg("+%Y-%m-%dT%H:%M:%SZ")
        .output()
        .map(|o| String::from_utf8_lossy(&o.stdout).trim().into())
        .unwrap_or_default()
}
