//! The world: two schedulers, their store, the tenants' logs, operators, and bad luck.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, SeededEntropy, Timestamp};
use loghunt::ports::{AuditNote, Job, JobState, Pause, PauseMode, TellHow};
use loghunt::stream::StreamStatus;
use model::log::{RuleName, TenantName};
use model::org::Actor;
use parking_lot::Mutex;
use scheduler::steering::Wish;
use testkit::stores::pick;

use super::engine::EngineTrouble;
use super::meter::Meter;
use super::oracle::{End, Found, Ledgers};
use super::process::{Outside, Process};
use super::setting::{AUDIT_AGES, EVERY, Setting};
use super::source::{Making, Source};
use super::spy::Spy;
use super::store::{Records, StoreTrouble};
use super::time::{StoreClock, TrueTime, pass};

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Customers, each with three rules.
    pub tenants: usize,
    /// How long things go wrong, in virtual time.
    pub trouble: Duration,
    /// The records are in a store that works on threads of its own: such a run does not repeat itself to
    /// the letter.
    pub store_is_real: bool,
}

impl Plan {
    /// Four tenants and six hours of trouble.
    pub fn new(seed: u64) -> Self {
        Self { seed, tenants: 4, trouble: Duration::from_secs(6 * 3600), store_is_real: false }
    }
}

/// What happened; so that a test can see that something did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many streams were seen to at how many ticks.
    pub ticks: u64,
    /// Windows that were committed.
    pub commits: u64,
    /// Findings that were stored.
    pub findings: u64,
    /// Of them, such as came late.
    pub late: u64,
    /// Times a scheduler was killed or died.
    pub kills: u64,
    /// Times a scheduler stood still for a while.
    pub stops: u64,
    /// Steps that the ledger refused.
    pub refused: u64,
    /// Windows that were left out on purpose.
    pub waived: u64,
    /// Windows that were given up.
    pub quarantined: u64,
    /// Epochs after the first of their stream.
    pub epochs: u64,
    /// Rows that came after their window was committed.
    pub late_rows: u64,
    /// Jobs that spent their budget before they were through.
    pub over_budget: u64,
    /// All that happened, in order, in one number: equal where two runs did the same. Of several runs,
    /// theirs together.
    pub trace: u64,
}

impl Outcome {
    /// What happened in both.
    pub fn and(self, other: Self) -> Self {
        Self {
            ticks: self.ticks + other.ticks,
            commits: self.commits + other.commits,
            findings: self.findings + other.findings,
            late: self.late + other.late,
            kills: self.kills + other.kills,
            stops: self.stops + other.stops,
            refused: self.refused + other.refused,
            waived: self.waived + other.waived,
            quarantined: self.quarantined + other.quarantined,
            epochs: self.epochs + other.epochs,
            late_rows: self.late_rows + other.late_rows,
            over_budget: self.over_budget + other.over_budget,
            trace: self.trace.rotate_left(1) ^ other.trace,
        }
    }
}

pub(super) struct World {
    pub(super) plan: Plan,
    entropy: SeededEntropy,
    pub(super) setting: Setting,
    pub(super) outside: Outside,
    meter: Arc<Meter>,
    schedulers: [Option<Process>; 2],
    born: u64,
    jobs: u64,
    notes: u64,
    outcome: Outcome,
}

/// Runs a plan over the records that `make` makes for a clock. The error says what does not hold.
pub async fn run(
    plan: Plan,
    make: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Records>,
) -> Result<Outcome, String> {
    let meter = Arc::new(Meter::default());
    // All tasks run on this thread.
    let _measures = metrics::set_default_local_recorder(&*meter);
    let mut world = World::new(plan, make, meter.clone());
    world.live().await?;
    world.heal().await?;
    world.finish().await
}

pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + secs)
}

