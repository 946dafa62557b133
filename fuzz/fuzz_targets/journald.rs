//! Journal files of systemd: no bytes panic, hang or fill the memory.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use parsers::journald::{Journal, Place, raw_row, row};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut journal) = Journal::open(Cursor::new(bytes)) else { return };
    let _ = journal.end();
    let mut place = Place::default();
    while let Some(found) = journal.next(&mut place, |_| true) {
        if let Ok(entry) = found {
            let _ = (row(&entry), raw_row(&entry));
        }
    }
});
