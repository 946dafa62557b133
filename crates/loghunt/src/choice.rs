//! What runs next: fair between tenants, urgent work first within a tenant, within all limits.
//!
//! Weighted deficit round robin over tenants, where a piece of work costs the bytes that it is
//! expected to read: a tenant with few and small questions waits for nobody's large ones. Within a
//! tenant the class decides, and age lifts what waits.
//!
//! # Invariants
//!
//! - No limit is ever exceeded: all together, per engine, per tenant, per tenant and engine, and one
//!   run at a time per stream.
//! - Work below the live classes never takes more than a quarter of all slots, so it delays no live
//!   work by more than its own run.
//! - Whoever waits long enough is lifted above younger work of a higher class of the same tenant.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use base::Timestamp;
use model::log::{EngineName, TenantName};

/// How urgent a piece of work is; the first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// On schedule, of a critical rule.
    CriticalLive,
    /// On schedule.
    Live,
    /// Behind schedule.
    CatchUp,
    /// Again, because rows came late.
    Repair,
    /// By a job.
    Backfill,
    /// For a person who looks at something.
    AdHoc,
}

impl Class {
    /// All of them, most urgent first.
    pub const ALL: [Self; 6] =
        [Self::CriticalLive, Self::Live, Self::CatchUp, Self::Repair, Self::Backfill, Self::AdHoc];

    /// Its word in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::CriticalLive => "critical",
            Self::Live => "live",
            Self::CatchUp => "catch_up",
            Self::Repair => "repair",
            Self::Backfill => "backfill",
            Self::AdHoc => "ad_hoc",
        }
    }

    fn is_live(self) -> bool {
        self <= Self::Live
    }
}

/// After so long work counts as one class more urgent.
pub const AGE_STEP: Duration = Duration::from_secs(300);
/// What a tenant of weight 1 gets in one round, in bytes.
const QUANTUM: u64 = 16 << 20;
/// Work whose cost is not known counts as so many bytes. Asking costs something, too.
const COST_MIN: u64 = 1 << 20;

/// Something to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work<S> {
    /// Whose.
    pub tenant: TenantName,
    /// Where.
    pub engine: EngineName,
    /// The streams that it runs, together where the engine can.
    pub streams: Vec<S>,
    /// How urgent.
    pub class: Class,
    /// Bytes that it is expected to read.
    pub cost: u64,
    /// Since when it waits.
    pub since: Timestamp,
}

/// How much may run at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// All together; at least one.
    pub all: u32,
    /// Per engine.
    pub engines: HashMap<EngineName, u32>,
    /// Per tenant, and its weight.
    pub tenants: HashMap<TenantName, (u32, u32)>,
}

/// What waits and what runs.
#[derive(Debug)]
pub struct Choice<S> {
    limits: Limits,
    /// Tenants that have work, in the order of their turns.
    turns: VecDeque<TenantName>,
    queues: HashMap<TenantName, Queue<S>>,
    running: Running<S>,
}

#[derive(Debug)]
struct Queue<S> {
    deficit: u64,
    classes: [VecDeque<Work<S>>; 6],
}

#[derive(Debug)]
struct Running<S> {
    all: u32,
    below_live: u32,
    engines: HashMap<EngineName, u32>,
    tenants: HashMap<TenantName, u32>,
    both: HashMap<(TenantName, EngineName), u32>,
    streams: HashSet<S>,
}

impl<S: Clone + Eq + Hash> Choice<S> {
    /// Nothing waits, nothing runs.
    pub fn new(limits: Limits) -> Self {
        let running = Running {
            all: 0,
            below_live: 0,
            engines: HashMap::new(),
            tenants: HashMap::new(),
            both: HashMap::new(),
            streams: HashSet::new(),
        };
        Self { limits, turns: VecDeque::new(), queues: HashMap::new(), running }
    }

    /// Other limits. What runs goes on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Something waits.
    pub fn push(&mut self, work: Work<S>) {
        let tenant = work.tenant.clone();
        let queue = self.queues.entry(tenant.clone()).or_insert_with(|| {
            self.turns.push_back(tenant);
            Queue { deficit: 0, classes: Default::default() }
        });
        queue.classes[place(work.class)].push_back(work);
    }

    /// What runs next. It counts as running until [`done`](Self::done).
    pub fn next(&mut self, now: Timestamp) -> Option<Work<S>> {
        if self.running.all >= self.limits.all.max(1) {
            return None;
        }
        let mut rounds_wanted: Option<u64> = None;
        for _ in 0..2 {
            for _ in 0..self.turns.len() {
                let tenant = self.turns.front()?.clone();
                let Some((class, at)) = self.candidate(&tenant, now) else {
                    self.turns.rotate_left(1);
                    continue;
                };
                let weight = self.weight(&tenant);
                let queue = self.queues.get_mut(&tenant).expect("tenants with a turn have a queue");
                let cost = queue.classes[class][at].cost.max(COST_MIN);
                if queue.deficit < cost {
                    let rounds = (cost - queue.deficit).div_ceil(QUANTUM * weight);
                    rounds_wanted = Some(rounds_wanted.map_or(rounds, |least| least.min(rounds)));
                    self.turns.rotate_left(1);
                    continue;
                }
                queue.deficit -= cost;
                return Some(self.take(&tenant, class, at));
            }
            // All who could run have had their turn: everybody gets as many rounds as the first of
            // them needs. Whoever is held back by a limit saves nothing for later.
            let rounds = rounds_wanted.take()?;
            self.credit(rounds, now);
        }
        None
    }

