//! The function `timestamp_format`: writes a moment by a layout.

use jiff::tz::TimeZone;
use parsers::go_layout;
use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::times::{moment, named_zone};

pub(super) fn entry() -> Entry {
    Entry::function(TimestampFormat)
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
