//! Files of evidence that are read whole: the first byte chooses the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parsers::leveldb::{Database, Manifest};
use parsers::{magic, plist};

fuzz_target!(|data: &[u8]| {
    let Some((format, bytes)) = data.split_first() else { return };
    match format % 6 {
        0 => drop(plist::parse(bytes)),
        1 => {
            let mut database = Database::default();
            if database.add_table("table", bytes).is_ok() {
                database.into_entries().for_each(drop);
            }
        }
        2 => {
            let mut database = Database::default();
            if database.add_log("log", bytes).is_ok() {
                database.into_entries().for_each(drop);
            }
        }
        3 => drop(Manifest::parse(bytes)),
        4 => {
            magic::identify(bytes);
            magic::encoding(bytes);
        }
        _ => {
            let split = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            let (rules, head) = bytes.split_at(split);
            if let Ok(rules) = magic::Rules::parse(&String::from_utf8_lossy(rules)) {
                rules.identify(head);
            }
        }
    }
});
