//! The one function that moves a stream: commands in, changed records out.
//!
//! A store loads a stream and its working set under a lock, applies commands, and writes the changes in
//! the same transaction. Every store therefore decides alike.
//!
//! # Invariants
//!
//! - **I1** `[t0, planned_to)` is the disjoint union of committed, open, quarantined and waived windows.
//! - **I2** No two windows of a stream that are neither split nor superseded meet.
//! - **I3** The checkpoint never falls.
//! - **I4** Tokens grow; an old one moves nothing.
//! - **I7** No window is committed that ends beyond the frontier.

mod cuts;
mod decided;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use model::log::{
    Domain, Evidence, Failure, FailureClass, Lease, Position, Slice, SliceEvent, SliceId,
    SliceState, StreamKey, Window, after,
};

pub use self::cuts::grid;
use self::cuts::halves;
use crate::command::{Applied, Command, Cut, Order, Refusal};
use crate::ids::slice_id;
use crate::retry::{RetryPolicy, Verdict, later, verdict, verdict_on_loss};
use crate::stream::{Changes, Run, RunOutcome, Stream, StreamStatus};

/// A stream and the slices that its commands may touch: all that are open or end after the
/// checkpoint, and those that [`Command::needs`] names.
#[derive(Clone, Debug)]
pub struct Ledger {
    key: StreamKey,
    stream: Option<Stream>,
    slices: BTreeMap<Position, Slice>,
    changes: Changes,
    claimed: Option<Slice>,
    taken_back: Option<(SliceId, u64)>,
    named: Option<SliceId>,
    now: Timestamp,
}

impl Ledger {
    /// What was loaded; `now` is the store's clock. Slices that are split or superseded do not count.
    pub fn load(
        key: StreamKey,
        stream: Option<Stream>,
        slices: impl IntoIterator<Item = Slice>,
        now: Timestamp,
    ) -> Self {
        let live = |slice: &Slice| slice.state.is_open() || slice.state.is_settled();
        let slices = slices.into_iter().filter(live);
        Self {
            key,
            stream,
            slices: slices.map(|slice| (slice.window.from(), slice)).collect(),
            changes: Changes::default(),
            claimed: None,
            taken_back: None,
            named: None,
            now,
        }
    }

    /// Applies commands in order. When one is refused the ledger must be thrown away.
    pub fn apply(&mut self, commands: &[Command]) -> Result<(), Refusal> {
        commands.iter().try_for_each(|command| self.apply_one(command))
    }

    /// The answer, and what is to be written.
    pub fn finish(self) -> Result<(Applied, Changes), Refusal> {
        let stream = self.stream.ok_or(Refusal::NoStream)?;
        let open = self.slices.values().filter(|slice| slice.state.is_open());
        let waits = self.slices.values().filter_map(|slice| match &slice.state {
            SliceState::Backoff { not_before, .. } => Some(*not_before),
            other => other.lease().map(|lease| lease.until),
        });
        let named = self.named;
        let slice = named.and_then(|id| {
            let kept = self.slices.values().find(|slice| slice.id == id);
            kept.or_else(|| self.changes.put.iter().find(|slice| slice.id == id)).cloned()
        });
        let applied = Applied {
            stream,
            claimed: self.claimed,
            taken_back: self.taken_back,
            slice,
            open: open.count(),
            ready_at: waits.min(),
            findings_new: 0,
        };
        Ok((applied, self.changes))
    }

