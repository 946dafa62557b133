//! The functions of templates, and how values are shown, tried and gone through.

use rows::{Value, equal, go_float, greater, less};

use super::TemplateError;
use super::lex::Place;
use super::printf::printf;

/// An argument; `None` is what is not there.
pub(super) type Arg = Option<Value>;

/// What a value looks like in the text.
pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "<no value>".to_owned(),
        Some(Value::Float(number)) => go_float(*number),
        Some(other) => other.to_text().to_str_lossy().into_owned(),
    }
}

/// Whether a value counts as true: neither empty nor zero.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Text(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Dict(dict) => !dict.is_empty(),
        _ => true,
    }
}

type Elements = Box<dyn Iterator<Item = (Value, Value)>>;

/// Keys and elements that `range` goes through.
pub(super) fn elements(value: Option<&Value>, place: Place) -> Result<Elements, TemplateError> {
    Ok(match value {
        None | Some(Value::Null) => Box::new(std::iter::empty()),
        Some(Value::Array(items)) => {
            let items = items.clone();
            Box::new((0..items.len()).map(move |at| (index_value(at), items[at].clone())))
        }
        Some(Value::Dict(dict)) => {
            // As Go does: sorted by key.
            let mut entries: Vec<_> = dict.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            entries.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            Box::new(entries.into_iter().map(|(key, value)| (Value::text(key.as_str()), value)))
        }
        Some(Value::Int(count)) => {
            Box::new((0..*count).map(|number| (Value::Int(number), Value::Int(number))))
        }
        Some(other) => {
            let what = other.type_name();
            return Err(
                place.error(format!("range goes through arrays, dicts and numbers, not {what}"))
            );
        }
    })
}

fn index_value(at: usize) -> Value {
    Value::Int(i64::try_from(at).unwrap_or(i64::MAX))
}

/// Calls a function.
pub(super) fn call(name: &str, args: &[Arg]) -> Result<Arg, String> {
    let texts = || args.iter().map(|arg| shown(arg.as_ref())).collect::<Vec<_>>().concat();
    let value = match name {
        "html" => Value::text(html(&texts())),
        "js" => Value::text(js(&texts())),
        "urlquery" => Value::text(urlquery(&texts())),
        "print" => Value::text(print(args)),
        "println" => {
            let shown: Vec<_> = args.iter().map(|arg| shown(arg.as_ref())).collect();
            Value::text(format!("{}\n", shown.join(" ")))
        }
        "printf" => {
            let (format, args) = args.split_first().ok_or("printf needs a format")?;
            Value::text(printf(&shown(format.as_ref()), args))
        }
        "not" => Value::Bool(!one(name, args)?.as_ref().is_some_and(truth)),
        "len" => length(one(name, args)?.as_ref())?,
        "index" => return index(args),
        "slice" => slice(args)?,
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, args)?,
        "call" => return Err("functions cannot be called: data holds none".to_owned()),
        other => {
            return Err(format!(
                "no function is called `{other}`; there are and, or, not, eq, ne, lt, le, gt, ge, \
                 len, index, slice, print, printf, println, html, js, urlquery"
            ));
        }
    };
    Ok(Some(value))
}

fn one<'a>(name: &str, args: &'a [Arg]) -> Result<&'a Arg, String> {
    match args {
        [one] => Ok(one),
        other => Err(format!("{name} takes one argument, not {}", other.len())),
    }
}

/// Spaces come between two arguments of which neither is a text.
fn print(args: &[Arg]) -> String {
    let mut text = String::new();
    for (at, arg) in args.iter().enumerate() {
        let is_text = |arg: &Arg| matches!(arg, Some(Value::Text(_)));
        if at > 0 && !is_text(arg) && !is_text(&args[at - 1]) {
            text.push(' ');
        }
        text += &shown(arg.as_ref());
    }
    text
}

fn length(value: Option<&Value>) -> Result<Value, String> {
    Ok(index_value(match value {
        Some(Value::Text(text)) => text.len(),
        Some(Value::Array(items)) => items.len(),
        Some(Value::Dict(dict)) => dict.len(),
        other => {
            let what = other.map_or("nothing", Value::type_name);
            return Err(format!("len is for texts, arrays and dicts, not for {what}"));
        }
    }))
}

