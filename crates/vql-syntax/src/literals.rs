//! The values that number and string literals stand for.

use crate::ast::Number;

/// The value of a number token: an integer with base detection (`0x` hexadecimal, leading `0`
/// octal), else a float, else nothing that fits.
pub(crate) fn number(spelling: &str) -> Number {
    let (negative, digits) = match spelling.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, spelling),
    };
    let (radix, digits) = match digits.strip_prefix("0x") {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let signed = if negative { format!("-{digits}") } else { digits.to_owned() };
    if let Ok(value) = i64::from_str_radix(&signed, radix) {
        return Number::Int(value);
    }
    match spelling.parse::<f64>() {
        Ok(value) if radix != 16 && value.is_finite() => Number::Float(value),
        _ => Number::TooLarge(spelling.to_owned()),
    }
}

/// The bytes of a quoted string token, from the text between the quotes.
///
/// `\n \r \t \\ \" \'` and `\xHH` are escapes; any other escaped character stands for itself. With
/// bad digits the backslash stays; an escape that the end cuts off drops the rest.
pub(crate) fn unescape(inside: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        let mut chars = escape.chars();
        chars.next();
        let Some(escaped) = chars.next() else {
            return bytes;
        };
        rest = chars.as_str();
        match escaped {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' | 'X' => {
                if rest.len() < 2 {
                    return bytes;
                }
                let byte = rest.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    Some(byte) => {
                        bytes.push(byte);
                        rest = rest.get(2..).unwrap_or("");
                    }
                    None => {
                        bytes.push(b'\\');
                        bytes.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// A float as the language prints it in column names: shortest digits, always with a point or an
/// exponent, so that it reads back as a float.
pub(crate) fn float_text(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e21).contains(&value.abs()) {
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => ('-', rest),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_integers_first_and_floats_second() {
        let check = |spelling: &str, wanted: Number| assert_eq!(number(spelling), wanted);
        check("0x10", Number::Int(16));
        check("010", Number::Int(8));
        check("-010", Number::Int(-8));
        check("08", Number::Float(8.0));
        check("0", Number::Int(0));
        check("-7", Number::Int(-7));
        check(".5", Number::Float(0.5));
        check("1e3", Number::Float(1000.0));
        check("9223372036854775807", Number::Int(i64::MAX));
        check("9223372036854775808", Number::Float(9_223_372_036_854_775_808.0));
        check("-0x8000000000000000", Number::Int(i64::MIN));
        check("0x8000000000000000", Number::TooLarge("0x8000000000000000".into()));
        check("1e999", Number::TooLarge("1e999".into()));
    }

    #[test]
    fn unknown_escapes_lose_their_backslash() {
        let check = |inside: &str, wanted: &[u8]| assert_eq!(unescape(inside), wanted);
        check(r"tab\there\x21", b"tab\there!");
        check(r"\d\.\q", b"d.q");
        check(r"\xff\XfE", &[0xff, 0xfe]);
        check(r"\xZZ.", br"\xZZ.");
        check(r"a\x4", b"a");
        check(r"\é", "é".as_bytes());
        check(r"\xé", "\\xé".as_bytes());
        check("no end\\", b"no end");
    }

    #[test]
    fn floats_keep_a_point_or_an_exponent() {
        let check = |value: f64, wanted: &str| assert_eq!(float_text(value), wanted);
        check(9.0, "9.0");
        check(-0.5, "-0.5");
        check(0.0, "0.0");
        check(1e21, "1e+21");
        check(1.5e-7, "1.5e-07");
        check(1e20, "100000000000000000000.0");
    }
}
