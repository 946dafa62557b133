//! Any bytes may stand in a chunk of an event log: nothing panics, and the records that are read have
//! plain values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use parsers::evtx::writer::{Datum, LogWriter, NewEvent};
use parsers::evtx::{CHUNK_BYTES, HEADER_BYTES, check_header, read_chunk, record_ids};

// The first bytes say where a good chunk is damaged, so that the fuzzer need not find out what one
// looks like.
fuzz_target!(|bytes: &[u8]| {
    let _ = check_header(bytes);
    let _ = record_ids(bytes);
    let mut log = LogWriter::default();
    for number in 0..4 {
        let data = [("Number", Datum::Number(number)), ("Text", Datum::Text("some text"))];
        let event = NewEvent {
            provider: "P",
            channel: "C",
            computer: "H",
            event_id: 1,
            level: 4,
            filetime: 133_000_000_000_000_000,
            process_id: 4,
            data: &data,
        };
        log.push(&event).expect("it is small");
    }
    let mut chunk = log.bytes().split_off(HEADER_BYTES);
    for change in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % 4096;
        chunk[at] = change[2];
    }
    let read = read_chunk(chunk);
    assert!(read.problems.len() < 100 && read.events.len() < CHUNK_BYTES);
    assert!(read.events.iter().all(|event| !event.row.values().any(rows::Value::holds_object)));
});
