//! The JSON Schema of the files, from the tables that the reader uses.

use serde_json::{Map, Value, json};

use crate::table::{Field, Kind, Table};
use crate::tables::{DOCUMENTS, LOG_SOURCE, SECRET};

/// The JSON Schema of a file's documents, with which editors complete and check them.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let documents: Vec<Value> =
        DOCUMENTS.iter().map(|table| reference(table, &mut definitions)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Definitions of log hunts",
        "description": "One document of a file: its first field says what it defines.",
        "oneOf": documents,
        "$defs": definitions,
    })
}

fn reference(table: &Table, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(table.name) {
        // Before its fields are looked at, so that a table in itself would end.
        definitions.insert(table.name.to_owned(), Value::Null);
        let mut properties = Map::new();
        for field in table.fields {
            properties.insert(field.name.to_owned(), described(field, definitions));
        }
        let required: Vec<&str> =
            table.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        let mut whole = json!({
            "type": "object",
            "description": table.doc,
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            whole["required"] = json!(required);
        }
        if std::ptr::eq(table, &SECRET) {
            whole["minProperties"] = json!(1);
            whole["maxProperties"] = json!(1);
        }
        definitions.insert(table.name.to_owned(), whole);
    }
    json!({ "$ref": format!("#/$defs/{}", table.name) })
}

fn described(field: &Field, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = schema(field.kind, definitions);
    schema["description"] = json!(field.doc);
    schema
}

fn schema(kind: Kind, definitions: &mut Map<String, Value>) -> Value {
    const DURATION: &str = r"^\s*([0-9.]+\s*(ms|s|m|h|d|w))+\s*$";
    const SIZE: &str = r"^\s*[0-9.]+\s*([kKmMgGtT][iI]?)?[bB]?\s*$";
    let scalar = json!({ "type": ["string", "number", "boolean", "null"] });
    let text = || json!({ "type": "string" });
    let duration = || json!({ "type": "string", "pattern": DURATION });
    let words = |words: &[&str]| json!({ "type": "string", "enum": words });
    let under_names = |of: Value| json!({ "type": "object", "additionalProperties": of });
    let list = |of: Value| json!({ "type": "array", "items": of });
    let one_or_list = |of: Value| json!({ "anyOf": [of, { "type": "array", "items": of }] });
    match kind {
        // A plain word may look like a number to YAML: `table: 2026`.
        Kind::Text => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Name => {
            json!({ "type": ["string", "number"], "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$" })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Duration => duration(),
        Kind::Size => json!({ "type": ["string", "number"], "pattern": SIZE }),
        Kind::Moment => text(),
        Kind::Choice(of) => words(of),
        Kind::ChoiceOrDuration(of) => json!({ "anyOf": [words(of), duration()] }),
        Kind::ChoiceOrTable(of, table) => {
            let alone = if of.is_empty() { text() } else { words(of) };
            json!({ "anyOf": [alone, reference(table, definitions)] })
        }
        Kind::Texts => one_or_list(text()),
        Kind::Durations => list(duration()),
        Kind::Table(table) => reference(table, definitions),
        Kind::Tables(table) => list(reference(table, definitions)),
        Kind::MapOfTables(table) => under_names(reference(table, definitions)),
        Kind::MapOfTexts => under_names(text()),
        Kind::MapOfValues => under_names(one_or_list(scalar)),
        Kind::Secret => reference(&SECRET, definitions),
        Kind::MapOfSecrets => under_names(reference(&SECRET, definitions)),
        Kind::MapOfSettings => {
            under_names(json!({ "anyOf": [scalar, reference(&SECRET, definitions)] }))
        }
        Kind::Rows => list(json!({ "type": "object" })),
        Kind::MapOfRows => under_names(list(json!({ "type": "object" }))),
        Kind::LogSource => json!({ "anyOf": [text(), reference(&LOG_SOURCE, definitions)] }),
    }
}
