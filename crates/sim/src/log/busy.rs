//! Nothing goes wrong, and much is asked for at once: two schedulers with few slots, slow engines, and
//! jobs over all tenants. What is on schedule must not wait for what is not, and budgets hold.

use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use loghunt::ports::{Job, JobState, TellHow};
use model::log::RuleName;
use model::org::Actor;

use super::engine::EngineTrouble;
use super::meter::Meter;
use super::store::{Records, StoreTrouble};
use super::time::pass;
use super::world::{Plan, World, at};

/// Jobs that are asked for, each over every tenant.
const JOBS: u64 = 12;
/// What every second of them may read.
const BYTES_MAX: u64 = 20_000;
/// An engine takes so many seconds for a call at most: describing, saying how far it is, looking, and
/// two queries make one piece of work.
const CALL_SECS: u64 = 8;
/// A window on schedule waits for its jitter, for its own tenant's windows and for one piece of work
/// that has just begun; not for the dozens that wait.
const WAIT_MAX: Duration = Duration::from_secs(30 + 2 * 5 * CALL_SECS + 5);
/// A scheduler looks at what jobs have read every five seconds; of what it had begun with before, it asks
/// the engine a few things before it takes a window.
const UNAWARE: Duration = Duration::from_secs(5 + 5 * CALL_SECS);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The longest that a window on schedule waited from its tick until it was read.
    pub live_waited: Duration,
    /// Jobs that ran to their end.
    pub done: u64,
    /// Jobs that spent their budget.
    pub over_budget: u64,
    /// Bytes that jobs with a budget read at most beyond it.
    pub beyond: u64,
    /// All that happened, in one number.
    pub trace: u64,
}

/// Runs the jobs of a plan to their end. The error says what does not hold.
pub async fn busy(
    plan: Plan,
    make: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Records>,
) -> Result<Busy, String> {
    let world = World::new(plan, make, Arc::new(Meter::default()));
    world.outside.spy.aware_within(UNAWARE);
    *world.outside.store_trouble.lock() = StoreTrouble::default();
    *world.outside.engine_trouble.lock() =
        EngineTrouble { slow: 1000, slow_secs: CALL_SECS, ..EngineTrouble::default() };
    world.outside.receiver.heal();
    pass(Duration::from_secs(1800)).await;
    for number in 0..JOBS {
        let job = job(&world, number);
        world.put_job(&job).await;
    }
    let end = at(0).plus(plan.trouble);
    loop {
        pass(Duration::from_secs(60)).await;
        world.check().await?;
        let jobs = world.jobs().await?;
        if jobs.iter().all(|job| job.state != JobState::Running) {
            return judge(&world, &jobs);
        }
        if world.outside.time.now() > end {
            return Err(format!("jobs that never end: {jobs:?}"));
        }
    }
}

fn job(world: &World, number: u64) -> Job {
    let now = world.outside.time.now();
    Job {
        name: format!("busy{number}").into(),
        rule: RuleName::new("each").expect("a name"),
        tenants: world.setting.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
        from: now.minus(Duration::from_secs(24 * 3600)),
        to: now.minus(Duration::from_secs(600)),
        tell: TellHow::Nothing,
        bytes_max: number.is_multiple_of(2).then_some(BYTES_MAX),
        at: now,
        actor: Actor::System,
        reason: "a year of logs is to be read again".into(),
        state: JobState::Running,
    }
}

fn judge(world: &World, jobs: &[Job]) -> Result<Busy, String> {
    let spy = &world.outside.spy;
    let live_waited = spy.live_waits();
    if live_waited > WAIT_MAX {
        return Err(format!(
            "a window on schedule waited {} s while jobs ran",
            live_waited.as_secs()
        ));
    }
    let mut beyond = 0;
    for job in jobs {
        let read = spy.read_for(&job.name);
        match job.bytes_max {
            Some(most) if read >= most => beyond = beyond.max(read - most),
            _ if job.state == JobState::Done => {}
            _ => return Err(format!("{read} bytes were read for {job:?}")),
        }
    }
    let count = |state| jobs.iter().filter(|job| job.state == state).count() as u64;
    let (done, over_budget) = (count(JobState::Done), count(JobState::OverBudget));
    Ok(Busy { live_waited, done, over_budget, beyond, trace: spy.trace() })
}
