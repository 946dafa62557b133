//! Any value as text in a format: JSON, JSON lines, CSV, YAML, hex, base64.

use base64::Engine;
use rows::{Dict, Name, Value};
use vql_plugin::Failure;

pub(crate) fn write(value: &Value, format: &str) -> Result<Value, Failure> {
    Ok(match format.to_ascii_lowercase().as_str() {
        "" | "json" => Value::text(rows_json::to_json(value)),
        "jsonl" => {
            let lines: Vec<String> = match value {
                Value::Array(values) => values.iter().map(rows_json::to_json).collect(),
                other => vec![rows_json::to_json(other)],
            };
            Value::text(lines.join("\n") + "\n")
        }
        "csv" => Value::text(csv_text(value)?),
        "yaml" => {
            let mut text = String::new();
            yaml(value, 0, &mut text);
            Value::text(text)
        }
        "hex" => Value::text(hex::encode(value.to_text().as_bytes())),
        "base64" => Value::text(
            base64::engine::general_purpose::STANDARD.encode(value.to_text().as_bytes()),
        ),
        other => {
            return Err(Failure::new(format!(
                "the format `{other}` is not known; there are json, jsonl, csv, yaml, hex and base64"
            )));
        }
    })
}

/// Rows as CSV. The columns are those of the first row.
pub(crate) fn csv_text(value: &Value) -> Result<Vec<u8>, Failure> {
    let rows: Vec<Dict> = match value {
        Value::Dict(row) => vec![row.clone()],
        Value::Array(values) => values
            .iter()
            .map(|value| match value {
                Value::Dict(row) => row.clone(),
                other => Dict::new().with("_value", other.clone()),
            })
            .collect(),
        other => vec![Dict::new().with("_value", other.clone())],
    };
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let columns: Vec<Name> = first.keys().cloned().collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|name| name.as_bytes()))?;
    for row in &rows {
        let cells = columns.iter().map(|name| match row.get(name) {
            None | Some(Value::Null) => rows::Text::default(),
            Some(value) => value.to_text(),
        });
        writer.write_record(cells.map(|cell| cell.to_vec()))?;
    }
    writer.into_inner().map_err(|error| Failure::new(error.to_string()))
}

/// Block style; text that YAML could read as something else is quoted as in JSON.
pub(crate) fn yaml(value: &Value, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Dict(dict) if !dict.is_empty() => {
            for (key, value) in dict.iter() {
                out.push_str(&pad);
                out.push_str(&yaml_scalar(&Value::text(key.as_str())));
                out.push(':');
                yaml_nested(value, indent, out);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            for value in values.iter() {
                out.push_str(&pad);
                out.push('-');
                yaml_nested(value, indent, out);
            }
        }
        other => {
            out.push_str(&pad);
            out.push_str(&yaml_scalar(other));
            out.push('\n');
        }
    }
}

pub(crate) fn yaml_nested(value: &Value, indent: usize, out: &mut String) {
    let block = match value {
        Value::Dict(dict) => !dict.is_empty(),
        Value::Array(values) => !values.is_empty(),
        _ => false,
    };
    if block {
        out.push('\n');
        yaml(value, indent + 1, out);
    } else {
        out.push(' ');
        out.push_str(&yaml_scalar(value));
        out.push('\n');
    }
}

pub(crate) fn yaml_scalar(value: &Value) -> String {
    if let Value::Text(text) = value
        && let Some(text) = text.as_str()
    {
        let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./@ -".contains(&b))
            && !text.ends_with(' ')
            && !text.contains(" -")
            && !matches!(
                text.to_ascii_lowercase().as_str(),
                "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
            );
        if plain {
            return text.to_owned();
        }
    }
    rows_json::to_json(value)
}