    fn credit(&mut self, rounds: u64, now: Timestamp) {
        let tenants: Vec<TenantName> = self.turns.iter().cloned().collect();
        for tenant in tenants {
            if self.candidate(&tenant, now).is_none() {
                continue;
            }
            let share = QUANTUM.saturating_mul(self.weight(&tenant)).saturating_mul(rounds);
            let queue = self.queues.get_mut(&tenant).expect("tenants with a turn have a queue");
            queue.deficit = queue.deficit.saturating_add(share);
        }
    }

    fn take(&mut self, tenant: &TenantName, class: usize, at: usize) -> Work<S> {
        let queue = self.queues.get_mut(tenant).expect("the caller has seen it");
        let work = queue.classes[class].remove(at).expect("the caller has seen it");
        if queue.classes.iter().all(VecDeque::is_empty) {
            self.queues.remove(tenant);
            self.turns.retain(|turn| turn != tenant);
        }
        self.running.add(&work);
        work
    }

    /// The most urgent work of a tenant that no limit holds back.
    fn candidate(&self, tenant: &TenantName, now: Timestamp) -> Option<(usize, usize)> {
        let queue = self.queues.get(tenant)?;
        let (most, _) = self.of_tenant(tenant);
        if self.running.tenants.get(tenant).is_some_and(|running| *running >= most) {
            return None;
        }
        let mut best: Option<(u64, usize, usize)> = None;
        for (class, works) in queue.classes.iter().enumerate() {
            // The first that may run is also the one that has waited longest. Behind many that may
            // not, nobody looks for ever.
            let found = works.iter().take(64).position(|work| self.allowed(work));
            let Some(at) = found else { continue };
            let steps = now.since(works[at].since).as_micros() / AGE_STEP.as_micros();
            let lifted = (class as u64).saturating_sub(u64::try_from(steps).unwrap_or(u64::MAX));
            if best.is_none_or(|(rank, _, _)| lifted < rank) {
                best = Some((lifted, class, at));
            }
        }
        best.map(|(_, class, at)| (class, at))
    }

    fn allowed(&self, work: &Work<S>) -> bool {
        let (most, _) = self.of_tenant(&work.tenant);
        let of_engine = self.limits.engines.get(&work.engine).copied().unwrap_or(u32::MAX).max(1);
        let engine = self.running.engines.get(&work.engine).copied().unwrap_or(0);
        let both = (work.tenant.clone(), work.engine.clone());
        let both = self.running.both.get(&both).copied().unwrap_or(0);
        let below_max = (self.limits.all.max(1) / 4).max(1);
        engine < of_engine
            && both < most.min(of_engine)
            && (work.class.is_live() || self.running.below_live < below_max)
            && !work.streams.iter().any(|stream| self.running.streams.contains(stream))
    }

    fn of_tenant(&self, tenant: &TenantName) -> (u32, u32) {
        let (most, weight) = self.limits.tenants.get(tenant).copied().unwrap_or((4, 1));
        (most.max(1), weight.max(1))
    }

    fn weight(&self, tenant: &TenantName) -> u64 {
        u64::from(self.of_tenant(tenant).1)
    }

    /// Something no longer runs.
    pub fn done(&mut self, work: &Work<S>) {
        self.running.remove(work);
    }

    /// How much waits in each class.
    pub fn waiting(&self) -> [usize; 6] {
        let mut waiting = [0; 6];
        for queue in self.queues.values() {
            for (count, works) in waiting.iter_mut().zip(&queue.classes) {
                *count += works.iter().map(|work| work.streams.len()).sum::<usize>();
            }
        }
        waiting
    }

    /// How much waits for a tenant.
    pub fn waiting_for(&self, tenant: &TenantName) -> usize {
        let queue = self.queues.get(tenant);
        queue.map_or(0, |queue| queue.classes.iter().flatten().map(|work| work.streams.len()).sum())
    }

    /// How much runs.
    pub fn running(&self) -> u32 {
        self.running.all
    }

    /// Of them, those of one tenant at one engine.
    pub fn running_for(&self, tenant: &TenantName, engine: &EngineName) -> u32 {
        self.running.both.get(&(tenant.clone(), engine.clone())).copied().unwrap_or(0)
    }
}

