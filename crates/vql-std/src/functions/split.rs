//! The function `split`: splits a text into an array.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Split)
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
