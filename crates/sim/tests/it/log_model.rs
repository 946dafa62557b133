//! All that two schedulers can do to one stream, state by state: the real ledger is the transition
//! function, and everything around it is as hostile as it may be.
//!
//! A scheduler may stop for any time between two of its steps (a pause is just that nothing of it
//! happens while the clock goes on), die and come back without memory while its commit is still on
//! the way, and never hear the answer. Rows appear behind the frontier, answers are partial, the
//! rule changes. Checked in every state: I1 to I4, I6, I7, and that what was visible when its window
//! was read is found exactly once.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use base::Timestamp;
use loghunt::command::{Applied, Command, Cut, Order};
use loghunt::ledger::Ledger;
use loghunt::retry::RetryPolicy;
use loghunt::stream::Stream;
use model::log::{
    DatasetName, Domain, Evidence, Failure, FailureClass, Lane, Position, RuleName, Slice, SliceId,
    SliceState, StreamKey, TenantName,
};
use stateright::{Checker, Model, Property};

/// Clock readings that a lease lasts. A position is a reading of the clock, which is the frontier.
const LEASE: u64 = 2;
/// Positions at which something happened.
const EVENTS: [i64; 2] = [0, 1];

/// What a scheduler remembers; a dead one remembers nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Memory {
    Idle,
    /// It holds a window, and has perhaps read it.
    Holds {
        grant: Grant,
        read: Option<Read>,
    },
    /// Its commit is on the way.
    Waits {
        grant: Grant,
    },
    /// The answer was lost: it must ask the ledger.
    Unsure {
        grant: Grant,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Grant {
    slice: u128,
    from: i64,
    to: i64,
    token: u64,
    revision: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Read {
    complete: bool,
    /// The frontier when it was read.
    frontier: i64,
    /// Bits of the events that were seen.
    seen: u8,
}

/// A commit on the way to the store; it may arrive long after its sender died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Sent {
    grant: Grant,
    read: Read,
}

#[derive(Clone, Debug, PartialEq)]
struct State {
    now: i64,
    stream: Stream,
    slices: BTreeMap<SliceId, Slice>,
    revision: u8,
    /// Sorted: which of the two is which makes no difference.
    schedulers: [Memory; 2],
    on_the_way: Vec<Sent>,
    /// Bits of the events that are visible.
    visible: u8,
    /// How often each event was stored.
    found: [u8; EVENTS.len()],
    /// Of each committed window: what its commit said. The oracle's, not the store's.
    commits: BTreeMap<(i64, i64), Sent>,
    /// The checkpoint before the last step.
    checkpoint_before: i64,
    /// The last step was refused.
    refused: bool,
    /// In the last step a scheduler learned from the ledger that its commit had arrived.
    learned_late: bool,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.now.hash(hasher);
        self.revision.hash(hasher);
        self.schedulers.hash(hasher);
        self.on_the_way.hash(hasher);
        (self.visible, self.found, self.refused, self.learned_late).hash(hasher);
        self.commits.hash(hasher);
        let stream = &self.stream;
        (stream.token, stream.planned_to, stream.checkpoint, self.checkpoint_before).hash(hasher);
        for slice in self.slices.values() {
            slice.id.hash(hasher);
            (slice.attempts, slice.losses).hash(hasher);
            slice.state.word().hash(hasher);
            if let Some(lease) = slice.state.lease() {
                (lease.token, lease.until).hash(hasher);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Clock,
    /// Something that had happened before becomes visible.
    Appears(usize),
    Revision,
    Plan {
        behind: i64,
    },
    Claim(usize),
    Renew(usize),
    Reads {
        who: usize,
        complete: bool,
    },
    Fails {
        who: usize,
        too_large: bool,
    },
    Sends(usize),
    Arrives {
        nth: usize,
        heard: bool,
    },
    LostOnTheWay(usize),
    Asks(usize),
    Dies(usize),
}

/// How much may happen in one history.
struct Protocol {
    clock_max: i64,
    tokens_max: u64,
    /// Answers may be partial, and windows too large.
    fails: bool,
    /// The rule may change.
    changes: bool,
}

fn key() -> StreamKey {
    StreamKey {
        tenant: TenantName::new("acme").unwrap(),
        dataset: DatasetName::new("logins").unwrap(),
        part: "".into(),
        rule: RuleName::new("odd-hours").unwrap(),
        epoch: 0,
        lane: Lane::Live,
    }
}

/// A window that fails or is lost so often is cut, or given up.
const ATTEMPTS_MAX: u32 = 2;

fn policy() -> RetryPolicy {
    RetryPolicy {
        wait_first: Duration::ZERO,
        wait_max: Duration::ZERO,
        attempts_max: ATTEMPTS_MAX,
        width_min: 1,
        ..RetryPolicy::default()
    }
}

fn evidence(grant: Grant) -> Evidence {
    Evidence::of(grant.token, grant.revision.to_string())
}

/// Records without the moments that no decision looks at, so that equal states are equal.
fn plain(mut slice: Slice) -> Slice {
    slice.planned_at = Timestamp::EPOCH;
    slice.moved_at = Timestamp::EPOCH;
    slice.tick = Timestamp::EPOCH;
    if let SliceState::Committed(evidence) = &mut slice.state {
        evidence.committed_at = Timestamp::EPOCH;
    }
    if let SliceState::Backoff { not_before, .. } = &mut slice.state {
        *not_before = Timestamp::EPOCH;
    }
    slice
}

impl State {
    fn does(&mut self, command: Command) -> Option<Applied> {
        let slices: Vec<Slice> = self.slices.values().cloned().collect();
        let now = Timestamp::from_micros(self.now);
        let mut ledger = Ledger::load(key(), Some(self.stream.clone()), slices, now);
        let done = ledger.apply(&[command]).and_then(|()| ledger.finish());
        let Ok((applied, changes)) = done else {
            self.refused = true;
            return None;
        };
        self.stream = Stream {
            heartbeat: Timestamp::EPOCH,
            last_tick: None,
            last_run: None,
            last_failure: None,
            ..applied.stream.clone()
        };
        for id in changes.gone {
            self.slices.remove(&id);
        }
        self.slices.extend(changes.put.into_iter().map(|slice| (slice.id, plain(slice))));
        self.slices.retain(|_, slice| slice.state.is_open() || slice.state.is_settled());
        Some(applied)
    }

    fn claim(&mut self, who: usize) {
        let claim = Command::Claim {
            owner: "one of them".into(),
            ttl: Duration::from_micros(LEASE),
            order: Order::OldestFirst,
            only_tick: None,
            policy: policy(),
        };
        let Some(slice) = self.does(claim).and_then(|applied| applied.claimed) else { return };
        let token = slice.state.lease().expect("it was claimed").token;
        let (from, to) = (slice.window.from().0, slice.window.to().0);
        let grant = Grant { slice: slice.id.0, from, to, token, revision: self.revision };
        self.schedulers[who] = Memory::Holds { grant, read: None };
    }

    fn arrives(&mut self, nth: usize, heard: bool) {
        let sent = self.on_the_way.remove(nth);
        let Sent { grant, read } = sent;
        let slice = SliceId(grant.slice);
        let frontier = Position(read.frontier);
        let commit = Command::Commit { slice, evidence: evidence(grant), frontier };
        if self.does(commit).is_some() {
            self.commits.insert((grant.from, grant.to), sent);
            for (bit, found) in self.found.iter_mut().enumerate() {
                *found += read.seen >> bit & 1;
            }
        }
        self.hears(grant, if heard { Memory::Idle } else { Memory::Unsure { grant } });
    }

    /// Whoever waits for the commit of this grant, if it still lives, goes on like this.
    fn hears(&mut self, grant: Grant, next: Memory) {
        let waits = Memory::Waits { grant };
        if let Some(waiting) = self.schedulers.iter_mut().find(|memory| **memory == waits) {
            *waiting = next;
        }
    }

    fn reads(&mut self, who: usize, complete: bool) {
        let Memory::Holds { grant, .. } = self.schedulers[who] else { return };
        let inside = |at: i64| grant.from <= at && at < grant.to;
        let seen = EVENTS.iter().enumerate().filter(|(_, at)| inside(**at));
        let seen = seen.map(|(bit, _)| 1 << bit).sum::<u8>() & self.visible;
        let read = Some(Read { complete, frontier: self.now, seen });
        self.schedulers[who] = Memory::Holds { grant, read };
    }

    /// The slices that count, in order.
    fn live(&self) -> Vec<&Slice> {
        let mut live: Vec<&Slice> = self.slices.values().collect();
        live.sort_by_key(|slice| slice.window.from());
        live
    }

    fn tiled(&self) -> bool {
        let mut end = self.stream.t0;
        for slice in self.live() {
            if slice.window.from() != end {
                return false;
            }
            end = slice.window.to();
        }
        end == self.stream.planned_to
    }

    fn committed(&self) -> impl Iterator<Item = (&Slice, &Evidence)> {
        self.slices.values().filter_map(|slice| match &slice.state {
            SliceState::Committed(evidence) => Some((slice, evidence)),
            _ => None,
        })
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        let mut ledger = Ledger::load(key(), None, [], Timestamp::EPOCH);
        let open =
            Command::Open { domain: Domain::EventTime, t0: Position(0), source_identity: None };
        ledger.apply(&[open]).expect("a new stream");
        let (applied, _) = ledger.finish().expect("it was opened");
        vec![State {
            now: 0,
            stream: applied.stream,
            slices: BTreeMap::new(),
            revision: 0,
            schedulers: [Memory::Idle, Memory::Idle],
            on_the_way: Vec::new(),
            visible: 0b001,
            found: [0; EVENTS.len()],
            commits: BTreeMap::new(),
            checkpoint_before: 0,
            refused: false,
            learned_late: false,
        }]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        if state.now < self.clock_max {
            acts.push(Act::Clock);
        }
        // Rows become visible in order here; any of them may be behind the frontier by then.
        let next = state.visible.count_ones() as usize;
        if EVENTS.get(next).is_some_and(|at| *at <= state.now) {
            acts.push(Act::Appears(next));
        }
        if self.changes && state.revision == 0 {
            acts.push(Act::Revision);
        }
        acts.extend([0, 1].map(|behind| Act::Plan { behind }));
        for (who, memory) in state.schedulers.iter().enumerate() {
            match memory {
                Memory::Idle if state.stream.token < self.tokens_max => acts.push(Act::Claim(who)),
                Memory::Idle => {}
                Memory::Holds { read: None, .. } => {
                    acts.push(Act::Reads { who, complete: true });
                    if self.fails {
                        acts.push(Act::Reads { who, complete: false });
                    }
                    acts.extend([Act::Renew(who), Act::Dies(who)]);
                }
                Memory::Holds { read: Some(read), .. } if read.complete => {
                    acts.extend([Act::Sends(who), Act::Dies(who)]);
                }
                Memory::Holds { read: Some(_), .. } => {
                    acts.extend([true, false].map(|too_large| Act::Fails { who, too_large }));
                }
                Memory::Waits { .. } => acts.push(Act::Dies(who)),
                Memory::Unsure { .. } => acts.push(Act::Asks(who)),
            }
        }
        for nth in 0..state.on_the_way.len() {
            acts.extend([true, false].map(|heard| Act::Arrives { nth, heard }));
            acts.push(Act::LostOnTheWay(nth));
        }
    }

    fn next_state(&self, before: &State, act: Act) -> Option<State> {
        let mut state = before.clone();
        state.checkpoint_before = state.stream.checkpoint.0;
        (state.refused, state.learned_late) = (false, false);
        match act {
            Act::Clock => state.now += 1,
            Act::Appears(bit) => state.visible |= 1 << bit,
            Act::Revision => state.revision = 1,
            Act::Plan { behind } => {
                let frontier = Position(state.now - behind);
                let tick = Timestamp::from_micros(state.now);
                state.does(Command::Plan { tick, frontier, cut: Cut::Additive { max: 2 } });
            }
            Act::Claim(who) => state.claim(who),
            Act::Renew(who) => {
                let Memory::Holds { grant, .. } = state.schedulers[who] else { return None };
                let (slice, token) = (SliceId(grant.slice), grant.token);
                state.does(Command::Renew { slice, token, ttl: Duration::from_micros(LEASE) });
            }
            Act::Reads { who, complete } => state.reads(who, complete),
            Act::Fails { who, too_large } => state.fails(who, too_large),
            Act::Sends(who) => {
                let Memory::Holds { grant, read } = state.schedulers[who] else { return None };
                state.on_the_way.push(Sent { grant, read: read? });
                state.on_the_way.sort();
                state.schedulers[who] = Memory::Waits { grant };
            }
            Act::Arrives { nth, heard } => state.arrives(nth, heard),
            Act::LostOnTheWay(nth) => {
                let Sent { grant, .. } = state.on_the_way.remove(nth);
                state.hears(grant, Memory::Unsure { grant });
            }
            Act::Asks(who) => {
                let Memory::Unsure { grant } = state.schedulers[who] else { return None };
                let committed = |(slice, evidence): (&Slice, &Evidence)| {
                    slice.id.0 == grant.slice && evidence.token == grant.token
                };
                let learned = state.committed().any(committed);
                state.learned_late = learned;
                state.schedulers[who] = Memory::Idle;
            }
            Act::Dies(who) => state.schedulers[who] = Memory::Idle,
        }
        state.schedulers.sort();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("I1 and I2: no hole, no overlap", |_, state: &State| state.tiled()),
            Property::always("I3: the checkpoint never falls", |_, state: &State| {
                state.checkpoint_before <= state.stream.checkpoint.0
            }),
            Property::always(
                "I4: only the last grant of a window commits it",
                |_, state: &State| {
                    let mut tokens: Vec<u64> =
                        state.committed().map(|(_, evidence)| evidence.token).collect();
                    let all = tokens.len();
                    tokens.sort_unstable();
                    tokens.dedup();
                    tokens.len() == all && all == state.commits.len()
                },
            ),
            Property::always("I6: only complete answers are committed", |_, state: &State| {
                state.commits.values().all(|sent| sent.read.complete)
            }),
            Property::always("I7: nothing beyond the frontier", |_, state: &State| {
                state.commits.values().all(|sent| sent.grant.to <= sent.read.frontier)
            }),
            Property::always("C12: a window has the revision of its lease", |_, state: &State| {
                state.committed().all(|(slice, evidence)| {
                    let bounds = (slice.window.from().0, slice.window.to().0);
                    let sent = state.commits.get(&bounds);
                    sent.is_some_and(|sent| *evidence.revision == sent.grant.revision.to_string())
                })
            }),
            Property::always("I9: what was visible is found exactly once", |_, state: &State| {
                (0..EVENTS.len()).all(|bit| {
                    let sent = state.commits.values();
                    let seen = sent.filter(|sent| sent.read.seen >> bit & 1 == 1).count();
                    usize::from(state.found[bit]) == seen && seen <= 1
                })
            }),
            Property::always("the checkpoint follows what is committed", |_, state: &State| {
                let end = state.stream.checkpoint;
                let open_below = |slice: &&Slice| slice.window.from() < end;
                state.live().iter().filter(|slice| open_below(slice)).all(|s| s.state.is_settled())
            }),
            Property::always("what is lost again and again ends", |_, state: &State| {
                let open = state.slices.values().filter(|slice| slice.state.is_open());
                open.into_iter().all(|slice| slice.losses < ATTEMPTS_MAX)
            }),
            Property::sometimes("all is committed and found", |model: &Self, state: &State| {
                state.stream.checkpoint == Position(model.clock_max)
                    && state.found == [1; EVENTS.len()]
            }),
            Property::sometimes("an old owner is refused", |_, state: &State| state.refused),
            Property::sometimes("a lost answer is found on the ledger", |_, state: &State| {
                state.learned_late
            }),
            Property::sometimes("a row comes too late for its window", |_, state: &State| {
                let late = |bit: usize| {
                    let inside = |sent: &&Sent| {
                        sent.grant.from <= EVENTS[bit] && EVENTS[bit] < sent.grant.to
                    };
                    let sent = state.commits.values().find(inside);
                    state.visible >> bit & 1 == 1
                        && sent.is_some_and(|sent| sent.read.seen >> bit & 1 == 0)
                };
                (0..EVENTS.len()).any(late)
            }),
        ];
        if self.changes {
            properties.push(Property::sometimes(
                "two revisions stand on one ledger",
                |_, state: &State| {
                    let mut revisions: Vec<_> =
                        state.committed().map(|(_, evidence)| evidence.revision.clone()).collect();
                    revisions.sort();
                    revisions.dedup();
                    revisions.len() == 2
                },
            ));
        }
        properties
    }
}

impl State {
    fn fails(&mut self, who: usize, too_large: bool) {
        let Memory::Holds { grant, .. } = self.schedulers[who] else { return };
        let class = if too_large { FailureClass::TooLarge } else { FailureClass::Transient };
        self.does(Command::Fail {
            slice: SliceId(grant.slice),
            token: grant.token,
            failure: Failure { class, message: "no".into() },
            policy: policy(),
            jitter_millionths: 0,
        });
        self.schedulers[who] = Memory::Idle;
    }
}

fn check(model: Protocol, states_min: usize) {
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    // A model that hardly moves proves nothing.
    assert!(checker.unique_state_count() > states_min, "{} states", checker.unique_state_count());
}

#[test]
fn two_schedulers_and_one_stream_in_every_possible_order() {
    check(Protocol { clock_max: 4, tokens_max: 4, fails: false, changes: false }, 50_000);
}

#[test]
fn partial_answers_windows_that_are_too_large_and_rules_that_change() {
    check(Protocol { clock_max: 3, tokens_max: 3, fails: true, changes: true }, 50_000);
}