impl<S: Clone + Eq + Hash> Running<S> {
    fn add(&mut self, work: &Work<S>) {
        self.all += 1;
        self.below_live += u32::from(!work.class.is_live());
        *self.engines.entry(work.engine.clone()).or_default() += 1;
        *self.tenants.entry(work.tenant.clone()).or_default() += 1;
        *self.both.entry((work.tenant.clone(), work.engine.clone())).or_default() += 1;
        self.streams.extend(work.streams.iter().cloned());
    }

    fn remove(&mut self, work: &Work<S>) {
        self.all = self.all.saturating_sub(1);
        self.below_live = self.below_live.saturating_sub(u32::from(!work.class.is_live()));
        less(&mut self.engines, &work.engine);
        less(&mut self.tenants, &work.tenant);
        less(&mut self.both, &(work.tenant.clone(), work.engine.clone()));
        for stream in &work.streams {
            self.streams.remove(stream);
        }
    }
}

fn less<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn place(class: Class) -> usize {
    Class::ALL.iter().position(|other| *other == class).expect("`ALL` has all of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(tenant: &str, stream: u32, class: Class, cost: u64) -> Work<u32> {
        Work {
            tenant: TenantName::new(tenant).expect("a name"),
            engine: EngineName::new("lake").expect("a name"),
            streams: vec![stream],
            class,
            cost,
            since: Timestamp::EPOCH,
        }
    }

    fn choice(all: u32, per_tenant: u32) -> Choice<u32> {
        let tenants = ["a", "b", "c"].map(|name| {
            (TenantName::new(name).expect("a name"), (per_tenant, if name == "c" { 3 } else { 1 }))
        });
        let engines = [(EngineName::new("lake").expect("a name"), 100)];
        Choice::new(Limits { all, engines: engines.into(), tenants: tenants.into() })
    }

    const NOW: Timestamp = Timestamp::EPOCH;

    #[test]
    fn large_questions_of_one_tenant_do_not_hold_up_another() {
        let mut choice = choice(1, 10);
        for n in 0..10 {
            choice.push(work("a", n, Class::Live, 160 << 20));
            choice.push(work("b", 100 + n, Class::Live, 16 << 20));
        }
        let mut order = String::new();
        for _ in 0..11 {
            let next = choice.next(NOW).expect("something waits");
            order.push_str(next.tenant.as_str());
            choice.done(&next);
        }
        let small = order.chars().filter(|c| *c == 'b').count();
        assert!(small >= 9, "{order}");
        assert!(order.contains('a'), "{order}");
    }

    #[test]
    fn weight_is_a_share() {
        let mut choice = choice(1, 10);
        for n in 0..400 {
            choice.push(work("a", n, Class::Live, 16 << 20));
            choice.push(work("c", 1000 + n, Class::Live, 16 << 20));
        }
        let mut of_c = 0;
        for _ in 0..100 {
            let next = choice.next(NOW).expect("something waits");
            of_c += u32::from(next.tenant.as_str() == "c");
            choice.done(&next);
        }
        assert!((70..=80).contains(&of_c), "{of_c}");
    }

    #[test]
    fn urgent_work_goes_first_and_age_lifts() {
        let mut choice = choice(1, 10);
        let mut old = work("a", 1, Class::CatchUp, 1);
        old.since = Timestamp::EPOCH;
        choice.push(old);
        let mut young = work("a", 2, Class::Live, 1);
        let now = Timestamp::EPOCH.plus(AGE_STEP);
        young.since = now;
        choice.push(young);
        let mut first = work("a", 3, Class::CriticalLive, 1);
        first.since = now;
        choice.push(first);
        let mut order = Vec::new();
        let later = now.plus(AGE_STEP);
        while let Some(next) = choice.next(later) {
            order.push(next.streams[0]);
            choice.done(&next);
        }
        // Both are lifted to the front; the first in order of class among equals goes first.
        assert_eq!(order, [3, 2, 1]);
    }

    #[test]
    fn limits_hold() {
        let mut choice = choice(8, 2);
        for n in 0..10 {
            choice.push(work("a", n, Class::Live, 1));
            choice.push(work("b", 100 + n, Class::Backfill, 1));
            choice.push(work("c", 200, Class::Live, 1));
        }
        let mut running = Vec::new();
        while let Some(next) = choice.next(NOW) {
            running.push(next);
        }
        let of = |tenant: &str| running.iter().filter(|w| w.tenant.as_str() == tenant).count();
        assert_eq!((of("a"), of("b"), of("c")), (2, 2, 1), "the last is one stream");
        choice.done(&running[0]);
        assert!(choice.next(NOW).is_some());
        assert!(choice.next(NOW).is_none());
    }

    #[test]
    fn work_that_is_not_live_takes_a_quarter() {
        let mut choice = choice(8, 8);
        for n in 0..8 {
            choice.push(work("a", n, Class::Repair, 1));
        }
        assert!(choice.next(NOW).is_some() && choice.next(NOW).is_some());
        assert!(choice.next(NOW).is_none());
        choice.push(work("a", 50, Class::Live, 1));
        assert!(choice.next(NOW).is_some());
    }
}
