//! The algebra of slices: whatever fails, is joined, halved or caught up on, the answers of a rule
//! are those of a schedule on which nothing ever failed. The evaluators here are references: a few
//! lines each, quadratic, and written from the definitions.

use std::time::Duration;

use base::Timestamp;
use loghunt::command::{Command, Cut, Order};
use loghunt::retry::RetryPolicy;
use model::log::{Failure, FailureClass, Position, SliceState, Window};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::driven::{Driven, evidence};

const INTERVAL: i64 = 10;
const BUFFER: i64 = 1;

/// How a tick goes.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    /// No scheduler is up.
    Missed,
    /// The engine refuses everything.
    Fails,
    /// The engine refuses so many windows as too large.
    TooLarge(u8),
    /// The scheduler dies with a window in its hands.
    Dies,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        3 => Just(Fate::Fine),
        2 => Just(Fate::Missed),
        2 => Just(Fate::Fails),
        1 => (1u8..4).prop_map(Fate::TooLarge),
        1 => Just(Fate::Dies),
    ];
    vec(fate, 1..25)
}

struct Hunt {
    driven: Driven,
    cut: Option<u64>,
    planned_tick: i64,
}

impl Hunt {
    /// A rule whose windows are at most so wide, or one of which each tick has its own.
    fn new(cut: Option<u64>) -> Self {
        Self { driven: Driven::open(-BUFFER), cut, planned_tick: 0 }
    }

    fn plan(&mut self, tick: i64) {
        let scheduled = tick * INTERVAL;
        self.driven.now = scheduled;
        let cut = match self.cut {
            Some(max) => Cut::Additive { max },
            None => Cut::ByTick(
                (self.planned_tick + 1..=tick)
                    .map(|tick| tick * INTERVAL)
                    .map(|at| (Timestamp::from_micros(at), Position(at - BUFFER)))
                    .collect(),
            ),
        };
        self.planned_tick = tick;
        let tick = Timestamp::from_micros(scheduled);
        let frontier = Position(scheduled - BUFFER);
        self.driven.does(&[Command::Plan { tick, frontier, cut }]).expect("an active stream");
    }

    fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            wait_first: Duration::from_micros(4),
            wait_max: Duration::from_micros(25),
            attempts_max: u32::MAX,
            width_min: 1,
            may_split: self.cut.is_some(),
            ..RetryPolicy::default()
        }
    }

    /// Claims the next slice and ends it; `None` when nothing is ready.
    fn run_one(&mut self, failure: Option<FailureClass>) -> Option<()> {
        let claim = Command::Claim {
            owner: "a".into(),
            ttl: Duration::from_micros(5),
            order: Order::OldestFirst,
            only_tick: None,
            policy: self.policy(),
        };
        let claimed = self.driven.does(&[claim]).expect("an active stream").claimed?;
        let token = claimed.state.lease().expect("it was claimed").token;
        let (slice, frontier) = (claimed.id, self.driven.stream.planned_to);
        let policy = self.policy();
        let end = match failure {
            None => Command::Commit { slice, evidence: evidence(token), frontier },
            Some(class) => {
                let failure = Failure { class, message: "no".into() };
                Command::Fail { slice, token, failure, policy, jitter_millionths: 0 }
            }
        };
        self.driven.does(&[end]).expect("the lease is in force");
        Some(())
    }

    fn tick(&mut self, tick: i64, fate: Fate) {
        if matches!(fate, Fate::Missed) {
            return;
        }
        self.plan(tick);
        match fate {
            Fate::Missed => {}
            Fate::Fine => while self.run_one(None).is_some() {},
            Fate::Fails => while self.run_one(Some(FailureClass::Transient)).is_some() {},
            Fate::TooLarge(times) => {
                for _ in 0..times {
                    self.run_one(Some(FailureClass::TooLarge));
                }
                while self.run_one(None).is_some() {}
            }
            Fate::Dies => {
                let claim = Command::Claim {
                    owner: "b".into(),
                    ttl: Duration::from_micros(3),
                    order: Order::NewestFirst,
                    only_tick: None,
                    policy: self.policy(),
                };
                self.driven.does(&[claim]).expect("an active stream");
            }
        }
    }

    /// The windows that were evaluated, once all is over.
    fn committed(mut self, fates: &[Fate]) -> Vec<Window> {
        for (tick, fate) in (1..).zip(fates) {
            self.tick(tick, *fate);
        }
        let last = i64::try_from(fates.len()).unwrap() + 1;
        self.plan(last);
        self.driven.now += 1_000;
        while self.run_one(None).is_some() {}
        let live = self.driven.live();
        assert!(live.iter().all(|slice| matches!(slice.state, SliceState::Committed(_))));
        live.iter().map(|slice| slice.window).collect()
    }
}

