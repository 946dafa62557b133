//! A machine made of a folder with evidence, and how an artifact is collected on it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use artifacts::{ArtifactSet, SourceChoice, compile};
use base::{FixedClock, SeededEntropy, Timestamp};
use expect_test::Expect;
use parking_lot::Mutex;
use rows::Dict;
use vql_eval::{Collected, CollectionPlan, Setup, language, on_big_stack};
use vql_machine::made_up::MadeUpMachine;
use vql_machine::{Machine, ProcessTracker};
use vql_plugin::{Catalog, Host, LogLine, UploadFailed, UploadRecord, UploadRequest, Uploads};

/// A folder that stands for the root of a machine.
pub(crate) struct World {
    root: tempfile::TempDir,
    machine: Arc<dyn Machine>,
}

impl World {
    pub(crate) fn new() -> Self {
        let machine = Arc::new(MadeUpMachine::web_server());
        Self { root: tempfile::tempdir().unwrap(), machine }
    }

    /// The same files on another machine.
    pub(crate) fn of(self, machine: Arc<dyn Machine>) -> Self {
        Self { machine, ..self }
    }

    /// The folder that `ROOT` stands for.
    pub(crate) fn root(&self) -> String {
        self.root.path().to_str().unwrap().to_owned()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// Adds a file that was changed on 2 January 2026.
    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        self.file_of(path, content, 1_767_323_045)
    }

    /// Adds a file that was changed so many seconds after 1970.
    pub(crate) fn file_of(self, name: &str, content: &str, changed: u64) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(changed)).unwrap();
        self.mode(name, "644")
    }

    /// Adds a file that is no text.
    pub(crate) fn bytes(self, name: &str, content: &[u8]) -> Self {
        let world = self.file(name, "");
        fs::write(world.path(name), content).unwrap();
        world
    }

    /// Adds a file that gzip packed.
    pub(crate) fn gzip(self, name: &str, content: &str) -> Self {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(content.as_bytes()).unwrap();
        self.bytes(name, &packed.finish().unwrap())
    }

    /// Writes at the end of a file.
    pub(crate) fn append(&self, name: &str, content: &str) {
        let mut file = fs::File::options().append(true).open(self.path(name)).unwrap();
        file.write_all(content.as_bytes()).unwrap();
    }

    /// Sets the mode of a file, as `chmod` understands it.
    pub(crate) fn mode(self, path: &str, mode: &str) -> Self {
        let path = self.path(path);
        let done = std::process::Command::new("chmod").arg(mode).arg(path).status().unwrap();
        assert!(done.success());
        self
    }

    /// Adds a program. Another process writes it, because a file that any thread of this one still
    /// holds open for writing while a third is starting a process cannot be run.
    pub(crate) fn program(self, name: &str, content: &str) -> Self {
        let draft = format!("{name}.draft");
        let world = self.file(&draft, content);
        let (from, to) = (world.path(&draft), world.path(name));
        let done = std::process::Command::new("cp").args([&from, &to]).status().unwrap();
        assert!(done.success());
        fs::remove_file(from).unwrap();
        world.mode(name, "755")
    }

    /// Adds a symbolic link.
    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let done = std::process::Command::new("ln").args(["-s", target]).arg(path).status();
        assert!(done.unwrap().success());
        self
    }

    /// Collects an artifact whose parameters may name the root as `ROOT`, and compares the rows:
    /// one line each, source first, sorted because folders have no order. A log line that means a
    /// failure is one more line.
    pub(crate) fn check(&self, artifact: &str, parameters: &[(&str, &str)], wanted: Expect) {
        let mut lines = self.collect(artifact, parameters);
        lines.sort();
        wanted.assert_eq(&lines.join("\n"));
    }

    /// Like [`Self::check`], for artifacts whose rows have an order.
    pub(crate) fn check_order(&self, artifact: &str, parameters: &[(&str, &str)], wanted: Expect) {
        wanted.assert_eq(&self.collect(artifact, parameters).join("\n"));
    }

    fn collect(&self, artifact: &str, parameters: &[(&str, &str)]) -> Vec<String> {
        let (plan, setup, log) = self.prepared(artifact, parameters);
        let mut lines = on_big_stack(|| {
            let collection = plan.start(setup, Dict::new());
            let names: Vec<&str> = plan.sources().collect();
            let shown = |collected| match collected {
                Collected::Row { source, row } => {
                    let name = names[source].strip_prefix(artifact).unwrap();
                    Some(format!("{name} {}", rows_json::row_to_json(&row)).trim().to_owned())
                }
                Collected::Skipped { source } => Some(format!("{} skipped", names[source])),
                Collected::Finished { .. } => None,
            };
            collection.filter_map(shown).collect::<Vec<_>>()
        })
        .unwrap();
        let failures = log.lock();
        let failures = failures.iter().filter(|line| line.means_failure());
        lines.extend(failures.map(|line| format!("LOG {}", line.text)));
        lines.iter().map(|line| steady(&line.replace(&self.root(), "ROOT"))).collect()
    }

    /// Collects an artifact that never ends, while `change` changes the world again and again, until
    /// `enough` was seen.
    pub(crate) fn watch(
        &self,
        artifact: &str,
        parameters: &[(&str, &str)],
        change: impl Fn(u32) + Sync,
        enough: impl Fn(&[String]) -> bool + Sync,
    ) -> Vec<String> {
        let (plan, setup, log) = self.prepared(artifact, parameters);
        let cancel = setup.cancel.clone();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for round in 0.. {
                    if cancel.is_cancelled() {
                        return;
                    }
                    change(round);
                    std::thread::park_timeout(Duration::from_millis(50));
                }
            });
            let seen = on_big_stack(|| {
                let mut seen = Vec::new();
                for collected in plan.start(setup, Dict::new()) {
                    if let Collected::Row { row, .. } = collected {
                        seen.push(rows_json::row_to_json(&row).replace(&self.root(), "ROOT"));
                    }
                    if enough(&seen) {
                        break;
                    }
                }
                seen
            });
            cancel.cancel();
            let log = log.lock();
            let failure = log.iter().find(|line| line.means_failure());
            assert!(failure.is_none(), "{failure:?}");
            seen.unwrap()
        })
    }

    fn prepared(
        &self,
        artifact: &str,
        parameters: &[(&str, &str)],
    ) -> (CollectionPlan, Setup, Log) {
        let given: Vec<_> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.replace("ROOT", &self.root())))
            .collect();
        let set = ArtifactSet::built_in();
        let compiled = compile(&set, artifact, &given, &SourceChoice::All)
            .unwrap_or_else(|wrong| panic!("{artifact}: {wrong:?}"));
        let catalog =
            language().and(vql_std::catalog()).and(vql_machine::catalog(self.machine.clone()));
        let plan = CollectionPlan::compile(compiled, &catalog).unwrap();
        let log = Log::default();
        let mut setup = Setup::new(host(), Arc::new(catalog));
        let sink = log.clone();
        setup.log = Arc::new(move |line: LogLine| sink.lock().push(line));
        (plan, setup, log)
    }
}

