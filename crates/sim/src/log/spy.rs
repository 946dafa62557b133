//! Stands beside the store and sees every step that was made, whoever asked and whether he ever heard
//! the answer. What it sees it judges at once: I3 to I8, and the budgets of jobs. What it has seen in
//! order is its trace: two runs that did the same have the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use loghunt::command::{Applied, Command, Refusal};
use loghunt::ports::{Job, Step};
use model::log::{
    Domain, Evidence, Finding, Lane, Position, Slice, SliceId, StreamKey, TenantName, Window,
};
use parking_lot::Mutex;

use super::setting::BUFFER;
use super::source::{ReadNote, Source};
use super::time::TrueTime;

/// A commit that was made.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) key: StreamKey,
    pub(crate) window: Window,
    pub(crate) read: ReadNote,
    pub(crate) revision: Arc<str>,
    /// How the source looked before it was read.
    pub(crate) fingerprint: Option<Arc<str>>,
}

/// Rows that came late into committed windows of a tenant, by the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Late {
    /// Whoever looked heard that his look counted.
    pub(crate) heard: u64,
    /// His look counted, and he never heard of it.
    pub(crate) unheard: u64,
    /// Others went away meanwhile, so that a count of rows cannot tell: of those heard, this many.
    pub(crate) hidden: u64,
}

/// A job's budget, and what was read of it when.
#[derive(Default)]
struct Budget {
    bytes_max: Option<u64>,
    read: Vec<(Timestamp, u64)>,
}

/// FNV-1a, which is the same everywhere.
#[derive(Clone, Copy)]
struct Trace(u64);

impl Trace {
    fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
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
    trace: Trace,
    fingerprints: HashMap<SliceId, Arc<str>>,
    /// Looks that counted and that nobody has heard of yet: rows that came, and whether others went.
    looked: HashMap<(SliceId, u32), (u64, bool)>,
    late: HashMap<TenantName, Late>,
    /// Slices of which rows went away between two looks.
    went: BTreeSet<SliceId>,
    came: HashMap<SliceId, u64>,
    budgets: HashMap<Arc<str>, Budget>,
    live_waits: Duration,
    /// The tags of slices that repairs and jobs were given.
    below_live: BTreeSet<String>,
}

/// Sees everything.
pub(crate) struct Spy {
    sources: Arc<[Arc<Source>]>,
    buffer: Duration,
    time: TrueTime,
    /// For so long a scheduler may not have known that a budget was spent.
    unaware: Mutex<Duration>,
    seen: Mutex<Seen>,
}

impl Spy {
    pub(crate) fn new(sources: Arc<[Arc<Source>]>, time: TrueTime, unaware: Duration) -> Self {
        let (unaware, seen) = (Mutex::new(unaware), Mutex::default());
        Self { sources, buffer: BUFFER, time, unaware, seen }
    }

    /// Schedulers know sooner that a budget is spent.
    pub(crate) fn aware_within(&self, unaware: Duration) {
        *self.unaware.lock() = unaware;
    }

    /// A job is asked for.
    pub(crate) fn job(&self, job: &Job) {
        let mut seen = self.seen.lock();
        seen.budgets.entry(job.name.clone()).or_default().bytes_max = job.bytes_max;
    }

    /// What was read for a job.
    pub(crate) fn read_for(&self, job: &str) -> u64 {
        let seen = self.seen.lock();
        seen.budgets.get(job).map_or(0, |budget| budget.read.iter().map(|(_, bytes)| bytes).sum())
    }

    /// Whether the query with this tag is not for a window on schedule.
    pub(crate) fn is_below_live(&self, tag: &str) -> bool {
        self.seen.lock().below_live.contains(tag)
    }

    /// What happened, in one number.
    pub(crate) fn trace(&self) -> u64 {
        self.seen.lock().trace.0
    }

    /// Something happened that is not a step of the ledger.
    pub(crate) fn note(&self, what: &str) {
        let now = self.time.now();
        self.seen.lock().trace.add(&format!("{now} {what}"));
    }