/// Something that happened: when, and which of two kinds.
type Event = (i64, bool);

fn events() -> impl Strategy<Value = Vec<Event>> {
    vec((0i64..250, any::<bool>()), 0..60).prop_map(|mut events| {
        events.sort();
        events
    })
}

fn visible(events: &[Event], from: i64, to: Position) -> Vec<Event> {
    events.iter().copied().filter(|(at, _)| from <= *at && *at < to.0).collect()
}

const SPAN: i64 = 17;

/// One match for each event of the kind.
fn per_event(events: &[Event], window: Window) -> Vec<i64> {
    let seen = visible(events, window.from().0, window.to());
    seen.iter().filter(|(_, kind)| *kind).map(|(at, _)| *at).collect()
}

/// Fires at the instant at which the number of events in the last [`SPAN`] rises to three; armed
/// again when it was below.
fn threshold(events: &[Event], window: Window) -> Vec<i64> {
    let seen = visible(events, window.from().0 - SPAN, window.to());
    let count = |from: i64, to: i64| seen.iter().filter(|(at, _)| from < *at && *at <= to).count();
    let mut instants: Vec<i64> = seen.iter().map(|(at, _)| *at).collect();
    instants.dedup();
    let crosses = |at: &i64| {
        let before = count(at - SPAN, at - 1);
        window.contains(Position(*at)) && before < 3 && count(at - SPAN, *at) >= 3
    };
    instants.into_iter().filter(crosses).collect()
}

/// The first kind, then the second, within [`SPAN`]: at the instant of the second.
fn ordered(events: &[Event], window: Window) -> Vec<i64> {
    let seen = visible(events, window.from().0 - SPAN, window.to());
    let follows =
        |at: i64| seen.iter().any(|(before, kind)| !kind && *before < at && at - before < SPAN);
    seen.iter()
        .filter(|(at, kind)| *kind && window.contains(Position(*at)) && follows(*at))
        .map(|(at, _)| *at)
        .collect()
}

/// Three or more in one bucket of [`SPAN`]: at the bucket's end.
fn tumbling(events: &[Event], window: Window) -> Vec<i64> {
    let seen = visible(events, window.from().0 - SPAN, window.to());
    let first = window.from().0.div_euclid(SPAN);
    let last = window.to().0.div_euclid(SPAN);
    let full = |end: i64| seen.iter().filter(|(at, _)| end - SPAN <= *at && *at < end).count() >= 3;
    (first..=last)
        .map(|bucket| bucket * SPAN)
        .filter(|end| window.contains(Position(*end)) && full(*end))
        .collect()
}

fn answers(
    rule: fn(&[Event], Window) -> Vec<i64>,
    events: &[Event],
    windows: &[Window],
) -> Vec<i64> {
    windows.iter().flat_map(|window| rule(events, *window)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn additive_rules_answer_as_if_nothing_had_failed(
        fates in fates(), max in 5u64..60, events in events(),
    ) {
        let disturbed = Hunt::new(Some(max)).committed(&fates);
        let smooth = Hunt::new(Some(1_000)).committed(&vec![Fate::Fine; fates.len()]);
        for rule in [per_event, threshold, ordered, tumbling] {
            prop_assert_eq!(answers(rule, &events, &disturbed), answers(rule, &events, &smooth));
        }
    }

    #[test]
    fn no_window_is_wider_than_the_rule_allows(fates in fates(), max in 1u64..60) {
        for window in Hunt::new(Some(max)).committed(&fates) {
            prop_assert!(window.width() <= max, "{:?} is wider than {}", window, max);
        }
    }

    #[test]
    fn an_opaque_rule_runs_each_missed_tick_with_its_own_window(fates in fates()) {
        let disturbed = Hunt::new(None).committed(&fates);
        let smooth = Hunt::new(None).committed(&vec![Fate::Fine; fates.len()]);
        prop_assert_eq!(disturbed, smooth);
    }
}
