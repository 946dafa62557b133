//! Asks a query and writes down its rows and its log. The only place that knows how.

use std::path::Path;
use std::sync::Arc;

use base::{Clock, FixedClock, SeededEntropy, Timestamp};
use parking_lot::Mutex;
use rows::{Dict, Text, Value};
use vql_eval::{Cancel, Program, Run, Setup};
use vql_machine::ProcessTracker;
use vql_machine::made_up::MadeUpMachine;
use vql_plugin::{Catalog, Host, LogLine, UploadFailed, UploadRecord, UploadRequest, Uploads};

/// Keeps what is uploaded in memory.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Mutex<Vec<(Vec<Text>, Vec<u8>)>>);

impl Uploads for Kept {
    fn upload(&self, request: UploadRequest<'_>) -> Result<UploadRecord, UploadFailed> {
        let mut content = Vec::new();
        request.content.read_to_end(&mut content).map_err(|e| UploadFailed(e.to_string()))?;
        let record = UploadRecord {
            path: request.name.clone(),
            components: request.components.clone(),
            size: content.len() as u64,
            stored_size: content.len() as u64,
            ..UploadRecord::default()
        };
        self.0.lock().push((request.components, content));
        Ok(record)
    }
}

/// Everything that a query is asked with.
pub(crate) struct Asker {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) cancel: Cancel,
    pub(crate) variables: Dict,
    tracker: Arc<ProcessTracker>,
    clock: Arc<dyn Clock>,
}

impl Asker {
    /// About a made-up web server. The time is 2023-11-15T00:00:00Z.
    pub(crate) fn new() -> Self {
        let machine = Arc::new(MadeUpMachine::web_server());
        Self::about(machine)
    }

    pub(crate) fn about(machine: Arc<dyn vql_machine::Machine>) -> Self {
        let catalog =
            vql_eval::language().and(vql_std::catalog()).and(vql_machine::catalog(machine));
        let now = Timestamp::from_secs(1_700_006_400);
        Self {
            catalog: Arc::new(vql_std::self_describing(catalog)),
            kept: Arc::default(),
            cancel: Cancel::default(),
            variables: Dict::new(),
            tracker: Arc::default(),
            clock: Arc::new(FixedClock::at(now)),
        }
    }

    /// With a variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.variables.set(name, value);
        self
    }

    /// A run and where its log goes.
    pub(crate) fn run(&self) -> (Run, Arc<Mutex<Vec<String>>>) {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = log.clone();
        let host = Host::builder(self.clock.clone(), Box::new(SeededEntropy::new(1)))
            .accessors(accessors::all())
            .uploads(self.kept.clone())
            .port(self.tracker.clone())
            .build();
        let setup = Setup {
            log: Arc::new(move |line: LogLine| lines.lock().push(line.to_string())),
            cancel: self.cancel.clone(),
            ..Setup::new(host, self.catalog.clone())
        };
        (Run::new(setup, self.variables.clone()), log)
    }

    /// The rows as JSON lines, then the log.
    pub(crate) fn ask(&self, query: &str) -> String {
        let program = match Program::compile(query, &self.catalog) {
            Ok(program) => program,
            Err(wrong) => return format!("{wrong:?}"),
        };
        let (run, log) = self.run();
        let mut lines: Vec<String> =
            run.rows(&program).map(|row| rows_json::row_to_json(&row.row)).collect();
        drop(run);
        lines.extend(log.lock().iter().map(|line| format!("log: {line}")));
        lines.join("\n")
    }
}

/// A made-up tree of files; `{}` in a query stands for its root.
pub(crate) struct Tree(tempfile::TempDir);

impl Tree {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Self(root)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Asks, with the root written as `{}` on both sides.
    pub(crate) fn ask(&self, query: &str) -> String {
        self.ask_as(&Asker::new(), query)
    }

    pub(crate) fn ask_as(&self, asker: &Asker, query: &str) -> String {
        let root = self.path().to_string_lossy().into_owned();
        asker.ask(&query.replace("{}", &root)).replace(&root, "{}")
    }
}
