//! From a stream that is due to a slice that is ours: look at the source, plan, claim.
//!
//! What is decided here comes from `loghunt`; this module only brings the values together and asks
//! the ledger, in one step.

use std::sync::Arc;

use base::Timestamp;
use log_rules::{CatchUp, RuleClass};
use loghunt::command::{Applied, Command, Order, Refusal};
use loghunt::engine::{EngineError, Horizon, Source, SqlEngine};
use loghunt::frontier::{Beginning, Planned, frontier, plan, retry_policy};
use loghunt::ledger::source_changed;
use loghunt::lineage::{self, Lineage};
use loghunt::ports::{AuditNote, Step};
use loghunt::stream::{Stream, StreamStatus};
use model::log::{Domain, Lane, Position, Slice, StreamKey};
use model::org::Actor;
use model::store::StoreError;

use crate::assignment::Assignment;
use crate::reload::Revised;
use crate::session::Session;
use crate::shared::{HeldWhy, Shared};

/// When something is done, and whose clock that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    /// The moment is given: it is the source's clock, too, and nothing waits.
    pub(crate) replay: bool,
}

/// One lane of one assignment, to be run.
#[derive(Clone)]
pub(crate) struct Due {
    pub(crate) name: Arc<str>,
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) lane: Lane,
    /// The smallest slice goes first, to try the engine.
    pub(crate) probe: bool,
}

/// A slice that is ours, and what is needed to run it.
pub(crate) struct Job {
    pub(crate) due: Due,
    pub(crate) key: StreamKey,
    pub(crate) slice: Slice,
    pub(crate) token: u64,
    pub(crate) frontier: Position,
    pub(crate) source: Source,
    pub(crate) engine: Arc<dyn SqlEngine>,
    pub(crate) horizon: Horizon,
    /// What was ours before is to be ended: the tag of a query whose owner's lease was over.
    pub(crate) orphan: Option<Arc<str>>,
    /// By the monotonic clock: when the lease was asked for.
    pub(crate) leased_at: std::time::Duration,
}

/// What came of preparing one part of a stream.
pub(crate) enum Prepared {
    Job(Box<Job>),
    /// Nothing is ready; something may be at this moment.
    Nothing(Option<Timestamp>),
    Held(HeldWhy),
    /// The source could not be looked at.
    Unreachable(EngineError),
    /// The state store did not answer.
    Broken(StoreError),
}

impl Shared {
    /// Prepares one part of a stream.
    pub(crate) async fn prepare(
        &self,
        due: &Due,
        session: &Session,
        part: &(Arc<str>, Horizon),
        moment: Moment,
    ) -> Prepared {
        match self.try_prepare(due, session, part, moment).await {
            Ok(prepared) => prepared,
            Err(error) => Prepared::Broken(error),
        }
    }

    async fn try_prepare(
        &self,
        due: &Due,
        session: &Session,
        (part, horizon): &(Arc<str>, Horizon),
        moment: Moment,
    ) -> Result<Prepared, StoreError> {
        let assignment = &due.assignment;
        let mut horizon = *horizon;
        if moment.replay {
            horizon.clock = Some(moment.now);
        }
        if let Some(why) = unfit(self, assignment, session, &horizon, moment) {
            return Ok(Prepared::Held(why));
        }
        let Some(tick) = latest_tick(due, moment) else { return Ok(Prepared::Nothing(None)) };
        let known = self.known_stream(due, part).await?;
        if known.is_none() && matches!(due.lane, Lane::Repair(_)) {
            return Ok(Prepared::Nothing(None));
        }
        let domain = assignment.dataset.domain;
        let Some(frontier) = frontier(domain, tick, assignment.buffer(), &horizon) else {
            let table = &assignment.dataset.table;
            return Ok(Prepared::Unreachable(EngineError::permanent(format!(
                "`{table}` does not say up to where its cursor can be read; use a time column instead"
            ))));
        };
        let frontier = match self.with_others(assignment, frontier, tick, moment).await {
            Ok(frontier) => frontier,
            Err(error) => return Ok(Prepared::Unreachable(error)),
        };
        let session = match self.whole_source(assignment, session).await {
            Ok(session) => session,
            Err(error) => return Ok(Prepared::Unreachable(error)),
        };
        let view = View { due, session: &session, part, horizon, tick, frontier };
        let (key, mut commands) = match self.begin(&view, known.as_ref()).await? {
            Begun::Ready(key, commands) => (key, commands),
            Begun::Stopped(why) => return Ok(Prepared::Held(HeldWhy::Stopped(why))),
            Begun::Unreachable(error) => return Ok(Prepared::Unreachable(error)),
        };
        let start = commands.iter().find_map(|command| match command {
            Command::Open { t0, .. } => Some(*t0),
            _ => None,
        });
        let known_here = known.as_ref().filter(|stream| stream.key == key);
        commands.extend(self.planning(&view, known_here, start));
        commands.push(Command::Claim {
            owner: self.settings.owner.clone(),
            ttl: self.settings.lease,
            order: order(due, known.as_ref()),
            only_tick: None,
            policy: retry_policy(&assignment.rule, domain),
        });
        let leased_at = self.ports.time.elapsed();
        let step = Step { audit: retention_note(&commands, &key, tick), ..Step::of(key, commands) };
        match self.ports.ledger.step(&step).await? {
            Ok(applied) => Ok(self.claimed(view, step.key, applied, leased_at)),
            Err(refusal) => {
                self.forget_stream(due, part);
                Ok(match refusal {
                    Refusal::NotActive { why, .. } => Prepared::Held(HeldWhy::Stopped(why)),
                    _ => Prepared::Nothing(Some(moment.now.plus(self.settings.look_around))),
                })
            }
        }
    }