    fn apply_one(&mut self, command: &Command) -> Result<(), Refusal> {
        if let Command::Open { domain, t0, source_identity } = command {
            self.open(*domain, *t0, source_identity.clone());
            return Ok(());
        }
        let now = self.now;
        self.stream.as_mut().ok_or(Refusal::NoStream)?.heartbeat = now;
        match command {
            Command::Open { .. } => Ok(()),
            Command::Plan { tick, frontier, cut } => self.plan(*tick, *frontier, cut),
            Command::Add { tick, windows } => self.add(*tick, windows),
            Command::Claim { owner, ttl, order, only_tick, policy } => {
                self.active_stream()?;
                self.take_back_overdue(policy)?;
                self.claim(owner.clone(), *ttl, *order, *only_tick)
            }
            Command::Renew { slice, token, ttl } => {
                let until = now.plus(*ttl);
                self.move_leased(*slice, *token, &SliceEvent::Renew { token: *token, until })
            }
            Command::Start { slice, token, query_tag } => {
                let start = SliceEvent::Start { token: *token, query_tag: query_tag.clone() };
                self.move_leased(*slice, *token, &start)
            }
            Command::Release { slice, token } => self.release(*slice, *token),
            Command::Commit { slice, evidence, frontier } => {
                self.commit(*slice, evidence, *frontier)
            }
            Command::Fail { slice, token, failure, policy, jitter_millionths } => {
                let jitter = f64::from(*jitter_millionths) / 1e6;
                self.fail(*slice, *token, failure, policy, jitter)
            }
            Command::Waive { window, actor, reason } => self.waive(*window, actor, reason),
            Command::Reopen { slice } => {
                self.refuse_closed()?;
                self.named = Some(*slice);
                let from = self.place(*slice)?;
                self.slices.get_mut(&from).expect("it was just found").losses = 0;
                self.move_slice(from, &SliceEvent::Reopen)
            }
            Command::Audited { slice, seen, fingerprint, next } => {
                self.audited(*slice, *seen, fingerprint.clone(), *next)
            }
            Command::Stop { failure } => {
                self.active_stream()?.status = StreamStatus::Stopped(failure.clone());
                Ok(())
            }
            Command::Continue { source_identity } => self.go_on(source_identity.clone()),
            Command::Close { reason } => self.close(reason),
            Command::Heartbeat { tick } => {
                let stream = self.stream_mut();
                stream.last_tick = stream.last_tick.max(Some(*tick));
                Ok(())
            }
        }
    }

    fn open(&mut self, domain: Domain, t0: Position, source_identity: Option<Arc<str>>) {
        let (key, now) = (self.key.clone(), self.now);
        self.stream.get_or_insert(Stream {
            key,
            domain,
            t0,
            planned_to: t0,
            checkpoint: t0,
            token: 0,
            status: StreamStatus::Active,
            source_identity,
            opened_at: now,
            last_tick: None,
            last_run: None,
            last_failure: None,
            heartbeat: now,
        });
    }

    fn stream_mut(&mut self) -> &mut Stream {
        self.stream.as_mut().expect("commands but `Open` are refused without a stream")
    }

    fn active_stream(&mut self) -> Result<&mut Stream, Refusal> {
        let stream = self.stream_mut();
        match &stream.status {
            StreamStatus::Active => Ok(stream),
            StreamStatus::Stopped(failure) => {
                Err(Refusal::NotActive { status: "stopped", why: failure.message.clone() })
            }
            StreamStatus::Closed { reason } => {
                Err(Refusal::NotActive { status: "closed", why: reason.clone() })
            }
        }
    }

    fn place(&self, id: SliceId) -> Result<Position, Refusal> {
        let found = self.slices.values().find(|slice| slice.id == id);
        found.map(|slice| slice.window.from()).ok_or(Refusal::NoSlice { slice: id })
    }

    /// Moves the slice that begins at `from` and notes the change.
    fn move_slice(&mut self, from: Position, event: &SliceEvent) -> Result<(), Refusal> {
        let slice = self.slices.get_mut(&from).expect("callers name slices that are there");
        slice.state = after(&slice.state, event)?;
        slice.moved_at = self.now;
        let slice = slice.clone();
        if !slice.state.is_open() && !slice.state.is_settled() {
            self.slices.remove(&from);
        }
        self.put(slice);
        Ok(())
    }

    fn put(&mut self, slice: Slice) {
        self.changes.put.retain(|other| other.id != slice.id);
        self.changes.put.push(slice);
    }

