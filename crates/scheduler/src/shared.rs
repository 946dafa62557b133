//! What all tasks of one scheduler share: ports, definitions, and what it remembers between runs.
//!
//! Locks are held for a moment and never across an await.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use log_rules::Definitions;
use loghunt::breaker::Breaker;
use loghunt::choice::{Choice, Class, Work};
use loghunt::ports::{Job, Pause};
use loghunt::stream::Stream;
use model::log::{EngineName, Failure, Lane, TenantName};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore, watch};

use crate::assignment::{Assignment, Roster, name_of};
use crate::ports::{Ports, Settings};
use crate::session::Sessions;
use crate::tally::Tally;
use crate::timers::Timers;

/// Runs log hunts. Clones are the same scheduler.
#[derive(Clone)]
pub struct Scheduler {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    roster: RwLock<Arc<Roster>>,
    pub(crate) state: Mutex<State>,
    pub(crate) sessions: Sessions,
    pub(crate) threads: Arc<Semaphore>,
    /// Something changed that the main loop must look at.
    pub(crate) wake: Notify,
    /// Counts runs that ended.
    pub(crate) moves: watch::Sender<u64>,
}

/// What is remembered between runs. The records correct it.
pub(crate) struct State {
    pub(crate) choice: Choice<Arc<str>>,
    pub(crate) timers: Timers,
    pub(crate) targets: HashMap<Arc<str>, Target>,
    pub(crate) tally: Tally,
    pub(crate) breakers: HashMap<(TenantName, EngineName), Breaker>,
    /// Why an engine could not say where a tenant's tables stand, when it was asked last.
    pub(crate) unreachable: HashMap<(TenantName, EngineName), String>,
    /// The breaker of the state store itself.
    pub(crate) store: Breaker,
    pub(crate) pauses: HashMap<TenantName, Pause>,
    /// In order, so that a run of the simulation repeats itself.
    pub(crate) jobs: BTreeMap<Arc<str>, Job>,
    /// Bytes that were read for a tenant on a day.
    pub(crate) spent: HashMap<TenantName, (i64, u64)>,
    /// What jobs have read, as far as this scheduler knows.
    pub(crate) spent_by_job: HashMap<Arc<str>, SpentByJob>,
    /// Streams whose revision was compared with the ledger's.
    pub(crate) compared: HashSet<Arc<str>>,
}

/// What a job has read.
#[derive(Clone, Copy, Default)]
pub(crate) struct SpentByJob {
    /// Runs on record, whoever made them.
    pub(crate) runs: u64,
    /// Bytes of those runs.
    pub(crate) bytes: u64,
    /// Bytes that this scheduler has read since it looked at the records.
    pub(crate) since: u64,
}

/// A lane of an assignment, and what is known of it.
pub(crate) struct Target {
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) lane: Lane,
    /// Waits or runs.
    queued: bool,
    /// Another tick came while it was queued.
    pub(crate) again: bool,
    /// Bytes that a run is expected to read.
    pub(crate) cost: u64,
    /// Why it is not run, until something changes.
    held: Option<Held>,
    /// The last epoch of each part, as it was last seen.
    pub(crate) streams: BTreeMap<Arc<str>, Stream>,
}

/// Why a stream is not run until somebody changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Why.
    pub why: HeldWhy,
    /// Under which revision of the rule.
    pub(crate) revision: Arc<str>,
    /// With which columns of the source.
    pub(crate) schema: Arc<str>,
}

/// The reason of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldWhy {
    /// It cannot succeed.
    Permanent(Failure),
    /// The source lacks columns that the rule needs.
    Inapplicable(Vec<String>),
    /// The source's clock is too far from ours.
    Skewed(String),
    /// The records say that it waits for a person, or is over.
    Stopped(String),
}

impl std::fmt::Display for HeldWhy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Permanent(failure) => write!(f, "{}", failure.message),
            Self::Inapplicable(columns) => {
                write!(f, "the table lacks columns that the rule needs: {}", columns.join(", "))
            }
            Self::Skewed(why) | Self::Stopped(why) => f.write_str(why),
        }
    }
}

impl Target {
    pub(crate) fn new(assignment: Arc<Assignment>, lane: Lane) -> Self {
        let (queued, again, cost, held) = (false, false, 0, None);
        Self { assignment, lane, queued, again, cost, held, streams: BTreeMap::new() }
    }

    /// Whether it waits or runs. [`Tally`] changes it.
    pub(crate) fn queued(&self) -> bool {
        self.queued
    }

    pub(crate) fn set_queued(&mut self, queued: bool) {
        self.queued = queued;
    }

    /// Why it is not run. [`Tally`] changes it.
    pub(crate) fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    pub(crate) fn set_held(&mut self, held: Option<Held>) {
        self.held = held;
    }

    /// With which columns of the source it is held, once they are known.
    pub(crate) fn held_with(&mut self, schema: Arc<str>) {
        if let Some(held) = &mut self.held {
            held.schema = schema;
        }
    }

