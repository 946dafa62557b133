//! Quantities as people write them: `1GiB`, `10m`, `20/min`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A text that is not the wanted quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct BadQuantity {
    /// What was given.
    pub text: String,
    /// What was wanted, with an example.
    pub wanted: &'static str,
}

fn bad(text: &str, wanted: &'static str) -> BadQuantity {
    BadQuantity { text: text.chars().take(80).collect(), wanted }
}

/// Splits `12.5MiB` into its number and its unit, blanks dropped.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..unit_at].parse::<f64>().ok().filter(|n| n.is_finite())?;
    Some((number, text[unit_at..].trim()))
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);

const BYTE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let wrong = || bad(text, "a size such as `512KiB`, `10MB` or `1GiB`");
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        if unit.is_empty() {
            return Ok(Self(number as u64));
        }
        BYTE_UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, factor)| Self((number * *factor as f64) as u64))
            .ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    /// The largest binary unit that divides the size; for people see the programs' own rendering.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = BYTE_UNITS[..4]
            .iter()
            .find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        match binary {
            Some((name, size)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

const DURATION_UNITS: [(&str, f64); 6] =
    [("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0), ("w", 604_800.0)];

/// Reads `90s`, `10m`, `1.5h`, `7d`, and sums such as `1h30m`.
pub fn parse_duration(text: &str) -> Result<Duration, BadQuantity> {
    let wrong = || bad(text, "a length of time such as `30s`, `10m`, `2h` or `7d`");
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..unit_at].parse().map_err(|_| wrong())?;
        let tail = &rest[unit_at..];
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let unit = tail[..unit_end].trim();
        let factor = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1;
        seconds += number * factor;
        rest = &tail[unit_end..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// Writes a duration so that [`parse_duration`] reads it back to the millisecond: `1h30m`.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = millis;
    let mut text = String::new();
    for (name, size) in units {
        if rest >= size {
            text.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    text
}

/// How many clients a hunt recruits in any stretch of 60 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rate {
    /// As fast as the server's own ceiling allows.
    #[default]
    Unlimited,
    /// At most so many in any 60 seconds; at least 1.
    PerMinute(u32),
}

impl FromStr for Rate {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let wrong = || bad(text, "a rate such as `20/min`, `1/s`, `600/h` or `unlimited`");
        let text_trimmed = text.trim();
        if text_trimmed == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (number, unit) = text_trimmed.split_once('/').ok_or_else(wrong)?;
        let number: u32 = number.trim().parse().map_err(|_| wrong())?;
        let per_minute = match unit.trim() {
            "s" | "sec" => number.checked_mul(60).ok_or_else(wrong)?,
            "m" | "min" => number,
            // A rate below one a minute cannot be kept by counting a minute.
            "h" | "hour" if number.is_multiple_of(60) => number / 60,
            _ => return Err(wrong()),
        };
        if per_minute == 0 { Err(wrong()) } else { Ok(Self::PerMinute(per_minute)) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::PerMinute(number) => write!(f, "{number}/min"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        let read = |text: &str| text.parse::<ByteSize>().map(|size| size.0);
        assert_eq!(read("1GiB"), Ok(1 << 30));
        assert_eq!(read("1.5 kB"), Ok(1_500));
        assert_eq!(read("77"), Ok(77));
        assert_eq!(ByteSize(3 << 20).to_string(), "3MiB");
        assert!(read("ten").is_err() && read("1 furlong").is_err() && read("-1B").is_err());
    }

    #[test]
    fn durations_are_read_and_written() {
        for text in ["30s", "10m", "7d", "1h30m", "250ms"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        for text in ["", "5", "m", "1x", "1e9", "-1s", "99999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_read_and_written() {
        assert_eq!("20/min".parse(), Ok(Rate::PerMinute(20)));
        assert_eq!("1/s".parse(), Ok(Rate::PerMinute(60)));
        assert_eq!("600/h".parse(), Ok(Rate::PerMinute(10)));
        assert_eq!("unlimited".parse(), Ok(Rate::Unlimited));
        for text in ["0/min", "20", "20/day", "1/h", "4294967295/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert_eq!(Rate::PerMinute(20).to_string(), "20/min");
    }
}