    fn insert(&mut self, window: Window, tick: Timestamp, like: Option<&Slice>) {
        let stream = self.stream.as_ref().expect("windows are cut from a stream");
        let slice = Slice {
            id: slice_id(&self.key, window),
            key: self.key.clone(),
            domain: stream.domain,
            window,
            tick,
            state: like.map_or(SliceState::Planned, |slice| slice.state.clone()),
            attempts: like.map_or(0, |slice| slice.attempts),
            losses: like.map_or(0, |slice| slice.losses),
            planned_at: self.now,
            moved_at: self.now,
        };
        self.changes.gone.retain(|id| *id != slice.id);
        self.slices.insert(window.from(), slice.clone());
        self.put(slice);
    }

    /// Takes a slice that nobody ever held off the ledger: its window becomes part of another.
    fn remove(&mut self, from: Position) -> Option<Slice> {
        let slice = self.slices.remove(&from)?;
        self.changes.put.retain(|other| other.id != slice.id);
        self.changes.gone.push(slice.id);
        Some(slice)
    }

    fn plan(&mut self, tick: Timestamp, frontier: Position, cut: &Cut) -> Result<(), Refusal> {
        let stream = self.active_stream()?;
        stream.last_tick = stream.last_tick.max(Some(tick));
        let start = stream.planned_to;
        match cut {
            Cut::Additive { max } => {
                let Some(range) = Window::new(start, frontier) else { return Ok(()) };
                stream.planned_to = frontier;
                self.plan_additive(tick, range, (*max).max(1));
            }
            Cut::ByTick(ends) => {
                let mut from = start;
                for (tick, end) in ends {
                    let Some(window) = Window::new(from, (*end).min(frontier)) else { continue };
                    self.insert(window, *tick, None);
                    from = window.to();
                }
                self.stream_mut().planned_to = from;
            }
        }
        Ok(())
    }

    /// Cuts a range, together with what nobody has leased directly before it, when one window can
    /// hold both.
    fn plan_additive(&mut self, tick: Timestamp, range: Window, max: u64) {
        let mut from = range.from();
        let mut like: Option<Slice> = None;
        while let Some((_, last)) = self.slices.range(..from).next_back() {
            let free = match &last.state {
                SliceState::Planned => true,
                // What was too large, or a part of it, must not grow to that size again.
                SliceState::Backoff { failure, .. } => failure.class != FailureClass::TooLarge,
                _ => false,
            };
            let fits = last.window.from().0.abs_diff(range.to().0) <= max;
            if !(free && last.window.to() == from && fits) {
                break;
            }
            from = last.window.from();
            let removed = self.remove(from).expect("it was just seen");
            like = Some(later(like, removed));
        }
        let joined = Window::new(from, range.to()).expect("it holds the range");
        for window in grid(joined, max) {
            self.insert(window, tick, like.as_ref());
        }
    }

    fn add(&mut self, tick: Timestamp, windows: &[Window]) -> Result<(), Refusal> {
        self.active_stream()?;
        for window in windows {
            if self.slices.values().any(|slice| slice.window.meets(*window)) {
                continue;
            }
            self.insert(*window, tick, None);
            let stream = self.stream_mut();
            stream.planned_to = stream.planned_to.max(window.to());
        }
        Ok(())
    }

    fn claim(
        &mut self,
        owner: Arc<str>,
        ttl: Duration,
        order: Order,
        only_tick: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        let now = self.now;
        // What was taken back may have stopped the stream; that is recorded, and nothing is claimed.
        let stopped = self.active_stream().is_err();
        if stopped || self.slices.values().any(|slice| slice.state.lease().is_some()) {
            return Ok(());
        }
        let ready = |slice: &&Slice| {
            let due = match &slice.state {
                SliceState::Planned => true,
                SliceState::Backoff { not_before, .. } => *not_before <= now,
                _ => false,
            };
            due && only_tick.is_none_or(|tick| slice.tick <= tick)
        };
        let found = match order {
            Order::OldestFirst => self.slices.values().find(ready),
            Order::NewestFirst => self.slices.values().rev().find(ready),
            Order::Smallest => {
                self.slices.values().filter(ready).min_by_key(|slice| slice.window.width())
            }
        };
        let Some(from) = found.map(|slice| slice.window.from()) else { return Ok(()) };
        let stream = self.stream_mut();
        stream.token += 1;
        let lease = Lease { owner, token: stream.token, until: now.plus(ttl) };
        self.move_slice(from, &SliceEvent::Lease(lease))?;
        self.claimed = self.slices.get(&from).cloned();
        Ok(())
    }

