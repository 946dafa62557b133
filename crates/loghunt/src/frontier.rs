//! Up to where a stream may be read, where it starts, and how what lies between is cut.
//!
//! # Invariants
//!
//! - Bounds come from the tick and the *source's* clock, never from when a run happens to start.
//! - An opaque rule's windows are those that each tick would have had; more of them than the cap are
//!   left out explicitly, the oldest first.

use std::time::Duration;

use base::Timestamp;
use log_rules::{FirstFrom, OnPoison, Retry, Rule, RuleClass};
use model::log::{Domain, Position, Window};
use model::org::Actor;

use crate::command::{Command, Cut};
use crate::engine::Horizon;
use crate::retry::RetryPolicy;
use crate::stream::Stream;
use crate::ticks::Clockwork;

/// So many windows of missed ticks are evaluated one by one; the older ones are left out.
pub const MISSED_TICKS_MAX: usize = 48;
/// Where the oldest row is not known and rows are kept for ever, "earliest" is so long ago.
pub const EARLIEST_AGO: Duration = Duration::from_secs(90 * 86_400);

/// The first position that may not be read yet; `None` when the source does not say.
///
/// In the time domains `min(tick, source's clock) - buffer`, and not beyond what the source calls
/// stable (open transactions, replication). In the cursor domain what the source calls stable.
pub fn frontier(
    domain: Domain,
    tick: Timestamp,
    buffer: Duration,
    horizon: &Horizon,
) -> Option<Position> {
    if domain == Domain::Cursor {
        return horizon.stable;
    }
    let clock = horizon.clock.map_or(tick, |clock| clock.min(tick));
    let by_clock = Position::at(clock.minus(buffer));
    Some(horizon.stable.map_or(by_clock, |stable| stable.min(by_clock)))
}

/// What decides where a new stream starts.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    /// What the rule asks for.
    pub first_from: FirstFrom,
    /// The first tick.
    pub tick: Timestamp,
    /// How far it is from the one before it.
    pub interval: Duration,
    /// What is waited for late rows.
    pub buffer: Duration,
    /// The oldest position, where the source knows it.
    pub oldest: Option<Position>,
    /// How long rows are kept.
    pub retention: Option<Duration>,
}

impl Beginning {
    /// Where a stream starts in the time domains: by default one interval before its first frontier.
    pub fn in_time(&self) -> Position {
        let end = self.tick.minus(self.buffer);
        Position::at(match self.first_from {
            FirstFrom::OneInterval => end.minus(self.interval),
            FirstFrom::Now => end,
            FirstFrom::Ago(ago) => end.minus(ago),
            FirstFrom::Earliest => {
                let kept = end.minus(self.retention.unwrap_or(EARLIEST_AGO));
                // The oldest row of now is no bound for rows that come late.
                return self
                    .oldest
                    .map_or(Position::at(kept), |oldest| oldest.min(Position::at(end)));
            }
        })
    }

    /// Where a stream starts in the cursor domain. A cursor cannot be asked where it stood some time
    /// ago: any "so long ago" begins at the oldest row, which loses nothing.
    pub fn at_cursor(&self, stable: Position) -> Position {
        match self.first_from {
            FirstFrom::OneInterval | FirstFrom::Now => stable,
            FirstFrom::Ago(_) | FirstFrom::Earliest => {
                self.oldest.unwrap_or(Position(0)).min(stable)
            }
        }
    }
}

/// What is asked of the ledger so that everything up to the frontier is on it.
pub fn plan(
    rule: &Rule,
    clockwork: &Clockwork,
    stream: &Planned,
    tick: Timestamp,
    frontier: Position,
) -> Vec<Command> {
    let additive = |max| vec![Command::Plan { tick, frontier, cut: Cut::Additive { max } }];
    match (rule.class, stream.domain) {
        (RuleClass::Opaque, Domain::Cursor) => {
            let cut = Cut::ByTick(vec![(tick, frontier)]);
            vec![Command::Plan { tick, frontier, cut }]
        }
        (RuleClass::Opaque, _) => plan_opaque(clockwork, stream, tick, frontier),
        (_, Domain::Cursor) => additive(u64::MAX),
        _ => additive(micros(rule.schedule.max_window)),
    }
}

/// What planning looks at of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What its positions count.
    pub domain: Domain,
    /// The end of what has been cut.
    pub planned_to: Position,
    /// What is waited for late rows.
    pub buffer: Duration,
}

impl Planned {
    /// Of a stream that is there.
    pub fn of(stream: &Stream, buffer: Duration) -> Self {
        Self { domain: stream.domain, planned_to: stream.planned_to, buffer }
    }
}

