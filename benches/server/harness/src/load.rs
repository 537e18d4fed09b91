//! The closed-loop load runner: N workers, one connection each, bounded in count and time.

use crate::http::{Client, Target};
use crate::proc::{Server, cpu, machine_busy};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

/// One measured repetition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rep {
    /// Finished units of work (requests for most tasks, users for the replay).
    pub ok: u64,
    pub errors: u64,
    pub requests: u64,
    pub retries: u64,
    pub secs: f64,
    pub per_sec: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// CPU seconds of the server, its database and this harness.
    pub app_cpu: f64,
    pub db_cpu: f64,
    pub client_cpu: f64,
    /// Cores used by everything else on the machine meanwhile: the noise.
    pub other_cores: f64,
    pub error_samples: Vec<String>,
}

/// A task at one population and concurrency: its repetitions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub task: String,
    /// Number of users stored, or members in the group, when it was measured.
    pub size: usize,
    pub conc: usize,
    pub reps: Vec<Rep>,
}

pub struct Limits {
    pub conc: usize,
    pub max_ops: usize,
    pub max_time: Duration,
    pub timeout: Duration,
}

/// Runs `op(client, i)` for i = 0, 1, … on `conc` workers until a limit is reached.
pub fn run<F>(target: &Target, server: Option<&Server>, lim: &Limits, op: F) -> Rep
where
    F: Fn(&mut Client, usize) -> Result<u64, String> + Sync,
{
    let next = AtomicUsize::new(0);
    let barrier = Barrier::new(lim.conc + 1);
    let all: Mutex<(Vec<u32>, Rep)> = Mutex::default();
    let pids =
        |db: bool| server.map(|s| if db { s.db_pids() } else { s.app_pids() }).unwrap_or_default();
    let (app, db, me) = (pids(false), pids(true), [std::process::id() as i32]);
    let mut begin = Instant::now();
    let (mut app0, mut db0, mut me0, mut busy0) = (0.0, 0.0, 0.0, 0.0);
    std::thread::scope(|s| {
        for _ in 0..lim.conc {
            s.spawn(|| {
                let mut c = Client::new(target, lim.timeout);
                let mut mine = Rep::default();
                let mut lat = Vec::new();
                barrier.wait();
                let start = Instant::now();
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= lim.max_ops || start.elapsed() >= lim.max_time {
                        break;
                    }
                    match op(&mut c, i) {
                        Ok(n) => mine.ok += n,
                        Err(e) => {
                            mine.errors += 1;
                            if mine.error_samples.len() < 2 {
                                mine.error_samples.push(e);
                            }
                        }
                    }
                    lat.append(&mut c.take_latencies());
                }
                let mut g = all.lock().unwrap();
                g.0.append(&mut lat);
                g.1.ok += mine.ok;
                g.1.errors += mine.errors;
                g.1.retries += c.retries;
                g.1.error_samples.append(&mut mine.error_samples);
            });
        }
        (app0, db0, me0, busy0) = (cpu(&app), cpu(&db), cpu(&me), machine_busy());
        begin = Instant::now();
        barrier.wait();
    });
    let secs = begin.elapsed().as_secs_f64();
    let (mut lat, mut r) = all.into_inner().unwrap();
    lat.sort_unstable();
    let pct = |p: f64| {
        lat.get(((lat.len() as f64 * p).ceil() as usize).clamp(1, lat.len().max(1)) - 1)
            .map_or(0.0, |v| *v as f64 / 1000.0)
    };
    r.secs = secs;
    r.requests = lat.len() as u64;
    r.per_sec = r.ok as f64 / secs;
    (r.p50_ms, r.p90_ms, r.p99_ms, r.max_ms) = (pct(0.5), pct(0.9), pct(0.99), pct(1.0));
    r.app_cpu = cpu(&app) - app0;
    r.db_cpu = cpu(&db) - db0;
    r.client_cpu = cpu(&me) - me0;
    r.other_cores =
        ((machine_busy() - busy0 - r.app_cpu - r.db_cpu - r.client_cpu) / secs).max(0.0);
    r.error_samples.truncate(3);
    r
}

pub fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(|a, b| a.total_cmp(b));
    match v.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => v[n / 2],
        n => (v[n / 2 - 1] + v[n / 2]) / 2.0,
    }
}

impl Row {
    pub fn med(&self, f: impl Fn(&Rep) -> f64) -> f64 {
        median(self.reps.iter().map(f).collect())
    }
    pub fn errors(&self) -> u64 {
        self.reps.iter().map(|r| r.errors).sum()
    }
    pub fn requests(&self) -> u64 {
        self.reps.iter().map(|r| r.requests).sum()
    }
}
