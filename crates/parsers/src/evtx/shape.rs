//! From the rendered XML of an event to the columns that queries expect.

use rows::{Dict, Row, Value};

use super::json::Names;

/// The row of an event: `System`, and `EventData` and `UserData`, of which one is usually NULL.
pub(super) fn row(rendered: Value, names: &mut Names) -> Row {
    let Value::Dict(document) = rendered else { return Row::new() };
    let event = match document.get("Event") {
        Some(Value::Dict(event)) => event.clone(),
        _ => document,
    };
    let mut row = Row::with_capacity(3);
    row.set(names.of("System"), event.get("System").map_or(Value::Null, |all| system(all, names)));
    for name in ["EventData", "UserData"] {
        let value = event.get(name).map_or(Value::Null, |data| match data {
            Value::Null => Value::Dict(Dict::new()),
            other => data_of(other, names),
        });
        row.set(names.of(name), value);
    }
    for (name, value) in event.iter() {
        if !matches!(name.as_str(), "#attributes" | "System" | "EventData" | "UserData") {
            row.set(name.clone(), flat(value, names));
        }
    }
    row
}

fn system(all: &Value, names: &mut Names) -> Value {
    let Value::Dict(all) = all else { return Value::Null };
    let mut system = Dict::with_capacity(all.len());
    for (name, value) in all.iter() {
        let value = match (name.as_str(), flat(value, names)) {
            ("EventID", Value::Dict(id)) => Value::Dict(id),
            ("EventID", id) => Value::Dict(Dict::new().with(names.of("Value"), id)),
            ("TimeCreated", Value::Dict(time)) => Value::Dict(in_seconds(time)),
            (_, Value::Null) => Value::Dict(Dict::new()),
            (_, value) => value,
        };
        system.set(name.clone(), value);
    }
    Value::Dict(system)
}

fn in_seconds(mut time: Dict) -> Dict {
    time.map_values(|name, value| {
        let parsed = match value {
            Value::Text(text) if name.as_str() == "SystemTime" => {
                text.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok())
            }
            _ => None,
        };
        if let Some(moment) = parsed {
            *value = Value::Float(moment.as_nanosecond() as f64 / 1e9);
        }
    });
    time
}

/// Data without names are always an array, also when there is only one.
fn data_of(value: &Value, names: &mut Names) -> Value {
    let Value::Dict(fields) = value else { return flat(value, names) };
    let unnamed = match fields.get("Data") {
        Some(Value::Dict(data)) => data.get("#text"),
        _ => None,
    };
    let mut flat = match flat(value, names) {
        Value::Dict(flat) => flat,
        other => return other,
    };
    if let Some(text) = unnamed
        && !matches!(text, Value::Array(_))
    {
        flat.update(names.of("Data"), Value::from(vec![text.clone()]));
    }
    Value::Dict(flat)
}

/// Attributes beside elements; a text beside attributes is `Value`, a text alone is itself.
fn flat(value: &Value, names: &mut Names) -> Value {
    match value {
        Value::Dict(fields) => {
            if let (1, Some(text)) = (fields.len(), fields.get("#text")) {
                return flat(text, names);
            }
            let mut out = Dict::with_capacity(fields.len());
            for (name, value) in fields.iter() {
                match (name.as_str(), value) {
                    ("#attributes", Value::Dict(attributes)) => {
                        for (name, value) in
                            attributes.iter().filter(|(n, _)| *n.as_str() != *"xmlns")
                        {
                            out.update(name.clone(), value.clone());
                        }
                    }
                    ("#text", text) => out.update(names.of("Value"), flat(text, names)),
                    (_, value) => out.update(name.clone(), flat(value, names)),
                }
            }
            Value::Dict(out)
        }
        Value::Array(values) => {
            Value::from(values.iter().map(|value| flat(value, names)).collect::<Vec<_>>())
        }
        plain => plain.clone(),
    }
}
