//! When the rounds of a recurring hunt begin.
//!
//! Pure. Ticks are instants in UTC. A server that was down for many ticks begins one round: windows
//! reach from checkpoint to checkpoint, so nothing is lost by it.

use std::str::FromStr;
use std::time::Duration;

use base::Timestamp;
use croner::Cron;
use jiff::Zoned;
use jiff::tz::TimeZone;
use model::window::{Schedule, Ticks};

/// Rounds closer than this are no schedule but a load.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// A schedule that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// Rounds would follow one another too closely.
    #[error("rounds every {} are too close; give at least `1s`", base::format_duration(*.0))]
    TooOften(Duration),
    /// Not a cron expression.
    #[error(
        "`{expression}` is not a cron expression ({why}); write minute, hour, day of month, month, day of week, for example `0 6 * * *`"
    )]
    Cron {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Whether a schedule can be kept.
pub fn check(schedule: &Schedule) -> Result<(), BadSchedule> {
    match &schedule.ticks {
        Ticks::Every(every) if *every < SHORTEST => Err(BadSchedule::TooOften(*every)),
        Ticks::Every(_) => Ok(()),
        Ticks::Cron(expression) => {
            let bad = |why: String| BadSchedule::Cron { expression: expression.clone(), why };
            if expression.split_whitespace().count() != 5 && !expression.starts_with('@') {
                return Err(bad("it has not five fields".to_owned()));
            }
            let cron = Cron::from_str(expression).map_err(|error| bad(error.to_string()))?;
            let some_day = Timestamp::from_secs(1_700_000_000);
            match following(&cron, some_day) {
                Some(_) => Ok(()),
                None => Err(bad("it is never due".to_owned())),
            }
        }
    }
}

/// The first tick after `after` of a hunt that began at `started`.
pub fn next_tick(ticks: &Ticks, started: Timestamp, after: Timestamp) -> Option<Timestamp> {
    match ticks {
        Ticks::Every(every) => {
            let every = i64::try_from(every.as_micros()).ok().filter(|every| *every > 0)?;
            let passed = after.as_micros().checked_sub(started.as_micros())?.div_euclid(every);
            let next = passed.checked_add(1)?.checked_mul(every)?;
            Some(Timestamp::from_micros(next.checked_add(started.as_micros())?))
        }
        Ticks::Cron(expression) => following(&Cron::from_str(expression).ok()?, after),
    }
}

/// The last tick after `after` that is not later than `now`: the one that a round which begins now
/// is for.
pub fn latest_tick(
    ticks: &Ticks,
    started: Timestamp,
    (after, now): (Timestamp, Timestamp),
) -> Option<Timestamp> {
    let first = next_tick(ticks, started, after).filter(|first| *first <= now)?;
    let last = match ticks {
        Ticks::Every(every) => {
            let every = i64::try_from(every.as_micros()).ok().filter(|every| *every > 0)?;
            let passed = (now.as_micros() - first.as_micros()).div_euclid(every);
            Timestamp::from_micros(first.as_micros() + passed * every)
        }
        Ticks::Cron(expression) => {
            let cron = Cron::from_str(expression).ok()?;
            let last = cron.find_previous_occurrence(&utc(now)?, true).ok()?;
            Timestamp::from_micros(last.timestamp().as_microsecond())
        }
    };
    Some(last.max(first))
}

fn following(cron: &Cron, after: Timestamp) -> Option<Timestamp> {
    let next = cron.find_next_occurrence(&utc(after)?, false).ok()?;
    Some(Timestamp::from_micros(next.timestamp().as_microsecond()))
}

fn utc(moment: Timestamp) -> Option<Zoned> {
    let moment = jiff::Timestamp::from_microsecond(moment.as_micros()).ok()?;
    Some(moment.to_zoned(TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ticks_are_counted_from_the_start_or_told_by_a_calendar() {
        let check = |ticks: &Ticks, after: &str, now: &str, next: &str, latest: Option<&str>| {
            let started = at("2026-01-01T00:30:00Z");
            assert_eq!(next_tick(ticks, started, at(after)), Some(at(next)));
            assert_eq!(latest_tick(ticks, started, (at(after), at(now))), latest.map(at));
        };
        let hourly = Ticks::Every(Duration::from_secs(3_600));
        let begun = "2026-01-01T00:30:00Z";
        check(&hourly, begun, "2026-01-01T01:29:59Z", "2026-01-01T01:30:00Z", None);
        let long = "2026-01-02T03:45:00Z";
        check(&hourly, begun, long, "2026-01-01T01:30:00Z", Some("2026-01-02T03:30:00Z"));
        let daily = Ticks::Cron("0 6 * * *".into());
        check(&daily, begun, long, "2026-01-01T06:00:00Z", Some("2026-01-01T06:00:00Z"));
        let days = "2026-01-09T06:00:00Z";
        check(&daily, begun, days, "2026-01-01T06:00:00Z", Some(days));
    }

    #[test]
    fn a_schedule_that_cannot_be_kept_says_why() {
        let told = |ticks: Ticks| {
            let schedule = Schedule { ticks, buffer: Duration::ZERO, first: None };
            check(&schedule).map_err(|bad| bad.to_string())
        };
        assert_eq!(told(Ticks::Cron("*/10 * * * *".into())), Ok(()));
        assert!(told(Ticks::Every(Duration::from_millis(1))).unwrap_err().contains("too close"));
        assert!(told(Ticks::Cron("soon".into())).unwrap_err().contains("five fields"));
        assert!(told(Ticks::Cron("0 0 31 2 *".into())).unwrap_err().contains("never due"));
    }
}