impl World {
    pub(super) fn new(
        plan: Plan,
        make: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Records>,
        meter: Arc<Meter>,
    ) -> Self {
        let time = TrueTime::starting(at(0));
        let mut entropy = SeededEntropy::new(plan.seed);
        let setting = Setting::new(&mut entropy, plan.tenants);
        let end = at(0).plus(plan.trouble).plus(SETTLE);
        let sources: Arc<[Arc<Source>]> = setting
            .tenants
            .iter()
            .map(|tenant| {
                let source = Source::new(Making {
                    tenant: tenant.name.clone(),
                    domain: tenant.domain,
                    knows_stable: tenant.knows_stable,
                    retention: tenant.retention,
                    time,
                });
                let apart = Duration::from_secs(45);
                source.plant(&mut entropy, (at(-3600), end), apart);
                Arc::new(source)
            })
            .collect();
        let store_clock = Arc::new(StoreClock::new(time));
        let outside = Outside {
            time,
            records: make(store_clock.clone()),
            spy: Arc::new(Spy::new(sources.clone(), time, UNAWARE)),
            sources,
            receiver: Arc::default(),
            engine_trouble: Arc::new(Mutex::new(EngineTrouble::USUAL)),
            store_trouble: Arc::new(Mutex::new(StoreTrouble::USUAL)),
            store_clock,
            store_is_real: plan.store_is_real,
        };
        let mut world = Self {
            plan,
            entropy,
            setting,
            outside,
            meter,
            schedulers: [None, None],
            born: 0,
            jobs: 0,
            notes: 0,
            outcome: Outcome::default(),
        };
        world.start(0);
        world.start(1);
        world
    }

    fn some(&mut self, end: u64) -> u64 {
        pick(&mut self.entropy, end)
    }

