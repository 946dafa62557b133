//! Numbers from text and for people.

use rows::{Text, Time, Value};
use vql_plugin::{Catalog, Failure, Function, Scope, plugin_args};

pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .function(Int)
        .function(Atoi)
        .function(ParseFloat)
        .function(Humanize)
        .function(Rand)
}

plugin_args! {
    /// Any value as an integer: numbers are cut, text is read (also `0x` and `0` prefixes), truth
    /// is 1 or 0. NULL where that makes no sense.
    pub struct IntArgs for "int" {
        /// The value.
        int: Option<Value>,
    }
}

struct Int;

impl Function for Int {
    type Args = IntArgs;

    fn call(&self, args: IntArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(match scope.materialise(&args.int.unwrap_or_default()) {
            Value::Int(number) => Value::Int(number),
            Value::Float(number) => Value::Int(number as i64),
            Value::Bool(truth) => Value::Int(i64::from(truth)),
            Value::Time(time) => Value::Int(time.unix()),
            Value::Text(text) => match parse_int(&text) {
                Some(number) => Value::Int(number),
                None => parse_float(&text).map_or(Value::Null, |number| Value::Int(number as i64)),
            },
            _ => Value::Null,
        })
    }
}

plugin_args! {
    /// Reads an integer from text: decimal, or with the prefix `0x`, `0o`, `0b` or `0`.
    pub struct AtoiArgs for "atoi" {
        /// The text.
        string: Text,
    }
}

struct Atoi;

impl Function for Atoi {
    type Args = AtoiArgs;

    fn call(&self, args: AtoiArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(parse_int(&args.string).into())
    }
}

/// An integer in the usual notations. Values beyond 63 bits wrap when they fit 64.
pub(crate) fn parse_int(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = if let Some(hex) = lower.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        (8, octal)
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = u64::from_str_radix(digits, base).ok();
    // `08` is no octal number; people who pad with zeros mean decimal.
    let number = number.or_else(|| lower.parse().ok())?.cast_signed();
    Some(if negative { number.wrapping_neg() } else { number })
}

plugin_args! {
    /// Reads a number with a fraction from text; NULL where there is none.
    pub struct ParseFloatArgs for "parse_float" {
        /// The text.
        string: Text,
    }
}

struct ParseFloat;

impl Function for ParseFloat {
    type Args = ParseFloatArgs;

    fn call(&self, args: ParseFloatArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(parse_float(&args.string).into())
    }
}

pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    // `inf`, `nan` and the like are words, not numbers, in evidence.
    if text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E')) {
        return None;
    }
    text.parse().ok()
}

plugin_args! {
    /// Sizes, counts and moments as people say them. Give one of the arguments.
    pub struct HumanizeArgs for "humanize" {
        /// A number of bytes, in powers of 1000: `82 MB`.
        bytes: Option<i64>,
        /// A number of bytes, in powers of 1024: `79 MiB`.
        ibytes: Option<i64>,
        /// A moment, as its distance from now: `3 hours ago`.
        time: Option<Time>,
        /// A number, with a comma between groups of three digits.
        comma: Option<i64>,
    }
}

struct Humanize;

impl Function for Humanize {
    type Args = HumanizeArgs;

    fn call(&self, args: HumanizeArgs, scope: &Scope) -> Result<Value, Failure> {
        use parsers::humanize;
        let size = |size: i64| {
            u64::try_from(size).map_err(|_| Failure::new(format!("{size} is no number of bytes")))
        };
        let text = match (args.bytes, args.ibytes, args.time, args.comma) {
            (Some(count), ..) => humanize::bytes(size(count)?),
            (_, Some(count), ..) => humanize::ibytes(size(count)?),
            (_, _, Some(time), _) => {
                let now = scope.host().clock().now().as_micros() / 1_000_000;
                humanize::relative(time.unix().saturating_sub(now))
            }
            (.., Some(number)) => humanize::comma(number),
            _ => return Err(Failure::new("one of bytes, ibytes, time and comma must be given")),
        };
        Ok(Value::text(text))
    }
}

plugin_args! {
    /// A random integer from 0 up to, and without, `range`; any positive one when left out.
    pub struct RandArgs for "rand" {
        /// The bound.
        range: Option<i64>,
    }
}

struct Rand;

impl Function for Rand {
    type Args = RandArgs;

    fn call(&self, args: RandArgs, scope: &Scope) -> Result<Value, Failure> {
        let range = u64::try_from(args.range.unwrap_or(i64::MAX)).ok().filter(|range| *range > 0);
        let range = range.ok_or_else(|| Failure::new("range must be greater than zero"))?;
        // 128 random bits make the bias of the remainder immeasurable.
        let number = scope.host().entropy(|entropy| entropy.next_u128()) % u128::from(range);
        Ok(Value::Int(i64::try_from(number).unwrap_or(0)))
    }
}