type Log = Arc<Mutex<Vec<LogLine>>>;

/// A row without the moments that a test cannot set.
fn steady(line: &str) -> String {
    ["Atime", "Ctime", "Btime"].iter().fold(line.to_owned(), |line, column| {
        let key = format!("\"{column}\":\"");
        let Some((before, after)) = line.split_once(&key) else {
            return line;
        };
        let rest = after.split_once('"').map_or("", |(_, rest)| rest);
        format!("{before}{key}now\"{rest}")
    })
}

/// What queries may call about a made-up web server.
pub(crate) fn catalog() -> Catalog {
    let machine = Arc::new(MadeUpMachine::web_server());
    language().and(vql_std::catalog()).and(vql_machine::catalog(machine))
}

/// A program around the query whose clock stands at the first day of 2100.
pub(crate) fn host() -> Host {
    let clock = FixedClock::at(Timestamp::from_secs(4_102_444_800));
    Host::builder(Arc::new(clock), Box::new(SeededEntropy::new(1)))
        .accessors(accessors::all())
        .uploads(Arc::new(Sink))
        .port(Arc::<ProcessTracker>::default())
        .build()
}

/// Takes uploads and keeps nothing.
struct Sink;

impl Uploads for Sink {
    fn upload(&self, request: UploadRequest<'_>) -> Result<UploadRecord, UploadFailed> {
        let mut content = Vec::new();
        let size = request.content.read_to_end(&mut content).unwrap() as u64;
        let path = request.name;
        Ok(UploadRecord { path, size, stored_size: size, ..UploadRecord::default() })
    }
}
