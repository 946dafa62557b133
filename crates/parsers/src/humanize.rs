//! Sizes, counts and moments as people say them.

/// A number of bytes in powers of 1000: `82 MB`.
pub fn bytes(count: u64) -> String {
    scaled(count, 1000, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// A number of bytes in powers of 1024: `79 MiB`.
pub fn ibytes(count: u64) -> String {
    scaled(count, 1024, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
}

/// One decimal below ten of a unit, none above, and never for plain bytes.
fn scaled(count: u64, base: u64, units: &[&str]) -> String {
    let mut unit = 0;
    let mut size = 1u128;
    while u128::from(count) >= size * u128::from(base) && unit + 1 < units.len() {
        size *= u128::from(base);
        unit += 1;
    }
    if unit == 0 {
        return format!("{count} {}", units[0]);
    }
    let tenths = (u128::from(count) * 10 + size / 2) / size;
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, units[unit])
    } else {
        format!("{} {}", (tenths + 5) / 10, units[unit])
    }
}

/// A number with a comma between groups of three digits: `1,234,567`.
pub fn comma(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How far a moment lies from now, in whole units: `3 hours ago`, `2 days from now`, `now`.
pub fn relative(seconds_from_now: i64) -> String {
    const UNITS: &[(&str, u64)] = &[
        ("year", 31_557_600),
        ("month", 2_629_800),
        ("week", 604_800),
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
        ("second", 1),
    ];
    let distance = seconds_from_now.unsigned_abs();
    let Some((name, size)) = UNITS.iter().find(|(_, size)| distance >= *size) else {
        return "now".to_owned();
    };
    let count = distance / size;
    let plural = if count == 1 { "" } else { "s" };
    let side = if seconds_from_now < 0 { "ago" } else { "from now" };
    format!("{count} {name}{plural} {side}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_one_decimal_below_ten() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.0 kB");
        assert_eq!(bytes(82_854_982), "83 MB");
        assert_eq!(ibytes(82_854_982), "79 MiB");
        assert_eq!(ibytes(u64::MAX), "16 EiB");
    }

    #[test]
    fn digits_group_by_three() {
        assert_eq!(comma(0), "0");
        assert_eq!(comma(-1_234_567), "-1,234,567");
        assert_eq!(comma(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn moments_are_said_in_the_largest_unit() {
        assert_eq!(relative(0), "now");
        assert_eq!(relative(-1), "1 second ago");
        assert_eq!(relative(7_300), "2 hours from now");
        assert_eq!(relative(-86_400 * 800), "2 years ago");
    }
}
