//! Moments: from numbers and text, and back to text.

use jiff::tz::TimeZone;
use parsers::{free_dates, go_layout};
use rows::{Time, Value};
use vql_plugin::{Catalog, Failure, Function, Scope, plugin_args};

pub(crate) fn catalog() -> Catalog {
    Catalog::new().function(Timestamp).function(TimestampFormat).function(Now)
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

/// A moment from any value, as the function `timestamp` reads it.
fn moment(given: &Value, layout: Option<&str>, scope: &Scope) -> Result<Time, Failure> {
    Ok(match given {
        Value::Time(time) => *time,
        Value::Int(0) | Value::Null => Time::zero(),
        Value::Int(number) => free_dates::epoch(*number).map_or_else(Time::zero, Time::from),
        Value::Float(number) if *number == 0.0 => Time::zero(),
        Value::Float(number) => {
            free_dates::epoch_fraction(*number).map_or_else(Time::zero, Time::from)
        }
        Value::Text(text) if text.is_empty() => Time::zero(),
        Value::Text(text) => {
            let text = text.to_str_lossy();
            let zone = zone(scope)?;
            match layout {
                Some(layout) => go_layout::parse(&text, layout, &zone)?.into(),
                None => free_dates::parse(&text, &zone, this_year(scope, &zone))?.into(),
            }
        }
        other => return Err(Failure::new(format!("a {} is no moment", other.type_name()))),
    })
}

fn this_year(scope: &Scope, zone: &TimeZone) -> i16 {
    let now = Time::from(scope.host().clock().now());
    now.as_jiff().to_zoned(zone.clone()).year()
}

/// The zone that the variables of the query ask for.
fn zone(scope: &Scope) -> Result<TimeZone, Failure> {
    for variable in ["PARSE_TZ", "TZ"] {
        match scope.lookup(variable) {
            Some(Value::Text(name)) if !name.is_empty() => return named_zone(&name.to_str_lossy()),
            _ => {}
        }
    }
    Ok(TimeZone::UTC)
}

fn named_zone(name: &str) -> Result<TimeZone, Failure> {
    if let Some(offset) = free_dates::zone_by_abbreviation(name) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(name).map_err(|error| {
        Failure::new(format!("`{name}` is no time zone; name it as Europe/Berlin ({error})"))
    })
}

plugin_args! {
    /// Writes a moment by a layout.
    pub struct TimestampFormatArgs for "timestamp_format" {
        /// The moment: anything that `timestamp(epoch=)` understands.
        time: Value,
        /// The layout in Go's reference time, such as `2006-01-02 15:04:05`.
        format: String = "2006-01-02T15:04:05Z07:00",
    }
}

struct TimestampFormat;

impl Function for TimestampFormat {
    type Args = TimestampFormatArgs;

    fn call(&self, args: TimestampFormatArgs, scope: &Scope) -> Result<Value, Failure> {
        let time = moment(&scope.materialise(&args.time), None, scope)?;
        let zone = match scope.lookup("TZ") {
            Some(Value::Text(name)) if !name.is_empty() => named_zone(&name.to_str_lossy())?,
            _ => TimeZone::UTC,
        };
        Ok(Value::text(go_layout::format(&time.as_jiff().to_zoned(zone), &args.format)))
    }
}

plugin_args! {
    /// Seconds since 1970, now.
    pub struct NowArgs for "now" {
        /// Nanoseconds instead of seconds.
        ns: bool = false,
    }
}

struct Now;

impl Function for Now {
    type Args = NowArgs;

    fn call(&self, args: NowArgs, scope: &Scope) -> Result<Value, Failure> {
        let micros = scope.host().clock().now().as_micros();
        Ok(Value::Int(if args.ns { micros.saturating_mul(1000) } else { micros / 1_000_000 }))
    }
}
