//! Go's reference-time layouts (`2006-01-02 15:04:05 MST`): reading and writing moments by them.
//!
//! Existing artifacts spell their formats this way, so the language does too.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use crate::free_dates::{MONTHS, WEEKDAYS, zone_by_abbreviation};

/// Why a text does not follow a layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLayoutText {
    /// The text has something else where the layout wants a part.
    #[error("`{text}` does not follow the layout `{layout}`: {wanted} was expected at `{rest}`")]
    Mismatch {
        /// The text, shortened.
        text: String,
        /// The layout, shortened.
        layout: String,
        /// What the layout asked for.
        wanted: String,
        /// Where reading stopped, shortened.
        rest: String,
    },
    /// Every part was read but the numbers are no date.
    #[error("`{text}` is not a moment of the calendar")]
    OutOfRange {
        /// The text, shortened.
        text: String,
    },
}

/// One part of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Literal(&'a str),
    Year4,
    Year2,
    MonthName,
    MonthShort,
    Month {
        padded: bool,
    },
    WeekdayName,
    WeekdayShort,
    Day {
        padded: bool,
    },
    DaySpaced,
    YearDay,
    Hour24,
    Hour12 {
        padded: bool,
    },
    Minute {
        padded: bool,
    },
    Second {
        padded: bool,
    },
    /// `.000` keeps zeros, `.999` drops them; the first character is a point or a comma.
    Fraction {
        mark: char,
        digits: usize,
        trimmed: bool,
    },
    Noon {
        upper: bool,
    },
    ZoneName,
    Offset {
        zulu: bool,
        colon: bool,
        minutes: bool,
        seconds: bool,
    },
}

