//! Dates and times in the many ways people and programs write them.
//!
//! Month before day where both are possible (`03/04/2024` is the fourth of March). A text that
//! could be nothing else is never guessed at: unknown forms are errors that name the text.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use regex::{Captures, Regex};

/// English names, in order of the calendar.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// English names, from Sunday.
pub const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A text that is not understood as a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a date that is understood; write it as 2026-01-31T12:00:00Z or name its layout"
)]
pub struct BadDate {
    /// The text, shortened.
    pub text: String,
}

/// The offset that an abbreviation stands for. Ambiguous ones are read as in North America
/// and Europe; others are unknown.
pub fn zone_by_abbreviation(name: &str) -> Option<Offset> {
    let quarters = match name.to_ascii_uppercase().as_str() {
        "UTC" | "GMT" | "Z" | "UT" | "WET" => 0,
        "CET" | "MEZ" | "BST" | "WEST" => 4,
        "CEST" | "MESZ" | "EET" | "SAST" => 8,
        "EEST" | "MSK" => 12,
        "IST" => 22,
        "HKT" | "SGT" | "AWST" => 32,
        "JST" | "KST" => 36,
        "ACST" => 38,
        "AEST" => 40,
        "AEDT" => 44,
        "NZST" => 48,
        "NZDT" => 52,
        "EDT" => -16,
        "EST" | "CDT" => -20,
        "CST" | "MDT" => -24,
        "MST" | "PDT" => -28,
        "PST" | "AKDT" => -32,
        "AKST" => -36,
        "HST" => -40,
        _ => return None,
    };
    Offset::from_seconds(quarters * 900).ok()
}

/// How much larger than a second the unit of a bare number is.
///
/// Seconds up to 2e10, then milliseconds, microseconds and nanoseconds, each for three digits.
pub fn epoch(number: i64) -> Option<Timestamp> {
    let size = number.unsigned_abs();
    if size <= 20_000_000_000 {
        Timestamp::from_second(number).ok()
    } else if size <= 20_000_000_000_000 {
        Timestamp::from_millisecond(number).ok()
    } else if size <= 20_000_000_000_000_000 {
        Timestamp::from_microsecond(number).ok()
    } else {
        Timestamp::from_nanosecond(i128::from(number)).ok()
    }
}

/// A moment from a number with a fraction, in the unit that [`epoch`] would choose.
pub fn epoch_fraction(number: f64) -> Option<Timestamp> {
    if !number.is_finite() {
        return None;
    }
    let size = number.abs();
    let nanos_per_unit = if size <= 2e10 {
        1e9
    } else if size <= 2e13 {
        1e6
    } else if size <= 2e16 {
        1e3
    } else {
        1.0
    };
    // Whole and fraction apart: a double cannot hold today's nanoseconds.
    let whole = number.trunc() as i128 * nanos_per_unit as i128;
    let nanos = whole + (number.fract() * nanos_per_unit).round() as i128;
    Timestamp::from_nanosecond(nanos).ok()
}

/// Reads a date in any understood form. `zone` holds where the text names none; `year_if_missing`
/// holds where the text has none, as in the time stamps of syslog.
pub fn parse(text: &str, zone: &TimeZone, year_if_missing: i16) -> Result<Timestamp, BadDate> {
    let bad = || BadDate { text: text.chars().take(60).collect() };
    // Go's own printing adds a reading of its monotonic clock.
    let trimmed = text.split(" m=").next().unwrap_or_default().trim();
    if trimmed.len() > 200 {
        return Err(bad());
    }
    if let Ok(moment) = trimmed.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Some(found) = only_digits(trimmed, zone) {
        return found.ok_or_else(bad);
    }
    let (time, offset, rest) = take_time(trimmed);
    // A zone's name may stand behind the offset, so it is taken out in any case.
    let (named, rest) = take_zone(&rest);
    let offset = offset.or(named);
    let date = date(&rest, year_if_missing).ok_or_else(bad)?;
    let zone = offset.map_or_else(|| zone.clone(), TimeZone::fixed);
    zone.to_timestamp(DateTime::from_parts(date, time)).map_err(|_| bad())
}