    fn secs(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least * 1000 + self.some((most - least) * 1000))
    }

    fn start(&mut self, which: usize) {
        self.born += 1;
        let owner = format!("s{which}.{}", self.born);
        let seed = self.plan.seed.wrapping_mul(1_000).wrapping_add(self.born);
        let definitions = self.setting.definitions();
        self.schedulers[which] = Some(Process::start(&self.outside, &owner, definitions, seed));
    }

    fn kill(&mut self, which: usize) {
        if let Some(process) = self.schedulers[which].take() {
            process.kill();
            self.outcome.kills += 1;
        }
    }

    /// Things go wrong until the trouble is over.
    async fn live(&mut self) -> Result<(), String> {
        let end = at(0).plus(self.plan.trouble);
        while self.outside.time.now() < end {
            let wait = self.secs(5, 300);
            pass(wait).await;
            self.something_happens().await;
            self.check().await?;
        }
        Ok(())
    }

    async fn something_happens(&mut self) {
        for which in 0..2 {
            let dead = self.schedulers[which].as_ref().is_none_or(Process::is_dead);
            if dead && self.some(2) == 0 {
                self.kill(which);
                self.start(which);
            }
        }
        let which = self.some(2) as usize;
        match self.some(14) {
            0 => self.kill(which),
            1 | 2 => self.stand_still(which).await,
            3 => self.clock_jumps(which),
            4 => self.store_is_full().await,
            5 => self.engines_are_down().await,
            6 => self.rules_change().await,
            7 => self.a_tenant_is_paused().await,
            8 => self.a_job_is_asked_for().await,
            9 if self.some(4) == 0 => self.a_backup_is_restored(),
            10 | 11 => self.streams_go_on().await,
            _ => {}
        }
    }

    async fn stand_still(&mut self, which: usize) {
        if let Some(process) = &self.schedulers[which] {
            process.gate.stop();
            self.outcome.stops += 1;
        }
        let wait = self.secs(1, 200);
        pass(wait).await;
        if let Some(process) = &self.schedulers[which] {
            process.gate.go_on();
        }
    }

    fn clock_jumps(&mut self, which: usize) {
        let off = match self.some(5) {
            0 => 7_200,
            1 => -7_200,
            2 => 400,
            3 => -400,
            _ => 0,
        };
        if let Some(process) = &self.schedulers[which] {
            process.clock.set_off(off);
        }
    }

    async fn store_is_full(&mut self) {
        self.outside.store_trouble.lock().full = true;
        let wait = self.secs(10, 900);
        pass(wait).await;
        self.outside.store_trouble.lock().full = false;
    }

    async fn engines_are_down(&mut self) {
        *self.outside.engine_trouble.lock() =
            EngineTrouble { errors: 900, hangs: 50, ..EngineTrouble::USUAL };
        let wait = self.secs(60, 2_000);
        pass(wait).await;
        *self.outside.engine_trouble.lock() = EngineTrouble::USUAL;
    }

    async fn rules_change(&mut self) {
        self.setting.revision += 1;
        let definitions = self.setting.definitions();
        for process in self.schedulers.iter().flatten().filter(|one| !one.is_dead()) {
            let _ = patiently(process.scheduler.reload(definitions.clone())).await;
        }
    }

    fn a_tenant(&mut self) -> TenantName {
        let which = self.some(self.plan.tenants as u64) as usize;
        self.setting.tenants[which].name.clone()
    }

    async fn a_tenant_is_paused(&mut self) {
        let tenant = self.a_tenant();
        let pause = Pause {
            tenant: tenant.clone(),
            mode: if self.some(2) == 0 { PauseMode::Hold } else { PauseMode::Skip },
            since: self.outside.time.now(),
            actor: Actor::System,
            reason: "the customer asks for it".into(),
        };
        if self.outside.records.pause(&pause).await.is_err() {
            return;
        }
        self.notes += 1;
        let wait = self.secs(60, 3_000);
        pass(wait).await;
        self.resume(&tenant).await;
    }

    /// Asks a scheduler that lives; the operator asks again until it is done.
    async fn resume(&mut self, tenant: &TenantName) {
        let wish = self.wish("the customer is back");
        if let Some(process) = self.somebody() {
            let _ = patiently(process.scheduler.resume(tenant, &wish)).await;
        }
    }

    async fn a_job_is_asked_for(&mut self) {
        self.jobs += 1;
        let now = self.outside.time.now();
        let tenants = vec![self.a_tenant()];
        let job = Job {
            name: format!("j{}", self.jobs).into(),
            rule: RuleName::new("each").expect("a name"),
            tenants,
            from: now.minus(Duration::from_secs(3 * 3600)),
            to: now.minus(Duration::from_secs(600)),
            tell: TellHow::Nothing,
            bytes_max: (self.some(2) == 0).then(|| 500 + self.some(6_000)),
            at: now,
            actor: Actor::System,
            reason: "somebody asks about the last hour".into(),
            state: JobState::Running,
        };
        self.put_job(&job).await;
    }

    pub(super) async fn put_job(&self, job: &Job) {
        self.outside.spy.job(job);
        let _ = self.outside.records.put_job(job).await;
    }

    pub(super) async fn jobs(&self) -> Result<Vec<Job>, String> {
        let jobs = self.outside.records.jobs(model::store::Paging::ALL).await;
        Ok(jobs.map_err(|error| error.to_string())?.items)
    }

    fn a_backup_is_restored(&mut self) {
        let since = self.outside.time.now().minus(self.secs(60, 1_200));
        let which = self.some(self.plan.tenants as u64) as usize;
        self.outside.sources[which].restore(since);
    }

    /// An operator looks at streams that wait for a person and lets them go on.
    async fn streams_go_on(&mut self) {
        let Ok(ledgers) = Ledgers::read(&self.outside.records).await else { return };
        let stopped = |status: &StreamStatus| matches!(status, StreamStatus::Stopped(_));
        for stream in ledgers.streams().filter(|stream| stopped(&stream.status)) {
            let wish = self.wish("it was looked at");
            let Some(process) = self.somebody() else { return };
            let _ = patiently(process.scheduler.continue_stream(&stream.key, &wish)).await;
        }
    }

    /// A scheduler that an operator can reach.
    fn somebody(&self) -> Option<&Process> {
        self.schedulers.iter().flatten().find(|one| !one.is_dead())
    }

    fn wish(&self, reason: &str) -> Wish {
        Wish { actor: Actor::System, reason: reason.into(), at: self.outside.time.now() }
    }

    pub(super) async fn check(&self) -> Result<(), String> {
        if let Some(what) = self.outside.spy.blamed() {
            return Err(what);
        }
        Ok(())
    }

    /// Nothing goes wrong any more: only one scheduler is left, the other is new or not there, and
    /// whoever stopped goes on.
    async fn heal(&mut self) -> Result<(), String> {
        *self.outside.engine_trouble.lock() = EngineTrouble::default();
        *self.outside.store_trouble.lock() = StoreTrouble::default();
        self.outside.receiver.heal();
        let survivor = self.some(2) as usize;
        self.kill(1 - survivor);
        match &self.schedulers[survivor] {
            Some(process) if !process.is_dead() => {
                process.gate.go_on();
                process.clock.set_off(0);
            }
            _ => {
                self.kill(survivor);
                self.start(survivor);
            }
        }
        // What cannot succeed waits for another revision.
        self.rules_change().await;
        let end = self.outside.time.now().plus(SETTLE);
        while self.outside.time.now() < end {
            for tenant in self.setting.tenants.clone() {
                self.resume(&tenant.name).await;
            }
            self.streams_go_on().await;
            pass(Duration::from_secs(1200)).await;
            self.check().await?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Outcome, String> {
        self.check().await?;
        let now = self.outside.time.now();
        for process in self.schedulers.iter_mut().filter_map(Option::take) {
            process.kill();
        }
        let ledgers = Ledgers::read(&self.outside.records).await?;
        ledgers.check()?;
        let found = Found::read(&self.outside.records).await?;
        let end = End { ledgers: &ledgers, found: &found, spy: &self.outside.spy, now };
        let jobs = self.jobs().await?;
        end.check_nobody_is_behind(&jobs)?;
        end.check_revisions()?;
        for source in self.outside.sources.iter() {
            end.check_each(source)?;
            end.check_bursts(source)?;
            end.check_reports(source)?;
            let measured = self.meter.of_tenant("lycaon_log_late_rows_total", &source.tenant);
            self.outcome.late_rows += end.check_late(source, measured)?;
        }
        end.check_jobs(&jobs)?;
        let over = jobs.iter().filter(|job| job.state == JobState::OverBudget);
        self.outcome.over_budget = over.count() as u64;
        end.check_told(&self.outside.receiver.told())?;
        self.check_notes().await?;
        self.outcome.trace = self.outside.spy.trace();
        self.outcome.ticks = self.outside.spy.ticks();
        self.outcome.refused = self.outside.spy.refusals();
        self.outcome.commits = self.outside.spy.commits().len() as u64;
        self.outcome.findings = found.count();
        self.outcome.late = found.late();
        self.outcome.waived = ledgers.count("waived");
        self.outcome.quarantined = ledgers.count("quarantined");
        self.outcome.epochs =
            ledgers.streams().filter(|stream| stream.key.epoch > 0).count() as u64;
        Ok(self.outcome)
    }

    /// I11: whatever an operator did is on the audit trail.
    async fn check_notes(&self) -> Result<(), String> {
        let notes = self.outside.records.notes(model::store::Paging::ALL).await;
        let notes: Vec<AuditNote> = notes.map_err(|error| error.to_string())?.items;
        let pauses = notes.iter().filter(|note| note.action == "pause").count() as u64;
        if pauses != self.notes || notes.iter().any(|note| note.reason.is_empty()) {
            return Err(format!("I11: {pauses} of {} pauses were noted", self.notes));
        }
        Ok(())
    }
}

/// Asks a scheduler something; one that stands still or dies never answers.
async fn patiently<T>(asked: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_secs(60), asked).await.ok()
}

/// A scheduler that stands still, whose store is slow or full, learns of a spent budget that much later.
const UNAWARE: Duration = Duration::from_secs(1500);

/// Long enough for the last look at everything, and for what follows from it.
const SETTLE: Duration =
    Duration::from_secs(AUDIT_AGES[AUDIT_AGES.len() - 1].as_secs() + 4 * EVERY.as_secs() + 1800);