    /// How urgent its work is when it is due.
    pub(crate) fn class(&self) -> Class {
        match self.lane {
            Lane::Live if self.assignment.rule.critical => Class::CriticalLive,
            Lane::Live => Class::Live,
            Lane::Repair(_) => Class::Repair,
            Lane::Backfill(_) => Class::Backfill,
        }
    }
}

impl Scheduler {
    /// A scheduler for these definitions. Nothing happens before [`run`](Self::run) or
    /// [`tick_at`](Self::tick_at).
    pub fn new(ports: Ports, settings: Settings, definitions: Arc<Definitions>) -> Self {
        let roster = Arc::new(Roster::new(definitions));
        let state = State {
            choice: Choice::new(roster.limits(settings.slots)),
            timers: Timers::default(),
            targets: HashMap::new(),
            tally: Tally::default(),
            breakers: HashMap::new(),
            unreachable: HashMap::new(),
            store: Breaker::default(),
            pauses: HashMap::new(),
            jobs: BTreeMap::new(),
            spent: HashMap::new(),
            spent_by_job: HashMap::new(),
            compared: HashSet::new(),
        };
        let threads = Arc::new(Semaphore::new(settings.threads.max(1) as usize));
        let shared = Shared {
            ports,
            settings,
            roster: RwLock::new(roster.clone()),
            state: Mutex::new(state),
            sessions: Sessions::default(),
            threads,
            wake: Notify::new(),
            moves: watch::Sender::new(0),
        };
        let scheduler = Self { shared: Arc::new(shared) };
        scheduler.shared.take_up(&roster);
        scheduler
    }

    /// Changes whenever a window was committed, failed or was lost.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.shared.moves.subscribe()
    }

    /// What runs.
    pub fn roster(&self) -> Arc<Roster> {
        self.shared.roster()
    }
}

impl Shared {
    pub(crate) fn roster(&self) -> Arc<Roster> {
        self.roster.read().clone()
    }

    pub(crate) fn set_roster(&self, roster: Arc<Roster>) -> Arc<Roster> {
        std::mem::replace(&mut *self.roster.write(), roster)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.time.now()
    }

    /// A number of millionths, for jitter.
    pub(crate) fn chance(&self) -> u32 {
        let bits = self.ports.entropy.lock().next_u64();
        u32::try_from(bits % 1_000_000).expect("it is below a million")
    }

    /// Live streams that are new get a timer; those that are gone are forgotten; the others keep what
    /// is known of them.
    pub(crate) fn take_up(&self, roster: &Arc<Roster>) {
        let now = self.now();
        let mut state = self.state.lock();
        let state = &mut *state;
        state.choice.set_limits(roster.limits(self.settings.slots));
        state
            .targets
            .retain(|name, target| target.lane != Lane::Live || roster.by_name.contains_key(name));
        state.timers.clear_ticks();
        for (name, assignment) in &roster.by_name {
            match state.targets.get_mut(name) {
                Some(target) => target.assignment = assignment.clone(),
                None => {
                    let target = Target::new(assignment.clone(), Lane::Live);
                    state.targets.insert(name.clone(), target);
                }
            }
            state.timers.tick(name.clone(), first_due(assignment, now));
        }
        for target in state.targets.values_mut().filter(|target| target.lane != Lane::Live) {
            let live = name_of(&target.assignment.key);
            if let Some(assignment) = roster.by_name.get(&live) {
                target.assignment = assignment.clone();
            }
        }
        state.tally = Tally::of(&state.targets);
    }

    /// Makes sure that a lane other than the live one is known. Its name.
    pub(crate) fn know(&self, assignment: &Arc<Assignment>, lane: Lane) -> Arc<str> {
        let key = model::log::StreamKey { lane: lane.clone(), ..assignment.key.clone() };
        let name = name_of(&key);
        let mut state = self.state.lock();
        let target = || Target::new(assignment.clone(), lane);
        state.targets.entry(name.clone()).or_insert_with(target);
        name
    }

    /// Queues one stream, unless it is queued already.
    pub(crate) fn queue(&self, name: &Arc<str>, class: Option<Class>) {
        let now = self.now();
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(target) = state.targets.get_mut(name) else { return };
        if target.queued {
            target.again = true;
            return;
        }
        state.tally.queue(target, true);
        state.choice.push(Work {
            tenant: target.assignment.tenant.name.clone(),
            engine: target.assignment.dataset.engine.clone(),
            streams: vec![name.clone()],
            class: class.unwrap_or(target.class()),
            cost: target.cost,
            since: now,
        });
    }
}

/// When a stream is first looked at: a tick that was due before this scheduler began is due now.
fn first_due(assignment: &Assignment, now: Timestamp) -> Timestamp {
    let schedule = &assignment.rule.schedule;
    let due = |tick| loghunt::ticks::due(tick, schedule, &assignment.key);
    match assignment.clockwork.last_at(now) {
        Some(tick) => due(tick),
        None => assignment.clockwork.next_after(now).map_or(now.plus(YEAR), due),
    }
}

const YEAR: Duration = Duration::from_secs(366 * 86_400);
