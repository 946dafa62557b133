//! A column as moments, however the log wrote them.
//!
//! Timestamps of all units and zones, dates, epochs in seconds to nanoseconds (guessed from their
//! size), and texts: RFC 3339 with any offset, with a space instead of the `T`, epochs as digits,
//! and the other forms that [`rows::Time::parse`] knows. What is none of these, zero, and NULL have
//! no moment.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, types::*};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, TimeUnit};
use rows::{Time, Value};

/// Each cell in microseconds since 1970, floored; NULL where it is no moment.
pub fn moments(array: &dyn Array) -> Int64Array {
    match array.data_type() {
        DataType::Timestamp(unit, _) => timestamps(array, *unit),
        DataType::Date32 => {
            array.as_primitive::<Date32Type>().unary(|days| i64::from(days) * 86_400_000_000)
        }
        DataType::Date64 => array.as_primitive::<Date64Type>().unary(|ms| ms.saturating_mul(1_000)),
        DataType::Utf8 => of_texts(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => of_texts(array.as_string::<i64>().iter()),
        DataType::Utf8View => of_texts(array.as_string_view().iter()),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = moments(dictionary.values());
            match take(&values, dictionary.keys(), None) {
                Ok(spread) => spread.as_primitive::<Int64Type>().clone(),
                Err(_) => Int64Array::new_null(array.len()),
            }
        }
        data_type if data_type.is_integer() => of_numbers(array, &DataType::Int64, |spread| {
            spread.as_primitive::<Int64Type>().iter().map(|cell| epoch(cell?)).collect()
        }),
        data_type if data_type.is_numeric() => of_numbers(array, &DataType::Float64, |spread| {
            spread.as_primitive::<Float64Type>().iter().map(|cell| epoch_float(cell?)).collect()
        }),
        _ => Int64Array::new_null(array.len()),
    }
}

/// The moment that a value is or spells, in microseconds since 1970, floored.
pub fn moment_of(value: &Value) -> Option<i64> {
    match value {
        Value::Time(time) => Some(micros(*time)),
        Value::Int(number) => epoch(*number),
        Value::Float(number) => epoch_float(*number),
        Value::Text(text) => parse(text.as_str()?),
        _ => None,
    }
}

/// The moment that a text spells, in microseconds since 1970, floored.
pub fn parse(text: &str) -> Option<i64> {
    if let Some(micros) = plain(text.as_bytes()) {
        return Some(micros);
    }
    let time = Time::parse(text)?;
    (time != Time::zero()).then(|| micros(time))
}

fn of_numbers(
    array: &dyn Array,
    wide: &DataType,
    read: impl FnOnce(&ArrayRef) -> Int64Array,
) -> Int64Array {
    match cast(array, wide) {
        Ok(spread) => read(&spread),
        Err(_) => Int64Array::new_null(array.len()),
    }
}

fn of_texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Int64Array {
    texts.map(|cell| parse(cell?)).collect()
}

fn epoch(number: i64) -> Option<i64> {
    (number != 0).then(|| micros(Time::from_epoch(number)))
}

fn epoch_float(number: f64) -> Option<i64> {
    (number.is_finite() && number != 0.0).then(|| micros(Time::from_epoch_float(number)))
}

fn micros(time: Time) -> i64 {
    i64::try_from(time.unix_nanos().div_euclid(1_000)).unwrap_or(i64::MAX)
}

fn timestamps(array: &dyn Array, unit: TimeUnit) -> Int64Array {
    match unit {
        TimeUnit::Second => array
            .as_primitive::<TimestampSecondType>()
            .unary(|seconds| seconds.saturating_mul(1_000_000)),
        TimeUnit::Millisecond => array
            .as_primitive::<TimestampMillisecondType>()
            .unary(|millis| millis.saturating_mul(1_000)),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().unary(|us| us),
        TimeUnit::Nanosecond => {
            array.as_primitive::<TimestampNanosecondType>().unary(|nanos| nanos.div_euclid(1_000))
        }
    }
}

