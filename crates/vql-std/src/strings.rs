//! Text as a whole: cutting, joining, case, trimming.

use rows::{Text, Value};
use vql_plugin::{Catalog, Failure, Function, Scope, plugin_args};

pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .function(Split)
        .function(Substr)
        .function(Join)
        .function(Strip)
        .function(Lowcase)
        .function(Upcase)
        .function(Str)
}

plugin_args! {
    /// Splits a text into an array.
    ///
    /// Give one of the two separators: `sep` is a regular expression that minds case,
    /// `sep_string` is plain text.
    pub struct SplitArgs for "split" {
        /// The text to split.
        string: Text,
        /// A regular expression for what stands between the parts.
        sep: Option<Text>,
        /// What stands between the parts.
        sep_string: Option<Text>,
    }
}

struct Split;

impl Function for Split {
    type Args = SplitArgs;

    fn call(&self, args: SplitArgs, scope: &Scope) -> Result<Value, Failure> {
        if let Some(sep) = args.sep_string.filter(|sep| !sep.is_empty()) {
            return Ok(Value::array(split_plain(&args.string, &sep)));
        }
        let sep = args.sep.filter(|sep| !sep.is_empty());
        let sep = sep.ok_or_else(|| Failure::new("one of sep and sep_string must be given"))?;
        let pattern = scope.pattern(&sep, false)?;
        let mut parts = Vec::new();
        let mut start = 0;
        for found in pattern.find_all(&args.string) {
            // A separator that matches nothing splits between characters, not around them.
            if found.is_empty() && (found.start == 0 || found.start == args.string.len()) {
                continue;
            }
            parts.push(Text::from(&args.string[start..found.start]));
            start = found.end;
        }
        parts.push(Text::from(&args.string[start..]));
        Ok(Value::array(parts))
    }
}

fn split_plain(text: &[u8], sep: &[u8]) -> Vec<Text> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at + sep.len() <= text.len() {
        if &text[at..at + sep.len()] == sep {
            parts.push(Text::from(&text[start..at]));
            at += sep.len();
            start = at;
        } else {
            at += 1;
        }
    }
    parts.push(Text::from(&text[start..]));
    parts
}

plugin_args! {
    /// Cuts a piece out of a text, counting characters.
    pub struct SubstrArgs for "substr" {
        /// The text.
        str: Text,
        /// The first character of the piece, from 0.
        start: i64 = 0,
        /// The first character after the piece; the end of the text when left out.
        end: Option<i64>,
    }
}

struct Substr;

impl Function for Substr {
    type Args = SubstrArgs;

    fn call(&self, args: SubstrArgs, _scope: &Scope) -> Result<Value, Failure> {
        let text = args.str.to_str_lossy();
        let index = |at: i64| usize::try_from(at).unwrap_or(0);
        let start = index(args.start);
        let end = args.end.map_or(usize::MAX, index);
        let piece: String = text.chars().take(end).skip(start).collect();
        Ok(Value::text(piece))
    }
}

plugin_args! {
    /// Joins the elements of an array to one text.
    pub struct JoinArgs for "join" {
        /// The elements.
        array: Vec<Text>,
        /// What stands between them.
        sep: String = "",
    }
}

struct Join;

impl Function for Join {
    type Args = JoinArgs;

    fn call(&self, args: JoinArgs, _scope: &Scope) -> Result<Value, Failure> {
        let parts: Vec<&[u8]> = args.array.iter().map(Text::as_bytes).collect();
        Ok(Value::text(parts.join(args.sep.as_bytes())))
    }
}

plugin_args! {
    /// Removes a prefix, a suffix, or the blanks around a text.
    pub struct StripArgs for "strip" {
        /// The text.
        string: Text,
        /// What to remove from the beginning.
        prefix: String = "",
        /// What to remove from the end.
        suffix: String = "",
    }
}

struct Strip;

impl Function for Strip {
    type Args = StripArgs;

    fn call(&self, args: StripArgs, _scope: &Scope) -> Result<Value, Failure> {
        let mut text = args.string.as_bytes();
        if args.prefix.is_empty() && args.suffix.is_empty() {
            return Ok(Value::text(text.trim_ascii()));
        }
        text = text.strip_prefix(args.prefix.as_bytes()).unwrap_or(text);
        text = text.strip_suffix(args.suffix.as_bytes()).unwrap_or(text);
        Ok(Value::text(text))
    }
}

plugin_args! {
    /// A text in small letters.
    pub struct LowcaseArgs for "lowcase" {
        /// The text.
        string: Text,
    }
}

struct Lowcase;

impl Function for Lowcase {
    type Args = LowcaseArgs;

    fn call(&self, args: LowcaseArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(match args.string.as_str() {
            Some(text) => Value::text(text.to_lowercase()),
            None => Value::text(args.string.to_ascii_lowercase()),
        })
    }
}

plugin_args! {
    /// A text in capital letters.
    pub struct UpcaseArgs for "upcase" {
        /// The text.
        string: Text,
    }
}

struct Upcase;

impl Function for Upcase {
    type Args = UpcaseArgs;

    fn call(&self, args: UpcaseArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(match args.string.as_str() {
            Some(text) => Value::text(text.to_uppercase()),
            None => Value::text(args.string.to_ascii_uppercase()),
        })
    }
}

plugin_args! {
    /// The text form of any value.
    pub struct StrArgs for "str" {
        /// The value.
        str: Text,
    }
}

struct Str;

impl Function for Str {
    type Args = StrArgs;

    fn call(&self, args: StrArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::Text(args.str))
    }
}
