//! `lycaon bench log matcher`: how many events per second and core many rules can look at.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine_datafusion::{DataFusionEngine, ParquetWriter, Settings};
use loghunt::engine::{
    EngineError, Match, MatchSink, Query, QueryClass, Scan, ScanLimits, Source, SqlEngine,
};
use model::log::{Domain, Position, Window};
use serde::Serialize;
use sigma::Predicate;

use super::super::print_line;
use super::generate::{Dice, event, rule, sql};
use crate::complaint::{Complaint, Outcome};
use crate::os;

#[derive(clap::Args, Debug)]
pub(crate) struct MatcherArgs {
    /// How many events are generated, in four files of each format
    #[arg(long, default_value_t = 200_000, value_name = "N")]
    events: u64,
    /// How many rules look at them; may be given several times
    #[arg(long, default_values_t = [40_usize, 400, 2_400], value_name = "N")]
    rules: Vec<usize>,
    /// How many SQL queries are run for comparison, over the Parquet files
    #[arg(long, default_value_t = 5, value_name = "N")]
    sql: u32,
}

/// What is printed about one run.
#[derive(Debug, Serialize)]
struct Figures {
    name: &'static str,
    profile: &'static str,
    format: &'static str,
    rules: usize,
    events: u64,
    file_bytes: u64,
    matches: u64,
    seconds: f64,
    cpu_seconds: f64,
    events_per_second: f64,
    events_per_second_per_core: f64,
    peak_memory_bytes: u64,
}

const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "optimised" };

pub(crate) fn run(args: MatcherArgs) -> Outcome {
    let folder = tempfile::tempdir()?;
    let bytes = write_events(folder.path(), args.events)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let most = args.rules.iter().copied().max().unwrap_or(0);
    let predicates = predicates(most)?;
    for (format, bytes) in ["parquet", "ndjson"].into_iter().zip(bytes) {
        for rules in &args.rules {
            let asked: Vec<Query> = predicates[..*rules].iter().map(by_predicate).collect();
            let measured = runtime.block_on(measure(folder.path(), format, &asked))?;
            print_line(&measured.figures("matcher", format, *rules, args.events, bytes))?;
        }
    }
    if args.sql > 0 {
        let mut dice = Dice::new(7);
        let mut whole = Measured::default();
        for _ in 0..args.sql {
            let query = by_sql(&sql(&mut dice));
            whole.add(&runtime.block_on(measure(folder.path(), "parquet", &[query]))?);
        }
        // One query for each rule: the time of one, so many times.
        let each = whole.scaled(1.0 / f64::from(args.sql));
        for rules in &args.rules {
            let all = each.scaled(*rules as f64);
            print_line(&all.figures(
                "one_sql_query_per_rule_extrapolated",
                "parquet",
                *rules,
                args.events,
                bytes[0],
            ))?;
        }
    }
    Ok(())
}

fn failed(error: EngineError) -> Complaint {
    Complaint::failed(error.message)
}

/// Writes the events twice; the sizes of all Parquet and all NDJSON files.
fn write_events(folder: &Path, events: u64) -> Outcome<[u64; 2]> {
    const FILES: u64 = 4;
    let mut dice = Dice::new(1);
    for format in ["parquet", "ndjson"] {
        std::fs::create_dir_all(folder.join("logs").join(format))?;
    }
    let mut sizes = [0, 0];
    for file in 0..FILES {
        let path = |format: &str| folder.join("logs").join(format).join(format!("{file}.{format}"));
        let mut parquet = ParquetWriter::create(&path("parquet")).map_err(failed)?;
        let mut lines = std::io::BufWriter::new(std::fs::File::create(path("ndjson"))?);
        let mut number = file * events / FILES;
        let end = (file + 1) * events / FILES;
        while number < end {
            let until = (number + 8_192).min(end);
            let rows: Vec<_> = (number..until).map(|number| event(number, &mut dice)).collect();
            for row in &rows {
                lines.write_all(rows_json::row_to_json(row).as_bytes())?;
                lines.write_all(b"\n")?;
            }
            parquet.add(&rows).map_err(failed)?;
            number = until;
        }
        parquet.finish().map_err(failed)?;
        lines.flush()?;
        for (size, format) in sizes.iter_mut().zip(["parquet", "ndjson"]) {
            *size += std::fs::metadata(path(format))?.len();
        }
    }
    Ok(sizes)
}

fn predicates(count: usize) -> Outcome<Vec<Arc<Predicate>>> {
    let mut dice = Dice::new(2);
    let mut predicates = Vec::with_capacity(count);
    for number in 0..count {
        let text = rule(number, &mut dice);
        let mut file = sigma::read_rules("generated.yml", &text);
        let Some(rule) = file.rules.pop() else {
            let problem = file.problems.first().map(ToString::to_string).unwrap_or_default();
            return Err(Complaint::failed(format!(
                "a generated rule is refused: {problem}\n{text}"
            )));
        };
        predicates.extend(rule.conditions.into_iter().map(Arc::new));
    }
    Ok(predicates)
}

