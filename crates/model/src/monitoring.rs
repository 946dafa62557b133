//! Monitoring: which event artifacts run on which clients for as long as they are wanted, and words
//! for what they bring.
//!
//! The table is one record with a revision. A client runs the entries for all and those for its
//! labels; an artifact runs once on a client, so the entry of a label comes before the one for all,
//! and between labels the first by name counts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::{ClientId, FlowId, Timestamp};

use crate::flow::ArtifactCall;
use crate::results::{AttemptId, ColumnFilter};

/// What one event artifact may use on a client, and how its rows travel. Zero means no limit, for
/// the share and the rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoringLimits {
    /// Share of one processor, in percent, for each source.
    pub cpu_percent: u32,
    /// Rows in a second, for each source; a source that gives more is slowed down.
    pub rows_per_second: u32,
    /// Rows in one batch.
    pub batch_rows: u32,
    /// Bytes in one batch.
    pub batch_bytes: u32,
    /// How long a row waits for its batch to fill.
    pub batch_wait: Duration,
}

impl Default for MonitoringLimits {
    fn default() -> Self {
        Self {
            cpu_percent: 0,
            rows_per_second: 0,
            batch_rows: 1_000,
            batch_bytes: 256 << 10,
            batch_wait: Duration::from_secs(5),
        }
    }
}

/// One event artifact that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoringEntry {
    /// On clients with this label; `None` means on all.
    pub label: Option<String>,
    /// What runs.
    pub call: ArtifactCall,
    /// Within which limits.
    pub limits: MonitoringLimits,
}

impl MonitoringEntry {
    /// What tells it from others: an artifact stands once under each label.
    fn key(&self) -> (Option<&str>, &str) {
        (self.label.as_deref(), self.call.name.as_str())
    }
}

/// All event artifacts that are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitoringTable {
    /// Grows by one with each change; 0 before the first.
    pub revision: u64,
    /// Sorted: those for all first, then by label; by artifact within.
    pub entries: Vec<MonitoringEntry>,
}

/// A change of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitoringChange {
    /// These entries instead of all others. Of two with the same label and artifact the last counts.
    Set(Vec<MonitoringEntry>),
    /// This one more, or instead of the one with its label and artifact.
    Add(MonitoringEntry),
    /// Not this one any more.
    Remove {
        /// Its label.
        label: Option<String>,
        /// Its artifact.
        artifact: String,
    },
}

impl MonitoringTable {
    /// The table after a change; `None` when the change changes nothing.
    pub fn after(&self, change: MonitoringChange) -> Option<Self> {
        let mut entries = self.entries.clone();
        match change {
            MonitoringChange::Set(wanted) => {
                entries.clear();
                for entry in wanted {
                    put(&mut entries, entry);
                }
            }
            MonitoringChange::Add(entry) => put(&mut entries, entry),
            MonitoringChange::Remove { label, artifact } => {
                entries.retain(|entry| entry.key() != (label.as_deref(), artifact.as_str()));
            }
        }
        entries.sort_by(|a, b| a.key().cmp(&b.key()));
        (entries != self.entries).then(|| Self { revision: self.revision + 1, entries })
    }
}

fn put(entries: &mut Vec<MonitoringEntry>, entry: MonitoringEntry) {
    match entries.iter_mut().find(|held| held.key() == entry.key()) {
        Some(held) => *held = entry,
        None => entries.push(entry),
    }
}

/// Chooses what runs on a client with these labels: at most one entry for each artifact, in the
/// table's order. `key` gives an entry's label and artifact.
pub fn chosen<'t, T>(
    entries: &'t [T],
    labels: &BTreeSet<String>,
    key: impl Fn(&T) -> (Option<&str>, &str),
) -> Vec<&'t T> {
    let concerns = |entry: &T| key(entry).0.is_none_or(|label| labels.contains(label));
    let rank = |entry: &T| (key(entry).0.is_none(), key(entry).0.map(str::to_owned));
    let mine: Vec<&T> = entries.iter().filter(|entry| concerns(entry)).collect();
    let beaten = |entry: &T| {
        mine.iter().any(|other| key(other).1 == key(entry).1 && rank(other) < rank(entry))
    };
    mine.iter().copied().filter(|entry| !beaten(entry)).collect()
}

/// One stretch during which an agent ran one source: what its batches are numbered within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u128);

/// Attempts of flows are counted from 1 and never come near this.
const RUN_MARK: u32 = u32::MAX;

impl AttemptId {
    /// The name under which the reports of a run lie in an agent's spool, beside those of flows.
    pub const fn of_run(run: RunId) -> Self {
        Self { flow: FlowId::from_bits(run.0), attempt: RUN_MARK }
    }

    /// The run, when this names one and not an attempt of a flow.
    pub fn run(self) -> Option<RunId> {
        (self.attempt == RUN_MARK).then(|| RunId(self.flow.bits()))
    }
}

/// What a batch of a source holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// What the source found.
    Rows,
    /// What was logged about it: objects with `level` and `text`.
    Log,
}

/// One row with the moment at which the agent met it, by the client's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// By the client's clock.
    pub observed: Timestamp,
    /// A JSON object.
    pub json: String,
}

