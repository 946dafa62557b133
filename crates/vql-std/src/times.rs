//! Moments: from numbers and text, and back to text.

use jiff::tz::TimeZone;
use parsers::{free_dates, go_layout};
use rows::{Time, Value};
use vql_plugin::{Failure, Scope};

/// A moment from any value, as the function `timestamp` reads it.
pub(crate) fn moment(given: &Value, layout: Option<&str>, scope: &Scope) -> Result<Time, Failure> {
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

pub(crate) fn this_year(scope: &Scope, zone: &TimeZone) -> i16 {
    let now = Time::from(scope.host().clock().now());
    now.as_jiff().to_zoned(zone.clone()).year()
}

/// The zone that the variables of the query ask for.
pub(crate) fn zone(scope: &Scope) -> Result<TimeZone, Failure> {
    for variable in ["PARSE_TZ", "TZ"] {
        match scope.lookup(variable) {
            Some(Value::Text(name)) if !name.is_empty() => return named_zone(&name.to_str_lossy()),
            _ => {}
        }
    }
    Ok(TimeZone::UTC)
}

pub(crate) fn named_zone(name: &str) -> Result<TimeZone, Failure> {
    if let Some(offset) = free_dates::zone_by_abbreviation(name) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(name).map_err(|error| {
        Failure::new(format!("`{name}` is no time zone; name it as Europe/Berlin ({error})"))
    })
}