/// Each tick whose own frontier has been reached gets the window that it would have had.
fn plan_opaque(
    clockwork: &Clockwork,
    stream: &Planned,
    tick: Timestamp,
    frontier: Position,
) -> Vec<Command> {
    let end_of = |tick: Timestamp| Position::at(tick.minus(stream.buffer));
    let after = stream.planned_to.moment().plus(stream.buffer);
    let mut ticks = clockwork.between(after, tick, MISSED_TICKS_MAX + 1);
    ticks.retain(|tick| end_of(*tick) <= frontier);
    let mut commands = Vec::new();
    if ticks.len() > MISSED_TICKS_MAX {
        let first_kept = ticks.remove(0);
        let missed = Window::new(stream.planned_to, end_of(first_kept));
        commands.extend(missed.map(|window| Command::Waive {
            window,
            actor: Actor::System,
            reason: format!(
                "the rule is opaque and was not run for more than {MISSED_TICKS_MAX} ticks"
            ),
        }));
    }
    let ends = ticks.into_iter().map(|tick| (tick, end_of(tick))).collect();
    commands.push(Command::Plan { tick, frontier, cut: Cut::ByTick(ends) });
    commands
}

/// How failed runs of a rule are tried again.
pub fn retry_policy(rule: &Rule, domain: Domain) -> RetryPolicy {
    let between_ticks = rule.schedule.retry == Retry::Backoff;
    let defaults = RetryPolicy::default();
    // With the next tick means: as soon as somebody asks, and nobody asks before.
    let wait = |usual| if between_ticks { usual } else { Duration::ZERO };
    RetryPolicy {
        between_ticks,
        wait_first: wait(defaults.wait_first),
        wait_max: wait(defaults.wait_max),
        attempts_max: rule.schedule.attempts_max.max(1),
        width_min: if domain.is_time() { micros(rule.schedule.min_window).max(1) } else { 1 },
        may_split: rule.class != RuleClass::Opaque,
        quarantine: rule.on_poison == OnPoison::Quarantine,
    }
}

/// A stretch of time in positions.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{rule, schedule};

    fn secs(secs: i64) -> Position {
        Position(secs * 1_000_000)
    }

    fn check(domain: Domain, clock: Option<i64>, stable: Option<i64>, expected: Option<i64>) {
        let horizon = Horizon { clock: clock.map(Timestamp::from_secs), stable: stable.map(secs) };
        let found = frontier(domain, Timestamp::from_secs(600), Duration::from_secs(60), &horizon);
        assert_eq!(found, expected.map(secs));
    }

    #[test]
    fn the_frontier_follows_the_tick_and_the_source() {
        check(Domain::EventTime, Some(660), None, Some(540));
        check(Domain::EventTime, Some(500), None, Some(440));
        check(Domain::EventTime, None, None, Some(540));
        check(Domain::IngestTime, Some(660), Some(530), Some(530));
        check(Domain::IngestTime, Some(660), Some(900), Some(540));
        check(Domain::Cursor, Some(660), Some(17), Some(17));
        check(Domain::Cursor, Some(660), None, None);
    }

    #[test]
    fn a_stream_starts_one_interval_before_its_first_frontier() {
        let start = |first_from| Beginning {
            first_from,
            tick: Timestamp::from_secs(43_200),
            interval: Duration::from_secs(600),
            buffer: Duration::from_secs(60),
            oldest: Some(secs(77)),
            retention: None,
        };
        assert_eq!(start(FirstFrom::OneInterval).in_time(), secs(43_200 - 660));
        assert_eq!(start(FirstFrom::Now).in_time(), secs(43_140));
        assert_eq!(start(FirstFrom::Ago(Duration::from_secs(40))).in_time(), secs(43_100));
        assert_eq!(start(FirstFrom::Earliest).in_time(), secs(77));
        assert_eq!(start(FirstFrom::Now).at_cursor(Position(9)), Position(9));
        let far = start(FirstFrom::Earliest);
        assert_eq!(far.at_cursor(secs(100)), secs(77));
        assert_eq!(Beginning { oldest: None, ..far }.at_cursor(secs(100)), Position(0));
    }

    #[test]
    fn an_opaque_rule_has_a_window_for_each_missed_tick() {
        let mut rule = rule();
        rule.class = RuleClass::Opaque;
        rule.schedule = schedule(600, 60);
        let clockwork = Clockwork::new(&rule.schedule.ticks).unwrap();
        let stream = |planned_to| Planned {
            domain: Domain::EventTime,
            planned_to: secs(planned_to),
            buffer: Duration::from_secs(60),
        };
        let planned = |planned_to, tick, frontier| {
            plan(&rule, &clockwork, &stream(planned_to), Timestamp::from_secs(tick), secs(frontier))
        };
        let ends = |commands: &[Command]| match commands.last() {
            Some(Command::Plan { cut: Cut::ByTick(ends), .. }) => {
                ends.iter().map(|(_, end)| end.0 / 1_000_000).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(ends(&planned(540, 2400, 2340)), [1140, 1740, 2340]);
        // The source's clock lags: the last tick's window waits until it can be what it should be.
        assert_eq!(ends(&planned(540, 2400, 2000)), [1140, 1740]);
        let many = planned(540, 600 * 100, 600 * 100 - 60);
        assert_eq!(ends(&many).len(), MISSED_TICKS_MAX);
        let first = ends(&many)[0];
        match &many[0] {
            Command::Waive { window, .. } => {
                assert_eq!((window.from(), window.to()), (secs(540), secs(first - 600)));
            }
            other => panic!("{other:?}"),
        }
    }
}
