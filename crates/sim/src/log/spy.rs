//! Stands beside the store and sees every step that was made, whoever asked and whether he ever heard
//! the answer. What it sees it judges at once: I3 to I8.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use loghunt::command::{Applied, Command, Refusal};
use loghunt::ports::Step;
use model::log::{
    Domain, Evidence, Finding, Lane, Position, Slice, SliceId, StreamKey, TenantName, Window,
};
use parking_lot::Mutex;

use super::source::{ReadNote, Source};

/// A commit that was made.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) key: StreamKey,
    pub(crate) window: Window,
    pub(crate) read: ReadNote,
    pub(crate) revision: Arc<str>,
}

/// What has been seen.
#[derive(Default)]
struct Seen {
    blame: Option<String>,
    ticks: HashMap<StreamKey, BTreeSet<Timestamp>>,
    tokens: HashMap<StreamKey, u64>,
    checkpoints: HashMap<StreamKey, Position>,
    claimed: HashMap<(SliceId, u64), Slice>,
    commits: BTreeMap<SliceId, Commit>,
    refusals: u64,
}

/// Sees everything.
pub(crate) struct Spy {
    sources: Arc<[Arc<Source>]>,
    buffer: Duration,
    seen: Mutex<Seen>,
}

impl Spy {
    pub(crate) fn new(sources: Arc<[Arc<Source>]>, buffer: Duration) -> Self {
        Self { sources, buffer, seen: Mutex::default() }
    }

    pub(crate) fn source(&self, tenant: &TenantName) -> &Arc<Source> {
        let found = self.sources.iter().find(|source| source.tenant == *tenant);
        found.expect("streams are of tenants that have a source")
    }

    /// Remembers the first thing that went wrong.
    pub(crate) fn blame(&self, what: String) {
        self.seen.lock().blame.get_or_insert(what);
    }

    pub(crate) fn blamed(&self) -> Option<String> {
        self.seen.lock().blame.clone()
    }

    /// How many streams were seen to at how many ticks.
    pub(crate) fn ticks(&self) -> u64 {
        self.seen.lock().ticks.values().map(|ticks| ticks.len() as u64).sum()
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.seen.lock().refusals
    }

    pub(crate) fn commits(&self) -> BTreeMap<SliceId, Commit> {
        self.seen.lock().commits.clone()
    }

    /// A step that the store answered, right after it was made.
    pub(crate) fn step(&self, step: &Step, answer: &Result<Applied, Refusal>) {
        let Ok(applied) = answer else {
            self.seen.lock().refusals += 1;
            return;
        };
        if let Err(what) = self.judge(step, applied) {
            self.blame(what);
        }
    }

    fn judge(&self, step: &Step, applied: &Applied) -> Result<(), String> {
        let key = &step.key;
        let mut seen = self.seen.lock();
        let checkpoint = applied.stream.checkpoint;
        if let Some(before) = seen.checkpoints.insert(key.clone(), checkpoint)
            && before > checkpoint
        {
            return Err(format!(
                "I3: the checkpoint of {key} fell from {before:?} to {checkpoint:?}"
            ));
        }
        if let Some(slice) = &applied.claimed {
            let token = slice.state.lease().map_or(0, |lease| lease.token);
            let before = seen.tokens.insert(key.clone(), token);
            if before.is_some_and(|before| before >= token) {
                return Err(format!("I4: {key} granted {token} after {before:?}"));
            }
            seen.claimed.insert((slice.id, token), slice.clone());
        }
        drop(seen);
        for command in &step.commands {
            match command {
                Command::Plan { tick, .. } | Command::Heartbeat { tick } => {
                    self.seen.lock().ticks.entry(key.clone()).or_default().insert(*tick);
                }
                Command::Commit { slice, evidence, .. } => {
                    self.judge_commit(step, *slice, evidence)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn judge_commit(&self, step: &Step, id: SliceId, evidence: &Evidence) -> Result<(), String> {
        let key = &step.key;
        let claimed = self.seen.lock().claimed.get(&(id, evidence.token)).cloned();
        let Some(slice) = claimed else {
            return Err(format!(
                "I4: {key} committed {id} under {}, never granted",
                evidence.token
            ));
        };
        let source = self.source(&key.tenant);
        let tag = format!("lycaon-{:032x}-{}", id.0, evidence.token);
        let Some(read) = source.read(&tag) else {
            return Err(format!("I6: {key} committed {id} without having asked"));
        };
        if !read.complete {
            return Err(format!("I6: {key} committed {id} although the answer was not whole"));
        }
        let by_event = slice.domain == Domain::EventTime || key.rule.as_str() != "burst";
        if by_event && read.emit != slice.window {
            return Err(format!("I5: {key} read {:?} for {:?}", read.emit, slice.window));
        }
        if slice.domain.is_time() && key.lane == Lane::Live {
            let end = slice.window.to().moment().plus(self.buffer);
            let clock = source.clock.now();
            if end > clock {
                return Err(format!(
                    "I7: {key} committed up to {end} when its source said {clock}"
                ));
            }
        }
        for finding in &step.findings {
            judge_finding(key, &slice, finding)?;
        }
        let commit = Commit {
            key: key.clone(),
            window: slice.window,
            read,
            revision: evidence.revision.clone(),
        };
        if self.seen.lock().commits.insert(id, commit).is_some() {
            return Err(format!("I2: {id} of {key} was committed twice"));
        }
        Ok(())
    }
}

fn judge_finding(key: &StreamKey, slice: &Slice, finding: &Finding) -> Result<(), String> {
    if finding.tenant != key.tenant || finding.dataset != key.dataset || finding.rule != key.rule {
        return Err(format!("I8: {key} stores a finding of {}", finding.tenant));
    }
    // Groups of rows stand where their last event stands, whatever positions count; rows without a
    // time, or with one far ahead, stand outside of all windows.
    let by_event = key.rule.as_str() == "burst" && slice.domain != Domain::EventTime;
    let outside = slice.domain == Domain::EventTime
        && (finding.position == Position::MIN || finding.position > slice.window.to());
    let inside = slice.window.contains(finding.position) || by_event || outside;
    if finding.window != slice.window || !inside {
        return Err(format!("I5: {key} found {finding:?} in {:?}", slice.window));
    }
    Ok(())
}
