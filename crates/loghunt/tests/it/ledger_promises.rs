//! Random commands and clocks keep I1, I2, I3, I4 and I7; merging, cutting, waiving and reopening
//! lose no position and double none; what is committed is never touched again.

use std::time::Duration;

use base::Timestamp;
use loghunt::command::{Command, Cut, Order, Refusal};
use loghunt::retry::RetryPolicy;
use loghunt::stream::RunOutcome;
use model::log::{Failure, FailureClass, Position, SliceId, SliceState};
use model::org::Actor;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::driven::{Driven, evidence, window};

fn policy(width_min: u64, quarantine: bool) -> RetryPolicy {
    RetryPolicy {
        wait_first: Duration::from_micros(3),
        wait_max: Duration::from_micros(20),
        attempts_max: 3,
        width_min,
        quarantine,
        ..RetryPolicy::default()
    }
}

/// What happens next. Slices and tokens are named by the number of the claim that gave them out,
/// counted back from the last: late answers of owners that were thought dead come from there.
#[derive(Clone, Debug)]
enum Move {
    Clock(i64),
    Plan { ahead: i64, max: u64 },
    PlanByTick { ends: Vec<i64> },
    Claim { ttl: u64, newest: bool },
    Renew { back: usize },
    Start { back: usize },
    Release { back: usize },
    Commit { back: usize, short: i64 },
    Fail { back: usize, class: FailureClass, width_min: u64, quarantine: bool },
    Waive { from: i64, width: i64 },
    Reopen { nth: usize },
    Audited { nth: usize },
    Stop,
    Continue,
    Close,
    Heartbeat,
    CommitAndClaim { back: usize },
}

fn class() -> impl Strategy<Value = FailureClass> {
    prop_oneof![
        4 => Just(FailureClass::Transient),
        4 => Just(FailureClass::TooLarge),
        1 => Just(FailureClass::Throttled { wait: Duration::from_micros(7) }),
        1 => Just(FailureClass::Permanent),
        1 => Just(FailureClass::SourceChanged),
    ]
}

fn back() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0usize), 1 => 1..4usize]
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (-3i64..30).prop_map(Move::Clock),
        6 => (-5i64..60, 0u64..40).prop_map(|(ahead, max)| Move::Plan { ahead, max }),
        1 => vec(-5i64..30, 0..4).prop_map(|ends| Move::PlanByTick { ends }),
        9 => (1u64..40, any::<bool>()).prop_map(|(ttl, newest)| Move::Claim { ttl, newest }),
        2 => back().prop_map(|back| Move::Renew { back }),
        2 => back().prop_map(|back| Move::Start { back }),
        1 => back().prop_map(|back| Move::Release { back }),
        6 => (back(), prop_oneof![9 => Just(0i64), 1 => 1i64..9])
            .prop_map(|(back, short)| Move::Commit { back, short }),
        6 => (back(), class(), 0u64..12, any::<bool>()).prop_map(
            |(back, class, width_min, quarantine)| Move::Fail { back, class, width_min, quarantine }
        ),
        2 => (-20i64..60, 1i64..40).prop_map(|(from, width)| Move::Waive { from, width }),
        3 => (0usize..50).prop_map(|nth| Move::Reopen { nth }),
        1 => (0usize..50).prop_map(|nth| Move::Audited { nth }),
        1 => Just(Move::Stop),
        3 => Just(Move::Continue),
        1 => Just(Move::Heartbeat),
        2 => back().prop_map(|back| Move::CommitAndClaim { back }),
    ]
}

struct Player {
    driven: Driven,
    claims: Vec<(SliceId, u64)>,
}

impl Player {
    fn claimed(&self, back: usize) -> (SliceId, u64) {
        let unknown = (SliceId(7), 999_999);
        self.claims.iter().rev().nth(back).copied().unwrap_or(unknown)
    }

    fn nth(&self, nth: usize) -> SliceId {
        let live = self.driven.live();
        if live.is_empty() { SliceId(7) } else { live[nth % live.len()].id }
    }

