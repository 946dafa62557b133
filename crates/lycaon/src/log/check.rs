//! `lycaon log check`: what is wrong in the files, and whether rules find what their authors expect.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{FixedClock, Timestamp};
use log_rules::{
    Dataset, Definitions, Engine, EngineKind, FirstFrom, Rule, RuleTest, Selection, Tenant, Ticks,
};
use loghunt::engine::{EngineError, SqlEngine};
use loghunt::memory::MemoryLog;
use loghunt::ports::{FindingQuery, FindingStore};
use model::log::{DatasetName, Domain, EngineName, TenantName};
use model::store::Paging;
use rows::Row;
use scheduler::{Ports, Scheduler};
use serde_json::json;

use super::config;
use super::engines::OpenEngines;
use super::state::{Records, broken};
use super::tick::{runtime, settings};
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::output::{OutputArgs, record_of};

/// Check definitions as a whole, and what their tests say
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log check rules/\n  lycaon log check rules/ --tests --format jsonl"
)]
pub(super) struct CheckArgs {
    /// Folders and files with definitions
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also run the tests of rules
    #[arg(long)]
    tests: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CheckArgs) -> Outcome {
    let (definitions, problems) = log_rules::read(&config::files(&args.paths)?);
    let mut errors = problems.iter().filter(|one| config::is_error(one)).count();
    if args.output.is_table() {
        problems.iter().for_each(|problem| note(&config::line(problem)));
    } else {
        let mut out = args.output.records(&["file", "line", "column", "severity", "field"]);
        for one in &problems {
            let severity = if config::is_error(one) { "error" } else { "warning" };
            out.push(record_of(&json!({
                "file": one.file,
                "line": one.line,
                "column": one.column,
                "severity": severity,
                "field": one.field,
                "message": one.message,
                "hint": one.hint,
            })))?;
        }
        out.finish()?;
    }
    if args.tests {
        errors += run_tests(&definitions, &args.output)?;
    }
    if errors > 0 {
        return Err(Complaint::failed(format!("{errors} of what was checked is wrong")));
    }
    note(&format!(
        "{} tenants, {} rules, {} engines: all is well",
        definitions.tenants.len(),
        definitions.rules.len(),
        definitions.engines.len()
    ));
    Ok(())
}

/// How many tests failed.
fn run_tests(definitions: &Definitions, output: &OutputArgs) -> Outcome<usize> {
    let mut out = output.records(&["rule", "test", "outcome", "detail"]);
    let mut failed = 0;
    let runtime = runtime()?;
    for rule in &definitions.rules {
        for test in &rule.tests {
            let outcome = runtime.block_on(outcome(definitions, rule, test))?;
            failed += usize::from(outcome.is_err());
            let word = if outcome.is_ok() { "passed" } else { "failed" };
            out.push(record_of(&json!({
                "rule": rule.name.as_str(),
                "test": test.name,
                "outcome": word,
                "detail": outcome.err().unwrap_or_default(),
            })))?;
        }
    }
    out.finish()?;
    Ok(failed)
}

/// Runs one test through the scheduler itself: rows in memory, one tick after all of them, and the
/// findings are what was found.
pub(super) async fn outcome(
    definitions: &Definitions,
    rule: &Rule,
    test: &RuleTest,
) -> Outcome<Result<(), String>> {
    let datasets: Vec<Dataset> =
        test.given.iter().map(|(name, _)| dataset(definitions, name)).collect();
    let times: Vec<Timestamp> = test
        .given
        .iter()
        .zip(&datasets)
        .flat_map(|((_, rows), dataset)| rows.iter().filter_map(|row| time_of(row, dataset)))
        .collect();
    let first = times.iter().min().copied().unwrap_or(Timestamp::EPOCH);
    let last = times.iter().max().copied().unwrap_or(first);
    // A whole second after the last row, so that its window has it.
    let at = Timestamp::from_secs(last.as_micros().div_euclid(1_000_000) + 2);
    let mut rule = rule.clone();
    rule.datasets = test.given.iter().map(|(name, _)| name.clone()).collect();
    rule.tenants = Selection { include: vec!["*".into()], exclude: Vec::new() };
    rule.disabled = false;
    rule.notify.clear();
    // One tick sees all rows: an opaque rule reads the window of each tick by itself.
    let every = at.since(first) + Duration::from_secs(1);
    rule.schedule.ticks = Ticks::Every { every, anchor: at };
    rule.schedule.log_buffer = Duration::ZERO;
    rule.schedule.max_window = Duration::from_secs(u64::from(u32::MAX) * 10);
    rule.schedule.first_from = FirstFrom::Ago(at.since(first) + Duration::from_secs(1));
    let tenant = Tenant {
        name: TenantName::new("test").expect("a name"),
        datasets,
        weight: 1,
        concurrency: 1,
        bytes_per_day: None,
        secrets: Vec::new(),
        overrides: Vec::new(),
        lists: Vec::new(),
    };
    let engine = Engine {
        name: EngineName::new("test").expect("a name"),
        kind: EngineKind::Null,
        concurrency: 1,
        timeout: Duration::from_secs(60),
    };
    let prepared = Definitions {
        engines: vec![engine],
        tenants: vec![tenant],
        rules: vec![rule],
        pipelines: definitions.pipelines.clone(),
        ..Definitions::default()
    };
    found(prepared, test, at).await
}