/// A number: epoch in any unit, or `yyyymmdd`, `yyyymmddhhmmss`, or a year. The outer `None`
/// says that the text is no number.
fn only_digits(text: &str, zone: &TimeZone) -> Option<Option<Timestamp>> {
    if let Some((whole, fraction)) = text.split_once('.')
        && (9..=11).contains(&whole.len())
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        let fraction: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        let (whole, fraction) = (whole.parse().ok()?, fraction.parse().ok()?);
        return Some(Timestamp::new(whole, fraction).ok());
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let civil = match text.len() {
        4 => Some(format!("{text}-01-01T00:00:00")),
        8 => Some(format!("{}-{}-{}T00:00:00", &text[..4], &text[4..6], &text[6..])),
        14 => Some(format!(
            "{}-{}-{}T{}:{}:{}",
            &text[..4],
            &text[4..6],
            &text[6..8],
            &text[8..10],
            &text[10..12],
            &text[12..]
        )),
        _ => None,
    };
    Some(match civil {
        Some(civil) => {
            civil.parse::<DateTime>().ok().and_then(|civil| zone.to_timestamp(civil).ok())
        }
        None => text.parse().ok().and_then(epoch),
    })
}

static TIME: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?x)
        (?: ^ | [^0-9+\-] )   (?P<from>)
        (?P<h>[0-9]{1,2}) : (?P<m>[0-9]{2}) (?: : (?P<s>[0-9]{2}) (?: [.,] (?P<f>[0-9]{1,9}) [0-9]* )? )?
        (?: \s* (?P<noon>[AaPp]\.?[Mm]\.?) \b )?
        (?: \s* (?P<offset>[+\-][0-9]{2} (?: :?[0-9]{2} )? ) | (?P<z>[Zz])\b )?",
    )
});

static COMPACT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^([0-9]{8})T([0-9]{2})([0-9]{2})([0-9]{2})?(Z|[+-][0-9]{4})?$"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

/// Takes the time of day out of a text: the time, its offset, and what is left.
fn take_time(text: &str) -> (Time, Option<Offset>, String) {
    if let Some(found) = COMPACT.captures(text) {
        let part = |at: usize| number::<i8>(&found, at).unwrap_or(0);
        let time = Time::new(part(2), part(3), part(4), 0).unwrap_or(Time::midnight());
        let offset = found.get(5).and_then(|zone| offset(zone.as_str()));
        return (time, offset, format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..8]));
    }
    let whole = || (Time::midnight(), None, text.to_owned());
    let Some(found) = TIME.captures(text) else { return whole() };
    let named = |name: &str| found.name(name).map(|part| part.as_str());
    let hour: i8 = named("h").and_then(|digits| digits.parse().ok()).unwrap_or(-1);
    let hour = match (named("noon").map(|noon| noon.to_ascii_lowercase()), hour) {
        (Some(noon), hour) if noon.starts_with('p') && hour < 12 => hour + 12,
        (Some(noon), 12) if noon.starts_with('a') => 0,
        (_, hour) => hour,
    };
    let minute = named("m").and_then(|digits| digits.parse().ok()).unwrap_or(-1);
    let second = named("s").map_or(Some(0), |digits| digits.parse().ok()).unwrap_or(-1);
    let fraction: String =
        named("f").unwrap_or("0").chars().chain("000000000".chars()).take(9).collect();
    let Ok(time) = Time::new(hour, minute, second, fraction.parse().unwrap_or(0)) else {
        return whole();
    };
    let offset = named("z").map(|_| Offset::UTC).or_else(|| named("offset").and_then(offset));
    let (Some(from), Some(all)) = (found.name("from"), found.get(0)) else { return whole() };
    // The `T` or `:` between date and time goes with the time.
    let before = text[..from.start()].trim_end_matches([':', ' ', ',']);
    let before = match before.strip_suffix(['T', 't']) {
        Some(date) if date.ends_with(|c: char| c.is_ascii_digit()) => date,
        _ => before,
    };
    (time, offset, format!("{before} {}", &text[all.end()..]))
}

