//! The side-by-side tables.

use crate::load::{Row, median};
use crate::tasks::Outcome;
use std::collections::BTreeSet;
use std::fmt::Write;

fn num(v: f64) -> String {
    match v {
        v if v.is_nan() => "–".into(),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn cell(r: &Row) -> String {
    let mut s = format!(
        "**{}** ({} / {})",
        num(r.med(|x| x.per_sec)),
        num(r.med(|x| x.p50_ms)),
        num(r.med(|x| x.p99_ms))
    );
    if r.errors() > 0 {
        let _ = write!(s, " ERR {}/{}", r.errors(), r.requests());
    }
    s
}

pub fn tables(all: &[Outcome]) -> String {
    let mut o = String::new();
    let names: Vec<&str> = all.iter().map(|a| a.server.as_str()).collect();
    let head = |o: &mut String, first: &str| {
        let _ = writeln!(o, "| {first} | {} |", names.join(" | "));
        let _ = writeln!(o, "|---|{}", "---|".repeat(names.len()));
    };
    let line = |o: &mut String, first: &str, f: &dyn Fn(&Outcome) -> String| {
        let _ = writeln!(o, "| {first} | {} |", all.iter().map(f).collect::<Vec<_>>().join(" | "));
    };

    let _ = writeln!(
        o,
        "Cells: **per second** (p50 / p99 ms), medians of the repetitions; ERR = failed of all requests.\n"
    );
    // Rows are matched by the size asked for; a server that did not get there has its own size in brackets.
    let keys: BTreeSet<(String, usize, usize)> = all
        .iter()
        .flat_map(|a| a.rows.iter().map(|r| (r.task.clone(), asked(a, r), r.conc)))
        .collect();
    head(&mut o, "task, size, concurrency");
    for (task, size, conc) in &keys {
        line(&mut o, &format!("{task} n={size} c={conc}"), &|a| {
            a.rows
                .iter()
                .find(|r| &r.task == task && asked(a, r) == *size && r.conc == *conc)
                .map_or("–".into(), |r| {
                    if r.size == *size || task.starts_with("T8") {
                        cell(r)
                    } else {
                        format!("{} [n={}]", cell(r), r.size)
                    }
                })
        });
    }

    let _ = writeln!(
        o,
        "\nServer CPU per operation in ms (server + database), at the highest concurrency:\n"
    );
    head(&mut o, "task, size");
    let top = keys.iter().map(|k| k.2).max().unwrap_or(1);
    for (task, size, conc) in keys.iter().filter(|k| k.2 == top || k.0.starts_with("T8")) {
        line(&mut o, &format!("{task} n={size}"), &|a| {
            a.rows
                .iter()
                .find(|r| &r.task == task && asked(a, r) == *size && r.conc == *conc)
                .map_or("–".into(), |r| {
                    let per = |f: &dyn Fn(&crate::load::Rep) -> f64| {
                        r.med(|x| if x.ok == 0 { f64::NAN } else { 1e3 * f(x) / x.ok as f64 })
                    };
                    let db = per(&|x| x.db_cpu);
                    if db > 0.0 {
                        format!("{} + {}", num(per(&|x| x.app_cpu)), num(db))
                    } else {
                        num(per(&|x| x.app_cpu))
                    }
                })
        });
    }

    let _ = writeln!(o, "\nMemory, start, loading, crash:\n");
    head(&mut o, "");
    line(&mut o, "start-up ms, empty", &|a| num(median(a.startup_ms.clone())));
    line(&mut o, "idle RSS MiB", &|a| {
        a.memory.first().map_or("–".into(), |m| mem(m.app_rss, m.db_pss))
    });
    line(&mut o, "RSS MiB at N users", &|a| {
        let m: Vec<String> = a
            .memory
            .iter()
            .skip(1)
            .map(|m| format!("{} @{}", mem(m.app_rss, m.db_pss), m.users))
            .collect();
        m.join("; ")
    });
    line(&mut o, "loading users, c=16", &|a| {
        let m: Vec<String> = a
            .loads
            .iter()
            .filter(|l| l.created > 0)
            .map(|l| format!("to {}: {}/s", l.to, num(l.created as f64 / l.secs)))
            .collect();
        m.join("; ")
    });
    line(&mut o, "kill -9: lost of last acknowledged", &|a| {
        let m: Vec<String> = a
            .crashes
            .iter()
            .map(|c| format!("{}: {} of {} {}", c.what, c.lost, c.checked, c.note))
            .collect();
        m.join("; ")
    });
    line(&mut o, "start again with data, ms", &|a| {
        a.crashes.iter().map(|c| num(c.restart_ms)).collect::<Vec<_>>().join("; ")
    });
    line(&mut o, "group members found / expected", &|a| {
        a.members.iter().map(|(_, (w, f))| format!("{f}/{w}")).collect::<Vec<_>>().join("; ")
    });
    line(&mut o, "noise: cores used by others, median / max", &|a| {
        let v: Vec<f64> =
            a.rows.iter().flat_map(|r| r.reps.iter().map(|x| x.other_cores)).collect();
        format!("{} / {}", num(median(v.clone())), num(v.into_iter().fold(0.0, f64::max)))
    });
    line(&mut o, "did not finish", &|a| {
        if a.failures.is_empty() {
            "".into()
        } else {
            a.failures.join("; ").replace(['|', '\n'], " ")
        }
    });

    let _ = writeln!(o, "\nChecks:\n");
    head(&mut o, "check");
    let mut order: Vec<&str> = vec![];
    for a in all {
        for c in &a.checks {
            if !order.contains(&c.name.as_str()) {
                order.push(&c.name);
            }
        }
    }
    for n in order {
        line(&mut o, &n.replace('|', "\\|"), &|a| {
            a.checks
                .iter()
                .find(|c| c.name == n)
                .map_or("–".into(), |c| if c.pass { "ok".into() } else { "**FAIL**".into() })
        });
    }
    line(&mut o, "passed", &|a| {
        format!("{} of {}", a.checks.iter().filter(|c| c.pass).count(), a.checks.len())
    });
    o
}

fn mem(app: f64, db: f64) -> String {
    if db > 0.0 { format!("{} + db {}", num(app), num(db)) } else { num(app) }
}

/// The size from the options that a row stands for.
fn asked(a: &Outcome, r: &Row) -> usize {
    let Some(o) = &a.opts else { return r.size };
    let of =
        if r.task.starts_with("T6") || r.task.starts_with("T7") { &o.groups } else { &o.scales };
    if r.task.starts_with("T8") {
        return o.scales.last().copied().unwrap_or(r.size);
    }
    of.iter()
        .copied()
        .filter(|s| *s >= r.size || r.size < *s + *s / 2)
        .min_by_key(|s| s.abs_diff(r.size))
        .unwrap_or(r.size)
}