    fn commit(&self, back: usize, short: i64) -> Command {
        let (slice, token) = self.claimed(back);
        let end = self.driven.slices.get(&slice).map_or(0, |slice| slice.window.to().0);
        Command::Commit { slice, evidence: evidence(token), frontier: Position(end - short) }
    }

    fn commands(&self, a_move: &Move) -> Vec<Command> {
        let tick = Timestamp::from_micros(self.driven.now);
        let planned_to = self.driven.stream.planned_to.0;
        let claim = |ttl: u64, newest: bool| Command::Claim {
            owner: "a".into(),
            ttl: Duration::from_micros(ttl),
            order: if newest { Order::NewestFirst } else { Order::OldestFirst },
            only_tick: None,
            policy: policy(2, newest),
        };
        let failure = |class| Failure { class, message: "no".into() };
        vec![match a_move {
            Move::Clock(_) => return Vec::new(),
            Move::Plan { ahead, max } => Command::Plan {
                tick,
                frontier: Position(planned_to + ahead),
                cut: Cut::Additive { max: *max },
            },
            Move::PlanByTick { ends } => {
                let ends = ends.iter().map(|end| (tick, Position(planned_to + end))).collect();
                let frontier = Position(planned_to + 20);
                Command::Plan { tick, frontier, cut: Cut::ByTick(ends) }
            }
            Move::Claim { ttl, newest } => claim(*ttl, *newest),
            Move::Renew { back } => {
                let (slice, token) = self.claimed(*back);
                Command::Renew { slice, token, ttl: Duration::from_micros(20) }
            }
            Move::Start { back } => {
                let (slice, token) = self.claimed(*back);
                Command::Start { slice, token, query_tag: "q".into() }
            }
            Move::Release { back } => {
                let (slice, token) = self.claimed(*back);
                Command::Release { slice, token }
            }
            Move::Commit { back, short } => self.commit(*back, *short),
            Move::Fail { back, class, width_min, quarantine } => {
                let (slice, token) = self.claimed(*back);
                let policy = policy(*width_min, *quarantine);
                let failure = failure(*class);
                Command::Fail { slice, token, failure, policy, jitter_millionths: 500_000 }
            }
            Move::Waive { from, width } => {
                let from = planned_to - 30 + from;
                let window = window(from, from + width);
                Command::Waive { window, actor: Actor::System, reason: "a test".into() }
            }
            Move::Reopen { nth } => Command::Reopen { slice: self.nth(*nth) },
            Move::Audited { nth } => Command::Audited {
                slice: self.nth(*nth),
                seen: 0,
                fingerprint: Some("f".into()),
                next: Some(tick),
            },
            Move::Stop => Command::Stop { failure: failure(FailureClass::Permanent) },
            Move::Continue => Command::Continue { source_identity: None },
            Move::Close => Command::Close { reason: "replaced".into() },
            Move::Heartbeat => Command::Heartbeat { tick },
            Move::CommitAndClaim { back } => return vec![self.commit(*back, 0), claim(30, false)],
        }]
    }

    /// Plays a move; what is refused has changed nothing, and says why.
    fn play(&mut self, a_move: &Move) -> Result<(), Refusal> {
        if let Move::Clock(by) = a_move {
            self.driven.now = (self.driven.now + by).max(0);
            return Ok(());
        }
        let commands = self.commands(a_move);
        let applied = self.driven.does(&commands)?;
        if let Some(claimed) = applied.claimed {
            let token = claimed.state.lease().expect("it was claimed").token;
            self.claims.push((claimed.id, token));
        }
        Ok(())
    }
}