fn offset(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4).map_or(Some(0), |digits| digits.parse().ok())?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Takes a zone's abbreviation or a stray offset out of a text.
fn take_zone(text: &str) -> (Option<Offset>, String) {
    let mut found = None;
    let mut kept = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_matches(['(', ')', ',']);
        let stray = (bare.starts_with(['+', '-']) && bare.len() >= 3).then(|| offset(bare));
        match stray.flatten().or_else(|| zone_by_abbreviation(bare)) {
            Some(zone) => found = found.or(Some(zone)),
            None => kept.push(word),
        }
    }
    (found, kept.join(" "))
}

/// How the numbers of a date are ordered.
#[derive(Clone, Copy)]
enum Order {
    YearMonthDay,
    MonthDayYear,
    DayMonthYear,
    DayNameYear,
    NameDayYear,
    YearNameDay,
}

static DATES: LazyLock<Vec<(Regex, Order)>> = LazyLock::new(|| {
    [
        (r"^(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?$", Order::YearMonthDay),
        (r"^(\d{4})(\d{2})(\d{2})$", Order::YearMonthDay),
        (r"^(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})$", Order::MonthDayYear),
        (r"^(\d{1,2})-(\d{1,2})-(\d{4})$", Order::MonthDayYear),
        (r"^(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})$", Order::DayMonthYear),
        (
            r"^(\d{1,2})(?:st|nd|rd|th)?[- /.]+([a-z]{3,9})\.?(?:[- /.]+'?(\d{4}|\d{2}))?$",
            Order::DayNameYear,
        ),
        (
            r"^([a-z]{3,9})\.?[- /]+(\d{1,2})(?:st|nd|rd|th)?(?:[- /]+'?(\d{4}|\d{2}))?$",
            Order::NameDayYear,
        ),
        (r"^(\d{4})[- /]([a-z]{3,9})[- /](\d{1,2})$", Order::YearNameDay),
    ]
    .into_iter()
    .map(|(pattern, order)| (regex(pattern), order))
    .collect()
});

/// Reads what is left of a text without its time and zone.
fn date(text: &str, year_if_missing: i16) -> Option<Date> {
    let words: Vec<String> = text
        .to_lowercase()
        .split([' ', ',', '\t'])
        .filter(|word| !word.is_empty() && *word != "at" && !is_weekday(word))
        .map(str::to_owned)
        .collect();
    let text = words.join(" ");
    let (found, order) =
        DATES.iter().find_map(|(form, order)| Some((form.captures(&text)?, *order)))?;
    let (year, month, day) = match order {
        Order::YearMonthDay => {
            (year(&found, 1)?, number(&found, 2)?, number(&found, 3).unwrap_or(1))
        }
        Order::MonthDayYear => {
            let (first, second): (i8, i8) = (number(&found, 1)?, number(&found, 2)?);
            let swapped = first > 12;
            let (month, day) = if swapped { (second, first) } else { (first, second) };
            (year(&found, 3)?, month, day)
        }
        Order::DayMonthYear => (year(&found, 3)?, number(&found, 2)?, number(&found, 1)?),
        Order::DayNameYear => {
            (year(&found, 3).unwrap_or(year_if_missing), month(&found, 2)?, number(&found, 1)?)
        }
        Order::NameDayYear => {
            (year(&found, 3).unwrap_or(year_if_missing), month(&found, 1)?, number(&found, 2)?)
        }
        Order::YearNameDay => (year(&found, 1)?, month(&found, 2)?, number(&found, 3)?),
    };
    Date::new(year, month, day).ok()
}

fn is_weekday(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    word.len() >= 3
        && WEEKDAYS
            .iter()
            .any(|day| day.get(..word.len()).is_some_and(|d| d.eq_ignore_ascii_case(word)))
}

fn number<T: std::str::FromStr>(found: &Captures<'_>, at: usize) -> Option<T> {
    found.get(at)?.as_str().parse().ok()
}

