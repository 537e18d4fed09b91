//! How long access outlives a deprovisioning, and what receivers cost the directory.
//!
//! Users are deactivated at a fixed rate while the server's event streams go nowhere, to live
//! receivers, or to dead ones. Requests are sent when they are due, whatever came of the ones
//! before, so a server that stalls cannot hide it.

use crate::data::{patch_active, user_json};
use crate::http::{Client, Target};
use crate::load::median;
use crate::proc::{Def, cpu, machine_busy};
use crate::tasks::launch;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Connections to the server.
const WORKERS: usize = 16;
/// Receivers, live or dead.
const RECEIVERS: usize = 3;
/// Seconds at the start that are told apart: a server that has just begun plans its statements
/// and opens its keys.
const WARM_UP: usize = 1;
/// How long to wait at the end for events that are on their way.
const DRAIN: Duration = Duration::from_secs(20);
const EVENT: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

pub struct Opts {
    /// Deactivations a second.
    pub rate: usize,
    pub secs: f64,
    pub reps: usize,
    pub timeout: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
enum Receivers {
    None,
    Dead,
    Live,
}

/// One phase: SCIM latency from the moment a request was due; event latency from its answer.
#[derive(Debug, Serialize)]
struct Phase {
    receivers: Receivers,
    writes: usize,
    errors: usize,
    scim_p50_ms: f64,
    scim_p99_ms: f64,
    warm_up_max_ms: f64,
    /// Events that came, of `writes` × 3.
    events: usize,
    event_p50_ms: f64,
    event_p99_ms: f64,
    event_max_ms: f64,
    other_cores: f64,
}

/// When each receiver answered 202 to the event of a user.
type Arrivals = Arc<Mutex<HashMap<(usize, String), Instant>>>;

/// Measures a server and gives the table.
pub fn run(def: &Def, o: &Opts, out: &Path) -> Result<String, String> {
    let streams =
        def.streams.clone().ok_or(format!("{}: no `streams` in its definition", def.name))?;
    let log = out.join(format!("{}.revocation.log", def.name));
    let mut phases = vec![];
    for _ in 0..o.reps {
        for receivers in [Receivers::None, Receivers::Dead, Receivers::Live] {
            phases.push(phase(def, o, &streams, receivers, &log)?);
        }
    }
    let json = serde_json::to_string_pretty(&phases).map_err(|e| e.to_string())?;
    let file = out.join(format!("{}.revocation.json", def.name));
    std::fs::write(&file, json).map_err(|e| e.to_string())?;
    Ok(table(&def.name, o, &phases))
}

fn phase(
    def: &Def,
    o: &Opts,
    streams: &str,
    receivers: Receivers,
    log: &Path,
) -> Result<Phase, String> {
    if let Some(reset) = &def.reset {
        def.shell(reset, log)?;
    }
    let (server, target, _) = launch(def, log)?;
    let arrivals = Arrivals::default();
    let urls = urls(receivers, &arrivals)?;
    if !urls.is_empty() {
        let mut def = def.clone();
        def.env.insert("STREAM_URLS".into(), urls.join(" "));
        def.shell(streams, log)?;
    }
    let warm_up = o.rate * WARM_UP;
    let count = warm_up + (o.rate as f64 * o.secs) as usize;
    let ids = create(&target, count, o.timeout)?;
    let pids: Vec<i32> =
        [server.app_pids(), server.db_pids(), vec![std::process::id() as i32]].concat();
    let (cpu0, busy0, begin) = (cpu(&pids), machine_busy(), Instant::now());
    let answers = deactivate(&target, &ids, o);
    let secs = begin.elapsed().as_secs_f64();
    let other = (machine_busy() - busy0 - (cpu(&pids) - cpu0)) / secs;
    let good: Vec<&Answer> = answers.iter().filter(|a| a.ok).collect();
    if receivers == Receivers::Live {
        let end = Instant::now() + DRAIN;
        while arrivals.lock().unwrap().len() < good.len() * RECEIVERS && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
    }
    server.stop();
    let scim = |counts: bool| {
        let of = answers.iter().filter(move |a| (warm_up <= a.number) == counts);
        of.map(|a| ms(a.at.saturating_duration_since(a.due))).collect::<Vec<f64>>()
    };
    let mut counted = scim(true);
    let arrivals = arrivals.lock().unwrap();
    let mut events: Vec<f64> = good
        .iter()
        .filter(|a| warm_up <= a.number)
        .flat_map(|a| (0..RECEIVERS).map(move |r| (a, r)))
        .filter_map(|(a, r)| arrivals.get(&(r, a.id.clone())).map(|t| (a, *t)))
        .map(|(a, t)| ms(t.saturating_duration_since(a.at)))
        .collect();
    Ok(Phase {
        receivers,
        writes: counted.len(),
        errors: answers.len() - good.len(),
        scim_p50_ms: pct(&mut counted, 0.5),
        scim_p99_ms: pct(&mut counted, 0.99),
        warm_up_max_ms: pct(&mut scim(false), 1.0),
        events: events.len(),
        event_p50_ms: pct(&mut events, 0.5),
        event_p99_ms: pct(&mut events, 0.99),
        event_max_ms: pct(&mut events, 1.0),
        other_cores: other.max(0.0),
    })
}

struct Answer {
    number: usize,
    id: String,
    due: Instant,
    at: Instant,
    ok: bool,
}

fn create(target: &Target, count: usize, timeout: u64) -> Result<Vec<String>, String> {
    let ids = Mutex::new(vec![]);
    thread::scope(|s| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let ids = &ids;
                s.spawn(move || {
                    let mut client = Client::new(target, Duration::from_secs(timeout));
                    for i in (worker..count).step_by(4) {
                        let made = client.send("POST", "/Users", Some(&user_json(i)), &[]);
                        let made = made.map_err(|e| e.to_string())?;
                        match made.json()["id"].as_str() {
                            Some(id) if made.status == 201 => {
                                ids.lock().unwrap().push(id.to_owned())
                            }
                            _ => return Err(made.brief()),
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|w| w.join().unwrap())
    })?;
    Ok(ids.into_inner().unwrap())
}

fn deactivate(target: &Target, ids: &[String], o: &Opts) -> Vec<Answer> {
    let answers = Mutex::new(vec![]);
    let begin = Instant::now() + Duration::from_millis(200);
    thread::scope(|s| {
        for worker in 0..WORKERS {
            let answers = &answers;
            s.spawn(move || {
                let mut client = Client::new(target, Duration::from_secs(o.timeout));
                for i in (worker..ids.len()).step_by(WORKERS) {
                    let due = begin + Duration::from_secs_f64(i as f64 / o.rate as f64);
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let path = format!("/Users/{}", ids[i]);
                    let answer = client.send("PATCH", &path, Some(&patch_active(false)), &[]);
                    let ok = answer.is_ok_and(|a| a.status == 200 || a.status == 204);
                    let answer =
                        Answer { number: i, id: ids[i].clone(), due, at: Instant::now(), ok };
                    answers.lock().unwrap().push(answer);
                }
            });
        }
    });
    answers.into_inner().unwrap()
}

/// Starts the receivers and gives their addresses.
fn urls(receivers: Receivers, arrivals: &Arrivals) -> Result<Vec<String>, String> {
    let listen = || TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string());
    let url = |l: &TcpListener| l.local_addr().map(|a| format!("http://{a}/events"));
    let mut urls = vec![];
    for number in 0..RECEIVERS {
        let listener = listen()?;
        match (receivers, number) {
            (Receivers::None, _) => return Ok(vec![]),
            // One refuses connections, one takes them and never answers, one fails.
            (Receivers::Dead, 0) => {}
            (Receivers::Dead, 1) => silent(listener.try_clone().map_err(|e| e.to_string())?),
            (Receivers::Dead, _) => {
                serve(listener.try_clone().map_err(|e| e.to_string())?, "500 Dead", |_| {})
            }
            (Receivers::Live, _) => {
                let arrivals = Arc::clone(arrivals);
                let note = move |user: &str| {
                    arrivals
                        .lock()
                        .unwrap()
                        .entry((number, user.to_owned()))
                        .or_insert_with(Instant::now);
                };
                serve(listener.try_clone().map_err(|e| e.to_string())?, "202 Accepted", note);
            }
        }
        urls.push(url(&listener).map_err(|e| e.to_string())?);
    }
    Ok(urls)
}

fn silent(listener: TcpListener) {
    thread::spawn(move || listener.incoming().flatten().collect::<Vec<TcpStream>>());
}

fn serve(
    listener: TcpListener,
    status: &'static str,
    note: impl Fn(&str) + Clone + Send + 'static,
) {
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let note = note.clone();
            thread::spawn(move || answer(connection, status, &note));
        }
    });
}