fn played(t0: i64, moves: &[Move]) -> Player {
    let mut player = Player { driven: Driven::open(t0), claims: Vec::new() };
    for a_move in moves {
        drop(player.play(a_move));
    }
    player
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_keep_the_promises(t0 in -50i64..50, moves in vec(a_move(), 1..60)) {
        played(t0, &moves);
    }

    /// Whatever was done before: when nothing fails any more, everything is settled in the end.
    #[test]
    fn everything_is_settled_in_the_end(moves in vec(a_move(), 1..40)) {
        let mut player = played(0, &moves);
        player.play(&Move::Continue).unwrap();
        // The longest lease, and the longest wait.
        player.driven.now += 1_000;
        player.play(&Move::Plan { ahead: 10, max: 25 }).unwrap();
        for _ in 0..200 {
            player.play(&Move::Claim { ttl: 30, newest: false }).unwrap();
            if player.driven.live().iter().all(|slice| slice.state.is_settled()) {
                break;
            }
            // What was lost twice waits before it is given to somebody again.
            if player.driven.live().iter().all(|slice| slice.state.lease().is_none()) {
                player.driven.now += 20;
                continue;
            }
            player.play(&Move::Commit { back: 0, short: 0 }).unwrap();
        }
        let stream = &player.driven.stream;
        prop_assert_eq!(stream.checkpoint, stream.planned_to);
    }

    #[test]
    fn a_closed_stream_has_nothing_open_and_commits_nothing(
        moves in vec(a_move(), 1..40), more in vec(a_move(), 1..20),
    ) {
        let mut player = played(0, &moves);
        player.play(&Move::Close).unwrap();
        let committed = |player: &Player| {
            let runs = player.driven.runs.iter();
            runs.filter(|run| matches!(run.outcome, RunOutcome::Committed { .. })).count()
        };
        let before = committed(&player);
        for a_move in &more {
            drop(player.play(a_move));
        }
        prop_assert_eq!(committed(&player), before);
        let open = |player: &Player| player.driven.live().iter().any(|s| s.state.is_open());
        prop_assert!(!open(&player));
    }
}

fn claim(player: &mut Player) -> SliceId {
    player.play(&Move::Claim { ttl: 1_000, newest: false }).expect("an active stream");
    player.claims.last().expect("something was ready").0
}

fn too_large(width_min: u64) -> Move {
    Move::Fail { back: 0, class: FailureClass::TooLarge, width_min, quarantine: true }
}

#[test]
fn a_window_of_one_position_is_never_cut() {
    let mut player = played(0, &[Move::Plan { ahead: 1, max: 10 }]);
    for _ in 0..3 {
        player.driven.now += 100;
        claim(&mut player);
        player.play(&too_large(0)).unwrap();
    }
    let states: Vec<_> = player.driven.live().iter().map(|slice| slice.state.word()).collect();
    assert_eq!(states, ["quarantined"]);
}

#[test]
fn what_was_too_large_does_not_grow_again() {
    let mut player = played(0, &[Move::Plan { ahead: 16, max: 100 }]);
    claim(&mut player);
    player.play(&too_large(2)).unwrap();
    player.play(&Move::Plan { ahead: 4, max: 100 }).unwrap();
    let bounds: Vec<_> =
        player.driven.live().iter().map(|s| (s.window.from().0, s.window.to().0)).collect();
    assert_eq!(bounds, [(0, 8), (8, 16), (16, 20)], "one of them would be too large again");
}

#[test]
fn a_poisoned_window_is_given_up_although_ticks_go_on() {
    let mut player = played(0, &[Move::Plan { ahead: 8, max: 100 }]);
    for _ in 0..12 {
        player.driven.now += 100;
        while player.play(&Move::Claim { ttl: 50, newest: false }).is_ok() {
            let (id, _) = player.claimed(0);
            let held = player.driven.slices.get(&id).filter(|s| s.state.lease().is_some());
            let Some(window) = held.map(|slice| slice.window) else { break };
            let poisoned = window.contains(Position(7));
            player
                .play(&if poisoned { too_large(2) } else { Move::Commit { back: 0, short: 0 } })
                .expect("the lease is in force");
        }
        player.play(&Move::Plan { ahead: 8, max: 100 }).unwrap();
    }
    let live = player.driven.live();
    let gaps: Vec<_> = live
        .iter()
        .filter(|slice| matches!(slice.state, SliceState::Quarantined { .. }))
        .map(|slice| slice.window)
        .collect();
    assert_eq!(gaps, [window(6, 8)]);
    assert!(player.driven.stream.checkpoint > Position(80), "the checkpoint goes on");
}