fn year(found: &Captures<'_>, at: usize) -> Option<i16> {
    let text = found.get(at)?.as_str();
    let year: i16 = text.parse().ok()?;
    Some(match (text.len(), year) {
        (2, 69..) => year + 1900,
        (2, _) => year + 2000,
        _ => year,
    })
}

fn month(found: &Captures<'_>, at: usize) -> Option<i8> {
    let text = found.get(at)?.as_str();
    let index = MONTHS
        .iter()
        .position(|name| name.get(..text.len()).is_some_and(|m| m.eq_ignore_ascii_case(text)))
        .or_else(|| (text == "sept").then_some(8))?;
    i8::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, answer: &str) {
        let found = match parse(text, &TimeZone::UTC, 2024) {
            Ok(moment) => moment.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, answer, "{text}");
    }

    #[test]
    fn machine_forms_are_read() {
        for text in [
            "2024-03-09T07:08:09Z",
            "2024-03-09 07:08:09",
            "2024-03-09 07:08:09 UTC",
            "2024-03-09 07:08:09 +0000 UTC",
            "2024-03-09 07:08:09 +0000 UTC m=+0.001",
            "2024/03/09 07:08:09",
            "2024-03-09T09:08:09+02:00",
            "2024-03-09T09:08:09+0200",
            "20240309T070809Z",
            "20240309070809",
            "Sat, 09 Mar 2024 07:08:09 GMT",
            "Saturday, 09-Mar-24 07:08:09 UTC",
            "Sat Mar  9 07:08:09 2024",
            "Sat Mar  9 07:08:09 UTC 2024",
            "Sat Mar 09 02:08:09 -0500 2024",
            "Mar  9 07:08:09",
            "09/Mar/2024:08:08:09 +0100",
            "1709968089",
            "1709968089000",
            "1709968089000000",
            "1709968089000000000",
        ] {
            check(text, "2024-03-09T07:08:09Z");
        }
    }

    #[test]
    fn human_forms_are_read() {
        for text in [
            "March 9, 2024",
            "9 March 2024",
            "Mar 9th, 2024",
            "9.3.2024",
            "3/9/2024",
            "3/9/24",
            "2024-03-09",
            "2024-Mar-09",
            "20240309",
            "Saturday, March 9, 2024 at 12:00 am",
            "Mar 9",
        ] {
            check(text, "2024-03-09T00:00:00Z");
        }
        check("3/9/2024 7:08 PM", "2024-03-09T19:08:00Z");
        check("25/12/2023 10:00", "2023-12-25T10:00:00Z");
        check("2024", "2024-01-01T00:00:00Z");
        check("2024-03-09 07:08:09,250", "2024-03-09T07:08:09.25Z");
        check("1709968089.5", "2024-03-09T07:08:09.5Z");
    }

    #[test]
    fn nonsense_is_an_error_that_names_the_text() {
        for text in ["", "soon", "2024-13-40", "99:99", "Foo 9 2024"] {
            assert!(parse(text, &TimeZone::UTC, 2024).unwrap_err().to_string().contains(text));
        }
    }

    #[test]
    fn epochs_are_told_apart_by_size() {
        let written = |number| epoch(number).unwrap().to_string();
        assert_eq!(written(1_600_000_000), written(1_600_000_000_000));
        assert_eq!(written(1_600_000_000), written(1_600_000_000_000_000));
        assert_eq!(written(1_600_000_000), written(1_600_000_000_000_000_000));
        assert_eq!(
            epoch_fraction(1_600_000_000.25).unwrap().to_string(),
            "2020-09-13T12:26:40.25Z"
        );
        assert!(epoch_fraction(f64::NAN).is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse(&text, &TimeZone::UTC, 2024);
        }

        #[test]
        fn no_date_like_text_panics(text in "[0-9:/ TZ.+-]{0,30}") {
            let _ = parse(&text, &TimeZone::UTC, 2024);
        }

        #[test]
        fn no_number_panics(number: i64, fraction: f64) {
            let _ = (epoch(number), epoch_fraction(fraction));
        }
    }
}
