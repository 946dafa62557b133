//! Moments to the nanosecond, in UTC; guessing the unit of an epoch; reading dates as people write
//! them.

use std::fmt;

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

/// A moment, to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// The moment that stands for "no moment": 0001-01-01T00:00:00Z.
    pub fn zero() -> Self {
        Self::from_unix(-62_135_596_800, 0)
    }

    /// The moment so many seconds and nanoseconds after 1970; held to years -9999 to 9999.
    pub fn from_unix(seconds: i64, nanos: i32) -> Self {
        match jiff::Timestamp::new(seconds, nanos) {
            Ok(moment) => Self(moment),
            Err(_) if seconds < 0 => Self(jiff::Timestamp::MIN),
            Err(_) => Self(jiff::Timestamp::MAX),
        }
    }

    /// The moment so many nanoseconds after 1970.
    pub fn from_unix_nanos(nanos: i128) -> Self {
        match jiff::Timestamp::from_nanosecond(nanos) {
            Ok(moment) => Self(moment),
            Err(_) if nanos < 0 => Self(jiff::Timestamp::MIN),
            Err(_) => Self(jiff::Timestamp::MAX),
        }
    }

    /// The moment of an epoch in seconds, milli-, micro- or nanoseconds, guessed from its size.
    /// Zero is no moment.
    pub fn from_epoch(epoch: i64) -> Self {
        let scale: i128 = match epoch.unsigned_abs() {
            0 => return Self::zero(),
            20_000_000_001..=20_000_000_000_000 => 1_000_000,
            20_000_000_000_001..=20_000_000_000_000_000 => 1_000,
            20_000_000_000_000_001.. => 1,
            _ => 1_000_000_000,
        };
        Self::from_unix_nanos(i128::from(epoch) * scale)
    }

    /// Like [`from_epoch`](Self::from_epoch), with a fraction.
    pub fn from_epoch_float(epoch: f64) -> Self {
        if !epoch.is_finite() || epoch == 0.0 {
            return Self::zero();
        }
        if epoch.abs() > 2e10 {
            return Self::from_epoch(epoch as i64);
        }
        let seconds = epoch.floor();
        Self::from_unix(seconds as i64, ((epoch - seconds) * 1e9) as i32)
    }

    /// RFC 3339 with the offset of a zone, and as many digits of the fraction as are needed.
    pub fn text_in(self, zone: &Zone) -> String {
        let zoned = self.0.to_zoned(zone.0.clone());
        // Seconds of an offset exist before 1900 only, and RFC 3339 has no room for them.
        self.0.display_with_offset(zoned.offset()).to_string()
    }

    /// Whole seconds since 1970.
    pub fn unix(self) -> i64 {
        self.0.as_nanosecond().div_euclid(1_000_000_000) as i64
    }

    /// Nanoseconds since 1970.
    pub fn unix_nanos(self) -> i128 {
        self.0.as_nanosecond()
    }

    /// Seconds since 1970 with a fraction.
    pub fn unix_float(self) -> f64 {
        self.0.as_nanosecond() as f64 / 1e9
    }

    /// The same moment in the type of the calendar library, for formatting.
    pub fn as_jiff(self) -> jiff::Timestamp {
        self.0
    }

    /// The calendar date and time of day in UTC.
    pub fn civil(self) -> civil::DateTime {
        Offset::UTC.to_datetime(self.0)
    }

    /// Reads a date as people and log files write it, in UTC where it names no zone.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_in(text, &TimeZone::UTC)
    }

    /// Reads a date as people and log files write it. `zone` holds where the text names none.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > 100 {
            return None;
        }
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Some(Self(moment));
        }
        if let Ok(epoch) = text.parse::<i64>() {
            return (text.len() != 8)
                .then(|| Self::from_epoch(epoch))
                .or_else(|| compact(text, zone));
        }
        if let Ok(epoch) = text.parse::<f64>() {
            return Some(Self::from_epoch_float(epoch));
        }
        let local =
            |date: civil::DateTime| zone.to_ambiguous_timestamp(date).compatible().ok().map(Self);
        if let Ok(date) = text.parse::<civil::DateTime>() {
            return local(date);
        }
        for format in WITH_ZONE {
            if let Ok(moment) =
                jiff::fmt::strtime::parse(format, text).and_then(|t| t.to_timestamp())
            {
                return Some(Self(moment));
            }
        }
        for format in WITHOUT_ZONE {
            if let Ok(date) = jiff::fmt::strtime::parse(format, text).and_then(|t| t.to_datetime())
            {
                return local(date);
            }
        }
        for format in ONLY_DATE {
            if let Ok(date) = jiff::fmt::strtime::parse(format, text).and_then(|t| t.to_date()) {
                return local(date.to_datetime(civil::Time::midnight()));
            }
        }
        None
    }
}

