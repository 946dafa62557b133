//! Audit logs of Linux: no text panics or makes more events than it has lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parsers::audit::{Assembler, line, row};
use rows::Time;

fuzz_target!(|text: &str| {
    let mut assembler = Assembler::default();
    let mut events = 0;
    for record in text.lines().filter_map(line) {
        for event in assembler.push(record, Time::EPOCH) {
            let _ = row(&event);
            events += 1;
        }
    }
    for event in assembler.rest() {
        let _ = row(&event);
        events += 1;
    }
    assert!(events <= text.lines().count());
});
