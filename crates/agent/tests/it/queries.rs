//! The real evaluator behind the agent's port.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::collector::{Evidence, FileSent, FileToSend, Halt, Order, Question, StopSign};
use agent::{Collector, HostNeeds, VqlCollector};
use base::{Clock, FixedClock, SeededEntropy, Timestamp};
use model::collect::{CompiledCollection, CompiledSource};
use vql_plugin::Host;

fn collector() -> VqlCollector {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(Timestamp::from_secs(1_700_000_000)));
    let make_host = |needs: HostNeeds| {
        let host = Host::builder(needs.clock, Box::new(SeededEntropy::new(1)));
        match needs.uploads {
            Some(uploads) => host.uploads(uploads).build(),
            None => host.build(),
        }
    };
    VqlCollector::new(vql_std::catalog(), clock, Box::new(make_host))
}

fn ask(vql: &str, rows_max: usize, bytes_max: usize) -> Result<Vec<String>, String> {
    collector().ask(Question {
        vql: vql.to_owned(),
        time_max: Duration::from_secs(10),
        rows_max,
        bytes_max,
        labels: vec!["MY_LABEL".to_owned(), "web".to_owned()],
        stop: StopSign::default(),
    })
}

#[test]
fn a_client_query_sees_the_labels() {
    let rows = ask("SELECT config.Client_labels AS Labels FROM scope()", 10, 1_000);
    assert_eq!(rows, Ok(vec![r#"{"Labels":["MY_LABEL","web"]}"#.to_owned()]));
}

#[test]
fn a_client_query_keeps_its_limits() {
    let many = "SELECT * FROM range(end=100)";
    assert_eq!(ask(many, 99, 100_000).unwrap_err(), "the client query gave more than 99 rows");
    assert_eq!(ask(many, 100, 50).unwrap_err(), "the client query gave more than 50 bytes of rows");
    assert_eq!(ask(many, 100, 100_000).unwrap().len(), 100);
    assert!(ask("SELEKT", 1, 1).unwrap_err().starts_with("the client query does not compile"));
    let unknown = ask("SELECT * FROM no_such_plugin()", 10, 1_000).unwrap_err();
    assert!(unknown.contains("no_such_plugin"), "{unknown}");
}

/// Keeps everything.
#[derive(Default)]
struct Kept {
    rows: Mutex<Vec<(String, String)>>,
    log: Mutex<Vec<(String, bool)>>,
    done: Mutex<Vec<String>>,
}

impl Evidence for Kept {
    fn row(&self, source: &str, json: String) -> Result<(), Halt> {
        self.rows.lock().unwrap().push((source.to_owned(), json));
        Ok(())
    }

    fn log(&self, level: &str, text: &str, failure: bool) {
        self.log.lock().unwrap().push((format!("{level}:{text}"), failure));
    }

    fn file(&self, _file: FileToSend<'_>) -> Result<FileSent, String> {
        Err("no files here".to_owned())
    }

    fn source_done(&self, source: &str) {
        self.done.lock().unwrap().push(source.to_owned());
    }

    fn breathe(&self) -> Result<(), Halt> {
        Ok(())
    }
}

fn source(name: &str, vql: &str, precondition: Option<&str>) -> CompiledSource {
    CompiledSource {
        name: name.to_owned(),
        vql: vql.to_owned(),
        precondition: precondition.map(str::to_owned),
    }
}

fn collect(sources: Vec<CompiledSource>) -> (Result<(), String>, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let collection = CompiledCollection {
        artifact: "A".to_owned(),
        environment: vec![("n".to_owned(), "3".to_owned())],
        prelude: "LET n <= int(int=n)".to_owned(),
        sources,
        ..CompiledCollection::default()
    };
    let order = Order {
        collections: vec![collection],
        time_max: Duration::from_secs(10),
        labels: vec!["web".to_owned()],
        stop: StopSign::default(),
    };
    (collector().collect(order, Arc::clone(&kept) as Arc<dyn Evidence>), kept)
}

#[test]
fn sources_yield_rows_under_their_names() {
    let (result, kept) = collect(vec![
        source("A/Rows", "SELECT _value AS v FROM range(end=n)", None),
        source("A/Never", "SELECT 1 FROM scope()", Some("SELECT 1 FROM scope() WHERE FALSE")),
    ]);
    assert_eq!(result, Ok(()));
    let rows: Vec<String> =
        kept.rows.lock().unwrap().iter().map(|(name, row)| format!("{name} {row}")).collect();
    assert_eq!(rows, [r#"A/Rows {"v":0}"#, r#"A/Rows {"v":1}"#, r#"A/Rows {"v":2}"#]);
    assert_eq!(*kept.done.lock().unwrap(), ["A/Rows"]);
    let log = kept.log.lock().unwrap();
    assert!(log.iter().any(|(text, failure)| text.contains("A/Never") && !failure), "{log:?}");
}

#[test]
fn an_error_in_the_log_is_a_failure() {
    let (result, kept) = collect(vec![source("A", "SELECT no_such(a=1) AS x FROM scope()", None)]);
    assert_eq!(result, Ok(()));
    assert!(kept.log.lock().unwrap().iter().any(|(_, failure)| *failure));
}

#[test]
fn nothing_runs_when_a_text_does_not_compile() {
    let (result, kept) = collect(vec![
        source("A/Good", "SELECT 1 FROM scope()", None),
        source("A/Bad", "SELEKT", None),
    ]);
    assert!(result.unwrap_err().contains("A/Bad"));
    assert_eq!(kept.rows.lock().unwrap().len(), 0);
}

#[test]
fn a_window_is_seen_as_two_moments() {
    let kept = Arc::new(Kept::default());
    let moment = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let collection = CompiledCollection {
        environment: vec![
            moment("window_from", "2026-01-01T00:00:00Z"),
            moment("window_to", "2026-01-02T00:00:00.5Z"),
        ],
        prelude: "LET window_from <= timestamp(epoch=window_from)\n\
                  LET window_to <= timestamp(epoch=window_to)\n"
            .to_owned(),
        sources: vec![source(
            "A",
            "SELECT window_from AS F, window_to AS T, \
             timestamp(epoch='2026-01-01T12:00:00Z') >= window_from \
               AND timestamp(epoch='2026-01-01T12:00:00Z') < window_to AS Inside \
             FROM scope()",
            None,
        )],
        ..CompiledCollection::default()
    };
    let order = Order {
        collections: vec![collection],
        time_max: Duration::from_secs(10),
        labels: Vec::new(),
        stop: StopSign::default(),
    };
    collector().collect(order, Arc::clone(&kept) as Arc<dyn Evidence>).unwrap();
    let rows = kept.rows.lock().unwrap();
    let want = r#"{"F":"2026-01-01T00:00:00Z","T":"2026-01-02T00:00:00.5Z","Inside":true}"#;
    assert_eq!(rows[0].1, want);
}