    /// Of several sources the one that stands furthest back counts.
    async fn with_others(
        &self,
        assignment: &Assignment,
        mut least: Position,
        tick: Timestamp,
        moment: Moment,
    ) -> Result<Position, EngineError> {
        let domain = assignment.dataset.domain;
        for other in &assignment.others {
            let session = self.session_of(assignment, other, domain).await?;
            for (_, mut horizon) in session.parts {
                if moment.replay {
                    horizon.clock = Some(moment.now);
                }
                let own = frontier(domain, tick, assignment.buffer(), &horizon);
                least = own.map_or(least, |own| own.min(least));
            }
        }
        Ok(least)
    }

    fn claimed(
        &self,
        view: View<'_>,
        key: StreamKey,
        applied: Applied,
        leased_at: std::time::Duration,
    ) -> Prepared {
        self.remember_stream(view.due, &applied.stream);
        let Some(slice) = applied.claimed else { return Prepared::Nothing(applied.ready_at) };
        let token = slice.state.lease().expect("a claimed slice is leased").token;
        let orphan = applied.taken_back.map(|(slice, token)| crate::run::tag(slice, token));
        Prepared::Job(Box::new(Job {
            due: view.due.clone(),
            source: view.due.assignment.source(slice.domain, view.part),
            engine: view.session.engine.clone(),
            horizon: view.horizon,
            frontier: view.frontier.max(match key.lane {
                Lane::Live => Position::MIN,
                // What a repair or a job reads was below the frontier when it was cut.
                Lane::Repair(_) | Lane::Backfill(_) => slice.window.to(),
            }),
            key,
            slice,
            token,
            orphan,
            leased_at,
        }))
    }

    /// Which epoch is run, and what opens it.
    async fn begin(&self, view: &View<'_>, known: Option<&Stream>) -> Result<Begun, StoreError> {
        let assignment = &view.due.assignment;
        let domain = assignment.dataset.domain;
        let first = StreamKey {
            part: view.part.clone(),
            lane: view.due.lane.clone(),
            ..assignment.key.clone()
        };
        let Some(stream) = known else {
            let t0 = self.first_of(view, &first);
            return Ok(Begun::Ready(first, vec![view.open(domain, t0)]));
        };
        let next = StreamKey { epoch: stream.key.epoch + 1, ..first };
        if view.due.lane != Lane::Live {
            return Ok(Begun::Ready(stream.key.clone(), Vec::new()));
        }
        match &stream.status {
            StreamStatus::Stopped(failure) => return Ok(Begun::Stopped(failure.message.clone())),
            // It runs again: from where it was left, so that nothing between is lost.
            StreamStatus::Closed { .. } => {
                let t0 = view.moved(stream, domain);
                return Ok(Begun::Ready(next, vec![view.open(domain, t0)]));
            }
            StreamStatus::Active => {}
        }
        if let Revised::Reset(why) = self.revised(view.due, stream, view.tick).await? {
            let t0 = view.first(&next);
            return self.anew(view, stream, next, t0, why).await;
        }
        if stream.domain != domain {
            let why = format!("positions count {} from now on", domain.word());
            let t0 = view.moved(stream, domain);
            return self.anew(view, stream, next, t0, why).await;
        }
        let verdict = match self.lineage_of(view, stream).await {
            Ok(verdict) => verdict,
            Err(error) => return Ok(Begun::Unreachable(error)),
        };
        match verdict {
            Lineage::Same => {}
            Lineage::Stop(why) => {
                let stop = Command::Stop { failure: source_changed(why.clone()) };
                tracing::error!(stream = %stream.key, why, "the source is not the one that was read");
                let _ = self.ports.ledger.step(&Step::of(stream.key.clone(), vec![stop])).await?;
                return Ok(Begun::Stopped(why));
            }
            Lineage::Anew { t0, reason } => return self.anew(view, stream, next, t0, reason).await,
        }
        Ok(Begun::Ready(stream.key.clone(), Vec::new()))
    }