/// Longest spellings first, so that `January` is not read as `Jan` and a rest.
const SPELLINGS: &[(&str, Part<'static>)] = &[
    ("January", Part::MonthName),
    ("Jan", Part::MonthShort),
    ("Monday", Part::WeekdayName),
    ("Mon", Part::WeekdayShort),
    ("MST", Part::ZoneName),
    ("2006", Part::Year4),
    ("002", Part::YearDay),
    ("01", Part::Month { padded: true }),
    ("02", Part::Day { padded: true }),
    ("03", Part::Hour12 { padded: true }),
    ("04", Part::Minute { padded: true }),
    ("05", Part::Second { padded: true }),
    ("06", Part::Year2),
    ("15", Part::Hour24),
    ("PM", Part::Noon { upper: true }),
    ("pm", Part::Noon { upper: false }),
    ("-07:00:00", Part::Offset { zulu: false, colon: true, minutes: true, seconds: true }),
    ("-07:00", Part::Offset { zulu: false, colon: true, minutes: true, seconds: false }),
    ("-070000", Part::Offset { zulu: false, colon: false, minutes: true, seconds: true }),
    ("-0700", Part::Offset { zulu: false, colon: false, minutes: true, seconds: false }),
    ("-07", Part::Offset { zulu: false, colon: false, minutes: false, seconds: false }),
    ("Z07:00:00", Part::Offset { zulu: true, colon: true, minutes: true, seconds: true }),
    ("Z07:00", Part::Offset { zulu: true, colon: true, minutes: true, seconds: false }),
    ("Z070000", Part::Offset { zulu: true, colon: false, minutes: true, seconds: true }),
    ("Z0700", Part::Offset { zulu: true, colon: false, minutes: true, seconds: false }),
    ("Z07", Part::Offset { zulu: true, colon: false, minutes: false, seconds: false }),
    ("_2006", Part::Literal("_2006")),
    ("_2", Part::DaySpaced),
    ("1", Part::Month { padded: false }),
    ("2", Part::Day { padded: false }),
    ("3", Part::Hour12 { padded: false }),
    ("4", Part::Minute { padded: false }),
    ("5", Part::Second { padded: false }),
];

/// Cuts a layout into its parts.
fn parts(layout: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut literal = 0;
    let mut at = 0;
    while at < layout.len() {
        let rest = &layout[at..];
        let found = if rest.starts_with("_2006") {
            Some((1, Part::Literal("_")))
        } else {
            fraction(rest).or_else(|| {
                SPELLINGS
                    .iter()
                    .find(|(spelling, _)| rest.starts_with(spelling))
                    .map(|(spelling, part)| (spelling.len(), *part))
            })
        };
        match found {
            Some((length, part)) => {
                if literal < at {
                    parts.push(Part::Literal(&layout[literal..at]));
                }
                parts.push(part);
                at += length;
                literal = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    if literal < layout.len() {
        parts.push(Part::Literal(&layout[literal..]));
    }
    parts
}

/// `.000` or `,999`, not followed by another digit.
fn fraction(rest: &str) -> Option<(usize, Part<'static>)> {
    let mark = rest.chars().next().filter(|mark| matches!(mark, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let digits = rest[1..].chars().take_while(|c| *c == digit).count();
    if rest[1 + digits..].starts_with(|c: char| c.is_ascii_digit()) || digits > 9 {
        return None;
    }
    Some((1 + digits, Part::Fraction { mark, digits, trimmed: digit == '9' }))
}

/// Writes a moment by a layout.
pub fn format(moment: &Zoned, layout: &str) -> String {
    parts(layout).into_iter().map(|part| write_part(moment, part)).collect()
}

fn write_part(moment: &Zoned, part: Part<'_>) -> String {
    let hour12 = match moment.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let number = |value: i8, padded: bool| {
        if padded { format!("{value:02}") } else { value.to_string() }
    };
    match part {
        Part::Literal(text) => text.to_owned(),
        Part::Year4 => format!("{:04}", moment.year()),
        Part::Year2 => format!("{:02}", moment.year().rem_euclid(100)),
        Part::MonthName => MONTHS[month_index(moment)].to_owned(),
        Part::MonthShort => MONTHS[month_index(moment)][..3].to_owned(),
        Part::Month { padded } => number(moment.month(), padded),
        Part::WeekdayName => WEEKDAYS[weekday_index(moment)].to_owned(),
        Part::WeekdayShort => WEEKDAYS[weekday_index(moment)][..3].to_owned(),
        Part::Day { padded } => number(moment.day(), padded),
        Part::DaySpaced => format!("{:2}", moment.day()),
        Part::YearDay => format!("{:03}", moment.day_of_year()),
        Part::Hour24 => number(moment.hour(), true),
        Part::Hour12 { padded } => number(hour12, padded),
        Part::Minute { padded } => number(moment.minute(), padded),
        Part::Second { padded } => number(moment.second(), padded),
        Part::Fraction { mark, digits, trimmed } => {
            let nanos = format!("{:09}", moment.subsec_nanosecond());
            let kept = &nanos[..digits];
            let kept = if trimmed { kept.trim_end_matches('0') } else { kept };
            if kept.is_empty() { String::new() } else { format!("{mark}{kept}") }
        }
        Part::Noon { upper } => match (moment.hour() < 12, upper) {
            (true, true) => "AM".to_owned(),
            (true, false) => "am".to_owned(),
            (false, true) => "PM".to_owned(),
            (false, false) => "pm".to_owned(),
        },
        Part::ZoneName => moment.strftime("%Z").to_string(),
        Part::Offset { zulu, colon, minutes, seconds } => {
            let offset = moment.offset().seconds();
            if zulu && offset == 0 {
                return "Z".to_owned();
            }
            let sign = if offset < 0 { '-' } else { '+' };
            let all = offset.unsigned_abs();
            let mark = if colon { ":" } else { "" };
            let mut text = format!("{sign}{:02}", all / 3600);
            if minutes {
                text.push_str(&format!("{mark}{:02}", all / 60 % 60));
            }
            if seconds {
                text.push_str(&format!("{mark}{:02}", all % 60));
            }
            text
        }
    }
}

fn month_index(moment: &Zoned) -> usize {
    usize::try_from(moment.month() - 1).unwrap_or(0).min(11)
}

fn weekday_index(moment: &Zoned) -> usize {
    usize::try_from(moment.weekday().to_sunday_zero_offset()).unwrap_or(0).min(6)
}

/// What has been read so far.
#[derive(Default)]
struct Fields {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    afternoon: Option<bool>,
    offset: Option<Offset>,
}

/// Reads a moment by a layout. Parts that the layout does not have are those of year 0,
/// January the first, midnight; the zone is `zone` unless the text names one.
pub fn parse(text: &str, layout: &str, zone: &TimeZone) -> Result<Timestamp, BadLayoutText> {
    let mut fields = Fields::default();
    let mut rest = text.trim();
    for part in parts(layout.trim()) {
        rest = read_part(rest, part, &mut fields).ok_or_else(|| BadLayoutText::Mismatch {
            text: short(text),
            layout: short(layout),
            wanted: wanted(part),
            rest: short(rest),
        })?;
    }
    if !rest.is_empty() {
        return Err(BadLayoutText::Mismatch {
            text: short(text),
            layout: short(layout),
            wanted: "the end of the text".to_owned(),
            rest: short(rest),
        });
    }
    moment(&fields, zone).ok_or_else(|| BadLayoutText::OutOfRange { text: short(text) })
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

fn wanted(part: Part<'_>) -> String {
    match part {
        Part::Literal(text) => format!("`{text}`"),
        Part::MonthName | Part::MonthShort => "the name of a month".to_owned(),
        Part::WeekdayName | Part::WeekdayShort => "the name of a day".to_owned(),
        Part::Noon { .. } => "AM or PM".to_owned(),
        Part::ZoneName => "an abbreviated time zone".to_owned(),
        Part::Offset { .. } => "an offset from UTC".to_owned(),
        Part::Fraction { .. } => "a fraction of a second".to_owned(),
        _ => "a number".to_owned(),
    }
}

fn moment(fields: &Fields, zone: &TimeZone) -> Option<Timestamp> {
    let year = fields.year.unwrap_or(0);
    let date = match fields.year_day {
        Some(day) => Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok()?,
        None => Date::new(year, fields.month.unwrap_or(1), fields.day.unwrap_or(1)).ok()?,
    };
    let hour = match (fields.afternoon, fields.hour) {
        (Some(true), hour) if hour < 12 => hour + 12,
        (Some(false), 12) => 0,
        (_, hour) => hour,
    };
    let time = Time::new(hour, fields.minute, fields.second, fields.nanos).ok()?;
    let zone = fields.offset.map_or_else(|| zone.clone(), TimeZone::fixed);
    zone.to_timestamp(DateTime::from_parts(date, time)).ok()
}

fn read_part<'t>(text: &'t str, part: Part<'_>, fields: &mut Fields) -> Option<&'t str> {
    match part {
        Part::Literal(literal) => read_literal(text, literal),
        Part::Hour24
        | Part::Hour12 { .. }
        | Part::Minute { .. }
        | Part::Second { .. }
        | Part::Fraction { .. }
        | Part::Noon { .. } => read_time(text, part, fields),
        Part::ZoneName => {
            let length = text.bytes().take_while(u8::is_ascii_uppercase).count();
            fields.offset = Some(zone_by_abbreviation(&text[..length])?);
            Some(&text[length..])
        }
        Part::Offset { zulu, .. } => {
            let (offset, after) = read_offset(text, zulu)?;
            fields.offset = Some(offset);
            Some(after)
        }
        date => read_date(text, date, fields),
    }
}

fn small(value: u32) -> Option<i8> {
    i8::try_from(value).ok()
}

fn read_date<'t>(text: &'t str, part: Part<'_>, fields: &mut Fields) -> Option<&'t str> {
    let (value, rest);
    match part {
        Part::Year4 => {
            (value, rest) = digits(text, 4, 4)?;
            fields.year = Some(i16::try_from(value).ok()?);
        }
        Part::Year2 => {
            (value, rest) = digits(text, 2, 2)?;
            let century = if value >= 69 { 1900 } else { 2000 };
            fields.year = Some(i16::try_from(value + century).ok()?);
        }
        Part::MonthName | Part::MonthShort => {
            let length = if part == Part::MonthName { usize::MAX } else { 3 };
            (value, rest) = name(text, &MONTHS, length)?;
            fields.month = small(value + 1);
        }
        Part::Month { padded } => {
            (value, rest) = digits(text, if padded { 2 } else { 1 }, 2)?;
            fields.month = small(value);
        }
        Part::WeekdayName | Part::WeekdayShort => {
            let length = if part == Part::WeekdayName { usize::MAX } else { 3 };
            rest = name(text, &WEEKDAYS, length)?.1;
        }
        Part::Day { .. } | Part::DaySpaced => {
            (value, rest) = digits(text.strip_prefix(' ').unwrap_or(text), 1, 2)?;
            fields.day = small(value);
        }
        Part::YearDay => {
            (value, rest) = digits(text, 3, 3)?;
            fields.year_day = i16::try_from(value).ok();
        }
        _ => rest = text,
    }
    Some(rest)
}

fn read_time<'t>(text: &'t str, part: Part<'_>, fields: &mut Fields) -> Option<&'t str> {
    if let Part::Noon { .. } = part {
        let word = text.get(..2)?;
        fields.afternoon = Some(match word.to_ascii_uppercase().as_str() {
            "AM" => false,
            "PM" => true,
            _ => return None,
        });
        return Some(&text[2..]);
    }
    if let Part::Fraction { .. } = part {
        let known = fields.nanos != 0;
        return Some(fraction_digits(text, fields).filter(|_| !known).unwrap_or(text));
    }
    let (value, rest) = digits(text, 1, 2)?;
    match part {
        Part::Minute { .. } => fields.minute = small(value)?,
        Part::Second { .. } => {
            fields.second = small(value)?;
            // A fraction may follow the seconds although the layout does not mention it.
            return Some(fraction_digits(rest, fields).unwrap_or(rest));
        }
        _ => fields.hour = small(value)?,
    }
    Some(rest)
}

/// A blank in the layout stands for one or more blanks.
fn read_literal<'t>(mut text: &'t str, literal: &str) -> Option<&'t str> {
    for wanted in literal.chars() {
        if wanted == ' ' {
            text = text.trim_start_matches(' ');
        } else {
            text = text.strip_prefix(wanted)?;
        }
    }
    Some(text)
}

fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

fn fraction_digits<'t>(text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let rest = text.strip_prefix(['.', ','])?;
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let kept: String = rest[..length].chars().chain("000000000".chars()).take(9).collect();
    fields.nanos = kept.parse().ok()?;
    Some(&rest[length..])
}

/// Index of the name that `text` starts with, comparing at most `length` letters.
fn name<'t>(text: &'t str, names: &[&str], length: usize) -> Option<(u32, &'t str)> {
    for (index, name) in (0u32..).zip(names) {
        let wanted = &name[..name.len().min(length)];
        if text.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted)) {
            return Some((index, &text[wanted.len()..]));
        }
    }
    None
}

fn read_offset(text: &str, zulu: bool) -> Option<(Offset, &str)> {
    if zulu && let Some(rest) = text.strip_prefix('Z') {
        return Some((Offset::UTC, rest));
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, mut rest) = digits(&text[1..], 2, 2)?;
    let mut seconds = i32::try_from(hours * 3600).ok()?;
    for size in [60, 1] {
        let next = rest.strip_prefix(':').unwrap_or(rest);
        if let Some((value, after)) = digits(next, 2, 2) {
            seconds += i32::try_from(value * size).ok()?;
            rest = after;
        } else {
            break;
        }
    }
    Some((Offset::from_seconds(sign * seconds).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, layout: &str, answer: &str) {
        let found = match parse(text, layout, &TimeZone::UTC) {
            Ok(moment) => moment.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, answer);
    }

    #[test]
    fn texts_are_read_by_their_layout() {
        check("2024-03-09 07:08:09", "2006-01-02 15:04:05", "2024-03-09T07:08:09Z");
        check("9 Mar 24 7:08 PM -0130", "2 Jan 06 3:04 PM -0700", "2024-03-09T20:38:00Z");
        check(
            "Sat, 09 Mar 2024 07:08:09 GMT",
            "Mon, 02 Jan 2006 15:04:05 MST",
            "2024-03-09T07:08:09Z",
        );
        check("2024-03-09T07:08:09.25Z", "2006-01-02T15:04:05Z07:00", "2024-03-09T07:08:09.25Z");
        check("09/Mar/2024:07:08:09 +0200", "02/Jan/2006:15:04:05 -0700", "2024-03-09T05:08:09Z");
        check("Mar  9 07:08:09 2024", "Jan _2 15:04:05 2006", "2024-03-09T07:08:09Z");
        check("2024069", "2006002", "2024-03-09T00:00:00Z");
    }

    #[test]
    fn a_mismatch_says_where() {
        check(
            "2024-3x",
            "2006-01-02",
            "`2024-3x` does not follow the layout `2006-01-02`: a number was expected at `3x`",
        );
        check("2024-02-31", "2006-01-02", "`2024-02-31` is not a moment of the calendar");
    }

    #[test]
    fn moments_are_written_by_a_layout() {
        let moment: Timestamp = "2024-03-09T19:08:09.25Z".parse().unwrap();
        let moment = moment.to_zoned(TimeZone::UTC);
        let written = |layout| format(&moment, layout);
        assert_eq!(written("Mon Jan _2 15:04:05 MST 2006"), "Sat Mar  9 19:08:09 UTC 2024");
        assert_eq!(written("2006-01-02T15:04:05.000Z07:00"), "2024-03-09T19:08:09.250Z");
        assert_eq!(written("3:04PM .999999"), "7:08PM .25");
        assert_eq!(written("Monday, January 2 '06 -07:00"), "Saturday, March 9 '24 +00:00");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", layout in "[0-9A-Za-z:., +_-]{0,40}") {
            let _ = parse(&text, &layout, &TimeZone::UTC);
        }

        #[test]
        fn what_is_written_is_read(seconds in -60_000_000_000i64..200_000_000_000) {
            let moment = Timestamp::from_second(seconds).unwrap();
            let layout = "Mon, 02 Jan 2006 15:04:05 -0700";
            let text = format(&moment.to_zoned(TimeZone::UTC), layout);
            proptest::prop_assert_eq!(parse(&text, layout, &TimeZone::UTC).unwrap(), moment);
        }
    }
}
