//! How tests ask: one place that knows how the evaluator is called.

use std::sync::{Arc, Mutex};

use base::{Clock, FixedClock, SeededEntropy, Timestamp};
use rows::Dict;
use vql_eval::{Limits, Program, Run, Setup, StopReason, language, on_big_stack};
use vql_plugin::{Catalog, Host, LogLine, MemorySpill};

/// What a query answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Rows of the last SELECT as JSON.
    pub(crate) rows: Vec<String>,
    /// Log lines with their level.
    pub(crate) log: Vec<String>,
    /// What is wrong with the text.
    pub(crate) error: Option<String>,
    pub(crate) stopped: Option<StopReason>,
}

pub(crate) fn host() -> Host {
    host_at(Arc::new(FixedClock::at(Timestamp::from_secs(1_700_000_000))))
}

pub(crate) fn host_at(clock: Arc<dyn Clock>) -> Host {
    Host::builder(clock, Box::new(SeededEntropy::new(1))).build()
}

/// A setup whose log goes into the list.
pub(crate) fn setup(catalog: Catalog) -> (Setup, Arc<Mutex<Vec<LogLine>>>) {
    let log: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let sink = log.clone();
    let mut setup = Setup::new(host(), Arc::new(catalog));
    setup.log = Arc::new(move |line: LogLine| sink.lock().unwrap().push(line));
    (setup, log)
}

pub(crate) fn ask(text: &str) -> Answer {
    ask_with(text, Limits::default(), Dict::new(), language())
}

pub(crate) fn ask_with(text: &str, limits: Limits, variables: Dict, catalog: Catalog) -> Answer {
    let (mut setup, log) = setup(catalog);
    setup.limits = limits;
    ask_in(text, setup, &log, variables)
}

/// Asks with temporary files on this disk.
pub(crate) fn ask_with_disk(
    text: &str,
    limits: Limits,
    variables: Dict,
    disk: &MemorySpill,
) -> Answer {
    let (mut setup, log) = setup(language());
    setup.limits = limits;
    let clock = Arc::new(FixedClock::at(Timestamp::from_secs(1_700_000_000)));
    let host = Host::builder(clock, Box::new(SeededEntropy::new(1)));
    setup.host = host.spill(Arc::new(disk.clone())).build();
    ask_in(text, setup, &log, variables)
}

fn ask_in(text: &str, setup: Setup, log: &Mutex<Vec<LogLine>>, variables: Dict) -> Answer {
    let program = match Program::compile(text, &setup.catalog) {
        Ok(program) => program,
        Err(wrong) => return Answer { error: Some(wrong.to_string()), ..Answer::default() },
    };
    let mut answer = on_big_stack(|| {
        let run = Run::new(setup, variables);
        let mut answer = Answer::default();
        let last = program.selects().saturating_sub(1);
        for found in run.rows(&program) {
            if found.select == last {
                answer.rows.push(rows_json::row_to_json(&found.row));
            }
        }
        answer.stopped = run.stop_reason();
        answer
    })
    .unwrap();
    answer.log = log.lock().unwrap().iter().map(ToString::to_string).collect();
    answer
}
