//! Audit records of Linux: from lines of `audit.log`, or from messages of the kernel, to events.
//!
//! An event comes as several records with the same moment and number (a system call, the
//! arguments, the working directory, a path for each file). [`Assembler`] puts them together.
//!
//! # Invariants
//!
//! - **AU-1** An event is complete when its end record comes, when it is of a kind that has one record,
//!   or when others have overtaken it; nothing waits for ever.
//! - **AU-2** At most [`WAITING_MAX`] events of [`RECORDS_MAX`] records wait.
//! - **AU-3** Any text is a record or none; none is an error and nothing else.
//!
//! # Not here
//!
//! Following a log, asking the kernel: the plugins.

mod event;
mod names;

use std::collections::VecDeque;

use rows::Time;

pub use self::event::row;

/// How many events may wait for their end.
pub const WAITING_MAX: usize = 64;
/// How many records an event may have; more are dropped.
pub const RECORDS_MAX: usize = 512;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it tells of: `SYSCALL`, `PATH`, …
    pub kind: String,
    /// The machine that sent it, where the log has it.
    pub node: Option<String>,
    /// Nanoseconds after 1970.
    pub nanos: i128,
    /// The number of the event.
    pub sequence: u64,
    /// Names and values, decoded.
    pub fields: Vec<(String, String)>,
}

impl Record {
    /// The value of a field; the first of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a line of an audit log. `None` for what is no record.
pub fn line(text: &str) -> Option<Record> {
    let text = text.trim_end();
    let (node, text) = match text.strip_prefix("node=") {
        Some(rest) => {
            let (node, rest) = rest.split_once(' ')?;
            (Some(node.to_owned()), rest)
        }
        None => (None, text),
    };
    let (kind, rest) = text.strip_prefix("type=")?.split_once(' ')?;
    record(kind.to_owned(), node, rest.strip_prefix("msg=")?)
}

/// Reads a message of the kernel, whose kind is a number.
pub fn message(kind: u16, text: &str) -> Option<Record> {
    record(names::kind(kind), None, text.trim_end_matches(['\0', '\n']))
}

fn record(kind: String, node: Option<String>, text: &str) -> Option<Record> {
    let (stamp, rest) = text.strip_prefix("audit(")?.split_once("):")?;
    let (moment, sequence) = stamp.split_once(':')?;
    let (seconds, fraction) = moment.split_once('.').unwrap_or((moment, "0"));
    let seconds: i64 = seconds.parse().ok()?;
    let digits: u32 = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 9)?;
    let fraction: i64 = fraction.parse().ok()?;
    let nanos = i128::from(seconds) * 1_000_000_000
        + i128::from(fraction) * i128::from(10_i64.pow(9 - digits));
    // What a daemon has added behind this sign says the same in names.
    let (told, named) = rest.split_once('\u{1d}').unwrap_or((rest, ""));
    let mut fields = Vec::new();
    read_fields(told, &kind, &mut fields);
    read_fields(named, &kind, &mut fields);
    Some(Record { kind, node, nanos, sequence: sequence.parse().ok()?, fields })
}

const FIELDS_MAX: usize = 4_096;

/// `name=value` pairs; a value may stand in quotes, and one in single quotes holds more of them.
fn read_fields(mut text: &str, kind: &str, fields: &mut Vec<(String, String)>) {
    while fields.len() < FIELDS_MAX {
        text = text.trim_start_matches([' ', ',']);
        let Some((name, rest)) = text.split_once('=') else { return };
        // Words between pairs (`avc:  denied`) belong to no field.
        let name = name.rsplit(' ').next().unwrap_or(name);
        let quoted = |quote: char| {
            let inner = rest.strip_prefix(quote)?;
            inner.find(quote).map(|end| (&inner[..end], &inner[end + quote.len_utf8()..]))
        };
        if let Some((inner, after)) = quoted('\'') {
            read_fields(inner, kind, fields);
            text = after;
            continue;
        }
        let (value, after) = match quoted('"') {
            Some((inner, after)) => (inner.to_owned(), after),
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (decoded(kind, name, &rest[..end]), &rest[end..])
            }
        };
        if !name.is_empty() {
            fields.push((name.to_owned(), value));
        }
        text = after;
    }
}

/// Fields that anybody may fill are hexadecimal when they hold blanks or quotes.
fn decoded(kind: &str, name: &str, value: &str) -> String {
    const ANYTHING: [&str; 12] = [
        "proctitle",
        "comm",
        "exe",
        "name",
        "cwd",
        "cmd",
        "acct",
        "data",
        "key",
        "path",
        "dir",
        "vm",
    ];
    let argument = kind == "EXECVE"
        && name
            .strip_prefix('a')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        && !name.ends_with("_len");
    if !argument && !ANYTHING.contains(&name) {
        return value.to_owned();
    }
    let Some(mut bytes) = hex(value) else { return value.to_owned() };
    if name == "proctitle" {
        bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    }
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    digits.chunks_exact(2).map(byte).collect()
}

/// The records of one event, in the order in which they came.
pub type Event = Vec<Record>;

/// Puts records together.
#[derive(Debug, Default)]
pub struct Assembler {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Time,
    records: Event,
}

/// Kinds of which an event has only one record.
fn is_alone(kind: &str) -> bool {
    [
        "USER", "CRED", "DAEMON", "SERVICE", "SYSTEM", "CRYPTO", "ADD_", "DEL_", "GRP_", "VIRT",
        "ACCT",
    ]
    .iter()
    .any(|start| kind.starts_with(start))
        || matches!(kind, "LOGIN" | "SOFTWARE_UPDATE" | "TEST" | "USYS_CONFIG")
}

impl Assembler {
    /// Takes a record, which came at `now`; gives the events that are complete.
    pub fn push(&mut self, record: Record, now: Time) -> Vec<Event> {
        let same = |waiting: &Waiting| {
            let first = &waiting.records[0];
            first.sequence == record.sequence
                && first.nanos == record.nanos
                && first.node == record.node
        };
        let found = self.waiting.iter().position(same);
        if record.kind == "EOE" {
            let waiting = found.and_then(|at| self.waiting.remove(at));
            return waiting.into_iter().map(|waiting| waiting.records).collect();
        }
        match found {
            Some(at) => {
                let waiting = &mut self.waiting[at];
                if waiting.records.len() < RECORDS_MAX {
                    waiting.records.push(record);
                }
                Vec::new()
            }
            None if is_alone(&record.kind) => vec![vec![record]],
            None => {
                self.waiting.push_back(Waiting { since: now, records: vec![record] });
                let over = self.waiting.len().saturating_sub(WAITING_MAX);
                self.waiting.drain(..over).map(|waiting| waiting.records).collect()
            }
        }
    }

    /// The events that came before a moment and whose end is missing.
    pub fn overdue(&mut self, before: Time) -> Vec<Event> {
        let count = self.waiting.iter().take_while(|waiting| waiting.since < before).count();
        self.waiting.drain(..count).map(|waiting| waiting.records).collect()
    }

    /// Everything that waits: no more records come.
    pub fn rest(&mut self) -> Vec<Event> {
        self.waiting.drain(..).map(|waiting| waiting.records).collect()
    }
}

#[cfg(test)]
mod tests;