async fn found(
    definitions: Definitions,
    test: &RuleTest,
    at: Timestamp,
) -> Outcome<Result<(), String>> {
    let clock = Arc::new(FixedClock::at(at));
    let store = Arc::new(MemoryLog::new(clock.clone()));
    let tables = test.given.iter().map(|(name, rows)| (name.to_string(), rows.clone()));
    let engine = match super::engines::in_memory(tables.collect()) {
        Ok(engine) => engine,
        Err(error) => return Ok(Err(error.message)),
    };
    let unused = OpenEngines::new(std::path::Path::new("."));
    let ports = Records::of(store.clone()).ports(unused, clock);
    let ports = Ports { engines: Arc::new(Given(engine)), ..ports };
    let scheduler = Scheduler::new(ports, settings("test"), Arc::new(definitions));
    if let Some(problem) = scheduler.roster().problems.first() {
        return Ok(Err(problem.clone()));
    }
    let ran = scheduler.tick_at(at).await;
    for one in &ran {
        if one.outcome.word() != "committed" {
            return Ok(Err(format!("{}: {}", one.outcome.word(), one.outcome.detail())));
        }
    }
    let query = FindingQuery { paging: Paging::ALL, ..FindingQuery::default() };
    let findings = store.findings(&query).await.map_err(broken)?.items;
    let rows: Vec<Row> = findings.into_iter().map(|finding| finding.row).collect();
    Ok(log_rules::test_outcome(&test.expect, &rows).map_err(|mismatch| mismatch.to_string()))
}

/// The rows of a test, whoever asks.
struct Given(Arc<dyn SqlEngine>);

#[async_trait]
impl scheduler::Engines for Given {
    async fn engine(
        &self,
        _definitions: &Arc<Definitions>,
        _tenant: &TenantName,
        _engine: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError> {
        Ok(self.0.clone())
    }
}

/// A dataset as tests mean it: by event time, in the names of rules.
fn dataset(definitions: &Definitions, name: &DatasetName) -> Dataset {
    let known = definitions.tenants.iter().flat_map(|tenant| &tenant.datasets);
    let event_time = known.clone().find(|one| one.name == *name).and_then(|one| {
        let column = one.event_time.clone()?;
        let field = one.columns.iter().find(|(_, mapped)| *mapped == column);
        Some(field.map_or(column, |(field, _)| field.clone()))
    });
    let log_source =
        known.clone().find(|one| one.name == *name).and_then(|one| one.log_source.clone());
    Dataset {
        name: name.clone(),
        engine: EngineName::new("test").expect("a name"),
        table: name.to_string(),
        domain: Domain::EventTime,
        event_time: Some(event_time.unwrap_or_else(|| "event_time".to_owned())),
        ingest_time: None,
        cursor: None,
        identity: Vec::new(),
        columns: Vec::new(),
        schema: Vec::new(),
        log_source,
        retention: None,
        log_buffer: None,
        skew_max: Duration::from_secs(300),
        lateness_max: None,
        on_replace: log_rules::OnReplace::Stop,
        audit_ages: Vec::new(),
    }
}

fn time_of(row: &Row, dataset: &Dataset) -> Option<Timestamp> {
    row.get(dataset.event_time.as_deref()?).and_then(loghunt::finding::moment_of)
}