    /// Takes back every slice whose lease is over by the store's clock. Nobody heard how its run went:
    /// it counts as an attempt, so that a window which takes its scheduler down each time ends.
    fn take_back_overdue(&mut self, policy: &RetryPolicy) -> Result<(), Refusal> {
        let over =
            |slice: &&Slice| slice.state.lease().is_some_and(|lease| lease.until <= self.now);
        let overdue: Vec<Slice> = self.slices.values().filter(over).cloned().collect();
        for slice in overdue {
            let lease = slice.state.lease().expect("it was filtered by its lease").clone();
            self.record(&slice, &lease, RunOutcome::Lost);
            self.taken_back = Some((slice.id, lease.token));
            let from = slice.window.from();
            let kept = self.slices.get_mut(&from).expect("it was just seen");
            (kept.attempts, kept.losses) = (kept.attempts + 1, kept.losses + 1);
            match verdict_on_loss(policy, &slice, self.now) {
                // The first time a scheduler was merely stopped, most likely: the next one goes on at once.
                None => self.move_slice(from, &SliceEvent::Release { token: lease.token })?,
                Some((decided, failure)) => self.follow(decided, &slice, lease.token, &failure)?,
            }
        }
        Ok(())
    }

    fn record(&mut self, slice: &Slice, lease: &Lease, outcome: RunOutcome) {
        self.changes.runs.push(Run {
            key: self.key.clone(),
            window: slice.window,
            owner: lease.owner.clone(),
            token: lease.token,
            ended_at: self.now,
            outcome,
        });
    }

    /// The place of a slice that is held under this token, with its lease in force.
    fn held(&mut self, id: SliceId, token: u64) -> Result<(Position, Lease), Refusal> {
        self.named = Some(id);
        let from = self.place(id)?;
        let lease = self.slices[&from].state.lease().cloned();
        match lease {
            Some(lease) if lease.token == token => Ok((from, lease)),
            _ => Err(Refusal::Fenced { token }),
        }
    }

    fn move_leased(&mut self, id: SliceId, token: u64, event: &SliceEvent) -> Result<(), Refusal> {
        let (from, lease) = self.held(id, token)?;
        if lease.until <= self.now {
            return Err(Refusal::LeaseOver { until: lease.until });
        }
        self.move_slice(from, event)
    }

    fn release(&mut self, id: SliceId, token: u64) -> Result<(), Refusal> {
        let (from, lease) = self.held(id, token)?;
        let slice = self.slices[&from].clone();
        self.record(&slice, &lease, RunOutcome::Lost);
        self.move_slice(from, &SliceEvent::Release { token })
    }

    fn commit(
        &mut self,
        id: SliceId,
        evidence: &Evidence,
        frontier: Position,
    ) -> Result<(), Refusal> {
        let (from, lease) = self.held(id, evidence.token)?;
        if lease.until <= self.now {
            return Err(Refusal::LeaseOver { until: lease.until });
        }
        let slice = self.slices[&from].clone();
        if slice.window.to() > frontier {
            return Err(Refusal::BeyondFrontier { to: slice.window.to(), frontier });
        }
        let others = self.slices.values().filter(|other| other.id != id);
        let committed = |other: &Slice| matches!(other.state, SliceState::Committed(_));
        if others.into_iter().any(|other| committed(other) && other.window.meets(slice.window)) {
            return Err(Refusal::Overlap);
        }
        let evidence = Evidence { committed_at: self.now, ..evidence.clone() };
        let outcome = RunOutcome::Committed {
            rows: evidence.rows,
            findings_new: evidence.findings_new,
            bytes: evidence.bytes,
            took_millis: u64::try_from(evidence.took.as_millis()).unwrap_or(u64::MAX),
        };
        self.record(&slice, &lease, outcome);
        self.move_slice(from, &SliceEvent::Commit(evidence))?;
        let now = self.now;
        let stream = self.stream_mut();
        stream.last_run = Some(now);
        stream.last_failure = None;
        self.advance();
        Ok(())
    }

