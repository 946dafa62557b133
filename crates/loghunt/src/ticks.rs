//! When a rule is due: the ticks of its schedule, and the wait that is added to them.
//!
//! A tick is known by its scheduled instant in UTC, whatever wrote it. A cron expression counts local
//! times of a zone: one that a clock change skips runs at the first instant after the gap, one that
//! it repeats runs the first time only. Nothing is lost by either, because windows do not come from
//! the distance between ticks.

use std::str::FromStr;
use std::time::Duration;

use base::Timestamp;
use croner::Cron;
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use log_rules::{Schedule, Ticks};
use model::log::StreamKey;

use crate::ids::spread;

/// A schedule that has no ticks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTicks {
    /// Ticks would follow one another without time between them.
    #[error("`every` is less than a second; give at least `1s`")]
    TooOften,
    /// Not a cron expression.
    #[error(
        "`{expression}` is not a cron expression ({why}); write minute, hour, day of month, month, day of week, for instance `*/10 * * * *`"
    )]
    Cron {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// Not a time zone.
    #[error("`{zone}` is not a time zone; use an IANA name, for instance `Europe/Berlin`")]
    Zone {
        /// What was given.
        zone: String,
    },
}

/// The ticks of a schedule.
#[derive(Clone, Debug)]
pub struct Clockwork(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Every { every: i64, anchor: i64 },
    Cron { cron: Box<Cron>, zone: TimeZone },
}

impl Clockwork {
    /// The ticks that a file asks for.
    pub fn new(ticks: &Ticks) -> Result<Self, BadTicks> {
        match ticks {
            Ticks::Every { every, anchor } => {
                if *every < Duration::from_secs(1) {
                    return Err(BadTicks::TooOften);
                }
                let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
                Ok(Self(Kind::Every { every, anchor: anchor.as_micros() }))
            }
            Ticks::Cron { expression, zone } => {
                let bad = |why: String| BadTicks::Cron { expression: expression.clone(), why };
                if expression.split_whitespace().count() != 5 && !expression.starts_with('@') {
                    return Err(bad("it has not five fields".into()));
                }
                let cron = Cron::from_str(expression).map_err(|error| bad(error.to_string()))?;
                let zone =
                    TimeZone::get(zone).map_err(|_| BadTicks::Zone { zone: zone.clone() })?;
                let kind = Kind::Cron { cron: Box::new(cron), zone };
                let clockwork = Self(kind);
                if clockwork.next_after(Timestamp::from_secs(1_700_000_000)).is_none() {
                    return Err(bad("it is never due".into()));
                }
                Ok(clockwork)
            }
        }
    }

    /// The first tick after a moment. A cron expression may have none.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Every { every, anchor } => {
                let passed = moment.as_micros().checked_sub(*anchor)?.div_euclid(*every);
                let next = passed.checked_add(1)?.checked_mul(*every)?.checked_add(*anchor)?;
                Some(Timestamp::from_micros(next))
            }
            Kind::Cron { cron, zone } => {
                let mut local = local(moment, zone)?;
                // Local times that a clock change maps to one instant, or to one that is over, are
                // stepped over: a day of them at most.
                for _ in 0..1441 {
                    let next = cron.find_next_occurrence(&utc(local)?, false).ok()?;
                    local = next.datetime();
                    match instant(local, zone) {
                        Some(found) if found > moment => return Some(found),
                        _ => {}
                    }
                }
                None
            }
        }
    }

    /// The last tick that is not after a moment.
    pub fn last_at(&self, moment: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Every { every, anchor } => {
                let passed = moment.as_micros().checked_sub(*anchor)?.div_euclid(*every);
                Some(Timestamp::from_micros(passed.checked_mul(*every)?.checked_add(*anchor)?))
            }
            Kind::Cron { cron, zone } => {
                let mut local = local(moment, zone)?;
                // In the second pass of a repeated hour the local clock stands before times that
                // ran in the first: begin behind them.
                let behind = jiff::Span::new().hours(3);
                local = local.checked_add(behind).ok()?;
                for _ in 0..1441 {
                    let last = cron.find_previous_occurrence(&utc(local)?, true).ok()?;
                    match instant(last.datetime(), zone) {
                        Some(found) if found <= moment => return Some(found),
                        _ => {
                            local =
                                last.datetime().checked_sub(jiff::Span::new().seconds(1)).ok()?
                        }
                    }
                }
                None
            }
        }
    }

    /// The ticks in `(after, up_to]`, oldest first, at most the `cap` newest of them.
    pub fn between(&self, after: Timestamp, up_to: Timestamp, cap: usize) -> Vec<Timestamp> {
        let mut ticks = Vec::new();
        let mut at = up_to;
        while let Some(tick) = self.last_at(at).filter(|tick| *tick > after) {
            if ticks.len() == cap {
                break;
            }
            ticks.push(tick);
            at = tick.minus(Duration::from_micros(1));
        }
        ticks.reverse();
        ticks
    }

    /// How far a tick is from the one before it.
    pub fn interval_before(&self, tick: Timestamp) -> Duration {
        match &self.0 {
            Kind::Every { every, .. } => Duration::from_micros(every.unsigned_abs()),
            Kind::Cron { .. } => self
                .last_at(tick.minus(Duration::from_micros(1)))
                .map_or(Duration::from_secs(3600), |last| tick.since(last)),
        }
    }
}

