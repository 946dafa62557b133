//! JSON text to values and rows.

use std::sync::Arc;

use rows::{Dict, OsPath, Text, Value};
use vql_plugin::{
    Catalog, Failure, Function, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::reading;

pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .function(ParseJson)
        .function(ParseJsonArray)
        .plugin(JsonArrayRows)
        .plugin(ParseJsonl)
}

fn read(text: &[u8]) -> Result<Value, Failure> {
    rows_json::from_json(text).map_err(|error| Failure::new(error.to_string()))
}

plugin_args! {
    /// Reads JSON text: an object becomes a dict.
    pub struct ParseJsonArgs for "parse_json" {
        /// The text.
        data: Text,
        /// Taken for compatibility; the text is not checked against a schema.
        schema: Option<Value>,
    }
}

struct ParseJson;

impl Function for ParseJson {
    type Args = ParseJsonArgs;

    fn call(&self, args: ParseJsonArgs, _scope: &Scope) -> Result<Value, Failure> {
        read(&args.data)
    }
}

plugin_args! {
    /// Reads JSON text that holds an array.
    pub struct ParseJsonArrayArgs for "parse_json_array" {
        /// The text.
        data: Text,
        /// Taken for compatibility; the text is not checked against a schema.
        schema: Option<Value>,
    }
}

struct ParseJsonArray;

impl Function for ParseJsonArray {
    type Args = ParseJsonArrayArgs;

    fn call(&self, args: ParseJsonArrayArgs, _scope: &Scope) -> Result<Value, Failure> {
        match read(&args.data)? {
            array @ Value::Array(_) => Ok(array),
            other => Err(not_an_array(&other)),
        }
    }
}

fn not_an_array(found: &Value) -> Failure {
    let what = match found {
        Value::Dict(_) => "an object",
        Value::Text(_) => "a text",
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        _ => "a number",
    };
    Failure::new(format!("the text is JSON but no array, it is {what}"))
}

plugin_args! {
    /// Reads JSON text that holds an array: one row per element.
    pub struct JsonArrayRowsArgs for "parse_json_array" {
        /// The text.
        data: Text,
        /// Taken for compatibility; the text is not checked against a schema.
        schema: Option<Value>,
    }
}

struct JsonArrayRows;

impl Plugin for JsonArrayRows {
    type Args = JsonArrayRowsArgs;

    fn rows(&self, args: JsonArrayRowsArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        match read(&args.data)? {
            Value::Array(values) => {
                Ok(stream::rows((0..values.len()).map(move |index| as_row(values[index].clone()))))
            }
            other => Err(not_an_array(&other)),
        }
    }
}

/// A dict is a row; anything else is the one column of a row.
fn as_row(value: Value) -> Dict {
    match value {
        Value::Dict(row) => row,
        other => Dict::new().with("_value", other),
    }
}

plugin_args! {
    /// Reads a file with one JSON object per line: one row per line.
    ///
    /// A line that is no JSON object is logged and skipped.
    pub struct ParseJsonlArgs for "parse_jsonl" {
        /// The file.
        filename: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
    }
}

struct ParseJsonl;

const LINE_MAX_BYTES: usize = 16 << 20;

impl Plugin for ParseJsonl {
    type Args = ParseJsonlArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseJsonlArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let file = reading::open(scope, &args.accessor, &args.filename)?;
        let lines = reading::Lines::of(file, &args.filename, LINE_MAX_BYTES);
        let log = scope.clone();
        let path = args.filename.to_string();
        let rows = lines.zip(1u64..).filter_map(move |(line, number)| {
            let line = match line {
                Ok(line) => line,
                Err(failure) => return Some(Err(failure)),
            };
            if line.trim_ascii().is_empty() {
                return None;
            }
            match rows_json::row_from_json(&line) {
                Ok(row) => Some(Ok(row)),
                Err(error) => {
                    let text = format!("parse_jsonl: line {number} of `{path}`: {error}");
                    log.log(Level::Default, &text);
                    None
                }
            }
        });
        Ok(stream::fallible("parse_jsonl", scope, rows))
    }
}
