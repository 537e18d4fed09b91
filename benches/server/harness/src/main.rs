//! scimbench: measures any SCIM 2.0 server the same way. See ../README.md.

mod checks;
mod data;
mod http;
mod load;
mod proc;
mod report;
mod revocation;
mod tasks;

use proc::Def;
use std::fs;
use std::path::{Path, PathBuf};
use tasks::{Bench, Opts, Outcome};

const USAGE: &str = "usage:
  scimbench setup  SERVER.json...            install what the servers need
  scimbench check  SERVER.json...            correctness checks only
  scimbench run    [options] SERVER.json...  checks, load, crash test; then the tables
  scimbench revocation [options] SERVER.json...  how long access outlives a deactivation
  scimbench report [--out DIR] [NAME...]     tables from the results in DIR
options:
  --out DIR            results folder (results)
  --scales A,B         user populations (1000,10000,100000)
  --groups A,B         group sizes (1000,10000,100000)
  --conc A,B           concurrencies (1,16)
  --secs S             seconds for one repetition (2)
  --reps N             repetitions, the median counts (3)
  --max-ops N          requests for one repetition at most (200000)
  --populate-cap S     seconds to load up to one population (240)
  --fill-cap S         seconds to fill one group (120)
  --timeout S          seconds for one request (60)
  --calm S             wait up to S seconds before a repetition for the machine to be calm (0)
  --only T1,T6         these tasks only (T1 … T8, T10, T11)
  --rate N             deactivations a second (200), for --secs seconds";

fn main() {
    let mut args = std::env::args().skip(1);
    let cmd = args.next().unwrap_or_default();
    let mut out = PathBuf::from("results");
    let mut files: Vec<String> = vec![];
    let mut o = Opts {
        scales: vec![1000, 10_000, 100_000],
        groups: vec![1000, 10_000, 100_000],
        secs: 2.0,
        reps: 3,
        max_ops: 200_000,
        populate_cap: 240,
        fill_cap: 120,
        conc: vec![1, 16],
        only: vec![],
        timeout: 60,
        calm: 0.0,
    };
    let mut rate = 200;
    while let Some(a) = args.next() {
        if !a.starts_with("--") {
            files.push(a);
            continue;
        }
        let v = args.next().unwrap_or_else(|| die(USAGE));
        let nums = |v: &str| {
            v.split(',')
                .filter(|s| !s.is_empty())
                .map(|s| s.parse().unwrap_or_else(|_| die(USAGE)))
                .collect()
        };
        let num = |v: &str| v.parse::<u64>().unwrap_or_else(|_| die(USAGE));
        match a.as_str() {
            "--out" => out = v.into(),
            "--scales" => o.scales = nums(&v),
            "--groups" => o.groups = nums(&v),
            "--conc" => o.conc = nums(&v),
            "--secs" => o.secs = v.parse().unwrap_or_else(|_| die(USAGE)),
            "--reps" => o.reps = num(&v) as usize,
            "--max-ops" => o.max_ops = num(&v) as usize,
            "--populate-cap" => o.populate_cap = num(&v),
            "--fill-cap" => o.fill_cap = num(&v),
            "--timeout" => o.timeout = num(&v),
            "--calm" => o.calm = v.parse().unwrap_or_else(|_| die(USAGE)),
            "--rate" => rate = num(&v) as usize,
            "--only" => o.only = v.split(',').map(String::from).collect(),
            _ => die(USAGE),
        }
    }
    fs::create_dir_all(&out).unwrap_or_else(|e| die(&e.to_string()));
    let defs = || -> Vec<Def> {
        files.iter().map(|f| Def::load(Path::new(f)).unwrap_or_else(|e| die(&e))).collect()
    };
    match cmd.as_str() {
        "setup" => {
            for d in defs() {
                if let Some(s) = &d.setup {
                    let log = out.join(format!("{}.setup.log", d.name));
                    match d.shell(s, &log) {
                        Ok(()) => println!("{}: ready", d.name),
                        Err(e) => println!("{}: {e}", d.name),
                    }
                }
            }
        }
        "check" => {
            for d in defs() {
                match tasks::check_only(&d, &out) {
                    Ok(cs) => {
                        for c in &cs {
                            println!(
                                "{}: {} {} {}",
                                d.name,
                                if c.pass { "ok  " } else { "FAIL" },
                                c.name,
                                c.detail
                            );
                        }
                        println!(
                            "{}: {} of {} passed",
                            d.name,
                            cs.iter().filter(|c| c.pass).count(),
                            cs.len()
                        );
                    }
                    Err(e) => println!("{}: {e}", d.name),
                }
            }
        }
        "run" => {
            let all: Vec<Outcome> = defs().iter().map(|d| Bench::run(d, &o, &out)).collect();
            if all.is_empty() {
                die(USAGE);
            }
            println!("{}", report::tables(&all));
        }
        "revocation" => {
            let (secs, reps, timeout) = (o.secs, o.reps, o.timeout);
            let o = revocation::Opts { rate, secs, reps, timeout };
            for d in defs() {
                match revocation::run(&d, &o, &out) {
                    Ok(table) => println!("{table}"),
                    Err(e) => die(&format!("{}: {e}", d.name)),
                }
            }
        }
        "report" => {
            let mut all: Vec<Outcome> = vec![];
            let mut paths: Vec<PathBuf> =
                fs::read_dir(&out).into_iter().flatten().flatten().map(|e| e.path()).collect();
            paths.sort();
            for p in paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "json")) {
                if let Some(x) = fs::read_to_string(&p)
                    .ok()
                    .and_then(|t| serde_json::from_str::<Outcome>(&t).ok())
                {
                    all.push(x);
                }
            }
            if !files.is_empty() {
                all.retain(|a| files.contains(&a.server));
                all.sort_by_key(|a| files.iter().position(|f| *f == a.server));
            }
            println!("{}", report::tables(&all));
        }
        _ => die(USAGE),
    }
}

fn die(msg: &str) -> ! {
    eprintln!("{msg}");
    std::process::exit(2)
}
