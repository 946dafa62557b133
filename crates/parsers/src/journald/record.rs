//! An entry as a row.

use std::fmt::Write;

use rows::{Dict, Row, Time, Value};

use super::Entry;

fn moment(micros: u64) -> Time {
    Time::from_unix_nanos(i128::from(micros) * 1_000)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `System` holds when the entry was written and what the journal itself knows (the fields that begin
/// with an underscore), `EventData` what the program said. A field that repeats is an array.
pub fn row(entry: &Entry) -> Row {
    let stamp = &entry.stamp;
    let mut system = Dict::new()
        .with("Timestamp", moment(stamp.realtime))
        .with("Monotonic", stamp.monotonic)
        .with("Seqnum", stamp.number);
    let mut event = Dict::new();
    for field in &entry.fields {
        let place = if field.name.starts_with('_') { &mut system } else { &mut event };
        let value = Value::text(field.value.clone());
        let value = match place.get(&field.name) {
            None => value,
            Some(Value::Array(known)) => {
                Value::from(known.iter().cloned().chain([value]).collect::<Vec<_>>())
            }
            Some(known) => Value::from(vec![known.clone(), value]),
        };
        place.set(field.name.as_str(), value);
    }
    if !system.contains("_BOOT_ID") {
        system.set("_BOOT_ID", hex(&stamp.boot));
    }
    if !entry.notes.is_empty() {
        system.set("Notes", Value::array(entry.notes.iter().cloned()));
    }
    Row::new().with("System", system).with("EventData", event)
}

/// The entry as it is in the file: `Data` is a list of `NAME=value`.
pub fn raw_row(entry: &Entry) -> Row {
    let stamp = &entry.stamp;
    let data = entry.fields.iter().map(|field| {
        let bytes = [field.name.as_bytes(), b"=", &field.value].concat();
        Value::text(bytes)
    });
    Row::new()
        .with("Timestamp", moment(stamp.realtime))
        .with("Monotonic", stamp.monotonic)
        .with("Seqnum", stamp.number)
        .with("BootId", hex(&stamp.boot))
        .with("Offset", stamp.offset)
        .with("Data", Value::from(data.collect::<Vec<_>>()))
        .with("Notes", Value::array(entry.notes.iter().cloned()))
}