fn by_predicate(predicate: &Arc<Predicate>) -> Query {
    Query::Predicate { predicate: predicate.clone(), columns: Arc::new([]) }
}

fn by_sql(text: &str) -> Query {
    Query::Sql { text: text.into(), values: Arc::new([]), class: QueryClass::PerEvent }
}

/// What a run took.
#[derive(Clone, Debug, Default)]
struct Measured {
    wall: Duration,
    cpu: Duration,
    matches: f64,
    peak: u64,
}

impl Measured {
    fn add(&mut self, other: &Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
        self.matches += other.matches;
        self.peak = self.peak.max(other.peak);
    }

    fn scaled(&self, by: f64) -> Self {
        Self {
            wall: self.wall.mul_f64(by),
            cpu: self.cpu.mul_f64(by),
            matches: self.matches * by,
            peak: self.peak,
        }
    }

    fn figures(
        &self,
        name: &'static str,
        format: &'static str,
        rules: usize,
        events: u64,
        file_bytes: u64,
    ) -> Figures {
        let (seconds, cpu_seconds) = (self.wall.as_secs_f64(), self.cpu.as_secs_f64());
        Figures {
            name,
            profile: PROFILE,
            format,
            rules,
            events,
            file_bytes,
            matches: self.matches as u64,
            seconds,
            cpu_seconds,
            events_per_second: events as f64 / seconds.max(1e-9),
            events_per_second_per_core: events as f64 / cpu_seconds.max(1e-9),
            peak_memory_bytes: self.peak,
        }
    }
}

/// Counts matches and drops them.
struct Counting(Arc<AtomicU64>);

impl MatchSink for Counting {
    fn take(&mut self, matches: Vec<Match>) -> ControlFlow<()> {
        self.0.fetch_add(matches.len() as u64, Ordering::Relaxed);
        ControlFlow::Continue(())
    }
}

/// Asks all questions of the files of one format, as a fresh engine.
async fn measure(folder: &Path, format: &str, questions: &[Query]) -> Outcome<Measured> {
    let engine = DataFusionEngine::new(Settings {
        root: folder.join("logs").display().to_string(),
        options: Vec::new(),
        memory_max: Some(4 << 30),
        state: folder.join("state"),
    })
    .map_err(failed)?;
    let scans: Vec<Scan> = questions.iter().map(|query| scan(format, query)).collect();
    let matches = Arc::new(AtomicU64::new(0));
    let mut sinks: Vec<Box<dyn MatchSink>> =
        scans.iter().map(|_| Box::new(Counting(matches.clone())) as Box<dyn MatchSink>).collect();
    os::forget_peak();
    let (before, began) = (usage()?, Instant::now());
    let reports = engine.run_together(&scans, &mut sinks).await;
    let (wall, after) = (began.elapsed(), usage()?);
    for report in reports {
        report.map_err(failed)?;
    }
    Ok(Measured {
        wall,
        cpu: after.cpu.saturating_sub(before.cpu),
        matches: matches.load(Ordering::Relaxed) as f64,
        peak: after.peak,
    })
}

fn usage() -> Outcome<os::Usage> {
    os::usage(std::process::id()).ok_or_else(|| Complaint::failed("this process has no figures"))
}

fn scan(table: &str, query: &Query) -> Scan {
    let window = Window::new(Position(0), Position::MAX).expect("zero is before the last");
    let source = Source {
        table: table.into(),
        domain: Domain::EventTime,
        event_time: Some("UtcTime".into()),
        ingest_time: None,
        cursor: None,
        identity: Arc::new([]),
        columns: Arc::new([]),
        part: "".into(),
        lateness_max: None,
    };
    let limits =
        ScanLimits { timeout: Duration::from_secs(3_600), rows_max: u64::MAX, memory_max: 4 << 30 };
    Scan { source, query: query.clone(), read: window, emit: window, tag: "bench".into(), limits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_rules_are_rules_and_some_of_them_match() {
        let folder = tempfile::tempdir().unwrap();
        write_events(folder.path(), 2_000).unwrap();
        let asked: Vec<Query> = predicates(400).unwrap().iter().map(by_predicate).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let of = |format: &str| {
            let measured = runtime.block_on(measure(folder.path(), format, &asked)).unwrap();
            measured.matches as u64
        };
        let matches = of("parquet");
        assert!(matches > 0);
        assert_eq!(of("ndjson"), matches, "both formats hold the same events");
    }
}
