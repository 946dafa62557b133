//! The function `grok`: takes a text apart by a Grok pattern such as `%{IPORHOST:ip} %{NUMBER:port:int}`: a dict of

use std::collections::HashMap;
use std::sync::Arc;

use parsers::grok::{self, FieldKind, Written};
use rows::{Dict, Text, Value};
use vql_plugin::{Entry, Failure, Function, Pattern, Scope, plugin_args};

use crate::numbers;

pub(super) fn entry() -> Entry {
    Entry::function(Grok)
}

plugin_args! {
    /// Takes a text apart by a Grok pattern such as `%{IPORHOST:ip} %{NUMBER:port:int}`: a dict of
    /// the fields. NULL when the pattern does not match.
    pub struct GrokArgs for "grok" {
        /// The pattern.
        grok: String,
        /// The text.
        data: Text,
        /// More named patterns.
        patterns: Option<Dict>,
        /// Also give the pieces that the pattern did not name, called after their pattern.
        all_captures: bool = false,
    }
}

struct Grok;

/// A Grok pattern that is ready to be used on many lines.
type Ready = Result<(Written, Arc<Pattern>), String>;

impl Function for Grok {
    type Args = GrokArgs;

    fn call(&self, args: GrokArgs, scope: &Scope) -> Result<Value, Failure> {
        let extra = args.patterns.unwrap_or_default();
        let key = format!("grok\0{}\0{}", args.grok, Value::Dict(extra.clone()));
        let ready: Arc<Ready> = scope.keep(&key, || make(&args.grok, &extra, scope));
        let (written, pattern) =
            ready.as_ref().as_ref().map_err(|error| Failure::new(error.as_str()))?;
        let Some(captures) = pattern.captures(&args.data) else { return Ok(Value::Null) };
        let mut found = Dict::new();
        for field in written.fields.iter().filter(|field| field.named || args.all_captures) {
            let Some(span) = captures.get_group_by_name(&field.group) else { continue };
            let text = &args.data[span.range()];
            // Of several pieces with one name the first that has text counts.
            if found.get(&field.name).is_some_and(Value::truth) {
                continue;
            }
            let value = match field.kind {
                FieldKind::Text => None,
                FieldKind::Int => numbers::parse_int(text).map(Value::Int),
                FieldKind::Float => numbers::parse_float(text).map(Value::Float),
            };
            found.update(field.name.as_str(), value.unwrap_or_else(|| Value::text(text)));
        }
        Ok(Value::Dict(found))
    }
}

fn make(text: &str, extra: &Dict, scope: &Scope) -> Ready {
    let extra: HashMap<String, String> = extra
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_text().to_str_lossy().into_owned()))
        .collect();
    let written = grok::write_out(text, &extra).map_err(|error| error.to_string())?;
    let pattern = scope
        .pattern(&Text::from(written.regex.as_str()), false)
        .map_err(|error| error.to_string())?;
    Ok((written, pattern))
}
