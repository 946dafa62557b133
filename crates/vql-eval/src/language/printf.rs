//! Verbs in a text, such as `%v` and `%08.3f`, and the values that take their place.

use rows::{Text, Value, go_float};

/// A width or a precision cannot make a text longer than this.
const WIDTH_MAX: usize = 10_000;

#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats an array of values, or a single one.
pub(super) fn format(format: &[u8], values: &Value) -> Text {
    let single;
    let values: &[Value] = match values {
        Value::Array(items) => items,
        other => {
            single = [other.clone()];
            &single
        }
    };
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut given = values.iter();
    let mut at = 0;
    while at < format.len() {
        let percent = format[at..].iter().position(|b| *b == b'%').map_or(format.len(), |p| at + p);
        out.extend_from_slice(&format[at..percent]);
        if percent == format.len() {
            break;
        }
        at = percent + 1;
        let verb = Verb::read(format, &mut at, &mut given);
        let Some(letter) = letter(format, &mut at) else {
            out.extend_from_slice(b"%!(NOVERB)");
            break;
        };
        if letter == '%' {
            out.push(b'%');
            continue;
        }
        match given.next() {
            None => out.extend_from_slice(format!("%!{letter}(MISSING)").as_bytes()),
            Some(value) => verb.print(letter, value, &mut out),
        }
    }
    let extra: Vec<_> = given.map(|value| format!("{}={value}", value.type_name())).collect();
    if !extra.is_empty() {
        out.extend_from_slice(format!("%!(EXTRA {})", extra.join(", ")).as_bytes());
    }
    Text::from(out)
}

/// The letter of a verb, which may be any character.
fn letter(format: &[u8], at: &mut usize) -> Option<char> {
    let rest = String::from_utf8_lossy(&format[*at..format.len().min(*at + 4)]).into_owned();
    let letter = rest.chars().next()?;
    *at += letter.len_utf8().min(format.len() - *at);
    Some(letter)
}

impl Verb {
    fn read<'v>(
        format: &[u8],
        at: &mut usize,
        given: &mut impl Iterator<Item = &'v Value>,
    ) -> Self {
        let mut verb = Self::default();
        while let Some(flag) = format.get(*at) {
            match flag {
                b'-' => verb.minus = true,
                b'+' => verb.plus = true,
                b'#' => verb.sharp = true,
                b' ' => verb.space = true,
                b'0' => verb.zero = true,
                _ => break,
            }
            *at += 1;
        }
        verb.width = number(format, at, given);
        if format.get(*at) == Some(&b'.') {
            *at += 1;
            verb.precision = Some(number(format, at, given).unwrap_or(0));
        }
        verb
    }

    fn print(&self, letter: char, value: &Value, out: &mut Vec<u8>) {
        let text: Vec<u8> = match (letter, value) {
            ('T', value) => value.type_name().as_bytes().to_vec(),
            ('v', Value::Float(number)) => self.float('g', *number).into_bytes(),
            ('v', Value::Int(number)) => self.signed(number.to_string()).into_bytes(),
            ('v', Value::Text(text)) if self.sharp => quoted(text).into_bytes(),
            ('v', value) => value.to_text().to_vec(),
            ('t', Value::Bool(truth)) => truth.to_string().into_bytes(),
            ('d' | 'x' | 'X' | 'o' | 'b' | 'c' | 'U', Value::Int(number)) => {
                self.integer(letter, *number).into_bytes()
            }
            ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(number)) => {
                self.float(letter, *number).into_bytes()
            }
            ('s', Value::Text(text)) => self.cut(text).to_vec(),
            ('s', Value::Null | Value::Dict(_) | Value::Time(_) | Value::Path(_)) => {
                self.cut(&value.to_text()).to_vec()
            }
            ('q', Value::Text(text)) => quoted(&self.cut(text)).into_bytes(),
            ('q', Value::Int(number)) => {
                let letter = u32::try_from(*number).ok().and_then(char::from_u32);
                format!("'{}'", letter.unwrap_or('\u{fffd}')).into_bytes()
            }
            ('x' | 'X', Value::Text(text)) => hex(text, letter == 'X', self.space).into_bytes(),
            (_, Value::Array(items)) => {
                // Each element by itself, in brackets.
                let mut inside = vec![b'['];
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        inside.push(b' ');
                    }
                    self.print(letter, item, &mut inside);
                }
                inside.push(b']');
                out.extend_from_slice(&inside);
                return;
            }
            (letter, value) => format!("%!{letter}({}={value})", value.type_name()).into_bytes(),
        };
        self.pad(&text, letter, out);
    }

    fn cut(&self, text: &[u8]) -> Text {
        let Some(precision) = self.precision else { return Text::from(text) };
        let text = String::from_utf8_lossy(text);
        Text::from(text.chars().take(precision).collect::<String>())
    }

    fn signed(&self, number: String) -> String {
        if number.starts_with('-') {
            number
        } else if self.plus {
            format!("+{number}")
        } else if self.space {
            format!(" {number}")
        } else {
            number
        }
    }

    fn integer(&self, letter: char, number: i64) -> String {
        let size = number.unsigned_abs();
        let sign = if number < 0 { "-" } else { "" };
        let digits = match letter {
            'd' => size.to_string(),
            'x' => format!("{size:x}"),
            'X' => format!("{size:X}"),
            'o' => format!("{size:o}"),
            'b' => format!("{size:b}"),
            'U' => return format!("U+{size:04X}"),
            _ => {
                let letter = u32::try_from(number).ok().and_then(char::from_u32);
                return letter.unwrap_or('\u{fffd}').to_string();
            }
        };
        let digits = match self.precision {
            Some(least) => format!("{digits:0>least$}", least = least.min(WIDTH_MAX)),
            None => digits,
        };
        let prefix = match (self.sharp, letter) {
            (true, 'x') => "0x",
            (true, 'X') => "0X",
            (true, 'o') => "0",
            (true, 'b') => "0b",
            _ => "",
        };
        self.signed(format!("{sign}{prefix}{digits}"))
    }

    fn float(&self, letter: char, number: f64) -> String {
        let precision = self.precision.map(|precision| precision.min(WIDTH_MAX));
        let text = match letter {
            _ if !number.is_finite() => go_float(number),
            'f' | 'F' => format!("{number:.*}", precision.unwrap_or(6)),
            'e' | 'E' => exponent(&format!("{number:.*e}", precision.unwrap_or(6))),
            _ => match precision {
                None => go_float(number),
                Some(digits) => general(number, digits.max(1)),
            },
        };
        let text = if letter.is_ascii_uppercase() { text.to_uppercase() } else { text };
        self.signed(text)
    }

    fn pad(&self, text: &[u8], letter: char, out: &mut Vec<u8>) {
        let length = String::from_utf8_lossy(text).chars().count();
        let missing = self.width.unwrap_or(0).saturating_sub(length);
        if self.minus {
            out.extend_from_slice(text);
            out.resize(out.len() + missing, b' ');
        } else if self.zero && !matches!(letter, 's' | 'v' | 'q' | 'T' | 'c') {
            let sign = usize::from(matches!(text.first(), Some(b'-' | b'+' | b' ')));
            out.extend_from_slice(&text[..sign]);
            out.resize(out.len() + missing, b'0');
            out.extend_from_slice(&text[sign..]);
        } else {
            let fill = if self.zero && self.width.is_some() { b'0' } else { b' ' };
            out.resize(out.len() + missing, fill);
            out.extend_from_slice(text);
        }
    }
}

