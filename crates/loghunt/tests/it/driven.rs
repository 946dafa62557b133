//! One stream in memory, loaded for each step exactly as the ports say: what is open or ends after
//! the checkpoint, and what a command names. After each step the promises of the ledger are checked
//! on the whole of it.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use loghunt::command::{Applied, Command, Refusal};
use loghunt::ledger::Ledger;
use loghunt::stream::{Run, RunOutcome, Stream, StreamStatus};
use model::log::{
    DatasetName, Domain, Evidence, Lane, Position, RuleName, Slice, SliceId, SliceState, StreamKey,
    TenantName, Window,
};

pub(crate) fn key() -> StreamKey {
    StreamKey {
        tenant: TenantName::new("acme").unwrap(),
        dataset: DatasetName::new("logins").unwrap(),
        part: "".into(),
        rule: RuleName::new("odd-hours").unwrap(),
        epoch: 0,
        lane: Lane::Live,
    }
}

pub(crate) fn window(from: i64, to: i64) -> Window {
    Window::new(Position(from), Position(to)).expect("in order")
}

/// What a run knows; only what the ledger looks at matters.
pub(crate) fn evidence(token: u64) -> Evidence {
    Evidence::of(token, "r1")
}

/// The stream, all of its slices ever, and what was once true of it.
pub(crate) struct Driven {
    pub(crate) stream: Stream,
    pub(crate) slices: BTreeMap<SliceId, Slice>,
    pub(crate) runs: Vec<Run>,
    /// The store's clock, in microseconds; tests move it.
    pub(crate) now: i64,
    /// What the checkpoint must be, counted from all slices.
    recounted: Position,
    /// Committed windows as they were when they were committed.
    committed: BTreeMap<SliceId, Slice>,
    /// Tokens that were granted.
    granted: BTreeSet<u64>,
}

impl Driven {
    pub(crate) fn open(t0: i64) -> Self {
        let t0 = Position(t0);
        let now = Timestamp::from_micros(0);
        let mut ledger = Ledger::load(key(), None, [], now);
        let domain = Domain::EventTime;
        ledger.apply(&[Command::Open { domain, t0, source_identity: None }]).expect("a new stream");
        let (applied, _) = ledger.finish().expect("it was opened");
        Self {
            stream: applied.stream,
            slices: BTreeMap::new(),
            runs: Vec::new(),
            now: 0,
            recounted: t0,
            committed: BTreeMap::new(),
            granted: BTreeSet::new(),
        }
    }

    fn working_set(&self, commands: &[Command]) -> Vec<Slice> {
        let needs: Vec<_> = commands.iter().map(Command::needs).collect();
        let wanted = |slice: &&Slice| {
            let named = |needs: &loghunt::stream::Needs| {
                needs.slice == Some(slice.id)
                    || needs.window.is_some_and(|window| window.meets(slice.window))
            };
            slice.state.is_open()
                || slice.window.to() > self.stream.checkpoint
                || needs.iter().any(named)
        };
        self.slices.values().filter(wanted).cloned().collect()
    }

    /// One transaction; nothing changes when it is refused.
    pub(crate) fn does(&mut self, commands: &[Command]) -> Result<Applied, Refusal> {
        let now = Timestamp::from_micros(self.now);
        let before = self.stream.clone();
        let held: BTreeMap<SliceId, Slice> = self.slices.clone();
        let mut ledger = Ledger::load(key(), Some(before.clone()), self.working_set(commands), now);
        ledger.apply(commands)?;
        let (applied, changes) = ledger.finish()?;
        self.stream = applied.stream.clone();
        for id in &changes.gone {
            self.slices.remove(id);
        }
        self.slices.extend(changes.put.into_iter().map(|slice| (slice.id, slice)));
        self.note_grant(&before, &applied);
        self.note_runs(commands, &held, changes.runs);
        self.check(&before);
        Ok(applied)
    }