/// A numbered batch of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBatch {
    /// In which run.
    pub run: RunId,
    /// The source, `Artifact` or `Artifact/Source`.
    pub source: String,
    /// What it holds.
    pub kind: EventKind,
    /// Counts the batches of this run, source and kind from 0.
    pub seq: u64,
    /// In order.
    pub events: Vec<Event>,
}

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

const DAY_MICROS: i64 = 86_400_000_000;

impl Day {
    /// The day that a moment lies in.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.as_micros().div_euclid(DAY_MICROS))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(DAY_MICROS))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start().to_string();
        f.write_str(start.split('T').next().unwrap_or(&start))
    }
}

/// A text that is not a day such as `2026-11-22`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day such as `2026-11-22`")]
pub struct BadDay(String);

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        let start = format!("{text}T00:00:00Z").parse();
        start.map(Self::of).map_err(|_| BadDay(text.chars().take(80).collect()))
    }
}

/// Which stretch of what event artifacts brought is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventScope {
    /// From this client; from all when `None`.
    pub client: Option<ClientId>,
    /// Of this source.
    pub source: String,
    /// Rows or log.
    pub kind: EventKind,
    /// Arrived at this moment or later.
    pub from: Option<Timestamp>,
    /// Arrived before this moment.
    pub to: Option<Timestamp>,
}

/// A page of rows, filtered and sorted by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Whose.
    pub scope: EventScope,
    /// Rows in which any column has this text, letter case ignored.
    pub search: Option<String>,
    /// Conditions on columns.
    pub filters: Vec<ColumnFilter>,
    /// Column to sort by, and whether it descends. Without it: order of arrival.
    pub sort: Option<(String, bool)>,
    /// Rows to skip.
    pub offset: u64,
    /// Rows wanted at most.
    pub limit: u64,
}

/// One row that an event artifact brought, with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Which client.
    pub client: ClientId,
    /// Which source.
    pub source: String,
    /// When it arrived, by the server's clock.
    pub stored: Timestamp,
    /// When the agent met it, by the client's clock.
    pub observed: Timestamp,
    /// The row itself, a JSON object.
    pub json: String,
}

/// A page of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The rows of the page.
    pub rows: Vec<EventRow>,
    /// How many rows pass the filters in all.
    pub total: u64,
}

/// How much one source of one client brought on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDay {
    /// Which client.
    pub client: ClientId,
    /// Which source.
    pub source: String,
    /// Rows or log.
    pub kind: EventKind,
    /// The day of arrival.
    pub day: Day,
    /// Its rows.
    pub rows: u64,
    /// Bytes of them as JSON.
    pub bytes: u64,
    /// Its columns, in the order in which they were first met.
    pub columns: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(label: Option<&str>, artifact: &str) -> MonitoringEntry {
        MonitoringEntry {
            label: label.map(str::to_owned),
            call: ArtifactCall { name: artifact.into(), parameters: vec![] },
            limits: MonitoringLimits::default(),
        }
    }

    fn table(entries: &[(Option<&str>, &str)]) -> MonitoringTable {
        let entries = entries.iter().map(|(label, artifact)| entry(*label, artifact)).collect();
        MonitoringTable::default().after(MonitoringChange::Set(entries)).unwrap()
    }

    #[test]
    fn a_change_that_changes_nothing_has_no_revision() {
        let first = table(&[(None, "A"), (Some("x"), "A")]);
        assert_eq!(first.revision, 1);
        assert_eq!(first.after(MonitoringChange::Add(entry(None, "A"))), None);
        let unknown = MonitoringChange::Remove { label: None, artifact: "B".into() };
        assert_eq!(first.after(unknown), None);
        let removed = MonitoringChange::Remove { label: Some("x".into()), artifact: "A".into() };
        let second = first.after(removed).unwrap();
        assert_eq!((second.revision, second.entries), (2, vec![entry(None, "A")]));
        assert_eq!(second.revision, 2);
    }

    #[test]
    fn a_client_runs_each_artifact_once_and_its_label_comes_first() {
        let table = table(&[(None, "A"), (None, "B"), (Some("web"), "A"), (Some("db"), "A")]);
        let check = |labels: &[&str], wanted: &[(Option<&str>, &str)]| {
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            let found = chosen(&table.entries, &labels, MonitoringEntry::key);
            let found: Vec<_> = found.into_iter().map(MonitoringEntry::key).collect();
            assert_eq!(found, wanted);
        };
        check(&[], &[(None, "A"), (None, "B")]);
        check(&["web"], &[(None, "B"), (Some("web"), "A")]);
        check(&["web", "db"], &[(None, "B"), (Some("db"), "A")]);
    }

    #[test]
    fn a_run_is_no_attempt() {
        let run = RunId(7);
        assert_eq!(AttemptId::of_run(run).run(), Some(run));
        assert_eq!(AttemptId { flow: FlowId::from_bits(7), attempt: 1 }.run(), None);
    }

    #[test]
    fn days_are_those_of_utc() {
        let moment: Timestamp = "2026-11-22T23:59:59.9Z".parse().unwrap();
        assert_eq!(Day::of(moment).to_string(), "2026-11-22");
        assert_eq!("2026-11-22".parse(), Ok(Day::of(moment)));
        assert_eq!(Day::of(Timestamp::from_micros(-1)).to_string(), "1969-12-31");
        assert!("22.11.2026".parse::<Day>().is_err());
    }
}