/// `YYYY-MM-DDTHH:MM:SS`, a fraction, and `Z`, an offset or nothing: what nearly every log writes,
/// read without the calendar library. `None` leaves the text to it.
fn plain(text: &[u8]) -> Option<i64> {
    let digits = |from: usize, to: usize| -> Option<i64> {
        text.get(from..to)?.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    let punctuation = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    let spelled = punctuation.iter().all(|(at, byte)| text.get(*at..at + 1) == Some(*byte));
    if !spelled || !matches!(text.get(10), Some(b'T' | b' ')) {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    // Days that not every month has are left to the calendar.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        let end = (at + 1..text.len()).find(|i| !text[*i].is_ascii_digit()).unwrap_or(text.len());
        let known = end.min(at + 7);
        if !(at + 2..=at + 10).contains(&end) {
            return None;
        }
        let missing = u32::try_from(at + 7 - known).unwrap_or(0);
        fraction = digits(at + 1, known)? * 10_i64.pow(missing);
        at = end;
    }
    let offset = match &text[at..] {
        b"" | b"Z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (digits(at + 1, at + 3)?, digits(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -60 } else { 60 }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(seconds * 1_000_000 + fraction)
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that leap days come last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::*;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_moment_in_all_the_ways_that_logs_write_it() {
        const MOMENT: i64 = 1_700_000_000_123_456;
        for text in [
            "2023-11-14T22:13:20.123456Z",
            "2023-11-14T22:13:20.123456",
            "2023-11-14 22:13:20.123456789",
            "2023-11-14 22:13:20.123456+00:00",
            "2023-11-15T00:13:20.123456+02:00",
            "2023-11-14T13:43:20.123456-08:30",
            "2023-11-14 22:13:20.123456 +0000",
            "1700000000123456",
            "1700000000123456789",
        ] {
            assert_eq!(parse(text), Some(MOMENT), "{text}");
        }
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![MOMENT])),
            Arc::new(UInt64Array::from(vec![MOMENT.cast_unsigned()])),
            Arc::new(StringArray::from(vec!["1700000000123456"])),
            Arc::new(
                vec!["2023-11-14T22:13:20.123456Z"]
                    .into_iter()
                    .collect::<DictionaryArray<Int8Type>>(),
            ),
            Arc::new(
                TimestampNanosecondArray::from(vec![MOMENT * 1_000 + 999]).with_timezone("+01:00"),
            ),
        ];
        for array in arrays {
            assert_eq!(moments(&array).value(0), MOMENT, "{:?}", array.data_type());
        }
        let seconds: ArrayRef = Arc::new(Float64Array::from(vec![1_700_000_000.5]));
        assert_eq!(moments(&seconds).value(0), 1_700_000_000_500_000);
        assert_eq!(moments(&Int32Array::from(vec![1_700_000_000])).value(0), 1_700_000_000_000_000);
    }

    #[test]
    fn what_is_no_moment_has_none() {
        for text in ["", "rain", "0", "2023-13-01T00:00:00Z", "2023-02-30T00:00:00Z", "NaN"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(moments(&Int64Array::from(vec![Some(0), None])).null_count(), 2);
        assert_eq!(moments(&Float64Array::from(vec![f64::NAN])).null_count(), 1);
        assert_eq!(moments(&BooleanArray::from(vec![true])).null_count(), 1);
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_calendar(
            seconds in -62_000_000_000_i64..250_000_000_000, micros in 0_i64..1_000_000,
        ) {
            let time = Time::from_unix_nanos((i128::from(seconds) * 1_000_000 + i128::from(micros)) * 1_000);
            prop_assert_eq!(parse(&time.to_string()), Some(seconds * 1_000_000 + micros));
        }

        #[test]
        fn any_text_is_read_or_not(text in "[0-9TZ:+. -]{0,30}") {
            let _ = parse(&text);
        }
    }
}