/// `*` takes the next value; otherwise digits.
fn number<'v>(
    format: &[u8],
    at: &mut usize,
    given: &mut impl Iterator<Item = &'v Value>,
) -> Option<usize> {
    if format.get(*at) == Some(&b'*') {
        *at += 1;
        return match given.next() {
            Some(Value::Int(width)) => usize::try_from(*width).ok().map(|w| w.min(WIDTH_MAX)),
            _ => None,
        };
    }
    let mut found = None;
    while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
        let so_far: usize = found.unwrap_or(0);
        found = Some((so_far * 10 + usize::from(digit - b'0')).min(WIDTH_MAX));
        *at += 1;
    }
    found
}

/// The exponent with a sign and at least two digits.
fn exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// So many significant digits, with an exponent where that is shorter.
fn general(number: f64, digits: usize) -> String {
    let scientific = format!("{number:.*e}", digits - 1);
    let Some((mantissa, power)) = scientific.split_once('e') else { return scientific };
    let power: i32 = power.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let limit = i32::try_from(digits).unwrap_or(i32::MAX);
    if power < -4 || power >= limit {
        return exponent(&format!("{}e{power}", trimmed(mantissa)));
    }
    let after = usize::try_from(limit - 1 - power).unwrap_or(0);
    trimmed(&format!("{number:.after$}"))
}

fn quoted(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                control if control.is_ascii_control() => {
                    out.push_str(&format!("\\x{:02x}", u32::from(control)));
                }
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn hex(text: &[u8], upper: bool, spaced: bool) -> String {
    let pair = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    text.iter().map(pair).collect::<Vec<_>>().join(if spaced { " " } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, values: Vec<Value>, answer: &str) {
        assert_eq!(format(text.as_bytes(), &Value::from(values)).to_string(), answer);
    }

    #[test]
    fn verbs_print_as_in_go() {
        let text = Value::text;
        check("%s is %d", vec![text("x"), 5.into()], "x is 5");
        check("%v %v %v", vec![Value::Null, true.into(), 1.5.into()], "Null true 1.5");
        check(
            "%5d|%-5d|%05d|%x",
            vec![1.into(), 2.into(), 3.into(), 255.into()],
            "    1|2    |00003|ff",
        );
        check("%#x %X %08.3f", vec![255.into(), 255.into(), 2.5.into()], "0xff FF 0002.500");
        check("%q %x", vec![text("a\"b"), text("AB")], r#""a\"b" 4142"#);
        check("%T %T %T", vec![text("a"), 1.into(), 1.5.into()], "string int64 float64");
        check("%v", vec![Value::from(vec![Value::from(1), text("a")])], "[1 a]");
        check("100%%", vec![], "100%");
        check("%e %g", vec![1234.5.into(), 1e10.into()], "1.234500e+03 1e+10");
    }

    #[test]
    fn what_does_not_fit_is_said_in_the_text() {
        check("%d", vec![Value::text("x")], "%!d(string=x)");
        check("%v", vec![], "%!v(MISSING)");
        check("a", vec![2.into()], "a%!(EXTRA int64=2)");
        check("%", vec![], "%!(NOVERB)");
        check("%z", vec![1.into()], "%!z(int64=1)");
        check("%999999999d", vec![1.into()], &format!("{:>10000}", 1));
    }
}