/// Answers the requests of one connection; `note` gets whose sessions were ended, after the answer.
fn answer(mut connection: TcpStream, status: &str, note: &impl Fn(&str)) -> Option<()> {
    connection.set_nodelay(true).ok();
    let mut buffer = vec![];
    let mut chunk = [0; 16 << 10];
    loop {
        let (start, length) = loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut request = httparse::Request::new(&mut headers);
            if let Ok(httparse::Status::Complete(start)) = request.parse(&buffer) {
                let length = request
                    .headers
                    .iter()
                    .find(|h| h.name.eq_ignore_ascii_case("content-length"))?;
                let length: usize = std::str::from_utf8(length.value).ok()?.parse().ok()?;
                if start + length <= buffer.len() {
                    break (start, length);
                }
            }
            let read = connection.read(&mut chunk).ok().filter(|n| *n > 0)?;
            buffer.extend_from_slice(&chunk[..read]);
        };
        let reply = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        connection.write_all(reply.as_bytes()).ok()?;
        if let Some(user) = revoked(&buffer[start..start + length]) {
            note(&user);
        }
        buffer.drain(..start + length);
    }
}

/// The user of a Set whose event is `session-revoked`.
fn revoked(set: &[u8]) -> Option<String> {
    let claims = std::str::from_utf8(set).ok()?.split('.').nth(1)?;
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims["events"].get(EVENT)?;
    claims["sub_id"]["id"].as_str().map(str::to_owned)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn pct(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(|a, b| a.total_cmp(b));
    let place = ((values.len() as f64 * p).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(place).copied().unwrap_or(f64::NAN)
}

fn table(name: &str, o: &Opts, phases: &[Phase]) -> String {
    let of = |r: Receivers, f: fn(&Phase) -> f64| {
        median(phases.iter().filter(|p| p.receivers == r).map(f).collect())
    };
    let mut text = format!(
        "{name}: {} deactivations a second for {} s after {WARM_UP} s, {RECEIVERS} streams, medians of {}\n\n\
         | receivers | SCIM p50 ms | SCIM p99 ms | max in the first {WARM_UP} s | events | p50 ms | p99 ms | max ms | errors | other cores |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        o.rate, o.secs, o.reps
    );
    for (r, label) in
        [(Receivers::None, "none"), (Receivers::Dead, "dead"), (Receivers::Live, "live")]
    {
        text += &format!(
            "| {label} | {:.2} | {:.2} | {:.1} | {:.0} | {:.2} | {:.2} | {:.1} | {:.0} | {:.2} |\n",
            of(r, |p| p.scim_p50_ms),
            of(r, |p| p.scim_p99_ms),
            of(r, |p| p.warm_up_max_ms),
            of(r, |p| p.events as f64),
            of(r, |p| p.event_p50_ms),
            of(r, |p| p.event_p99_ms),
            of(r, |p| p.event_max_ms),
            of(r, |p| p.errors as f64),
            of(r, |p| p.other_cores),
        );
    }
    text += &format!(
        "\nSCIM p99 with dead receivers / without receivers: {:.3}\n",
        of(Receivers::Dead, |p| p.scim_p99_ms) / of(Receivers::None, |p| p.scim_p99_ms)
    );
    text
}