fn utc(local: DateTime) -> Option<Zoned> {
    local.to_zoned(TimeZone::UTC).ok()
}

fn local(moment: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let moment = jiff::Timestamp::from_microsecond(moment.as_micros()).ok()?;
    Some(zone.to_datetime(moment))
}

/// The instant at which a clock of the zone first shows a local time, or the end of the gap in which
/// it never does.
fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let found = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the offset that holds after the gap it lies before the change, which is
            // the next one.
            let before_change = after.to_timestamp(local).ok()?;
            zone.following(before_change).next()?.timestamp()
        }
    };
    Some(Timestamp::from_micros(found.as_microsecond()))
}

/// When a tick of a stream is run: not before its instant, the start delay, and a part of the jitter
/// that is the stream's own and does not change.
pub fn due(tick: Timestamp, schedule: &Schedule, key: &StreamKey) -> Timestamp {
    let jitter = u64::try_from(schedule.jitter.as_micros()).unwrap_or(u64::MAX);
    let share = if jitter == 0 { 0 } else { spread(key) % jitter };
    tick.plus(schedule.start_delay).plus(Duration::from_micros(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::key;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn cron(expression: &str, zone: &str) -> Clockwork {
        let ticks = Ticks::Cron { expression: expression.into(), zone: zone.into() };
        Clockwork::new(&ticks).expect("a schedule")
    }

    fn check(clockwork: &Clockwork, after: &str, up_to: &str, expected: &[&str]) {
        let expected: Vec<Timestamp> = expected.iter().map(|text| at(text)).collect();
        assert_eq!(clockwork.between(at(after), at(up_to), 100), expected);
        let mut walked = Vec::new();
        let mut moment = at(after);
        while let Some(next) = clockwork.next_after(moment).filter(|next| *next <= at(up_to)) {
            walked.push(next);
            moment = next;
        }
        assert_eq!(walked, expected, "forwards");
    }

    #[test]
    fn an_interval_counts_from_its_anchor_in_both_directions() {
        let every = Duration::from_secs(600);
        let ticks = Ticks::Every { every, anchor: at("2026-01-01T12:03:00Z") };
        let clockwork = Clockwork::new(&ticks).unwrap();
        check(
            &clockwork,
            "2026-01-01T11:43:00Z",
            "2026-01-01T12:13:00Z",
            &["2026-01-01T11:53:00Z", "2026-01-01T12:03:00Z", "2026-01-01T12:13:00Z"],
        );
        assert_eq!(clockwork.interval_before(at("2026-01-01T12:03:00Z")), every);
    }

    #[test]
    fn a_skipped_local_time_runs_at_the_end_of_the_gap_once() {
        // On 2026-03-29 clocks in Berlin go from 02:00 to 03:00, which is 01:00 UTC.
        let daily = cron("30 2 * * *", "Europe/Berlin");
        check(
            &daily,
            "2026-03-28T00:00:00Z",
            "2026-03-30T12:00:00Z",
            &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        );
        let often = cron("*/20 * * * *", "Europe/Berlin");
        check(
            &often,
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:25:00Z",
            &["2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z"],
        );
    }

    #[test]
    fn a_repeated_local_time_runs_the_first_time() {
        // On 2026-10-25 clocks in Berlin go from 03:00 to 02:00, which is 01:00 UTC.
        let daily = cron("30 2 * * *", "Europe/Berlin");
        check(
            &daily,
            "2026-10-24T12:00:00Z",
            "2026-10-26T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        let hourly = cron("0 * * * *", "Europe/Berlin");
        check(
            &hourly,
            "2026-10-24T23:30:00Z",
            "2026-10-25T03:00:00Z",
            &["2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"],
        );
        assert_eq!(hourly.last_at(at("2026-10-25T01:45:00Z")), Some(at("2026-10-25T00:00:00Z")));
        assert_eq!(hourly.interval_before(at("2026-10-25T02:00:00Z")), Duration::from_secs(7200));
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        let bad = |expression: &str, zone: &str| {
            let ticks = Ticks::Cron { expression: expression.into(), zone: zone.into() };
            Clockwork::new(&ticks).unwrap_err().to_string()
        };
        assert!(bad("* *", "UTC").starts_with("`* *` is not a cron expression"));
        assert!(bad("0 0 31 2 *", "UTC").contains("is not a cron expression"));
        assert_eq!(
            bad("0 0 * * *", "Mars/Base"),
            "`Mars/Base` is not a time zone; use an IANA name, for instance `Europe/Berlin`"
        );
        let ticks = Ticks::Every { every: Duration::ZERO, anchor: Timestamp::EPOCH };
        assert_eq!(Clockwork::new(&ticks).unwrap_err(), BadTicks::TooOften);
    }

    #[test]
    fn jitter_is_a_streams_own_and_stays() {
        let mut schedule = crate::examples::schedule(600, 60);
        let tick = Timestamp::from_secs(0);
        assert_eq!(due(tick, &schedule, &key()), tick);
        schedule.start_delay = Duration::from_secs(60);
        schedule.jitter = Duration::from_secs(30);
        let first = due(tick, &schedule, &key());
        assert!((60..90).contains(&(first.as_micros() / 1_000_000)));
        assert_eq!(due(tick, &schedule, &key()), first);
    }
}
