//! `printf` with the verbs of Go, as far as templates use them.

use rows::{Value, go_float};

use super::functions::{Arg, shown};

/// The widest that a value is filled up to.
const WIDTH_MAX: usize = 10_000;

#[derive(Default)]
struct Verb {
    left: bool,
    plus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
}

/// The format with the arguments in the place of its verbs.
pub(super) fn printf(format: &str, args: &[Arg]) -> String {
    let mut out = String::new();
    let mut args = args.iter();
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = rest.next_if(|c| "-+0 #".contains(*c)) {
            match flag {
                '-' => verb.left = true,
                '+' => verb.plus = true,
                '0' => verb.zero = true,
                ' ' => verb.space = true,
                _ => verb.sharp = true,
            }
        }
        let digits = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut number = 0_usize;
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                let digit = digit.to_digit(10).unwrap_or(0) as usize;
                number = (number * 10 + digit).min(WIDTH_MAX);
            }
            number
        };
        verb.width = digits(&mut rest);
        if rest.next_if(|c| *c == '.').is_some() {
            verb.precision = Some(digits(&mut rest));
        }
        match rest.next() {
            None => out += "%!(NOVERB)",
            Some('%') => out.push('%'),
            Some(letter) => match args.next() {
                None => out += &format!("%!{letter}(MISSING)"),
                Some(arg) => out += &verb.write(letter, arg.as_ref()),
            },
        }
    }
    let extra: Vec<_> = args.map(|arg| shown(arg.as_ref())).collect();
    if !extra.is_empty() {
        out += &format!("%!(EXTRA {})", extra.join(", "));
    }
    out
}

impl Verb {
    fn write(&self, letter: char, arg: Option<&Value>) -> String {
        let bad = || format!("%!{letter}({})", shown(arg));
        let text = || shown(arg);
        let body = match (letter, arg) {
            ('v', Some(Value::Float(number))) => self.signed(go_float(*number), *number < 0.0),
            ('v', Some(Value::Int(number))) => self.signed(number.to_string(), *number < 0),
            ('v' | 's', _) => self.cut(text()),
            ('q', Some(Value::Int(number))) => {
                let c = u32::try_from(*number).ok().and_then(char::from_u32);
                format!("{:?}", c.unwrap_or('\u{fffd}'))
            }
            ('q', _) => format!("{:?}", self.cut(text())),
            ('T', _) => arg.map_or("<nil>", Value::type_name).to_owned(),
            ('t', Some(Value::Bool(truth))) => truth.to_string(),
            ('d', Some(Value::Int(number))) => self.signed(number.to_string(), *number < 0),
            ('c', Some(Value::Int(number))) => {
                let c = u32::try_from(*number).ok().and_then(char::from_u32);
                c.unwrap_or('\u{fffd}').to_string()
            }
            ('x' | 'X' | 'o' | 'b', Some(Value::Int(number))) => {
                let magnitude = number.unsigned_abs();
                let digits = match letter {
                    'x' => format!("{magnitude:x}"),
                    'X' => format!("{magnitude:X}"),
                    'o' => format!("{magnitude:o}"),
                    _ => format!("{magnitude:b}"),
                };
                let prefix = match (self.sharp, letter) {
                    (true, 'x') => "0x",
                    (true, 'X') => "0X",
                    (true, 'o') => "0",
                    (true, _) => "0b",
                    (false, _) => "",
                };
                let sign = if *number < 0 { "-" } else { "" };
                self.signed(format!("{sign}{prefix}{digits}"), *number < 0)
            }
            ('x', Some(Value::Text(text))) => {
                text.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            ('X', Some(Value::Text(text))) => {
                text.iter().map(|byte| format!("{byte:02X}")).collect()
            }
            ('f' | 'F', Some(Value::Float(number))) => {
                self.signed(format!("{number:.*}", self.precision.unwrap_or(6)), *number < 0.0)
            }
            ('e', Some(Value::Float(number))) => {
                let text = format!("{number:.*e}", self.precision.unwrap_or(6));
                self.signed(exponent(&text), *number < 0.0)
            }
            ('g', Some(Value::Float(number))) => self.signed(go_float(*number), *number < 0.0),
            _ => bad(),
        };
        self.filled(body, matches!(arg, Some(Value::Int(_) | Value::Float(_))))
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        }
    }

    fn signed(&self, text: String, negative: bool) -> String {
        match (negative, self.plus, self.space) {
            (false, true, _) => format!("+{text}"),
            (false, false, true) => format!(" {text}"),
            _ => text,
        }
    }

    fn filled(&self, text: String, is_number: bool) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if missing == 0 {
            return text;
        }
        if self.left {
            return format!("{text}{}", " ".repeat(missing));
        }
        if !(self.zero && is_number) {
            return format!("{}{text}", " ".repeat(missing));
        }
        let sign = text.starts_with(['-', '+', ' ']);
        let (sign, digits) = text.split_at(usize::from(sign));
        format!("{sign}{}{digits}", "0".repeat(missing))
    }
}

/// An exponent as Go writes it: with a sign and two digits.
fn exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
