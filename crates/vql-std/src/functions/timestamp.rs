//! The function `timestamp`: a moment, from a number or a text.

use rows::{Time, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::times::moment;

pub(super) fn entry() -> Entry {
    Entry::function(Timestamp)
}

plugin_args! {
    /// A moment, from a number or a text.
    ///
    /// Numbers in `epoch` count seconds, milliseconds, microseconds or nanoseconds since 1970;
    /// which of them is seen from their size. Text without a time zone is read in the zone of the
    /// variable `PARSE_TZ` or `TZ`, else in UTC. Text that is no date gives the zero time.
    pub struct TimestampArgs for "timestamp" {
        /// A number, a text, or a moment.
        epoch: Option<Value>,
        /// Seconds since 2001 (Apple).
        cocoatime: Option<f64>,
        /// Seconds since 1904 (HFS+).
        mactime: Option<f64>,
        /// Steps of 100 nanoseconds since 1601 (Windows).
        winfiletime: Option<i64>,
        /// A date as people write it.
        string: Option<String>,
        /// The layout of `string` in Go's reference time, such as `2006-01-02 15:04:05`.
        format: Option<String>,
    }
}

struct Timestamp;

/// Seconds from 1601 to 1970, from 1904 to 1970, and from 1970 to 2001.
const WINDOWS_TO_UNIX: i128 = 11_644_473_600;

const MAC_TO_UNIX: f64 = 2_082_844_800.0;

const UNIX_TO_COCOA: f64 = 978_307_200.0;

impl Function for Timestamp {
    type Args = TimestampArgs;

    fn call(&self, args: TimestampArgs, scope: &Scope) -> Result<Value, Failure> {
        if let Some(steps) = args.winfiletime {
            let nanos = i128::from(steps) * 100 - WINDOWS_TO_UNIX * 1_000_000_000;
            return Ok(if steps == 0 { Time::zero() } else { Time::from_unix_nanos(nanos) }.into());
        }
        if let Some(seconds) = args.cocoatime {
            return Ok(seconds_after(seconds, UNIX_TO_COCOA));
        }
        if let Some(seconds) = args.mactime {
            return Ok(seconds_after(seconds, -MAC_TO_UNIX));
        }
        let given = match args.string {
            Some(text) => Value::text(text),
            None => scope.materialise(&args.epoch.unwrap_or_default()),
        };
        moment(&given, args.format.as_deref(), scope).map(Value::from)
    }
}

fn seconds_after(seconds: f64, offset: f64) -> Value {
    let whole = seconds.floor();
    let nanos = ((seconds - whole) * 1e9) as i32;
    Time::from_unix((whole + offset) as i64, nanos).into()
}
