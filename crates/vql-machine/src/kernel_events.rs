//! The events of processes under the names of the tracer that artifacts know, as rows.
//!
//! Artifacts ask for kernel events by the names of an eBPF tracer. This program loads no eBPF: it has
//! what the kernel's process connector tells, which is starts, program changes and ends of
//! processes, tracing and new sessions. [`OFFERED`] lists them; every other name is refused by name.
//!
//! What the connector does not tell (arguments, paths, the user) is asked of the machine at once. A
//! process that has ended by then has only its number, and what was known of it before.

use std::collections::HashMap;

use parsers::linux::connector::{Happened, ProcessEvent};
use rows::{Dict, Row, Time, Value};

use crate::machine::{Machine, Process};

/// The events, with what each tells.
pub(crate) const OFFERED: [(&str, &str); 5] = [
    ("sched_process_exec", "a process runs another program: its path, arguments and directory"),
    ("sched_process_exit", "a process has ended: its exit code and signal"),
    ("sched_process_fork", "a process has started another one"),
    ("ptrace", "a process traces another one, or stops to"),
    ("setsid", "a process has opened a session of its own"),
];

/// The name of an event; `None` for what no artifact asks for.
fn name(event: &ProcessEvent) -> Option<&'static str> {
    match event.what {
        Happened::Exec => Some("sched_process_exec"),
        // A process ends with its first thread; the others are no news.
        Happened::Exit { .. } if event.process == event.thread => Some("sched_process_exit"),
        Happened::Fork { child, child_thread } if child == child_thread => {
            Some("sched_process_fork")
        }
        Happened::Traced { .. } => Some("ptrace"),
        Happened::Session => Some("setsid"),
        _ => None,
    }
}

/// How many processes are remembered for when they end.
const KNOWN_MAX: usize = 20_000;

/// What is remembered of a process.
#[derive(Clone)]
struct Known {
    name: String,
    parent: i64,
    uid: Option<u32>,
}

/// Makes rows of events.
pub(crate) struct Rows<'a> {
    pub(crate) machine: &'a dyn Machine,
    pub(crate) with_environment: bool,
}

/// The processes that have been seen.
#[derive(Default)]
pub(crate) struct Seen(HashMap<i64, Known>);

impl Rows<'_> {
    /// The row of an event that is wanted; `now` is when it came.
    pub(crate) fn row(
        &self,
        event: &ProcessEvent,
        now: Time,
        wanted: impl Fn(&str) -> bool,
        seen: &mut Seen,
    ) -> Option<Row> {
        let name = name(event)?;
        // A start is remembered even when only ends are wanted: an end tells little by itself.
        let start = matches!(event.what, Happened::Exec);
        if !start && !wanted(name) {
            return None;
        }
        let process = self.machine.process(event.process);
        let known = seen.learn(event, process.as_ref());
        if !wanted(name) {
            return None;
        }
        let data = self.data(event, process);
        Some(Row::new().with("System", system(name, event, known, now)).with("EventData", data))
    }

    fn data(&self, event: &ProcessEvent, process: Option<Process>) -> Dict {
        match event.what {
            Happened::Exec => {
                let process = process.unwrap_or_default();
                let path = Some(process.exe).filter(|path| !path.is_empty());
                let mut data = Dict::new()
                    .with("cmdpath", path.clone())
                    .with("pathname", path)
                    .with("argv", Value::array(process.arguments))
                    .with("cwd", Some(process.cwd).filter(|cwd| !cwd.is_empty()));
                if self.with_environment {
                    data.set("env", Value::array(self.machine.environment(event.process)));
                }
                data
            }
            Happened::Exit { status, .. } => {
                const SIGNAL: u32 = 0x7f;
                const CORE: u32 = 0x80;
                Dict::new()
                    .with("exit_code", status >> 8 & 0xff)
                    .with("signal_code", status & SIGNAL)
                    .with("core_dumped", status & CORE != 0)
                    .with("process_group_exit", true)
            }
            Happened::Fork { child, .. } => Dict::new()
                .with("parent_process_id", event.process)
                .with("child_process_id", child)
                .with("child_tid", child),
            Happened::Traced { tracer } => {
                let request = if tracer == 0 { "PTRACE_DETACH" } else { "PTRACE_ATTACH" };
                Dict::new()
                    .with("request", request)
                    .with("pid", event.process)
                    .with("tracer", tracer)
            }
            _ => Dict::new(),
        }
    }
}

impl Seen {
    /// What is known of the process of an event now.
    fn learn(&mut self, event: &ProcessEvent, process: Option<&Process>) -> Option<Known> {
        let fresh = process.map(|process| Known {
            name: process.name.clone(),
            parent: process.parent,
            uid: process.uid,
        });
        if let Happened::Exit { parent, .. } = event.what {
            let before = self.0.remove(&event.process).or(fresh);
            return before
                .or_else(|| Some(Known { name: String::new(), parent: parent?, uid: None }));
        }
        let known = fresh.or_else(|| self.0.get(&event.process).cloned())?;
        if self.0.len() >= KNOWN_MAX {
            self.0.clear();
        }
        self.0.insert(event.process, known.clone());
        Some(known)
    }
}

fn system(name: &str, event: &ProcessEvent, known: Option<Known>, now: Time) -> Dict {
    let parent = known.as_ref().map(|known| known.parent);
    Dict::new()
        .with("Timestamp", now)
        .with("EventName", name)
        .with("ProcessID", event.process)
        .with("HostProcessID", event.process)
        .with("ThreadID", event.thread)
        .with("HostThreadID", event.thread)
        .with("ParentProcessID", parent)
        .with("HostParentProcessID", parent)
        .with("UserID", known.as_ref().and_then(|known| known.uid))
        .with("ProcessName", known.map(|known| known.name).filter(|name| !name.is_empty()))
}