    fn fail(
        &mut self,
        id: SliceId,
        token: u64,
        failure: &Failure,
        policy: &RetryPolicy,
        jitter: f64,
    ) -> Result<(), Refusal> {
        let (from, lease) = self.held(id, token)?;
        let slice = Slice { losses: 0, ..self.slices[&from].clone() };
        self.record(&slice, &lease, RunOutcome::Failed(failure.clone()));
        let decided = verdict(policy, &slice, failure, self.now, jitter);
        let kept = self.slices.get_mut(&from).expect("it is held");
        (kept.attempts, kept.losses) = (kept.attempts + 1, 0);
        self.follow(decided, &slice, token, failure)
    }

    /// Does what was decided of a run that failed or was lost. `slice` is as it was while it ran.
    fn follow(
        &mut self,
        decided: Verdict,
        slice: &Slice,
        token: u64,
        failure: &Failure,
    ) -> Result<(), Refusal> {
        let (from, now) = (slice.window.from(), self.now);
        let stream = self.stream_mut();
        stream.last_run = Some(now);
        stream.last_failure = Some(failure.clone());
        let again = |not_before| SliceEvent::Fail { token, not_before, failure: failure.clone() };
        match decided {
            Verdict::Again(not_before) => self.move_slice(from, &again(not_before)),
            Verdict::Split => {
                self.move_slice(from, &SliceEvent::Split { token: Some(token) })?;
                // The halves remember why they are small, so that planning leaves them so.
                let state = SliceState::Backoff { not_before: now, failure: failure.clone() };
                // Of what was lost again and again, a half may be lost once by accident.
                let losses = slice.losses.saturating_sub(1);
                let like = Slice { state, attempts: 0, losses, ..slice.clone() };
                for half in halves(slice.window) {
                    self.insert(half, slice.tick, Some(&like));
                }
                Ok(())
            }
            Verdict::GiveUp => {
                self.move_slice(from, &SliceEvent::GiveUp { token, failure: failure.clone() })?;
                self.advance();
                Ok(())
            }
            Verdict::Stop => {
                self.move_slice(from, &again(now))?;
                self.stream_mut().status = StreamStatus::Stopped(failure.clone());
                Ok(())
            }
        }
    }
}