fn index(args: &[Arg]) -> Result<Arg, String> {
    let (value, keys) = args.split_first().ok_or("index needs an argument")?;
    let mut value = value.clone();
    for key in keys {
        let key = key.clone().unwrap_or_default();
        value = match (&value, &key) {
            (Some(Value::Dict(dict)), key) => dict.get(&key.to_text().to_str_lossy()).cloned(),
            (Some(Value::Array(items)), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| items.get(at));
                let outside = || format!("index {at} is outside of an array of {}", items.len());
                Some(found.ok_or_else(outside)?.clone())
            }
            (Some(Value::Text(text)), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| text.get(at));
                let outside = || format!("index {at} is outside of a text of {} bytes", text.len());
                Some(Value::Int(i64::from(*found.ok_or_else(outside)?)))
            }
            (other, key) => {
                let what = other.as_ref().map_or("nothing", Value::type_name);
                return Err(format!("index finds no `{key}` in {what}"));
            }
        };
    }
    Ok(value)
}

fn slice(args: &[Arg]) -> Result<Value, String> {
    let (value, bounds) = args.split_first().ok_or("slice needs an argument")?;
    let length = match value {
        Some(Value::Text(text)) => text.len(),
        Some(Value::Array(items)) => items.len(),
        _ => return Err("slice is for texts and arrays".to_owned()),
    };
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Ok(default),
        Some(Some(Value::Int(number))) => usize::try_from(*number)
            .ok()
            .filter(|bound| *bound <= length)
            .ok_or_else(|| format!("slice: {number} is outside of 0 to {length}")),
        Some(_) => Err("the bounds of a slice are numbers".to_owned()),
    };
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    if from > to {
        return Err(format!("slice: it begins at {from}, behind its end at {to}"));
    }
    Ok(match value {
        Some(Value::Text(text)) => Value::text(&text[from..to]),
        Some(Value::Array(items)) => Value::array(items[from..to].to_vec()),
        _ => Value::Null,
    })
}

fn compare(name: &str, args: &[Arg]) -> Result<Value, String> {
    let (first, rest) = args.split_first().ok_or_else(|| format!("{name} needs two arguments"))?;
    let first = first.clone().unwrap_or_default();
    let second = match rest {
        [] => return Err(format!("{name} needs two arguments")),
        [second] => second.clone().unwrap_or_default(),
        _ if name == "eq" => {
            let same = |other: &Arg| equal(&first, &other.clone().unwrap_or_default());
            return Ok(Value::Bool(rest.iter().any(same)));
        }
        _ => return Err(format!("{name} takes two arguments, not {}", args.len())),
    };
    if matches!(name, "eq" | "ne") {
        return Ok(Value::Bool(equal(&first, &second) == (name == "eq")));
    }
    let number = |value: &Value| matches!(value, Value::Int(_) | Value::Float(_));
    let same_kind = (number(&first) && number(&second))
        || matches!(
            (&first, &second),
            (Value::Text(_), Value::Text(_)) | (Value::Time(_), Value::Time(_))
        );
    if !same_kind {
        let (one, other) = (first.type_name(), second.type_name());
        return Err(format!("{name} compares two numbers or two texts, not {one} and {other}"));
    }
    Ok(Value::Bool(match name {
        "lt" => less(&first, &second),
        "le" => !greater(&first, &second),
        "gt" => greater(&first, &second),
        _ => !less(&first, &second),
    }))
}

/// Escaped for HTML.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&#34;",
            '\'' => out += "&#39;",
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Escaped for a text in JavaScript.
fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out += "\\\\",
            '\'' => out += "\\'",
            '"' => out += "\\\"",
            '<' | '>' | '&' | '=' => out += &format!("\\u{:04X}", u32::from(c)),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                out += &format!("\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Escaped for the query of a URL.
fn urlquery(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out += &format!("%{byte:02X}"),
        }
    }
    out
}