    /// Whether the source is the one that was read. The look at it may be older than the record, which
    /// another scheduler has moved since: nothing is concluded before the source was looked at again.
    async fn lineage_of(&self, view: &View<'_>, stream: &Stream) -> Result<Lineage, EngineError> {
        let assignment = &view.due.assignment;
        let dataset = &assignment.dataset;
        let verdict = lineage::lineage(stream, dataset, &view.session.description, &view.horizon);
        if verdict == Lineage::Same {
            return Ok(verdict);
        }
        let session = self.open_session(assignment, dataset, dataset.domain).await?;
        let session = self.whole_source(assignment, &session).await?;
        let horizon = session.parts.iter().find(|(part, _)| part == view.part);
        Ok(horizon.map_or(verdict, |(_, horizon)| {
            lineage::lineage(stream, dataset, &session.description, horizon)
        }))
    }

    /// Where a new stream begins: a job's where the job does.
    fn first_of(&self, view: &View<'_>, key: &StreamKey) -> Position {
        match &key.lane {
            Lane::Backfill(job) => {
                let from = self.state.lock().jobs.get(job).map(|job| Position::at(job.from));
                let oldest = view.session.description.oldest.unwrap_or(Position(0));
                let in_time = view.due.assignment.dataset.domain.is_time();
                from.filter(|_| in_time).unwrap_or(oldest)
            }
            Lane::Live | Lane::Repair(_) => view.first(key),
        }
    }

    /// Closes an epoch and goes on in the next.
    async fn anew(
        &self,
        view: &View<'_>,
        stream: &Stream,
        next: StreamKey,
        t0: Position,
        reason: String,
    ) -> Result<Begun, StoreError> {
        let note = AuditNote {
            at: view.tick,
            actor: Actor::System,
            action: "rewind".into(),
            subject: stream.key.to_string(),
            reason: reason.clone(),
        };
        let close = vec![Command::Close { reason }];
        let step = Step { audit: Some(note), ..Step::of(stream.key.clone(), close) };
        // Refused when another scheduler was first; the next epoch is opened all the same.
        let _ = self.ports.ledger.step(&step).await?;
        let domain = view.due.assignment.dataset.domain;
        Ok(Begun::Ready(next, vec![view.open(domain, t0)]))
    }

    /// What puts everything up to the frontier on the ledger.
    fn planning(
        &self,
        view: &View<'_>,
        known: Option<&Stream>,
        start: Option<Position>,
    ) -> Vec<Command> {
        let assignment = &view.due.assignment;
        let (domain, rule) = (assignment.dataset.domain, &assignment.rule);
        let mut commands = Vec::new();
        let mut up_to = view.frontier;
        match &view.due.lane {
            Lane::Repair(_) => return commands,
            // A cursor cannot be asked where it stood at some time: all of it is read, once.
            Lane::Backfill(_) if domain == Domain::Cursor => {
                if known.is_some() {
                    return commands;
                }
            }
            Lane::Backfill(job) => {
                let to = self.state.lock().jobs.get(job).map(|job| Position::at(job.to));
                up_to = up_to.min(to.unwrap_or(Position::MIN));
            }
            Lane::Live => {
                let lost = known.and_then(|stream| {
                    let clock = view.horizon.clock.unwrap_or(view.tick);
                    let description = &view.session.description;
                    lineage::expired(stream, &assignment.dataset, description, clock)
                });
                let lost = lost.and_then(|lost| {
                    model::log::Window::new(lost.from(), lost.to().min(view.frontier))
                });
                commands.extend(lost.map(|window| Command::Waive {
                    window,
                    actor: Actor::System,
                    reason: RETENTION.into(),
                }));
            }
        }
        let buffer = assignment.buffer();
        let planned = match (known, start) {
            (Some(stream), _) => Planned::of(stream, buffer),
            (None, Some(planned_to)) => Planned { domain, planned_to, buffer },
            (None, None) => return commands,
        };
        commands.extend(plan(rule, &assignment.clockwork, &planned, view.tick, up_to));
        commands
    }
}

