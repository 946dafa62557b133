//! Bytes to plain values, for the types of a profile that need nothing else.

use rows::{Text, Time};

/// A whole number of at most eight bytes; a number without a sign that is too large wraps.
pub fn int(bytes: &[u8], signed: bool, big: bool) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    let mut wide = [0_u8; 8];
    for (at, byte) in bytes.iter().enumerate() {
        let at = if big { bytes.len() - 1 - at } else { at };
        wide[at] = *byte;
    }
    let number = u64::from_le_bytes(wide);
    let unused = 64 - 8 * u32::try_from(bytes.len()).ok()?;
    Some(if signed { (number << unused).cast_signed() >> unused } else { number.cast_signed() })
}

/// A number with a fraction, of four or eight bytes.
pub fn float(bytes: &[u8], big: bool) -> Option<f64> {
    let bits = int(bytes, false, big)?.cast_unsigned();
    match bytes.len() {
        4 => Some(f64::from(f32::from_bits(u32::try_from(bits).ok()?))),
        8 => Some(f64::from_bits(bits)),
        _ => None,
    }
}

/// The most bytes that [`leb128`] looks at.
pub const LEB128_MAX: usize = 10;

/// A number of seven bits a byte, and how many bytes it took. A tenth byte ends it in any case.
pub fn leb128(bytes: &[u8], signed: bool) -> Option<(i64, usize)> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(LEB128_MAX).enumerate() {
        let shift = 7 * u32::try_from(at).ok()?;
        number |= u64::from(byte & 0x7f) << shift;
        let last = byte & 0x80 == 0;
        if last || at + 1 == LEB128_MAX {
            let negative = signed && last && byte & 0x40 != 0 && shift + 7 < 64;
            let sign = if negative { u64::MAX << (shift + 7) } else { 0 };
            return Some(((number | sign).cast_signed(), at + 1));
        }
    }
    None
}

/// A text up to its end mark, and how many of the bytes it took with the mark. Without a mark in
/// sight, all of them.
pub fn text(bytes: &[u8], end: &[u8], utf16: bool) -> (Text, usize) {
    if !utf16 {
        return match find(bytes, end) {
            Some(at) => (Text::from(&bytes[..at]), at + end.len()),
            None => (Text::from(bytes), bytes.len()),
        };
    }
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let decoded: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
    match find(decoded.as_bytes(), end) {
        // The mark may begin inside a character; the text before it stays as it is.
        Some(at) => {
            let before = String::from_utf8_lossy(&decoded.as_bytes()[..at]).encode_utf16().count();
            let mark = String::from_utf8_lossy(end).encode_utf16().count();
            (Text::from(&decoded.as_bytes()[..at]), (2 * (before + mark)).min(bytes.len()))
        }
        None => (Text::from(decoded), bytes.len()),
    }
}

fn find(bytes: &[u8], end: &[u8]) -> Option<usize> {
    match end {
        [] => None,
        [one] => bytes.iter().position(|byte| byte == one),
        end => bytes.windows(end.len()).position(|window| window == end),
    }
}

/// A moment so many units after 1970, where `factor` units are a second.
pub fn epoch(units: i64, factor: i64) -> Time {
    let factor = i128::from(factor.max(1));
    Time::from_unix_nanos(i128::from(units) * 1_000_000_000 / factor)
}

/// Seconds between 1601 and 1970.
const FILE_TIME_OFFSET_SECS: i128 = 11_644_473_600;

/// A moment so many tenths of microseconds after 1601, where `factor` units are such a tenth.
pub fn file_time(units: i64, factor: i64) -> Time {
    let tenths = i128::from(units.cast_unsigned()) / i128::from(factor.max(1));
    Time::from_unix_nanos(tenths * 100 - FILE_TIME_OFFSET_SECS * 1_000_000_000)
}

/// Date (low half) and time (high half) as FAT keeps them; `None` when that is no moment.
pub fn fat_time(bits: u32) -> Option<Time> {
    let part = |shift: u32, width: u32| i8::try_from((bits >> shift) & ((1 << width) - 1)).ok();
    let year = 1980 + i16::try_from((bits >> 9) & 0x7f).ok()?;
    let second = part(16, 5)?.checked_mul(2)?;
    let civil = jiff::civil::DateTime::new(
        year,
        part(5, 4)?,
        part(0, 5)?,
        part(27, 5)?,
        part(21, 6)?,
        second,
        0,
    );
    let zoned = civil.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Time::from(zoned.timestamp()))
}

/// Sixteen bytes as Windows prints them: `{00112233-4455-…}` without the braces.
pub fn guid(bytes: &[u8]) -> Option<String> {
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    let first = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let second = u16::from_le_bytes([bytes[4], bytes[5]]);
    let third = u16::from_le_bytes([bytes[6], bytes[7]]);
    let tail: String = bytes[10..].iter().map(|byte| format!("{byte:02X}")).collect();
    Some(format!("{first:08X}-{second:04X}-{third:04X}-{:02X}{:02X}-{tail}", bytes[8], bytes[9]))
}

/// Pairs of hexadecimal digits.
pub(super) fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_signs_and_ends() {
        assert_eq!(int(&[0xff, 0xff], true, false), Some(-1));
        assert_eq!(int(&[0xff, 0xfe], false, true), Some(0xfffe));
        assert_eq!(int(&[1, 2, 3, 4, 5, 6, 7, 8], false, false), Some(0x0807_0605_0403_0201));
        assert_eq!(int(&[], false, false), None);
        assert_eq!(float(&1.5_f32.to_be_bytes(), true), Some(1.5));
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26], false), Some((624_485, 3)));
        assert_eq!(leb128(&[0x7f], true), Some((-1, 1)));
        assert_eq!(leb128(&[0x80, 0x80], false), None);
    }

    #[test]
    fn texts_end_at_their_mark() {
        assert_eq!(text(b"hello\0world", b"\0", false), (Text::from("hello"), 6));
        assert_eq!(text(b"hello", b"\0", false), (Text::from("hello"), 5));
        assert_eq!(text(b"h\0i\0\0\0x\0", b"\0", true), (Text::from("hi"), 6));
        assert_eq!(text(b"one--two", b"--", false), (Text::from("one"), 5));
    }

    #[test]
    fn moments_come_in_many_forms() {
        assert_eq!(file_time(116_444_736_000_000_000, 1).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(epoch(1_500, 1_000).to_string(), "1970-01-01T00:00:01.5Z");
        assert_eq!(fat_time(0x5a2b_5345).unwrap().to_string(), "2021-10-05T11:17:22Z");
        assert_eq!(fat_time(0), None);
        assert_eq!(
            guid(&[0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 1, 2, 3, 4, 5, 6])
                .unwrap(),
            "00112233-4455-6677-8899-010203040506"
        );
    }
}