    /// The longest that a window on schedule waited from its tick until somebody had it.
    pub(crate) fn live_waits(&self) -> Duration {
        self.seen.lock().live_waits
    }

    pub(crate) fn late(&self, tenant: &TenantName) -> Late {
        self.seen.lock().late.get(tenant).copied().unwrap_or_default()
    }

    /// Rows that came into a committed window between looks at it; nothing where rows went away.
    pub(crate) fn came_late(&self, slice: SliceId) -> Option<u64> {
        let seen = self.seen.lock();
        (!seen.went.contains(&slice)).then(|| seen.came.get(&slice).copied().unwrap_or(0))
    }

    /// Whoever made this step has heard that it was made.
    pub(crate) fn heard(&self, step: &Step) {
        let mut seen = self.seen.lock();
        for command in &step.commands {
            let Command::Audited { slice, seen: before, .. } = command else { continue };
            let Some((came, went)) = seen.looked.remove(&(*slice, *before)) else { continue };
            let late = seen.late.entry(step.key.tenant.clone()).or_default();
            late.unheard -= came;
            late.heard += came;
            late.hidden += if went { came } else { 0 };
        }
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
        self.note(&format!("{step:?} {answer:?}"));
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
            let now = self.time.now();
            if key.lane != Lane::Live {
                seen.below_live.insert(tag_of(slice.id, token));
            }
            match &key.lane {
                // Open transactions hold windows up whatever runs.
                Lane::Live if self.source(&key.tenant).knows_stable => {}
                Lane::Live => seen.live_waits = seen.live_waits.max(now.since(slice.tick)),
                Lane::Backfill(job) => self.judge_budget(&seen, job)?,
                Lane::Repair(_) => {}
            }
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
                Command::Audited { slice, seen, fingerprint: Some(after), .. } => {
                    self.looked_again(step, *slice, *seen, after);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a window is read for a job when its budget has been spent for a while.
    fn judge_budget(&self, seen: &Seen, job: &Arc<str>) -> Result<(), String> {
        let Some(Budget { bytes_max: Some(most), read }) = seen.budgets.get(job) else {
            return Ok(());
        };
        let known = self.time.now().minus(*self.unaware.lock());
        let spent: u64 = read.iter().filter(|(at, _)| *at <= known).map(|(_, bytes)| bytes).sum();
        if spent >= *most {
            return Err(format!(
                "job {job} may read {most} bytes, had read {spent} by {known}, and goes on"
            ));
        }
        Ok(())
    }

    fn looked_again(&self, step: &Step, id: SliceId, times: u32, after: &Arc<str>) {
        let mut seen = self.seen.lock();
        let Some(before) = seen.fingerprints.insert(id, after.clone()) else { return };
        let commit = seen.commits.get(&id);
        let Some(window) = commit.map(|commit| commit.window).filter(|_| before != *after) else {
            return;
        };
        let (came, went) = self.source(&step.key.tenant).came_between(window, &before, after);
        seen.looked.insert((id, times), (came, went));
        seen.late.entry(step.key.tenant.clone()).or_default().unheard += came;
        *seen.came.entry(id).or_default() += came;
        if went {
            seen.went.insert(id);
        }
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
        let tag = tag_of(id, evidence.token);
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
            fingerprint: evidence.fingerprint.clone(),
        };
        let mut seen = self.seen.lock();
        if let Some(fingerprint) = &evidence.fingerprint {
            seen.fingerprints.insert(id, fingerprint.clone());
        }
        if let Lane::Backfill(job) = &key.lane {
            let read = (self.time.now(), evidence.bytes);
            seen.budgets.entry(job.clone()).or_default().read.push(read);
        }
        if seen.commits.insert(id, commit).is_some() {
            return Err(format!("I2: {id} of {key} was committed twice"));
        }
        Ok(())
    }
}

/// The tag of a slice's query, as the manual gives it to operators.
fn tag_of(id: SliceId, token: u64) -> String {
    format!("lycaon-{:032x}-{token}", id.0)
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