const RETENTION: &str = "retention: the source no longer keeps these rows";

/// What the audit trail says when rows went away before they were read.
fn retention_note(commands: &[Command], key: &StreamKey, at: Timestamp) -> Option<AuditNote> {
    commands.iter().find_map(|command| match command {
        Command::Waive { actor, reason, window } if reason == RETENTION => {
            tracing::error!(stream = %key, ?window, "rows went away before they were read");
            let (action, subject) = ("waive".to_owned(), key.to_string());
            Some(AuditNote { at, actor: actor.clone(), action, subject, reason: reason.clone() })
        }
        _ => None,
    })
}

enum Begun {
    Ready(StreamKey, Vec<Command>),
    Stopped(String),
    Unreachable(EngineError),
}

/// A part of a stream and its source, at a tick.
struct View<'a> {
    due: &'a Due,
    session: &'a Session,
    part: &'a Arc<str>,
    horizon: Horizon,
    tick: Timestamp,
    frontier: Position,
}

impl View<'_> {
    fn open(&self, domain: Domain, t0: Position) -> Command {
        let source_identity = Some(self.session.description.identity.clone());
        Command::Open { domain, t0, source_identity }
    }

    /// Where a new stream begins.
    fn first(&self, key: &StreamKey) -> Position {
        let assignment = &self.due.assignment;
        let schedule = &assignment.rule.schedule;
        let beginning = Beginning {
            first_from: schedule.first_from,
            tick: self.tick,
            interval: assignment.clockwork.interval_before(self.tick),
            buffer: assignment.buffer(),
            oldest: self.session.description.oldest,
            retention: assignment.dataset.retention,
        };
        match (&key.lane, assignment.dataset.domain) {
            (_, Domain::Cursor) => beginning.at_cursor(self.frontier),
            _ => beginning.in_time(),
        }
    }

    /// Where an epoch goes on that was left, in the domain of now. Between clocks some rows are read
    /// twice rather than never; findings are known by their identity.
    fn moved(&self, stream: &Stream, domain: Domain) -> Position {
        let slack = self.due.assignment.dataset.lateness_max;
        let slack = slack.unwrap_or(std::time::Duration::from_secs(3600));
        match (stream.domain, domain) {
            (a, b) if a == b => stream.checkpoint,
            (a, b) if a.is_time() && b.is_time() => {
                Position::at(stream.checkpoint.moment().minus(slack))
            }
            (_, Domain::Cursor) => self.session.description.oldest.unwrap_or(Position(0)),
            _ => Position::at(stream.opened_at.minus(slack)),
        }
    }
}

/// Why a stream cannot be run as things are.
fn unfit(
    shared: &Shared,
    assignment: &Assignment,
    session: &Session,
    horizon: &Horizon,
    moment: Moment,
) -> Option<HeldWhy> {
    let missing = lineage::missing_columns(&assignment.needs, &session.description);
    if !missing.is_empty() {
        return Some(HeldWhy::Inapplicable(missing));
    }
    if moment.replay || !assignment.dataset.domain.is_time() {
        return None;
    }
    lineage::skewed(horizon.clock, moment.now, shared.settings.skew_max).map(HeldWhy::Skewed)
}

/// The last tick whose time to run has come.
pub(crate) fn latest_tick(due: &Due, moment: Moment) -> Option<Timestamp> {
    let assignment = &due.assignment;
    if moment.replay {
        return assignment.clockwork.last_at(moment.now);
    }
    let schedule = &assignment.rule.schedule;
    let wait = loghunt::ticks::due(Timestamp::EPOCH, schedule, &assignment.key);
    assignment.clockwork.last_at(moment.now.minus(wait.since(Timestamp::EPOCH)))
}

/// Which slice goes first.
fn order(due: &Due, known: Option<&Stream>) -> Order {
    let rule = &due.assignment.rule;
    match rule.catch_up {
        _ if due.probe => Order::Smallest,
        // Windows of missed ticks are evaluated in order.
        _ if rule.class == RuleClass::Opaque => Order::OldestFirst,
        CatchUp::OldestFirst => Order::OldestFirst,
        CatchUp::NewestFirst => Order::NewestFirst,
        CatchUp::Weave => match known.map_or(0, |stream| stream.token) % 2 {
            0 => Order::NewestFirst,
            _ => Order::OldestFirst,
        },
    }
}
