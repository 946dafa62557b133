//! `lycaon bench vql`: how fast queries run on this machine, one figure for each line of a table.
//!
//! A benchmark is one entry of [`language::TABLE`] or [`evidence::TABLE`]. One that needs a plugin or function
//! that the catalog does not have is left out, and said to be.

mod event_logs;
mod evidence;
mod generate;
mod language;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use vql_eval::{Limits, Program, Run, Setup, on_big_stack};
use vql_plugin::{Catalog, Found, Host, LogLine};

use super::print_line;
use crate::complaint::{Complaint, Outcome};
use crate::local;
use crate::login::note;
use crate::machine::{SystemClock, SystemEntropy};
use evidence::Evidence;

#[derive(clap::Args, Debug)]
pub(crate) struct VqlArgs {
    /// Only the benchmarks whose name contains this; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many rows the benchmarks of the language work through; each has a number of its own otherwise
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// How much evidence is generated, in percent of the usual amount
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000), value_name = "PERCENT")]
    evidence: u64,
    /// How often each runs; the fastest counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    repeat: u32,
    /// List the benchmarks and run none
    #[arg(long)]
    list: bool,
}

/// One benchmark.
#[derive(Debug)]
struct Benchmark {
    name: &'static str,
    /// Plugins and functions without which it is left out.
    needs: &'static [&'static str],
    work: Work,
    /// The query; `{rows}` stands for the number of rows and `{folder}` for the folder of the evidence.
    query: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    /// So many rows are worked through, and nothing is read.
    Rows(u64),
    /// Generated evidence is read.
    Reads(Evidence),
}

/// What is printed about one benchmark.
#[derive(Debug, Serialize)]
struct Figures {
    name: &'static str,
    profile: &'static str,
    rows: u64,
    result_rows: u64,
    seconds: f64,
    rows_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mb_per_second: Option<f64>,
    query: String,
}

/// No benchmark may take longer.
const TIME_MAX: Duration = Duration::from_secs(1800);

pub(crate) fn run(args: VqlArgs) -> Outcome {
    let catalog = Arc::new(local::catalog());
    let wanted = |name: &str| {
        args.only.is_empty() || args.only.iter().any(|part| name.contains(part.as_str()))
    };
    let chosen: Vec<_> = language::TABLE
        .iter()
        .chain(evidence::TABLE)
        .filter(|benchmark| wanted(benchmark.name))
        .collect();
    if chosen.is_empty() {
        return Err(Complaint::usage("no benchmark has such a name").hint("`--list` lists them"));
    }
    for benchmark in chosen {
        let missing = benchmark.needs.iter().find(|name| !has(&catalog, name));
        if args.list {
            print_line(
                &serde_json::json!({ "name": benchmark.name, "query": benchmark.query, "missing": missing }),
            )?;
        } else if let Some(missing) = missing {
            note(&format!("{} is left out: there is no {missing} here", benchmark.name));
        } else {
            print_line(&measure(benchmark, &args, &catalog)?)?;
        }
    }
    Ok(())
}

fn has(catalog: &Catalog, name: &str) -> bool {
    let found = |found| !matches!(found, Found::No);
    found(catalog.find_plugin(name)) || found(catalog.find_function(name))
}

fn measure(benchmark: &Benchmark, args: &VqlArgs, catalog: &Arc<Catalog>) -> Outcome<Figures> {
    let folder = tempfile::Builder::new()
        .prefix("lycaon-bench-")
        .tempdir()
        .map_err(|e| Complaint::failed(format!("cannot make a temporary folder: {e}")))?;
    let (rows, bytes) = match benchmark.work {
        Work::Rows(rows) => (args.rows.unwrap_or(rows), None),
        Work::Reads(evidence) => {
            let made = evidence
                .make(folder.path(), args.evidence)
                .map_err(|error| Complaint::io("make the evidence in", folder.path(), &error))?;
            (made.items, made.bytes)
        }
    };
    let query = text(benchmark.query, rows, folder.path());
    let program = Program::compile(&query, catalog).map_err(|wrong| {
        Complaint::failed(format!("{} does not compile\n\n{wrong}", benchmark.name))
    })?;
    let mut fastest = Duration::MAX;
    let mut result_rows = 0;
    for _ in 0..args.repeat {
        let (count, time) = time(benchmark.name, &program, catalog)?;
        result_rows = count;
        fastest = fastest.min(time);
    }
    let seconds = fastest.as_secs_f64().max(1e-9);
    Ok(Figures {
        name: benchmark.name,
        profile: if cfg!(debug_assertions) { "debug" } else { "optimised" },
        rows,
        result_rows,
        seconds,
        rows_per_second: (rows as f64 / seconds).round(),
        bytes,
        mb_per_second: bytes.map(|bytes| bytes as f64 / 1e6 / seconds),
        query,
    })
}

fn text(query: &str, rows: u64, folder: &Path) -> String {
    query.replace("{rows}", &rows.to_string()).replace("{folder}", &folder.display().to_string())
}

/// Runs a program once: how many rows came, and how long it took.
fn time(name: &str, program: &Arc<Program>, catalog: &Arc<Catalog>) -> Outcome<(u64, Duration)> {
    let host = Host::builder(Arc::new(SystemClock), Box::new(SystemEntropy))
        .wait(std::thread::sleep)
        .accessors(accessors::all());
    let mut setup = Setup::new(host.build(), catalog.clone());
    setup.limits = Limits { time_max: TIME_MAX, rows_max: u64::MAX, ..Limits::default() };
    setup.log = Arc::new(move |line: LogLine| note(&format!("log: {line}")));
    let run = Run::new(setup, local::variables());
    let began = Instant::now();
    let count = on_big_stack(|| run.rows(program).count() as u64)
        .map_err(|error| Complaint::failed(format!("cannot start a thread: {error}")))?;
    let took = began.elapsed();
    match run.stop_reason() {
        Some(reason) => Err(Complaint::failed(format!("{name} was ended: {reason}"))),
        None => Ok((count, took)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_benchmark_of_the_language_compiles_and_yields_rows() {
        let catalog = Arc::new(local::catalog());
        for benchmark in language::TABLE {
            if benchmark.needs.iter().any(|name| !has(&catalog, name)) {
                continue;
            }
            let text = text(benchmark.query, 120, Path::new("/none"));
            let program = Program::compile(&text, &catalog).unwrap();
            let (rows, _) = time(benchmark.name, &program, &catalog).unwrap();
            assert!(rows > 0, "{}: no rows", benchmark.name);
        }
    }

    #[test]
    fn every_benchmark_over_evidence_finds_it() {
        let catalog = Arc::new(local::catalog());
        for benchmark in evidence::TABLE {
            if benchmark.needs.iter().any(|name| !has(&catalog, name)) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let Work::Reads(evidence) = benchmark.work else { continue };
            let made = evidence.make(folder.path(), 0).unwrap();
            assert!(made.items > 0);
            let text = text(benchmark.query, made.items, folder.path());
            let program = Program::compile(&text, &catalog).unwrap();
            let (rows, _) = time(benchmark.name, &program, &catalog).unwrap();
            assert!(rows > 0, "{}: no rows", benchmark.name);
        }
    }
}
