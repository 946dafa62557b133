//! Ticks.

use std::time::Duration;

use rows::{Row, Time, Value};
use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, plugin_args};

use crate::language::background::wait;

pub(super) fn entry() -> Entry {
    Entry::plugin(Clock)
}

plugin_args! {
    /// A row now and then again after every period, until the query is ended. Each has the moment
    /// in the columns `Unix` and `Sec` (seconds), `UnixNano` (nanoseconds) and `Time`.
    pub struct ClockArgs for "clock" {
        /// When to begin; at once when left out or in the past.
        start: Option<Time>,
        /// Seconds from one row to the next; 1 when `ms` is not given either.
        period: i64 = 0,
        /// Milliseconds from one row to the next, in addition.
        ms: i64 = 0,
    }
}

struct Clock;

impl Plugin for Clock {
    type Args = ClockArgs;

    fn rows(&self, args: ClockArgs, scope: &Scope) -> Result<RowStream, Failure> {
        if args.period < 0 || args.ms < 0 {
            return Err("Fields period and ms should not be negative".into());
        }
        let millis = args.period.saturating_mul(1_000).saturating_add(args.ms);
        let period = match u64::try_from(millis) {
            Ok(0) | Err(_) => Duration::from_secs(1),
            Ok(millis) => Duration::from_millis(millis),
        };
        let scope = scope.clone();
        let mut pause = until(args.start, &scope);
        Ok(Box::new(std::iter::from_fn(move || {
            if !wait(pause, &scope) {
                return None;
            }
            pause = period;
            Some(tick(&scope))
        })))
    }
}

fn now(scope: &Scope) -> Time {
    Time::from(scope.host().clock().now())
}

fn until(start: Option<Time>, scope: &Scope) -> Duration {
    let nanos = start.map_or(0, |start| start.unix_nanos() - now(scope).unix_nanos());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

fn tick(scope: &Scope) -> Row {
    let now = now(scope);
    let nanos = i64::try_from(now.unix_nanos()).unwrap_or(i64::MAX);
    Row::new()
        .with("Unix", now.unix())
        .with("Sec", now.unix())
        .with("UnixNano", nanos)
        .with("Time", Value::Time(now))
}