/// A source that is not the one that was read so far.
pub fn source_changed(message: impl Into<String>) -> Failure {
    Failure { class: FailureClass::SourceChanged, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::key;
    use model::log::Domain;
    use model::org::Actor;

    /// A stream in memory, driven by hand. Seconds everywhere.
    struct Bench {
        stream: Option<Stream>,
        slices: BTreeMap<SliceId, Slice>,
        now: i64,
        policy: RetryPolicy,
    }

    impl Bench {
        fn open(t0: i64) -> Self {
            let (slices, policy) = (BTreeMap::new(), RetryPolicy::default());
            let mut bench = Self { stream: None, slices, now: 0, policy };
            let t0 = Position(t0 * 1_000_000);
            let open = Command::Open { domain: Domain::EventTime, t0, source_identity: None };
            bench.does(&[open]).expect("a new stream");
            bench
        }

        fn does(&mut self, commands: &[Command]) -> Result<Applied, Refusal> {
            let now = Timestamp::from_secs(self.now);
            let slices = self.slices.values().cloned();
            let mut ledger = Ledger::load(key(), self.stream.clone(), slices, now);
            ledger.apply(commands)?;
            let (applied, changes) = ledger.finish()?;
            self.stream = Some(applied.stream.clone());
            changes.gone.iter().for_each(|id| drop(self.slices.remove(id)));
            self.slices.extend(changes.put.into_iter().map(|slice| (slice.id, slice)));
            Ok(applied)
        }

        fn plan(&mut self, frontier: i64, max: u64) {
            let plan = Command::Plan {
                tick: Timestamp::from_secs(self.now),
                frontier: Position(frontier * 1_000_000),
                cut: Cut::Additive { max: max * 1_000_000 },
            };
            self.does(&[plan]).expect("planning an active stream");
        }

        fn claim(&mut self, owner: &str) -> Option<Slice> {
            let claim = Command::Claim {
                owner: owner.into(),
                ttl: Duration::from_secs(60),
                order: Order::OldestFirst,
                only_tick: None,
                policy: self.policy,
            };
            self.does(&[claim]).expect("an active stream").claimed
        }

        fn commit(&mut self, slice: &Slice, token: u64, frontier: i64) -> Result<Applied, Refusal> {
            let evidence = Evidence { rows: 1, ..Evidence::of(token, "r") };
            let frontier = Position(frontier * 1_000_000);
            self.does(&[Command::Commit { slice: slice.id, evidence, frontier }])
        }

        fn fail(&mut self, slice: &Slice, class: FailureClass, policy: RetryPolicy) {
            let failure = Failure { class, message: "no".into() };
            let token = slice.state.lease().expect("it was claimed").token;
            let fail =
                Command::Fail { slice: slice.id, token, failure, policy, jitter_millionths: 0 };
            self.does(&[fail]).expect("the lease is in force");
        }

        fn windows(&self) -> Vec<(i64, i64, &'static str)> {
            let secs = |position: Position| position.0 / 1_000_000;
            let mut all: Vec<_> = self
                .slices
                .values()
                .map(|slice| {
                    (secs(slice.window.from()), secs(slice.window.to()), slice.state.word())
                })
                .collect();
            all.sort();
            all
        }

        fn checkpoint(&self) -> i64 {
            self.stream.as_ref().expect("it is open").checkpoint.0 / 1_000_000
        }
    }

    fn token(slice: &Slice) -> u64 {
        slice.state.lease().expect("it was claimed").token
    }

    #[test]
    fn a_failed_window_joins_the_next_one() {
        let mut bench = Bench::open(0);
        bench.plan(600, 3600);
        let first = bench.claim("a").expect("a window");
        bench.fail(&first, FailureClass::Transient, RetryPolicy::default());
        assert_eq!(bench.checkpoint(), 0);
        bench.now = 600;
        bench.plan(1200, 3600);
        assert_eq!(bench.windows(), [(0, 1200, "backoff")]);
        let joined = bench.claim("a").expect("its wait is over");
        bench.commit(&joined, token(&joined), 1200).expect("all is well");
        assert_eq!(bench.checkpoint(), 1200);
    }

    #[test]
    fn a_long_stretch_is_cut_on_the_grid() {
        let mut bench = Bench::open(100);
        bench.plan(1000, 400);
        assert_eq!(
            bench.windows(),
            [(100, 400, "planned"), (400, 800, "planned"), (800, 1000, "planned")]
        );
    }

    #[test]
    fn an_old_owner_commits_nothing() {
        let mut bench = Bench::open(0);
        bench.plan(600, 3600);
        let old = bench.claim("a").expect("a window");
        bench.now = 61;
        assert_eq!(
            bench.commit(&old, token(&old), 600),
            Err(Refusal::LeaseOver { until: Timestamp::from_secs(60) })
        );
        let new = bench.claim("b").expect("the lease is over");
        assert_eq!(bench.commit(&old, token(&old), 600), Err(Refusal::Fenced { token: 1 }));
        bench.commit(&new, token(&new), 600).expect("the new owner holds it");
        assert_eq!(bench.commit(&new, token(&new), 600), Err(Refusal::Fenced { token: 2 }));
    }

    /// Claims, and lets the lease run out without a word, until the window with `from` is given up.
    /// How often it was held.
    fn losses_until_it_ends(bench: &mut Bench, from: i64) -> u32 {
        for losses in 0..100 {
            let is_open = |(start, _, state): &(i64, i64, &str)| {
                *start == from && ["planned", "leased", "backoff"].contains(state)
            };
            if !bench.windows().iter().any(is_open) {
                return losses;
            }
            while bench.claim("a").is_none() {
                bench.now += 10;
                let over = !bench.windows().iter().any(is_open);
                if over {
                    return losses;
                }
            }
            bench.now += 61;
        }
        panic!("it never ends: {:?}", bench.windows());
    }

    #[test]
    fn a_window_that_takes_its_schedulers_down_becomes_a_gap() {
        let mut bench = Bench::open(0);
        bench.policy = RetryPolicy { attempts_max: 4, ..RetryPolicy::default() };
        bench.plan(100, 3600);
        assert_eq!(losses_until_it_ends(&mut bench, 0), 4);
        assert_eq!(bench.windows(), [(0, 100, "quarantined")]);
        assert_eq!(bench.checkpoint(), 100);
        let failure = bench.stream.as_ref().and_then(|stream| stream.last_failure.clone());
        expect_test::expect!["too_large: the lease ran out 4 times in a row without a word of how the run went: it may take its scheduler down"]
            .assert_eq(&failure.expect("it is told").to_string());
    }

    #[test]
    fn one_that_was_lost_once_is_taken_over_at_once_and_later_it_waits() {
        let mut bench = Bench::open(0);
        bench.plan(600, 3600);
        bench.claim("a").expect("a window");
        bench.now = 61;
        let again = bench.claim("b").expect("at once");
        assert_eq!((again.attempts, again.losses), (1, 1));
        bench.now = 122;
        assert_eq!(bench.claim("c"), None, "its scheduler died twice");
        bench.now = 133;
        let third = bench.claim("c").expect("after a while");
        bench.fail(&third, FailureClass::Transient, RetryPolicy::default());
        let slice = bench.slices.values().next().expect("one window");
        assert_eq!((slice.attempts, slice.losses), (3, 0), "somebody came back from it");
    }

    #[test]
    fn what_takes_schedulers_down_is_cut_before_it_is_given_up() {
        let mut bench = Bench::open(0);
        bench.policy = RetryPolicy { attempts_max: 3, ..RetryPolicy::default() };
        bench.plan(200, 3600);
        // The poison lies in the first half: whoever reads it dies.
        for _ in 0..200 {
            match bench.claim("a") {
                None => bench.now += 10,
                Some(slice) if slice.window.from() == Position(0) => bench.now += 61,
                Some(good) => drop(bench.commit(&good, token(&good), 200).expect("it is held")),
            }
        }
        let mut windows = bench.windows();
        windows.retain(|(.., state)| *state != "split");
        assert_eq!(windows, [(0, 100, "quarantined"), (100, 200, "committed")]);
    }

    #[test]
    fn a_stream_that_must_not_have_gaps_stops_instead() {
        let mut bench = Bench::open(0);
        bench.policy = RetryPolicy { attempts_max: 2, quarantine: false, ..RetryPolicy::default() };
        bench.plan(100, 3600);
        for _ in 0..2 {
            bench.claim("a").expect("a window");
            bench.now += 61;
        }
        assert_eq!(bench.claim("b"), None);
        let status = bench.stream.as_ref().map(|stream| stream.status.word());
        assert_eq!(status, Some("stopped"));
    }

    #[test]
    fn a_window_that_is_too_large_is_halved() {
        let mut bench = Bench::open(0);
        bench.plan(600, 3600);
        let slice = bench.claim("a").expect("a window");
        bench.fail(&slice, FailureClass::TooLarge, RetryPolicy::default());
        assert_eq!(
            bench.windows().iter().filter(|(_, _, state)| *state == "backoff").count(),
            2,
            "{:?}",
            bench.windows()
        );
    }

    #[test]
    fn waiving_cuts_windows_and_moves_the_checkpoint() {
        let mut bench = Bench::open(0);
        bench.plan(600, 3600);
        let window = Window::new(Position(0), Position(200_000_000)).expect("order");
        let waive = Command::Waive { window, actor: Actor::System, reason: "retention".into() };
        bench.does(&[waive]).expect("nobody holds it");
        assert_eq!(bench.windows(), [(0, 200, "waived"), (200, 600, "planned")]);
        assert_eq!(bench.checkpoint(), 200);
    }

    #[test]
    fn nothing_is_committed_beyond_the_frontier() {
        let mut bench = Bench::open(0);
        bench.plan(600, 3600);
        let slice = bench.claim("a").expect("a window");
        assert!(matches!(
            bench.commit(&slice, token(&slice), 599),
            Err(Refusal::BeyondFrontier { .. })
        ));
    }
}