fn compact(text: &str, zone: &TimeZone) -> Option<Time> {
    let date = jiff::fmt::strtime::parse("%Y%m%d", text).ok()?.to_date().ok()?;
    let date = date.to_datetime(civil::Time::midnight());
    zone.to_ambiguous_timestamp(date).compatible().ok().map(Time)
}

const WITH_ZONE: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f %:z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f%:z",
    "%Y-%m-%d %H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M:%S%.f %z %Z",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %z %Y",
    "%d/%b/%Y:%H:%M:%S %z",
];

const WITHOUT_ZONE: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%m/%d/%Y %H:%M:%S%.f",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d %b %Y %H:%M:%S",
    "%d %B %Y %H:%M:%S",
    "%b %d %Y %H:%M:%S",
    "%b %d, %Y %H:%M:%S",
    "%B %d, %Y %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a, %d %b %Y %H:%M:%S UTC",
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S UTC %Y",
    "%d/%b/%Y:%H:%M:%S",
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%dT%H%M%SZ",
];

const ONLY_DATE: &[&str] = &[
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
];

/// A time zone, for printing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of a name such as `Europe/Berlin`.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }
}

impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self(zone)
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(moment: jiff::Timestamp) -> Self {
        Self(moment)
    }
}

impl From<base::Timestamp> for Time {
    fn from(moment: base::Timestamp) -> Self {
        Self::from_unix_nanos(i128::from(moment.as_micros()) * 1_000)
    }
}

impl From<std::time::SystemTime> for Time {
    fn from(moment: std::time::SystemTime) -> Self {
        match moment.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => {
                Self::from_unix_nanos(i128::try_from(after.as_nanos()).unwrap_or(i128::MAX))
            }
            Err(before) => {
                let nanos = before.duration().as_nanos();
                Self::from_unix_nanos(-i128::try_from(nanos).unwrap_or(i128::MAX))
            }
        }
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC, with as many digits of the fraction as are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_an_epoch_is_guessed_from_its_size() {
        let moment = "2023-11-14T22:13:20Z";
        for epoch in
            [1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000, 1_700_000_000_000_000_000]
        {
            assert_eq!(Time::from_epoch(epoch).to_string(), moment, "{epoch}");
        }
        assert_eq!(Time::from_epoch_float(1.5).to_string(), "1970-01-01T00:00:01.5Z");
        assert_eq!(Time::from_epoch(0), Time::zero());
        assert_eq!(Time::zero().to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn a_moment_prints_in_a_zone() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let shown = |seconds, nanos| Time::from_unix(seconds, nanos).text_in(&zone);
        assert_eq!(shown(1_700_000_000, 0), "2023-11-14T23:13:20+01:00");
        assert_eq!(shown(1_690_000_000, 500_000_000), "2023-07-22T06:26:40.5+02:00");
        assert_eq!(Zone::named("Atlantis"), None);
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        for text in [
            "2023-11-14T22:13:20Z",
            "2023-11-14 22:13:20",
            "2023-11-14 22:13:20 +00:00",
            "2023-11-14T23:13:20+01:00",
            "2023-11-14 23:13:20 +0100",
            "Tue, 14 Nov 2023 22:13:20 GMT",
            "Tue, 14 Nov 2023 22:13:20 +0000",
            "Tue Nov 14 22:13:20 2023",
            "14/Nov/2023:22:13:20 +0000",
            "11/14/2023 10:13:20 PM",
            "1700000000",
        ] {
            let read = Time::parse(text).map(|time| time.to_string());
            assert_eq!(read.as_deref(), Some("2023-11-14T22:13:20Z"), "{text}");
        }
        assert_eq!(Time::parse("20231114").unwrap().to_string(), "2023-11-14T00:00:00Z");
        assert_eq!(Time::parse("rain tomorrow"), None);
    }
}