    fn note_grant(&mut self, before: &Stream, applied: &Applied) {
        assert!(applied.stream.token >= before.token, "I4: tokens fell");
        let Some(claimed) = &applied.claimed else { return };
        let lease = claimed.state.lease().expect("what is claimed is leased");
        assert!(lease.token > before.token, "I4: a token was granted twice");
        assert!(self.granted.insert(lease.token), "I4: token {} was granted twice", lease.token);
    }

    /// Runs end once for each grant, and only under the token and within the lease that was in force.
    fn note_runs(&mut self, commands: &[Command], held: &BTreeMap<SliceId, Slice>, runs: Vec<Run>) {
        for run in runs {
            assert!(self.granted.contains(&run.token), "I4: {run:?} was never granted");
            let again = self.runs.iter().any(|other| other.token == run.token);
            assert!(!again, "the run under token {} ended twice", run.token);
            if let RunOutcome::Committed { .. } = run.outcome {
                let commit = commands.iter().find_map(|command| match command {
                    Command::Commit { slice, evidence, frontier }
                        if evidence.token == run.token =>
                    {
                        Some((slice, frontier))
                    }
                    _ => None,
                });
                let (id, frontier) = commit.expect("I6: committed without a commit");
                assert!(run.window.to() <= *frontier, "I7: {run:?} ends beyond {frontier:?}");
                let lease = held.get(id).and_then(|slice| slice.state.lease());
                if let Some(lease) = lease {
                    assert!(lease.until > Timestamp::from_micros(self.now), "the lease was over");
                }
            }
            self.runs.push(run);
        }
    }

    /// All slices that count, in order.
    pub(crate) fn live(&self) -> Vec<&Slice> {
        let counts = |slice: &&Slice| slice.state.is_open() || slice.state.is_settled();
        let mut live: Vec<&Slice> = self.slices.values().filter(counts).collect();
        live.sort_by_key(|slice| slice.window.from());
        live
    }

    fn check(&mut self, before: &Stream) {
        let closed = matches!(self.stream.status, StreamStatus::Closed { .. });
        assert!(self.stream.planned_to >= before.planned_to, "what was planned fell");
        assert!(self.stream.checkpoint >= before.checkpoint, "I3: the checkpoint fell");
        assert!(self.stream.checkpoint <= self.stream.planned_to, "settled before it was planned");
        let mut end = self.stream.t0;
        for slice in self.live() {
            assert!(slice.window.from() >= end, "I2: {slice:?} meets what ends at {end:?}");
            if !closed {
                assert_eq!(slice.window.from(), end, "I1: a hole before {slice:?}");
            }
            end = slice.window.to();
        }
        if !closed {
            assert_eq!(end, self.stream.planned_to, "I1: the end is not covered");
        }
        let leased = self.live().iter().filter(|slice| slice.state.lease().is_some()).count();
        assert!(leased <= 1, "{leased} slices of one stream are leased at once");
        self.check_checkpoint();
        self.check_committed();
    }

    fn check_checkpoint(&mut self) {
        let mut end = self.recounted;
        for slice in self.live() {
            if slice.window.to() > end {
                if slice.window.from() > end || !slice.state.is_settled() {
                    break;
                }
                end = slice.window.to();
            }
        }
        self.recounted = end;
        assert_eq!(self.stream.checkpoint, end, "the checkpoint is not what a recount says");
    }

    /// What is committed stays as it is; only notes of later looks at its source change.
    fn check_committed(&mut self) {
        let plain = |slice: &Slice| {
            let mut slice = slice.clone();
            if let SliceState::Committed(evidence) = &mut slice.state {
                evidence.fingerprint = None;
                evidence.audit_at = None;
                evidence.audits = 0;
            }
            slice
        };
        for (id, once) in &self.committed {
            let now = self.slices.get(id).map(plain);
            assert_eq!(now.as_ref(), Some(once), "a committed window was touched");
        }
        for slice in self.slices.values() {
            if matches!(slice.state, SliceState::Committed(_)) {
                self.committed.entry(slice.id).or_insert_with(|| plain(slice));
            }
        }
    }
}
